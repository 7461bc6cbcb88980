"""How large the file is that a recipe makes: its data exactly, what stands before them roughly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from paramcalc.core.functions import round_up
from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.precision import Format
from paramcalc.core.scheme import Layout
from paramcalc.core.weights import FileSize

if TYPE_CHECKING:
    from paramcalc.core.recipe import Recipe


def file_bytes(model: Model, recipe: Recipe) -> FileSize | None:
    """The file that ``recipe`` makes of ``model``; None if nothing is known of such files."""
    layout = recipe.scheme.file
    if layout is None:
        return None
    stored = list(recipe.assign(model))
    return FileSize(
        sum(int(group.count) * _padded(group, form, layout) for group, form in stored),
        _header([group for group, _ in stored], layout),
        layout.source,
    )


def _padded(group: TensorGroup, form: Format, layout: Layout) -> int:
    return round_up(int(form.tensor_bytes(group.shape, group.kind)), layout.alignment)


def _header(groups: Iterable[TensorGroup], layout: Layout) -> tuple[int, int, int]:
    described, words = 0, 0
    for group in groups:
        names = sum(len(tensor.name.encode()) for tensor in group.tensors())
        one = layout.tensor_bytes + layout.size_bytes * len(group.shape)
        described += names + int(group.count) * one
        if group.template == layout.table:
            words = int(group.shape[0])
    low, mid, high = (
        described + words * token + keys
        for token, keys in zip(layout.token_bytes, layout.key_bytes, strict=True)
    )
    return low, mid, high
