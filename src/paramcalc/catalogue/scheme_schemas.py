"""What schemes.yaml and gguf_tensors.yaml may hold."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from paramcalc.catalogue.precision_schemas import Choices
from paramcalc.catalogue.schemas import Count, Expression, Strict, Text

ABSENT: Any = None
"""The default of keys that may be left out, but not be null."""
Texts = Annotated[list[Text], Field(min_length=1)]
Bytes = Annotated[int, Field(ge=0)]
Range = Annotated[list[Bytes], Field(min_length=3, max_length=3)]


class Parameter(Strict):
    """What a name on the command line, a recipe or a configuration may set."""

    default: Any = None
    """Its value where nothing sets it."""
    choices: Annotated[list[Any], Field(min_length=1)] = Field(default=ABSENT)
    """The values that it may have."""
    between: Annotated[list[int | float], Field(min_length=2, max_length=2)] = Field(default=ABSENT)
    """It lies between these two."""
    form: Text = Field(default=ABSENT)
    """How it is written in a name, `{}` for its value."""


class Rule(Strict):
    """How the tensors that it fits are stored; or, with `use`, the rules of a section."""

    use: Text = Field(default=ABSENT)
    """A section whose rules stand here."""
    listed: Text = Field(default=ABSENT)
    """A parameter that holds names of modules."""
    names: Texts = Field(default=ABSENT)
    """Patterns of names."""
    besides: Texts = Field(default=ABSENT)
    """Patterns of names that it is not for."""
    kinds: Texts = Field(default=ABSENT)
    """Kinds of layers."""
    if_: Expression = Field(default=True, alias="if")
    """This holds too."""
    category: Text = Field(default=ABSENT)
    """What a mix calls these tensors."""
    let: dict[Text, Expression] = Field(default_factory=dict)
    """Names for the expressions of the rule."""
    as_: Choices = Field(default=ABSENT, alias="as")
    """A format, or several of the form ``FORMAT if EXPR``."""
    then: Choices = Field(default=ABSENT)
    """The same, once a format is `chosen`."""
    of: str = Field(default=ABSENT)
    """The ending that those of `stores` take the place of."""
    stores: Annotated[dict[str, Choices], Field(min_length=1)] = Field(default=ABSENT)
    """Endings of names to ``FORMAT [SIZE, …]``."""


class FileLayout(Strict):
    """What a file needs besides its tensors."""

    alignment: Count
    """Each tensor begins at a multiple of so many bytes."""
    table: Text
    """The tensor with a row for each word of the vocabulary."""
    tensor_bytes: Bytes
    """To describe a tensor."""
    size_bytes: Bytes
    """For each of its sizes."""
    token_bytes: Range
    """For a word of the vocabulary: low, middle, high."""
    key_bytes: Range
    """For all else that is said of the model: low, middle, high."""
    source: Text
    """Where it comes from."""


class OfModules(Strict):
    """Where a configuration has parameters of single modules."""

    at: Text = Field(default=ABSENT)
    """A key of the section."""
    names: Text = Field(default=ABSENT)
    """The key that lists names, where they are no keys."""
    fields: dict[Text, Text]
    """Parameters to paths."""
    with_: dict[Text, Any] = Field(default_factory=dict, alias="with")
    """Parameters where it says nothing."""


class OfConfiguration(Strict):
    """Which section of a config.json means the scheme."""

    methods: Texts = Field(default=ABSENT)
    """Values of its `quant_method`."""
    section: Text = Field(default=ABSENT)
    """The section that only this scheme has."""
    fields: dict[Text, Text]
    """Names for values of the section."""
    if_: Expression = Field(default=True, alias="if")
    """It is this scheme only if this holds."""
    with_: dict[Text, Expression] = Field(default=ABSENT, alias="with")
    """Parameters to expressions over these values."""
    modules: OfModules = Field(default=ABSENT)
    """Parameters of single modules."""


class Scheme(Strict):
    """How a quantizer stores the tensors of a model."""

    name: Text = Field(default=ABSENT)
    """What a recipe of the scheme is called; `{…}` are parameters."""
    aliases: list[Text] = Field(default_factory=list)
    """Other names of it."""
    description: Text = Field(default=ABSENT)
    """One line."""
    parameters: dict[Text, Parameter] = Field(default_factory=dict)
    """What may be set."""
    rest: Text
    """The format of all that no rule is for."""
    converts: bool = False
    """The rules are about the tensors of a GGUF file."""
    let: dict[Text, Expression] = Field(default_factory=dict)
    """Names for expressions."""
    rules: Annotated[list[Rule], Field(min_length=1)]
    """The first one that fits a tensor says how it is stored."""
    adds: list[Rule] = Field(default_factory=list)
    """What is stored besides."""
    ties: bool = False
    """A tied tensor that a rule packs is stored by itself."""
    renames: dict[Text, str] = Field(default_factory=dict)
    """Parts of names to what they are called instead."""
    of_model: dict[Text, Text] = Field(default_factory=dict)
    """Names for keys of the model's configuration."""
    fallback: dict[Text, Text | None] = Field(default_factory=dict)
    """The next format where rows are no whole number of blocks."""
    file: FileLayout = Field(default=ABSENT)
    """What a file needs besides its tensors."""
    configuration: OfConfiguration = Field(default=ABSENT)
    """Which section of a config.json means it."""
    left: Text = Field(default=ABSENT)
    """What stays as it is, in words."""
    native: Text = Field(default=ABSENT)
    """Hardware that computes with it."""
    source: Text
    """Where the layout is defined."""


