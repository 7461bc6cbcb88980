"""The tensors of a checkpoint in safetensors: one file, or an index and its shards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources.folder import Folder, read_index
from paramcalc.sources.safetensors import Stored, read_header

ENDING = ".safetensors"
INDEX_ENDING = ".safetensors.index.json"
USUAL_NAME = "model"
MOST_SHARDS = 5_000
MOST_TENSORS = 250_000
"""In all shards together."""
_PART = re.compile(r"(.*-)([0-9]{2,6})(-of-)([0-9]{2,6})(\.safetensors)")


class Checkpoint(NamedTuple):
    """Where the tensors come from, and they themselves, read one file after the other."""

    folder: Folder
    description: str
    tensors: Iterator[Stored]
    is_part: bool = False
    """One of several files: not the whole model."""


def from_file(folder: Folder, file: str) -> Checkpoint:
    """One file as it stands."""
    part = _PART.fullmatch(file)
    name = shorten(file, 100)
    is_part = part is not None and int(part[4]) > 1
    said = f"{name}, one of {int(part[4])} parts" if part is not None and is_part else name
    (tensors,) = folder.each([file], partial(read_header, folder))
    return Checkpoint(folder, said, iter(tensors), is_part)


def from_index(folder: Folder, file: str) -> Checkpoint:
    """All the shards that an index names."""
    files = read_index(folder, file)
    shards = list(dict.fromkeys(files.values()))
    if len(shards) > MOST_SHARDS:
        raise ParamcalcError(f"`{shorten(file, 100)}` names {len(shards):,} files")
    said = f"{shorten(file, 100)} and its {len(shards):,} files"
    return Checkpoint(folder, said, _indexed(folder, files, shards))


def _indexed(folder: Folder, files: dict[str, str], shards: Sequence[str]) -> Iterator[Stored]:
    """The tensors of the shards, each where the index says; those that are found are let go."""
    for file, stored in _of_files(folder, shards):
        if files.pop(stored.name, None) != file:
            raise ParamcalcError(
                f"`{shorten(file, 100)}` holds `{shorten(stored.name)}`, "
                "which is not what the index says",
                "the index and the files may be of different versions",
            )
        yield stored
    if files:
        raise ParamcalcError(
            f"the index names {len(files):,} tensors more than the files hold",
            "the index and the files may be of different versions",
        )


def _of_files(folder: Folder, shards: Sequence[str]) -> Iterator[tuple[str, Stored]]:
    # In this order: what reads them learns that no more are wanted.
    for tensors, shard in zip(folder.each(shards, partial(_of_shard, folder)), shards):
        yield from ((shard, stored) for stored in tensors)


def _of_shard(folder: Folder, shard: str) -> list[Stored]:
    is_there = folder.holds(shard)
    if not shard.endswith(ENDING):
        raise ParamcalcError(f"`{shorten(shard, 100)}` is no safetensors file")
    if not is_there:
        raise ParamcalcError(
            f"`{shorten(shard, 100)}` is missing", "the download may be incomplete"
        )
    return read_header(folder, shard)


def from_folder(folder: Folder) -> Checkpoint | None:
    """The checkpoint in a folder: its index, its only file, or all parts of one; None if none."""
    names = folder.names()
    indexes = [name for name in names if name.endswith(INDEX_ENDING)]
    files = [name for name in names if name.endswith(ENDING)]
    chosen = _one_of(indexes, USUAL_NAME + INDEX_ENDING) or _one_of(files, USUAL_NAME + ENDING)
    if chosen:
        return (from_index if chosen in indexes else from_file)(folder, chosen)
    parts = _parts(files)
    if not files:
        return None
    if parts is None or indexes:
        listed = ", ".join(f"`{shorten(name)}`" for name in (indexes or files)[:3])
        raise ParamcalcError(
            f"`{folder.label}` holds several checkpoints: {listed} …",
            "name the one that is meant",
        )
    said = f"{len(parts):,} files `{shorten(parts[0])}` …"
    return Checkpoint(folder, said, _distinct(_of_files(folder, parts)))


def _one_of(names: list[str], usual: str) -> str | None:
    """The one that is called as usual, or the only one."""
    if usual in names:
        return usual
    return names[0] if len(names) == 1 and not _PART.fullmatch(names[0]) else None


def _parts(names: list[str]) -> list[str] | None:
    """The names, if they are the complete numbered parts of one checkpoint."""
    found = [_PART.fullmatch(name) for name in names]
    parts = [match for match in found if match is not None]
    kinds = {(match[1], match[4]) for match in parts}
    if not parts or len(parts) < len(found) or len(kinds) > 1:
        return None
    count = int(parts[0][4])
    missing = set(range(1, count + 1)[:MOST_SHARDS]) - {int(match[2]) for match in parts}
    if missing or len(parts) != count:
        raise ParamcalcError(
            f"of {count:,} files `{shorten(names[0])}` … {len(missing):,} are missing",
            "the download may be incomplete",
        )
    return names


def _distinct(tensors: Iterable[tuple[str, Stored]]) -> Iterator[Stored]:
    names: set[str] = set()
    for file, stored in tensors:
        if stored.name in names:
            raise ParamcalcError(f"`{shorten(stored.name)}` is there twice, also in `{file}`")
        names.add(stored.name)
        if len(names) > MOST_TENSORS:
            raise ParamcalcError(f"more than {MOST_TENSORS:,} tensors")
        yield stored
