"""Arithmetic that remembers how it was done.

A :class:`Term` is an ``int`` that carries its formula. The very functions that compute an answer
are run on Terms to explain it, so an explanation cannot disagree with the answer.

>>> heads, size = Term.named("heads", 8), Term.named("size", 128)
>>> width = 4096 * (heads * size)
>>> int(width), width.formula, width.values
(4194304, '4096 * heads * size', {'heads': 8, 'size': 128})
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from keyword import iskeyword
from typing import NamedTuple

# How tightly an operator binds. Python has * // and % on one level; apart from the others, a pure
# product needs no parentheses behind a *.
_SUM, _QUOTIENT, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4, 9


class Step(NamedTuple):
    """One line of arithmetic: evaluating ``formula`` with ``values`` gives ``result``.

    The formula is a Python expression over ``values``; besides operators it may use ``ceil_div``,
    ``min``, ``max``, ``sum``, ``int`` and ``round_up``.
    """

    label: str
    formula: str
    values: Mapping[str, int | float]
    result: int
    unit: str = ""
    source: str = ""
    exactness: str = "exact"


class Term(int):
    """An integer with the formula and the named values that gave it."""

    formula: str
    values: dict[str, int | float]
    binding: int

    @classmethod
    def make(
        cls, value: int, formula: str, values: Mapping[str, int | float], binding: int = _ATOM
    ) -> Term:
        term = cls(value)
        term.formula, term.values, term.binding = formula, dict(values), binding
        return term

    @classmethod
    def named(cls, name: str, value: int) -> Term:
        """A value that stands in formulas by its name."""
        return cls.make(value, name, {name: int(value)})

    def __add__(self, other: int) -> int:
        return _combine(self, "+", other)

    def __radd__(self, other: int) -> int:
        return _combine(other, "+", self)

    def __sub__(self, other: int) -> int:
        return _combine(self, "-", other)

    def __rsub__(self, other: int) -> int:
        return _combine(other, "-", self)

    def __mul__(self, other: int) -> int:
        return _combine(self, "*", other)

    def __rmul__(self, other: int) -> int:
        return _combine(other, "*", self)

    def __floordiv__(self, other: int) -> int:
        return _combine(self, "//", other)

    def __rfloordiv__(self, other: int) -> int:
        return _combine(other, "//", self)

    def __mod__(self, other: int) -> int:
        return _combine(self, "%", other)

    def __rmod__(self, other: int) -> int:
        return _combine(other, "%", self)

    def __neg__(self) -> int:
        return 0 - self

    def __pow__(self, other: int, modulo: None = None) -> int:  # type: ignore[override]
        return _power(self, other)

    def __rpow__(self, other: int, modulo: None = None) -> int:  # type: ignore[override, misc]
        return _power(other, self)


class _Operator(NamedTuple):
    apply: Callable[[int, int], int]
    left: int
    """How tightly the left side must bind to stand without parentheses."""
    right: int


_OPERATORS: Mapping[str, _Operator] = {
    "+": _Operator(int.__add__, _SUM, _SUM),
    "-": _Operator(int.__sub__, _SUM, _QUOTIENT),
    "*": _Operator(int.__mul__, _QUOTIENT, _PRODUCT),
    "//": _Operator(int.__floordiv__, _QUOTIENT, _POWER),
    "%": _Operator(int.__mod__, _QUOTIENT, _POWER),
}


def _combine(left: int, sign: str, right: int) -> int:
    if not (_is_whole(left) and _is_whole(right)):
        return NotImplemented  # type: ignore[no-any-return]
    left, right = _agreeing(left, right)
    # 1 * x and x + 0 are how a fold starts; a reader does not want to see them.
    if sign == "*" and (left == 1 and not isinstance(left, Term)):
        return right
    if sign in "+-" and right == 0 and not isinstance(right, Term):
        return left
    if sign == "+" and left == 0 and not isinstance(left, Term):
        return right
    operator = _OPERATORS[sign]
    formula = f"{_text(left, operator.left)} {sign} {_text(right, operator.right)}"
    values = {**_values(left), **_values(right)}
    return Term.make(operator.apply(left, right), formula, values, _binding(sign, left))


def _binding(sign: str, left: int) -> int:
    if sign in "+-":
        return _SUM
    # What begins with a quotient, a // b * c, is no pure product.
    pure = sign == "*" and not (isinstance(left, Term) and left.binding == _QUOTIENT)
    return _PRODUCT if pure else _QUOTIENT


def _is_whole(number: object) -> bool:
    """The other side may be a fraction, whatever the signatures promise."""
    return isinstance(number, int)


def _power(base: int, exponent: int) -> int:
    if not (_is_whole(base) and _is_whole(exponent)):
        return NotImplemented  # type: ignore[no-any-return]
    base, exponent = _agreeing(base, exponent)
    formula = f"{_text(base, _ATOM)} ** {_text(exponent, _ATOM)}"
    values = {**_values(base), **_values(exponent)}
    return Term.make(int(base) ** int(exponent), formula, values, _POWER)


def _agreeing(left: int, right: int) -> tuple[int, int]:
    """Both sides; the right one without its formula if a name means another value in it."""
    ours, theirs = _values(left), _values(right)
    if any(ours.get(name, value) != value for name, value in theirs.items()):
        return left, int(right)
    return left, right


def _values(term: object) -> Mapping[str, int | float]:
    return term.values if isinstance(term, Term) else {}


def _text(term: int, binding: int) -> str:
    if not isinstance(term, Term):
        return f"({term})" if term < 0 else str(int(term))
    return f"({term.formula})" if term.binding < binding else term.formula


def call(name: str, value: int, *arguments: object) -> int:
    """The result of a named function, with its call as the formula if an argument has one."""
    if not any(isinstance(argument, Term) for argument in arguments):
        return value
    if len(arguments) == 1 and isinstance(arguments[0], Term) and arguments[0] == value:
        return arguments[0]  # the largest of one number, and the like
    values: dict[str, int | float] = {}
    shown = []
    for argument in arguments:
        named = _values(argument)
        agrees = all(values.get(key, number) == number for key, number in named.items())
        shown.append(argument.formula if isinstance(argument, Term) and agrees else str(argument))
        values.update(named if agrees else {})
    return Term.make(value, f"{name}({', '.join(shown)})", values)


class Trace:
    """Collects the steps of a computation while it runs.

    With a trace that is on, numbers enter as `Term`s (`number`) and results leave as `Step`s
    (`note`). With one that is off both hand their integer back, and nothing is spent.
    """

    def __init__(self, *, on: bool = True) -> None:
        self.on = on
        self.steps: list[Step] = []
        self._names: dict[str, int] = {}

    @classmethod
    def off(cls) -> Trace:
        return cls(on=False)

    def number(self, name: str, value: int) -> int:
        """A value that formulas call by a name."""
        return self._named(name, value) if self.on else value

    def note(
        self,
        label: str,
        result: int,
        unit: str = "",
        source: str = "",
        exactness: str = "exact",
    ) -> int:
        """Write down how ``result`` came about; later formulas call it by its label."""
        if not self.on:
            return result
        formula = result.formula if isinstance(result, Term) else str(result)
        values = result.values if isinstance(result, Term) else {}
        self.steps.append(Step(label, formula, values, int(result), unit, source, exactness))
        return self._named(label, int(result))

    def _named(self, label: str, value: int) -> Term:
        """The value under a name of its own: no name stands for two values."""
        name = identifier(label)
        number = 2
        while self._names.setdefault(name, value) != value:
            name = f"{identifier(label)}_{number}"
            number += 1
        return Term.named(name, value)


def identifier(label: str) -> str:
    """A label as a name that a formula can use.

    >>> identifier("model.layers.{}.mlp, up")
    'model_layers_i_mlp_up'
    """
    name = re.sub(r"[^0-9A-Za-z_]+", "_", label.replace("{}", "i")).strip("_") or "value"
    return name if name.isidentifier() and not iskeyword(name) else f"_{name}"
