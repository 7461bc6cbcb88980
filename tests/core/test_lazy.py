"""Names that stand for expressions: none needs itself, and not too many need each other."""

from __future__ import annotations

import pytest

from paramcalc import ParamcalcError
from paramcalc.core.expression import parse
from paramcalc.core.lazy import DEEPEST, NOTHING, LazyScope


def chain(length: int) -> LazyScope:
    lets = {f"a{n}": parse(f"a{n + 1} + 1") for n in range(length - 1)}
    return LazyScope(NOTHING, {}, lets | {f"a{length - 1}": parse("0")})


def test_names_may_need_names() -> None:
    assert chain(DEEPEST)["a0"] == DEEPEST - 1


@pytest.mark.parametrize("length", [DEEPEST + 1, 5_000])
def test_but_not_any_number_of_them(length: int) -> None:
    with pytest.raises(ParamcalcError, match="more than 30 deep"):
        chain(length)["a0"]


def test_a_circle_is_told() -> None:
    scope = LazyScope(NOTHING, {}, {"a": parse("b + 1")}, {"b": parse("2 * a")})

    with pytest.raises(ParamcalcError, match="`a` depends on itself: a -> b -> a"):
        scope["a"]
    with pytest.raises(ParamcalcError, match="`b` depends on itself"):
        scope["b"]


def test_deep_names_of_deep_expressions() -> None:
    """Each of thirty names stands inside of forty brackets."""
    deep = {f"a{n}": parse("-(" * 38 + f"a{n + 1}" + ")" * 38) for n in range(DEEPEST - 1)}
    scope = LazyScope(NOTHING, {}, deep | {f"a{DEEPEST - 1}": parse("1")})

    with pytest.raises(ParamcalcError, match="nested too deep"):
        scope["a0"]
