"""The rows of ``memory`` and ``fit``, key by key."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from paramcalc.report.document_parts import Bytes, Keys, Number

Range = Annotated[list[Bytes], Field(min_length=2, max_length=2)]


class Parts(Keys):
    """Bytes of the parts; null is a part that is not known by itself."""

    precision: str
    """The number format of the weights."""
    weights_bytes: Bytes
    """Parameters and buffers as stored."""
    kv_cache_bytes: Bytes | None
    """What grows with tokens."""
    state_bytes: Bytes | None
    """Recurrent state, which does not."""
    buffer_bytes: Bytes | None
    """Buffers of the engine for intermediate results."""
    overhead_bytes: Bytes
    """What the runtime takes whatever the model, or the rule of thumb."""


class FormatShare(Keys):
    """What of the weights is stored in one number format."""

    format: str
    """The number format."""
    tensors: Number
    """How many tensors are stored in it."""
    elements: Number
    """Their elements, packed ones as the containers that they are in."""
    bytes: Bytes
    """Bytes of all of them."""


class StoredTensors(Keys):
    """Equal tensors as a precision stores them."""

    name: str
    """The name, indices as ranges."""
    shape: list[Number]
    """The shape of one."""
    count: Number
    """How many there are."""
    format: str
    """The number format."""
    bytes: Bytes
    """Bytes of all of them."""


class File(Keys):
    """How large the file is that a recipe makes."""

    data_bytes: Bytes
    """All tensors, aligned: exact."""
    header_range_bytes: Range
    """Vocabulary, metadata and names: an estimate, lowest and highest."""
    file_bytes: Bytes
    """Data and the middle of that range."""
    source: str
    """Where the estimate comes from."""


class MemoryRow(Parts):
    """What a model takes in one precision."""

    unquantized_share: float
    """What part of the parameters stays in 16 bits or more, from 0 to 1."""
    formats: list[FormatShare]
    """The weights by number format, largest first."""
    file: File | None
    """With `--by`: the file, where such files are known."""
    remarks: list[str]
    """What is to be said about it: that it needs an importance matrix, why it is an estimate."""
    tensors: list[StoredTensors] | None
    """With `--by tensor`: each tensor."""

    bits_per_weight: float
    """Bits of the weights for each stored element."""
    total_bytes: Bytes
    """The sum of the parts."""
    total_range_bytes: Range
    """Lowest and highest total; the estimated parts make the difference."""


class FitRow(Parts):
    """The verdict for one precision."""

    fits: bool
    """Whether it fits."""
    needed_bytes: Bytes
    """The sum of the parts."""
    needed_range_bytes: Range
    """Lowest and highest sum; the estimated parts make the difference."""
    available_bytes: Bytes
    """Memory of all devices together."""
    gpus_needed: Number | None
    """The fewest such devices that would hold it; null if no number of them would."""
    max_context_tokens: Number | None
    """The longest context that would fit; null if memory does not grow with it."""
    max_batch: Number | None
    """The most sequences that would fit; null if memory does not grow with them."""
