"""Each file in snapshots/ is a command with its exit code and all that it prints.

The command is the first line of the file. To add one, write a file with that line alone; to take
over what the commands print now, run ``pytest tests/cli --update-snapshots`` and read the diff.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.runner import PROMPT, SNAPSHOTS, Result, parse

FILES = sorted(SNAPSHOTS.glob("*.txt"))


def written(command: str, result: Result) -> str:
    """A snapshot as text: command, exit code, standard output, standard error."""
    parts = [f"{command}\nexit code {result.code}\n"]
    parts += [f"--- stdout\n{result.stdout}"] if result.stdout else []
    parts += [f"--- stderr\n{result.stderr}"] if result.stderr else []
    return "".join(parts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_command_prints_what_it_did(path: Path, request: pytest.FixtureRequest) -> None:
    content = path.read_text("utf-8")
    command = content.partition("\n")[0]
    assert command.startswith(PROMPT)
    found = written(command, parse(command).run())
    if request.config.getoption("--update-snapshots") and found != content:
        path.write_text(found, "utf-8")
        pytest.skip("snapshot written")
    assert found == content


def test_there_are_enough() -> None:
    commands = {path.read_text("utf-8").partition("\n")[0] for path in FILES}
    assert len(commands) == len(FILES) >= 40
