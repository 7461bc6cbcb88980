"""What a tree of modules is made of: tensors and caches, each with the places where it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from paramcalc.core.writing.calls import Leaf
from paramcalc.core.writing.intervals import Intervals, members, overlap, size, union
from paramcalc.errors import ParamcalcError

NUMBER = "{}"
MOST_ITEMS = 100_000
TOO_MANY = "there are too many different tensors to write a spec of them"
_VARIABLES = "ijklmn"


class Item(NamedTuple):
    """A tensor or a cache of all the modules that its path names, relative to a module."""

    path: tuple[str, ...]
    """Names, and `{}` where an index stands: after a name, or at its end (`expert_{}`)."""
    axes: tuple[Intervals, ...]
    """Values of those indices; all combinations are meant."""
    what: Leaf | str
    """A tensor, or the text of a cache."""
    running: int | None = None
    """Which of the axes is that of experts, counted from the last one."""
    share: Fraction = Fraction(1)
    """What part of the experts is active."""
    fused: int | None = None
    """Experts that are active, where the first dimension counts them."""
    copy: int = 0
    """Tells equal caches of one module from each other."""
    here: Intervals = ()
    """Of the running index around it: for which of its values it is there."""


class Domain(NamedTuple):
    """The running index around a module."""

    depth: int = 0
    """How many repeats there are around it."""
    numbers: Intervals = ()

    @property
    def variable(self) -> str:
        """The name of the index that runs here."""
        outer = max(self.depth - 1, 0)
        return _VARIABLES[outer] if outer < len(_VARIABLES) else f"i{outer}"

    def inside(self, numbers: Intervals) -> Domain:
        return Domain(self.depth + 1, numbers)


def spelled_out(item: Item) -> Iterator[Item]:
    """With the numbers written out that no repeat can say: it takes a name to repeat something."""
    place = next(filter(lambda place: _is_nameless(item.path, place), range(len(item.path))), None)
    if place is None:
        yield item
        return
    at = sum(NUMBER in before for before in item.path[:place])
    behind = len(item.axes) - 1 - at
    running = item.running
    if running is not None and running >= behind:
        running = running - 1 if running > behind else None
    if size(item.axes[at]) > MOST_ITEMS:
        raise ParamcalcError(TOO_MANY)
    for number in members(item.axes[at]):
        path = (*item.path[:place], str(number), *item.path[place + 1 :])
        axes = (*item.axes[:at], *item.axes[at + 1 :])
        yield from spelled_out(item._replace(path=path, axes=axes, running=running))


def _is_nameless(path: Sequence[str], place: int) -> bool:
    """An index at the beginning, or before another one; after `expert_` it has no dot."""
    if path[place] != NUMBER:
        return False
    return (
        not place
        or path[place + 1 : place + 2] == (NUMBER,)
        or path[place - 1].endswith(("_", NUMBER))
    )


def merged(items: Iterable[Item]) -> list[Item]:
    """Items that differ only in where they are, as one."""
    found: dict[Item, list[Intervals]] = {}
    for item in items:
        found.setdefault(item._replace(here=()), []).append(item.here)
    return [item._replace(here=union(here)) for item, here in found.items()]


def by_place(items: Iterable[Item]) -> list[tuple[Intervals, list[Item]]]:
    """The items by where they are."""
    found: dict[Intervals, list[Item]] = {}
    for item in items:
        found.setdefault(item.here, []).append(item)
    return list(found.items())


def apart(items: Sequence[Item]) -> list[tuple[Intervals, list[Item]]]:
    """The items in parts that have no place in common, in the order of places."""
    parts: list[tuple[Intervals, list[Item]]] = []
    for numbers, same in by_place(items):
        touching = [part for part in parts if overlap(part[0], numbers)]
        together = union([numbers, *(part[0] for part in touching)])
        inside = [item for part in touching for item in part[1]] + same
        parts = [part for part in parts if part not in touching] + [(together, inside)]
    order = {id(item): place for place, item in enumerate(items)}
    for _, inside in parts:
        inside.sort(key=lambda item: order[id(item)])
    return sorted(parts, key=lambda part: part[0])
