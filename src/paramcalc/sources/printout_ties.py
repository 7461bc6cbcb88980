"""Heads and tables of one shape, which may share one tensor: a print-out does not tell."""

from __future__ import annotations

from collections.abc import Sequence

from paramcalc.catalogue.rules import rules
from paramcalc.core.layers import EMBEDDING_KINDS
from paramcalc.core.model import TensorGroup, Tied
from paramcalc.sources.printout_kinds import FILE
from paramcalc.sources.printout_notes import Notes

_WEIGHT = ".weight"


def tie(
    groups: Sequence[TensorGroup], tied: bool | None, notes: Notes
) -> tuple[list[TensorGroup], list[Tied]]:
    """The groups without those that share a table's memory.

    ``tied`` says whether they do; None: they are taken to, which is the lower bound.
    """
    if tied is False:
        return list(groups), []
    targets: dict[tuple[int, ...], str] = {}
    for group in groups:
        if group.kind in EMBEDDING_KINDS and group.template.endswith(_WEIGHT):
            targets.setdefault(group.shape, group.template)
    kept, ties = [], []
    for group in groups:
        target = targets.get(group.shape)
        if target and target != group.template and _may_be_tied(group):
            ties.append(Tied(group.template, target, group.numel))
        else:
            kept.append(group)
    notes.tied([one.template for one in ties], is_certain=tied is True)
    return kept, ties


def _may_be_tied(group: TensorGroup) -> bool:
    """A linear layer, or a table of tokens; tables of positions are never tied."""
    module = group.template.removesuffix(_WEIGHT).rpartition(".")[2]
    if group.kind in EMBEDDING_KINDS:
        return module in rules(FILE)["_token_tables"]
    return group.kind in ("Linear", "NonDynamicallyQuantizableLinear") and group.template.endswith(
        _WEIGHT
    )
