"""A `quantization_config` says anything: a clear error, or a model that is counted; never a bug."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import paramcalc
from paramcalc import ParamcalcError, api
from tests.cli.runner import run

LLAMA = {
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1024,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
SECONDS = 10.0


def rows(section: Any) -> list[str]:
    """Names of the precisions that are shown without being asked for."""
    model = paramcalc.load({**LLAMA, "quantization_config": section})
    return [one.name for one in api.precisions(model, None)]


@pytest.mark.parametrize(
    ("section", "error"),
    [
        ({"quant_method": "gptq", "bits": "4"}, "`bits` must be a whole number, found '4'"),
        ({"quant_method": "gptq", "bits": True}, "`bits` must be a whole number, found True"),
        ({"quant_method": "gptq", "bits": 4.5}, "`bits` must be a whole number, found 4.5"),
        ({"quant_method": "gptq", "bits": -4}, "`bits` must lie between 2 and 8, found -4"),
        ({"quant_method": "gptq", "bits": 10**30}, "`bits` must lie between 2 and 8, found 1000"),
        ({"quant_method": "gptq", "group_size": [1]}, r"`group` must be a whole number"),
        ({"quant_method": "gptq", "group_size": 10**9}, "`group` must lie between -2 and"),
        (
            {"quant_method": "gptq", "dynamic": {"model.layers.0": {"bits": "8"}}},
            "`bits` must be a whole number, found '8'",
        ),
        ({"quant_method": "fp8", "weight_block_size": "128"}, "`rows` must be a whole number"),
        ({"quant_method": "exl3", "bits": 0.0}, "`bits` must lie between"),
    ],
)
def test_a_wrong_value(section: dict[str, Any], error: str) -> None:
    with pytest.raises(ParamcalcError, match=error.replace("[", r"\[")) as caught:
        rows(section)
    assert "--> quantization_config" in str(caught.value)


@pytest.mark.parametrize("section", [{"quant_method": "foo"}, {}, {"quant_method": ["gptq"]}])
def test_a_method_that_nobody_knows(section: dict[str, Any]) -> None:
    """The rows are there, and the answer says that the model's own files are none of them."""
    config = json.dumps({**LLAMA, "quantization_config": section})
    for command in ("memory -", "fit - --gpu 24gb"):
        result = run(command.split(), text=config)
        assert result.code == 0
        assert "quantization_config" in result.stdout
    known = json.dumps({**LLAMA, "quantization_config": {"quant_method": "gptq", "bits": 4}})
    assert "quantization_config" not in run(["memory", "-"], text=known).stdout


@pytest.mark.parametrize("names", [[1, None, {}, "lm_head"], "lm_head", 7, None])
def test_modules_that_are_no_names(names: Any) -> None:
    section = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    found = rows({**section, "modules_to_not_convert": names})
    assert found[0] == "fp8-block128"


def test_a_group_of_a_whole_row() -> None:
    # GPTQModel, QuantizeConfig: group_size -1 is one group for all inputs of a matrix.
    section = {"quant_method": "gptq", "bits": 4, "group_size": -1}
    assert rows(section)[0] == "gptq-4bit-g-1"
    named = paramcalc.memory(LLAMA, precision="gptq-4bit-g-1")
    assert named.weights_bytes == paramcalc.memory(
        LLAMA, precision="gptq-4bit-g256"
    ).weights_bytes - (
        # the matrix with 512 inputs has one group in place of two: a scale and eight zeros of
        # four bits in each word
        2 * (256 * 2 + 256 // 8 * 4)
    )


@pytest.mark.parametrize("name", ["Q4_K_M", "Q8_0"])
def test_layers_that_nobody_can_look_at(name: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ParamcalcError, match="looks at each layer, and 1,000,000,000 are more"):
        paramcalc.memory({**LLAMA, "num_hidden_layers": 10**9}, precision=name)
    assert time.perf_counter() - start < SECONDS


def test_experts_without_a_rule_are_not_looked_up_one_by_one() -> None:
    """384 experts in each of 60 layers, none of which the converter's rules name."""
    start = time.perf_counter()
    paramcalc.memory("kimi-k2.5", precision="Q4_K_M")
    assert time.perf_counter() - start < SECONDS / 5


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("exl3-0.0bpw", "`bits` lies between"),
        ("exl3-99bpw", "`bits` lies between"),
        ("exl2-0bpw", "`bits` lies between"),
        ("gptq-4bit-g-7", "`group` lies between"),
        ("higgs-4bit-g0", "`group` lies between"),
    ],
)
def test_a_parameter_that_nobody_means(name: str, error: str) -> None:
    with pytest.raises(ParamcalcError, match=error):
        paramcalc.memory(LLAMA, precision=name)


def test_a_scale_for_each_row() -> None:
    # compressed-tensors 0.10.2, QuantizationArgs: group_size -1 is the strategy "channel".
    rows_of_matrices = 2 * (256 + 128 + 128 + 256 + 512 + 512 + 256)
    weights = 2 * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 256 * 512) // 2
    shapes = 2 * 7 * 2 * 8
    kept = 2 * (2 * 1024 * 256 + 5 * 256)
    found = paramcalc.memory(LLAMA, precision="w4a16-g-1").weights_bytes
    assert found == weights + 2 * rows_of_matrices + shapes + kept


def test_a_pattern_of_a_mix_that_is_for_no_tensor(tmp_path: Path) -> None:
    text = '"*.mpl.*": q8_0\n"*.mlp.*": q4_k\n"*": bf16\n'
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    found = run(["memory", "-", "-p", "mine.yaml"], text=json.dumps(LLAMA), folder=tmp_path)
    assert found.code == 0
    assert "no tensor is left for `*.mpl.*`" in found.stdout
    assert "`*.mlp.*`" not in found.stdout


@pytest.mark.parametrize(
    ("section", "first"),
    [
        ({"load_in_8bit": True}, "bitsandbytes-8bit"),
        ({"load_in_8bit": False, "load_in_4bit": True}, "bitsandbytes-4bit"),
    ],
)
def test_a_section_of_the_first_versions(section: dict[str, Any], first: str) -> None:
    # transformers 5.23.0, quantizers/auto.py, from_dict: these keys alone mean bitsandbytes.
    assert rows(section)[0] == first
