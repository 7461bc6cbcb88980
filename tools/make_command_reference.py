"""Writes docs/commands.md from the help of every command.

python tools/make_command_reference.py
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

from paramcalc.cli.app import COMMANDS
from paramcalc.cli.main import main

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
INTRODUCTION = """\
# Commands

Made from the help by `tools/make_command_reference.py`; a test fails when it is not up to date.

```text
{root}```

`paramcalc COMMAND --help` shows the following.
"""


def shown(*arguments: str) -> str:
    """The help of a command in a terminal of 80 columns."""
    output = io.StringIO()
    with mock.patch.dict(os.environ, {"COLUMNS": "80"}), redirect_stdout(output):
        code = main([*arguments, "--help"])
    if code:
        sys.exit(f"`paramcalc {' '.join(arguments)} --help` ends with {code}")
    return "".join(f"{line.rstrip()}\n" for line in output.getvalue().splitlines())


def reference() -> str:
    """The page."""
    parts = [INTRODUCTION.format(root=shown())]
    parts += [f"## {name}\n\n```text\n{shown(name)}```\n" for name in COMMANDS]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(reference(), "utf-8")
