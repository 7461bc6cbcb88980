"""optimum-quanto: what QuantizedModelForCausalLM saves, on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tools.oracle.quantisers.common import MODELS, Case, auto_class, cases_of, configuration

PACKAGE = "optimum-quanto"
OPTIONS: list[dict[str, Any]] = [
    {"weights": "qint8"},
    {"weights": "qint4"},
]
MORE: list[dict[str, Any]] = [
    {"weights": "qint2"},
    {"weights": "qfloat8"},
    {"weights": "qfloat8_e5m2"},
    {"weights": "qint4", "exclude": "lm_head"},
    {"weights": "qint8", "activations": "qint8"},
]


def cases() -> Iterator[Case]:
    yield from cases_of(OPTIONS, MODELS, make)
    yield from cases_of(MORE, ["llama", "llama-odd", "opt"], make)


def make(model: str, options: dict[str, Any]) -> Callable[[Path], Any]:
    def save(folder: Path) -> None:
        import torch
        from optimum import quanto

        built = auto_class(model).from_config(configuration(model), dtype=torch.bfloat16)
        types = {
            key: getattr(quanto, value) if key != "exclude" else value
            for key, value in options.items()
        }
        wrapped = quanto.QuantizedModelForCausalLM.quantize(built, **types)
        wrapped.save_pretrained(folder)

    return save
