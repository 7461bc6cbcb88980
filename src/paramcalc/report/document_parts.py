"""What the JSON documents are made of: counts, modules, tensors, steps, bytes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Keys(BaseModel):
    """An object whose keys are always there."""

    model_config = ConfigDict(
        strict=True, frozen=True, use_attribute_docstrings=True, protected_namespaces=()
    )


Number = Annotated[int, Field(ge=0)]
Bytes = Annotated[int, Field(ge=0)]
Exactness = Literal["exact", "estimated", "reported"]
Role = Literal["parameter", "buffer"]


class Identity(Keys):
    """What a result is about, and how far its figures can be trusted."""

    model: str
    """The model's name in the catalogue, or as it was given."""
    architecture: str | None
    """Its architecture; null for a bare size."""
    exactness: Exactness
    """Counted, estimated, or only reported by others."""
    source: str | None
    """Where the configuration or the figure comes from."""
    assumed: bool
    """The `model_type` is not known, and the architecture was chosen with `--assume`."""


class Parameters(Keys):
    """Counts in elements; tied tensors count once. Null where a figure is not known."""

    total: Number | None
    """Trained parameters."""
    active: Number | None
    """Parameters used for one token: all but the experts that a router leaves out."""
    active_no_input_embedding: Number | None
    """Active ones without the input table (which stays if the head is tied to it)."""
    active_no_embedding: Number | None
    """Active ones without the input table and the output head."""
    embedding: Number | None
    """Lookup tables of tokens and learned positions."""
    non_embedding: Number | None
    """The total less the embedding."""
    trained: Number | None
    """The same as the total."""
    buffers: Number | None
    """Stored elements that are not trained."""
    stored: Number | None
    """Elements that a checkpoint holds: parameters and buffers."""
    mtp: Number | None
    """Of the total: layers for multi-token prediction, if they are counted."""
    total_range: Annotated[list[Number | None], Field(min_length=2, max_length=2)] | None
    """Lowest and highest figure, where a count is only reported."""


class Step(Keys):
    """One line of arithmetic: evaluating the formula with the values gives the result."""

    label: str
    """What is computed."""
    formula: str
    """An expression over the values, written as in Python."""
    values: dict[str, int | float]
    """The values by the names that the formula calls them."""
    result: int
    """What it comes to."""
    unit: str
    """The unit of the result, or an empty text."""
    source: str
    """Where the formula or a value comes from, or an empty text."""
    exactness: Exactness
    """Whether the result is counted or estimated."""


class Module(Keys):
    """A module and what it holds."""

    name: str
    """Dotted path from the top, without indices."""
    parameters: Number
    """Trained parameters of all its copies."""
    count: Number
    """How often it repeats in its parent."""
    modules: list[Module]
    """The modules inside of it."""


class Categories(Keys):
    """Trained parameters by what they do."""

    weights: Number
    """Matrices and kernels."""
    biases: Number
    """Biases of other than norms."""
    embeddings: Number
    """Lookup tables."""
    norms: Number
    """Weights and biases of norms."""


class Line(Keys):
    """A row by layer or by kind."""

    name: str
    """The layer or the kind."""
    parameters: Number
    """Trained parameters."""
    tensors: Number
    """How many tensors they are in."""


class Tensors(Keys):
    """A row by tensor: tensors of equal shape, their indices as ranges."""

    name: str
    """The name with ranges for indices: `layers.0-31.mlp.up_proj.weight`."""
    shape: list[Number]
    """The shape of each of them."""
    count: Number
    """How many there are."""
    parameters: Number
    """Elements of all of them."""
    role: Role
    """Trained, or stored only."""


class Tensor(Keys):
    """One stored tensor."""

    name: str
    """Its name in the published checkpoint."""
    shape: list[Number]
    """Its shape."""
    numel: Number
    """Its elements."""
    role: Role
    """Trained, or stored only."""


class Tie(Keys):
    """A tensor that is stored in another one and counted there."""

    template: str
    """The tensor that is not stored."""
    target: str
    """Where it is stored."""
    numel: Number
    """Its elements."""


