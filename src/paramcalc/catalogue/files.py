"""Reading files, which come from strangers: regular, of bounded size, UTF-8, or a clear error."""

from __future__ import annotations

import os
import stat
import sys
from functools import cache
from pathlib import Path

from paramcalc.errors import ParamcalcError, shorten

MOST_BYTES = 16_000_000
"""A configuration or a spec is never larger; models.yaml with 10,000 entries is not."""


def read_text(path: str | os.PathLike[str], most_bytes: int = MOST_BYTES) -> str:
    """The text of a file; raises `ParamcalcError` for whatever cannot be read as text."""
    name = shorten(str(path), 200)
    try:
        # O_NONBLOCK: opening a FIFO must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISDIR(mode):
                raise ParamcalcError(f"`{name}` is a folder, not a file")
            if not stat.S_ISREG(mode):
                raise ParamcalcError(f"`{name}` is not a regular file")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                content = file.read(most_bytes + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ParamcalcError(f"cannot read `{name}`: {_reason(error)}") from None
    except ValueError:
        raise ParamcalcError(f"`{name}` is no file name") from None
    return decode(content, name, most_bytes)


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
