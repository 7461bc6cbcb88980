"""A folder of a repository: its files are read in parts, from the hub or from the local cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import quote

from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources import hub_library
from paramcalc.sources.folder import MOST_INDEX_BYTES, Content, LocalFolder, check_plain
from paramcalc.sources.hub_client import Client
from paramcalc.sources.hub_errors import Subject

FIRST_BYTES = 1 << 17
"""Read ahead with the first bytes: holds the header of nearly every safetensors file."""
MOST_AHEAD_BYTES = 1 << 23

T = TypeVar("T")


class Repository(NamedTuple):
    """A revision of a repository: which files it has, and who can be asked for them."""

    client: Client
    subject: Subject
    commit: str
    files: Mapping[str, int | None]
    """Paths and sizes in bytes, as far as the hub tells them."""

    @property
    def name(self) -> str:
        return self.subject.repository

    def cached(self, path: str) -> Path | None:
        """A file of this very revision that was downloaded before."""
        return hub_library.downloaded(self.name, path, self.commit)


class _RemoteContent:
    """A file on the hub. What was read last is kept, and more is read ahead each time."""

    def __init__(self, repository: Repository, path: str) -> None:
        self.client = repository.client
        self.subject = repository.subject._replace(file=path)
        self.path = f"/{repository.name}/resolve/{repository.commit}/{quote(path)}"
        self.ahead = _first_bytes(path, repository.files.get(path))
        self.begin, self.piece, self.size = 0, b"", -1
        self._fetch(0, 0)

    def at(self, position: int, count: int) -> bytes:
        count = max(0, min(count, self.size - position))
        end = position + count
        if not self.begin <= position <= end <= self.begin + len(self.piece):
            self._fetch(position, count)
        return self.piece[position - self.begin : end - self.begin]

    def _fetch(self, position: int, count: int) -> None:
        part = self.client.part(self.path, self.subject, position, max(count, self.ahead))
        if self.size not in (-1, part.size):
            raise ParamcalcError(f"`{self.subject}` changes while it is read", "try again")
        self.begin, self.piece, self.size = position, part.data, part.size
        self.ahead = min(4 * max(self.ahead, FIRST_BYTES), MOST_AHEAD_BYTES)


def _first_bytes(path: str, listed: int | None) -> int:
    """How much to ask for at first. Text is wanted whole, and often sent whole whatever is asked.

    >>> _first_bytes("model.safetensors", 5_000_000_000), _first_bytes("config.json", 700)
    (131072, 700)
    """
    if not path.endswith(".json") or (listed or 0) > MOST_INDEX_BYTES:
        return FIRST_BYTES
    return MOST_INDEX_BYTES if listed is None else max(1, listed)


class HubFolder(NamedTuple):
    """What lies directly in one folder of a repository; ``prefix`` is its path, ``""`` or ``a/``.

    Raises `ParamcalcError` for whatever a stranger's names or servers do.
    """

    repository: Repository
    prefix: str = ""

    @property
    def label(self) -> str:
        return shorten(f"{self.repository.name}:{self.prefix}".rstrip(":/"), 200)

    def names(self) -> list[str]:
        below = (path.removeprefix(self.prefix) for path in self._below())
        return sorted(name for name in below if "/" not in name)

    def _below(self) -> Iterator[str]:
        return (path for path in self.repository.files if path.startswith(self.prefix))

    def holds(self, name: str) -> bool:
        check_plain(name)
        return self.prefix + name in self.repository.files

    def called(self, name: str) -> str:
        return f"{self.repository.name}:{self.prefix}{name}"

    @contextmanager
    def opened(self, name: str) -> Iterator[Content]:
        if not self.holds(name):
            raise ParamcalcError(f"`{self.label}` has no file `{shorten(name, 100)}`")
        path = self.repository.cached(self.prefix + name)
        if path is None:
            yield _RemoteContent(self.repository, self.prefix + name)
        else:
            with LocalFolder(path.parent, path.name).opened(path.name) as content:
                yield content

    def each(self, names: Iterable[str], read: Callable[[str], T]) -> Iterator[T]:
        return self.repository.client.limit.in_order(list(names), read)
