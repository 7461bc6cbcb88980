"""The records of ``list``, key by key."""

from __future__ import annotations

from paramcalc.report.document_parts import Bytes, Keys, Number


class ListedModel(Keys):
    """A model of the catalogue; the counts of a user's own models are null."""

    name: str
    """What to call it by."""
    parameters: Number | None
    """Trained parameters."""
    active: Number | None
    """Parameters used for one token."""
    context_tokens: Number | None
    """Tokens that it is published for."""
    family: str | None
    """The family that it belongs to."""
    architecture: str | None
    """Its architecture."""
    licence: str | None
    """The licence of its weights."""
    released: str | None
    """Year, month and day."""


class ListedPrecision(Keys):
    """A number format, or a recipe that says which format each tensor gets."""

    name: str
    """What to call it by."""
    kind: str
    """`format` or `recipe`; a recipe may have a format of the same name."""
    bits: float | None
    """Bits for each element of a full block of the format."""
    bits_per_weight: float | None
    """Of a recipe: bits for each weight of the model that the notes name."""
    block_numel: Number | None
    """Elements in one block."""
    block_bytes: Bytes | None
    """Bytes of one block."""
    unquantized: str | None
    """Of a recipe: what it leaves as it is."""
    native: str | None
    """Hardware that computes with it."""
    description: str | None
    """One line."""
    source: str | None
    """Where the layout is defined."""


class ListedGpu(Keys):
    """An accelerator."""

    name: str
    """What to call it by."""
    memory_bytes: Bytes
    """Memory as its driver reports it."""
    memory: str | None
    """What is printed on the box."""
    bandwidth_gbps: float | None
    """Memory bandwidth in 10^9 bytes per second."""
    full_name: str | None
    """The maker's name for it."""


class ListedEngine(Keys):
    """An inference engine."""

    name: str
    """What to call it by."""
    description: str | None
    """One line."""
    default: bool
    """Whether it is assumed when none is named."""


class ListedArchitecture(Keys):
    """An architecture."""

    name: str
    """The `model_type` of a configuration."""
    extends: str | None
    """The architecture that it differs from."""
    source: str | None
    """Where it comes from."""
