"""What is stored in the place of one tensor, and under which name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from paramcalc.core.closure import LARGEST
from paramcalc.core.model import TensorGroup
from paramcalc.core.precision import row_numel
from paramcalc.core.scheme import Piece, Rule
from paramcalc.errors import ParamcalcError, shorten


def about(group: TensorGroup) -> dict[str, Any]:
    """What rules may ask of a tensor itself."""
    shape = [int(size) for size in group.shape]
    columns = row_numel(shape, group.kind)
    transposed = group.kind == "Conv1D" and len(shape) == 2
    return {
        "kind": group.kind,
        "shape": shape,
        "numel": prod(shape),
        "dims": len(shape) - next((n for n, size in enumerate(shape) if size > 1), len(shape)),
        "K": shape[0] if transposed else columns,
        "N": shape[-1] if transposed else (prod(shape) // columns if columns else 0),
        "inside": "{}" in group.template,
    }


def packed(
    group: TensorGroup, rule: Rule, scope: Mapping[str, Any]
) -> Iterator[tuple[TensorGroup, str]]:
    """The tensors that a rule stores for those of a group, each with the name of its format."""
    stem = group.template.removesuffix(rule.ending)
    found: set[str] = set()
    for piece in rule.stores:
        holds = piece.condition is None or piece.condition.holds(scope)
        if piece.ending in found or not holds:
            continue
        found.add(piece.ending)
        sizes = piece.shape(scope)
        if not isinstance(sizes, list):
            raise ParamcalcError(f"the sizes of `{shorten(piece.ending)}` are no list")
        shape = tuple(_size(size, piece) for size in sizes)
        stored = group._replace(
            template=stem + piece.ending, shape=shape, kind="Parameter", trained=False
        )
        yield stored, piece.format


def _size(value: Any, piece: Piece) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST:
        return int(value)
    raise ParamcalcError(f"a size of `{shorten(piece.ending)}` is no whole number")


def renamed(group: TensorGroup, names: Mapping[str, str]) -> TensorGroup:
    """The group under the first other name; a number that this lacks becomes the first size.

    ``.experts.{}.w1.`` as ``.switch_mlp.gate_proj.``: the experts are stacked.
    """
    for old, new in names.items():
        before, found, after = group.template.partition(old)
        if not found:
            continue
        template = before + new + after
        first = before.count("{}")
        kept, lost = first + new.count("{}"), first + old.count("{}")
        stacked = group.indices[kept:lost]
        sizes = tuple(len(numbers) for numbers in stacked)
        return group._replace(
            template=template,
            indices=group.indices[:kept] + group.indices[lost:],
            shape=sizes + group.shape,
            count=group.count // max(1, prod(sizes)),
        )
    return group
