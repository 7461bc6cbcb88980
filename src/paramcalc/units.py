"""Sizes and counts as people write and read them.

Parsing gives exact integers; formatting is for people and never feeds a computation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from paramcalc.errors import ParamcalcError, shorten

if TYPE_CHECKING:
    from fractions import Fraction

# Compiled when first used: a command parses one or two of these, and compiling takes longer.
_COUNT = r"([0-9]{1,15}(?:\.[0-9]{1,12})?)([kmbtKMBT])"
_COUNT_UNITS = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
_BYTES = r"([0-9]{1,15}(?:\.[0-9]{1,12})?)\s*([kmgtKMGT]i?[bB]?|[bB])?"
_TOKENS = r"([0-9]{1,15})\s*([kmKM])?"
_PERCENT = r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%"
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}
MOST_TOKENS = 10**12
MOST_BATCH = 10**9
_MOST_PARAMETERS = 10**18


def starts_with_number(text: str) -> bool:
    """Whether a text that is no name can only be meant as a number."""
    return bool(re.match(r"[-+]?[0-9.]", text.strip()))


def parse_count(text: str) -> int | None:
    """A bare model size: ``70b``, ``7B``, ``350m``, ``1.5b``; None if it is none.

    >>> parse_count("1.5b")
    1500000000
    """
    found = re.fullmatch(_COUNT, text.strip())
    if not found:
        return None
    count, rest = _scaled(found[1], _COUNT_UNITS[found[2].lower()])
    return None if rest else count


def _scaled(number: str, unit: int) -> tuple[int, int]:
    """A decimal number times a unit: the whole part, and whether anything is left over."""
    whole, _, places = number.partition(".")
    return divmod(int(whole + places) * unit, int(10 ** len(places)))


def parse_range(text: str) -> tuple[int, int]:
    """A range of model sizes: ``7b..14b``, ``..14b``, ``70b..``; ``7b`` is within a tenth of it.

    >>> parse_range("7b..14b"), parse_range("10b")
    ((7000000000, 14000000000), (9000000000, 11000000000))
    """
    low, gap, high = text.partition("..")
    first = parse_count(low) if low.strip() else 0
    last = parse_count(high) if high.strip() else _MOST_PARAMETERS
    if first is None or last is None or not text.strip(" ."):
        raise ParamcalcError(f"`{shorten(text)}` is no range of sizes", "write `7b..14b` or `7b`")
    return (first, last) if gap else (first - first // 10, first + first // 10)


def parse_bytes(text: str, *, card: bool = False) -> int:
    """A size in bytes: ``24gb`` (10^9, or 2^30 as printed on a ``card``), ``24GiB``, ``1000b``.

    >>> parse_bytes("24gb"), parse_bytes("24gb", card=True)
    (24000000000, 25769803776)
    """
    found = re.fullmatch(_BYTES, text.strip())
    hint = "write it with a unit: `24gb`, `24GiB`, or the bytes"
    if not found:
        raise ParamcalcError(f"`{shorten(text)}` is no size", hint)
    unit = (found[2] or "").lower()
    if not unit and len(found[1].partition(".")[0]) < 7:
        raise ParamcalcError(f"`{shorten(text)}` has no unit", f"did you mean `{text}gb`?")
    base = 1024 if "i" in unit or card else 1000
    size, _ = _scaled(found[1], base ** _POWERS.get(unit[:1], 0))
    if size <= 0 or size > 10**18:
        raise ParamcalcError(f"`{shorten(text)}` is no sensible size", hint)
    return size


def parse_tokens(text: str) -> int:
    """A number of tokens: ``8192``, ``32k`` = 32,768, ``1m`` = 1,048,576."""
    found = re.fullmatch(_TOKENS, text.strip().replace(",", "").replace("_", ""))
    if not found:
        raise ParamcalcError(
            f"`{shorten(text)}` is no number of tokens", "write `8192` or `32k` (32,768)"
        )
    tokens = int(found[1]) * int(1024 ** {"k": 1, "m": 2}.get((found[2] or "").lower(), 0))
    if not 1 <= tokens <= MOST_TOKENS:
        raise ParamcalcError(
            f"a context of {shorten(text)} tokens is out of range", f"1 to {MOST_TOKENS:,}"
        )
    return tokens


def parse_percent(text: str) -> Fraction:
    """``20%`` as an exact fraction of one hundred."""
    found = re.fullmatch(_PERCENT, text.strip())
    if not found:
        raise ParamcalcError(f"`{shorten(text)}` is no percentage", "write `20%`")
    from fractions import Fraction

    return Fraction(found[1])


def short_count(number: int) -> str:
    """``8.03 B``: a count of parameters, to three digits."""
    for unit, size in (("T", 10**12), ("B", 10**9), ("M", 10**6), ("K", 10**3)):
        # 999,950,000 would print as 1000 M.
        if number * 2000 >= size * 1999:
            value = number / size
            digits = 2 if value < 10 else 1 if value < 100 else 0
            return f"{value:.{digits}f} {unit}"
    return str(number)


def short_bytes(number: int, *, gib: bool = False, digits: int | None = None) -> str:
    """Bytes in GB = 10^9 (or GiB = 2^30); small ones in MB, KB or B.

    ``digits`` after the point of GB; without it two, and one from 100 GB on.
    """
    base, units = (1024, ("B", "KiB", "MiB", "GiB")) if gib else (1000, ("B", "KB", "MB", "GB"))
    # A tenth of a GB stays in GB, as its neighbours in a column do; 999,950 would be 1,000.0 KB.
    power = 3 if abs(number) * 10 >= base**3 else 2
    while power and abs(number) * 2000 < base**power * 1999 and (power < 3):
        power -= 1
    if power == 0:
        return f"{number} {units[0]}"
    value = number / base**power
    if digits is None or power < 3:
        digits = 2 if power == 3 and abs(value) < 99.995 else 1
    return f"{value:,.{digits}f} {units[power]}"


def plural(number: int, noun: str) -> str:
    """``1 token``, ``8,192 tokens``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
