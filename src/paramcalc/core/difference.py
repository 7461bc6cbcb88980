"""Two models held against each other, tensor by tensor, and told folded over layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from paramcalc.core.breakdown import group_name
from paramcalc.core.grouping import StoredTensor, grouped
from paramcalc.core.model import Model

MISSING, EXTRA, RESHAPED = "missing", "extra", "shape"

Shape = tuple[int, ...]


class Difference(NamedTuple):
    """Equal differences of several tensors: their names with ranges, and both shapes."""

    kind: str
    """``missing`` in the other, ``extra`` there, or of another ``shape``."""
    name: str
    shape: Shape | None
    other_shape: Shape | None
    tensors: int


def differences(model: Model, other: Model) -> list[Difference]:
    """What the other model lacks, has besides, or has in another shape."""
    ours = {tensor.name: tensor.shape for tensor in model.tensors()}
    theirs = {tensor.name: tensor.shape for tensor in other.tensors()}
    common = [name for name in ours if name in theirs]
    return [
        *_folded(MISSING, (name for name in ours if name not in theirs), ours, {}),
        *_folded(EXTRA, (name for name in theirs if name not in ours), {}, theirs),
        *_folded(RESHAPED, (n for n in common if ours[n] != theirs[n]), ours, theirs),
    ]


def _folded(
    kind: str, names: Iterable[str], ours: Mapping[str, Shape], theirs: Mapping[str, Shape]
) -> list[Difference]:
    """Names that differ in numbers only, with equal shapes on both sides, as one difference."""
    both = {name: (ours.get(name), theirs.get(name)) for name in names}
    pairs = {str(shapes): shapes for shapes in both.values()}
    tensors = (StoredTensor(name, (), str(shapes), 0) for name, shapes in both.items())
    return [
        Difference(kind, group_name(group), *pairs[group.stored_type or ""], group.count)
        for group in grouped(tensors)
    ]
