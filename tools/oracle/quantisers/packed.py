"""The buffers that GPT-QModel and AutoAWQ make for a linear layer, without any calibration.

A whole run (gptq.py) takes a minute for a small model; these modules are where its tensors come
from, so here they take the place of the linear layers that such a run quantises: those of the
decoder's layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tools.oracle.quantisers.common import Case, cases_of, configuration, write_shapes

PACKAGE = "gptqmodel"
MODELS = ["llama", "llama-wide", "llama-odd", "qwen2", "qwen3"]
GPTQ: list[dict[str, Any]] = [
    *({"bits": bits, "group_size": 128} for bits in (2, 3, 4, 8)),
    *({"bits": bits, "group_size": -1} for bits in (3, 4)),
    {"bits": 4, "group_size": 32, "desc_act": True, "sym": False},
]
AWQ: list[dict[str, Any]] = [
    {"awq": "gemm", "group_size": 128},
    {"awq": "gemm", "group_size": 32},
    {"awq": "gemv", "group_size": 128},
    {"awq": "gemv", "group_size": 64},
    {"awq": "gemv_fast", "group_size": 128},
    {"awq": "marlin", "group_size": 128},
]


def cases() -> Iterator[Case]:
    yield from cases_of(GPTQ + AWQ, MODELS, make)


def make(model: str, options: dict[str, Any]) -> Callable[[Path], Any]:
    def save(folder: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        built = AutoModelForCausalLM.from_config(configuration(model), dtype=torch.float16)
        for name, module in list(built.named_modules()):
            if isinstance(module, torch.nn.Linear) and ".layers." in name:
                built.set_submodule(name, packed(module, options))
        built.config.quantization_config = section(options)
        built.config.save_pretrained(folder)
        state = built.state_dict()
        if built.config.tie_word_embeddings:
            del state["lm_head.weight"]
        write_shapes(state, folder)

    return save


def packed(module: Any, options: dict[str, Any]) -> Any:
    """The library's module for a linear layer."""
    import torch

    if "awq" in options:
        from awq.modules.linear import gemm, gemv, gemv_fast, marlin

        kinds = {
            "gemm": gemm.WQLinear_GEMM,
            "gemv": gemv.WQLinear_GEMV,
            "gemv_fast": gemv_fast.WQLinear_GEMVFast,
            "marlin": marlin.WQLinear_Marlin,
        }
        return kinds[options["awq"]].from_linear(module, 4, options["group_size"], init_only=True)
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear

    return TorchLinear(
        bits=options["bits"],
        group_size=options["group_size"],
        desc_act=options.get("desc_act", False),
        sym=options.get("sym", True),
        in_features=module.in_features,
        out_features=module.out_features,
        bias=module.bias is not None,
        pack_dtype=torch.int32,
        register_buffers=True,
    )


def section(options: dict[str, Any]) -> dict[str, Any]:
    """The section of the configuration as the library's own class writes it."""
    if "awq" in options:
        from awq.models._config import AwqConfig

        config = AwqConfig(q_group_size=options["group_size"], version=options["awq"])
        return {**config.to_transformers_dict(), "tool": f"autoawq {version('autoawq')}"}
    from gptqmodel import QuantizeConfig

    written: dict[str, Any] = QuantizeConfig(**options).to_dict()
    return {"quant_method": "gptq"} | {k: v for k, v in written.items() if k != "meta"}
