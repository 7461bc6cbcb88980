"""Single tensors of a file, folded into groups of equal ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import NamedTuple

from paramcalc.core.model import TensorGroup
from paramcalc.core.names import index_of

Indices = tuple[int, ...]


class StoredTensor(NamedTuple):
    """One tensor as a file holds it."""

    name: str
    shape: tuple[int, ...]
    """The logical shape: of what is packed in it, if it is a container."""
    stored_type: str
    """The file's own name of the number format: ``BF16``, ``Q4_K``."""
    stored_bytes: int
    kind: str = "Parameter"
    trained: bool = True


def grouped(tensors: Iterable[StoredTensor]) -> list[TensorGroup]:
    """Groups of equal tensors, in the order of first appearance.

    Equal are those whose names differ in numbers only and that have the same shape and type; the
    indices of a group are a full Cartesian product.
    """
    found: dict[tuple[object, ...], tuple[StoredTensor, list[Indices]]] = {}
    for tensor in tensors:
        template, indices = template_of(tensor.name)
        key = (template, *tensor[1:])
        found.setdefault(key, (tensor._replace(name=template), []))[1].append(indices)
    return [_group(tensor, box) for tensor, indices in found.values() for box in boxes(indices)]


def template_of(name: str) -> tuple[str, Indices]:
    """A name with its numbers taken out, except a first one, which stands for a module itself.

    >>> template_of("layers.7.weight"), template_of("0.weight")
    (('layers.{}.weight', (7,)), ('0.weight', ()))
    """
    first, *rest = name.split(".")
    parts, indices = [_braceless(first)], []
    for part in rest:
        index = index_of(part)
        parts.append("{}" if index is not None else _braceless(part))
        if index is not None:
            indices.append(index)
    return ".".join(parts), tuple(indices)


def _braceless(part: str) -> str:
    return part.replace("{", "(").replace("}", ")")


def boxes(points: Sequence[Indices]) -> list[tuple[Indices | range, ...]]:
    """Points as Cartesian products, as few as can be found by splitting at the first index."""
    axes = [tuple(dict.fromkeys(axis)) for axis in zip(*points)]
    if prod(map(len, axes)) == len(points):
        return [tuple(map(_range, axes))]
    by_rest: dict[frozenset[Indices], list[int]] = {}
    rests: dict[int, list[Indices]] = {}
    for point in points:
        rests.setdefault(point[0], []).append(point[1:])
    for first, rest in rests.items():
        by_rest.setdefault(frozenset(rest), []).append(first)
    return [
        (_range(tuple(firsts)), *box)
        for rest, firsts in by_rest.items()
        for box in boxes(sorted(rest))
    ]


def _range(numbers: Indices) -> Indices | range:
    ordered = tuple(sorted(numbers))
    whole = range(ordered[0], ordered[-1] + 1)
    return whole if len(whole) == len(ordered) else ordered


def _group(tensor: StoredTensor, box: tuple[Indices | range, ...]) -> TensorGroup:
    count = prod(map(len, box))
    return TensorGroup(
        tensor.name,
        box,
        tensor.shape,
        tensor.kind,
        count,
        count * prod(tensor.shape) if tensor.trained else 0,
        tensor.trained,
        stored_type=tensor.stored_type,
        stored_bytes=tensor.stored_bytes,
    )
