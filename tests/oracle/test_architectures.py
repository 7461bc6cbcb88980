"""Architecture files against transformers: name and shape of every stored tensor, and the counts.

The truth is what transformers 5.23.0 builds on torch 2.13.0's meta device, in the layout of the
published checkpoints. Three kinds of rows: default and published configurations; a small base with
one key changed at a time; every class of a family with several keys changed at once. The rows of
every architecture that has a file are compared, by family.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import Any

import pytest

import paramcalc
from paramcalc.catalogue.architectures import architecture_names
from tools.oracle.rows import DATA, Row, known, rows

FAMILIES = [name for name in architecture_names() if name in rows()]
MOST_SHOWN = 10
CAUSES = {"open", "oracle", "published"}

# Made by tools/oracle/record_classes.py.
CLASSES: list[dict[str, Any]] = json.loads(
    gzip.decompress((DATA / "architecture_classes.json.gz").read_bytes())
)["rows"]


@pytest.mark.parametrize("model_type", FAMILIES)
def test_family(model_type: str) -> None:
    """Each row is equal, or differs in exactly what known_differences.yaml says."""
    wrong = list(filter(None, map(complaint, rows()[model_type])))
    if wrong:
        more = [f"… and {len(wrong) - MOST_SHOWN} more"] if len(wrong) > MOST_SHOWN else []
        heading = f"{len(wrong)} of {len(rows()[model_type])} rows:"
        pytest.fail("\n".join([heading, *wrong[:MOST_SHOWN], *more]), pytrace=False)


def complaint(row: Row) -> str | None:
    """What is to be said about a row, if anything."""
    found = row.differences()
    listed = known().get(row.id)
    if set(found) == (set(listed.differs) if listed else set()):
        return None
    if not found:
        return f"{row.id} is equal now: strike it from known_differences.yaml"
    texts = "".join(f"\n    {what}: {text}" for what, text in found.items())
    return f"{row.id}{' differs in other things than listed' if listed else ''}{texts}"


def test_known_differences_are_explained_and_of_rows_that_exist() -> None:
    names = {row.id for family in rows().values() for row in family}

    assert set(known()) <= names
    assert {difference.cause for difference in known().values()} <= CAUSES
    assert all(len(difference.reason) > 8 for difference in known().values())


@pytest.mark.parametrize(
    "row",
    [row for name in FAMILIES for row in rows()[name] if row.expected.get("checkpoint_total")],
    ids=lambda row: row.id,
)
def test_what_published_files_hold_beyond_what_is_built(row: Row) -> None:
    total = paramcalc.load(dict(row.configuration)).parameters.total

    assert total == row.expected["checkpoint_total"]


def name_of_class(row: dict[str, Any]) -> str:
    return str(row["config"]["architectures"][0])


@pytest.mark.parametrize("row", CLASSES, ids=name_of_class)
def test_every_class_with_several_keys_changed(row: dict[str, Any]) -> None:
    model = paramcalc.load(row["config"])

    assert {tensor.name: list(tensor.shape) for tensor in model.tensors()} == dict(row["tensors"])
    counts = model.parameters
    assert (counts.total, counts.active, counts.buffers) == (
        row["total"],
        row["active"],
        row["buffers"],
    )


@pytest.mark.parametrize("row", [row for row in CLASSES if row["windows"]], ids=name_of_class)
def test_windows_of_layers(row: dict[str, Any]) -> None:
    limits: Counter[int | None] = Counter()
    for cache in paramcalc.load(row["config"]).caches:
        limits[cache.limit] += cache.count

    assert limits == Counter(row["windows"])
