"""Whether a model fits, and what would: each answer is right and the next one would not be."""

from __future__ import annotations

from typing import Any

import pytest

import paramcalc
from paramcalc.core.cache import Cache
from paramcalc.core.fit import MOST_BATCH, MOST_GPUS, Device, Fit, fit
from paramcalc.core.inference import Engine, Workload, memory
from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.precision import Format

BF16, INT8, INT4 = Format("bf16", 1, 2), Format("int8", 1, 1), Format("int4", 2, 1)
INT2, INT1 = Format("int2", 4, 1), Format("int1", 8, 1)
ENGINE = Engine("plain", 50, 100, 200)
GB, MIB = 10**9, 2**20


def model(parameters: int = 1000, *caches: Cache) -> Model:
    group = TensorGroup("w", (), (parameters,), "Parameter", 1, parameters)
    return Model("m", (group,), caches)


def work(**changes: Any) -> Workload:
    return Workload(ENGINE, BF16, context=10)._replace(**changes)


def fits(
    size: int,
    *caches: Cache,
    precisions: tuple[Format, ...] = (BF16, INT8, INT4),
    lower: tuple[Format, ...] = (),
    **changes: Any,
) -> Fit:
    return fit(model(1000, *caches), Device("card", size), work(**changes), precisions, lower)


# --- the verdict ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "precision"),
    [
        (2100, "bf16"),  # 2,000 of weights and 100 of the runtime
        (2099, "int8"),
        (1100, "int8"),
        (1099, "int4"),
        (600, "int4"),
        (599, None),
    ],
)
def test_the_best_that_fits(size: int, precision: str | None) -> None:
    found = fits(size)
    assert found.precision == precision
    assert found.fits is (precision is not None)
    assert [row.precision for row in found.precisions] == ["bf16", "int8", "int4"]
    for row in found.precisions:
        assert row.fits is (row.needed_bytes <= size)
        assert row.available_bytes == size


def test_precisions_are_tried_from_large_to_small() -> None:
    found = fits(10_000, precisions=(INT4, BF16, INT8))
    assert [row.precision for row in found.precisions] == ["bf16", "int8", "int4"]
    assert found.precision == "bf16"


def test_what_would_fit_below() -> None:
    found = fits(360, lower=(BF16, INT4, INT2, INT1))
    assert found.precision is None
    assert found.lower is not None
    assert found.lower.precision == "int2"  # 250 + 100, the largest below int4
    assert fits(599, lower=(INT2, INT1)).lower is not None
    assert fits(600, lower=(INT2, INT1)).lower is None  # int4 fits: nothing to look for
    assert fits(100, lower=(INT2, INT1)).lower is None  # nothing fits


def test_a_tight_verdict_could_be_the_other_one() -> None:
    # needs 2,100, of which the runtime may be 50 to 200
    for size, tight in ((2049, False), (2050, True), (2100, True), (2199, True), (2200, False)):
        assert fits(size, precisions=(BF16,)).precisions[0].is_tight is tight


def test_several_devices_share() -> None:
    assert fits(1100, precisions=(BF16,), gpus=2).fits  # 2,000 + 2 * 100
    assert not fits(1099, precisions=(BF16,), gpus=2).fits
    row = fits(1100, precisions=(BF16,), gpus=2).precisions[0]
    assert (row.needed_bytes, row.available_bytes) == (2200, 2200)


# --- what would fit, and one more would not ------------------------------------------------------

GROWING = Cache("attention", token_numel=3, count=2)  # 12 bytes a token
WINDOW = Cache("attention", token_numel=3, limit=4, count=2)
STATE = Cache("recurrent", sequence_numel=5)  # 10 bytes a sequence


def test_gpus_needed() -> None:
    for size in (101, 150, 1000, 1100, 2099, 2100):
        row = fits(size, precisions=(BF16,)).precisions[0]
        gpus = row.gpus_needed
        assert gpus is not None
        assert 2000 + 100 * gpus <= gpus * size
        assert gpus == 1 or 2000 + 100 * (gpus - 1) > (gpus - 1) * size


def test_no_number_of_small_devices_is_enough() -> None:
    assert fits(100, precisions=(BF16,)).precisions[0].gpus_needed is None
    assert fits(50, precisions=(BF16,)).precisions[0].gpus_needed is None
    # 10**12 would be needed
    tiny = fit(model(10**14), Device("card", 101), work(), (BF16,))
    assert tiny.precisions[0].gpus_needed is None
    assert MOST_GPUS == 10**6


