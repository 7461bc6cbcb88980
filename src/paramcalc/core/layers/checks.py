"""What an argument of a layer may be. Each check returns at once when all is well.

Sizes may be instances of a subclass of ``int``, so a check never converts the value it was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from paramcalc.errors import ParamcalcError, shorten

LARGEST_SIZE = 10**15
"""No dimension of a tensor is larger; a typing error is."""
MOST_LAYERS = 10_000
"""A call stands for at most so many stacked layers, so a few letters cannot fill the memory."""


def size(name: str, value: object, least: int = 1) -> None:
    """Refuse whatever is not a whole number from ``least`` to ``LARGEST_SIZE``."""
    if type(value) is int and least <= value <= LARGEST_SIZE:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        _not_a_size(name, value)
    if value < least:
        raise ParamcalcError(f"`{name}` must be at least {least}, got {show(value)}")
    if value > LARGEST_SIZE:
        raise ParamcalcError(f"`{name}` is larger than 10**15, got {show(value)}")


def _not_a_size(name: str, value: object) -> NoReturn:
    hint = "divide with `//`, or round with `int()`" if isinstance(value, float) else None
    raise ParamcalcError(f"`{name}` must be a whole number, got {show(value)}", hint)


def layers(name: str, value: object, least: int = 1) -> None:
    """Refuse whatever is not a number of stacked layers."""
    size(name, value, least)
    if isinstance(value, int) and value > MOST_LAYERS:
        raise ParamcalcError(
            f"`{name}` is larger than {MOST_LAYERS}, got {show(value)}",
            "write the layers as a repeated module, `layers[n]: …`",
        )


def divides(divisor_name: str, divisor: int, name: str, value: int) -> None:
    """Refuse a number of groups or heads that leaves a remainder."""
    if value % divisor:
        raise ParamcalcError(
            f"`{divisor_name}` must divide `{name}`, "
            f"got {divisor_name}={show(divisor)} and {name}={show(value)}"
        )


def per_axis(name: str, value: int | Sequence[int], axes: int, least: int = 1) -> tuple[int, ...]:
    """One number for every axis: ``3`` is ``(3, 3)`` on two axes."""
    if not isinstance(value, (tuple, list)):
        size(name, value, least)
        return (value,) * axes  # type: ignore[return-value]
    if len(value) != axes:
        raise ParamcalcError(
            f"`{name}` must be one number or {axes}, got {show(value)}",
        )
    for item in value:
        size(name, item, least)
    return tuple(value)


def shape(name: str, value: int | Sequence[int]) -> tuple[int, ...]:
    """A shape given as one number or as a list of at least one."""
    if not isinstance(value, (tuple, list)):
        size(name, value)
        return (value,)  # type: ignore[return-value]
    if not value:
        raise ParamcalcError(f"`{name}` must hold at least one size, got an empty list")
    for item in value:
        size(name, item)
    return tuple(value)


def flag(name: str, value: object) -> bool:
    """A switch: true or false, as a configuration may also write it (null, 0, 1)."""
    if value is True or value is False:
        return value
    if value is None or (isinstance(value, int) and 0 <= value <= 1):
        return bool(value)
    raise ParamcalcError(f"`{name}` must be True or False, got {show(value)}")


def boolean(name: str, value: object) -> bool:
    """A switch of the recurrent layers, where torch takes True and False only."""
    if value is True or value is False:
        return value
    raise ParamcalcError(f"`{name}` must be True or False, got {show(value)}")


def probability(name: str, value: object) -> None:
    """Refuse whatever is not a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ParamcalcError(f"`{name}` must be a number from 0 to 1, got {show(value)}")


def choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is not among the allowed ones."""
    if not isinstance(value, str) or value not in allowed:
        listed = " or ".join(f"'{word}'" for word in allowed)
        raise ParamcalcError(f"`{name}` must be {listed}, got {show(value)}")


def absent(name: str, value: object, holds: str) -> None:
    """Refuse an argument of torch's that holds an object no spec can write."""
    if value is not None:
        raise ParamcalcError(f"`{name}` takes {holds}, which a spec cannot write; leave it out")


def show(value: object) -> str:
    """A value from a stranger, short enough for a message."""
    if value is None or isinstance(value, (bool, float)):
        return repr(value)
    if isinstance(value, int):
        digits = abs(value) < 10**18  # Python refuses to print very long numbers
        return int.__repr__(value) if digits else "a number of more than 18 digits"
    if isinstance(value, str):
        return repr(shorten(value, 40))
    if isinstance(value, (tuple, list)):
        return f"a list of {len(value)}"
    return f"a {type(value).__name__}"