class SharedRules(Strict):
    """Rules that several schemes use."""

    rules: Annotated[list[Rule], Field(min_length=1)]
    """They stand where a rule says `use`."""


Sizes = list[Expression] | None
Targets = Text | Annotated[dict[Text, Sizes], Field(min_length=1)] | None


class Conversion(Strict):
    """What llama.cpp's converter makes of the tensors of an architecture."""

    gguf: Text = Field(default=ABSENT)
    """Its `general.architecture`."""
    like: Text = Field(default=ABSENT)
    """Another entry, with which it begins."""
    names: dict[Text, Targets] = Field(default_factory=dict)
    """Names of modules or tensors to those in the file."""
    renamed: dict[Text, str] = Field(default_factory=dict)
    """Parts of names that are replaced before."""
    layers: dict[Text, Text] = Field(default_factory=dict)
    """What stands before the number of a layer, there and here."""
    written: Expression = None
    """So many layers are written."""
    dropped: list[Text] = Field(default_factory=list)
    """Patterns of names of tensors that are not written."""
    inside: Text = Field(default=ABSENT)
    """The field that holds the configuration of the part that is converted."""
    let: dict[Text, Expression] = Field(default_factory=dict)
    """Names for expressions."""
    facts: dict[Text, Expression] = Field(default_factory=dict)
    """Names for what the metadata say."""
    added: dict[Text, list[Expression]] = Field(default_factory=dict)
    """Tensors that the converter adds, with their sizes."""
    source: Text
    """Where it comes from."""


class EveryConversion(Strict):
    """What every entry of gguf_tensors.yaml begins with."""

    names: dict[Text, Targets]
    """Names of modules or tensors to those in the file."""
    renamed: dict[Text, str]
    """Parts of names that are replaced before."""
    layers: dict[Text, Text]
    """What stands before the number of a layer, there and here."""
    dropped: list[Text]
    """Patterns of names of tensors that are not written."""
    let: dict[Text, Expression]
    """Names for expressions."""
    facts: dict[Text, Expression]
    """Names for what the metadata say."""
    source: Text = Field(default=ABSENT)
    """Where it comes from."""


Formats = Annotated[dict[Text, Text], Field(min_length=1)]


class Sparsity(Strict):
    """What pruned weights can be stored in without their zeros."""

    share: Formats
    """Any weights are pruned: precisions to recipes."""
    note: Text
    """What that changes, and what it does not."""


SPARSITY, EVERY = "_sparsity", "_all"


def schema_of_scheme(name: str) -> type[BaseModel]:
    """The schema of an entry of schemes.yaml, or of a section."""
    if name == SPARSITY:
        return Sparsity
    return SharedRules if name.startswith("_") else Scheme


def schema_of_conversion(name: str) -> type[BaseModel]:
    """The schema of an entry of gguf_tensors.yaml, or of what all begin with."""
    return EveryConversion if name == EVERY else Conversion
