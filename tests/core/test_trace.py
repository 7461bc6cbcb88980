"""Formulas give the value that they stand beside, however they were put together."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramcalc.core import trace
from paramcalc.core.functions import ceil_div, round_up
from paramcalc.core.trace import Step, Term, Trace, identifier

FUNCTIONS: dict[str, Callable[..., int]] = {
    "min": min,
    "max": max,
    "sum": lambda *numbers: sum(numbers),
    "int": int,
    "ceil_div": ceil_div,
    "round_up": round_up,
}


def evaluated(formula: str, values: Any) -> int:
    found = eval(formula, {"__builtins__": {}}, {**FUNCTIONS, **values})  # noqa: S307 - the oracle
    assert isinstance(found, int)
    return found


a, b, c = Term.named("a", 7), Term.named("b", 3), Term.named("c", 2)


@pytest.mark.parametrize(
    ("term", "formula"),
    [
        (a + b, "a + b"),
        (a + b + c, "a + b + c"),
        (a + (b + c), "a + b + c"),
        (a - (b - c), "a - (b - c)"),
        (a - b - c, "a - b - c"),
        (a - (b + c), "a - (b + c)"),
        (a + (b - c), "a + b - c"),
        (a * (b + c), "a * (b + c)"),
        ((a + b) * c, "(a + b) * c"),
        (a * (b * c), "a * b * c"),
        (a * (b // c), "a * (b // c)"),
        (a * (b * (a // c)), "a * b * (a // c)"),
        (a * (b // c * a), "a * (b // c * a)"),
        (a * ((b + c) * a), "a * (b + c) * a"),
        (a - b * c, "a - b * c"),
        (a - b // c, "a - b // c"),
        (a * (b % c), "a * (b % c)"),
        (a * b // c, "a * b // c"),
        (a // (b * c), "a // (b * c)"),
        (a // b * c, "a // b * c"),
        (a % (b // c), "a % (b // c)"),
        (a % b // c, "a % b // c"),
        (a**b, "a ** b"),
        ((a + b) ** c, "(a + b) ** c"),
        (a ** (b**c), "a ** (b ** c)"),
        (a**b * c, "a ** b * c"),
        (4 * a, "4 * a"),
        (a * 4, "a * 4"),
        (2**a, "2 ** a"),
        (a - 1, "a - 1"),
        (10 - a, "10 - a"),
        (10 // a, "10 // a"),
        (10 % a, "10 % a"),
        (-a, "0 - a"),
        (a * -2, "a * (-2)"),
        (a + True, "a + 1"),
        # what a fold starts with is not shown
        (1 * a, "a"),
        (0 + a, "a"),
        (a + 0, "a"),
        (a - 0, "a"),
        (sum([a, b]), "a + b"),
        # what depends on a named 0 or 1 is
        (Term.named("one", 1) * a, "one * a"),
        (Term.named("zero", 0) + a, "zero + a"),
    ],
)
def test_formula(term: int, formula: str) -> None:
    assert isinstance(term, Term)
    assert term.formula == formula
    assert evaluated(term.formula, term.values) == int(term)


def test_values_are_those_of_the_names() -> None:
    term = (a + b) * a
    assert isinstance(term, Term)
    assert term.values == {"a": 7, "b": 3}


def test_a_name_never_stands_for_two_values() -> None:
    other = Term.named("a", 100)
    term = a * other
    assert isinstance(term, Term)
    assert (term.formula, term.values, int(term)) == ("a * 100", {"a": 7}, 700)
    assert trace.call("max", 7, a) is a
    assert isinstance(largest := trace.call("max", 100, a, other), Term)
    assert (largest.formula, largest.values) == ("max(a, 100)", {"a": 7})


def test_fractions_are_plain_numbers() -> None:
    assert a * 1.5 == 10.5
    assert 1.5 * a == 10.5
    assert a / 2 == 3.5
    assert not isinstance(a * 1.5, Term)
    with pytest.raises(TypeError):
        a + "text"  # type: ignore[operator]


# --- laws ----------------------------------------------------------------------------------------


class Tree(NamedTuple):
    """A number that was computed twice: with formulas and without."""

    term: int
    value: int


def leaf(pair: tuple[str, int]) -> Tree:
    name, value = pair
    return Tree(Term.named(name, value), value)


# `e` and `f` take several values, as fields of two nested configurations do.
NAMED = {"a": 7, "b": 3, "c": -2, "d": 0}
LEAVES = st.one_of(
    st.sampled_from(sorted(NAMED.items())).map(leaf),
    st.tuples(st.sampled_from(["e", "f"]), st.integers(-4, 4)).map(leaf),
    st.integers(-5, 9).map(lambda number: Tree(number, number)),
)
OPERATORS = st.sampled_from(
    [operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod, operator.pow]
)


def combined(parts: tuple[Any, Tree, Tree]) -> Tree:
    apply, left, right = parts
    if apply in {operator.floordiv, operator.mod} and right.value == 0:
        apply = operator.add
    if apply is operator.pow and (abs(left.value) > 1000 or not 0 <= right.value <= 3):
        apply = operator.sub
    return Tree(apply(left.term, right.term), apply(left.value, right.value))


def called(parts: tuple[str, Tree, Tree]) -> Tree:
    name, left, right = parts
    numbers = [left, right] if name != "int" else [left]
    if name in {"ceil_div", "round_up"} and right.value <= 0:
        numbers[1] = Tree(3, 3)
    value = FUNCTIONS[name](*(number.value for number in numbers))
    return Tree(trace.call(name, value, *(number.term for number in numbers)), value)


def grown(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.one_of(
        st.tuples(OPERATORS, inner, inner).map(combined),
        st.tuples(st.sampled_from(sorted(FUNCTIONS)), inner, inner).map(called),
    )


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.recursive(LEAVES, grown, max_leaves=12))
def test_the_formula_gives_the_value(tree: Tree) -> None:
    assert int(tree.term) == tree.value
    if isinstance(tree.term, Term):
        assert evaluated(tree.term.formula, tree.term.values) == tree.value


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(["size", "a.b", "a_b", "8 layers"]), st.integers(0, 5))))
def test_steps_build_on_each_other(pairs: list[tuple[str, int]]) -> None:
    steps = Trace()
    total = 0
    for name, value in pairs:
        number = steps.number(name, value)
        total = total + steps.note(f"part {name}", number * number)
    steps.note("total", total)
    for step in steps.steps:
        assert evaluated(step.formula, step.values) == step.result
    assert steps.steps[-1].result == sum(value * value for _, value in pairs)


# --- steps ---------------------------------------------------------------------------------------


def test_a_step_is_written_down_and_named() -> None:
    steps = Trace()
    size = steps.note("size of a layer", steps.number("width", 8) * 4, "bytes", "a book")
    result = steps.note("all layers", 3 * size, exactness="estimated")
    assert steps.steps == [
        Step("size of a layer", "width * 4", {"width": 8}, 32, "bytes", "a book", "exact"),
        Step("all layers", "3 * size_of_a_layer", {"size_of_a_layer": 32}, 96, "", "", "estimated"),
    ]
    assert result == 96


def test_two_steps_of_one_label_have_two_names() -> None:
    steps = Trace()
    first, second = steps.note("state", 3), steps.note("state", 4)
    again = steps.note("state", 3)
    steps.note("total", first + second + again)
    assert steps.steps[-1].formula == "state + state_2 + state"
    assert steps.steps[-1].values == {"state": 3, "state_2": 4}


def test_a_trace_that_is_off_costs_nothing() -> None:
    off = Trace.off()
    assert type(off.number("a", 3)) is int
    assert off.note("b", 4) == 4
    assert off.steps == []


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("model.layers.{}.mlp, up", "model_layers_i_mlp_up"),
        ("attention cache 1: 80 layers", "attention_cache_1_80_layers"),
        ("weights in Q4_K_M", "weights_in_Q4_K_M"),
        ("8 layers", "_8_layers"),
        ("lambda", "_lambda"),  # a raw tensor of this name
        ("0", "_0"),
        ("", "value"),
        ("...", "value"),
    ],
)
def test_identifier(label: str, name: str) -> None:
    assert identifier(label) == name


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text())
def test_every_label_has_an_identifier(label: str) -> None:
    assert evaluated(f"{identifier(label)} + 1", {identifier(label): 1}) == 2
