"""A layer spec of the user's own: a file, standard input or a Python dictionary."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from paramcalc.catalogue.architectures import Source, compile_source, parse_source
from paramcalc.catalogue.strict_json import parse_json
from paramcalc.core.model import Model
from paramcalc.errors import ParamcalcError
from paramcalc.sources.configuration import (
    AS_IT_STANDS,
    Reading,
    expanded,
    model_from_configuration,
)

# `Name(` alone on the first line, or `Name(arguments)`.
_PRINTOUT = re.compile(r"\s*[A-Za-z_][\w.]*\((?:[^\n]*\))?[ \t]*(?:\r?\n|\Z)")


def model_from_text(text: str, file: str, reading: Reading = AS_IT_STANDS) -> Model:
    """A configuration if the text is JSON with a ``model_type``, a print-out of PyTorch's, or else
    a layer spec.
    """
    if text.lstrip().startswith("{") and '"model_type"' in text:
        configuration = parse_json(text, file)
        return model_from_configuration(configuration, file, reading)
    if _PRINTOUT.match(text):
        from paramcalc.sources.printout import model_from_printout

        return model_from_printout(
            text, file, tied=reading.tied, ignore=reading.ignore, sizes=reading.overrides
        )
    return model_from_source(parse_source(text, file), reading)


def model_from_tree(tree: Mapping[str, Any], reading: Reading = AS_IT_STANDS) -> Model:
    """A dictionary: a configuration if it has a ``model_type``, else a layer spec."""
    if "model_type" in tree:
        return model_from_configuration(tree, None, reading)
    return model_from_source(Source("spec", "", tree), reading)


def model_from_source(source: Source, reading: Reading = AS_IT_STANDS) -> Model:
    """Compile and expand a layer spec; its fields take their defaults unless set."""
    if not source.tree:
        raise ParamcalcError(f"`{source.file}` is empty", "write `name: Linear(in, out)`")
    spec = compile_source(source, source.file)
    return expanded(spec, {}, source.file, reading)
