"""Completion: the script for each shell, and what it offers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.runner import run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell", "pwsh"])
def test_a_script_for_each_shell(shell: str) -> None:
    found = run(["completion", shell])
    assert (found.code, found.stderr) == (0, "")
    assert "_PARAMCALC_COMPLETE" in found.stdout


def offered(line: str) -> list[str]:
    """What bash would offer at the end of a line."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_PARAMCALC_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    found = subprocess.run(
        [sys.executable, "-m", "paramcalc"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.stderr == ""
    return found.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("paramcalc co", {"count", "compare", "completion"}),
        ("paramcalc count llama-3.1-7", {"llama-3.1-70b"}),
        ("paramcalc compare gpt2-x", {"gpt2-xl"}),
        ("paramcalc fit 70b --gpu rtx-309", {"rtx-3090"}),
        ("paramcalc memory 70b -p nvf", {"nvfp4", "nvfp4a16"}),
        ("paramcalc count 70b --format js", {"json"}),
        ("paramcalc list pre", {"precisions"}),
        ("paramcalc schema comp", {"compare"}),
        ("paramcalc fit 70b --exi", {"--exit-zero"}),
        ("paramcalc count no-such-mod", set()),
    ],
)
def test_what_is_offered(line: str, expected: set[str]) -> None:
    assert set(offered(line)) == expected
