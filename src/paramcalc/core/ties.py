"""Tied tensors: stored once under another name, and counted once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from paramcalc.core.functions import type_name
from paramcalc.core.keys import Repeat
from paramcalc.core.model import TensorGroup, Tied
from paramcalc.core.names import index_of, indexed, is_below
from paramcalc.core.scope import Scope
from paramcalc.core.spec import Tie
from paramcalc.errors import ParamcalcError, did_you_mean, shorten

_MOST_COPIES = 10_000
_MOST_STEPS = 500_000

Indices = Sequence[int]


def apply_ties(
    ties: Sequence[Tie], groups: list[TensorGroup], names: Mapping[str, Any], root: str | None
) -> tuple[list[TensorGroup], list[Tied]]:
    """The groups without the tied ones, and what was tied to what.

    Where only the module ``root`` is kept, a tie counts if both its ends are kept.
    """
    tied: list[Tied] = []
    moved: dict[str, str] = {}
    for tie in ties:
        try:
            groups, found = _apply(tie, groups, names, root or "", moved)
            tied += found
        except ParamcalcError as error:
            raise error.at(tie.path) from None
    return groups, tied


def _apply(
    tie: Tie,
    groups: list[TensorGroup],
    names: Mapping[str, Any],
    root: str,
    moved: dict[str, str],
) -> tuple[list[TensorGroup], list[Tied]]:
    found: list[Tied] = []
    try:
        copies = list(_copies(tie, names))
    except ParamcalcError as error:
        raise error.at(tie.path, in_key=True) from None
    if len(copies) * len(groups) > _MOST_STEPS:
        raise ParamcalcError("a tie repeats too often")
    for source, scope in copies:
        if tie.condition is not None and not tie.condition.holds(scope):
            continue
        target = _final(_target(tie.target, scope), moved)
        if root and not (is_below(source, root) and is_below(target, root)):
            continue
        if is_below(target, source):
            raise ParamcalcError(f"`{shorten(source)}` cannot be stored in itself")
        groups, taken = _tie_one(source, target, groups)
        found += taken
        moved[source] = target
    return groups, found


def _final(target: str, moved: Mapping[str, str]) -> str:
    """Where a target is stored that is tied itself."""
    parts = target.split(".")
    for end in range(1, len(parts) + 1):
        place = moved.get(".".join(parts[:end]))
        if place is not None:
            return ".".join([place, *parts[end:]])
    return target


def _copies(tie: Tie, names: Mapping[str, Any]) -> Iterator[tuple[str, Scope]]:
    """Each source path with the values of its indices."""
    ranges = [_range(key.repeat, names) for key in tie.source if key.repeat]
    if prod(map(len, ranges)) > _MOST_COPIES:
        raise ParamcalcError("a tie repeats too often")
    for numbers in product(*ranges):
        left = iter(numbers)
        parts, values = [], {}
        for key in tie.source:
            name = key.name
            if key.repeat:
                values[key.repeat.variable] = next(left)
                name = indexed(name, str(values[key.repeat.variable]))
            parts.append(name)
        yield ".".join(parts), Scope(names, values)


def _range(repeat: Repeat, names: Mapping[str, Any]) -> range:
    start = repeat.start(names) if repeat.start else 0
    return range(_index(start), _index(repeat.stop(names)))


def _index(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        shown = str(value) if isinstance(value, (int, float)) else type_name(value)
        raise ParamcalcError(f"an index must be a whole number from 0, found {shorten(shown)}")
    return int(value)


def _target(pieces: Sequence[Any], scope: Scope) -> str:
    """The target path with each ``[EXPR]`` replaced by its number."""
    texts = (p if isinstance(p, str) else str(_index(p(scope))) for p in pieces)
    return "".join(texts)


def _tie_one(
    source: str, target: str, groups: list[TensorGroup]
) -> tuple[list[TensorGroup], list[Tied]]:
    """Take the tensor ``source``, or all below it, out of the groups."""
    there = _below(target, groups)
    kept: list[TensorGroup] = []
    tied: list[Tied] = []
    for group in groups:
        match = _match(source, group)
        if match is None:
            kept.append(group)
            continue
        rest, numbers = match
        inner = group.indices[len(numbers) :]
        same = there.get(rest, ())
        if not there:
            message = f"there is no tensor or module `{shorten(target)}` to tie to"
            raise ParamcalcError(message, did_you_mean(target, _names(groups)))
        if not any(group.shape == shape and _within(inner, outer) for shape, outer in same):
            raise _unlike(source + rest, target + rest, group, [shape for shape, _ in same])
        others, taken = _taken_out(group, numbers)
        kept += others
        numel = taken.count * group.tensor_numel
        tied.append(Tied(source + rest, target + rest, numel, taken))
    if not tied:
        raise ParamcalcError(
            f"there is no tensor or module `{shorten(source)}` to tie",
            did_you_mean(source, _names(groups)),
        )
    return kept, tied


def _unlike(
    source: str, target: str, group: TensorGroup, shapes: Sequence[tuple[int, ...]]
) -> ParamcalcError:
    """Why a tensor has no equal at the target."""
    why = "there is no such tensor"
    if shapes:
        own, other = (list(map(int, shape)) for shape in (group.shape, shapes[0]))
        why = f"{own} is another shape than {other}" if own != other else "it repeats more often"
    return ParamcalcError(f"`{shorten(source)}` cannot be stored in `{shorten(target)}`: {why}")


def _names(groups: Sequence[TensorGroup]) -> set[str]:
    return {group.template.replace("{}", "0") for group in groups}


def _below(
    path: str, groups: Sequence[TensorGroup]
) -> dict[str, list[tuple[tuple[int, ...], Sequence[Indices]]]]:
    """Shapes and inner indices of the tensors at and below a path, by what follows the path."""
    found: dict[str, list[tuple[tuple[int, ...], Sequence[Indices]]]] = {}
    for group in groups:
        if match := _match(path, group):
            rest, numbers = match
            found.setdefault(rest, []).append((group.shape, group.indices[len(numbers) :]))
    return found


def _match(path: str, group: TensorGroup) -> tuple[str, list[int]] | None:
    """What follows ``path`` in the group's template, and the indices that the path names."""
    parts, template = path.split("."), group.template.split(".")
    if len(parts) > len(template):
        return None
    numbers: list[int] = []
    for part, place in zip(parts, template):
        if place.endswith("{}"):
            name = place.removesuffix("{}")
            number = index_of(part.removeprefix(name)) if part.startswith(name) else None
            if number is None or number not in group.indices[len(numbers)]:
                return None
            numbers.append(number)
        elif part != place:
            return None
    rest = template[len(parts) :]
    return ("." + ".".join(rest) if rest else ""), numbers


