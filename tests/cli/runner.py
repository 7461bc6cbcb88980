"""Runs a command line as a shell would, in this process: the same code, a hundred times faster."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from paramcalc.cli.main import main

INPUTS = Path(__file__).parent / "inputs"
SNAPSHOTS = Path(__file__).parent / "snapshots"
PROMPT = "$ "
UNSET = ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM", "PARAMCALC_DATA", "_PARAMCALC_COMPLETE")
DEFAULTS = {"COLUMNS": "80", "TERM": "xterm-256color"}


class Result(NamedTuple):
    """What a shell sees of a command that has ended."""

    code: int
    stdout: str
    stderr: str


class Command(NamedTuple):
    """A line such as ``COLUMNS=60 paramcalc count - < cnn.yaml``, taken apart."""

    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    input_file: str | None = None

    def run(self, *more: str, **environment: str) -> Result:
        """Run it with more arguments, and with variables set over its own."""
        text = "" if self.input_file is None else (INPUTS / self.input_file).read_text("utf-8")
        return run([*self.arguments, *more], {**dict(self.environment), **environment}, text)


class _Stream(io.TextIOWrapper):
    """A standard stream that can pretend to be a terminal."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal


def parse(line: str) -> Command:
    """The command that a line of a shell says."""
    words = shlex.split(line.removeprefix(PROMPT))
    start = words.index("paramcalc")
    environment = tuple(
        (name, value) for name, _, value in (w.partition("=") for w in words[:start])
    )
    rest = words[start + 1 :]
    if "<" in rest:
        at = rest.index("<")
        return Command((*rest[:at], *rest[at + 2 :]), environment, rest[at + 1])
    return Command(tuple(rest), environment)


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    text: str = "",
    *,
    terminal: bool = False,
    encoding: str = "utf-8",
    folder: Path = INPUTS,
) -> Result:
    """Run one command with a clean environment, in a folder, with text on standard input."""
    streams = [_Stream(io.BytesIO(), encoding=encoding, newline="") for _ in range(2)]
    streams[0].terminal = terminal
    stdin = io.TextIOWrapper(io.BytesIO(text.encode("utf-8", "surrogateescape")), "utf-8")
    with (
        mock.patch.multiple(sys, stdin=stdin, stdout=streams[0], stderr=streams[1]),
        _environment({**DEFAULTS, **(environment or {})}),
        _inside(folder),
    ):
        code = main(arguments)
        for stream in streams:
            stream.flush()
    written = [_written(stream, encoding) for stream in streams]
    return Result(code, written[0], written[1])


def _written(stream: _Stream, encoding: str) -> str:
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode(encoding)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Only these of the variables that matter; an empty text stands for one that is not set."""
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    kept |= {name: value for name, value in variables.items() if value}
    with mock.patch.dict(os.environ, kept, clear=True):
        yield


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
