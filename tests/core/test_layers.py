"""Layer kinds against torch.nn's own answers, and what is said about wrong calls."""

from __future__ import annotations

import ast
import gzip
import inspect
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramcalc.core.layers import (
    EMBEDDING_KINDS,
    KINDS,
    NORM_KINDS,
    WITHOUT_TENSORS,
    Slot,
    expand_call,
)
from paramcalc.core.layers.plain import NOT_A_CALL
from paramcalc.errors import ParamcalcError

# Made by tools/oracle/record_layers.py, which says what each part holds.
RECORDED: dict[str, Any] = json.loads(
    gzip.decompress((Path(__file__).parents[1] / "data" / "torch_layers.json.gz").read_bytes())
)
OUR_OWN = {"Conv1D", "Parameter", "Buffer"}


def parse(call: str) -> tuple[str, list[object], dict[str, object]]:
    tree = ast.parse(call, mode="eval").body
    assert isinstance(tree, ast.Call)
    assert isinstance(tree.func, ast.Name)
    args = [ast.literal_eval(arg) for arg in tree.args]
    return tree.func.id, args, {str(k.arg): ast.literal_eval(k.value) for k in tree.keywords}


def expand(call: str) -> list[Slot]:
    return expand_call(*parse(call))


def refusal(call: str) -> str:
    with pytest.raises(ParamcalcError) as caught:
        expand(call)
    return str(caught.value)


def by_kind(calls: list[str]) -> dict[str, list[str]]:
    sorted_calls = defaultdict(list)
    for call in calls:
        sorted_calls[call.partition("(")[0]].append(call)
    return sorted_calls


# --- torch.nn as the oracle ----------------------------------------------------------------------


def test_oracle_is_large_and_says_its_version() -> None:
    assert RECORDED["torch"] == "2.13.0"
    assert len(RECORDED["accepted"]) > 3000
    assert len(RECORDED["refused"]) > 100


def test_every_class_of_torch_is_covered() -> None:
    assert set(KINDS) - OUR_OWN == set(RECORDED["signatures"])
    assert set(RECORDED["without_tensors"]) == WITHOUT_TENSORS
    assert set(RECORDED["not_a_call"]) == set(NOT_A_CALL)


@pytest.mark.parametrize("kind", RECORDED["signatures"])
def test_signature_is_torchs(kind: str) -> None:
    ours = [
        [p.name, p.kind.name, None if p.default is p.empty else repr(p.default)]
        for p in inspect.signature(KINDS[kind]).parameters.values()
    ]
    theirs = RECORDED["signatures"][kind]
    assert ours == [row for row in theirs if row[0] not in ("device", "dtype")]


@pytest.mark.parametrize(
    "calls", by_kind(RECORDED["accepted"]).values(), ids=RECORDED["signatures"]
)
def test_tensors_are_torchs_in_its_order(calls: list[str]) -> None:
    expected = {
        call: [Slot(name, tuple(shape), *rest) for name, shape, *rest in RECORDED["accepted"][call]]
        for call in calls
    }
    assert {call: expand(call) for call in calls} == expected


@pytest.mark.parametrize("call", RECORDED["refused"])
def test_what_torch_refuses_is_refused(call: str) -> None:
    assert refusal(call)


@pytest.mark.parametrize("call", RECORDED["doubtful"])
def test_what_torch_builds_and_nobody_means_is_refused(call: str) -> None:
    assert refusal(call)


@pytest.mark.parametrize("kind", sorted(WITHOUT_TENSORS))
def test_layers_without_tensors_take_any_arguments(kind: str) -> None:
    assert expand_call(kind, (), {}) == []
    assert expand_call(kind, (0.1, (2, 2), None), {"dim": -1, "anything": "at all"}) == []


def test_sets_of_kinds() -> None:
    assert {"Embedding", "EmbeddingBag"} == EMBEDDING_KINDS
    assert {kind for kind in KINDS if "Norm" in kind} == NORM_KINDS


# --- kinds that torch lacks ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "slots"),
    [
        # stored the other way round: 768 inputs, 2304 outputs
        (
            "Conv1D(2304, 768)",
            [Slot("weight", (768, 2304), "Conv1D"), Slot("bias", (2304,), "Conv1D")],
        ),
        ("Conv1D(nf=2, nx=3)", [Slot("weight", (3, 2), "Conv1D"), Slot("bias", (2,), "Conv1D")]),
        ("Parameter(2, 3)", [Slot("", (2, 3), "Parameter")]),
        ("Parameter()", [Slot("", (), "Parameter")]),  # a scalar
        ("Parameter(2, 3, 4, kind='Embedding')", [Slot("", (2, 3, 4), "Embedding")]),
        ("Parameter(0)", [Slot("", (0,), "Parameter")]),  # an empty tensor can lie on disk
        ("Parameter(4, dtype='float32', device='cpu')", [Slot("", (4,), "Parameter")]),
        ("Buffer(8)", [Slot("", (8,), "Buffer", False)]),
        ("Buffer(1, 512, dtype='int64')", [Slot("", (1, 512), "Buffer", False, "int64")]),
        ("Buffer(dtype='bool')", [Slot("", (), "Buffer", False, "bool")]),
    ],
)
def test_added_kinds(call: str, slots: list[Slot]) -> None:
    assert expand(call) == slots


