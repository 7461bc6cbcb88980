"""What tensors are called: each name once, and below which module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import NamedTuple, TypeVar

from paramcalc.core.cache import PlacedCache
from paramcalc.core.model import TensorGroup, Tied
from paramcalc.errors import ParamcalcError, did_you_mean, shorten

_MOST_COMPARISONS = 300_000
LONGEST_INDEX = 15

Named = TypeVar("Named", TensorGroup, Tied)
Indices = tuple[int, ...] | range
Box = Sequence[Indices]
"""The indices of a group: its tensors are their Cartesian product."""


def index_of(part: str) -> int | None:
    """A part of a name as an index; ``007`` is a name like any other.

    >>> index_of("7"), index_of("007"), index_of("norm1")
    (7, None, None)
    """
    if (
        not (part.isascii() and part.isdecimal())
        or len(part) > LONGEST_INDEX
        or (part[0] == "0" and part != "0")
    ):
        return None
    return int(part)


def indexed(name: str, index: str) -> str:
    """One of the modules ``name[n]``: ``expert_[n]`` is expert_0, expert_1 … without a dot.

    >>> indexed("layers", "3"), indexed("expert_", "3"), indexed("", "3")
    ('layers.3', 'expert_3', '3')
    """
    return f"{name}{index}" if name.endswith("_") or not name else f"{name}.{index}"


def templated(path: str) -> str:
    """A path in which ``[]`` stands for any index, as templates of groups have it.

    >>> templated("layers[].attn")
    'layers.{}.attn'
    """
    first, *rest = path.split("[]")
    for part in rest:
        first = indexed(first, "{}") + part
    return first


def is_below(path: str, root: str) -> bool:
    """The path is that of the module ``root``, or of something in it."""
    return path == root or path.startswith(root + ".")


def check_unique(groups: Sequence[TensorGroup], paths: Sequence[tuple[str, ...]] = ()) -> None:
    """Refuse two definitions of one tensor name; ``paths`` tell where each group is defined."""
    by_template: dict[str, list[TensorGroup]] = {}
    for group in groups:
        by_template.setdefault(group.template, []).append(group)
    for template, same in by_template.items():
        if len(same) > 1:
            try:
                _check_indices(template, [group.indices for group in same])
            except ParamcalcError as error:
                last = max((n for n, g in enumerate(groups) if g.template == template), default=0)
                raise error.at(paths[last] if paths else ("rename",)) from None


def _check_indices(template: str, boxes: Sequence[Box]) -> None:
    """Refuse indices that two groups of one template share.

    Single tensors (layers that are written one by one) are looked up; only groups of several have
    to be compared.
    """
    points: set[tuple[int, ...]] = set()
    wide: list[Box] = []
    for box in boxes:
        if any(len(numbers) > 1 for numbers in box):
            wide.append(box)
            continue
        point = tuple(numbers[0] for numbers in box)
        if point in points:
            raise _twice(template, point)
        points.add(point)
    for effort, (box, other) in enumerate(_neighbours(wide)):
        if effort > _MOST_COMPARISONS:
            raise ParamcalcError(f"too many different tensors are called `{shorten(template)}`")
        if all(_overlap(a, b) for a, b in zip(box, other)):
            raise _twice(template, tuple(map(_first_common, box, other)))
    for box in wide if points else ():
        if common := _common_point(box, points):
            raise _twice(template, common)


def _neighbours(boxes: Sequence[Box]) -> Iterator[tuple[Box, Box]]:
    """Pairs of boxes that may share indices: not those in different layers."""
    by_layer: dict[int | None, list[Box]] = {}
    for box in boxes:
        layer = box[0][0] if len(box[0]) == 1 else None
        anywhere = [other for same in by_layer.values() for other in same]
        here = anywhere if layer is None else by_layer.get(layer, []) + by_layer.get(None, [])
        yield from ((box, other) for other in here)
        by_layer.setdefault(layer, []).append(box)


def _common_point(box: Box, points: set[tuple[int, ...]]) -> tuple[int, ...] | None:
    if prod(map(len, box)) < len(points):
        return next((point for point in product(*box) if point in points), None)
    return next((p for p in points if all(n in numbers for n, numbers in zip(p, box))), None)


def _overlap(a: Indices, b: Indices) -> bool:
    if isinstance(a, range) and isinstance(b, range):
        return max(a.start, b.start) < min(a.stop, b.stop)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return not set(a).isdisjoint(b)
    few, many = (a, b) if isinstance(a, tuple) else (b, a)
    return any(number in many for number in few)


def _first_common(a: Indices, b: Indices) -> int:
    if isinstance(a, range) and isinstance(b, range):
        return max(a.start, b.start)
    small, large = (a, b) if isinstance(a, tuple) else (b, a)
    return next(number for number in small if number in large)


def _twice(template: str, indices: Sequence[int]) -> ParamcalcError:
    name = template.format(*indices)
    return ParamcalcError(f"the tensor `{shorten(name)}` is defined twice")


class Root(NamedTuple):
    """What of a network is kept, and under which names: ``root:`` and ``rename:`` of a spec."""

    root: str | None
    """Only what stands below this module, named from there (a bare model without its head)."""
    names: Mapping[str, str]
    """Modules under other names: ``{"model": "transformer"}`` renames the prefix ``model.``.

    The longest of several that fit counts.
    """

    def groups(self, groups: Sequence[TensorGroup]) -> list[TensorGroup]:
        """The groups that are kept; raises `ParamcalcError` if there is no such module."""
        if self.is_plain:
            return list(groups)
        kept = [group._replace(template=self.new(group.template)) for group in self._below(groups)]
        if not kept:
            near = did_you_mean(
                self.root or "", {group.template.partition(".")[0] for group in groups}
            )
            message = f"there is no module `{shorten(self.root or '')}`"
            raise ParamcalcError(message, near).at(("root",))
        return kept

    def ties(self, ties: Sequence[Tied]) -> list[Tied]:
        """The ties of what is kept."""
        if self.is_plain:
            return list(ties)
        return [
            tie._replace(
                template=self.new(tie.template),
                target=self.new(tie.target),
                group=tie.group and tie.group._replace(template=self.new(tie.group.template)),
            )
            for tie in self._below(ties)
        ]

    def caches(self, caches: Sequence[PlacedCache]) -> list[PlacedCache]:
        """All caches: a network that is cut out remembers as much."""
        return [one._replace(template=self.new(one.template.rstrip("."))) for one in caches]

    def ends(self, ends: Mapping[str, str]) -> Mapping[str, str]:
        """Where the input and the output are, if they are kept."""
        prefix = f"{self.root}." if self.root else ""
        return {end: self.new(path) for end, path in ends.items() if path.startswith(prefix)}

    @property
    def is_plain(self) -> bool:
        return not self.root and not self.names

    def new(self, path: str) -> str:
        """The name that a tensor or module has in the end."""
        path = path.removeprefix(f"{self.root}.") if self.root else path
        old = max((old for old in self.names if is_below(path, old)), key=len, default=None)
        return path if old is None else self.names[old] + path[len(old) :]

    def _below(self, found: Sequence[Named]) -> Iterator[Named]:
        prefix = f"{self.root}." if self.root else ""
        return (one for one in found if one.template.startswith(prefix))
