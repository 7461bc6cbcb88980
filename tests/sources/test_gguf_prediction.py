"""A configuration held against a GGUF file of it, as the library writes files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter, LlamaFileType

from paramcalc.cli.main import main

DATA = Path(__file__).parents[1] / "data"
CASES: dict[str, dict[str, Any]] = json.loads(
    gzip.decompress((DATA / "gguf_recipes.json.gz").read_bytes())
)
MODEL = "qwen3-0.6b"


def written(folder: Path, file_type: str, changes: dict[str, Any], **metadata: str) -> str:
    """The file that the quantizer makes, without data: recorded types, all others F32."""
    rows = CASES[MODEL]["types"][f"{file_type} {int('imatrix' in metadata)}"]
    tensors = recorded(rows) | changes
    path = folder / "model.gguf"
    writer = GGUFWriter(path, "qwen3")
    writer.add_file_type(LlamaFileType[f"MOSTLY_{file_type}"])
    if "imatrix" in metadata:
        writer.add_string("quantize.imatrix.file", metadata["imatrix"])
    size = 0
    for name, (shape, kind) in tensors.items():
        rows_of = gguf.quant_shape_to_byte_shape(shape, kind)
        count = int(np.prod(rows_of))
        writer.add_tensor_info(name, rows_of, np.dtype(np.uint8), count, raw_dtype=kind)
        size += -(-count // 32) * 32
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as file:
        # A file with a hole: nothing is written, and nothing is read.
        file.truncate(path.stat().st_size + 31 + size)
    return str(path)


def recorded(rows: list[Any]) -> dict[str, Any]:
    config = CASES[MODEL]["model"]
    found: dict[str, Any] = {}
    for name, layers, shape, kind in rows:
        for number in expand(layers):
            full = f"blk.{number}.{name}" if layers else name
            found[full] = shape, Type[kind.upper()]
    found["output_norm.weight"] = [config["hidden_size"]], Type.F32
    norms = {"attn_norm": "hidden_size", "ffn_norm": "hidden_size"}
    norms |= {"attn_q_norm": "head_dim", "attn_k_norm": "head_dim"}
    for layer in range(config["num_hidden_layers"]):
        for name, size in norms.items():
            found[f"blk.{layer}.{name}.weight"] = [config[size]], Type.F32
    return found


def expand(text: str) -> list[int]:
    pairs = (piece.partition("-") for piece in text.split())
    return [n for a, _, b in pairs for n in range(int(a), int(b or a) + 1)] or [0]


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CASES[MODEL]["model"]))
    return str(path)


@pytest.mark.parametrize("file_type", ["Q4_K_M", "Q3_K_L", "IQ4_XS"])
def test_the_type_of_every_tensor_agrees(
    tmp_path: Path, config: str, file_type: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, file_type, {})

    assert main(["verify", config, path]) == 0
    assert f"names, shapes and types of 310 tensors agree with {file_type}" in (
        capsys.readouterr().out
    )


def test_another_file_type_is_told(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "Q4_K_M", {})

    assert main(["verify", config, path, "--precision", "Q4_K_S", "--json"]) == 1

    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert {(one["kind"], one["type"], one["other_type"]) for one in result["differences"]} == {
        ("type", "Q5_K", "Q4_K"),
        ("type", "Q5_K", "Q6_K"),
        ("type", "Q4_K", "Q6_K"),
    }


def test_an_importance_matrix_is_seen(tmp_path: Path, config: str) -> None:
    assert main(["verify", config, written(tmp_path, "Q4_0", {}, imatrix="data.txt")]) == 0


def test_a_tensor_too_many_and_one_of_another_type(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {
        "rope_freqs.weight": ([64], Type.F32),
        "blk.3.attn_v.weight": ([1024, 1024], Type.F16),
    }

    assert main(["verify", config, written(tmp_path, "Q4_K_M", changes), "--json"]) == 1

    (result,) = json.loads(capsys.readouterr().out)["results"]
    found = {one["name"]: (one["kind"], one["other_type"]) for one in result["differences"]}
    assert found == {
        "rope_freqs.weight": ("extra", "F32"),
        "blk.3.attn_v.weight": ("type", "F16"),
    }


def test_a_precision_that_is_no_file_type(tmp_path: Path, config: str) -> None:
    assert main(["verify", config, written(tmp_path, "Q4_0", {}), "--precision", "bf16"]) == 2
