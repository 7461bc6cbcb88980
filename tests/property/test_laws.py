"""Laws that hold for every spec, every format and every workload."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paramcalc
from paramcalc.catalogue import tables
from paramcalc.core.cache import Cache
from paramcalc.core.fit import Device, fit
from paramcalc.core.functions import ceil_div, round_up
from paramcalc.core.inference import Engine, Workload, kv_cache_bytes, memory, state_bytes
from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.precision import Format
from paramcalc.core.trace import Term
from paramcalc.core.weights import weights_bytes
from paramcalc.errors import ParamcalcError

quick = settings(max_examples=150, deadline=None, derandomize=True)

FORMATS = [
    tables.number_format(name)
    for name in tables.PRECISIONS.names()
    if "block_numel" in getattr(tables.PRECISIONS.find(name), "card", {})
]
RECIPES = [tables.precision(name) for name in ("Q4_K_M", "Q8_0", "IQ3_XS", "IQ1_S", "F16")]
FLOATS = [f for f in FORMATS if f.block_numel == 1]

# --- random specs --------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c", "d_", "norm", "0", "1"])
SIZES = st.sampled_from(["1", "2", "n", "m", "n + 1", "2 * m", "n * m", "m // 2 + 1", "max(n, m)"])
INDEXED = st.sampled_from(["i + 1", "n if i % 2 else m", "2 if i < k else 3", "m + i // 2"])


def layers(sizes: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(sizes, sizes).map(lambda p: f"Linear({p[0]}, {p[1]})"),
        st.tuples(sizes, sizes).map(lambda p: f"Linear({p[0]}, {p[1]}, bias=False)"),
        st.tuples(sizes, sizes).map(lambda p: f"Embedding({p[0]}, {p[1]})"),
        sizes.map("BatchNorm1d({})".format),
        sizes.map("RMSNorm({})".format),
        st.tuples(sizes, sizes).map(lambda p: f"Parameter({p[0]}, {p[1]})"),
        sizes.map("Buffer({})".format),
        st.just("ReLU()"),
    )


CONDITIONS = st.sampled_from(["", "", "", " if n > m", " if flag", " if not flag"])
INDEX_CONDITIONS = st.sampled_from(["", "", " if i % 2 == 0", " if i < k", " if i != 1"])
REPEATS = st.sampled_from(["", "", "[2]", "[n]", "[1:n]", "[k:m + 2]", "[n - 1]"])


def trees(depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    leaf = layers(SIZES if depth == 0 else SIZES | INDEXED)
    inside = leaf if depth > 1 else leaf | st.deferred(lambda: trees(depth + 1))
    keys = st.tuples(NAMES, REPEATS, CONDITIONS if depth == 0 else INDEX_CONDITIONS)
    return st.dictionaries(keys.map("".join), inside, min_size=1, max_size=4)


def in_repeats(tree: dict[str, Any]) -> dict[str, Any]:
    """All below one repeat, so that the index is known everywhere."""
    return {"stack[i in n + 1]": tree, "last": "Parameter(1)"}


DOCUMENTS = st.fixed_dictionaries(
    {
        "config": st.fixed_dictionaries(
            {
                "n": st.integers(1, 5),
                "m": st.integers(1, 4),
                "k": st.integers(0, 3),
                "flag": st.booleans(),
            }
        ),
        "modules": trees(1).map(in_repeats),
    }
)


def loaded(document: dict[str, Any], *, symbolic: bool = False) -> Model | None:
    """The model, or None where two entries happen to define one tensor."""
    try:
        return paramcalc.load(document, symbolic=symbolic)
    except ParamcalcError as error:
        assert "defined twice" in str(error)  # noqa: PT017 - nothing else may be wrong
        return None


@quick
@given(DOCUMENTS)
def test_totals_are_sums(document: dict[str, Any]) -> None:
    model = loaded(document)
    if model is None:
        return
    counts = model.parameters
    tensors = list(model.tensors())
    assert counts.total == sum(t.numel for t in tensors if t.role == "parameter")
    assert counts.buffers == sum(t.numel for t in tensors if t.role == "buffer")
    assert counts.total == sum(model.folded(lambda group: group.kind).values())
    assert counts.active == counts.total  # nothing is routed
    assert counts.embedding + counts.non_embedding == counts.total
    assert len({tensor.name for tensor in tensors}) == len(tensors) == model.tensor_count
    for group in model.groups:
        assert group.count == math.prod(map(len, group.indices))


@quick
@given(DOCUMENTS, st.integers(0, 6))
def test_splitting_a_range_changes_nothing(document: dict[str, Any], at: int) -> None:
    whole = loaded(document)
    modules = document["modules"]
    body, rest = modules["stack[i in n + 1]"], {"last": modules["last"]}
    cut = min(at, document["config"]["n"] + 1)
    halves = {f"stack[i in 0:{cut}]": body, f"stack[i in {cut}:n + 1]": body, **rest}
    split = loaded({**document, "modules": halves})
    assert (whole is None) == (split is None)
    if whole is not None and split is not None:
        assert set(whole.tensors()) == set(split.tensors())
        assert whole.parameters == split.parameters


@quick
@given(DOCUMENTS)
def test_writing_each_layer_out_changes_nothing(document: dict[str, Any]) -> None:
    whole = loaded(document)
    body = document["modules"]["stack[i in n + 1]"]
    count = document["config"]["n"] + 1
    out = {f"stack[i in {number}:{number + 1}]": body for number in range(count)}
    each = loaded({**document, "modules": {**out, "last": "Parameter(1)"}})
    assert (whole is None) == (each is None)
    if whole is not None and each is not None:
        assert set(whole.tensors()) == set(each.tensors())


@quick
@given(DOCUMENTS)
def test_formulas_change_no_number(document: dict[str, Any]) -> None:
    plain, symbolic = loaded(document), loaded(document, symbolic=True)
    assert (plain is None) == (symbolic is None)
    if plain is None or symbolic is None:
        return
    assert list(plain.tensors()) == list(symbolic.tensors())
    for ours, theirs in zip(plain.groups, symbolic.groups):
        assert ours == theirs
        for number in (*theirs.shape, theirs.count, theirs.numel, theirs.active_numel):
            if isinstance(number, Term):
                names = {"ceil_div": ceil_div, "round_up": round_up, "max": max, **number.values}
                assert eval(number.formula, names) == int(number)  # noqa: S307 - the oracle


@quick
@given(DOCUMENTS, st.integers(0, 4))
def test_tying_never_adds(document: dict[str, Any], layer: int) -> None:
    model = loaded(document)
    layer = min(layer, document["config"]["n"])
    if model is None or layer == 0:
        return
    tied = {"tied": {f"stack.{layer}": "stack.0"}}
    try:
        smaller = paramcalc.load({**document, **tied})
    except ParamcalcError as error:
        # The layers are not alike, or the layer is empty.
        assert "cannot be stored in" in str(error) or "there is no tensor" in str(error)  # noqa: PT017
        return
    saved = sum(tie.numel for tie in smaller.ties)
    assert smaller.parameters.stored == model.parameters.stored - saved
    assert saved == sum(t.numel for t in model.tensors() if t.name.startswith(f"stack.{layer}."))
    left = {tensor.name for tensor in smaller.tensors()}
    assert left == {t.name for t in model.tensors() if not t.name.startswith(f"stack.{layer}.")}


# --- formats -------------------------------------------------------------------------------------

FORMAT = st.builds(Format, st.just("f"), st.integers(1, 300), st.integers(1, 300))
NUMEL = st.integers(0, 10**15)


@quick
@given(FORMAT | st.sampled_from(FORMATS), NUMEL, NUMEL)
def test_more_elements_never_take_fewer_bytes(storage: Format, one: int, two: int) -> None:
    small, large = sorted((one, two))
    assert storage.bytes(small) <= storage.bytes(large)


@quick
@given(FORMAT | st.sampled_from(FORMATS), NUMEL)
def test_blocks_are_rounded_up(storage: Format, numel: int) -> None:
    size = storage.bytes(numel)
    blocks, rest = divmod(size, storage.block_bytes)
    assert rest == 0
    assert (blocks - 1) * storage.block_numel < numel <= blocks * storage.block_numel


@quick
@given(FORMAT | st.sampled_from(FORMATS), NUMEL, NUMEL)
def test_tensors_apart_never_take_less_than_together(storage: Format, one: int, two: int) -> None:
    apart = storage.bytes(one) + storage.bytes(two)
    assert storage.bytes(one + two) <= apart <= storage.bytes(one + two) + storage.block_bytes


@quick
@given(DOCUMENTS, st.sampled_from(FLOATS), st.sampled_from(FLOATS))
def test_a_wider_format_never_takes_fewer_bytes(
    document: dict[str, Any], one: Format, two: Format
) -> None:
    model = loaded(document)
    narrow, wide = sorted((one, two), key=lambda storage: storage.block_bytes)
    if model is not None:
        assert weights_bytes(model, narrow) <= weights_bytes(model, wide)


# --- workloads -----------------------------------------------------------------------------------

COUNTS = st.integers(1, 9)
CACHES = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 50), st.none() | st.integers(1, 5000), COUNTS).map(
            lambda found: Cache("attention", found[0], limit=found[1], count=found[2])
        ),
        st.tuples(st.integers(1, 99), COUNTS).map(
            lambda found: Cache("recurrent", sequence_numel=found[0], count=found[1])
        ),
        st.tuples(st.integers(1, 9), st.integers(1, 99)).map(
            lambda found: Cache("cross", found[0], source_tokens=found[1])
        ),
        COUNTS.map(lambda count: Cache("shared", count=count)),
    ),
    max_size=4,
).map(tuple)


def model_of(size: int, caches: tuple[Cache, ...]) -> Model:
    return Model("m", (TensorGroup("w", (), (size,), "Parameter", 1, size),), caches)


def workload(storage: Format, context: int, batch: int, gpus: int) -> Workload:
    return Workload(ENGINE, storage, context, batch, gpus)


ENGINE = Engine("plain", 50, 100, 200)
MODELS = st.builds(model_of, st.integers(1, 10**6), CACHES)
WORKLOADS = st.builds(
    workload,
    st.sampled_from(FORMATS),
    st.integers(1, 10**6),
    st.integers(1, 100),
    st.integers(1, 9),
)


def grown(work: Workload) -> Iterator[Workload]:
    yield work._replace(context=work.context + 1)
    yield work._replace(context=3 * work.context)
    yield work._replace(batch=work.batch + 1)
    yield work._replace(gpus=work.gpus + 1)


@quick
@given(MODELS, WORKLOADS, st.sampled_from([*FORMATS, *RECIPES]))
def test_more_work_never_takes_less_memory(model: Model, work: Workload, storage: Format) -> None:
    found = memory(model, storage, work)
    for more in grown(work):
        later = memory(model, storage, more)
        assert found.total_bytes <= later.total_bytes
        for ours, theirs in zip(found.total.parts, later.total.parts):
            assert ours.bytes <= theirs.bytes


@quick
@given(MODELS, WORKLOADS)
def test_sequences_take_what_each_takes(model: Model, work: Workload) -> None:
    plain = Format("bytes", 1, 1)
    one = kv_cache_bytes(model, work.context, 1, plain)
    assert kv_cache_bytes(model, work.context, work.batch, plain) == work.batch * one
    state = state_bytes(model, 1, plain)
    assert state_bytes(model, work.batch, plain) == work.batch * state


@quick
@given(MODELS, WORKLOADS, st.sampled_from([*FORMATS, *RECIPES]))
def test_an_explanation_changes_no_number(model: Model, work: Workload, storage: Format) -> None:
    explained = memory(model, storage, work, explain=True)
    # What is said about a number may be more; the numbers are the same.
    silent = memory(model, storage, work)._replace(remarks=())
    assert explained._replace(steps=(), remarks=()) == silent
    for step in explained.steps:
        names = {"ceil_div": ceil_div, "min": min, **step.values}
        assert eval(step.formula, names) == step.result  # noqa: S307 - the oracle


@quick
@given(MODELS, WORKLOADS, st.sampled_from([*FORMATS, *RECIPES]), st.integers(1, 10**7))
def test_what_fits_fits_and_one_more_does_not(
    model: Model, work: Workload, storage: Format, size: int
) -> None:
    device = Device("card", size)
    (row,) = fit(model, device, work, (storage,)).precisions

    def enough(**changes: int) -> bool:
        asked = work._replace(**changes)  # type: ignore[arg-type]
        return memory(model, storage, asked).total_bytes <= asked.gpus * size

    assert row.fits is enough()
    for what, most in (("context", row.max_context_tokens), ("batch", row.max_batch)):
        if most is not None:
            assert most == 0 or enough(**{what: most})
            assert most in {10**9, 10**12} or not enough(**{what: most + 1})
    if row.gpus_needed is None:
        assert not enough(gpus=10**6)
    else:
        assert enough(gpus=row.gpus_needed)
        assert row.gpus_needed == 1 or not enough(gpus=row.gpus_needed - 1)


# --- strangers -----------------------------------------------------------------------------------

SECTIONS = ["modules", "config", "let", "tied", "heads", "blocks", "extends", "root", "rename"]
KEYS = ["a", "b[n]", "c if n", "d(x)", "$cache", "$use", "$active", "model_type", "architectures"]
WORDS = st.sampled_from([*SECTIONS, "context", *KEYS])
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["Linear(1, 2)", "n", "n + 1", "d(2)", "required", "gpt2", "a", "a[n] if n"]),
    st.sampled_from(["attention(1, 2)", "architecture(n)", "a.weight", "Parameter(n)", "x", ""]),
    st.text(max_size=6),
)
FIELDS = ["hidden_size", "num_hidden_layers", "num_attention_heads", "layer_types", "vocab_size"]
FIELDS += ["tie_word_embeddings", "n_routed_experts", "sliding_window", "rope_scaling", "d_model"]
ANYTHING = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=15,
)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(st.dictionaries(WORDS | st.text(max_size=4), ANYTHING, min_size=1, max_size=6))
def test_random_trees_raise_nothing_else(tree: dict[str, Any]) -> None:
    try:
        model = paramcalc.load(tree)
    except ParamcalcError as error:
        assert str(error)  # noqa: PT017 - the message must not fail either
    else:
        assert model.parameters.total >= 0


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(["llama", "gemma3_text", "deepseek_v3", "t5", "mamba", "bert", "gpt2"]),
    st.dictionaries(
        st.sampled_from(FIELDS),
        st.integers(-2, 10**20) | st.lists(st.text(max_size=3), max_size=3) | VALUES,
        max_size=4,
    ),
)
def test_random_configurations_raise_nothing_else(name: str, changes: dict[str, Any]) -> None:
    try:
        model = paramcalc.load({"model_type": name, **changes})
        memory(model, FORMATS[0], Workload(ENGINE, FORMATS[0], context=10))
    except ParamcalcError as error:
        assert str(error)  # noqa: PT017 - the message must not fail either


@pytest.mark.parametrize("name", ["70b", "llama-3.1-8b", "mamba-130m"])
def test_options_that_make_no_sense_are_refused(name: str) -> None:
    wrong: list[dict[str, Any]] = [
        {"precision": "nonsense"},
        {"precision": 5},
        {"precision": ""},
        {"precision": "_ladders"},
        {"context": 0},
        {"context": -1},
        {"context": "many"},
        {"context": 1.5},
        {"context": 10**13},
        {"context": True},
        {"batch": 0},
        {"batch": 10**10},
        {"batch": "2"},
        {"kv_precision": "nonsense"},
        {"kv_precision": 8},
        {"engine": "nonsense"},
        {"engine": "rule_of_thumb"},
        {"overhead": "20"},
        {"overhead": "-5%"},
    ]
    for options in wrong:
        with pytest.raises(ParamcalcError):
            paramcalc.memory(name, **options)
    for gpu in ("nonsense", "", "24", "0gb", 24, None):
        with pytest.raises(ParamcalcError):
            paramcalc.fit(name, gpu)  # type: ignore[arg-type]
