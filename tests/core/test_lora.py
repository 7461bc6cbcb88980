"""Adapters against those that peft made and saved for tiny models (``tools/oracle``)."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

import paramcalc
from paramcalc.core.breakdown import by_kind, by_layer

DATA = Path(__file__).parents[1] / "data" / "lora.jsonl.gz"
with gzip.open(DATA, "rt", encoding="utf-8") as _file:
    HEAD, *ROWS = map(json.loads, _file)
SAVED = [row for row in ROWS if "refused" not in row]
REFUSED = [row for row in ROWS if "refused" in row]
RENAMED = {"vit"}
"""transformers 5 calls the modules otherwise than published checkpoints do."""
ANSWERED = {"No `target_modules` passed but also no `target_parameters` found"}
"""peft has a choice of its own for these, and then loses it."""
Row = dict[str, Any]


def label(row: Row) -> str:
    options = {key: value for key, value in row["options"].items() if key != "r"}
    return f"{row['name']}-{row['options']['r']}-{'-'.join(map(str, options.values()))}"


def targets(options: Row) -> list[str]:
    """peft's options as ours: of regular expressions only alternatives stand in the rows."""
    given = options.get("target_modules") or []
    if given == r".*\.mlp\.(up|down)_proj":
        given = ["*.mlp.up_proj", "*.mlp.down_proj"]
    named = [given] if isinstance(given, str) else given
    return [*named, *options.get("target_parameters", [])]


def made(row: Row) -> paramcalc.Adapter:
    options = row["options"]
    return paramcalc.lora(
        row["configuration"],
        options["r"],
        targets(options),
        dora=options.get("use_dora", False),
        save=options.get("modules_to_save", ()),
    )


@pytest.mark.parametrize("row", SAVED, ids=label)
def test_an_adapter_is_what_peft_saves(row: Row) -> None:
    adapter = made(row)
    found = [(tensor.name, list(tensor.shape)) for tensor in sorted(adapter.model.tensors())]
    if row["name"] in RENAMED:
        assert sorted(shape for _, shape in found) == sorted(shape for _, shape in row["tensors"])
    else:
        assert found == [(name, shape) for name, shape in row["tensors"]]
        sizes = {name: adapter.file_bytes(name) for name in row["file_bytes"]}
        assert sizes == row["file_bytes"]
    assert adapter.parameters == row["trainable"]
    assert adapter.all_parameters == row["all"]
    assert adapter.tensors == len(row["tensors"])


@pytest.mark.parametrize("row", REFUSED, ids=label)
def test_what_peft_refuses_is_refused(row: Row) -> None:
    message = row["refused"].partition(": ")[2]
    if any(message.startswith(text) for text in ANSWERED) and row["name"] == "mixtral":
        assert made(row).targets == ("q_proj", "v_proj")
        return
    with pytest.raises(paramcalc.ParamcalcError):
        made(row)


def test_the_recording_is_wide() -> None:
    assert HEAD["versions"]["peft"].startswith("0.21")
    assert len({row["name"] for row in SAVED}) >= 25
    assert len(SAVED) >= 100


def test_use_rslora_changes_nothing_that_is_stored() -> None:
    by_options = {json.dumps([row["name"], row["options"]]): row for row in SAVED}
    scaled = by_options[
        json.dumps(["llama", {"r": 8, "target_modules": ["q_proj"], "use_rslora": True}])
    ]
    assert made(scaled).file_bytes("fp32") == scaled["file_bytes"]["fp32"]


def test_the_folds_of_a_model_are_those_of_an_adapter() -> None:
    adapter = paramcalc.lora("llama-3.1-8b", 16, "all-linear")
    assert sum(line.numel for line in by_kind(adapter.model)) == adapter.parameters
    assert sum(line.numel for line in by_layer(adapter.model)) == adapter.parameters
    assert all(tensor.role == "parameter" for tensor in adapter.model.tensors())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rank": 0}, "rank must be a whole number"),
        ({"rank": True}, "rank must be a whole number"),
        ({"rank": 10**9}, "rank must be a whole number"),
        ({"targets": ["vproj"]}, "did you mean `v_proj`"),
        ({"targets": ["*" * 20]}, "no pattern of names"),
        ({"targets": ["norm"]}, "is of kind RMSNorm"),
        ({"save": ["no_such"]}, "no module named `no_such`"),
    ],
)
def test_bad_options(arguments: Row, message: str) -> None:
    with pytest.raises(paramcalc.ParamcalcError, match=re.escape(message)):
        paramcalc.lora("llama-3.1-8b", **arguments)


def test_a_size_alone_has_no_modules() -> None:
    with pytest.raises(paramcalc.ParamcalcError, match="an adapter needs a model with layers"):
        paramcalc.lora("7b")
