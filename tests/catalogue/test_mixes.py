"""Mixes of one's own: as a file, in a layer spec, and what is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

import paramcalc
from paramcalc import ParamcalcError

SPEC = """\
modules:
  embed: Embedding(10, 64)
  layers[4]:
    proj: Linear(64, 32, bias=False)
    norm: RMSNorm(64)
"""
MIX = """\
layers.0-1.proj.weight: q8_0
"*norm*": fp32
"""
# Two of four matrices of 32 rows of two blocks of 34 bytes, the others in 16 bits; vectors in 32.
BYTES = 2 * 32 * 2 * 34 + 2 * 32 * 64 * 2 + 4 * 64 * 4 + 10 * 64 * 2


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(SPEC)
    return path


def own(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_a_file_with_a_mix(spec: Path, tmp_path: Path) -> None:
    found = paramcalc.memory(spec, own(tmp_path, MIX))

    assert found.weights_bytes == BYTES


def test_a_mix_in_a_layer_spec(spec: Path) -> None:
    indented = "".join(f"  {line}\n" for line in MIX.splitlines())
    spec.write_text(f"{SPEC}mix:\n{indented}")

    assert paramcalc.memory(spec, "mix").weights_bytes == BYTES


def test_a_spec_without_a_mix_has_none(spec: Path) -> None:
    with pytest.raises(ParamcalcError, match="no precision named `mix`"):
        paramcalc.memory(spec, "mix")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'*': fp32\n", (4 * 32 * 64 + 4 * 64 + 640) * 4),
        # A matrix has two sizes, a norm one.
        ("'*': [q8_0 if dims > 1, fp32]\n", 4 * 32 * 2 * 34 + 4 * 64 * 4 + 10 * 2 * 34),
        # What no rule is for is in 16 bits.
        ("'*': fp32 if kind == 'Embedding'\n", (4 * 32 * 64 + 4 * 64) * 2 + 640 * 4),
        ("'*': own\n", (4 * 32 * 64 + 4 * 64 + 640) * 2),
        ("'*norm*': own\n'*': fp32\n", (4 * 32 * 64 + 4 * 64 + 640) * 4),
        ("'*proj*': own\n", (4 * 32 * 64 + 4 * 64 + 640) * 2),
    ],
)
def test_what_a_mix_may_say(spec: Path, tmp_path: Path, text: str, expected: int) -> None:
    assert paramcalc.memory(spec, own(tmp_path, text)).weights_bytes == expected


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("a: bf16\n'*b': q4_kk\n", "no precision named `q4_kk`", (2, 7)),
        ("a: gptq-4bit-g128\n", "is a recipe for whole models", (1, 4)),
        ("a: bf16 if dimz > 1\n", "unknown name `dimz`", (1, 12)),
        ("a: bf16 if blocks > 1\n", "unknown name `blocks`", (1, 12)),
        ("a: bf16 if dims >\n", "cannot read the expression", (1, 12)),
        ("a: 5\n", "expected the name of a number format", (1, 4)),
        ("a: []\n", "expected the name of a number format", (1, 1)),
        ("a: {b: c}\n", "expected the name of a number format", (1, 1)),
        ("a: [bf16, 5]\n", "expected the name of a number format", (1, 1)),
        ("'************* ': bf16\n", "is no pattern of names", (1, 19)),
        ("a: mix\n", "`mix` cannot stand in a mix", (1, 4)),
        ("a: bf16\na: fp32\n", "twice", (2, 1)),
        ("- a\n", "is no mapping of names", None),
    ],
)
def test_what_is_wrong_is_told_at_its_place(
    spec: Path, tmp_path: Path, text: str, message: str, place: tuple[int, int] | None
) -> None:
    path = own(tmp_path, text)
    with pytest.raises(ParamcalcError) as caught:
        paramcalc.memory(spec, path)

    (problem,) = caught.value.problems
    assert message in problem.message
    where = problem.place
    assert (where and (where.file, where.line, where.column)) == (place and (path, *place))


def test_a_file_that_is_not_there(spec: Path, tmp_path: Path) -> None:
    with pytest.raises(ParamcalcError, match="no-such"):
        paramcalc.memory(spec, str(tmp_path / "no-such.yaml"))
