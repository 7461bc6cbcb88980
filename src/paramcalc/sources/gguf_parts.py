"""A GGUF model in one file or in several: all parts, checked against each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources.folder import Folder
from paramcalc.sources.gguf import Header, read_header

MOST_PARTS = 1_000
MOST_TENSORS = 20_000
"""In all parts together."""
_PART = re.compile(r"(?P<stem>.*)-(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})\.gguf")


def first_of(folder: Folder, files: list[str]) -> str:
    """The model in a folder: its only GGUF file, or the first part of its only one in parts."""
    models = list(models_among(dict.fromkeys(files)))
    if len(models) > 1:
        listed = ", ".join(f"`{shorten(name)}`" for name in models[:3])
        raise ParamcalcError(
            f"`{folder.label}` holds {len(models):,} models: {listed} …",
            "name the one that is meant",
        )
    return models[0]


def models_among(files: Mapping[str, int | None]) -> dict[str, int | None]:
    """The models that GGUF files are, by the first part of each; with the bytes of all its parts.

    >>> models_among({"a-00001-of-00002.gguf": 5, "a-00002-of-00002.gguf": 3, "b.gguf": None})
    {'a-00001-of-00002.gguf': 8, 'b.gguf': None}
    """
    found: dict[str, int | None] = {}
    for file in sorted(files):
        first, size = _first(file), files[file]
        before = found.get(first, 0)
        found[first] = None if size is None or before is None else before + size
    return found


def _first(file: str) -> str:
    part = _PART.fullmatch(file)
    return f"{part['stem']}-00001-of-{part['count']}.gguf" if part else file


def read_parts(folder: Folder, file: str) -> list[Header]:
    """The headers of all parts of a model; the first one has its metadata."""
    part = _PART.fullmatch(file)
    if part is None or int(part["count"]) < 2:
        header = next(folder.each([file], partial(read_header, folder)))
        if _number(header.metadata, "split.count") > 1:
            raise ParamcalcError(
                f"`{header.file}` is one of {_number(header.metadata, 'split.count'):,} parts",
                "they must keep their names, which end in `-00001-of-00005.gguf`",
            )
        return [header]
    count = int(part["count"])
    if count > MOST_PARTS:
        raise ParamcalcError(f"`{shorten(file, 100)}` would have {count:,} parts")
    names = [f"{part['stem']}-{n:05}-of-{count:05}.gguf" for n in range(1, count + 1)]
    missing = [name for name in names if not folder.holds(name)]
    if missing:
        raise ParamcalcError(
            f"of {count:,} parts {len(missing):,} are missing: `{shorten(missing[0], 100)}` …",
            "all parts must lie in one folder",
        )
    return _checked(list(folder.each(names, partial(read_header, folder))))


def _checked(headers: list[Header]) -> list[Header]:
    """The parts agree about how many they are, and hold each tensor once."""
    for number, header in enumerate(headers):
        said = _number(header.metadata, "split.count"), _number(header.metadata, "split.no")
        if said != (len(headers), number):
            raise ParamcalcError(
                f"`{header.file}` says that it is part {said[1] + 1:,} of {said[0]:,}",
                "the parts may be of different models",
            )
    names = [tensor.name for header in headers for tensor in header.tensors]
    said_count = _number(headers[0].metadata, "split.tensors.count", len(names))
    if said_count != len(names) or len(names) > MOST_TENSORS:
        raise ParamcalcError(f"the parts hold {len(names):,} tensors, not {said_count:,}")
    if len(set(names)) < len(names):
        raise ParamcalcError("the parts hold a tensor twice", "they may be of different models")
    return headers


def _number(metadata: Mapping[str, Any], key: str, default: int = 0) -> int:
    value = metadata.get(key, default)
    return value if type(value) is int else default
