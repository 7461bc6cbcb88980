"""Two models held against each other, tensor by tensor."""

from __future__ import annotations

from pathlib import Path

import pytest

import paramcalc
from paramcalc.cli.main import main
from paramcalc.core.difference import Difference, differences

numpy = pytest.importorskip("numpy")
safetensors = pytest.importorskip("safetensors.numpy")

SPEC = """\
embed: Embedding(10, 4)
layers[3]:
  norm: RMSNorm(4)
  fc: Linear(4, 4)
"""


def checkpoint(folder: Path, **changes: tuple[int, ...] | None) -> str:
    """A file written by safetensors' own library: the tensors of `SPEC`, some changed."""
    shapes: dict[str, tuple[int, ...] | None] = {"embed.weight": (10, 4)}
    for layer in range(3):
        shapes[f"layers.{layer}.norm.weight"] = (4,)
        shapes[f"layers.{layer}.fc.weight"] = (4, 4)
        shapes[f"layers.{layer}.fc.bias"] = (4,)
    shapes |= {name.replace("__", "."): shape for name, shape in changes.items()}
    tensors = {n: numpy.zeros(shape, numpy.float16) for n, shape in shapes.items() if shape}
    file = folder / "model.safetensors"
    safetensors.save_file(tensors, file)
    return str(file)


def found(folder: Path, **changes: tuple[int, ...] | None) -> list[Difference]:
    spec = folder / "spec.yaml"
    spec.write_text(SPEC)
    return differences(paramcalc.load(str(spec)), paramcalc.load(checkpoint(folder, **changes)))


def test_equal(tmp_path: Path) -> None:
    assert found(tmp_path) == []


def test_missing_extra_and_another_shape(tmp_path: Path) -> None:
    changes: dict[str, tuple[int, ...] | None] = {
        "layers__0__norm__weight": None,
        "layers__1__norm__weight": None,
        "head__weight": (10, 4),
        "layers__0__fc__weight": (4, 8),
        "layers__2__fc__weight": (4, 8),
    }
    assert found(tmp_path, **changes) == [
        Difference("missing", "layers.0-1.norm.weight", (4,), None, 2),
        Difference("extra", "head.weight", None, (10, 4), 1),
        Difference("shape", "layers.0-2/2.fc.weight", (4, 4), (4, 8), 2),
    ]


def test_the_exit_code_says_whether_they_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC)
    assert main(["verify", str(spec), checkpoint(tmp_path)]) == 0
    assert "10 tensors agree" in capsys.readouterr().out
    assert main(["verify", str(spec), checkpoint(tmp_path, embed__weight=None)]) == 1
    assert "1 tensor differs" in capsys.readouterr().out
    assert main(["verify", str(spec), "no-such-model-at-all"]) == 2
    assert capsys.readouterr().out == ""
