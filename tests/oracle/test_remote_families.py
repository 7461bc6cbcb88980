"""Families that live outside transformers, against counts and names of their published files."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

import paramcalc

DATA = Path(__file__).parents[1] / "data"
ROWS: list[dict[str, Any]] = yaml.safe_load((DATA / "remote_families.yaml").read_text())
NAMED = [row for row in ROWS if "tensors" in row]


def name_of(row: dict[str, Any]) -> str:
    return str(row["name"])


def load(row: dict[str, Any]) -> paramcalc.Model:
    return paramcalc.load(row["config"], mtp=row.get("mtp", False))


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_published_count(row: dict[str, Any]) -> None:
    model = load(row)
    counts = model.parameters
    again = sum(tie.numel for tie in model.ties) if row.get("ties_stored") else 0

    assert counts.total == row["parameters"]
    assert counts.stored + again == row.get("stored", row["parameters"])


@pytest.mark.parametrize("row", NAMED, ids=name_of)
def test_names_in_the_published_file(row: dict[str, Any]) -> None:
    names = Counter(re.sub(r"\.\d+(?=\.)", ".{}", tensor.name) for tensor in load(row).tensors())

    assert dict(names) == row["tensors"]
