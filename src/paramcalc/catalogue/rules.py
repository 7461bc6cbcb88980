"""Data files whose entries are rules for reading files, such as ``gguf.yaml``: read as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from paramcalc.catalogue.architectures import parse_source, placed
from paramcalc.catalogue.files import data_folders, find_data, read_text, shown
from paramcalc.core.expression import Expression, parse
from paramcalc.errors import ParamcalcError


@lru_cache(maxsize=8)
def rules(file: str) -> Mapping[str, Any]:
    """All of a data file, the user's own before the shipped one."""
    found = find_data(file)
    if not found:
        raise ParamcalcError(f"the data file `{file}` is missing", "install paramcalc again")
    source = parse_source(read_text(found[0]), shown(found[0]))
    if found[0].parent != data_folders()[-1]:
        # The tests have validated the shipped rules; a user's own are validated when they are used.
        from paramcalc.catalogue.check_rules import CHECKS

        check = CHECKS.get(found[0].stem)
        with placed(source):
            if check and (problems := check(source)):
                raise ParamcalcError(problems)
    return source.tree


@lru_cache(maxsize=512)
def expression(value: str | int | bool | None) -> Expression:
    """A value of a rule: an expression as text, or a plain value."""
    return parse(value) if isinstance(value, str) else Expression.of(value)
