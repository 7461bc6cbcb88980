"""Reading files, which come from strangers: regular, of bounded size, UTF-8, or a clear error."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

from paramcalc.errors import ParamcalcError, shorten

MOST_BYTES = 16_000_000
"""A configuration or a spec is never larger; models.yaml with 10,000 entries is not."""
_BINARY = getattr(os, "O_BINARY", 0)


def read_text(path: str | os.PathLike[str], most_bytes: int = MOST_BYTES) -> str:
    """The text of a file; raises `ParamcalcError` for whatever cannot be read as text."""
    with opened(path) as file:
        content = file.read(most_bytes + 1)
    return decode(content, shorten(str(path), 200), most_bytes)


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A regular file to read from; whatever goes wrong with it is a `ParamcalcError`."""
    name = shorten(str(path), 200)
    try:
        descriptor = _descriptor(path, name)
        try:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISDIR(mode):
                raise ParamcalcError(f"`{name}` is a folder, not a file")
            if not stat.S_ISREG(mode):
                raise ParamcalcError(f"`{name}` is not a regular file")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                yield file
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ParamcalcError(f"cannot read `{name}`: {_reason(error)}") from None


def _descriptor(path: str | os.PathLike[str], name: str) -> int:
    try:
        # O_NONBLOCK: opening a FIFO must not wait for a writer.
        return os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except ValueError:
        raise ParamcalcError(f"`{name}` is no file name") from None


def is_file(path: Path) -> bool:
    """There is such a file, whatever else a stranger's name may be."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """There is such a folder, whatever else a stranger's name may be."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def read_standard_input(most_bytes: int = MOST_BYTES) -> str:
    """All of standard input; a terminal or a closed input is an error, not a wait."""
    if sys.stdin is None or sys.stdin.closed:
        raise ParamcalcError("standard input is closed", "give a file or a model's name")
    try:
        if sys.stdin.isatty():
            raise ParamcalcError(
                "standard input is a terminal", "pipe a spec into it: `cat spec.yaml | …`"
            )
        content = sys.stdin.buffer.read(most_bytes + 1)
    except (OSError, ValueError):
        raise ParamcalcError("standard input is closed", "give a file or a model's name") from None
    return decode(content, "standard input", most_bytes)


def decode(content: bytes, name: str, most_bytes: int) -> str:
    """Bytes as text, if they are text of a sensible size."""
    if len(content) > most_bytes:
        raise ParamcalcError(f"`{name}` is larger than {most_bytes:,} bytes")
    if not content.strip():
        raise ParamcalcError(f"`{name}` is empty")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParamcalcError(
            f"`{name}` is not UTF-8 text (byte {error.start:,})",
            "a spec is YAML, a configuration JSON; a checkpoint itself cannot be read here",
        ) from None
    if "\0" in text:
        raise ParamcalcError(f"`{name}` is a binary file, not text")
    return text


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


@cache
def data_folders() -> tuple[Path, ...]:
    """Where data files are looked for: ``PARAMCALC_DATA`` first, then the shipped ones.

    In a wheel the data lie inside the package, in a checkout beside ``src/``.
    """
    package = Path(__file__).resolve().parent.parent
    shipped = package / "data"
    if not shipped.is_dir():
        shipped = package.parent.parent / "data"
    own = os.environ.get("PARAMCALC_DATA")
    return (Path(own), shipped) if own else (shipped,)


def find_data(name: str) -> list[Path]:
    """The files called ``name`` in the data folders, the user's own first."""
    return [path for folder in data_folders() if is_file(path := folder / name)]


def shown(path: Path) -> str:
    """How a message calls a data file: a shipped one as in the project, a user's by its path."""
    folder = data_folders()[-1]
    if path.is_relative_to(folder):
        return f"data/{path.relative_to(folder).as_posix()}"
    return str(path)
