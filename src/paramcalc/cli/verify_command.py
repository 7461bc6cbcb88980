"""``paramcalc verify``."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.cli import options
from paramcalc.cli.complete import models
from paramcalc.cli.options import chosen_format, settings


def run(
    model: options.ModelArgument,
    other: Annotated[
        str,
        typer.Argument(
            metavar="OTHER",
            help="What to hold it against: a checkpoint, or anything that is a MODEL.",
            autocompletion=models,
            show_default=False,
        ),
    ],
    set_: options.Set = None,
    mtp: options.Mtp = False,
    form: options.Form = "table",
    json: options.Json = False,
    color: options.Color = "auto",
    debug: options.Debug = False,
) -> int:
    """Hold a model against a checkpoint: names and shapes of all tensors.

    Prints what is missing in the other, extra there, or of another shape, layers together. Ends
    with 1 if they differ.
    """
    form = chosen_format(form, json, color)

    from paramcalc.core.difference import differences
    from paramcalc.report import verify
    from paramcalc.report.output import emit
    from paramcalc.sources.load import load

    ours, theirs = load(model, overrides=settings(set_), mtp=mtp), load(other)
    found = differences(ours, theirs)
    emit(
        form,
        "verify",
        lambda: [verify.record(ours, theirs, found)],
        lambda: verify.page(ours, theirs, found),
        colour=color,
    )
    return 1 if found else 0
