"""Bytes of a model's stored tensors in a number format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.precision import Format
from paramcalc.core.trace import Trace

INTEGER_BYTES: Mapping[str, int] = {"int64": 8, "int32": 4, "int16": 2, "int8": 1, "bool": 1}
"""Tensors that keep a type of their own whatever the model's precision."""


AS_STORED = Format("stored", 0, 0, "the file's own header")
"""Stands for the formats that a file's tensors have in it."""


def assign(model: Model, precision: Format) -> Iterator[tuple[TensorGroup, Format]]:
    """Each group of tensors with the format it is stored in.

    Plain division: every tensor takes the one format. A recipe that mixes formats belongs here.
    """
    for group in model.groups:
        size = INTEGER_BYTES.get(group.dtype or "")
        yield group, Format(group.dtype or "", 1, size) if size else precision


def weights_bytes(model: Model, precision: Format, trace: Trace | None = None) -> int:
    """Bytes of all stored tensors, parameters and buffers; each tensor fills whole blocks."""
    trace = trace or Trace.off()
    if precision == AS_STORED:
        return trace.note("weights as stored", model.stored_bytes or 0, "bytes", precision.source)
    sizes: dict[tuple[int, Format], int] = {}
    for group, storage in assign(model, precision):
        # Formats without blocks divide evenly: one product for all tensors together.
        numel = 1 if storage.block_numel == 1 else int(group.tensor_numel)
        count = int(group.count) * (int(group.tensor_numel) if numel == 1 else 1)
        sizes[numel, storage] = sizes.get((numel, storage), 0) + count
    total = 0
    for (numel, storage), count in sizes.items():
        if storage.block_numel == 1:
            name = "stored_elements" if storage == precision else f"{storage.name}_elements"
            total = total + trace.number(name, count) * storage.block_bytes
        else:
            total = total + count * storage.bytes(trace.number(f"numel_{numel}", numel))
    return trace.note(f"weights in {precision.name}", total, "bytes", precision.source)
