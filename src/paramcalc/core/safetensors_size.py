"""Bytes of a whole safetensors file: its header depends on every name, shape and offset."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from paramcalc.core.model import Tensor

_LENGTH_BYTES, _ALIGNMENT = 8, 8
METADATA: Mapping[str, str] = {"format": "pt"}
"""What libraries for PyTorch write."""


def file_bytes(
    tensors: Iterable[Tensor],
    dtype: str,
    item_bytes: int,
    metadata: Mapping[str, str] = METADATA,
) -> int:
    """Bytes of the file that holds these tensors, all of one type (``F32``, of 4 bytes each).

    Eight bytes of length, a header in JSON that blanks fill up to a multiple of eight, the data.
    Source: safetensors 0.8, src/tensor.rs (``prepare``): tensors of one type in the order of
    their names.
    """
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    end = 0
    for tensor in sorted(tensors):
        start, end = end, end + int(tensor.numel) * item_bytes
        shape = [int(size) for size in tensor.shape]
        header[tensor.name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return _LENGTH_BYTES + -(-len(text) // _ALIGNMENT) * _ALIGNMENT + end
