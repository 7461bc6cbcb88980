"""Architecture files against transformers: name and shape of every stored tensor, and the counts.

The truth is what transformers 5.23.0 builds on torch 2.13.0's meta device, in the layout of the
published checkpoints. Three kinds of rows: default and published configurations; a small base with
one key changed at a time; every class of a family with several keys changed at once.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import paramcalc

Row = dict[str, Any]
DATA = Path(__file__).parents[1] / "data"

# Made by tools/oracle/select_architectures.py and tools/oracle/record_classes.py, which say what
# the fields are.
_LINES = gzip.decompress((DATA / "architectures.jsonl.gz").read_bytes()).splitlines()
_ROWS: list[Row] = [json.loads(line) for line in _LINES]
MODELS = [row for row in _ROWS if row["kind"] == "model"]
VARIANTS = [
    pytest.param(family[base], *variant, id="-".join(map(str, [family["id"], base, *variant[:2]])))
    for family in _ROWS
    if family["kind"] == "family"
    for base in ("given", "full")
    for variant in family["variants"]
    # transformers 5 ties T5's head whatever the configuration says; see `stored`.
    if (family["id"], variant[0]) != ("t5", "tie_word_embeddings")
]
CLASSES: list[Row] = json.loads(
    gzip.decompress((DATA / "architecture_classes.json.gz").read_bytes())
)["rows"]


def name_of_class(row: Row) -> str:
    return str(row["config"]["architectures"][0])


@pytest.mark.parametrize("row", MODELS, ids=[row["id"] for row in MODELS])
def test_default_and_published_models(row: Row) -> None:
    model = paramcalc.load(row["config"])

    assert {tensor.name: tensor.shape for tensor in model.tensors()} == stored(row)
    counts = model.parameters
    assert counts.total == row["checkpoint_total"]
    assert counts.embedding == row["embedding"]
    assert counts.buffers == row["buffers"]
    assert counts.active == row["active"] + row["checkpoint_total"] - row["total"]


def stored(row: Row) -> dict[str, tuple[int, ...]]:
    """The tensors of a row by name."""
    tensors = dict(expand(row["tensors"]))
    if row["checkpoint_total"] != row["total"]:
        # The published files of T5 v1.1 and Flan-T5 hold a head of their own, as their
        # `tie_word_embeddings: false` says; transformers 5 ignores the key and ties it.
        tensors["lm_head.weight"] = tensors["shared.weight"]
    return tensors


def expand(manifest: list[Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of ``[pattern, shape, boxes]``: a box has the ranges of each ``{}``."""
    for pattern, shape, boxes in manifest:
        for box in boxes:
            for numbers in product(*map(numbers_of, box)):
                yield pattern.format(*numbers), tuple(shape)


def numbers_of(text: str) -> Iterator[int]:
    """``0-3,7,10-20/5`` is 0 1 2 3 7 10 15 20."""
    for part in text.split(","):
        ends, _, step = part.partition("/")
        first, _, last = ends.partition("-")
        yield from range(int(first), int(last or first) + 1, int(step or 1))


@pytest.mark.parametrize(("base", "key", "value", "total", "tied_twice"), VARIANTS)
def test_one_key_changed(
    base: Row, key: str | None, value: object, total: int, tied_twice: int
) -> None:
    model = paramcalc.load(base | ({key: value} if key else {}))

    assert model.parameters.total == total
    assert total + sum(tie.numel for tie in model.ties) == tied_twice


@pytest.mark.parametrize("row", CLASSES, ids=name_of_class)
def test_every_class_with_several_keys_changed(row: Row) -> None:
    model = paramcalc.load(row["config"])

    assert {tensor.name: list(tensor.shape) for tensor in model.tensors()} == dict(row["tensors"])
    counts = model.parameters
    assert (counts.total, counts.active, counts.buffers) == (
        row["total"],
        row["active"],
        row["buffers"],
    )


@pytest.mark.parametrize("row", [row for row in CLASSES if row["windows"]], ids=name_of_class)
def test_windows_of_layers(row: Row) -> None:
    limits: Counter[int | None] = Counter()
    for cache in paramcalc.load(row["config"]).caches:
        limits[cache.limit] += cache.count

    assert limits == Counter(row["windows"])
