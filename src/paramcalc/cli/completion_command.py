"""``paramcalc completion``."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.cli import options
from paramcalc.cli.options import one_of

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")


def run(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help=", ".join(SHELLS) + ".")],
    debug: options.Debug = False,
) -> int:
    """Print the completion script for a shell.

    bash: add `eval "$(paramcalc completion bash)"` to ~/.bashrc; zsh and fish likewise.
    """
    one_of("shell", shell, SHELLS)
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    from paramcalc.report.terminal import write

    script = get_completion_script(
        prog_name="paramcalc", complete_var="_PARAMCALC_COMPLETE", shell=shell
    )
    write(script + "\n")
    return 0
