"""``paramcalc compare``."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.cli import options
from paramcalc.cli.complete import models as complete_models
from paramcalc.cli.options import chosen_format, whole
from paramcalc.errors import ParamcalcError

_FEWEST, _MOST = 2, 6


def run(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL…", help="Two to six models.", autocompletion=complete_models),
    ],
    context: options.Context = None,
    batch: options.Batch = "1",
    form: options.Form = "table",
    json: options.Json = False,
    gib: options.Gib = False,
    color: options.Color = "auto",
    debug: options.Debug = False,
) -> int:
    """Put two to six models side by side."""
    form = chosen_format(form, json, color)
    if not _FEWEST <= len(models) <= _MOST:
        raise ParamcalcError(f"compare takes {_FEWEST} to {_MOST} models, found {len(models)}")

    from paramcalc.api import comparison
    from paramcalc.report import cards
    from paramcalc.report.output import emit
    from paramcalc.sources.load import load

    found = [load(name) for name in models]
    facts = [comparison(model, context=context, batch=whole("--batch", batch)) for model in found]
    emit(
        form,
        "compare",
        lambda: [cards.compare_record(m, f) for m, f in zip(found, facts, strict=True)],
        lambda: cards.compare_page(found, facts, gib=gib),
        gib=gib,
        colour=color,
    )
    return 0
