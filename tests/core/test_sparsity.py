"""Pruned weights against what compressed-tensors stores of tiny models (``tools/oracle``)."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import paramcalc
from paramcalc import ParamcalcError
from paramcalc.api import sparse
from paramcalc.catalogue import tables
from paramcalc.catalogue.sparsity import with_sparse

DATA = Path(__file__).parents[1] / "data" / "sparsity.jsonl.gz"
with gzip.open(DATA, "rt", encoding="utf-8") as _file:
    HEAD, *ROWS = map(json.loads, _file)
Row = dict[str, Any]
DTYPES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}
TYPES = {
    "BF16": "bf16", "F16": "fp16", "F32": "fp32", "U8": "uint8", "I64": "int64", "I32": "int32",
    "I16": "int16", "F8_E4M3": "fp8_e4m3",
}  # fmt: skip


def label(row: Row) -> str:
    return f"{row['name']}-{'-'.join(map(str, row['case'].values()))}"


def recipe(case: Row) -> str:
    """The name of what a case is stored in."""
    if weights := case.get("weights"):
        return f"marlin-24-{weights['num_bits']}bit-g{weights.get('group_size', 0)}"
    if "preset" in case:
        return "sparse-24-fp8"
    start = f"pruned-{case['prune']}" if "prune" in case else "sparse-2:4"
    return f"{start}-{DTYPES[case['dtype']]}"


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_tensors_and_bytes_are_those_of_the_library(row: Row) -> None:
    model = paramcalc.load(row["configuration"])
    precision = tables.precision(recipe(row["case"]))
    found = sorted(
        (tensor.name, form.name, list(tensor.shape))
        for group, form in precision.assign(model)
        for tensor in group.tensors()
    )
    expected = [(name, TYPES[dtype], shape) for name, dtype, shape in row["tensors"]]
    aliases = {"uint8": "int8"}
    plain = [(name, aliases.get(form, form), shape) for name, form, shape in found]
    assert plain == [(name, aliases.get(form, form), shape) for name, form, shape in expected]
    memory = paramcalc.memory(row["configuration"], precision.name)
    assert memory.weights_bytes == row["bytes"]


@pytest.mark.parametrize("row", [row for row in ROWS if "prune" in row["case"]], ids=label)
def test_an_option_leads_to_the_same(row: Row) -> None:
    case = row["case"]
    found = paramcalc.memory(row["configuration"], DTYPES[case["dtype"]], prune=case["prune"])
    assert found.weights_bytes == row["bytes"]


def test_the_recording_is_wide() -> None:
    assert HEAD["versions"]["compressed-tensors"] == "0.10.2"
    assert len(ROWS) >= 40


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({"sparsity_config": {"format": "sparse-24-bitmask"}}, "sparse-24-bf16"),
        ({"sparsity_config": {"format": "sparse-24-bitmask"}, "format": "dense"}, "sparse-24-bf16"),
        (
            {"sparsity_config": {"format": "sparse-bitmask", "global_sparsity": 0.5}},
            "pruned-0.5-bf16",
        ),
        (
            {
                "format": "marlin-24",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "strategy": "channel"}}},
            },
            "marlin-24-8bit-g0",
        ),
    ],
)
def test_a_published_configuration_says_the_same(configuration: Row, expected: str) -> None:
    from paramcalc.api import published

    section = {"quant_method": "compressed-tensors", **configuration}
    even = next(row["configuration"] for row in ROWS if row["name"] == "wide")
    model = paramcalc.load({**even, "quantization_config": section})
    found = published(model)
    assert found is not None
    assert found.name == expected


def test_what_no_format_stores_takes_what_it_took() -> None:
    model = paramcalc.load("llama-3.1-8b")
    for name in ("Q4_K_M", "gptq-4bit-g32", "int4", "w8a8"):
        dense = paramcalc.memory(model, name)
        assert paramcalc.memory(model, name, prune="30%") == dense
    assert paramcalc.memory(model, "w4a16", sparsity="2:4").precision == "marlin-24-4bit-g128"


def test_nothing_but_the_weights_changes() -> None:
    model = paramcalc.load("llama-3.1-8b")
    dense, pruned = paramcalc.memory(model), paramcalc.memory(model, sparsity="2:4")
    assert pruned.weights_bytes < dense.weights_bytes
    assert pruned.kv_cache_bytes == dense.kv_cache_bytes
    assert pruned.overhead_bytes == dense.overhead_bytes


def test_every_counterpart_can_be_had() -> None:
    for pattern, share in (("2:4", None), (None, 0.3)):
        found = sparse(pattern, share)
        assert found is not None
        for name in found.stored:
            both = with_sparse([tables.precision(name)], found)
            assert [one.name for one in both] == [name, found.counterpart(name)]


@pytest.mark.parametrize("share", [0.3, "0.3", "30%", "30.0%", " 0.300", ".3"])
def test_a_share_is_written_in_several_ways(share: Any) -> None:
    assert paramcalc.memory("gpt2", prune=share).precision == "pruned-0.3-bf16"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sparsity": "4:8"}, "no format stores 4:8"),
        ({"sparsity": "2"}, "no pattern of zeros"),
        ({"sparsity": 24}, "no pattern of zeros"),
        ({"sparsity": "2:4", "prune": 0.5}, "not by both"),
        *(({"prune": share}, "lies between 0 and 1") for share in (0, 1, "0%", "0.0", 5, "100%")),
        *(({"prune": share}, "is no share") for share in (-0.5, "", ".", "x", 1e30)),
        ({"prune": float("nan")}, "is no share"),
        ({"prune": True}, "a share is a number"),
        ({"prune": 0.33333}, "3 digits after the point"),
        ({"precision": "pruned-1.5"}, "`share` lies between 0 and 1"),
        ({"precision": "pruned-0"}, "`share` lies between 0 and 1"),
        ({"precision": "pruned-half"}, "what is `half`?"),
        ({"precision": "sparse-24-q4"}, "it takes bf16, fp16, fp32"),
        ({"precision": "marlin-24-3bit"}, "`bits` is one of 4, 8"),
    ],
)
def test_bad_options(options: Row, message: str) -> None:
    with pytest.raises(ParamcalcError, match=message.replace("?", r"\?")):
        paramcalc.memory("gpt2", **options)
