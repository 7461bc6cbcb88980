"""Names of tensors in a stranger's file: what they may be."""

from __future__ import annotations

from paramcalc.errors import ParamcalcError, shorten

LONGEST_NAME = 1_000
MOST_NUMBERS = 12
"""In one name: layers, experts, and a few more."""


def checked_name(name: str) -> str:
    """The name, if it can be printed and has a sensible length."""
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        what = "an empty name" if not name else f"the name `{shorten(name)}`"
        raise ParamcalcError(
            f"a tensor has {what}", f"at most {LONGEST_NAME:,} characters, all of them printable"
        )
    if name.count(".") >= MOST_NUMBERS and sum(map(str.isdecimal, name.split("."))) > MOST_NUMBERS:
        raise ParamcalcError(f"the tensor `{shorten(name)}` has more than {MOST_NUMBERS} numbers")
    return name
