"""HQQ, through transformers, on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.oracle.quantisers.common import MODELS, Case, cases_of, through_transformers

PACKAGE = "hqq"
OPTIONS: list[dict[str, Any]] = [{"nbits": 4, "group_size": 64}, {"nbits": 3, "group_size": 64}]
MORE: list[dict[str, Any]] = [
    *({"nbits": bits, "group_size": 64} for bits in (1, 2, 5, 6, 8)),
    *({"nbits": 4, "group_size": size} for size in (8, 16, 32, 128, None)),
    {"nbits": 3, "group_size": 128},
    {"nbits": 2, "group_size": 16, "axis": 0},
    {"nbits": 4, "group_size": 64, "axis": 0},
    {"nbits": 4, "group_size": 64, "skip_modules": ["lm_head", "mlp.down_proj"]},
    {
        "dynamic_config": {
            "self_attn.q_proj": {"nbits": 8, "group_size": 64},
            "mlp.down_proj": {"nbits": 4, "group_size": 32},
        }
    },
]


def cases() -> Iterator[Case]:
    yield from cases_of(OPTIONS, MODELS, make)
    yield from cases_of(MORE, ["llama", "llama-odd"], make)


def make(model: str, options: dict[str, Any]) -> Any:
    from transformers import HqqConfig

    return through_transformers(model, lambda: HqqConfig(**options), device_map=None)
