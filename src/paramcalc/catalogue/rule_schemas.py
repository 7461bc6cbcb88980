"""What the rules for reading files may hold: ``gguf.yaml`` and ``containers.yaml``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from paramcalc.catalogue.schemas import Expression, Strict, Text

Names = Annotated[list[Text], Field(min_length=1)]


class CacheRule(Strict):
    """What a layer of a GGUF file remembers."""

    tensors: Names
    """It has one of these tensors."""
    without: list[Text] = Field(default=[])
    """It has none of these."""
    if_: Expression = Field(default=True, alias="if")
    """This holds too."""
    kind: Text
    """A kind of cache, as in a layer spec."""
    arguments: dict[str, Expression]
    """Its arguments."""


class WindowRule(Strict):
    """Which layers of an architecture have a sliding window."""

    slides: Expression = None
    """The layers that have one."""
    sliding_window: Expression = None
    """Tokens that they see."""
    source: Text
    """Where the rule comes from."""


class UsualWindows(WindowRule):
    """What holds for all architectures without a rule of their own."""

    slides: Expression
    """The layers that have one."""
    sliding_window: Expression
    """Tokens that they see."""


class GgufSections(Strict):
    """The sections of ``gguf.yaml`` that hold for all architectures."""

    kinds: dict[str, Text] = Field(alias="_kinds")
    """Pattern of a name to the kind of layer."""
    buffers: list[Text] = Field(alias="_buffers")
    """Patterns of names of tensors that are not trained."""
    experts: list[Text] = Field(alias="_experts")
    """Patterns of names of fused experts."""
    file_types: dict[str, Text] = Field(alias="_file_types")
    """`general.file_type` to the name of a recipe."""
    fields: dict[str, Text] = Field(alias="_fields")
    """Names for keys of the metadata."""
    let: dict[str, Expression] = Field(alias="_let")
    """Names for expressions."""
    caches: list[CacheRule] = Field(alias="_caches")
    """What layers remember."""
    default: UsualWindows = Field(alias="_default")
    """Sliding windows where nothing else is said."""


class ContainerRule(Strict):
    """What is packed in the tensors with one ending."""

    of: str
    """The ending of the parameter's name."""
    types: Names
    """Number formats of containers."""
    elements: Expression
    """So many parameters …"""
    in_: Expression = Field(alias="in")
    """… are in so many elements."""
    axis: Annotated[int, Field(ge=-8, le=7)] = -1
    """Along this axis."""
    transposed: bool = False
    """The parameter has the axes in reverse order."""
    joined: bool = False
    """The last two axes are one."""
    flat: bool = False
    """The shape is lost."""


class ContainerScheme(Strict):
    """How one scheme of quantisation stores a model."""

    methods: Annotated[list[str], Field(min_length=1)]
    """Values of `quant_method`."""
    fields: dict[str, Text] = Field(default={})
    """Names for keys of the `quantization_config`."""
    when: Expression = True
    """It is this scheme only if this holds."""
    of_each: bool = False
    """Keys that are names of modules have fields of their own."""
    containers: dict[str, ContainerRule]
    """Endings of names to what is packed."""
    buffers: list[Text]
    """Endings of what is not trained."""
    source: Text
    """Where the layout comes from."""


class ContainerNames(Strict):
    """What names of tensors tell where no architecture does."""

    embeddings: list[Text]
    """Parts of names of tables."""
    norms: list[Text]
    """Parts of names of norms."""
    buffers: list[Text]
    """Names of tensors that are not trained."""


class ContainerSections(Strict):
    """The sections of ``containers.yaml`` that belong to no scheme."""

    files: dict[str, Text] = Field(alias="_files")
    """Files beside a checkpoint that stand for a `quantization_config`, to the method."""

    names: ContainerNames = Field(alias="_names")
    """What names tell."""
