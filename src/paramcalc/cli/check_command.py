"""``paramcalc check``."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.cli import options
from paramcalc.cli.options import chosen_format


def run(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…", help="Specs, configurations, catalogue files; - for stdin."
        ),
    ],
    form: options.Form = "table",
    json: options.Json = False,
    color: options.Color = "auto",
    debug: options.Debug = False,
) -> int:
    """Validate layer specs, config.json files and catalogue files.

    Names every problem with its line and column. Ends with 1 if there is one.
    """
    form = chosen_format(form, json, color)

    from paramcalc.catalogue.check import check_files
    from paramcalc.report import checks
    from paramcalc.report.output import emit

    found = check_files(files)
    emit(
        form,
        "check",
        lambda: [checks.record(one) for one in found],
        lambda: checks.page(found),
        colour=color,
    )
    return 1 if any(one.problems for one in found) else 0
