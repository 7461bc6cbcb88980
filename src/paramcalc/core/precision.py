"""Number formats: exact blocks of so many elements in so many bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from paramcalc.core.functions import ceil_div
from paramcalc.core.trace import call

if TYPE_CHECKING:
    from paramcalc.core.model import Model, TensorGroup

INTEGER_BYTES: Mapping[str, int] = {"int64": 8, "int32": 4, "int16": 2, "int8": 1, "bool": 1}
"""Tensors that keep a type of their own whatever the model's precision."""


class Format(NamedTuple):
    """How a tensor is stored: a whole number of blocks, the last one filled up.

    bf16 is 1 element in 2 bytes, Q4_K 256 in 144, MXFP4 32 in 17; never "4.5 bits".

    >>> Format("Q4_K", 256, 144).bytes(257)
    288
    """

    name: str
    block_numel: int
    block_bytes: int
    source: str = ""
    description: str = ""
    by_row: bool = False
    """Blocks run along the rows of a matrix, so each row is a whole number of them."""

    def bytes(self, numel: int) -> int:
        """Bytes of ``numel`` elements in a row."""
        if self.block_numel == 1:
            return numel * self.block_bytes
        blocks = call("ceil_div", ceil_div(numel, self.block_numel), numel, self.block_numel)
        return blocks * self.block_bytes

    def runs(self, shape: Sequence[int], kind: str = "") -> tuple[int, int]:
        """How a tensor is cut before it is: so many runs of so many elements.

        A format without blocks takes elements one by one, one with rows row by row, any other
        the whole tensor.

        >>> Format("Q8_0", 32, 34, by_row=True).runs((4096, 1024))
        (4096, 1024)
        """
        numel = prod(shape)
        if self.block_numel == 1:
            return numel, 1
        row = row_numel(shape, kind) if self.by_row else numel
        return (numel // row if row else 0), row

    def tensor_bytes(self, shape: Sequence[int], kind: str = "") -> int:
        """Bytes of a tensor of this shape.

        >>> Format("Q4_K", 256, 144, by_row=True).tensor_bytes((2, 257))
        576
        """
        count, numel = self.runs(shape, kind)
        return count * self.bytes(numel)

    def assign(self, model: Model) -> Iterator[tuple[TensorGroup, Format]]:
        """Plain division: every tensor of a model takes this one format."""
        for group in model.groups:
            size = INTEGER_BYTES.get(group.dtype or "")
            yield group, Format(group.dtype or "", 1, size) if size else self

    @property
    def recipe(self) -> None:
        """A format is none: it is for all tensors alike."""
        return None

    @property
    def is_wide(self) -> bool:
        """Elements stand alone, in 16 bits or more: nothing is quantized."""
        return self.block_numel == 1 and self.block_bytes > 1

    @property
    def bits_per_element(self) -> float:
        """Bits for each element of a full block: a ratio to print, not to compute with."""
        return 8 * self.block_bytes / self.block_numel


def row_numel(shape: Sequence[int], kind: str = "") -> int:
    """Elements of one row of the matrix that a weight is; the inputs of one output.

    Convolutions multiply a matrix [out, in × kernel]; stacked experts are a matrix each.

    >>> row_numel((64, 3, 7, 7), "Conv2d"), row_numel((8, 512, 128))
    (147, 128)
    """
    if len(shape) < 2:
        return prod(shape)
    # GPT-2's Conv1D, with a capital, is no convolution.
    is_convolution = kind.startswith("Conv") and kind.endswith("d")
    return prod(shape[1:]) if is_convolution else shape[-1]