def test_max_context() -> None:
    row = fits(2100 + 12 * 1000 + 11, GROWING, precisions=(BF16,)).precisions[0]
    assert row.max_context_tokens == 1000
    for context, enough in ((1000, True), (1001, False)):
        needed = memory(model(1000, GROWING), BF16, work(context=context)).total_bytes
        assert (needed <= row.available_bytes) is enough


def test_max_context_with_a_window() -> None:
    both = fits(2100 + 12 * 4 + 12 * 1000, GROWING, WINDOW, precisions=(BF16,)).precisions[0]
    assert both.max_context_tokens == 1000
    assert fits(10_000, WINDOW, precisions=(BF16,)).precisions[0].max_context_tokens is None
    assert fits(10_000, STATE, precisions=(BF16,)).precisions[0].max_context_tokens is None
    assert fits(10_000, precisions=(BF16,)).precisions[0].max_context_tokens is None


def test_nothing_is_the_maximum_where_nothing_fits() -> None:
    row = fits(2000, GROWING, STATE, precisions=(BF16,)).precisions[0]
    assert (row.fits, row.max_context_tokens, row.max_batch) == (False, 0, 0)


def test_max_batch() -> None:
    # a sequence of 10 tokens takes 120 bytes and 10 of state
    row = fits(2100 + 130 * 7 + 129, GROWING, STATE, precisions=(BF16,)).precisions[0]
    assert row.max_batch == 7
    assert fits(3000, precisions=(BF16,)).precisions[0].max_batch is None
    endless = fits(10**30, STATE, precisions=(BF16,)).precisions[0]
    assert endless.max_batch == MOST_BATCH


def test_a_cache_that_is_only_estimated_has_no_maximum() -> None:
    from fractions import Fraction

    percent = (Fraction(10), Fraction(30))
    row = fits(3000, GROWING, precisions=(BF16,), overhead=percent).precisions[0]
    assert (row.max_context_tokens, row.max_batch) == (None, None)
    assert row.needed_bytes == 2400


# --- published cards -----------------------------------------------------------------------------


def test_llama_on_a_4090() -> None:
    found = paramcalc.fit("llama-3.1-8b", "rtx-4090", context=8192)
    assert found.device.memory_bytes == 24_564 * MIB
    assert found.precision == "bf16"  # 16.06 GB + 1.07 GB of cache and the runtime
    best = found.best
    assert best is not None
    assert best.memory.weights_bytes == 16_060_522_496
    assert best.memory.kv_cache_bytes == 2**30
    assert not paramcalc.fit("llama-3.1-70b", "rtx-4090", precision="int4").fits
    # 141.1 GB of weights alone: more than one card of 80 GiB
    needed = paramcalc.fit("llama-3.1-70b", "80gb", precision="bf16").precisions[0].gpus_needed
    assert needed == 2


@pytest.mark.parametrize(
    ("size", "gpu", "precision", "verdict"),
    [
        ("70b", "24gb", "int4", False),  # 35 GB
        ("70b", "48gb", "int4", True),
        ("7b", "16gb", "fp16", False),  # 14 GB, 4 GB of cache at 8,192 tokens, the runtime
        ("7b", "24gb", "fp16", True),
        ("7b", "8gb", "int4", True),
        ("7b", "3gb", "int4", False),
    ],
)
def test_bare_sizes(size: str, gpu: str, precision: str, verdict: bool) -> None:
    assert paramcalc.fit(size, gpu, precision=precision).fits is verdict


def test_the_answer_of_the_api_holds() -> None:
    found = paramcalc.fit("gemma-3-27b", "24gb", precision="int4")
    row = found.precisions[0]
    context = row.max_context_tokens
    assert context is not None
    for tokens, enough in ((context, True), (context + 1, False)):
        again = paramcalc.fit("gemma-3-27b", "24gb", precision="int4", context=tokens)
        assert again.fits is enough
    batch = row.max_batch
    assert batch is not None
    for sequences, enough in ((batch, True), (batch + 1, False)):
        assert paramcalc.fit("gemma-3-27b", "24gb", "int4", batch=sequences).fits is enough
