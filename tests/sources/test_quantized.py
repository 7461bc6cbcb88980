"""Quantised checkpoints: the parameters in the containers are those of the model that was packed.

Shapes and names as the tools write them, see the sources in data/containers.yaml.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import paramcalc
from paramcalc.catalogue.rules import rules
from tests.sources.hostile import read_or_refused
from tests.sources.test_safetensors import LLAMA, MIXTRAL

Tensors = dict[str, Any]
Pack = Callable[[int, int], Tensors]
"""What stands for a matrix of so many rows (outputs) and columns (inputs)."""


def i32(*shape: int) -> Any:
    return np.zeros(shape, np.int32)


def u8(*shape: int) -> Any:
    return np.zeros(shape, np.uint8)


def f16(*shape: int) -> Any:
    return np.zeros(shape, np.float16)


def i64(*shape: int) -> Any:
    return np.zeros(shape, np.int64)


def gptq(bits: int) -> Pack:
    return lambda out, width: {
        "qweight": i32(width * bits // 32, out),
        "qzeros": i32(width // 32, out * bits // 32),
        "scales": f16(width // 32, out),
        "g_idx": i32(width),
    }


def awq(out: int, width: int) -> Tensors:
    return {
        "qweight": i32(width, out // 8),
        "qzeros": i32(width // 32, out // 8),
        "scales": f16(width // 32, out),
    }


def gemv(out: int, width: int) -> Tensors:
    return awq(out, width) | {"qweight": i32(out, width // 8)}


def bnb_4bit(out: int, width: int) -> Tensors:
    return {
        "weight": u8(out * width // 2, 1),
        "weight.absmax": u8(out * width // 64),
        "weight.quant_map": np.zeros(16, np.float32),
        "weight.nested_absmax": np.zeros(4, np.float32),
        "weight.nested_quant_map": np.zeros(256, np.float32),
        "weight.quant_state.bitsandbytes__nf4": u8(90),
    }


def bnb_8bit(out: int, width: int) -> Tensors:
    return {
        "weight": np.zeros((out, width), np.int8),
        "SCB": np.zeros(out, np.float32),
        "weight_format": u8(),
    }


def packed(out: int, width: int) -> Tensors:
    return {
        "weight_packed": i32(out, width // 8),
        "weight_scale": f16(out, width // 32),
        "weight_zero_point": i32(out // 8, width // 32),
        "weight_shape": i64(2),
    }


def nvfp4(out: int, width: int) -> Tensors:
    return {
        "weight_packed": u8(out, width // 2),
        "weight_scale": f16(out, width // 16),
        "weight_global_scale": np.zeros(1, np.float32),
        "input_global_scale": np.zeros(1, np.float32),
    }


def int8(out: int, width: int) -> Tensors:
    return {"weight": np.zeros((out, width), np.int8), "weight_scale": f16(out, 1)}


def block_fp8(out: int, width: int) -> Tensors:
    # numpy has no type of 8 bits; what matters is that a float stands for itself.
    return {"weight": f16(out, width), "weight_scale_inv": np.zeros((1, 1), np.float32)}


def modelopt(out: int, width: int) -> Tensors:
    return {
        "weight": u8(out, width // 2),
        "weight_scale": f16(out, width // 16),
        "weight_scale_2": np.zeros((), np.float32),
        "input_scale": np.zeros((), np.float32),
    }


def hqq(out: int, width: int) -> Tensors:
    return {
        "W_q": u8(out * width // 128, 64),
        "scale": f16(out * width // 64, 1),
        "zero": f16(out * width // 64, 1),
        "nbits": i64(1),
        "shape": i64(2),
        "packing": u8(8),
        "compute_dtype": u8(13),
    }


def hqq_3bit(out: int, width: int) -> Tensors:
    return hqq(out, width) | {"W_q": i32(-(-out * width // 640), 64)}


def quanto(out: int, width: int) -> Tensors:
    return {"weight._data": np.zeros((out, width), np.int8), "weight._scale": f16(out, 1)}


def quanto_int4(out: int, width: int) -> Tensors:
    return {
        "weight._data._data": u8(128, out * width // 256),
        "weight._scale": f16(out, 1),
        "weight._shift": f16(out, 1),
    }


def bitnet(out: int, width: int) -> Tensors:
    return {"weight": u8(out // 4, width), "weight_scale": f16(1)}


def torchao(out: int, width: int) -> Tensors:
    return {"_weight_qdata": u8(out, width // 2), "_weight_scale": f16(1, out)}


def groups(bits: int) -> dict[str, Any]:
    return {"config_groups": {"group_0": {"targets": ["Linear"], "weights": {"num_bits": bits}}}}


SCHEMES: list[tuple[str, dict[str, Any], Pack, bool]] = [
    # quant_method, the rest of quantization_config, the tensors; is the shape still there
    ("gptq", {"bits": 4}, gptq(4), True),
    ("gptq", {"bits": 8, "checkpoint_format": "gptq"}, gptq(8), True),
    ("gptq", {"bits": 3}, gptq(3), True),
    ("gptq", {"bits": 2}, gptq(2), True),
    ("auto-round", {"bits": 4, "packing_format": "auto_round:auto_gptq"}, gptq(4), True),
    ("auto-round", {"bits": 4, "packing_format": "auto_round:auto_awq"}, awq, True),
    ("awq", {"bits": 4, "version": "gemm"}, awq, True),
    ("awq", {"bits": 4, "version": "gemv"}, gemv, True),
    ("bitsandbytes", {"load_in_4bit": True, "_load_in_4bit": True}, bnb_4bit, False),
    ("bitsandbytes", {"load_in_8bit": True, "load_in_4bit": False}, bnb_8bit, True),
    ("compressed-tensors", {"format": "pack-quantized", **groups(4)}, packed, True),
    ("compressed-tensors", {"format": "nvfp4-pack-quantized", **groups(4)}, nvfp4, True),
    ("compressed-tensors", {"format": "int-quantized", **groups(8)}, int8, True),
    ("fp8", {"weight_block_size": [128, 128]}, block_fp8, True),
    ("modelopt", {"quant_algo": "NVFP4"}, modelopt, True),
    ("hqq", {"quant_config": {"weight_quant_params": {"nbits": 4}}}, hqq, False),
    ("hqq", {"quant_config": {"weight_quant_params": {"nbits": 3}}}, hqq_3bit, False),
    ("quanto", {"weights": "int8"}, quanto, True),
    ("quanto", {"weights": "int4"}, quanto_int4, False),
    ("bitnet", {}, bitnet, True),
    ("torchao", {}, torchao, True),
]
NAMES = [f"{row[0]}-{row[2].__name__}-{number}" for number, row in enumerate(SCHEMES)]


def is_packed(name: str, shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 and ".layers." in name and "gate.weight" not in name


def write(folder: Path, config: dict[str, Any], pack: Pack) -> paramcalc.Model:
    """A checkpoint of which all matrices in the layers are packed; the model as it was."""
    model = paramcalc.load(config)
    tensors: Tensors = {}
    for name, shape, _ in model.tensors():
        if is_packed(name, shape):
            stem = name.removesuffix("weight")
            tensors |= {stem + key: value for key, value in pack(*shape).items()}
        else:
            tensors[name] = f16(*shape)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return model


@pytest.mark.parametrize("base", [LLAMA, MIXTRAL], ids=["dense", "experts"])
@pytest.mark.parametrize(("method", "options", "pack", "_"), SCHEMES, ids=NAMES)
def test_what_is_packed_is_what_it_was(
    tmp_path: Path, base: dict[str, Any], method: str, options: dict[str, Any], pack: Pack, _: bool
) -> None:
    config = base | {"quantization_config": {"quant_method": method, **options}}
    wanted = write(tmp_path, config, pack)

    found = paramcalc.load(tmp_path)

    assert found.parameters._replace(buffers=0) == wanted.parameters
    assert found.parameters.buffers > 0
    assert found.caches == wanted.caches
    assert found.exactness == "exact"
    shapes = sorted(tensor.shape for tensor in found.tensors() if tensor.role == "parameter")
    assert shapes == sorted(tensor.shape for tensor in wanted.tensors())


@pytest.mark.parametrize(("method", "options", "pack", "has_shape"), SCHEMES, ids=NAMES)
def test_without_an_architecture(
    tmp_path: Path, method: str, options: dict[str, Any], pack: Pack, has_shape: bool
) -> None:
    quantization = {"quantization_config": {"quant_method": method, **options}}
    wanted = write(tmp_path, LLAMA | quantization, pack)
    (tmp_path / "config.json").write_text(json.dumps(quantization | {"model_type": "no-such"}))

    found = paramcalc.load(tmp_path)

    room = found.parameters.total - wanted.parameters.total
    # Ten values of 3 bits are in a word, and rows are filled up to ten.
    assert 0 <= room <= (wanted.parameters.total // 8 if pack is hqq_3bit else 0)
    if has_shape:
        shapes = sorted(tensor.shape for tensor in found.tensors() if tensor.role == "parameter")
        assert shapes == sorted(tensor.shape for tensor in wanted.tensors())


def test_the_file_that_the_first_tools_wrote(tmp_path: Path) -> None:
    wanted = write(tmp_path, LLAMA, gptq(4))
    (tmp_path / "quantize_config.json").write_text('{"bits": 4, "group_size": 32}')
    assert paramcalc.load(tmp_path).parameters.total == wanted.parameters.total


def test_blocks_of_fused_experts(tmp_path: Path) -> None:
    config = {
        "model_type": "gpt_oss",
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "vocab_size": 128,
        "quantization_config": {"quant_method": "mxfp4"},
    }
    wanted = paramcalc.load(config)
    tensors: Tensors = {}
    for name, shape, _ in wanted.tensors():
        if name.endswith("_proj") and len(shape) == 3:
            experts, width, out = shape
            tensors[name + "_blocks"] = u8(experts, out, width // 32, 16)
            tensors[name + "_scales"] = u8(experts, out, width // 32)
        else:
            tensors[name] = f16(*shape)
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))

    found = paramcalc.load(tmp_path)

    assert found.parameters.total == wanted.parameters.total
    assert found.parameters.active == wanted.parameters.active
    assert found.parameters.buffers == wanted.parameters.buffers + sum(
        value.size for name, value in tensors.items() if name.endswith("_scales")
    )


@pytest.mark.parametrize("quantization", [None, {"quant_method": "no-such"}, {}])
def test_an_unknown_scheme_is_an_estimate(tmp_path: Path, quantization: Any) -> None:
    config = LLAMA | ({} if quantization is None else {"quantization_config": quantization})
    write(tmp_path, config, gptq(4))
    found = paramcalc.load(tmp_path)
    assert found.exactness == "estimated"
    assert "packed tensors are counted as they are stored" in str(found.source)


@pytest.mark.parametrize("bits", [0, -1, 65, "x", 10**30, 2.5, True, [4], {}])
def test_bits_that_lie(tmp_path: Path, bits: Any) -> None:
    quantization = {"quant_method": "gptq", "bits": bits}
    write(tmp_path, LLAMA | {"quantization_config": quantization}, gptq(4))
    found = read_or_refused(tmp_path)
    # Told by its architecture, if not by the file.
    assert found is None or found.parameters.total == paramcalc.load(LLAMA).parameters.total


def test_every_rule_says_where_it_comes_from() -> None:
    for name, rule in rules("containers.yaml").items():
        if not name.startswith("_"):
            assert len(rule["source"]) > 20
            known = {"methods", "fields", "when", "of_each", "containers", "buffers", "source"}
            assert set(rule) <= known
            for container in rule["containers"].values():
                assert set(container) <= {
                    *("of", "types", "elements", "in", "axis", "transposed", "joined", "flat")
                }
