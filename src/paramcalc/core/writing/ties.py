"""Tied tensors: what they would be on their own, and how a spec says where they are stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import NamedTuple

from paramcalc.core.model import Model, TensorGroup, Tied
from paramcalc.core.names import index_of

_MOST_TIES = 2_000
_VARIABLES = "ijklmn"

Pair = tuple[str, str]
"""Path of the tensor or module that is tied, and of the one that stores it."""


def ties_of(model: Model) -> tuple[list[TensorGroup], Mapping[str, str]]:
    """The tensors that were tied away, and the section `tied:` that ties them again.

    A tie whose target is not there (a file may name tensors otherwise) is left out.
    """
    kept = [
        tie
        for tie in model.ties[:_MOST_TIES]
        if tie.group is not None and _count(tie.target, model.groups)
    ]
    groups = [tie.group for tie in kept if tie.group is not None]
    everything = [*model.groups, *groups]
    found: dict[str, str] = {}
    for pair, ties in _by_ends(kept).items():
        found |= _folded(pair, ties, everything)
    return groups, found


class _Rest(NamedTuple):
    """A tie, and what of its path is the same at both ends."""

    tie: Tied
    parts: tuple[str, ...]


def _by_ends(ties: Sequence[Tied]) -> dict[Pair, list[_Rest]]:
    """The ties by what differs at their ends."""
    found: dict[Pair, list[_Rest]] = {}
    for tie in ties:
        source, target = tie.template.split("."), tie.target.split(".")
        same = 0
        while same < min(len(source), len(target)) and source[-1 - same] == target[-1 - same]:
            same += 1
        pair = ".".join(source[: len(source) - same]), ".".join(target[: len(target) - same])
        found.setdefault(pair, []).append(_Rest(tie, tuple(source[len(source) - same :])))
    return found


def _folded(pair: Pair, ties: Sequence[_Rest], groups: Sequence[TensorGroup]) -> dict[str, str]:
    """A module all of whose tensors are tied to those of another one is tied as a whole."""
    if len(ties) == 1 or not all(rest.parts for rest in ties):
        return {source: target for rest in ties for source, target in _pairs(rest.tie)}
    count = sum(rest.tie.group.count for rest in ties if rest.tie.group)
    if all(pair) and "{}" not in "".join(pair) and count == _count(pair[0], groups):
        return dict([pair])
    found: dict[str, str] = {}
    for part in dict.fromkeys(rest.parts[0] for rest in ties):
        inside = [_Rest(rest.tie, rest.parts[1:]) for rest in ties if rest.parts[0] == part]
        below = f"{pair[0]}.{part}".lstrip("."), f"{pair[1]}.{part}".lstrip(".")
        found |= _folded(below, inside, groups)
    return found


def _count(path: str, groups: Sequence[TensorGroup]) -> int:
    """How many tensors are at a path and below it."""
    return sum(_below(path.split("."), group) for group in groups)


def _below(parts: Sequence[str], group: TensorGroup) -> int:
    places = group.template.split(".")
    if len(places) < len(parts):
        return 0
    left = list(group.indices)
    for part, place in zip(parts, places):
        if not place.endswith("{}"):
            if part != place:
                return 0
            continue
        numbers, name = left.pop(0), place.removesuffix("{}")
        number = index_of(part.removeprefix(name)) if part.startswith(name) else None
        if part != place and (number is None or number not in numbers):
            return 0
    return prod(map(len, left))


def _pairs(tie: Tied) -> Iterator[Pair]:
    """A tie of a group of tensors, as keys with repeats; one for each index that none can say."""
    count = tie.template.count("{}")
    axes = tie.group.indices[len(tie.group.indices) - count :] if tie.group and count else ()
    whole = [axis if isinstance(axis, range) else None for axis in axes]
    choices = [[axis] if whole[n] else list(axis) for n, axis in enumerate(axes)]
    for chosen in product(*choices):
        sources = [_repeated(n, one) for n, one in enumerate(chosen)]
        targets = [
            f"[{_VARIABLES[n]}]" if isinstance(one, range) else f".{one}"
            for n, one in enumerate(chosen)
        ]
        yield _filled(tie.template, sources), _filled(tie.target, targets)


def _repeated(place: int, chosen: object) -> str:
    if not isinstance(chosen, range):
        return f".{chosen}"
    span = f"{chosen.start}:{chosen.stop}" if chosen.start else f"{chosen.stop}"
    return f"[{_VARIABLES[place]} in {span}]"


def _filled(template: str, texts: Sequence[str]) -> str:
    """`experts.{}.up` with `[i in 8]` in place of the dot and the number."""
    for text in texts:
        name, _, rest = template.partition("{}")
        template = (
            (name if name.endswith("_") else name.removesuffix("."))
            + text.replace(".", "" if name.endswith("_") else ".")
            + rest
        )
    return template
