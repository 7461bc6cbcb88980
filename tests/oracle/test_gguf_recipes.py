"""Sizes of files and types of tensors, against dry runs of llama.cpp's quantizer.

Recorded with llama.cpp 0c1e57098 (August 2026) from files with the real metadata and tensors
without data. Not listed among the types are tensors in F32.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import paramcalc
from paramcalc.catalogue import tables
from paramcalc.core.file_size import file_bytes
from paramcalc.core.recipe import Recipe
from paramcalc.core.weights import weights_bytes
from paramcalc.sources.load import load

DATA = Path(__file__).parents[1] / "data"
CASES: dict[str, dict[str, Any]] = json.loads(
    gzip.decompress((DATA / "gguf_recipes.json.gz").read_bytes())
)
GGML_NAMES = {"fp32": "F32", "fp16": "F16"}


@cache
def model(name: str) -> paramcalc.Model:
    return load(CASES[name]["model"])


def recipe(name: str, imatrix: int) -> Recipe:
    found = tables.precision(name)
    assert isinstance(found, Recipe)
    return found._replace(values={**found.values, "imatrix": bool(imatrix)})


@pytest.mark.parametrize("name", CASES)
def test_bytes_of_every_file_type(name: str) -> None:
    for quant, imatrix, tensor_bytes, _ in CASES[name]["sizes"]:
        found = weights_bytes(model(name), recipe(quant, imatrix))

        assert found == tensor_bytes, (quant, imatrix)


@pytest.mark.parametrize("name", ["llama-3.2-1b", "qwen2.5-0.5b", "gpt-oss-20b", "mamba-2.8b"])
def test_bytes_of_the_data_in_a_file(name: str) -> None:
    for quant, imatrix, _, data_bytes in CASES[name]["sizes"]:
        found = file_bytes(model(name), recipe(quant, imatrix))

        assert found is not None
        assert found.data == data_bytes, (quant, imatrix)


# What files hold before their data: as published, without the sizes of the tensors.
@pytest.mark.parametrize(
    ("name", "published"),
    [("llama-2-7b", 740_000), ("llama-3.1-8b", 7_830_000), ("gpt-oss-20b", 13_000_000)],
)
def test_the_header_of_a_file_is_estimated(name: str, published: int) -> None:
    found = file_bytes(model(name), recipe("Q4_K_M", 0))

    assert found is not None
    low, mid, high = found.header
    assert low <= published <= high
    assert low < mid < high
    assert found.total == found.data + mid


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name]["types"]])
def test_type_of_every_tensor(name: str) -> None:
    for quant, rows in CASES[name]["types"].items():
        file_type, imatrix = quant.split()
        found = {
            tensor.name: (list(tensor.shape), GGML_NAMES.get(form.name, form.name.upper()))
            for group, form in recipe(file_type, int(imatrix)).assign(model(name))
            for tensor in group.tensors()
        }
        wanted = dict(listed(rows))
        others = {kind for tensor, (_, kind) in found.items() if tensor not in wanted}

        assert {tensor: found.get(tensor) for tensor in wanted} == wanted, quant
        assert others <= {"F32"}, quant


def listed(rows: list[Any]) -> Iterator[tuple[str, tuple[list[int], str]]]:
    """Each tensor of rows that list layers as ranges."""
    for name, layers, shape, kind in rows:
        for layer in numbers(layers):
            yield (f"blk.{layer}.{name}" if layers else name), (shape, kind.upper())


def numbers(text: str) -> list[int]:
    """The numbers of ``0-3 7``; one that stands for none if there are none."""
    found: list[int] = []
    for piece in text.split():
        low, _, high = piece.partition("-")
        found += range(int(low), int(high or low) + 1)
    return found or [0]
