"""Both ends of a network: the table that tokens come in by, and the head that predicts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paramcalc.core.model import Embeddings, TensorGroup, Tied
from paramcalc.core.names import is_below

Parts = Mapping[str, Embeddings]
"""The ends of nested networks, by the path at which each stands."""


def ends(
    paths: Mapping[str, str],
    root: str | None,
    groups: Sequence[TensorGroup],
    ties: Sequence[Tied],
    parts: Parts,
) -> Embeddings | None:
    """Elements at the ``input`` and ``output`` of ``embeddings:``; None if there is no input.

    An end that is stored elsewhere is as large as it would be by itself; a head that is stored in
    the input table adds none. The path of a nested network means the end that it has.
    """
    first, last = paths.get("input"), paths.get("output")
    if first is None:
        return _of_a_part(parts)
    into = [tie for tie in ties if is_below(tie.template, first)]
    table = _own(first, groups) + sum(tie.numel for tie in into)
    if first in parts:
        table = parts[first].input
    # A bare network, cut out at its root, has no head.
    if last is None or not is_below(last, root or last):
        return Embeddings(table, 0, tied=False)
    if last in parts:
        part = parts[last]
        return Embeddings(table, part.output or part.input * part.tied, tied=False)
    moved = [tie for tie in ties if is_below(tie.template, last)]
    homes = {tie.target for tie in into}
    tied = any(is_below(tie.target, first) or tie.target in homes for tie in moved)
    head = _own(last, groups) + (0 if tied else sum(tie.numel for tie in moved))
    return Embeddings(table, head, tied)


def _of_a_part(parts: Parts) -> Embeddings | None:
    """Of several nested networks, the language model: the last one that has a head."""
    last = next((part for part in reversed([*parts.values()]) if part.output), None)
    return last or next(iter(parts.values()), None)


def _own(path: str, groups: Sequence[TensorGroup]) -> int:
    """Elements of the weights that are stored at an end."""
    return sum(
        group.numel
        for group in groups
        if is_below(group.template, path) and group.category not in ("biases", "buffers")
    )
