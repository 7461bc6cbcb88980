"""MLX: mlx_lm.convert of a folder that transformers wrote, on a CPU."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tools.oracle.quantisers.common import MODELS, Case, cases_of, write

# MLX reads other tensors or other keys than transformers writes for the rest.
KNOWN = [name for name in MODELS if name not in ("gpt_oss", "gemma3", "opt")]

PACKAGE = "mlx-lm"
OPTIONS: list[dict[str, Any]] = [
    {"q_bits": 4, "q_group_size": 64},
    {"q_bits": 8, "q_group_size": 32},
    {"q_mode": "mxfp4"},
]
MORE: list[dict[str, Any]] = [
    *({"q_bits": bits, "q_group_size": 64} for bits in (2, 3, 5, 6, 8)),
    {"q_bits": 4, "q_group_size": 32},
    {"q_bits": 4, "q_group_size": 128},
    {"q_bits": 3, "q_group_size": 32},
    {"q_bits": 6, "q_group_size": 128},
    {"q_mode": "mxfp8"},
    {"q_mode": "nvfp4"},
    {"quant_predicate": "mixed_2_6"},
    {"quant_predicate": "mixed_3_4"},
    {"quant_predicate": "mixed_3_6"},
    {"quant_predicate": "mixed_4_6"},
]


def cases() -> Iterator[Case]:
    yield from cases_of(OPTIONS, KNOWN, make)
    yield from cases_of(MORE, ["llama", "llama-wide", "llama-odd"], make)


def make(model: str, options: dict[str, Any]) -> Callable[[Path], Any]:
    def save(folder: Path) -> None:
        import mlx_lm.utils
        from mlx_lm import convert

        # The small models have no words.
        mlx_lm.utils.load_tokenizer = lambda *_, **__: NoTokenizer()
        with tempfile.TemporaryDirectory() as plain:
            write(model, Path(plain))
            as_published(model, Path(plain) / "config.json")
            folder.rmdir()
            convert(plain, str(folder), quantize=True, **options)

    return save


class NoTokenizer:
    """Nothing to save."""

    def save_pretrained(self, folder: Path) -> None:
        pass


def as_published(model: str, path: Path) -> None:
    """Keys that published configurations have and newer transformers calls otherwise."""
    config = json.loads(path.read_text()) | MODELS[model]
    config |= {"rope_theta": 10000.0, "n_ctx": config.get("n_positions")}
    path.write_text(json.dumps(config))