def test_device_and_dtype_do_not_matter() -> None:
    assert expand("Linear(10, 20, device='meta', dtype='float16')") == expand("Linear(10, 20)")
    assert expand("BatchNorm2d(3, dtype='float16')") == expand("BatchNorm2d(3)")


# --- integers that remember their formula --------------------------------------------------------


class Traced(int):
    """Knows how it came about, as the integers behind ``--explain`` do."""

    formula: str

    def __new__(cls, value: int, formula: str) -> Traced:
        self = super().__new__(cls, value)
        self.formula = formula
        return self

    def __mul__(self, other: int) -> Traced:
        return Traced(int(self) * int(other), f"{self.formula} * {formula(other)}")

    def __rmul__(self, other: int) -> Traced:
        return Traced(int(other) * int(self), f"{formula(other)} * {self.formula}")

    def __floordiv__(self, other: int) -> Traced:
        return Traced(int(self) // int(other), f"{self.formula} // {formula(other)}")

    def __add__(self, other: int) -> Traced:
        return Traced(int(self) + int(other), f"{self.formula} + {formula(other)}")

    def __sub__(self, other: int) -> Traced:
        return Traced(int(self) - int(other), f"{self.formula} - {formula(other)}")

    def __rsub__(self, other: int) -> Traced:
        return Traced(int(other) - int(self), f"{formula(other)} - {self.formula}")


def formula(value: int) -> str:
    return value.formula if isinstance(value, Traced) else str(int(value))


A, B, C, D = Traced(16, "a"), Traced(32, "b"), Traced(2, "c"), Traced(4, "d")


@pytest.mark.parametrize(
    ("kind", "args", "kwargs", "formulas"),
    [
        ("Linear", (A, B), {}, ["b, a", "b"]),
        ("Linear", (A, B * C), {}, ["b * c, a", "b * c"]),
        ("Conv1D", (A, B), {}, ["b, a", "a"]),
        ("Embedding", (A, B), {}, ["a, b"]),
        ("Bilinear", (A, B, C), {"bias": False}, ["c, a, b"]),
        ("Conv2d", (A, B, C), {}, ["b, a, c, c", "b"]),
        ("Conv2d", (A, B, (C, D)), {"groups": D, "bias": False}, ["b, a // d, c, d"]),
        ("ConvTranspose1d", (A, B, C), {"groups": C, "bias": False}, ["a, b // c, c"]),
        ("BatchNorm1d", (A,), {}, ["a", "a", "a", "a", ""]),
        ("GroupNorm", (C, A), {}, ["a", "a"]),
        ("LayerNorm", (A,), {}, ["a", "a"]),
        ("RMSNorm", ([C, A],), {}, ["c, a"]),
        ("RNN", (A, B), {"bias": False}, ["b, a", "b, b"]),
        ("GRUCell", (A, B), {"bias": False}, ["3 * b, a", "3 * b, b"]),
        ("LSTM", (A, B), {}, ["4 * b, a", "4 * b, b", "4 * b", "4 * b"]),
        ("LSTM", (A, B), {"bias": False, "proj_size": C}, ["4 * b, a", "4 * b, c", "c, b"]),
        ("MultiheadAttention", (A, C), {"bias": False}, ["3 * a, a", "a, a"]),
        (
            "MultiheadAttention",
            (A, C),
            {"bias": False, "kdim": D},
            ["a, a", "a, d", "a, a", "a, a"],
        ),
        ("PReLU", (A,), {}, ["a"]),
        (
            "AdaptiveLogSoftmaxWithLoss",
            (A, B, [D]),
            {"div_value": 4},
            ["d + 1, a", "4, a", "b - d, 4"],  # the middle one comes from a ratio
        ),
        ("LinearCrossEntropyLoss", (A, B), {"out_features": (C,)}, ["b * c, a"]),
        ("Parameter", (A, B), {}, ["a, b"]),
        ("Buffer", (A,), {}, ["a"]),
    ],
)
def test_sizes_keep_their_formula(
    kind: str, args: tuple[object, ...], kwargs: dict[str, object], formulas: list[str]
) -> None:
    slots = expand_call(kind, args, kwargs)
    assert [", ".join(map(formula, slot.shape)) for slot in slots] == formulas


def test_composite_layers_keep_formulas_too() -> None:
    slots = expand_call("Transformer", (A, C, 1, 1, B), {})
    shapes = {slot.name: ", ".join(map(formula, slot.shape)) for slot in slots}
    assert shapes["encoder.layers.0.self_attn.in_proj_weight"] == "3 * a, a"
    assert shapes["decoder.layers.0.linear1.weight"] == "b, a"


# --- what is said about wrong calls --------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message", "hint"),
    [
        # the kind
        (
            "Liner(1, 2)",
            "unknown layer kind `Liner`",
            "did you mean `Linear` or `Bilinear`?",
        ),
        (
            "conv2d(1, 2, 3)",
            "unknown layer kind `conv2d`",
            "did you mean `Conv2d`?",
        ),
        (
            "Norm1d(1)",
            "unknown layer kind `Norm1d`",
            "did you mean `BatchNorm1d`, `RMSNorm` or `InstanceNorm1d`?",
        ),
        ("Qxzw(1)", "unknown layer kind `Qxzw`", None),
        (
            "Sequential(1)",
            "`Sequential` is not a layer of its own",
            "write the modules that it holds as keys under its name: 0, 1, 2, …",
        ),
        (
            "LazyLinear(10)",
            "the sizes of `LazyLinear` are known only when it runs",
            "write `Linear(in_features, out_features, bias=True)`",
        ),
        # the arguments as a whole
        (
            "Linear(10)",
            "`Linear` lacks `out_features`",
            "it is `Linear(in_features, out_features, bias=True)`",
        ),
        (
            "GroupNorm()",
            "`GroupNorm` lacks `num_groups`, `num_channels`",
            "it is `GroupNorm(num_groups, num_channels, eps=1e-05, affine=True, *, bias=True)`",
        ),
        (
            "Linear(10, 20, True, 1)",
            "`Linear` takes at most 3 arguments by position, not 4",
            "it is `Linear(in_features, out_features, bias=True)`",
        ),
        (
            "Linear(10, 20, bais=False)",
            "`Linear` has no argument `bais`",
            "did you mean `bias` in `Linear(in_features, out_features, bias=True)`?",
        ),
        (
            "Linear(10, 20, zz=1)",
            "`Linear` has no argument `zz`",
            "it is `Linear(in_features, out_features, bias=True)`",
        ),
        (
            "Linear(10, 20, in_features=1)",
            "`Linear` is given `in_features` twice",
            "it is `Linear(in_features, out_features, bias=True)`",
        ),
        (
            "Parameter(2, dims=3)",
            "`Parameter` has no argument `dims`",
            "it is `Parameter(*dims, kind=None)`",
        ),
        (
            "Parameter(2, kind='Embeding')",
            "`kind` must be that of a layer, got 'Embeding'",
            "did you mean `Embedding`?",
        ),
        ("Parameter(2, kind=3)", "`kind` must be that of a layer, got 3", "kind='Embedding'"),
        (
            "Buffer(2, dtyp='int64')",
            "`Buffer` has no argument `dtyp`",
            "did you mean `dtype` in `Buffer(*dims, dtype=None)`?",
        ),
        # sizes
        (
            "Linear(2.5, 20)",
            "`in_features` must be a whole number, got 2.5",
            "divide with `//`, or round with `int()`",
        ),
        ("Linear(10, '20')", "`out_features` must be a whole number, got '20'", None),
        ("Linear(10, None)", "`out_features` must be a whole number, got None", None),
        ("Linear(True, 20)", "`in_features` must be a whole number, got True", None),
        ("Linear([1, 2], 20)", "`in_features` must be a whole number, got a list of 2", None),
        ("Linear({}, 20)", "`in_features` must be a whole number, got a dict", None),
        ("Linear(0, 20)", "`in_features` must be at least 1, got 0", None),
        ("Linear(-3, 20)", "`in_features` must be at least 1, got -3", None),
        (
            "Linear(1000000000000001, 20)",
            "`in_features` is larger than 10**15, got 1000000000000001",
            None,
        ),
        (
            f"Linear(1{'0' * 18}, 20)",
            "`in_features` is larger than 10**15, got a number of more than 18 digits",
            None,
        ),
        (
            "Linear(10000000000, 10000000000)",
            "`weight` would have more than 2**63 - 1 elements",
            "its shape is [10000000000, 10000000000]",
        ),
        (
            "Parameter(1000000000000, 1000000000000)",
            "`Parameter` would have more than 2**63 - 1 elements",
            "its shape is [1000000000000, 1000000000000]",
        ),
        ("Parameter(2, -3)", "`dimension 1` must be at least 0, got -3", None),
        (
            "Parameter([2, 3])",
            "`Parameter` takes its sizes one by one, not as a list",
            "Parameter(2, 3)",
        ),
        ("Buffer(2, dtype=8)", "`dtype` must be a name, got 8", "dtype='int64'"),
        ("Conv2d(4, 8, (3, 3, 3))", "`kernel_size` must be one number or 2, got a list of 3", None),
        ("Conv2d(4, 8, (3, 0))", "`kernel_size` must be at least 1, got 0", None),
        (
            "LayerNorm([])",
            "`normalized_shape` must hold at least one size, got an empty list",
            None,
        ),
        (
            "LSTM(10, 20, 10001)",
            "`num_layers` is larger than 10000, got 10001",
            "write the layers as a repeated module, `layers[n]: …`",
        ),
        # switches and words
        ("Linear(10, 20, 30)", "`bias` must be True or False, got 30", None),
        ("Linear(10, 20, 'none')", "`bias` must be True or False, got 'none'", None),
        ("LSTM(10, 20, bias=1)", "`bias` must be True or False, got 1", None),
        ("LSTM(10, 20, dropout=2)", "`dropout` must be a number from 0 to 1, got 2", None),
        ("RNN(10, 20, nonlinearity='x')", "`nonlinearity` must be 'tanh' or 'relu', got 'x'", None),
        (
            "Conv1d(4, 8, 3, padding='full')",
            "`padding` must be 'same' or 'valid', got 'full'",
            None,
        ),
        ("Conv1d(4, 8, 3, 2, 'same')", "`padding='same'` needs stride=1", None),
        # what must fit together
        (
            "Conv2d(16, 30, 3, groups=3)",
            "`groups` must divide `in_channels`, got groups=3 and in_channels=16",
            None,
        ),
        (
            "GroupNorm(3, 16)",
            "`num_groups` must divide `num_channels`, got num_groups=3 and num_channels=16",
            None,
        ),
        (
            "MultiheadAttention(16, 3)",
            "`num_heads` must divide `embed_dim`, got num_heads=3 and embed_dim=16",
            None,
        ),
        (
            "TransformerEncoderLayer(16, 3)",
            "`nhead` must divide `d_model`, got nhead=3 and d_model=16",
            None,
        ),
        (
            "LSTM(10, 20, proj_size=20)",
            "`proj_size` must be smaller than `hidden_size`, got proj_size=20 and hidden_size=20",
            None,
        ),
        (
            "Embedding(10, 3, padding_idx=10)",
            "`padding_idx` lies outside the table, got 10 for num_embeddings=10",
            None,
        ),
        (
            "AdaptiveLogSoftmaxWithLoss(64, 1000, [100, 10])",
            "`cutoffs` must grow and stay below `n_classes`",
            None,
        ),
        (
            "Embedding(10, 3, _weight=1)",
            "`_weight` takes a tensor, which a spec cannot write; leave it out",
            None,
        ),
    ],
)
def test_message(call: str, message: str, hint: str | None) -> None:
    assert refusal(call) == (f"{message}\nhint: {hint}" if hint else message)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 40),
    st.integers(),
    st.just(10**5000),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["same", "relu", "zeros"]),
    st.lists(st.one_of(st.integers(-1, 40), st.floats(), st.text(max_size=2)), max_size=4),
    st.lists(st.integers(1, 40), max_size=4).map(tuple),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
