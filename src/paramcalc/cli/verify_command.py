"""``paramcalc verify``."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.cli import options
from paramcalc.cli.complete import models, precisions
from paramcalc.cli.options import chosen_format, settings
from paramcalc.errors import ParamcalcError


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
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision",
            "-p",
            metavar="NAME",
            help="The file type of a GGUF file, such as Q4_K_M.  [default: what the file says]",
            autocompletion=precisions,
        ),
    ] = None,
    set_: options.Set = None,
    mtp: options.Mtp = False,
    form: options.Form = "table",
    json: options.Json = False,
    color: options.Color = "auto",
    debug: options.Debug = False,
) -> int:
    """Hold a model against a checkpoint: names and shapes of all tensors.

    Prints what is missing in the other, extra there, or of another shape, layers together. A
    GGUF file is held against the one that llama.cpp would make: names, shapes, and the type of
    every tensor. Ends with 1 if they differ.
    """
    form = chosen_format(form, json, color)

    from paramcalc.core.difference import differences
    from paramcalc.report import verify
    from paramcalc.report.output import emit
    from paramcalc.sources.load import load

    ours, theirs = load(model, overrides=settings(set_), mtp=mtp), load(other)
    recipe = None
    from paramcalc.sources.gguf_prediction import holds_gguf_names, predict

    if holds_gguf_names(theirs) and not holds_gguf_names(ours):
        ours, theirs, recipe = predict(ours, theirs, precision)
    elif precision:
        raise ParamcalcError(
            f"{theirs.name} is no GGUF file to hold a configuration against",
            "`--precision` names its file type",
        )
    found = differences(ours, theirs, types=recipe is not None)
    emit(
        form,
        "verify",
        lambda: [verify.record(ours, theirs, found, recipe)],
        lambda: verify.page(ours, theirs, found, recipe),
        colour=color,
    )
    return 1 if found else 0
