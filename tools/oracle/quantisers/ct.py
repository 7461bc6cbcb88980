"""compressed-tensors: the model compressor that LLM Compressor saves with, on a CPU.

The scales are ones: what is stored does not hang on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tools.oracle.quantisers.common import MODELS, Case, auto_class, cases_of, configuration

PACKAGE = "compressed-tensors"
IS_OLD = version(PACKAGE).startswith("0.10.")
"""Up to 0.10 the library knew 2:4 sparsity and Marlin's packing."""
ALL: list[dict[str, Any]] = [{"scheme": name} for name in ("W4A16", "FP8_DYNAMIC", "NVFP4")]
PRESETS: list[dict[str, Any]] = [
    {"scheme": name}
    for name in (
        *("W2A16", "W3A16", "W5A16", "W8A16", "W4A16_ASYM", "W4A8", "W4AFP8", "W8A8"),
        *("FP8", "FP8_BLOCK", "NVFP4A16", "MXFP4A16", "MXFP4", "MXFP6A16", "MXFP8"),
    )
]
OLD_PRESETS: list[dict[str, Any]] = [
    {"scheme": name} for name in ("W8A16", "W4A16_ASYM", "W8A8", "FP8", "NVFP4A16")
]
INT4: dict[str, Any] = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group"}
WRITTEN_OUT: list[dict[str, Any]] = [
    {"weights": INT4 | {"group_size": 32}},
    {"weights": INT4 | {"group_size": 64, "symmetric": False}},
    {"weights": INT4 | {"group_size": 576}},
    {"weights": INT4 | {"strategy": "channel"}},
    {"weights": INT4 | {"strategy": "channel", "symmetric": False}},
    {"weights": INT4 | {"strategy": "tensor"}},
    {"weights": INT4 | {"group_size": 64, "actorder": "group"}},
    {"weights": INT4 | {"group_size": 64, "actorder": "weight"}},
    {"weights": INT4 | {"num_bits": 3, "group_size": 64, "symmetric": False}},
    {"weights": INT4 | {"num_bits": 8, "strategy": "channel", "symmetric": False}},
    {"weights": INT4 | {"num_bits": 8, "strategy": "tensor"}},
    {"weights": INT4 | {"group_size": 64}, "kv_cache": True},
    {"weights": INT4 | {"group_size": 64}, "ignore": ["lm_head", "re:.*down_proj"]},
    {"weights": INT4 | {"group_size": 64}, "ignore": []},
    {"weights": INT4 | {"group_size": 64}, "targets": ["Linear", "Embedding"], "ignore": []},
]
OLD: list[dict[str, Any]] = [
    {"weights": INT4 | {"group_size": 64}, "sparsity": "sparse-24-bitmask"},
    {"scheme": "FP8_DYNAMIC", "sparsity": "sparse-24-bitmask"},
    {"sparsity": "sparse-24-bitmask"},
    {"sparsity": "sparse-bitmask"},
    {"weights": INT4 | {"group_size": 128}, "format": "marlin-24"},
    {"weights": INT4 | {"strategy": "channel"}, "format": "marlin-24"},
    {"weights": INT4 | {"strategy": "channel", "num_bits": 8}, "format": "marlin-24"},
]


def cases() -> Iterator[Case]:
    if IS_OLD:
        yield from cases_of(ALL + OLD_PRESETS + OLD, ["llama-wide", "llama"], make)
        yield from cases_of(WRITTEN_OUT, ["llama", "qwen3"], make)
        return
    yield from cases_of(ALL, MODELS, make)
    yield from cases_of(PRESETS, ["llama", "llama-wide", "llama-odd"], make)
    yield from cases_of(WRITTEN_OUT, ["llama", "qwen3"], make)


def make(model: str, options: dict[str, Any]) -> Callable[[Path], Any]:
    def save(folder: Path) -> None:
        import torch
        from compressed_tensors import ModelCompressor
        from compressed_tensors.quantization import apply_quantization_config

        torch.manual_seed(0)
        built = auto_class(model).from_config(configuration(model), dtype=torch.bfloat16)
        if "scheme" in options or "weights" in options:
            apply_quantization_config(built, quantization(options))
            fill(built)
        if IS_OLD:
            halve(built)
            old_compressor(ModelCompressor, built, options, folder)
            return
        compressor = ModelCompressor.from_pretrained_model(built)
        compressor.compress_model(built)
        built.save_pretrained(folder)
        compressor.update_config(folder)

    return save


def old_compressor(compressors: Any, model: Any, options: dict[str, Any], folder: Path) -> None:
    """Here the format has to be told, and the compressed state is handed out."""
    from safetensors.torch import save_file

    sparsity = options.get("sparsity")
    if sparsity:
        from compressed_tensors.config import (
            CompressionFormat,
            SparsityStructure,
            sparse_24_bitmask,
            sparse_bitmask,
        )

        kind = {
            "sparse-24-bitmask": sparse_24_bitmask.Sparse24BitMaskConfig,
            "sparse-bitmask": sparse_bitmask.BitmaskConfig,
        }[CompressionFormat(sparsity).value]
        two_of_four = SparsityStructure.TWO_FOUR.value
        sparsity = kind(
            format=options["sparsity"],
            global_sparsity=0.5,
            sparsity_structure=two_of_four,
            targets=["Linear"],
            ignore=["lm_head"],
        )
    compressor = compressors.from_pretrained_model(
        model, sparsity_config=sparsity, quantization_format=old_format(options)
    )
    state = {name: tensor.contiguous() for name, tensor in compressor.compress(model).items()}
    if model.config.tie_word_embeddings and "lm_head.weight" in state:
        del state["lm_head.weight"]
    model.config.save_pretrained(folder)
    save_file(state, folder / "model.safetensors")
    compressor.update_config(folder)


def old_format(options: dict[str, Any]) -> str | None:
    """What LLM Compressor infers from the scheme."""
    scheme = options.get("scheme", "")
    if "format" in options or not (scheme or "weights" in options):
        return options.get("format")
    if scheme.startswith("NVFP4"):
        return "nvfp4-pack-quantized"
    if scheme.startswith("FP8"):
        return "float-quantized"
    return "int-quantized" if scheme == "W8A8" else "pack-quantized"


def quantization(options: dict[str, Any]) -> Any:
    from compressed_tensors.quantization import (
        QuantizationConfig,
        QuantizationScheme,
        preset_name_to_scheme,
    )

    targets = options.get("targets", ["Linear"])
    scheme = (
        preset_name_to_scheme(options["scheme"], targets)
        if "scheme" in options
        else QuantizationScheme(targets=targets, weights=options["weights"])
    )
    cache = {"num_bits": 8, "type": "float", "strategy": "tensor", "symmetric": True}
    return QuantizationConfig(
        config_groups={"group_0": scheme},
        ignore=options.get("ignore", ["lm_head"]),
        quantization_status="frozen" if IS_OLD else "initialized",
        kv_cache_scheme=cache if "kv_cache" in options else None,
    )


def fill(model: Any) -> None:
    """What calibration would have measured."""
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("_scale"):
                parameter.fill_(1)
            elif name.endswith(("_zero_point", "_g_idx")):
                parameter.fill_(0)


def halve(model: Any) -> None:
    """Two of four columns are zero."""
    import torch

    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear) and name != "lm_head":
                module.weight[:, 0::4] = 0
                module.weight[:, 1::4] = 0
