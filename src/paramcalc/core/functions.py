"""The few functions that an expression may call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from paramcalc.errors import ParamcalcError


def type_name(value: Any) -> str:
    """What a value is, in a user's words."""
    names = {str: "a text", list: "a list", tuple: "a list", dict: "a mapping", bool: "a boolean"}
    return names.get(type(value), "a number")



def ceil_div(a: int, b: int) -> int:
    """How many groups of ``b`` hold ``a``: the quotient, rounded up."""
    return -(int(a) // -int(b))


def round_up(value: int, multiple: int) -> int:
    """The least multiple of ``multiple`` that is at least ``value``."""
    return ceil_div(value, multiple) * int(multiple)


def _length(value: Any) -> int:
    if not isinstance(value, (list, tuple, str, dict)):
        raise ParamcalcError(f"`len` needs a list, found {type_name(value)}")
    return len(value)


def _numbers(arguments: tuple[Any, ...]) -> list[Any]:
    flat = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list) else arguments
    if not flat or any(not isinstance(value, (int, float)) for value in flat):
        raise ParamcalcError("expected numbers")
    return list(flat)


def _sum(*arguments: Any) -> Any:
    return sum(_numbers(arguments)) if arguments != ([],) else 0


def _int(value: Any) -> int:
    if not isinstance(value, (int, float)):
        raise ParamcalcError(f"`int` needs a number, found {type_name(value)}")
    return value if isinstance(value, int) else int(value)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "min": lambda *a: min(_numbers(a)),
    "max": lambda *a: max(_numbers(a)),
    "sum": _sum,
    "len": _length,
    "int": _int,
    "ceil_div": ceil_div,
    "round_up": round_up,
}
