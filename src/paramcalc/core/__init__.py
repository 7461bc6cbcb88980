"""Counting and memory, with the standard library alone: no YAML, no tables, no I/O."""
