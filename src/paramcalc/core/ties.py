"""Tied tensors: stored once under another name, and counted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

from paramcalc.core.expression import parse
from paramcalc.core.model import TensorGroup, Tied
from paramcalc.core.scope import Scope
from paramcalc.core.spec import Tie
from paramcalc.errors import ParamcalcError, did_you_mean

_MOST_COPIES = 10_000


def apply_ties(
    ties: Sequence[Tie], groups: list[TensorGroup], names: Mapping[str, Any]
) -> tuple[list[TensorGroup], list[Tied]]:
    """The groups without the tied ones, and what was tied to what."""
    tied: list[Tied] = []
    for tie in ties:
        try:
            if tie.condition is None or tie.condition(names):
                groups, found = _apply(tie, groups, names)
                tied += found
        except ParamcalcError as error:
            raise error.at(tie.path, in_key=True) from None
    return groups, tied


def _apply(
    tie: Tie, groups: list[TensorGroup], names: Mapping[str, Any]
) -> tuple[list[TensorGroup], list[Tied]]:
    found: list[Tied] = []
    for source, scope in _copies(tie, names):
        target = _target(tie.target, scope)
        groups, copies = _tie_one(source, target, groups)
        found += copies
    return groups, found


def _copies(tie: Tie, names: Mapping[str, Any]) -> list[tuple[str, Scope]]:
    """Each source path with the values of its indices."""
    ranges: list[range] = []
    for key in tie.source:
        if key.repeat:
            start = key.repeat.start(names) if key.repeat.start else 0
            ranges.append(range(start, key.repeat.stop(names)))
    if prod(len(r) for r in ranges) > _MOST_COPIES:
        raise ParamcalcError("a tie repeats too often")
    copies = []
    for numbers in product(*ranges):
        left = iter(numbers)
        parts, values = [], {}
        for key in tie.source:
            parts.append(key.name)
            if key.repeat:
                values[key.repeat.index] = next(left)
                parts.append(str(values[key.repeat.index]))
        copies.append((".".join(parts), Scope(names, values)))
    return copies


def _target(text: str, scope: Scope) -> str:
    """The target path with each ``[EXPR]`` replaced by its number."""
    while "[" in text:
        before, _, rest = text.partition("[")
        expression, _, after = rest.partition("]")
        text = f"{before}.{int(parse(expression)(scope))}{after}"
    return text


def _tie_one(
    source: str, target: str, groups: list[TensorGroup]
) -> tuple[list[TensorGroup], list[Tied]]:
    """Take the tensor ``source``, or all below it, out of the groups."""
    shapes = _shapes(target, groups)
    kept: list[TensorGroup] = []
    tied: list[Tied] = []
    for group in groups:
        match = _match(source, group)
        if match is None:
            kept.append(group)
            continue
        rest, numbers = match
        if shapes.get(rest) != group.shape:
            raise ParamcalcError(
                f"`{source}` cannot be stored in `{target}`: they have different shapes or names",
                did_you_mean(target, {g.template for g in groups}),
            )
        removed = group.count
        for position, number in enumerate(numbers):
            smaller = _without(group, position, number)
            if smaller is not None:
                kept.append(smaller)
                removed -= smaller.count
                break
        tied.append(Tied(source + rest, target + rest, removed * group.tensor_numel))
    if not tied:
        raise ParamcalcError(
            f"there is no tensor or module `{source}` to tie",
            did_you_mean(source, {g.template for g in groups}),
        )
    return kept, tied


def _shapes(target: str, groups: Sequence[TensorGroup]) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors at and below a path, by what follows the path."""
    found = {}
    for group in groups:
        match = _match(target, group)
        if match is not None:
            found[match[0]] = group.shape
    return found


def _match(path: str, group: TensorGroup) -> tuple[str, list[int]] | None:
    """What follows ``path`` in the group's template, and the indices that the path names."""
    parts, template = path.split("."), group.template.split(".")
    if len(parts) > len(template):
        return None
    numbers: list[int] = []
    for part, place in zip(parts, template, strict=False):
        if place == "{}":
            if not part.isdigit() or int(part) not in group.indices[len(numbers)]:
                return None
            numbers.append(int(part))
        elif part != place:
            return None
    rest = template[len(parts) :]
    return ("." + ".".join(rest) if rest else ""), numbers


def _without(group: TensorGroup, position: int, number: int) -> TensorGroup | None:
    """The group less one value of one index; None if that index has no other value."""
    others = tuple(n for n in group.indices[position] if n != number)
    if not others:
        return None
    if any(len(numbers) > 1 for at, numbers in enumerate(group.indices) if at < position):
        raise ParamcalcError("a tie can single out one repeat only")
    share = len(group.indices[position])
    return replace(
        group,
        indices=(*group.indices[:position], others, *group.indices[position + 1 :]),
        count=group.count // share * len(others),
        active_numel=group.active_numel // share * len(others),
    )


def check_unique(groups: Sequence[TensorGroup]) -> None:
    """Refuse two definitions of one tensor name."""
    seen: dict[str, list[TensorGroup]] = {}
    for group in groups:
        for other in seen.setdefault(group.template, []):
            if all(_overlap(a, b) for a, b in zip(group.indices, other.indices, strict=True)):
                first = (next(n for n in a if n in b) for a, b in zip(
                    group.indices, other.indices, strict=True
                ))
                name = group.template.format(*first)
                raise ParamcalcError(f"the tensor `{name}` is defined twice")
        seen[group.template].append(group)


def _overlap(a: Sequence[int], b: Sequence[int]) -> bool:
    if isinstance(a, range) and isinstance(b, range) and a.step == b.step == 1:
        return max(a.start, b.start) < min(a.stop, b.stop)
    small, large = (a, b) if len(a) < len(b) else (b, a)
    return any(number in large for number in small)


def strip_root(groups: list[TensorGroup], root: str | None) -> list[TensorGroup]:
    """Only what stands below ``root``, named from there (a bare model without its head)."""
    if not root:
        return groups
    prefix = root + "."
    return [
        replace(group, template=group.template[len(prefix) :])
        for group in groups
        if group.template.startswith(prefix)
    ]


def rename(groups: list[TensorGroup], names: Mapping[str, str]) -> list[TensorGroup]:
    """Modules under other names: ``{"model": "transformer"}`` renames the prefix ``model.``."""
    if not names:
        return groups
    renamed = []
    for group in groups:
        for old, new in names.items():
            if group.template == old or group.template.startswith(old + "."):
                group = replace(group, template=new + group.template[len(old) :])
                break
        renamed.append(group)
    return renamed
