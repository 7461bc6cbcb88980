"""Number formats: exact blocks of so many elements in so many bytes."""

from __future__ import annotations

from typing import NamedTuple

from paramcalc.core.functions import ceil_div
from paramcalc.core.trace import call


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

    def bytes(self, numel: int) -> int:
        """Bytes of a tensor of ``numel`` elements."""
        if self.block_numel == 1:
            return numel * self.block_bytes
        blocks = call("ceil_div", ceil_div(numel, self.block_numel), numel, self.block_numel)
        return blocks * self.block_bytes

    @property
    def bits_per_element(self) -> float:
        """Bits for each element of a full block: a ratio to print, not to compute with."""
        return 8 * self.block_bytes / self.block_numel
