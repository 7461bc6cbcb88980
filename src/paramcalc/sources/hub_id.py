"""How a user names a repository of a model hub: ``org/name``, ``org/name@revision:file``."""

from __future__ import annotations

import re
from typing import NamedTuple

_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"
_ID = re.compile(rf"({_NAME}/{_NAME})(?:@([^@:\s\\]{{1,200}}))?(?::([^:\\]{{1,500}}))?")


class HubId(NamedTuple):
    """A repository, and which revision and file of it, if that is said."""

    repository: str
    revision: str | None = None
    file: str | None = None

    @property
    def is_explicit(self) -> bool:
        """More than a name: no entry of the catalogue can be meant."""
        return self.revision is not None or self.file is not None

    def __str__(self) -> str:
        revision = "" if self.revision is None else f"@{self.revision}"
        return self.repository + revision + ("" if self.file is None else f":{self.file}")


def parse_hub_id(text: str) -> HubId | None:
    """The parts of a hub id; None for any other text.

    >>> parse_hub_id("org/name@v1.0:model-Q4_K_M.gguf")
    HubId(repository='org/name', revision='v1.0', file='model-Q4_K_M.gguf')
    >>> parse_hub_id("../name"), parse_hub_id("a/b/c"), parse_hub_id("org/name:../../x")
    (None, None, None)
    """
    found = _ID.fullmatch(text)
    if found is None or not text.isprintable():
        return None
    repository, revision, file = found.groups()
    paths = [part for path in (revision, file) if path for part in path.rstrip("/").split("/")]
    # The hub allows neither sign in a name; the second one parts names in the cache.
    if ".." in repository or "--" in repository or {"", ".", ".."} & set(paths):
        return None
    return HubId(repository, revision, file and file.rstrip("/"))
