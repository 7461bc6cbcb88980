"""The spec language: every form of it, every way to get it wrong, and what is said about that.

``specs/positive``: a spec, and beside it what it expands to. ``specs/negative``: a spec, and
beside it the whole message. A first comment ``# set: {…}`` is the configuration.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import paramcalc
from paramcalc.catalogue import architectures, files
from paramcalc.core.cache import Cache
from paramcalc.core.model import Model
from paramcalc.errors import ParamcalcError

SPECS = Path(__file__).parents[1] / "specs"
POSITIVE = sorted((SPECS / "positive").glob("*.yaml"))
NEGATIVE = sorted((SPECS / "negative").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _own_architectures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The architectures of `specs/data` are known besides the shipped ones."""
    monkeypatch.setenv("PARAMCALC_DATA", str(SPECS / "data"))
    forget()
    yield
    monkeypatch.undo()
    forget()


def forget() -> None:
    for cached in (files.data_folders, architectures.architecture_source, architectures.find_spec):
        cached.cache_clear()


def settings(text: str) -> Mapping[str, Any]:
    first = text.partition("\n")[0]
    found: Mapping[str, Any] = json.loads(first.removeprefix("# set: "))
    return found


def load(path: Path) -> Model:
    text = path.read_text(encoding="utf-8")
    with contextlib.chdir(path.parent):
        return paramcalc.load(
            path.name, overrides=settings(text) if text.startswith("# set: ") else {}
        )


# --- what a spec expands to ----------------------------------------------------------------------


def expected(path: Path) -> list[str]:
    lines = path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    return sorted(line for line in lines if not line.startswith("#"))


def described(model: Model) -> Iterator[str]:
    counts = model.parameters
    yield f"total {counts.total}"
    yield f"active {counts.active}"
    yield f"buffers {counts.buffers}"
    for tensor in model.tensors():
        role = " buffer" if tensor.role == "buffer" else ""
        yield f"tensor {tensor.name} {list(tensor.shape)}{role}"
    yield from map(remembered, model.caches)
    for tie in model.ties:
        yield f"tie {tie.template} -> {tie.target}: {tie.numel}"


def remembered(cache: Cache) -> str:
    sizes = {
        "token": cache.token_numel or None,
        "limit": cache.limit,
        "sequence": cache.sequence_numel or None,
        "source": cache.source_tokens,
        "expanded": cache.expanded_token_numel or None,
    }
    known = [f"{name}={size}" for name, size in sizes.items() if size is not None]
    return " ".join(["cache", cache.kind, f"x{cache.count}", *known])


@pytest.mark.parametrize("path", POSITIVE, ids=lambda path: path.stem)
def test_expands_to(path: Path) -> None:
    lines = expected(path)
    kinds = {line.partition(" ")[0] for line in lines}
    # Of a published network only the counts are written down.
    whole = any(line.startswith(("tensor", "cache")) for line in lines)
    found = sorted(described(load(path)))
    assert [line for line in found if whole or line.partition(" ")[0] in kinds] == lines


@pytest.mark.parametrize("path", POSITIVE, ids=lambda path: path.stem)
def test_names_are_unique_and_groups_are_products(path: Path) -> None:
    model = load(path)
    names = [tensor.name for tensor in model.tensors()]
    assert len(names) == len(set(names)) == model.tensor_count
    assert sum(tensor.numel for tensor in model.tensors()) == model.parameters.stored


# --- what is said about a wrong one --------------------------------------------------------------


@pytest.mark.parametrize("path", NEGATIVE, ids=lambda path: path.stem)
def test_message(path: Path) -> None:
    message = path.with_suffix(".txt").read_text(encoding="utf-8")
    start = time.perf_counter()
    with pytest.raises(ParamcalcError) as caught:
        load(path)
    assert time.perf_counter() - start < 1
    assert str(caught.value) == message.rstrip("\n")


def test_every_spec_has_its_text() -> None:
    assert len(POSITIVE) > 20
    assert len(NEGATIVE) > 60
    assert [p.stem for p in POSITIVE] == sorted(p.stem for p in (SPECS / "positive").glob("*.txt"))
    assert [p.stem for p in NEGATIVE] == sorted(p.stem for p in (SPECS / "negative").glob("*.txt"))
