"""The few functions that an expression may call."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from paramcalc.errors import ParamcalcError

_WIDEST_KEY = 6
"""Zeros are looked for up to numbers of five digits."""


def type_name(value: Any) -> str:
    """What a value is, in a user's words."""
    if value is None:
        return "nothing (null)"
    if callable(value):
        return "a function"
    if isinstance(value, Mapping):
        return "a mapping"
    names = {str: "a text", list: "a list", tuple: "a list", bool: "a boolean"}
    return names.get(type(value), "a number")


def ceil_div(a: int, b: int) -> int:
    """How many groups of ``b`` hold ``a``: the quotient, rounded up."""
    _whole("ceil_div", a, b)
    return -(int(a) // -int(b))


def round_up(value: int, multiple: int) -> int:
    """The least multiple of ``multiple`` that is at least ``value``."""
    _whole("round_up", value, multiple)
    return ceil_div(value, multiple) * int(multiple)


def _whole(name: str, *values: Any) -> None:
    for value in values:
        if not isinstance(value, int):
            found = "a fraction" if isinstance(value, float) else type_name(value)
            raise ParamcalcError(f"`{name}` needs whole numbers, found {found}")


def _length(value: Any) -> int:
    if not isinstance(value, (list, tuple, str, Mapping)):
        raise ParamcalcError(f"`len` needs a list, found {type_name(value)}")
    return len(value)


def _numbers(name: str, arguments: tuple[Any, ...]) -> list[Any]:
    """The arguments, or the entries of the one list that is the argument."""
    one_list = len(arguments) == 1 and isinstance(arguments[0], (list, tuple))
    values = list(arguments[0] if one_list else arguments)
    if wrong := [value for value in values if not isinstance(value, (int, float))]:
        raise ParamcalcError(f"`{name}` needs numbers, found {type_name(wrong[0])}")
    if not values and name != "sum":
        raise ParamcalcError(f"`{name}` needs at least one number")
    return values


def _int(value: Any) -> int:
    if not isinstance(value, (int, float)):
        raise ParamcalcError(f"`int` needs a number, found {type_name(value)}")
    return value if isinstance(value, int) and not isinstance(value, bool) else int(value)


def _round(value: Any) -> int:
    """The nearest whole number, of two the even one."""
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ParamcalcError(f"`round` needs a number, found {type_name(value)}")
    return value if isinstance(value, int) and not isinstance(value, bool) else round(value)


def _isqrt(value: Any) -> int:
    """The square root, rounded down."""
    _whole("isqrt", value)
    if value < 0:
        raise ParamcalcError(f"`isqrt` needs a number from 0, found {value}")
    return math.isqrt(value)


def key_of(mapping: Mapping[Any, Any], key: Any) -> Any:
    """The key that means a number: JSON has texts, ``5``, or ``05`` where they are to be sorted."""
    if isinstance(key, int) and key not in mapping:
        texts = (f"{key:0{width}}" for width in range(1, _WIDEST_KEY))
        return next((text for text in texts if text in mapping), key)
    return key


def _get(mapping: Any, key: Any, default: Any = None) -> Any:
    """An entry of a mapping or a list that may be missing, or null."""
    if mapping is None:
        return default
    if isinstance(mapping, Mapping):
        value = mapping.get(key_of(mapping, key))
    elif isinstance(mapping, (list, tuple)) and isinstance(key, int):
        value = mapping[key] if -len(mapping) <= key < len(mapping) else None
    else:
        raise ParamcalcError(f"`get` needs a mapping or a list, found {type_name(mapping)}")
    return default if value is None else value


def _refuse(why: Any) -> Any:
    """No network that the spec can describe: says why."""
    raise ParamcalcError(str(why))


def _positions(values: Any, wanted: Any) -> list[int]:
    """Where a list holds a value."""
    if not isinstance(values, (list, tuple)):
        raise ParamcalcError(f"`positions` needs a list, found {type_name(values)}")
    return [at for at, value in enumerate(values) if value == wanted]


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "min": lambda *values: min(_numbers("min", values)),
    "max": lambda *values: max(_numbers("max", values)),
    "sum": lambda *values: sum(_numbers("sum", values)),
    "len": _length,
    "int": _int,
    "round": _round,
    "get": _get,
    "positions": _positions,
    "refuse": _refuse,
    "isqrt": _isqrt,
    "ceil_div": ceil_div,
    "round_up": round_up,
}
