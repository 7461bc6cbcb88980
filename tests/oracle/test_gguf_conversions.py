"""Names, shapes and types in GGUF files, against llama.cpp's own converter and quantizer.

Recorded with tools/oracle/record_gguf_conversions.py from tensors of the published names and
shapes without data; the first line of the data has the versions. The quantizer's types are those
of `llama_model_quantize` with `dry_run`, of the same version.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from paramcalc.catalogue import conversions, tables
from paramcalc.core.conversion import convert
from paramcalc.core.model import Model
from paramcalc.sources.load import load

DATA = Path(__file__).parents[1] / "data" / "gguf_conversions.jsonl.gz"
VERSIONS, *CASES = [json.loads(line) for line in gzip.decompress(DATA.read_bytes()).splitlines()]
TYPES: dict[str, dict[str, list[list[str]]]] = json.loads(
    gzip.decompress((DATA.parent / "gguf_types.json.gz").read_bytes())
)
GGML_NAMES = {"fp32": "F32", "fp16": "F16"}
FACTS = ("heads", "kv_heads", "experts")


def name_of(case: dict[str, Any]) -> str:
    return f"{case['case']}{'-mtp' if case['mtp'] else ''}"


def model(case: dict[str, Any]) -> Model:
    return load(case["config"], mtp=case["mtp"])


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_names_shapes_and_types(case: dict[str, Any]) -> None:
    found = {
        tensor.name: (plain(tensor.shape), GGML_NAMES.get(form.name, form.name))
        for group, form in tables.precision("F16").assign(model(case))
        for tensor in group.tensors()
    }

    assert found == dict(written(case))


@pytest.mark.parametrize("case", [case for case in CASES if case["facts"]], ids=name_of)
def test_what_the_metadata_say(case: dict[str, Any]) -> None:
    one = model(case)
    conversion = conversions.conversion(one.architecture)
    facts = convert(one, conversion).facts

    assert conversion.is_declared
    assert facts["architecture"] == case["architecture"]
    assert {key: facts[key] for key in FACTS} == {key: case["facts"][key] for key in FACTS}


@pytest.mark.parametrize("case", [c for c in CASES if name_of(c) in TYPES], ids=name_of)
def test_the_types_that_the_quantizer_chooses(case: dict[str, Any]) -> None:
    """Dry runs over the files of the converter; tensors that are not listed are F32."""
    for run, rows in TYPES[name_of(case)].items():
        name, imatrix = run.split()
        recipe = tables.precision(f"{name}-imatrix" if int(imatrix) else name)
        found = {
            tensor.name: GGML_NAMES.get(form.name, form.name).upper()
            for group, form in recipe.assign(model(case))
            for tensor in group.tensors()
        }

        assert {n: kind for n, kind in found.items() if kind != "F32"} == dict(chosen(rows)), run


def chosen(rows: list[list[str]]) -> Iterator[tuple[str, str]]:
    for template, layers, kind in rows:
        for piece in layers.split() or ["0"]:
            low, _, high = piece.partition("-")
            for layer in range(int(low), int(high or low) + 1):
                yield template.replace("{}", str(layer)), kind


def test_every_declared_architecture_names_its_source() -> None:
    for name in conversions.CONVERSIONS.names():
        entry = conversions.CONVERSIONS.find(name)

        assert entry is not None
        assert entry.card["source"]


def written(case: dict[str, Any]) -> Iterator[tuple[str, tuple[tuple[int, ...], str]]]:
    for template, layers, shape, kind in case["tensors"]:
        for layer in layers or [0]:
            yield template.replace("{}", str(layer)), (plain(shape), kind)


def plain(shape: Sequence[int]) -> tuple[int, ...]:
    """Without leading sizes of one, which a file may leave out."""
    sizes = tuple(map(int, shape))
    while len(sizes) > 1 and sizes[0] == 1:
        sizes = sizes[1:]
    return sizes
