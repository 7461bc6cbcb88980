"""NVIDIA Model Optimizer: the unified checkpoint that export_hf_checkpoint writes, on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tools.oracle.quantisers.common import Case, auto_class, cases_of, configuration

PACKAGE = "nvidia-modelopt"
MODELS = ["llama", "llama-wide", "qwen3", "mixtral"]
OPTIONS: list[dict[str, Any]] = [
    {"config": name}
    for name in (
        *("FP8_DEFAULT_CFG", "NVFP4_DEFAULT_CFG", "INT4_AWQ_CFG"),
        *(
            "W4A8_AWQ_BETA_CFG",
            "INT8_SMOOTHQUANT_CFG",
            "FP8_PB_WO_CFG",
            "MXFP4_MLP_WEIGHT_ONLY_CFG",
        ),
        *("NVFP4_MLP_ONLY_CFG", "FP8_KV"),
    )
]


def cases() -> Iterator[Case]:
    yield from cases_of(OPTIONS, MODELS, make)


def make(model: str, options: dict[str, Any]) -> Callable[[Path], Any]:
    def save(folder: Path) -> None:
        import copy

        import modelopt.torch.quantization as mtq
        import torch
        from modelopt.torch.export import export_hf_checkpoint

        torch.manual_seed(0)
        built = auto_class(model).from_config(configuration(model), dtype=torch.bfloat16)
        built.config.architectures = [type(built).__name__]
        words = torch.randint(3, 300, (4, 32))
        name = options["config"]
        config = copy.deepcopy(getattr(mtq, "FP8_DEFAULT_CFG" if name == "FP8_KV" else name))
        if name == "FP8_KV":
            config = mtq.update_quant_cfg_with_kv_cache_quant(config, mtq.FP8_KV_CFG["quant_cfg"])
        built = mtq.quantize(built, config, lambda network: network(words))
        with torch.inference_mode():
            export_hf_checkpoint(built, export_dir=str(folder))

    return save
