"""GPT-QModel: GPTQ and AWQ of small models on a CPU, with random words for calibration."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tools.oracle.quantisers.common import Case, cases_of, write, write_tokenizer

PACKAGE = "gptqmodel"
MODELS = ["llama", "llama-wide", "llama-odd", "qwen2", "qwen3", "opt", "gpt2", "mixtral"]
MODELS += ["qwen3_moe", "deepseek_v3"]
ALL: list[dict[str, Any]] = [
    {"bits": 4, "group_size": 64},
    {"method": "awq", "bits": 4, "group_size": 64},
]
MORE: list[dict[str, Any]] = [
    *({"bits": bits, "group_size": 64} for bits in (2, 3, 8)),
    {"bits": 4, "group_size": 32, "desc_act": True},
    {"bits": 4, "group_size": 128},
    {"bits": 4, "group_size": -1},
    {"bits": 4, "group_size": 64, "sym": False},
    {"bits": 8, "group_size": -1, "sym": False, "desc_act": True},
    {"bits": 4, "group_size": 64, "lm_head": True},
    {"bits": 4, "group_size": 64, "dynamic": {r".*down_proj": {"bits": 8, "group_size": 32}}},
    {"bits": 4, "group_size": 64, "dynamic": {r"-:.*k_proj": {}}},
    {"bits": 4, "group_size": 64, "format": "gptq_v2"},
    {"method": "awq", "bits": 4, "group_size": 128},
    {"method": "awq", "bits": 4, "group_size": 32, "sym": False},
    {"method": "awq", "bits": 4, "group_size": 64, "format": "gemv"},
    {"method": "awq", "bits": 4, "group_size": 64, "format": "gemv_fast"},
]


def cases() -> Iterator[Case]:
    os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "4")
    yield from cases_of(ALL, MODELS, make)
    yield from cases_of(MORE, ["llama", "llama-wide"], make)


def make(model: str, options: dict[str, Any]) -> Callable[[Path], Any]:
    def save(folder: Path) -> None:
        import torch
        from gptqmodel import GPTQModel, QuantizeConfig

        words = [
            {"input_ids": torch.randint(0, 300, (64,)).tolist(), "attention_mask": [1] * 64}
            for _ in range(8)
        ]
        with tempfile.TemporaryDirectory() as plain:
            write(model, Path(plain), "float16")
            write_tokenizer(Path(plain))
            config = QuantizeConfig(device="cpu", **options)
            loaded = GPTQModel.load(plain, config)
            loaded.quantize(words, batch_size=1)
            loaded.save(str(folder))

    return save
