"""The folder of a checkpoint: which of its files may be opened, and what lies beside the weights.

The readers of files know a folder by `Folder` alone, so they read from a disk as from a repository
elsewhere. An index and a folder come from a stranger. Only files in the folder itself are opened; a
link that leads out of it is refused, except from a snapshot of the hub's cache to its own blobs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeVar

from paramcalc.catalogue.files import MOST_BYTES, decode, is_file, opened
from paramcalc.catalogue.strict_json import parse_json
from paramcalc.errors import ParamcalcError, shorten

CONFIGURATION = "config.json"
MOST_FILES = 20_000
"""In a folder."""
MOST_INDEX_BYTES = 25_000_000
MOST_ENTRIES = 250_000
"""In an index. The largest published models have some 210,000 tensors."""
_LARGEST_WIDE_INDEX = 4_000_000
"""Text beyond ASCII takes several bytes a character in memory; indexes are written in ASCII."""

T = TypeVar("T")


class Content(Protocol):
    """The bytes of one file, wherever it lies."""

    @property
    def size(self) -> int:
        """Bytes of the whole file."""

    def at(self, position: int, count: int) -> bytes:
        """So many bytes from a position on; fewer where the file ends."""


class Folder(Protocol):
    """Files beside each other, by name. A name that leads out of the folder is refused."""

    @property
    def label(self) -> str:
        """How a message calls it."""

    def names(self) -> list[str]:
        """What is in it, in order."""

    def holds(self, name: str) -> bool:
        """There is such a file."""

    def called(self, name: str) -> str:
        """How a user names one of its files."""

    def opened(self, name: str) -> AbstractContextManager[Content]:
        """One of its files, to read from."""

    def each(self, names: Iterable[str], read: Callable[[str], T]) -> Iterator[T]:
        """What ``read`` finds in each of the files, in their order."""


class _LocalContent(NamedTuple):
    file: BinaryIO
    size: int

    def at(self, position: int, count: int) -> bytes:
        self.file.seek(position)
        return self.file.read(count)


class LocalFolder(NamedTuple):
    """A folder of this machine. A file that the user named may be a link to anywhere."""

    path: Path
    named: str | None = None

    @property
    def label(self) -> str:
        return shorten(str(self.path), 200)

    def names(self) -> list[str]:
        return names_in(self.path)

    def holds(self, name: str) -> bool:
        return is_file(self._place(name))

    def called(self, name: str) -> str:
        return str(self.path / name)

    @contextmanager
    def opened(self, name: str) -> Iterator[Content]:
        with opened(self._place(name)) as file:
            yield _LocalContent(file, os.fstat(file.fileno()).st_size)

    def each(self, names: Iterable[str], read: Callable[[str], T]) -> Iterator[T]:
        return map(read, names)

    def _place(self, name: str) -> Path:
        return self.path / name if name == self.named else inside(self.path, name)


def names_in(folder: Path) -> list[str]:
    """The names of what is in a folder, in order."""
    try:
        with os.scandir(folder) as found:
            names = sorted(entry.name for entry in islice(found, MOST_FILES + 1))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ParamcalcError(f"cannot read `{shorten(str(folder), 200)}`: {reason}") from None
    if len(names) > MOST_FILES:
        raise ParamcalcError(f"`{shorten(str(folder), 200)}` has more than {MOST_FILES:,} files")
    return names


def inside(folder: Path, name: str) -> Path:
    """A file of the folder by the name that a file in it gives; refused if it is not in there."""
    check_plain(name)
    try:
        place, real = folder.resolve(), (folder / name).resolve()
    except (OSError, RuntimeError):  # links in a circle
        raise ParamcalcError(f"cannot read `{shorten(name)}`: links lead nowhere") from None
    if real.parent != place and not _is_blob(folder, real):
        raise ParamcalcError(f"`{shorten(name)}` is a link to a file outside of its folder")
    return folder / name


def check_plain(name: str) -> None:
    """Raise `ParamcalcError` for a name that could lead out of a folder."""
    plain = name not in ("", ".", "..") and name.isprintable()
    if not plain or len(name) > 255 or any(sign in name for sign in "/\\:\0"):
        raise ParamcalcError(f"`{shorten(name)}` is no name of a file in the same folder")


def _is_blob(folder: Path, real: Path) -> bool:
    """models--org--name/snapshots/REVISION/file -> ../../blobs/HASH"""
    place = folder.resolve()
    return any(
        above.parent.name == "snapshots" and real.parent == above.parent.parent / "blobs"
        for above in (place, *place.parents)
    )


def text_in(folder: Folder, name: str) -> str:
    """The text of a file in the folder."""
    called = shorten(folder.called(name), 200)
    with folder.opened(name) as file:
        if file.size > MOST_BYTES:
            raise ParamcalcError(f"`{called}` is larger than {MOST_BYTES:,} bytes")
        content = file.at(0, MOST_BYTES + 1)
    return decode(content, called, MOST_BYTES)


def json_beside(folder: Folder, name: str) -> Mapping[str, Any] | None:
    """A JSON object in the folder; None if there is no such file."""
    if not folder.holds(name):
        return None
    return parse_json(text_in(folder, name), shorten(folder.called(name), 200))


def read_index(folder: Folder, file: str) -> Mapping[str, str]:
    """Names of tensors to names of files, as a ``.index.json`` says."""
    name = shorten(file, 100)
    with folder.opened(file) as opened_file:
        size = opened_file.size
        content = opened_file.at(0, MOST_INDEX_BYTES + 1) if size <= MOST_INDEX_BYTES else b""
    if size > (MOST_INDEX_BYTES if content.isascii() else _LARGEST_WIDE_INDEX):
        raise ParamcalcError(f"`{name}` is too large for an index: {size:,} bytes")
    if content.count(b",") > MOST_ENTRIES:
        raise ParamcalcError(f"`{name}` names more than {MOST_ENTRIES:,} tensors")
    try:
        tree = json.loads(content, object_pairs_hook=_once, parse_constant=_refused)
    except RecursionError:
        raise ParamcalcError(f"`{name}` is nested too deep") from None
    except ValueError as error:
        raise ParamcalcError(f"cannot read `{name}`: {shorten(str(error), 100)}") from None
    files = tree.get("weight_map") if isinstance(tree, dict) else None
    if not isinstance(files, dict) or not all(isinstance(file, str) for file in files.values()):
        raise ParamcalcError(f"`{name}` has no `weight_map` from tensors to files")
    if not files:
        raise ParamcalcError(f"`{name}` names no tensors")
    return files


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
