"""Recipes against what libraries really store: each tensor's name, number format and shape.

Recorded by tools/oracle/record_quantised.py with small models; every row is a call of a library.
The recipe is the one that the `quantization_config` of the row means, applied to the plain model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest

import paramcalc
from paramcalc.catalogue import recipes, tables
from paramcalc.core.recipe import Recipe
from paramcalc.core.weights import Precision, weights_bytes
from tests.oracle.test_quantized_libraries import LIBRARIES, rows

SAFETENSORS = {"fp8_e4m3": "F8_E4M3", "fp8_e5m2": "F8_E5M2", "e8m0": "F8_E8M0", "bf16": "BF16"}
"""What the file calls formats; others by their first letter and their bits."""
SIZES_AS_TEXT = "quant_state.bitsandbytes"
"""A state that is kept as text; doubly quantized it holds a float, as long as its digits."""
LENGTHS = 4

# What the configuration does not tell: library, version of transformers, and parameters.
SETTINGS: dict[tuple[str, str], dict[str, Any]] = {
    # compressed-tensors alone leaves the experts that transformers 5 holds as one parameter. LLM
    # Compressor, which all publish with, takes them apart first.
    ("compressed-tensors", "5"): {"experts": False},
    # On a CPU the library computes in 32 bits.
    ("hqq", "4"): {"floats": "fp32"},
}
# optimum-quanto writes no `quantization_config`.
QUANTO: dict[str, tuple[str, dict[str, Any]]] = {
    "qint8": ("quanto-int8", {}),
    "qint4": ("quanto-int4", {}),
    "qint2": ("quanto-int4", {"bits": 2}),
    "qfloat8": ("quanto-int8", {"values": "fp8_e4m3"}),
    "qfloat8_e5m2": ("quanto-int8", {"values": "fp8_e5m2"}),
}
# Rows that are not as predicted: parts of what is said of them, and why.
DIFFERENT = {
    ("bitsandbytes", "transformers 4", "gpt_oss"): "version 4 keeps its norms in 32 bits",
    ("compressed-tensors 0.10", "Embedding"): "up to 0.10 one scale is for an embedding",
    ("gptqmodel", "mixtral"): "experts are called as in transformers 5, not as published",
    ("torchao", "qwen3", "untie_embedding"): "the head is said to be untied and not written",
    ("transformers 4", "Aqlm"): "version 4 takes names of tensors, and `lm_head` is none",
    ("Mxfp4Config",): "a module's own biases; published files have them in 16 bits",
}


@lru_cache(maxsize=64)
def plain(config: str) -> paramcalc.Model:
    """The model without a word of quantization."""
    tree = json.loads(config)
    for key in ("quantization_config", "quantization"):
        tree.pop(key, None)
    return paramcalc.load(tree)


def version(row: dict[str, Any]) -> str:
    return str(row["versions"]["transformers"])


def precision(row: dict[str, Any]) -> Precision:
    """The recipe that the row's configuration means."""
    config = row["config"] | {"transformers_version": version(row)}
    found: Precision | None = recipes.published(config, tables.number_format)
    settings = SETTINGS.get((row["library"], version(row)[0]), {})
    if row["library"] == "optimum-quanto":
        options = row["options"]
        name, settings = QUANTO[options["weights"]]
        found = tables.precision(name)
        excluded = [options["exclude"]] if "exclude" in options else []
        settings = settings | {"skip": excluded, "inputs": "activations" in options}
    if found is None:
        # Nothing to quantize: the library writes the model as it was.
        assert "quantization_config" not in row["config"]
        return tables.precision("bf16")
    assert isinstance(found, Recipe)
    return found._replace(values={**found.values, **settings})


Tensors = dict[str, tuple[str, tuple[int, ...]]]


def predicted(row: dict[str, Any]) -> Tensors:
    return {
        tensor.name: (stored_type(form.name), tensor.shape)
        for group, form in precision(row).assign(plain(json.dumps(row["config"])))
        for tensor in group.tensors()
    }


def stored_type(name: str) -> str:
    return SAFETENSORS.get(name) or name[0].upper() + name.lstrip("abcdefghijklmnopqrstuvwxyz")


def stored(row: dict[str, Any]) -> Tensors:
    return {
        published_name(row, name): (dtype, tuple(shape)) for name, dtype, shape in row["tensors"]
    }


def published_name(row: dict[str, Any], name: str) -> str:
    """A tensor's name without the modules that transformers 4 puts around a model with eyes."""
    if row["model"] != "gemma3" or version(row)[0] != "4":
        return name
    name = re.sub(r"^model\.(language_model|vision_tower|multi_modal)", r"\1", name)
    name = re.sub(r"^language_model\.(?!model\.|lm_head)", "language_model.model.", name)
    return name.replace("vision_tower.vision_model.", "vision_tower.")


def differences(row: dict[str, Any]) -> list[Any]:
    """Names of which prediction and record differ, with both."""
    found, wanted = predicted(row), stored(row)
    return [
        (name, found.get(name), wanted.get(name))
        for name in sorted(found | wanted)
        if found.get(name) != wanted.get(name)
        and not (has_a_float(row, name) and near(found.get(name), wanted.get(name)))
    ]


def has_a_float(row: dict[str, Any], name: str) -> bool:
    return SIZES_AS_TEXT in name and bool(row["options"].get("bnb_4bit_use_double_quant"))


def near(one: Any, other: Any) -> bool:
    return bool(one and other and abs(one[1][0] - other[1][0]) <= LENGTHS)


def of_library(library: str) -> Iterator[dict[str, Any]]:
    return (row for row in rows() if row["library"] == library and "tensors" in row)


def reason(row: dict[str, Any]) -> str | None:
    """Why a row is not as predicted; None if it is."""
    versions = " ".join(f"{name} {number}" for name, number in row["versions"].items())
    said = f"{row['library']} {versions} {row['model']} {row['options']}"
    return next((why for parts, why in DIFFERENT.items() if all(p in said for p in parts)), None)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_tensor_is_predicted(library: str) -> None:
    wrong = {
        f"{version(row)} {row['model']} {row['options']}": found[:3]
        for row in of_library(library)
        if reason(row) is None and (found := differences(row))
    }
    assert wrong == {}


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_known_differences_are_still_there(library: str) -> None:
    equal = [
        (version(row), row["model"], row["options"])
        for row in of_library(library)
        if reason(row) is not None and not differences(row)
    ]
    assert equal == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_bytes_are_those_of_the_file(library: str) -> None:
    for row in of_library(library):
        if reason(row) is not None:
            continue
        layers = sum(SIZES_AS_TEXT in name for name, _, _ in row["tensors"])
        room = LENGTHS * layers if row["options"].get("bnb_4bit_use_double_quant") else 0
        found = weights_bytes(plain(json.dumps(row["config"])), precision(row))
        assert abs(found - row["bytes"]) <= room, (row["model"], row["options"])


def test_nearly_every_row_is_predicted() -> None:
    known = [row for row in rows() if "tensors" in row and reason(row) is not None]
    assert len(known) <= 20
