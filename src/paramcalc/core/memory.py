"""Memory as a tree of named parts: a part is the sum of the parts below it."""

from __future__ import annotations

from typing import NamedTuple

from paramcalc.core.model import ESTIMATED, EXACT
from paramcalc.core.trace import Step
from paramcalc.core.weights import FileSize, Share

WEIGHTS, KV_CACHE, STATE, BUFFERS, OVERHEAD = "weights", "kv_cache", "state", "buffers", "overhead"


class Part(NamedTuple):
    """Bytes with a name; an estimate carries its range and where it comes from."""

    name: str
    bytes: int
    low: int | None = None
    high: int | None = None
    source: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def exactness(self) -> str:
        return EXACT if self.low is None and self.high is None else ESTIMATED

    @property
    def range(self) -> tuple[int, int]:
        """Lowest and highest bytes; equal if the part is exact."""
        low = self.bytes if self.low is None else self.low
        return low, self.bytes if self.high is None else self.high


class Assumptions(NamedTuple):
    """What an answer takes for granted."""

    context_tokens: int
    batch: int
    kv_precision: str
    engine: str
    gpus: int = 1
    overhead_percent: str | None = None
    """The rule of thumb that stands for cache, activations and runtime, if it does."""
    like: str | None = None
    left_out: tuple[str, ...] = ()


class Memory(NamedTuple):
    """What one model takes in one precision. ``None`` is a part that is not known by itself."""

    precision: str
    bits_per_weight: float
    total: Part
    assumptions: Assumptions
    steps: tuple[Step, ...] = ()
    shares: tuple[Share, ...] = ()
    """The weights by format."""
    kept: float = 0.0
    """What part of the parameters stays in 16 bits or more."""
    remarks: tuple[str, ...] = ()
    """What is to be said about this precision of this model."""
    file: FileSize | None = None
    """How large the file is, if that was asked for and is known."""

    def part(self, name: str) -> Part | None:
        return next((part for part in self.total.parts if part.name == name), None)

    def _bytes(self, name: str) -> int | None:
        part = self.part(name)
        return None if part is None else part.bytes

    @property
    def weights_bytes(self) -> int:
        return self._bytes(WEIGHTS) or 0

    @property
    def kv_cache_bytes(self) -> int | None:
        return self._bytes(KV_CACHE)

    @property
    def state_bytes(self) -> int | None:
        return self._bytes(STATE)

    @property
    def buffer_bytes(self) -> int | None:
        return self._bytes(BUFFERS)

    @property
    def overhead_bytes(self) -> int:
        return self._bytes(OVERHEAD) or 0

    @property
    def total_bytes(self) -> int:
        return self.total.bytes

    @property
    def total_range(self) -> tuple[int, int]:
        """Lowest and highest total; the estimated parts make the difference."""
        return self.total.range


def summed(name: str, parts: list[Part]) -> Part:
    """The part that these make up, with the range that their ranges make up."""
    total = sum(part.bytes for part in parts)
    if all(part.exactness == EXACT for part in parts):
        return Part(name, total, parts=tuple(parts))
    low, high = (sum(part.range[end] for part in parts) for end in (0, 1))
    return Part(name, total, low, high, parts=tuple(parts))
