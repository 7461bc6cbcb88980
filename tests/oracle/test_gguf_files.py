"""GGUF files of many models: counted as llama.cpp counts them, and with the cache it allocates.

Recorded by tools/oracle/record_gguf.py: the headers as gguf-py writes them, and what llama.cpp says
of the files when it loads them.
"""

from __future__ import annotations

import json
import tarfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

import paramcalc
from paramcalc.core.model import Model

RECORDED = Path(__file__).parents[1] / "data" / "gguf_headers.tar.xz"
KV_BYTES, STATE_BYTES = 2, 4
"""What llama.cpp takes for an element, unless it is told otherwise."""


@lru_cache(maxsize=1)
def recorded() -> dict[str, bytes]:
    with tarfile.open(RECORDED) as archive:
        files = ((entry.name, archive.extractfile(entry)) for entry in archive)
        return {name: file.read() for name, file in files if file}


ROWS: dict[str, dict[str, Any]] = json.loads(recorded()["rows.json"])["models"]


def read(name: str, folder: Path) -> Model:
    """The file with its data, which take no room on the disk."""
    path = folder / f"{name}.gguf"
    with path.open("wb") as file:
        file.write(recorded()[path.name])
        file.truncate(ROWS[name]["file_bytes"])
    return paramcalc.load(path)


def cache_bytes(model: Model, row: dict[str, Any]) -> int:
    """In 16 bits, for as many tokens as llama.cpp has cells, and the state in 32 bits."""
    found = 0
    for cache in model.caches:
        cells = row["kv_cells"] if cache.limit is None else row["kv_cells_swa"]
        found += cache.count * cache.token_numel * int(cells or 0) * KV_BYTES
        found += cache.count * cache.sequence_numel * STATE_BYTES
    return found


def test_there_are_enough() -> None:
    assert len(ROWS) >= 25
    assert len({row["arch"] for row in ROWS.values()}) >= 15


@pytest.mark.parametrize("name", ROWS)
def test_a_file_is_what_llama_cpp_says(name: str, tmp_path: Path) -> None:
    row, model = ROWS[name], read(name, tmp_path)

    assert model.parameters.stored == row["n_params"]
    assert {one["model_bytes"] for one in row["runtime"]} == {str(model.stored_bytes)}
    assert row["runtime"]
    for one in row["runtime"]:
        assert cache_bytes(model, one) == int(one["kv_bytes"]), one
