"""The JSON documents that scripts may rely on, key by key, and their JSON Schemas.

Nothing that prints an answer imports this: ``paramcalc schema`` and the tests do. A key is never
missing, what is absent is null; within a schema version keys are only added, so a reader must not
mind keys that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from paramcalc.report.document_parts import (
    Assumptions,
    Bytes,
    Categories,
    Exactness,
    Identity,
    Keys,
    Line,
    Lora,
    Module,
    Number,
    Parameters,
    Published,
    Reported,
    Sparsity,
    Step,
    Tensor,
    TensorDifference,
    Tensors,
    Tie,
    Weights,
)
from paramcalc.report.listed_documents import (
    ListedArchitecture,
    ListedEngine,
    ListedGpu,
    ListedModel,
    ListedPrecision,
)
from paramcalc.report.memory_documents import FitRow, MemoryRow
from paramcalc.report.output import SCHEMA


class CountResult(Identity):
    """The parameters of one model."""

    parameters: Parameters
    """Counts in elements."""
    tensors: Number | None
    """Number of stored tensors; null where only a size is known."""
    modules: list[Module]
    """The breakdown by module."""
    categories: Categories | None
    """The breakdown by what parameters do."""
    by: Literal["module", "layer", "kind", "tensor"]
    """The breakdown that was asked for."""
    rows: list[Line | Tensors] | None
    """The rows of another breakdown than the one by module."""
    tensor_list: list[Tensor] | None
    """Every stored tensor, with `--by tensor --expand`."""
    ties: list[Tie]
    """Tensors that are stored in others."""
    weights: list[Weights]
    """Bytes in the usual precisions."""
    steps: list[Step] | None
    """The arithmetic, with `--explain`."""
    lora: Lora | None
    """The adapter, with `--lora`."""


class MemoryResult(Identity):
    """The memory that one model takes."""

    parameters: Parameters
    """Counts in elements."""
    precisions: list[MemoryRow]
    """A row for each precision."""
    assumptions: Assumptions
    """What the figures take for granted."""
    sparsity: Sparsity | None
    """How weights are pruned, if they are."""
    steps: list[Step] | None
    """The arithmetic, with `--explain`."""


class FitResult(Identity):
    """Whether one model fits."""

    gpu: str
    """The device's name, or its size as given."""
    gpu_memory_bytes: Bytes
    """Memory of one device, as its driver reports it."""
    gpu_source: str
    """Where that figure comes from."""
    gpus: Number
    """How many devices."""
    fits: bool
    """The verdict: whether one of the precisions fits."""
    precision: str | None
    """The best precision that fits, or null."""
    precisions: list[FitRow]
    """Each precision on its own, from large to small."""
    lower: FitRow | None
    """The best precision below those that fits, if none of those does."""
    model_context_tokens: Number | None
    """Tokens that the model is published for."""
    assumptions: Assumptions
    """What the figures take for granted."""
    sparsity: Sparsity | None
    """How weights are pruned, if they are."""
    steps: list[Step] | None
    """The arithmetic, with `--explain`."""


class ShowResult(Identity):
    """The card of one model."""

    family: str | None
    """The group under which it is listed."""
    context_tokens: Number | None
    """Tokens that it is published for."""
    licence: str | None
    """As the hub names it."""
    released: str | None
    """Year, month and day."""
    hub: str | None
    """Organisation and name of the published files."""
    dtype: str | None
    """What the published files hold."""
    aliases: list[str]
    """Its other names."""
    published: Published | None
    """What others say of its size."""
    note: str | None
    """What one must know."""
    parameters: Parameters
    """Counts in elements."""
    reported: Reported | None
    """Its size in reports, where no more is known."""
    configuration: dict[str, Any]
    """The keys of its config.json that change tensors, cache or context."""


