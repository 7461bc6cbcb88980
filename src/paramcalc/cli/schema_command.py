"""``paramcalc schema``."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.cli import options
from paramcalc.cli.options import one_of

DOCUMENTS = ("count", "memory", "fit", "show", "compare", "list", "check", "verify")


def _complete(incomplete: str) -> list[str]:
    return [name for name in DOCUMENTS if name.startswith(incomplete)]


def run(
    command: Annotated[
        str,
        typer.Argument(
            metavar="COMMAND", help=", ".join(DOCUMENTS) + ".", autocompletion=_complete
        ),
    ],
    debug: options.Debug = False,
) -> int:
    """Print the JSON Schema of the document that a command prints with --json."""
    one_of("document", command, DOCUMENTS)
    import json

    from paramcalc.report.documents import json_schema
    from paramcalc.report.terminal import write

    write(json.dumps(json_schema(command), indent=2) + "\n")
    return 0
