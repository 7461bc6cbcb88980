"""Does a model fit, and if not, what would: fewer bits, more cards, less context."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from paramcalc.core.inference import Workload, beside_weights, memory
from paramcalc.core.memory import Assumptions, Memory
from paramcalc.core.model import Model
from paramcalc.core.weights import Precision, weights_bytes

MOST_GPUS = 1_000_000
MOST_CONTEXT = 10**12
MOST_BATCH = 10**9


class Device(NamedTuple):
    """An accelerator; ``memory_bytes`` as its driver reports it."""

    name: str
    memory_bytes: int
    source: str = ""
    card: Mapping[str, Any] = MappingProxyType({})


class PrecisionFit(NamedTuple):
    """The verdict for one precision. ``None``: no bound (a cache that does not grow)."""

    memory: Memory
    available_bytes: int
    gpus_needed: int | None
    max_context_tokens: int | None
    max_batch: int | None

    @property
    def precision(self) -> str:
        return self.memory.precision

    @property
    def needed_bytes(self) -> int:
        return self.memory.total_bytes

    @property
    def free_bytes(self) -> int:
        """What is left over; negative if it does not fit."""
        return self.available_bytes - self.needed_bytes

    @property
    def fits(self) -> bool:
        return self.free_bytes >= 0

    @property
    def is_tight(self) -> bool:
        """Within the range of the estimate the verdict could be the other one."""
        low, high = self.memory.total_range
        return low <= self.available_bytes < high


class Fit(NamedTuple):
    """The verdict about the precisions asked for, and what else would fit."""

    model: Model
    device: Device
    gpus: int
    precisions: tuple[PrecisionFit, ...]
    lower: PrecisionFit | None = None
    """The largest precision below those asked for that fits, if none of those does."""

    @property
    def best(self) -> PrecisionFit | None:
        """The best precision that fits: the first, as they come from large to small."""
        return next((row for row in self.precisions if row.fits), None)

    @property
    def fits(self) -> bool:
        return self.best is not None

    @property
    def precision(self) -> str | None:
        return self.best.precision if self.best else None

    @property
    def assumptions(self) -> Assumptions:
        return self.precisions[0].memory.assumptions


def fit(
    model: Model,
    device: Device,
    workload: Workload,
    precisions: Sequence[Precision],
    lower: Sequence[Precision] = (),
    *,
    explain: bool = False,
) -> Fit:
    """Hold the memory of each precision against ``workload.gpus`` devices with equal shares."""
    # From large to small, so that the best that fits is the first that fits.
    unordered = [_row(model, device, workload, one, explain) for one in precisions]
    rows = tuple(sorted(unordered, key=lambda row: -row.memory.weights_bytes))
    found = None
    if not any(row.fits for row in rows):
        smallest = rows[-1].memory.weights_bytes
        smaller = (one for one in lower if weights_bytes(model, one) < smallest)
        tried = (_row(model, device, workload, one, explain=False) for one in smaller)
        found = next((row for row in tried if row.fits), None)
    return Fit(model, device, workload.gpus, rows, found)


def _row(
    model: Model, device: Device, workload: Workload, precision: Precision, explain: bool
) -> PrecisionFit:
    found = memory(model, precision, workload, explain=explain)
    weights = found.weights_bytes

    def fits(changed: Workload) -> bool:
        rest = sum(part.bytes for part in beside_weights(model, weights, changed))
        return weights + rest <= changed.gpus * device.memory_bytes

    grows = any(cache.grows for cache in model.caches) and workload.overhead is None
    per_sequence = bool(model.caches) and workload.overhead is None
    return PrecisionFit(
        found,
        workload.gpus * device.memory_bytes,
        _least(lambda n: fits(workload._replace(gpus=n)), MOST_GPUS),
        _most(lambda n: fits(workload._replace(context=n)), MOST_CONTEXT) if grows else None,
        _most(lambda n: fits(workload._replace(batch=n)), MOST_BATCH) if per_sequence else None,
    )


def _most(holds: Callable[[int], bool], limit: int) -> int:
    """The largest number up to ``limit`` for which ``holds``, which only ever turns false."""
    if not holds(1):
        return 0
    low, high = 1, 2
    while high <= limit and holds(high):
        low, high = high, 2 * high
    high = min(high, limit + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _least(holds: Callable[[int], bool], limit: int) -> int | None:
    """The smallest number up to ``limit`` for which ``holds``, which only ever turns true."""
    most_failing = _most(lambda number: not holds(number), limit)
    return None if most_failing >= limit else most_failing + 1
