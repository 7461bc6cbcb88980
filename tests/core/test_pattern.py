"""Patterns on names: what `fnmatch` says, ranges of numbers, and groups cut in two by them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from paramcalc import ParamcalcError
from paramcalc.core.model import TensorGroup
from paramcalc.core.pattern import divided, modules, pattern, tidy

NAMES = st.text("ab.01", max_size=12)
STARS = st.text("ab.01*", min_size=1, max_size=12)
# Pieces of patterns as they are written on names such as `layers.3.experts.12.up`.
PIECES = st.sampled_from(
    ["*", ".", "layers", "experts", "up", "1", "12", "0-2", "1-11", "?", "[13]"]
)


@given(STARS, NAMES)
def test_stars_are_those_of_fnmatch(text: str, name: str) -> None:
    assert pattern(text).matches(name) == fnmatchcase(name, text)


@given(st.text("ab.1*?[]!", min_size=1, max_size=10), NAMES)
def test_so_is_everything_else_but_ranges(text: str, name: str) -> None:
    assert pattern(text).matches(name) == fnmatchcase(name, text)


@given(st.integers(0, 120), st.integers(0, 120), st.integers(0, 130))
def test_a_range_is_the_numbers_in_it(low: int, high: int, number: int) -> None:
    found = pattern(f"layers.{low}-{high}.*").matches(f"layers.{number}.up.weight")

    assert found == (low <= number <= high)


@pytest.mark.parametrize(
    ("text", "name", "matches"),
    [
        ("layers.0-7", "layers.7", True),
        ("layers.0-7", "layers.70", False),
        ("layers.0-7.*", "layers.x.up", False),
        ("a.1-2.b.3-4", "a.2.b.3", True),
        ("a.1-2.b.3-4", "a.3.b.2", False),
        # Only a whole part of a name is a range.
        ("conv-1-3.weight", "conv-1-3.weight", True),
        ("conv-1-3.weight", "conv-2.weight", False),
        ("UP", "up", False),
        ("up", "ups", False),
    ],
)
def test_ranges_by_example(text: str, name: str, *, matches: bool) -> None:
    assert pattern(text).matches(name) == matches


@pytest.mark.parametrize("text", ["", "a" * 301, "*" * 13, "[.0-7.]"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(ParamcalcError, match="is no pattern of names"):
        pattern(text)


@pytest.mark.parametrize(
    ("text", "has_numbers"),
    [
        ("*.mlp.*", False),
        ("*ln_1.weight", False),
        ("*", False),
        ("layers.3.*", True),
        ("layers.0-7.*", True),
        ("layers.1*.up", True),  # 1, and 10 to 19
        ("layers*1.up", True),
        ("layers.?.up", True),
        ("*.[ab].*", True),
    ],
)
def test_a_pattern_knows_whether_numbers_matter(text: str, *, has_numbers: bool) -> None:
    assert pattern(text).has_numbers == has_numbers


def group(template: str, *indices: range | tuple[int, ...]) -> TensorGroup:
    count = 1
    for numbers in indices:
        count *= len(numbers)
    return TensorGroup(template, indices, (4, 8), "Linear", count, 32 * count)


def names(one: TensorGroup) -> list[str]:
    """The names as the group's own words say them."""
    return [one.template.format(*index) for index in product(*one.indices)]


EXPERTS = group("layers.{}.experts.{}.up.weight", range(13), (0, 1, 3, 12))


@given(st.lists(st.lists(PIECES, min_size=1, max_size=6).map("".join), min_size=1, max_size=3))
def test_a_group_is_cut_exactly(texts: list[str]) -> None:
    """Each tensor is in one part, on the side that its own name says."""
    assume(all(text.count("*") <= 12 for text in texts))
    patterns = [pattern(text) for text in texts]
    parts = list(divided(EXPERTS, patterns))

    found = [(name, fits) for one, fits in parts for name in names(one)]
    expected = [(name, any(p.matches(name) for p in patterns)) for name in names(EXPERTS)]
    assert sorted(found) == sorted(expected)
    for one, _ in parts:
        assert one.count == len(names(one))
        assert one.active_numel == 32 * one.count
        assert (one.template, one.shape, one.kind) == (EXPERTS.template, (4, 8), "Linear")


def test_more_names_than_are_looked_at() -> None:
    huge = group("layers.{}.experts.{}.up", range(1000), range(1000))

    assert [fits for _, fits in divided(huge, [pattern("*.up")])] == [True]
    with pytest.raises(ParamcalcError, match="more than 200,000 tensors"):
        list(divided(huge, [pattern("layers.3.*")]))


@pytest.mark.parametrize(
    ("module", "name", "fits"),
    [
        ("lm_head", "lm_head.weight", True),
        ("lm_head", "model.lm_head.weight", True),
        ("head", "lm_head.weight", False),
        ("mlp.gate", "layers.0.mlp.gate.weight", True),
        ("mlp.gate", "layers.0.mlp.gate_proj.weight", False),
        ("re:.*mlp\\.(gate|up)_proj$", "layers.0.mlp.up_proj.weight", True),
        ("re:.*mlp\\.(gate|up)_proj$", "layers.0.mlp.down_proj.weight", False),
        ("re:(?=x)", "x.weight", False),
    ],
)
def test_names_of_modules(module: str, name: str, *, fits: bool) -> None:
    assert any(one.matches(name) for one in modules([module], group(name))) == fits


@given(st.sets(st.integers(0, 30), min_size=1))
def test_numbers_as_a_range(numbers: set[int]) -> None:
    ordered = sorted(numbers)
    found = tidy(ordered)

    assert list(found) == ordered
    assert isinstance(found, range) == (ordered[-1] - ordered[0] + 1 == len(ordered))
