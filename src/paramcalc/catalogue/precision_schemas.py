"""What precisions.yaml may hold: number formats, recipes, and the ladders of answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from paramcalc.catalogue.schemas import Count, Strict, Text

Choices = Text | Annotated[list[Text], Field(min_length=1)]
"""A format, or several of the form ``FORMAT if EXPR``, of which the first that holds is taken."""


class Named(Strict):
    """What number formats and recipes say alike."""

    aliases: list[Text] = Field(default_factory=list)
    """Other names of the same storage."""
    description: Text | None = None
    """One line; for a block format the sum that gives `block_bytes`."""
    native: Text | None = None
    """Hardware that computes with it."""
    source: Text
    """Where the layout is defined."""


class NumberFormat(Named):
    """How a tensor is stored: blocks of so many elements in so many bytes."""

    block_numel: Count
    """Elements in one block."""
    block_bytes: Count
    """Bytes of one block with everything inside it: values, scales, minima."""
    kind: Literal["float", "integer", "block"] | None = None
    """Whether elements stand for themselves, or share a scale."""
    ggml_id: Annotated[int, Field(ge=0, le=255)] | None = None
    """The number that a GGUF file calls it by."""
    recipe: Text | None = None
    """The scheme of the recipe that has the same name."""
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    """Parameters of the scheme."""
    mix: dict[str, Choices] = Field(default_factory=dict)
    """Formats by the scheme's categories."""


class Recipe(Named):
    """Which format each tensor of a model gets: a scheme with its parameters set."""

    recipe: Text
    """The scheme."""
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    """Parameters of the scheme."""
    mix: dict[str, Choices] = Field(default_factory=dict)
    """Formats by the scheme's categories."""


class Ladders(Strict):
    """The formats that an answer shows when none is asked for."""

    memory: Annotated[list[Text], Field(min_length=1)]
    """Rows of `memory`."""
    fit: Annotated[list[Text], Field(min_length=1)]
    """Rows of `fit`, whose best that fits is its answer."""
    lower: list[Text]
    """What `fit` tries for a hint when none of its rows fits, largest first."""
    plain: Annotated[list[Text], Field(min_length=1)] | None = None
    """As `memory`, where the tensors are not known one by one: formats alone."""
    plain_fit: Annotated[list[Text], Field(min_length=1)] | None = None
    """As `fit`, likewise."""
    plain_lower: list[Text] | None = None
    """As `lower`, likewise."""


class Reference(Strict):
    """The model that recipes are told of."""

    model: Text
    """Its name in the catalogue."""
