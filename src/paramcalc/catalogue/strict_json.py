"""JSON from a stranger: an object, or an error with its line and column."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from paramcalc.catalogue.places import place_of
from paramcalc.errors import ParamcalcError, Problem, shorten

_MOST_COMMAS = 200_000
"""A configuration with all the labels of a large data set has some 20,000."""


def parse_json(text: str, file: str) -> Mapping[str, Any]:
    """Read a JSON object; a syntax error is told with its line and column."""
    if text.count(",") > _MOST_COMMAS:
        raise ParamcalcError(f"`{file}` has too many entries")
    try:
        tree = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        place = place_of(text, file, error.pos)
        raise ParamcalcError(
            Problem(f"cannot read the JSON: {error.msg.lower()}", place=place)
        ) from None
    except RecursionError:
        raise ParamcalcError(f"`{file}` is nested too deep") from None
    except ValueError as error:  # more digits than Python reads
        raise ParamcalcError(f"cannot read `{file}`: {shorten(str(error), 100)}") from None
    if not isinstance(tree, Mapping):
        raise ParamcalcError(f"`{file}` is no JSON object")
    return tree


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
