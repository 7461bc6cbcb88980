"""JSON from a stranger: an object, or an error with its line and column."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from paramcalc.errors import ParamcalcError, Place, Problem, shorten


def parse_json(text: str, file: str) -> Mapping[str, Any]:
    """Read a JSON object; a syntax error is told with its line and column."""
    try:
        tree = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        lines = text.splitlines()
        shown = lines[error.lineno - 1] if error.lineno <= len(lines) else ""
        place = Place(file, error.lineno, error.colno, shown)
        raise ParamcalcError(
            Problem(f"cannot read the JSON: {error.msg.lower()}", place=place)
        ) from None
    except (ValueError, RecursionError) as error:
        raise ParamcalcError(f"cannot read `{file}`: {shorten(str(error), 100)}") from None
    if not isinstance(tree, Mapping):
        raise ParamcalcError(f"`{file}` is no JSON object")
    return tree


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
