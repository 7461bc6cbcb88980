"""``paramcalc list``."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.cli import options
from paramcalc.cli.options import chosen_format, one_of

LISTS = ("models", "precisions", "gpus", "engines", "architectures")


def _complete(incomplete: str) -> list[str]:
    return [name for name in LISTS if name.startswith(incomplete)]


def run(
    what: Annotated[
        str,
        typer.Argument(metavar="[WHAT]", help=", ".join(LISTS) + ".", autocompletion=_complete),
    ] = "models",
    word: Annotated[
        str, typer.Argument(metavar="[WORD]", help="Only entries that contain this word.")
    ] = "",
    form: options.Form = "table",
    json: options.Json = False,
    color: options.Color = "auto",
    debug: options.Debug = False,
) -> int:
    """List models, precisions, gpus, engines or architectures."""
    form = chosen_format(form, json, color)
    one_of("list", what, LISTS)

    from paramcalc.catalogue.listing import listing
    from paramcalc.report import cards
    from paramcalc.report.output import emit

    rows = listing(what, word)
    emit(form, "list", lambda: rows, lambda: cards.list_page(rows, what), colour=color)
    return 0