def _within(inner: Sequence[Indices], outer: Sequence[Indices]) -> bool:
    """The inner indices are among the outer ones, place by place."""
    return len(inner) == len(outer) and all(
        a == b or (len(a) <= _MOST_COPIES and all(number in b for number in a))
        for a, b in zip(inner, outer)
    )


def _taken_out(group: TensorGroup, numbers: Sequence[int]) -> tuple[list[TensorGroup], TensorGroup]:
    """What is left of a group, and the part of it whose first indices are ``numbers``."""
    left: list[TensorGroup] = []
    for position, number in enumerate(numbers):
        left += [
            _narrowed(group, position, others)
            for others in _others(group.indices[position], number)
        ]
        group = _narrowed(group, position, (number,))
    return left, group


def _others(indices: tuple[int, ...] | range, number: int) -> list[tuple[int, ...] | range]:
    parts: list[tuple[int, ...] | range]
    if isinstance(indices, range):
        parts = [range(indices.start, number), range(number + 1, indices.stop)]
    else:
        parts = [tuple(other for other in indices if other != number)]
    return [part for part in parts if part]


def _narrowed(group: TensorGroup, position: int, part: tuple[int, ...] | range) -> TensorGroup:
    """The group with fewer values of one index."""
    share = len(group.indices[position])
    indices = (*group.indices[:position], part, *group.indices[position + 1 :])
    if len(part) == share:
        return group._replace(indices=indices)
    return group._replace(
        indices=indices,
        count=group.count // share * len(part),
        active_numel=group.active_numel * len(part) // share,
    )
