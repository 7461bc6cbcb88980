"""Bytes of a model's stored tensors in a precision: one number format, or a recipe that mixes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from paramcalc.core.breakdown import group_name
from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.precision import Format
from paramcalc.core.trace import Trace

if TYPE_CHECKING:
    from fractions import Fraction

    from paramcalc.core.recipe import Recipe


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

    @property
    def recipe(self) -> Recipe | None:
        """What more can be asked where tensors get formats of their own."""


class AsStored(NamedTuple):
    """The formats that a file's tensors have in it."""

    name: str = "stored"
    source: str = "the file's own header"

    def assign(self, model: Model) -> Iterator[tuple[TensorGroup, Format]]:
        """Each tensor is one block of as many bytes as the header says."""
        for group in model.groups:
            numel, size = int(group.tensor_numel), int(group.stored_bytes or 0)
            yield group, Format(group.stored_type or "", numel or 1, size)

    @property
    def recipe(self) -> None:
        return None


AS_STORED = AsStored()


class FileSize(NamedTuple):
    """Bytes of a file."""

    data: int
    """All tensors, each filled up to the alignment: exact."""
    header: tuple[int, int, int]
    """Vocabulary, metadata, names of the tensors: an estimate; low, middle, high."""
    source: str

    @property
    def total(self) -> int:
        """Data and the middle of what stands before them."""
        return self.data + self.header[1]


class Share(NamedTuple):
    """What of a model is stored in one format."""

    format: str
    tensors: int
    numel: int
    bytes: int


class Excess(NamedTuple):
    """Tensors that take more than the nominal bits."""

    name: str
    format: str
    bytes: int
    """What they take above these."""


class Weights(NamedTuple):
    """A model's stored tensors in a precision."""

    bytes: int
    shares: tuple[Share, ...]
    """By format, largest first; their bytes add up."""
    kept: int
    """Parameters that stay in 16 bits or more."""


def stored(model: Model, precision: Precision, trace: Trace | None = None) -> Weights:
    """All stored tensors, parameters and buffers; blocks are filled up."""
    sums: dict[str, list[int]] = {}
    runs: dict[tuple[int, Format], int] = {}
    kept = 0
    for group, storage in precision.assign(model):
        tensors, numel = int(group.count), int(group.numel)
        count, length = storage.runs(group.shape, group.kind)
        of_format = sums.setdefault(storage.name, [0, 0, 0])
        of_format[0] += tensors
        of_format[1] += numel
        of_format[2] += tensors * int(count) * int(storage.bytes(int(length)))
        key = int(length), storage
        runs[key] = runs.get(key, 0) + tensors * int(count)
        if group.trained and _is_kept(precision, storage):
            kept += numel
    lines = sorted((Share(name, *three) for name, three in sums.items()), key=lambda s: -s.bytes)
    total = _summed(precision, runs, trace or Trace.off())
    return Weights(total, tuple(lines), kept)


def _is_kept(precision: Precision, storage: Format) -> bool:
    """Elements have 16 bits or more: a file's tensor is one block of as many bytes as it has."""
    if precision == AS_STORED:
        return storage.block_bytes >= 2 * storage.block_numel
    return storage.is_wide


def _summed(precision: Precision, runs: Mapping[tuple[int, Format], int], trace: Trace) -> int:
    """The bytes of so many runs of so many elements in a format each."""
    if precision == AS_STORED:
        size = sum(count * storage.bytes(numel) for (numel, storage), count in runs.items())
        return trace.note("weights as stored", size, "bytes", precision.source)
    total = 0
    for (numel, storage), count in runs.items():
        if storage.block_numel == 1:
            name = "stored_elements" if storage == precision else f"{storage.name}_elements"
            total = total + trace.number(name, count) * storage.block_bytes
        else:
            total = total + count * storage.bytes(trace.number(f"numel_{numel}", numel))
    return trace.note(f"weights in {precision.name}", total, "bytes", precision.source)


def dearest(model: Model, precision: Precision, bits: Fraction, most: int = 3) -> list[Excess]:
    """The tensors that cost most above ``bits`` for each parameter, the worst first."""
    found = []
    for group, storage in precision.assign(model):
        size = int(group.count) * int(storage.tensor_bytes(group.shape, group.kind))
        above = size - int(group.numel) * bits.numerator // (8 * bits.denominator)
        if group.trained and above > 0:
            found.append(Excess(group_name(group), storage.name, above))
    return sorted(found, key=lambda one: -one.bytes)[:most]


def weights_bytes(model: Model, precision: Precision) -> int:
    """Bytes of all stored tensors."""
    return int(stored(model, precision).bytes)
