"""Heads and tables of one shape, which may share one tensor: a print-out does not tell."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from paramcalc.catalogue.rules import rules
from paramcalc.core.layers import EMBEDDING_KINDS
from paramcalc.core.model import TensorGroup, Tied
from paramcalc.sources.printout_kinds import FILE
from paramcalc.sources.printout_notes import Notes

_WEIGHT = ".weight"
_HEADS = frozenset({"Linear", "NonDynamicallyQuantizableLinear"})


def tie(
    groups: Sequence[TensorGroup], tied: bool | None, notes: Notes
) -> tuple[list[TensorGroup], list[Tied]]:
    """The groups without those that share a table's memory.

    ``tied`` says whether they do; None: they are taken to, which is the lower bound.
    """
    tables = [group for group in groups if group.kind in EMBEDDING_KINDS and _is_table(group)]
    shared = [table for table in tables if _module(table) in rules(FILE)["_tables"]["shared"]]
    if tied is False:
        if any(one.shape == table.shape for one in shared for table in tables if table != one):
            notes.assumed(
                shared[0].kind, "tables of one shape are counted apart, one of them shared"
            )
        return list(groups), []
    targets: dict[tuple[int, ...], str] = {}
    for table in [*shared, *tables]:
        targets.setdefault(table.shape, table.template)
    by_shape = {table.shape: table.template for table in shared}
    names = {table.template for table in tables}
    kept, ties = [], []
    for group in groups:
        target = by_shape.get(group.shape) if group.template in names else targets.get(group.shape)
        if target and target != group.template and (group.template in names or _is_head(group)):
            ties.append(Tied(group.template, target, group.numel, group))
        else:
            kept.append(group)
    notes.tied([one.template for one in ties], is_certain=tied is True)
    return kept, ties


def _is_table(group: TensorGroup) -> bool:
    """A table of tokens; those of positions are never tied."""
    positions = rules(FILE)["_tables"]["positions"]
    module = _module(group)
    return group.template.endswith(_WEIGHT) and not any(fnmatchcase(module, p) for p in positions)


def _is_head(group: TensorGroup) -> bool:
    """A linear layer that is there once."""
    return group.kind in _HEADS and group.count == 1 and group.template.endswith(_WEIGHT)


def _module(group: TensorGroup) -> str:
    return group.template.removesuffix(_WEIGHT).rpartition(".")[2]
