"""torchao: what its configurations store through transformers, on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from tools.oracle.quantisers.common import MODELS, Case, cases_of, through_transformers

PACKAGE = "torchao"
ALL: list[dict[str, Any]] = [
    {"config": "Int4WeightOnlyConfig", "group_size": 32},
    {"config": "Int8WeightOnlyConfig"},
    {"config": "Float8WeightOnlyConfig"},
]
SOME: list[dict[str, Any]] = [
    {"config": "Int4WeightOnlyConfig", "group_size": 64},
    {"config": "Int4WeightOnlyConfig"},
    {"config": "Int4WeightOnlyConfig", "group_size": 256},
    {
        "config": "Int4WeightOnlyConfig",
        "group_size": 32,
        "int4_packing_format": "tile_packed_to_4d",
    },
    {
        "config": "Int4WeightOnlyConfig",
        "group_size": 32,
        "int4_packing_format": "tile_packed_to_4d",
        "int4_choose_qparams_algorithm": "hqq",
    },
    {"config": "Float8DynamicActivationInt4WeightConfig"},
    {"config": "Int8WeightOnlyConfig", "granularity": "PerGroup(32)"},
    {"config": "Int8DynamicActivationInt8WeightConfig"},
    {"config": "Int8DynamicActivationInt8WeightConfig", "granularity": "PerTensor()"},
    {"config": "Int8DynamicActivationInt8WeightConfig", "act_mapping_type": "ASYMMETRIC"},
    {"config": "Float8WeightOnlyConfig", "granularity": "PerTensor()"},
    {"config": "Float8DynamicActivationFloat8WeightConfig"},
    {"config": "Float8DynamicActivationFloat8WeightConfig", "granularity": "PerRow()"},
    {"config": "IntxWeightOnlyConfig", "weight_dtype": "int4", "granularity": "PerGroup(32)"},
    {"config": "IntxWeightOnlyConfig", "weight_dtype": "int2"},
    {"config": "Int8DynamicActivationIntxWeightConfig", "weight_dtype": "int4"},
    {
        "config": "Int8DynamicActivationIntxWeightConfig",
        "weight_dtype": "int4",
        "weight_mapping_type": "ASYMMETRIC",
    },
    {"config": "mx.MXDynamicActivationMXWeightConfig"},
    {"config": "mx.NVFP4DynamicActivationNVFP4WeightConfig"},
]
EMBEDDINGS: list[dict[str, Any]] = [
    {"config": "Int8WeightOnlyConfig", "include_input_output_embeddings": True},
    {
        "config": "IntxWeightOnlyConfig",
        "weight_dtype": "int8",
        "include_input_output_embeddings": True,
    },
    {
        "config": "IntxWeightOnlyConfig",
        "weight_dtype": "int8",
        "include_input_output_embeddings": True,
        "untie_embedding_weights": True,
    },
]
IS_REPLACED: list[bool] = []
OF_TRANSFORMERS = ("include_input_output_embeddings", "untie_embedding_weights")


def cases() -> Iterator[Case]:
    yield from cases_of(ALL, MODELS, make)
    yield from cases_of(SOME, ["llama", "llama-wide", "llama-odd"], make)
    yield from cases_of(EMBEDDINGS, ["llama", "qwen3"], make)


def stand_in_for_kernels() -> None:
    """What only runs on a GPU, replaced by zeros of the shapes that it returns there.

    The package mslk packs four bits (`quantize/shuffle.py`: weights [N, K], scales and zero points
    [K / group, N] in float32, two of them in a byte); tinygemm's packing has a function for the
    meta device that tells its shape.
    """
    import torch
    import torchao.prototype.mx_formats.inference_workflow as formats
    import torchao.quantization.quant_api as api

    # By name: `quantize_` is a function as well.
    int4: Any = import_module("torchao.quantization.quantize_.workflows.int4.int4_tensor")

    def quantize(weight: Any, group: int) -> tuple[Any, Any, Any]:
        side = torch.zeros(weight.shape[-1] // group, weight.shape[0])
        return weight.to(torch.int8), side, side.clone()

    int4.int4_row_quantize_zp = quantize
    int4.int4_row_quantize = lambda weight, group: quantize(weight, group)[:2]
    int4.pack_int4 = lambda weight: weight[:, ::2].contiguous()
    if IS_REPLACED:
        return
    IS_REPLACED.append(True)

    pack = torch.ops.aten._convert_weight_to_int4pack
    torch.ops.aten._convert_weight_to_int4pack = lambda weight, tiles: torch.zeros(
        pack(weight.to("meta"), tiles).shape, dtype=torch.int32
    )
    torch.cuda.get_device_capability = lambda *_: (10, 0)
    for module in (formats, api):
        for name in ("is_sm_at_least_89", "is_sm_at_least_90", "is_sm_at_least_100"):
            if hasattr(module, name):
                setattr(module, name, lambda: True)


def make(model: str, options: dict[str, Any]) -> Any:
    stand_in_for_kernels()
    return through_transformers(model, lambda: quantization(options))


def quantization(options: dict[str, Any]) -> Any:
    import torchao.quantization
    from transformers import TorchAoConfig

    given = dict(options)
    outer = {key: given.pop(key) for key in OF_TRANSFORMERS if key in given}
    where, _, name = given.pop("config").rpartition(".")
    home = torchao.quantization
    if where:
        import torchao.prototype.mx_formats as home  # type: ignore[no-redef]
    make_config: Callable[..., Any] = getattr(home, name)
    return TorchAoConfig(
        make_config(**{key: value_of(key, v) for key, v in given.items()}), **outer
    )


def value_of(key: str, value: Any) -> Any:
    """What is written as text in the options."""
    import torch
    import torchao.quantization as ao

    if key == "weight_dtype":
        return getattr(torch, value)
    if key.endswith("mapping_type"):
        return ao.MappingType[value]
    if key == "granularity" and value:
        kind, _, size = value.rstrip(")").partition("(")
        return getattr(ao, kind)(*([int(size)] if size else []))
    return value
