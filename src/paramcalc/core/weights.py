"""Bytes of a model's stored tensors in a precision: one number format, or a recipe that mixes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.precision import Format
from paramcalc.core.trace import Trace


class Precision(Protocol):
    """What weights are stored in: a `Format` for all of them, or a recipe."""

    @property
    def name(self) -> str: ...

    @property
    def source(self) -> str: ...

    def assign(self, model: Model) -> Iterator[tuple[TensorGroup, Format]]:
        """Each group of stored tensors with the format of each of its tensors.

        A recipe may name, cut and pack tensors otherwise than the model; then its own come out.
        """


class AsStored(NamedTuple):
    """The formats that a file's tensors have in it."""

    name: str = "stored"
    source: str = "the file's own header"

    def assign(self, model: Model) -> Iterator[tuple[TensorGroup, Format]]:
        """Each tensor is one block of as many bytes as the header says."""
        for group in model.groups:
            numel, size = int(group.tensor_numel), int(group.stored_bytes or 0)
            yield group, Format(group.stored_type or "", numel or 1, size)


AS_STORED = AsStored()


class Share(NamedTuple):
    """What of a model is stored in one format."""

    format: str
    tensors: int
    numel: int
    bytes: int


def weights_bytes(model: Model, precision: Precision, trace: Trace | None = None) -> int:
    """Bytes of all stored tensors, parameters and buffers; blocks are filled up."""
    trace = trace or Trace.off()
    if precision == AS_STORED:
        return trace.note("weights as stored", model.stored_bytes or 0, "bytes", precision.source)
    runs: dict[tuple[int, Format], int] = {}
    for group, storage in precision.assign(model):
        count, numel = storage.runs(group.shape, group.kind)
        key = int(numel), storage
        runs[key] = runs.get(key, 0) + int(group.count) * int(count)
    total = 0
    for (numel, storage), count in runs.items():
        if storage.block_numel == 1:
            name = "stored_elements" if storage == precision else f"{storage.name}_elements"
            total = total + trace.number(name, count) * storage.block_bytes
        else:
            total = total + count * storage.bytes(trace.number(f"numel_{numel}", numel))
    return trace.note(f"weights in {precision.name}", total, "bytes", precision.source)


def shares(model: Model, precision: Precision) -> list[Share]:
    """The weights by format, largest first; their bytes add up to `weights_bytes`."""
    found: dict[str, tuple[int, int, int]] = {}
    for group, storage in precision.assign(model):
        tensors, numel, size = found.get(storage.name, (0, 0, 0))
        more = int(group.count) * int(storage.tensor_bytes(group.shape, group.kind))
        found[storage.name] = (tensors + int(group.count), numel + int(group.numel), size + more)
    lines = [Share(name, *sums) for name, sums in found.items()]
    return sorted(lines, key=lambda line: -line.bytes)
