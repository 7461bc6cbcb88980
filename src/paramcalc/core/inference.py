"""Memory to run a model: weights, KV cache, recurrent state, and what the runtime adds.

The cache is exact at the level that no engine goes below: one entry for each token that the
architecture keeps. Engines pad and round on top; what the runtime adds is an estimate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from paramcalc.core.cache import Cache
from paramcalc.core.memory import (
    BUFFERS,
    KV_CACHE,
    OVERHEAD,
    STATE,
    WEIGHTS,
    Assumptions,
    Memory,
    Part,
    summed,
)
from paramcalc.core.model import Model
from paramcalc.core.precision import Format
from paramcalc.core.trace import Trace
from paramcalc.core.weights import Precision, dearest, stored
from paramcalc.errors import ParamcalcError
from paramcalc.units import short_bytes

if TYPE_CHECKING:
    from fractions import Fraction

    from paramcalc.core.recipe import Recipe

LEFT_OUT = ("activations while a prompt is read", "padding and rounding of the engine")


DOUBTFUL = (95, 105)
"""Percent of the bytes between which they lie if not every tensor has a rule; types of one family
of formats differ by no more over a whole model."""
STATE_FORMAT = Format("bf16", 1, 2)
"""Recurrent state is kept in the model's own precision, whatever the cache's."""


class Engine(NamedTuple):
    """What an engine takes on each device whatever the model: lowest, usual, highest bytes."""

    name: str
    runtime_low: int
    runtime_mid: int
    runtime_high: int
    source: str = ""


class Workload(NamedTuple):
    """What a model is asked to do, and on how many devices."""

    engine: Engine
    kv_format: Format
    context: int
    batch: int = 1
    gpus: int = 1
    overhead: tuple[Fraction, Fraction] | None = None
    """Percent of the weights, lowest and highest, that stand for cache, activations, runtime."""
    overhead_source: str = ""
    state_format: Format = STATE_FORMAT


def kv_cache_bytes(
    model: Model, context: int, batch: int, kv_format: Format, trace: Trace | None = None
) -> int:
    """Bytes of keys and values, or of latent vectors, for ``batch`` sequences of ``context``.

    Llama-3.1-70B: 80 layers * 8 heads * 2 * 128 elements * 131,072 tokens in 16 bits = 40 GiB.
    """
    trace = trace or Trace.off()
    tokens, sequences = trace.number("context", context), trace.number("batch", batch)
    total = 0
    for number, cache in enumerate(_growing(model)):
        label = _label(cache, number)
        numel = sequences * (cache.count * (cache.tokens(tokens) * cache.token_numel))
        total = total + trace.note(label, kv_format.bytes(numel), "bytes", kv_format.source)
    return total


def _growing(model: Model) -> list[Cache]:
    return [cache for cache in model.caches if cache.token_numel]


def _label(cache: Cache, number: int) -> str:
    limited = "" if cache.limit is None else f", at most {int(cache.limit):,} tokens"
    return f"{cache.kind} cache {number + 1}: {int(cache.count)} layers{limited}"


def state_bytes(model: Model, batch: int, state_format: Format, trace: Trace | None = None) -> int:
    """Bytes of recurrent state: per sequence, whatever its length."""
    trace = trace or Trace.off()
    sequences = trace.number("batch", batch)
    total = 0
    for number, cache in enumerate(c for c in model.caches if c.sequence_numel):
        numel = sequences * (cache.count * cache.sequence_numel)
        label = f"recurrent state {number + 1}: {int(cache.count)} layers"
        total = total + trace.note(label, state_format.bytes(numel), "bytes")
    return total


def memory(
    model: Model,
    precision: Precision,
    workload: Workload,
    *,
    explain: bool = False,
    with_file: bool = False,
) -> Memory:
    """What ``model`` takes in ``precision`` under a workload.

    ``explain`` keeps the steps; give it a model that was expanded symbolically to see the
    architecture's own names in the formulas. ``with_file`` tells how large the file is, too.
    """
    if model.is_undisclosed:
        raise ParamcalcError(
            f"the size of {model.name} is not published: there is nothing to compute with",
            "give a size to see what it would take, such as `70b`",
        )
    trace = Trace(on=explain)
    found = stored(model, precision, trace)
    recipe = precision.recipe
    doubts = recipe.doubts(model) if recipe else ()
    low, high = (int(found.bytes) * end // 100 for end in DOUBTFUL) if doubts else (None, None)
    beside = beside_weights(model, found.bytes, workload, trace)
    own = Part(WEIGHTS, found.bytes, low, high, precision.source)
    total = summed("total", [own, *beside])
    trace.note("total", total.bytes, "bytes", exactness=total.exactness)
    counts = model.parameters
    return Memory(
        precision.name,
        8 * int(found.bytes) / counts.stored if counts.stored else 0.0,
        _plain(total),
        _assumptions(model, workload),
        tuple(trace.steps),
        found.shares,
        found.kept / counts.total if counts.total else 0.0,
        (*doubts, *_remarks(model, recipe, explain=explain)) if recipe else (),
        recipe.file_size(model) if recipe and with_file else None,
    )


def _remarks(model: Model, recipe: Recipe, *, explain: bool) -> Iterator[str]:
    """What is to be said of the recipe; explained, also which tensors take most bits."""
    yield from recipe.remarks(model)
    bits = recipe.nominal_bits if explain and model.is_counted else None
    found = dearest(model, recipe, bits) if bits else []
    if found:
        listed = (f"{one.name} in {one.format} (+{short_bytes(one.bytes)})" for one in found)
        yield f"above the nominal {float(bits or 0):g} bits: {', '.join(listed)}"


def beside_weights(
    model: Model, weights: int, workload: Workload, trace: Trace | None = None
) -> list[Part]:
    """What a workload needs besides ``weights`` bytes of weights."""
    trace = trace or Trace.off()
    if workload.overhead:
        return [_rule_of_thumb(weights, workload.overhead, workload.overhead_source, trace)]
    return _counted(model, workload, trace)


def _counted(model: Model, workload: Workload, trace: Trace) -> list[Part]:
    engine, gpus = workload.engine, workload.gpus
    kv_format, state_format = workload.kv_format, workload.state_format
    cache = kv_cache_bytes(model, workload.context, workload.batch, kv_format, trace)
    state = state_bytes(model, workload.batch, state_format, trace)
    devices = trace.number("gpus", gpus)
    overhead = devices * trace.number("runtime_per_gpu", engine.runtime_mid)
    return [
        Part(KV_CACHE, cache, source=kv_format.source),
        Part(STATE, state),
        Part(BUFFERS, 0),
        Part(
            OVERHEAD,
            trace.note("runtime", overhead, "bytes", engine.source, "estimated"),
            gpus * engine.runtime_low,
            gpus * engine.runtime_high,
            engine.source,
        ),
    ]


def _rule_of_thumb(
    weights: int, percent: tuple[Fraction, Fraction], source: str, trace: Trace
) -> Part:
    """Cache, activations and runtime as a share of the weights; the middle of the range."""
    low, high = percent
    middle = (low + high) / 2
    label = f"rule of thumb: {float(middle):g} % of the weights"
    result = weights * middle.numerator // (100 * middle.denominator)
    size = trace.note(label, result, "bytes", source, "estimated")
    least, most = (int(int(weights) * end / 100) for end in (low, high))
    return Part(OVERHEAD, size, least, most, source)


def _assumptions(model: Model, workload: Workload) -> Assumptions:
    percent = None
    if workload.overhead:
        ends = dict.fromkeys(f"{float(end):g}" for end in workload.overhead)
        percent = " to ".join(ends) + " %"
    return Assumptions(
        int(workload.context),
        int(workload.batch),
        workload.kv_format.name,
        workload.engine.name,
        workload.gpus,
        percent,
        None if percent else model.like,
        () if percent else LEFT_OUT,
    )


def _plain(part: Part) -> Part:
    """The part with plain integers: formulas stay in the steps."""
    return Part(
        part.name,
        int(part.bytes),
        None if part.low is None else int(part.low),
        None if part.high is None else int(part.high),
        part.source,
        tuple(_plain(child) for child in part.parts),
    )
