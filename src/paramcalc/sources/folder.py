"""The folder of a checkpoint: which of its files may be opened, and what lies beside the weights.

An index and a folder come from a stranger. Only files in the folder itself are opened; a link that
leads out of it is refused, except from a snapshot of the hub's cache to its own blobs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from paramcalc.catalogue.files import is_file, opened, read_text
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
    plain = name not in ("", ".", "..") and name.isprintable()
    if not plain or len(name) > 255 or any(sign in name for sign in "/\\:\0"):
        raise ParamcalcError(f"`{shorten(name)}` is no name of a file in the same folder")
    try:
        place, real = folder.resolve(), (folder / name).resolve()
    except (OSError, RuntimeError):  # links in a circle
        raise ParamcalcError(f"cannot read `{shorten(name)}`: links lead nowhere") from None
    if real.parent != place and not _is_blob(folder, real):
        raise ParamcalcError(f"`{shorten(name)}` is a link to a file outside of its folder")
    return folder / name


def _is_blob(folder: Path, real: Path) -> bool:
    """models--org--name/snapshots/REVISION/file -> ../../blobs/HASH"""
    place = folder.resolve()
    return any(
        above.parent.name == "snapshots" and real.parent == above.parent.parent / "blobs"
        for above in (place, *place.parents)
    )


def json_beside(folder: Path, name: str) -> Mapping[str, Any] | None:
    """A JSON object in the folder; None if there is no such file."""
    if not is_file(folder / name):
        return None
    path = inside(folder, name)
    return parse_json(read_text(path), shorten(str(path), 200))


def read_index(path: Path) -> Mapping[str, str]:
    """Names of tensors to names of files, as a ``.index.json`` says."""
    name = shorten(path.name, 100)
    with opened(path) as file:
        content = file.read(MOST_INDEX_BYTES + 1)
    if len(content) > (MOST_INDEX_BYTES if content.isascii() else _LARGEST_WIDE_INDEX):
        raise ParamcalcError(f"`{name}` is too large for an index: {len(content):,} bytes or more")
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
