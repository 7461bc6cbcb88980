"""The folder of a checkpoint: which of its files may be opened, and what lies beside the weights.

The readers of files know a folder by `Folder` alone, so they read from a disk as from a repository
elsewhere. An index and a folder come from a stranger. Only files in the folder itself are opened; a
link that leads out of it is refused, except from a snapshot of the hub's cache to its own blobs.
"""

from __future__ import annotations

import json
import os
import re
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
_LARGEST_UNUSUAL_INDEX = 4_000_000
"""With names that are escaped or beyond ASCII, which takes much more memory to read."""
_S = rb"[ \t\r\n]*+"
_PLAIN = rb'"([ !#-\[\]-~]*+)"'
_MAP = re.compile(rb'"weight_map"' + _S + rb":" + _S + rb"\{")
_PAIR = re.compile(_S + _PLAIN + _S + rb":" + _S + _PLAIN + _S + rb"([,}])")

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


def read_index(folder: Folder, file: str) -> dict[str, str]:
    """Names of tensors to names of files, as a ``.index.json`` says."""
    name = shorten(file, 100)
    with folder.opened(file) as opened_file:
        size = opened_file.size
        # Not more than there is: the memory would be taken before anything is read.
        content = opened_file.at(0, size + 1) if size <= MOST_INDEX_BYTES else b""
    if size > MOST_INDEX_BYTES:
        raise ParamcalcError(f"`{name}` is too large for an index: {size:,} bytes")
    if content.count(b",") > MOST_ENTRIES:
        raise ParamcalcError(f"`{name}` names more than {MOST_ENTRIES:,} tensors")
    try:
        files = _usual_map(content) or _map_of(content)
    except RecursionError:
        raise ParamcalcError(f"`{name}` is nested too deep") from None
    except ValueError as error:
        raise ParamcalcError(f"cannot read `{name}`: {shorten(str(error), 100)}") from None
    if not isinstance(files, dict) or not all(isinstance(file, str) for file in files.values()):
        raise ParamcalcError(f"`{name}` has no `weight_map` from tensors to files")
    if not files:
        raise ParamcalcError(f"`{name}` names no tensors")
    return files


def _usual_map(content: bytes) -> dict[str, str] | None:
    """The map of an index as every writer writes it: plain names, each file's name kept once.

    None if it is written otherwise, or if anything is wrong with it: then `_map_of` tells what.
    """
    start = _MAP.search(content)
    if start is None:
        return None
    files: dict[str, str] = {}
    names: dict[bytes, str] = {}
    position, count, separator = start.end(), 0, b","
    while separator == b",":
        found = _PAIR.match(content, position)
        if found is None:
            return None
        name, file, separator = found.groups()
        if file not in names:
            names[file] = file.decode()
        files[name.decode()] = names[file]
        position, count = found.end(), count + 1
    rest = content[: start.start()] + b'"weight_map":0' + content[position:]
    if len(files) < count or len(rest) > _LARGEST_UNUSUAL_INDEX:
        return None
    try:
        tree = json.loads(rest, object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    return files if isinstance(tree, dict) and tree.get("weight_map") == 0 else None


def _map_of(content: bytes) -> Any:
    """The map of any index; it takes several times its size in memory."""
    if len(content) > _LARGEST_UNUSUAL_INDEX:
        raise ValueError(f"no index as it is usually written, and {len(content):,} bytes long")
    tree = json.loads(content, object_pairs_hook=_once, parse_constant=_refused)
    return tree.get("weight_map") if isinstance(tree, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
