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
    family: Annotated[
        str | None, typer.Option("--family", metavar="NAME", help="Models of a family.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="RANGE", help="Parameters: 7b..14b, ..3b, 70b.., 8b."),
    ] = None,
    active: Annotated[
        str | None,
        typer.Option("--active", metavar="RANGE", help="Active parameters, written like --size."),
    ] = None,
    context: Annotated[
        str | None, typer.Option("--context", "-c", metavar="TOKENS", help="At least this long.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", metavar="WORD", help="Licences with this word.")
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="KEY", help="name, size, active, context or released."),
    ] = None,
    form: options.Form = "table",
    json: options.Json = False,
    color: options.Color = "auto",
    debug: options.Debug = False,
) -> int:
    """List models, precisions, gpus, engines or architectures.

    Models can be selected by family, size, context and licence, and sorted.
    """
    form = chosen_format(form, json, color)
    one_of("list", what, LISTS)

    from paramcalc.catalogue.listing import listing
    from paramcalc.catalogue.selection import Selection
    from paramcalc.report import cards
    from paramcalc.report.output import emit
    from paramcalc.units import parse_range, parse_tokens

    selection = Selection(
        family,
        parse_range(size) if size else None,
        parse_range(active) if active else None,
        parse_tokens(context) if context else None,
        licence,
        sort,
    )
    rows = listing(what, word, selection)
    emit(form, "list", lambda: rows, lambda: cards.list_page(rows, what), colour=color)
    return 0
