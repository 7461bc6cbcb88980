"""The folder of a checkpoint: which of its files may be opened, and what lies beside the weights.

An index and a folder come from a stranger. Only files in the folder itself are opened; a link that
leads out of it is refused, except from a snapshot of the hub's cache to its own blobs.
"""

from __future__ import annotations

import json
import os
import re
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
_LARGEST_UNUSUAL_INDEX = 4_000_000
"""With names that are escaped or beyond ASCII, which takes much more memory to read."""
_S = rb"[ \t\r\n]*+"
_PLAIN = rb'"([ !#-\[\]-~]*+)"'
_MAP = re.compile(rb'"weight_map"' + _S + rb":" + _S + rb"\{")
_PAIR = re.compile(_S + _PLAIN + _S + rb":" + _S + _PLAIN + _S + rb"([,}])")


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


def read_index(path: Path) -> dict[str, str]:
    """Names of tensors to names of files, as a ``.index.json`` says."""
    name = shorten(path.name, 100)
    with opened(path) as file:
        # Not more than there is: the memory would be taken before anything is read.
        size = os.fstat(file.fileno()).st_size
        content = file.read(min(size, MOST_INDEX_BYTES) + 1)
    if len(content) > MOST_INDEX_BYTES:
        raise ParamcalcError(f"`{name}` is too large for an index: {len(content):,} bytes or more")
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
