"""The GGUF file that llama.cpp would make of a model, to hold a real one against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from paramcalc.catalogue import tables
from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.recipe import Recipe
from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources.gguf_model import RECIPE, TABLE
from paramcalc.sources.gguf_types import formats

NAMES_ALONE = "F16"
"""Tells names and shapes where nobody says which file type it is."""


class Prediction(NamedTuple):
    """Both files, with shapes written alike, and what the types were chosen by."""

    model: Model
    other: Model
    recipe: str | None
    """None where only names and shapes are known."""


def holds_gguf_names(model: Model) -> bool:
    """Whether the tensors are called as in a GGUF file."""
    return any(g.template == TABLE or g.template.startswith("blk.{}.") for g in model.groups)


def predict(model: Model, other: Model, precision: str | None = None) -> Prediction:
    """The file of ``model`` like the one that ``other`` was read from.

    ``precision`` names the recipe; without it the file says which one made it.
    """
    name = precision or other.card.get(RECIPE)
    recipe = tables.precision(name or NAMES_ALONE)
    if not isinstance(recipe, Recipe) or not recipe.scheme.converts:
        raise ParamcalcError(
            f"`{shorten(recipe.name)}` is no file type of GGUF", "such as `Q4_K_M` or `F16`"
        )
    types = dict(formats().values())
    groups = [
        _plain(group)._replace(stored_type=types.get(form.name, form.name))
        for group, form in recipe.assign(model)
    ]
    theirs = tuple(map(_plain, other.groups))
    made = model._replace(groups=tuple(groups))
    return Prediction(made, other._replace(groups=theirs), recipe.name if name else None)


def _plain(group: TensorGroup) -> TensorGroup:
    """Without the sizes of one that a file may write or leave out."""
    return group._replace(shape=_without_ones([int(size) for size in group.shape]))


def _without_ones(shape: Sequence[int]) -> tuple[int, ...]:
    first = next((at for at, size in enumerate(shape[:-1]) if size > 1), len(shape) - 1)
    return tuple(shape[max(first, 0) :])
