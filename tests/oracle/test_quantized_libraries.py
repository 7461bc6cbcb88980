"""What libraries really store: their tensors hold the parameters of the model that they packed.

Recorded by tools/oracle/record_quantised.py with small models: every row is a call of a library.
"""

from __future__ import annotations

import gzip
import json
import struct
from collections import Counter
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import pytest

import paramcalc

DATA = Path(__file__).parents[1] / "data" / "quantized.jsonl.gz"
BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2}
"""Of an element; of one byte where not said."""
DIFFERENT = {
    # The types of plain matrices are those of the containers.
    ("bitsandbytes", "bnb_4bit_quant_storage"),
    # Rows of the router are cut off: 4 outputs of 2 bits are half a word of 16.
    ("transformers", "HiggsConfig mixtral"),
    # The head is said to be untied and is not in the file.
    ("torchao", "untie_embedding_weights"),
    # Filled-up rows of matrices that the architecture calls otherwise.
    ("hqq", "gemma3"),
}


@lru_cache(maxsize=1)
def rows() -> tuple[dict[str, Any], ...]:
    return tuple(map(json.loads, gzip.decompress(DATA.read_bytes()).splitlines()))


def is_different(row: dict[str, Any]) -> bool:
    said = f"{row['options']} {row['options'].get('config')} {row['model']}"
    return any(row["library"] == library and what in said for library, what in DIFFERENT)


def write(folder: Path, row: dict[str, Any]) -> None:
    """The checkpoint of a row, its tensors a hole in the file."""
    end, header = 0, {}
    for name, dtype, shape in row["tensors"]:
        start, end = end, end + prod(shape) * BYTES.get(dtype, 1)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    (folder / "config.json").write_text(json.dumps(row["config"]))
    for name, content in row.get("beside", {}).items():
        (folder / name).write_text(json.dumps(content))


@lru_cache(maxsize=256)
def parameters(config: str) -> int:
    """Of the model before it was packed."""
    plain = json.loads(config)
    for key in ("quantization_config", "quantization"):
        plain.pop(key, None)
    return paramcalc.load(plain).parameters.total


LIBRARIES = sorted({row["library"] for row in rows()})


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_a_library_packed_is_what_it_was(tmp_path: Path, library: str) -> None:
    wrong = []
    for row in rows():
        if row["library"] != library or "refused" in row or is_different(row):
            continue
        write(tmp_path, row)
        found = paramcalc.load(tmp_path)
        wanted = parameters(json.dumps(row["config"]))
        if found.parameters.total != wanted or found.exactness != "exact":
            wrong.append((row["model"], row["options"], found.parameters.total - wanted))
        for name in row.get("beside", {}):
            (tmp_path / name).unlink()
    assert wrong == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_bytes_are_those_of_the_file(library: str) -> None:
    for row in rows():
        if row["library"] == library and "tensors" in row:
            sizes = (prod(shape) * BYTES.get(dtype, 1) for _, dtype, shape in row["tensors"])
            assert sum(sizes) == row["bytes"]


def test_every_library_is_there() -> None:
    counted = Counter(row["library"] for row in rows() if "tensors" in row)
    assert len(counted) >= 8
    assert sum(counted.values()) > 500
