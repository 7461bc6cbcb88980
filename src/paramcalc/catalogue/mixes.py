"""A mix of one's own: patterns on the names of tensors, each with a format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paramcalc.catalogue.architectures import parse_source, placed
from paramcalc.catalogue.files import read_text
from paramcalc.catalogue.recipes import check_choices, choices
from paramcalc.core.assignment import MIX, OWN, TENSOR_NAMES
from paramcalc.core.pattern import pattern
from paramcalc.core.recipe import FindFormat, Recipe
from paramcalc.core.scheme import Rule, Scheme
from paramcalc.errors import ParamcalcError, shorten

DEFAULT = "bf16"
"""What a mix stores the tensors in that it does not name."""


def own_mix(path: Path, find_format: FindFormat) -> Recipe:
    """A file of patterns on the names of tensors, each with a format."""
    text = read_text(path)
    source = parse_source(text, shorten(str(path), 200))
    with placed(source):
        return mix(source.tree, path.stem, find_format, f"{path}")


def mix(
    tree: Mapping[str, Any], name: str, find_format: FindFormat, source: str, *path: str
) -> Recipe:
    """Patterns on names to formats, the first that fits; ``*`` is all that is left."""
    rules = []
    for key, value in tree.items():
        try:
            rules.append(Rule(names=(pattern(str(key)),), choices=choices(_formats(value))))
            check_choices(rules[-1].choices, TENSOR_NAMES, find_format)
            if any(choice.format == MIX for choice in rules[-1].choices):
                raise ParamcalcError(f"`{MIX}` cannot stand in a mix", "the name of a format")
        except ParamcalcError as error:
            raise error.at((*path, str(key))) from None
    scheme, rest = Scheme(name, tuple(rules)), _rest(tree.get("*"))
    return Recipe(name, scheme, rest, source=source, find_format=find_format, is_own=True)


def _rest(value: Any) -> str:
    """What `own` means: the format of all that is left, if it is one whatever the tensor."""
    is_format = isinstance(value, str) and value != OWN and " if " not in value
    return str(value) if is_format else DEFAULT


def _formats(value: Any) -> str | list[str]:
    if isinstance(value, str) or (
        isinstance(value, list) and value and all(isinstance(one, str) for one in value)
    ):
        return value
    raise ParamcalcError("expected the name of a number format", "write `'*.mlp.*': q4_k`")