ARGUMENTS = sorted({name for kind in KINDS for name in inspect.signature(KINDS[kind]).parameters})


def tensors_or_words(
    kind: str, args: list[object], kwargs: dict[str, object]
) -> tuple[list[Slot], str]:
    try:
        return expand_call(kind, args, kwargs), ""
    except ParamcalcError as error:
        return [], str(error)


@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(VALUES, max_size=9),
    st.dictionaries(st.one_of(st.sampled_from(ARGUMENTS), st.text(max_size=4)), VALUES, max_size=3),
)
def test_any_arguments_give_tensors_or_our_own_error(
    kind: str, args: list[object], kwargs: dict[str, object]
) -> None:
    slots, words = tensors_or_words(kind, args, kwargs)
    assert all(type(size) is int and size >= 0 for slot in slots for size in slot.shape)
    assert len(words) < 1000


@given(st.text(max_size=100))
def test_any_kind_gives_tensors_or_our_own_error(kind: str) -> None:
    assert len(tensors_or_words(kind, [], {})[1]) < 1000


def test_good_calls_load_nothing_to_explain_bad_ones() -> None:
    code = (
        "import sys; from paramcalc.core.layers import expand_call; expand_call('ReLU', (), {});"
        "expand_call('Linear', (1, 2), {}); print('difflib' in sys.modules,"
        " 'paramcalc.core.layers.arguments' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
