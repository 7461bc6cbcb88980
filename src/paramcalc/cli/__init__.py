"""The command line: one module a command. It reads options and prints; it computes nothing."""
