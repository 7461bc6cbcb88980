"""Memory to run a model: published and hand-made figures, and that an explanation adds up.

GB is 10^9 bytes, GiB 2^30, here as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest

import paramcalc
from paramcalc.catalogue import tables
from paramcalc.catalogue.architectures import architecture_names, find_spec
from paramcalc.core.cache import Cache
from paramcalc.core.explain import count_steps
from paramcalc.core.functions import ceil_div, round_up
from paramcalc.core.inference import Engine, Workload, kv_cache_bytes, memory, state_bytes
from paramcalc.core.memory import Memory, Part, summed
from paramcalc.core.model import Model, TensorGroup, Tied
from paramcalc.core.precision import Format
from paramcalc.core.trace import Step
from paramcalc.core.weights import weights_bytes
from paramcalc.errors import ParamcalcError

GB, GIB, MIB = 10**9, 2**30, 2**20
BF16, FP32, INT8, INT4 = (tables.number_format(name) for name in ("bf16", "fp32", "int8", "int4"))
Q4_K = Format("Q4_K", 256, 144)
PLAIN = Engine("plain", 100, 200, 400, "a book")


def matrix(rows: int, columns: int, count: int = 1, **changes: Any) -> TensorGroup:
    group = TensorGroup(
        "layers.{}.weight",
        (range(count),),
        (rows, columns),
        "Linear",
        count,
        count * rows * columns,
    )
    return group._replace(**changes)


def work(**changes: Any) -> Workload:
    return Workload(PLAIN, BF16, context=10)._replace(**changes)


# --- weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "precision", "gigabytes"),
    [
        ("7b", "fp32", 28),
        ("7b", "fp16", 14),
        ("7b", "bf16", 14),
        ("7b", "int8", 7),
        ("7b", "fp8", 7),
        ("7b", "int4", 3.5),
        ("70b", "fp32", 280),
        ("70b", "fp16", 140),
        ("70b", "int8", 70),
        ("70b", "int4", 35),
        ("1.5b", "fp32", 6),
        ("13b", "nf4", 6.5),
    ],
)
def test_size_times_bytes(size: str, precision: str, gigabytes: float) -> None:
    assert paramcalc.memory(size, precision).weights_bytes == gigabytes * GB


@pytest.mark.parametrize(
    ("name", "precision", "size"),
    [
        # 8,030,261,248 parameters, the total_size of the published index of safetensors
        ("llama-3.1-8b", "bf16", 16_060_522_496),
        ("llama-3.1-8b", "fp32", 32_121_044_992),
        ("llama-3.1-8b", "int8", 8_030_261_248),
        ("llama-3.1-8b", "int4", 4_015_130_624),
        ("llama-3.1-70b", "bf16", 141_107_412_992),
        ("gpt2", "fp32", 4 * 124_439_808),
        # stored are 671,026,419,200: 58 * 256 router biases are no parameters
        ("deepseek-v3", "fp8", 671_026_419_200),
    ],
)
def test_published_weights(name: str, precision: str, size: int) -> None:
    assert paramcalc.memory(name, precision).weights_bytes == size


@pytest.mark.parametrize(
    ("shape", "count", "blocks"),
    [
        ((256, 4), 1, 4),
        ((256, 4), 3, 12),
        ((1, 1), 1, 1),  # a block is stored whole
        ((1, 257), 1, 2),
        ((1, 257), 5, 10),  # and each tensor has its own
        ((100, 100), 7, 7 * 40),  # 10,000 elements are 39.06 blocks
    ],
)
def test_each_tensor_fills_whole_blocks(shape: tuple[int, int], count: int, blocks: int) -> None:
    model = Model("m", (matrix(*shape, count=count),))
    assert weights_bytes(model, Q4_K) == blocks * 144


def test_buffers_are_stored_and_counters_keep_their_type() -> None:
    model = Model(
        "m",
        (
            matrix(3, 5),
            matrix(1, 7, trained=False, template="a.{}.running_mean"),
            matrix(1, 1, trained=False, template="a.{}.counter", dtype="int64"),
        ),
    )
    assert weights_bytes(model, BF16) == 2 * (15 + 7) + 8
    assert weights_bytes(model, FP32) == 4 * (15 + 7) + 8
    assert weights_bytes(model, INT4) == (15 + 1) // 2 + (7 + 1) // 2 + 8
    assert memory(model, BF16, work()).bits_per_weight == 8 * 52 / 23


def test_a_model_without_tensors_weighs_nothing() -> None:
    found = memory(Model("m", ()), BF16, work())
    assert (found.weights_bytes, found.bits_per_weight) == (0, 0.0)


# --- cache ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "context", "size"),
    [
        # layers * 2 * key-value heads * head size * 2 bytes * tokens
        ("llama-3.1-70b", 131_072, 40 * GIB),
        ("llama-3.1-8b", 131_072, 16 * GIB),
        ("llama-3.1-8b", 8192, GIB),
        ("llama-2-7b", 4096, 2 * GIB),
        ("gpt2", 1024, 12 * 2 * 12 * 64 * 2 * 1024),
        # layers * (512 + 64) * 2 bytes * tokens: one latent vector and one rotary key
        ("deepseek-v3", 32_768, 2_302_672_896),
        # 10 layers see everything, 52 only 1,024 tokens
        ("gemma-3-27b", 131_072, 10 * GIB + 436_207_616),
        ("gemma-3-27b", 1024, 62 * 2 * 16 * 128 * 2 * 1024),
    ],
)
def test_published_caches(name: str, context: int, size: int) -> None:
    assert paramcalc.memory(name, context=context).kv_cache_bytes == size
    assert paramcalc.memory(name, context=context, batch=3).kv_cache_bytes == 3 * size
    assert paramcalc.memory(name, context=context, kv_precision="fp8").kv_cache_bytes == size // 2


def test_a_window_bounds_its_layers_only() -> None:
    model = paramcalc.load("gemma-3-27b")
    assert [(cache.count, cache.limit) for cache in model.caches] == [(52, 1024), (10, None)]


def test_recurrent_state_does_not_grow() -> None:
    # 24 layers; inner width 1,536: 3 columns of the convolution and 16 of the state, 2 bytes
    size = 24 * (1536 * 3 + 1536 * 16) * 2
    for context in (1, 8192, 10**6):
        found = paramcalc.memory("mamba-130m", context=context)
        assert (found.kv_cache_bytes, found.state_bytes) == (0, size)
    assert paramcalc.memory("mamba-130m", batch=5).state_bytes == 5 * size


def test_every_kind_of_cache() -> None:
    model = Model(
        "m",
        (),
        (
            Cache("attention", token_numel=6, count=2),
            Cache("attention", token_numel=6, limit=4, count=3),
            Cache("recurrent", sequence_numel=7, count=5),
            Cache("cross", token_numel=8, source_tokens=100),
            Cache("shared", count=9),
        ),
    )
    assert kv_cache_bytes(model, 10, 2, BF16) == 2 * 2 * (2 * 10 * 6 + 3 * 4 * 6 + 100 * 8)
    assert state_bytes(model, 2, BF16) == 2 * 2 * 5 * 7
    assert kv_cache_bytes(model, 10, 1, Format("q8_0", 32, 34)) == 34 * (4 + 3 + 25)


# --- the whole -----------------------------------------------------------------------------------


def test_parts_make_up_the_total() -> None:
    found = memory(Model("m", (matrix(3, 5),), (Cache("attention", 4),)), BF16, work(gpus=3))
    assert [(part.name, part.bytes) for part in found.total.parts] == [
        ("weights", 30),
        ("kv_cache", 2 * 10 * 4),
        ("state", 0),
        ("buffers", 0),
        ("overhead", 3 * 200),
    ]
    assert found.total_bytes == 30 + 80 + 600
    assert found.total_range == (30 + 80 + 300, 30 + 80 + 1200)
    assert found.total.exactness == "estimated"
    assert [part.exactness for part in found.total.parts[:2]] == ["exact", "exact"]
    assert found.assumptions.context_tokens == 10
    assert found.assumptions.left_out


def test_a_sum_of_exact_parts_is_exact() -> None:
    total = summed("total", [Part("a", 1), Part("b", 2)])
    assert (total.bytes, total.range, total.exactness) == (3, (3, 3), "exact")


@pytest.mark.parametrize("name", ["70b", "llama-3.1-8b", "mamba-130m", "3t", "t5-small"])
@pytest.mark.parametrize("precision", ["bf16", "int4", "Q4_K", "mxfp4"])
def test_the_tree_adds_up(name: str, precision: str) -> None:
    found = paramcalc.memory(name, precision, context=1000, batch=3)
    adds_up(found.total)
    low, high = found.total_range
    assert low <= found.total_bytes <= high
    assert all(type(part.bytes) is int for part in found.total.parts)


def adds_up(part: Part) -> None:
    if part.parts:
        assert part.bytes == sum(child.bytes for child in part.parts)
        for end in (0, 1):
            assert part.range[end] == sum(child.range[end] for child in part.parts)
    for child in part.parts:
        adds_up(child)


def test_overhead_that_is_given_takes_the_place_of_cache_and_runtime() -> None:
    found = paramcalc.memory("70b", "int4", overhead="20%")
    assert (found.weights_bytes, found.overhead_bytes) == (35 * GB, 7 * GB)
    assert found.total_range == (42 * GB, 42 * GB)
    assert (found.kv_cache_bytes, found.state_bytes, found.buffer_bytes) == (None, None, None)
    assert found.assumptions.overhead_percent == "20 %"
    assert paramcalc.memory("7b", "fp16", overhead="12.5%").overhead_bytes == 1_750_000_000
    assert paramcalc.memory("7b", "fp16", overhead="0%").total_bytes == 14 * GB


def test_a_size_that_no_model_is_near_takes_the_rule_of_thumb() -> None:
    found = paramcalc.memory("3t", "fp8")
    assert found.total_range == (3300 * GB, 3900 * GB)  # 10 to 30 %
    assert found.total_bytes == 3600 * GB
    assert found.assumptions.overhead_percent == "10 to 30 %"


def test_the_rule_of_thumb_is_rounded_down() -> None:
    percent = (Fraction(10), Fraction(30))
    found = memory(Model("m", (matrix(1, 7),)), INT8, work(overhead=percent))
    assert found.overhead_bytes == 1  # 1.4
    assert found.total_range == (7, 9)


def test_nothing_is_computed_from_nothing() -> None:
    undisclosed = Model("secret", (), reported_range=(None, None))
    with pytest.raises(ParamcalcError, match="the size of secret is not published"):
        memory(undisclosed, BF16, work())


# --- explanations --------------------------------------------------------------------------------

FUNCTIONS: Mapping[str, Any] = {
    "min": min,
    "max": max,
    "int": int,
    "sum": lambda *numbers: sum(numbers),
    "ceil_div": ceil_div,
    "round_up": round_up,
    "__builtins__": {},
}


def holds(step: Step) -> None:
    """The formula of a step, evaluated with its values, gives its result."""
    values = {**FUNCTIONS, **step.values}
    assert eval(step.formula, values) == step.result, step  # noqa: S307 - the oracle


def example(architecture: str, *, symbolic: bool) -> Model:
    configuration = {"model_type": architecture, **find_spec(architecture).example}
    return paramcalc.load(configuration, symbolic=symbolic)


@pytest.mark.parametrize("architecture", architecture_names())
def test_every_step_of_an_explanation_holds(architecture: str) -> None:
    model = example(architecture, symbolic=True)
    plain = example(architecture, symbolic=False)
    for step in count_steps(model):
        holds(step)
    totals = {step.label: step.result for step in count_steps(model)}
    assert totals["total"] == plain.parameters.total
    assert totals.get("active", totals["total"]) == plain.parameters.active
    for precision in (BF16, Q4_K):
        asked = work(context=1000, batch=3, gpus=2)
        explained = memory(model, precision, asked, explain=True)
        for step in explained.steps:
            holds(step)
        assert explained.steps[-1].result == explained.total_bytes
        assert explained.total == memory(plain, precision, asked).total
        assert memory(plain, precision, asked).steps == ()


@pytest.mark.parametrize("architecture", architecture_names())
def test_formulas_change_no_number(architecture: str) -> None:
    symbolic, plain = example(architecture, symbolic=True), example(architecture, symbolic=False)
    assert integers(symbolic) == integers(plain)


def integers(model: Model) -> tuple[Any, ...]:
    def group(one: TensorGroup) -> tuple[Any, ...]:
        return (
            one.template,
            tuple(map(tuple, one.indices)),
            tuple(map(int, one.shape)),
            int(one.count),
            int(one.active_numel),
            one.trained,
        )

    def tie(one: Tied) -> tuple[str, str, int]:
        return one.template, one.target, int(one.numel)

    caches = [tuple(None if n is None else int(n) for n in cache[1:]) for cache in model.caches]
    return list(map(group, model.groups)), caches, list(map(tie, model.ties)), model.context


def test_an_explanation_speaks_of_the_configuration() -> None:
    model = paramcalc.load("llama-3.1-8b", symbolic=True)
    found = explained(model)
    assert found["weights in bf16"].formula == "stored_elements * 2"
    cache = found["attention cache 1: 32 layers"]
    assert cache.formula == (
        "batch * num_hidden_layers * context * num_key_value_heads * 2"
        " * (hidden_size // num_attention_heads) * 2"
    )
    assert cache.values["num_key_value_heads"] == 8
    assert found["runtime"].exactness == "estimated"
    assert found["total"].formula.startswith("weights_in_bf16 + attention_cache_1_32_layers")


def explained(model: Model) -> dict[str, Step]:
    found: Memory = memory(model, BF16, work(context=100), explain=True)
    return {step.label: step for step in found.steps}


def test_the_rule_of_thumb_is_explained() -> None:
    percent = (Fraction(10), Fraction(30))
    found = memory(Model("m", (matrix(10, 10),)), INT8, work(overhead=percent), explain=True)
    labels = [step.label for step in found.steps]
    assert labels == ["weights in int8", "rule of thumb: 20 % of the weights", "total"]
    for step in found.steps:
        holds(step)
