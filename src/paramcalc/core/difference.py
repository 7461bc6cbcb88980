"""Two models held against each other, tensor by tensor, and told folded over layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from paramcalc.core.breakdown import group_name
from paramcalc.core.grouping import StoredTensor, grouped
from paramcalc.core.model import Model

MISSING, EXTRA, RESHAPED, RETYPED = "missing", "extra", "shape", "type"

Shape = tuple[int, ...]
Stored = tuple[Shape, str | None]
"""Shape of a tensor, and its number format if that is compared."""


class Difference(NamedTuple):
    """Equal differences of several tensors: their names with ranges, and both shapes."""

    kind: str
    """``missing`` in the other, ``extra`` there, or of another ``shape`` or ``type``."""
    name: str
    shape: Shape | None
    other_shape: Shape | None
    tensors: int
    type: str | None = None
    other_type: str | None = None


def differences(model: Model, other: Model, *, types: bool = False) -> list[Difference]:
    """What the other model lacks, has besides, or has in another shape (or number format)."""
    ours, theirs = _stored(model, types=types), _stored(other, types=types)
    common = [name for name in ours if name in theirs]
    shapes = [name for name in common if ours[name][0] != theirs[name][0]]
    same = [n for n in common if ours[n][0] == theirs[n][0] and ours[n][1] != theirs[n][1]]
    return [
        *_folded(MISSING, (name for name in ours if name not in theirs), ours, {}),
        *_folded(EXTRA, (name for name in theirs if name not in ours), {}, theirs),
        *_folded(RESHAPED, shapes, ours, theirs),
        *_folded(RETYPED, same, ours, theirs),
    ]


def _stored(model: Model, *, types: bool) -> dict[str, Stored]:
    return {
        tensor.name: (tensor.shape, group.stored_type if types else None)
        for group in model.groups
        for tensor in group.tensors()
    }


def _folded(
    kind: str, names: Iterable[str], ours: Mapping[str, Stored], theirs: Mapping[str, Stored]
) -> list[Difference]:
    """Names that differ in numbers only, and in the same way, as one difference."""
    nothing: tuple[None, None] = (None, None)
    both = {name: (ours.get(name, nothing), theirs.get(name, nothing)) for name in names}
    pairs = {str(pair): pair for pair in both.values()}
    tensors = (StoredTensor(name, (), str(pair), 0) for name, pair in both.items())
    found = []
    for group in grouped(tensors):
        (shape, type_), (other_shape, other_type) = pairs[group.stored_type or ""]
        found.append(
            Difference(kind, group_name(group), shape, other_shape, group.count, type_, other_type)
        )
    return found
