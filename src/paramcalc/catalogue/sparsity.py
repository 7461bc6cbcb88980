"""Pruned weights: the formats that store them without their zeros, by the precision they have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from paramcalc.catalogue import tables
from paramcalc.core.functions import type_name
from paramcalc.errors import ParamcalcError, shorten

if TYPE_CHECKING:
    from paramcalc.core.weights import Precision

_PATTERN = re.compile(r"[0-9]{1,3}:[0-9]{1,3}")
_SHARE = re.compile(r"([0-9]{0,3}(?:\.[0-9]{1,9})?)(%?)")
_DIGITS = 3
"""Digits after the point of a share; a name of a recipe holds no more."""
_SECTION, _ANY = "_sparsity", "share"


class Sparsity(NamedTuple):
    """How weights are pruned: by a pattern, or any share of them."""

    pattern: str | None
    share: float | None
    stored: Mapping[str, str]
    """For the name of a precision the recipe that stores the same without zeros."""
    note: str

    def counterpart(self, precision: str) -> str | None:
        """The recipe for a precision; None if zeros stay in it."""
        name = self.stored.get(precision)
        return name and name.replace("{share}", f"{self.share:g}" if self.share else "")


def sparsity(pattern: object, share: object) -> Sparsity:
    """``2:4``, or a share such as 0.3 or ``30%``; one of the two."""
    if (pattern is None) == (share is None):
        raise ParamcalcError(
            "weights are pruned by a pattern or by a share, not by both",
            "`--sparsity 2:4` or `--prune 0.3`",
        )
    section = _section()
    note = " ".join(str(section["note"]).split())
    if pattern is None:
        return Sparsity(None, _share(share), section[_ANY], note)
    known = [name for name in section if _PATTERN.fullmatch(name)]
    if not isinstance(pattern, str) or pattern not in known:
        listed = " or ".join(known)
        if not isinstance(pattern, str) or not _PATTERN.fullmatch(pattern):
            message = f"`{shorten(str(pattern))}` is no pattern of zeros"
            raise ParamcalcError(message, f"N of M weights are left: {listed}")
        raise ParamcalcError(
            f"no format stores {pattern} sparsity without its zeros",
            f"there is one for {listed}; `--prune` is for zeros without a pattern",
        )
    return Sparsity(pattern, None, section[pattern], note)


def _section() -> Mapping[str, Any]:
    from paramcalc.catalogue.recipes import SCHEMES

    found: Mapping[str, Any] = SCHEMES.section(_SECTION)
    return found


def _share(given: object) -> float:
    """A share between 0 and 1, of three digits."""
    if isinstance(given, bool) or not isinstance(given, (int, float, str)):
        raise ParamcalcError(f"a share is a number, not {type_name(given)}", "prune=0.3")
    text = given.strip() if isinstance(given, str) else f"{given:.9f}".rstrip("0").rstrip(".")
    found = _SHARE.fullmatch(text)
    hint = "such as 0.3 or 30%"
    if not found or not found[1].strip("."):
        raise ParamcalcError(f"`{shorten(str(given))}` is no share of the weights", hint)
    share = float(found[1]) / (100 if found[2] else 1)
    if not 0 < share < 1:
        raise ParamcalcError(f"the share that is pruned lies between 0 and 1, found {text}", hint)
    if abs(share - round(share, _DIGITS)) > 1e-12:
        raise ParamcalcError(f"a share has {_DIGITS} digits after the point, found {text}", hint)
    return round(share, _DIGITS)


def with_sparse(found: Sequence[Precision], pruned: Sparsity | None) -> list[Precision]:
    """Each precision, and after it what stores the same without zeros, if anything does."""
    if pruned is None:
        return list(found)
    both: dict[str, Precision] = {}
    for one in found:
        both[one.name] = one
        name = pruned.counterpart(one.name)
        if name is not None:
            other = tables.precision(name)
            both[other.name] = other
    return list(both.values())
