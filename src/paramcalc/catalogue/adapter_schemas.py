"""What lora.yaml may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field

from paramcalc.catalogue.schemas import Strict, Text

Names = dict[Text, Text]
Fused = dict[Text, list[Text]]


class Architecture(Strict):
    """What peft knows of one architecture."""

    targets: list[Text] = Field(default_factory=list)
    """The modules that it chooses when none are named."""
    experts: Literal["numbered", "named"] | None = None
    """How the modules of its experts are named."""
    transposed: bool = False
    """Stacked experts are [experts, in, out]."""
    names: Literal["vision", "flat_vision"] | None = None
    """What the network calls its parts."""
    besides: list[Text] = Field(default_factory=list)
    """Weights of layers that would be hidden otherwise."""
    renamed: Names = Field(default_factory=dict)
    """Parts of a checkpoint's names, and what the network calls them."""
    refused: list[Text] = Field(default_factory=list)
    """Layers that take no adapter."""


class Every(Strict):
    """What holds for every architecture."""

    all: Text
    """The word for all matrices but the output head."""
    tables: list[Text]
    """Targets with which the whole table is saved."""
    hidden: list[Text]
    """Weights that belong to no layer which a name could mean."""
    besides: list[Text]
    """But not these."""
    renamed: Names
    """Parts of a checkpoint's names, and what the network calls them."""
    fused: Fused
    """The stacked tensors of experts, and what each is stacked of."""
    source: Text
    """Where it comes from."""


class Experts(Strict):
    """Names of the modules of experts."""

    router: Text
    """What the router is called."""
    fused: Fused
    """The stacked tensors of experts, and what each is stacked of."""


class ExpertNames(Strict):
    """The ways to name them."""

    numbered: Experts
    """By numbers."""
    named: Experts
    """By what they do."""
    source: Text
    """Where it comes from."""


class PartNames(Strict):
    """What networks call their parts."""

    vision: Names
    """Of images, sound and text, in a file where each has a part of its own."""
    flat_vision: Names
    """Of images and text, in a file where the text has none."""
    source: Text
    """Where it comes from."""


SECTIONS: Mapping[str, type[BaseModel]] = {
    "_all": Every,
    "_experts": ExpertNames,
    "_names": PartNames,
}
"""The schemas of what is no architecture."""


def schema(name: str) -> type[BaseModel]:
    """The schema of an entry, or of a section."""
    return SECTIONS.get(name, Architecture)
