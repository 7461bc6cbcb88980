"""Single tensors of a file, folded into groups of equal ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from paramcalc.core.model import TensorGroup
from paramcalc.core.names import LONGEST_INDEX
from paramcalc.errors import ParamcalcError

Indices = tuple[int, ...]
_INDEX = re.compile(rf"\.(0|[1-9][0-9]{{0,{LONGEST_INDEX - 1}}})(?=\.|$)", re.ASCII)


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
    return boxed((StoredTensor(*key), indices) for key, indices in alike(tensors).items())


def alike(tensors: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], list[Indices]]:
    """Tuples that begin with a name, by all that they say, the numbers in the name taken out."""
    found: dict[tuple[Any, ...], list[Indices]] = {}
    for tensor in tensors:
        template, indices = template_of(tensor[0])
        key = (template, *tensor[1:])
        same = found.get(key)
        if same is None:
            same = found[key] = []
        same.append(indices)
    return found


def boxed(found: Iterable[tuple[StoredTensor, Sequence[Indices]]]) -> list[TensorGroup]:
    """Groups of tensors whose name is a template, each with the indices that there are."""
    return [_group(tensor, box) for tensor, indices in found for box in boxes(indices)]


@lru_cache(maxsize=4)  # of one tensor it is asked several times in a row
def template_of(name: str) -> tuple[str, Indices]:
    """A name with its numbers taken out, except a first one, which stands for a module itself.

    >>> template_of("layers.7.weight"), template_of("0.weight")
    (('layers.{}.weight', (7,)), ('0.weight', ()))
    """
    if "{" in name or "}" in name:
        name = name.replace("{", "(").replace("}", ")")
    pieces = _INDEX.split(name)
    return ".{}".join(pieces[::2]), tuple(map(int, pieces[1::2]))


def boxes(points: Sequence[Indices]) -> list[tuple[Indices | range, ...]]:
    """Points as Cartesian products, as few as can be found by splitting at the first index."""
    axes = [tuple(dict.fromkeys(axis)) for axis in zip(*points)]
    if prod(map(len, axes)) == len(points):
        return [tuple(map(_range, axes))]
    if not axes:
        raise ParamcalcError("two tensors have names that differ in their brackets only")
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