class Weights(Keys):
    """Bytes of all stored tensors in one precision."""

    precision: str
    """The number format."""
    weights_bytes: Bytes
    """Bytes of weights and buffers."""


class Assumptions(Keys):
    """What the figures take for granted."""

    context_tokens: Number
    """Tokens of each sequence."""
    batch: Number
    """Sequences at once."""
    kv_precision: str
    """Number format of the KV cache."""
    engine: str
    """The engine whose runtime is added."""
    gpus: Number
    """Over how many devices it is spread."""
    overhead_percent: str | None
    """The rule of thumb that stands for cache, activations and runtime, if it does."""
    like: str | None
    """The model whose KV cache a bare size takes."""
    left_out: list[str]
    """What the figures do not contain."""


class Published(Keys):
    """What others say of a model's size."""

    parameters: Number | None
    """Exact count of trained parameters."""
    stored: Number | None
    """Elements in the published files, where they hold more than the parameters."""
    extra: str | None
    """The difference, as arithmetic."""
    because: str | None
    """What the extra elements are."""
    stated: str | None
    """The figure that its authors use."""
    source: str | None
    """Where the figures come from."""


class Reported(Keys):
    """A size that is only reported."""

    low: Number | None
    """Lowest number of parameters in reports."""
    high: Number | None
    """Highest number of parameters in reports."""
    status: Literal["rumoured", "undisclosed"]
    """Whether there are reports at all."""
    text: str
    """The reports in words."""


class TensorDifference(Keys):
    """Equal differences of several tensors."""

    kind: Literal["missing", "extra", "shape", "type"]
    """Missing in the other, extra there, or of another shape or number format."""
    name: str
    """The tensors' names, with ranges of their numbers."""
    shape: list[Number] | None
    """The shape in the model; null if it has no such tensor."""
    other_shape: list[Number] | None
    """The shape in the other."""
    tensors: Number
    """How many tensors differ so."""
    type: str | None
    """The number format that the file type means; null if types are not compared."""
    other_type: str | None
    """The number format in the other."""


class AdapterBytes(Keys):
    """Bytes of an adapter by what it is saved in."""

    fp32: Bytes | None
    """As peft saves it, unless it is told otherwise; null if there are too many tensors."""
    bf16: Bytes | None
    """In 16 bits."""


class Lora(Keys):
    """A low-rank adapter, as peft makes and saves it."""

    rank: Number
    """The rank of its matrices."""
    targets: list[str]
    """The modules that it is for."""
    targets_given: bool
    """Whether somebody named them; if not, they are peft's choice."""
    dora: bool
    """Whether it has magnitudes too."""
    saved_modules: list[str]
    """Modules that it holds a trained copy of."""
    parameters: Number
    """What is trained."""
    all_parameters: Number
    """Those of the model and of the adapter."""
    share: float
    """The first as a part of the second."""
    tensors: Number
    """Tensors in the file."""
    stored: Number
    """Elements in the file: what is trained, and whole tables beside it."""
    tensor_bytes: AdapterBytes
    """Bytes of the tensors alone."""
    file_bytes: AdapterBytes
    """Bytes of `adapter_model.safetensors`, header included."""
    modules: list[Module]
    """Its breakdown by module of the network."""
    rows: list[Line | Tensors] | None
    """The rows of another breakdown, by `--by`."""
    tensor_list: list[Tensor] | None
    """Every one of them, with `--by tensor --expand`."""
    source: str
    """Where the rules come from."""


class StoredSparse(Keys):
    """What one precision comes to if weights are pruned."""

    precision: str
    """A precision that holds zeros like any other number."""
    sparse: str | None
    """The row that stores the same without them; null where there is no format for that."""


class Sparsity(Keys):
    """How weights are pruned, with `--sparsity` or `--prune`."""

    pattern: str | None
    """How many of how many weights are left."""
    share: float | None
    """The share of the weights that is zero."""
    precisions: list[StoredSparse]
    """What stores them without zeros."""
    note: str
    """What that changes, and what it does not."""