class Facts(BaseModel):
    """The facts that are put side by side; `weights_…_bytes` for each precision of the ladder."""

    model_config = ConfigDict(strict=True, extra="allow", use_attribute_docstrings=True)
    __pydantic_extra__: dict[str, Bytes | None]

    architecture: str | None
    """The architecture."""
    exactness: Exactness
    """Counted, estimated, or only reported by others."""
    parameters: Number | None
    """Trained parameters."""
    active: Number | None
    """Parameters used for one token."""
    embedding: Number | None
    """Lookup tables of tokens and learned positions."""
    tensors: Number | None
    """Number of stored tensors."""
    context_tokens: Number | None
    """Tokens that the model is published for."""
    licence: str | None
    """As the hub names it."""
    released: str | None
    """Year, month and day."""
    kv_cache_bytes: Bytes | None
    """The KV cache for as many tokens as `kv_cache_tokens` says."""
    kv_cache_tokens: Number | None
    """Tokens of the KV cache."""


class CompareResult(Identity):
    """One of the models that are compared."""

    parameters: Parameters
    """Counts in elements."""
    facts: Facts
    """What is put side by side."""


class Finding(Keys):
    """One thing that is wrong in a file."""

    message: str
    """What is wrong."""
    hint: str | None
    """What to do about it."""
    file: str | None
    """Where it stands: the file itself, or an architecture that it builds upon."""
    line: int | None
    """The line, from 1."""
    column: int | None
    """The column, from 1."""
    path: list[str]
    """The keys from the top of the document to the entry."""


class VerifyResult(Identity):
    """A model held against another, tensor by tensor."""

    parameters: Parameters
    """Counts of the model."""
    other: str
    """What it was held against."""
    other_parameters: Parameters
    """Counts of the other."""
    precision: str | None
    """The file type of a GGUF file, by which types are compared; null if they are not."""
    equal: bool
    """Names and shapes agree, and types where they are compared."""
    differences: list[TensorDifference]
    """Where they do not."""


class CheckResult(Keys):
    """One file and all that is wrong with it."""

    file: str
    """The file as it was given."""
    kind: Literal[
        "configuration",
        "spec",
        "models",
        "precisions",
        "hardware",
        "engines",
        "schemes",
        "gguf_tensors",
        "lora",
        "gguf",
        "containers",
        "unreadable",
    ]
    """What it holds."""
    entries: Number
    """Entries of a catalogue file; 1 for a spec or a configuration, 0 if it cannot be read."""
    valid: bool
    """Whether nothing is wrong."""
    problems: list[Finding]
    """What is wrong, in the order of lines."""


Listed = ListedModel | ListedPrecision | ListedGpu | ListedEngine | ListedArchitecture

RESULTS: Mapping[str, Any] = {
    "count": CountResult,
    "memory": MemoryResult,
    "fit": FitResult,
    "show": ShowResult,
    "compare": CompareResult,
    "list": Listed,
    "check": CheckResult,
    "verify": VerifyResult,
}
"""What stands in `results`, by command."""


class _Generator(GenerateJsonSchema):
    """JSON Schema 2020-12 without a title for each key: keys speak for themselves."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002, pydantic's own
        return False


def json_schema(command: str) -> dict[str, Any]:
    """The JSON Schema of what ``paramcalc COMMAND --json`` prints."""
    result = TypeAdapter(RESULTS[command]).json_schema(schema_generator=_Generator)
    definitions = result.pop("$defs", {})
    envelope = {
        "schema": {"const": SCHEMA, "description": "The version of the keys of all documents."},
        "command": {"const": command, "description": "The command that printed the document."},
        "results": {
            "type": "array",
            "items": result,
            "description": "One for each thing that was asked for.",
        },
    }
    return {
        "$schema": _Generator.schema_dialect,
        "title": f"paramcalc {command}, {SCHEMA}",
        "description": f"The document that `paramcalc {command} --json` prints.",
        "type": "object",
        "properties": envelope,
        "required": list(envelope),
        "$defs": definitions,
    }
