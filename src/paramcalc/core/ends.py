"""Both ends of a network: the table that tokens come in by, and the head that predicts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from paramcalc.core.model import Embeddings, TensorGroup, Tied
from paramcalc.core.names import is_below


class Ends(NamedTuple):
    """How large both ends are, and the paths of their modules."""

    embeddings: Embeddings | None = None
    paths: Mapping[str, str] = MappingProxyType({})


Parts = Mapping[str, Ends]
"""The ends of nested networks, by the path at which each stands."""


def ends(
    paths: Mapping[str, str],
    root: str | None,
    groups: Sequence[TensorGroup],
    ties: Sequence[Tied],
    parts: Parts,
) -> Ends:
    """Elements at the ``input`` and ``output`` of ``embeddings:``; none if there is no input.

    An end that is stored elsewhere is as large as it would be by itself; a head that is stored in
    the input table adds none. The path of a nested network means the end that it has.
    """
    if "input" not in paths:
        return _of_a_part(parts)
    inner = {end: parts[path].paths.get(end) for end, path in paths.items() if path in parts}
    found = {**paths, **{end: path for end, path in inner.items() if path is not None}}
    return Ends(_sizes(paths, root, groups, ties, parts), found)


def _sizes(
    paths: Mapping[str, str],
    root: str | None,
    groups: Sequence[TensorGroup],
    ties: Sequence[Tied],
    parts: Parts,
) -> Embeddings:
    first, last = paths["input"], paths.get("output")
    ties = [tie for tie in ties if not tie.template.endswith("bias")]
    into = [tie for tie in ties if is_below(tie.template, first)]
    table = _own(first, groups) + sum(tie.numel for tie in into)
    if first in parts and (part := parts[first].embeddings):
        table = part.input
    # A bare network, cut out at its root, has no head.
    if last is None or not is_below(last, root or last):
        return Embeddings(table, 0, tied=False)
    if last in parts and (part := parts[last].embeddings):
        return Embeddings(table, part.output or part.input * part.tied, tied=False)
    moved = [tie for tie in ties if is_below(tie.template, last)]
    homes = {tie.target for tie in into}
    tied = any(is_below(tie.target, first) or tie.target in homes for tie in moved)
    head = _own(last, groups) + (0 if tied else sum(tie.numel for tie in moved))
    return Embeddings(table, head, tied)


def _of_a_part(parts: Parts) -> Ends:
    """Of several nested networks, the language model: the last one that has a head."""
    with_head = (e for e in reversed([*parts.values()]) if e.embeddings and e.embeddings.output)
    return next(with_head, None) or next(iter(parts.values()), Ends())


def _own(path: str, groups: Sequence[TensorGroup]) -> int:
    """Elements of the weights that are stored at an end."""
    return sum(
        group.numel
        for group in groups
        if is_below(group.template, path) and group.category not in ("biases", "buffers")
    )
