"""The recorded rows that test data/architectures, and those that are known to differ.

Tests compare every row with paramcalc and insist that tests/data/known_differences.yaml lists
exactly those that differ, so a table may be made of these two files without counting anything.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tools.oracle.comparison import differences, expanded

DATA = Path(__file__).parents[2] / "tests" / "data"
SETS = ("default", "published", "changed")
OPEN, ORACLE, PUBLISHED = "open", "oracle", "published"


class Row(NamedTuple):
    """A configuration and what transformers builds of it."""

    id: str
    model_type: str
    set: str
    """One of `SETS`."""
    configuration: Mapping[str, Any]
    expected: Mapping[str, Any]

    def differences(self) -> dict[str, str]:
        """What paramcalc counts otherwise."""
        expected = dict(self.expected)
        if "tensors" in expected:
            expected["tensors"] = expanded(expected["tensors"])
        return differences(self.configuration, expected)


class Known(NamedTuple):
    """A row that is known to differ."""

    differs: frozenset[str]
    cause: str
    """`open`: the file is not right yet. `oracle`: the recorded figure is not what is built.
    `published`: published files hold something else than transformers builds."""
    reason: str


@lru_cache(maxsize=1)
def recorded() -> tuple[dict[str, Any], ...]:
    """The lines of the recorded file, see select_architectures.py."""
    lines = gzip.decompress((DATA / "architectures.jsonl.gz").read_bytes()).splitlines()
    return tuple(map(json.loads, lines))


def types_of_mappings() -> dict[str, list[str]]:
    """Model types by the automatic class that builds their defaults."""
    found: dict[str, list[str]] = recorded()[0]["types"]
    return found


@lru_cache(maxsize=1)
def rows() -> dict[str, list[Row]]:
    """All rows by model type."""
    found: dict[str, list[Row]] = {}
    for line in recorded()[1:]:
        made = (model(line),) if line["kind"] == "model" else variants(line)
        found.setdefault(line["type"], []).extend(made)
    return found


def model(line: Mapping[str, Any]) -> Row:
    """A default or published model."""
    return Row(line["id"], line["type"], line["set"], line["config"], line)


def variants(line: Mapping[str, Any]) -> Iterator[Row]:
    """Every one-key change of a family, for both ways to write its base."""
    for base in ("given", "full"):
        for key, value, total, tied_twice in line["variants"]:
            change = {} if key is None else {key: value}
            name = f"{line['type']} {base}" + "".join(f" {k}={v}" for k, v in change.items())
            expected = {"total": total, "tied_twice": tied_twice}
            yield Row(name, line["type"], "changed", line[base] | change, expected)


@lru_cache(maxsize=1)
def known() -> dict[str, Known]:
    """The rows that are known to differ, by their names."""
    entries = yaml.safe_load((DATA / "known_differences.yaml").read_text(encoding="utf-8")) or []
    found: dict[str, Known] = {}
    for entry in entries:
        for name in entry["rows"]:
            if name in found:
                raise ValueError(f"{name} is listed twice")
            found[name] = Known(frozenset(entry["differs"]), entry["cause"], entry["reason"])
    return found
