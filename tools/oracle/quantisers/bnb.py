"""bitsandbytes: LLM.int8 and 4 bits, through transformers, on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.oracle.quantisers.common import MODELS, Case, cases_of, through_transformers

PACKAGE = "bitsandbytes"
OPTIONS: list[dict[str, Any]] = [
    {"load_in_8bit": True},
    {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
    {"load_in_4bit": True, "bnb_4bit_quant_type": "fp4"},
    {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
]
MORE: list[dict[str, Any]] = [
    {"load_in_4bit": True, "bnb_4bit_quant_storage": "bfloat16"},
    {"load_in_8bit": True, "llm_int8_skip_modules": ["down_proj"]},
    {"load_in_4bit": True, "llm_int8_skip_modules": ["model.layers.0", "lm_head"]},
]


def cases() -> Iterator[Case]:
    yield from cases_of(OPTIONS, MODELS, make)
    yield from cases_of(MORE, ["llama"], make)


def make(model: str, options: dict[str, Any]) -> Any:
    from transformers import BitsAndBytesConfig

    return through_transformers(model, lambda: BitsAndBytesConfig(**options))
