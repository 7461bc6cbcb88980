"""What a command does not need is not loaded."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import io, json, sys
from paramcalc.cli.main import main
real, sys.stdout = sys.stdout, io.StringIO()
code = main(sys.argv[1:])
sys.stdout = real
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""
HEAVY = {"typer", "rich", "pydantic", "yaml", "jsonschema"}


def loaded(arguments: str) -> tuple[int, set[str]]:
    """The exit code, and the packages that a fresh interpreter has loaded by then."""
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments.split()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    code, names = json.loads(found.stdout)
    return code, set(names) & HEAVY


@pytest.mark.parametrize(
    ("arguments", "code", "not_needed"),
    [
        ("--version", 0, HEAVY),
        ("-V", 0, HEAVY),
        ("count llama-3.1-8b --json", 0, {"rich", "pydantic"}),
        ("count 70b --json", 0, {"rich", "pydantic"}),
        ("memory llama-3.1-8b --json", 0, {"rich", "pydantic"}),
        ("memory 70b --json", 0, {"rich", "pydantic"}),
        ("fit llama-3.1-8b --gpu rtx-4090 --json", 0, {"rich", "pydantic"}),
        ("fit 70b --gpu 24gb --json", 1, {"rich", "pydantic"}),
        ("fit 70b --gpu 24gb --quiet", 1, {"rich", "pydantic"}),
        ("count deepseek-v3 --explain --json", 0, {"rich", "pydantic"}),
        ("count llama-3.1-8b --format csv", 0, {"rich", "pydantic"}),
        ("count llama-3.1-8b --format md", 0, {"rich", "pydantic"}),
        ("count llama-3.1-8b", 0, {"pydantic"}),
        ("memory 70b", 0, {"pydantic"}),
        ("fit 70b --gpu 24gb", 1, {"pydantic"}),
        ("count no-such-model", 2, {"rich", "pydantic"}),
    ],
)
def test_what_is_not_needed_is_not_loaded(arguments: str, code: int, not_needed: set[str]) -> None:
    found, names = loaded(arguments)
    assert found == code
    assert not names & not_needed


def test_the_packages_would_be_seen() -> None:
    _, names = loaded("schema count")
    assert {"typer", "pydantic"} <= names
