"""Number formats of GGUF files, by the numbers that they have there: data in precisions.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from math import prod

from paramcalc.catalogue.table import normal
from paramcalc.catalogue.tables import PRECISIONS, number_format
from paramcalc.core.precision import Format
from paramcalc.errors import ParamcalcError, shorten

_LINE = re.compile(
    r"^(?P<name>[^\s#:_][^:\n]*):|^  (?:ggml_id: *(?P<id>[0-9]+)|aliases: *\[(?P<aliases>.*)\])",
    re.MULTILINE,
)
_PLAIN = re.compile(r"[if][0-9]+")


@cache
def formats() -> Mapping[int, tuple[str, str]]:
    """Number in a GGUF file to the name of the format, and to what ggml calls it.

    ggml's names are the entries' own, but F16 and I32 for what is fp16 and int32 elsewhere.
    """
    found: dict[int, tuple[str, str]] = {}
    for _, text in PRECISIONS.texts:
        name, number = "", -1
        for line in _LINE.finditer(text):
            if line["name"]:
                name, number = line["name"], -1
            elif line["id"]:
                number = int(line["id"])
                found.setdefault(number, (name, name if "_" in name else name.upper()))
            elif number >= 0 and found[number][0] == name:
                plain = [a.strip() for a in line["aliases"].split(",") if _PLAIN.match(normal(a))]
                short = next((alias for alias in plain if len(alias) < 4), None)
                found[number] = (name, short.upper() if short else found[number][1])
    return found


@lru_cache(maxsize=64)
def _format(type_id: int) -> tuple[str, Format] | None:
    found = formats().get(type_id)
    return found and (found[1], number_format(found[0]))


def stored_as(type_id: int, shape: tuple[int, ...], tensor: str) -> tuple[str, int]:
    """The name of a tensor's format and its bytes; its rows are whole blocks."""
    found = _format(type_id)
    if found is None:
        raise ParamcalcError(
            f"`{shorten(tensor)}` has the number format {type_id:,}, which is not known",
            "formats that ggml has given up must be converted again",
        )
    name, stored = found
    row = shape[-1] if shape else 1
    if row % stored.block_numel:
        raise ParamcalcError(
            f"`{shorten(tensor)}` has rows of {row:,}, no multiple of {stored.block_numel} ({name})"
        )
    return name, prod(shape) // stored.block_numel * stored.block_bytes
