"""What the files of a user may hold: layer specs, models, number formats, devices, engines.

One model for each kind of entry, with the meaning of every key. The shipped data is held against
the same models in the tests, so an answer about it need not import this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

LARGEST = 10**18
VALUE: Final = "value"
"""A message of our own about one value; the name of its key stands before it."""
RULE: Final = "rule"
"""A message of our own about several values; it is a whole sentence."""


class Strict(BaseModel):
    """Nothing but the keys below, and no value taken for another kind than it is."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )


def _one_line(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError(VALUE, "is empty")
    return value


def _date(value: str) -> str:
    from datetime import date

    try:
        date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError(VALUE, "must be a date such as '2024-07-23'") from None
    return value


def _no_mapping(value: Any) -> Any:
    if isinstance(value, Mapping):
        raise PydanticCustomError(VALUE, "must be a number or an expression")
    return value


Text = Annotated[str, AfterValidator(_one_line)]
Date = Annotated[str, AfterValidator(_date)]
Count = Annotated[int, Field(gt=0, le=LARGEST)]
Share = Annotated[int, Field(ge=0, le=1000)]
Expression = Annotated[
    Any,
    PlainValidator(_no_mapping),
    WithJsonSchema({"type": ["string", "number", "boolean", "array", "null"]}),
]
Modules = dict[str, Any]
"""A tree of modules; the compiler of the language reads it and tells what is wrong with it."""


class FieldOptions(Strict):
    """A field of the configuration, with more than a default."""

    default: Expression | dict[str, Any] = None
    """What an absent key means: a value, an expression over other fields, or `required`; of a
    nested configuration also what it then says."""
    if_null: Expression = None
    """What a key that is given as null means."""
    aliases: list[Text] = []
    """Other keys with the same meaning."""
    nested: Text | None = None
    """Of a nested configuration: the architecture that it means if it has no `model_type`."""
    fill: dict[str, Expression] = {}
    """Of a nested configuration: what a key means that it leaves out."""
    flat: bool = False
    """Of a nested configuration: where it is absent, its keys stand among the others."""


def _default_or_options(value: Any) -> str:
    return "options" if isinstance(value, Mapping) else "default"


ConfigField = Annotated[
    Annotated[FieldOptions, Tag("options")] | Annotated[Expression, Tag("default")],
    Discriminator(_default_or_options),
]


class EmbeddingPaths(Strict):
    """Paths of the modules at the ends of a network."""

    input: Text | None = None
    """The table that tokens are looked up in."""
    output: Text | None = None
    """The head that gives the logits; it may be tied to the input."""


class Patch(Strict):
    """What a class of the framework adds to the document or leaves out of it; null removes."""

    context: Expression = None
    """Published context length in tokens, an expression over the configuration."""
    config: dict[str, ConfigField] | None = None
    """Fields read from the configuration, each with its default."""
    let: dict[str, Expression] | None = None
    """Derived sizes by name, `name: EXPR` or `name(x): EXPR`."""
    blocks: dict[str, Modules | None] | None = None
    """Named sub-trees with parameters, `name(a, b)`."""
    modules: Modules | None = None
    """The tree of modules; a leaf is a layer such as `Linear(in, out)`."""
    tied: dict[str, Text | None] | None = None
    """`path: target if EXPR`: tensors that are stored in another one."""
    root: Text | None = None
    """Only this module is kept, and names start below it."""
    rename: dict[str, Text] | None = None
    """Modules at the top under other names."""
    embeddings: EmbeddingPaths | None = None
    """The ends of the network."""


class SpecDocument(Patch):
    """A layer spec with sections, as the files in `data/architectures/` are."""

    mix: dict[str, Text | list[Text]] | None = None
    """Patterns on the names of tensors to number formats: how the model is stored."""
    mtp: Patch | None = None
    """Layers for multi-token prediction, which published files hold and the class leaves out."""
    source: Text | None = None
    """Where the architecture comes from."""
    example: dict[str, Any] | None = None
    """A configuration that `check` expands."""
    heads: dict[str, Patch | None] | None = None
    """Patches by the class name that a configuration gives (exact, or with a leading `*`)."""
    extends: Text | None = None
    """The architecture to start from."""


class Published(Strict):
    """What others say of a model's size."""

    parameters: Count | None = None
    """Exact count of trained parameters, tied ones once; null if nobody published one."""
    stored: Count | None = None
    """Elements in the published files, where they hold more than the parameters."""
    extra: Text | None = None
    """The difference, as arithmetic: stored = parameters + extra."""
    because: Text | None = None
    """What the extra elements are."""
    stated: Text | None = None
    """The figure that its authors use."""
    source: Text
    """Where the figures come from."""

    @model_validator(mode="after")
    def _explained(self) -> Published:
        given = [value is not None for value in (self.stored, self.extra, self.because)]
        if any(given) and not all([*given, self.parameters is not None]):
            raise PydanticCustomError(
                RULE, "`stored` stands together with `parameters`, `extra` and `because`"
            )
        return self


class Reported(Strict):
    """A size that is only reported."""

    low: Count | None
    """Lowest number of parameters in reports, or null."""
    high: Count | None
    """Highest number of parameters in reports, or null."""
    status: Literal["rumoured", "undisclosed"]
    """Whether there are reports at all."""
    text: Text
    """The reports in words."""

    @model_validator(mode="after")
    def _in_order(self) -> Reported:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise PydanticCustomError(RULE, "`low` is larger than `high`")
        if self.status == "undisclosed" and (self.low, self.high) != (None, None):
            raise PydanticCustomError(RULE, "an undisclosed size has no figures")
        if self.status == "rumoured" and (self.low, self.high) == (None, None):
            raise PydanticCustomError(RULE, "a rumoured size needs `low` or `high`")
        return self


class ModelCard(Strict):
    """What every model of the catalogue may say of itself."""

    hub: Text | None = None
    """Organisation and name of the published files."""
    aliases: list[Text] = []
    """Hub ids of variants with the same shape, and other names."""
    family: Text | None = None
    """The group under which it is listed."""
    licence: Text | None = None
    """As the hub names it."""
    released: Date | None = None
    """Year, month and day, in quotes: '2024-07-23'."""
    source: Text
    """Where the configuration, or the report, comes from."""
    note: Text | None = None
    """What one must know."""
    context: Count | None = None
    """Tokens that it is published for; null where nothing limits it."""
    dtype: Text | None = None
    """What the published files hold."""


class CountedModel(ModelCard):
    """A model whose parameters follow from its architecture and configuration."""

    architecture: Text
    """A file of `architectures/`."""
    class_: Text | None = Field(default=None, alias="class")
    """Which of the architecture's heads is meant, if it is not the usual one."""
    published: Published | None = None
    """What others say of its size."""
    config: dict[str, Any]
    """Keys of the published config.json that change tensors, cache or context."""


class ReportedModel(ModelCard):
    """A model of which no more than a size is known."""

    reported: Reported
    """The size in reports."""


class Accelerator(Strict):
    """An accelerator; its memory is what the driver reports."""

    name: Text | None = None
    """The maker's full name."""
    memory_mib: Count
    """Memory in MiB (1,048,576 bytes) as `nvidia-smi` or `rocm-smi` prints it."""
    memory_marketing: Text | None = None
    """What is printed on the box."""
    bandwidth_gbps: Annotated[float, Field(gt=0)] | None = None
    """Memory bandwidth in 10^9 bytes per second."""
    aliases: list[Text] = []
    """Other names."""
    source: Text
    """The log that shows `memory_mib`, then where the bandwidth comes from."""


class Runtime(Strict):
    """Bytes on each device that a process uses, whatever the model."""

    low: Annotated[int, Field(ge=0, le=LARGEST)]
    """The lowest figure seen."""
    mid: Annotated[int, Field(ge=0, le=LARGEST)]
    """What an estimate adds."""
    high: Annotated[int, Field(ge=0, le=LARGEST)]
    """The highest figure seen."""

    @model_validator(mode="after")
    def _in_order(self) -> Runtime:
        if not self.low <= self.mid <= self.high:
            raise PydanticCustomError(RULE, "`low`, `mid` and `high` must be in this order")
        return self


class InferenceEngine(Strict):
    """What an engine takes on a device besides weights and cache."""

    default: bool = False
    """The engine that is assumed when none is named."""
    aliases: list[Text] = []
    """Other names."""
    description: Text | None = None
    """One line."""
    runtime: Runtime
    """Bytes on each device."""
    source: Text
    """Where the figures come from."""


class RuleOfThumb(Strict):
    """What cache, activations and runtime together add to the weights."""

    low: Share
    """Percent of the weights, lowest."""
    high: Share
    """Percent of the weights, highest."""
    source: Text
    """Where the range comes from."""

    @model_validator(mode="after")
    def _in_order(self) -> RuleOfThumb:
        if self.low > self.high:
            raise PydanticCustomError(RULE, "`low` is larger than `high`")
        return self
