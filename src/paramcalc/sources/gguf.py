"""The header of one GGUF file: metadata and descriptions of tensors, read in bounded pieces.

Version 2 and 3, either byte order. A vocabulary is skipped, not kept.
Source: ggml-org/ggml, docs/gguf.md and src/gguf.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from struct import Struct
from struct import error as StructError  # noqa: N812, an exception is a class
from typing import Any, NamedTuple

from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources.folder import Content, Folder
from paramcalc.sources.tensor_names import checked_name

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_HEADER_BYTES = 200_000_000
"""A vocabulary of 250,000 with its merges takes some 15 million."""
MOST_TENSORS = 20_000
MOST_KEYS = 20_000
MOST_STRINGS = 2_000_000
"""In all arrays together."""
LONGEST_TEXT = 1_000
LONGEST_ARRAY = 4_096
"""Arrays of numbers up to this length are kept: one value for each layer."""
MOST_KEPT = 200_000
"""Numbers in all arrays together."""
MOST_DIMENSIONS = 4
LARGEST_NUMEL = 2**63 - 1

_CHUNK = 1 << 18
# Metadata types: name of struct's format; 8 is a text, 9 an array.
_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?"}
_FORMATS |= {10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_VOCABULARY = "tokenizer."


class Described(NamedTuple):
    """One tensor as the header describes it."""

    name: str
    shape: tuple[int, ...]
    """As torch has it: the longest distance first."""
    type_id: int
    offset: int
    """Of the data, from the start of all data."""


class Header(NamedTuple):
    """All that a file says of itself."""

    file: str
    metadata: Mapping[str, Any]
    tensors: list[Described]
    data_size: int
    """Bytes from the start of the data to the end of the file."""
    alignment: int


def read_header(folder: Folder, file: str) -> Header:
    """The header of a file; raises `ParamcalcError` for whatever is wrong with it."""
    name = shorten(file, 100)
    with folder.opened(file) as content:
        try:
            return _header(name, _Cursor(content))
        except ParamcalcError as error:
            first = error.problems[0]
            raise ParamcalcError(f"`{name}`: {first.message}", first.hint) from None


def _header(name: str, cursor: _Cursor) -> Header:
    cursor.start()
    tensor_count, key_count = cursor.number("Q"), cursor.number("Q")
    if tensor_count > MOST_TENSORS or key_count > MOST_KEYS:
        raise ParamcalcError(
            f"the header says it holds {tensor_count:,} tensors and {key_count:,} keys",
            f"at most {MOST_TENSORS:,} tensors and {MOST_KEYS:,} keys",
        )
    metadata = _metadata(cursor, key_count)
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or not 1 <= alignment <= 2**20 or alignment & (alignment - 1):
        raise ParamcalcError(f"an alignment of {shorten(str(alignment))} bytes is no power of two")
    tensors = _tensors(cursor, tensor_count)
    start = -(-cursor.position // alignment) * alignment
    return Header(name, metadata, tensors, cursor.size - start, alignment)


def _metadata(cursor: _Cursor, count: int) -> dict[str, Any]:
    """Numbers, short texts and short arrays of numbers; everything else is None."""
    found: dict[str, Any] = {}
    for _ in range(count):
        key = cursor.text()
        if key in found:
            raise ParamcalcError(f"the key `{shorten(key)}` is there twice")
        found[key] = _value(cursor, cursor.number("I"), keep=not key.startswith(_VOCABULARY))
    return found


def _value(cursor: _Cursor, kind: int, *, keep: bool) -> Any:
    if kind in _FORMATS:
        return cursor.number(_FORMATS[kind])
    if kind == _TEXT:
        return cursor.text_or_none()
    if kind != _ARRAY:
        raise ParamcalcError(f"a value has the unknown type {kind}")
    inner, length = cursor.number("I"), cursor.number("Q")
    if inner == _TEXT:
        cursor.skip_texts(length)
        return None
    if inner not in _FORMATS:
        raise ParamcalcError(f"an array has elements of the type {inner}, which is not known")
    return cursor.numbers(_FORMATS[inner], length, keep=keep)


def _tensors(cursor: _Cursor, count: int) -> list[Described]:
    names: set[str] = set()
    found = []
    for _ in range(count):
        name = checked_name(cursor.text())
        if name in names:
            raise ParamcalcError(f"the tensor `{shorten(name)}` is there twice")
        names.add(name)
        found.append(_tensor(cursor, name))
    return found


def _tensor(cursor: _Cursor, name: str) -> Described:
    dimensions = cursor.number("I")
    if dimensions > MOST_DIMENSIONS:
        raise ParamcalcError(f"`{shorten(name)}` has {dimensions:,} dimensions")
    sizes = cursor.several(f"{dimensions}Q")
    if prod(sizes) > LARGEST_NUMEL or max(sizes, default=0) > LARGEST_NUMEL:
        raise ParamcalcError(f"`{shorten(name)}` is larger than any tensor can be")
    type_id, offset = cursor.several("IQ")
    return Described(name, tuple(reversed(sizes)), type_id, offset)


class _Cursor:
    """Where the reader stands in a file; a piece of the file is held in memory."""

    def __init__(self, file: Content) -> None:
        self.file = file
        self.size = file.size
        self.begin = 0
        """Where in the file the piece begins."""
        self.piece = b""
        self.at = 0
        """Where in the piece the reader stands."""
        self.order = "<"
        self.formats: dict[str, Struct] = {}
        self.strings = 0
        self.kept = 0

    @property
    def position(self) -> int:
        return self.begin + self.at

    def start(self) -> None:
        """Read the mark and the version, which tells the order of the bytes."""
        if self.size < 24 or self.several("4s") != (MAGIC,):
            raise ParamcalcError(
                "this is no GGUF file",
                "a file that was fetched with git may be a pointer; fetch it with git-lfs",
            )
        version = self.number("I")
        if version & 0xFFFF == 0:
            self.order = ">"
            self.formats.clear()
            version = int.from_bytes(version.to_bytes(4, "little"), "big")
        if version not in VERSIONS:
            raise ParamcalcError(
                f"version {version:,} of the GGUF format is not known",
                "known are 2 and 3; convert the model again",
            )

    def need(self, count: int) -> None:
        """Have so many bytes from here on in the piece."""
        if count > self.size - self.position or count < 0:
            raise _broken_off(self.size)
        if self.at + count > len(self.piece):
            self.move(self.position, count)

    def move(self, position: int, count: int = 0) -> None:
        """Stand at a position of the file, with a new piece from there on."""
        if position > MOST_HEADER_BYTES:
            raise ParamcalcError(f"the header is longer than {MOST_HEADER_BYTES:,} bytes")
        self.piece = self.file.at(position, max(count, _CHUNK))
        self.begin, self.at = position, 0
        if len(self.piece) < count:
            raise _broken_off(self.size)

    def several(self, formats: str) -> tuple[Any, ...]:
        """Values in the byte order of the file."""
        found = self.formats.get(formats)
        if found is None:
            found = self.formats[formats] = Struct(self.order + formats)
        if self.at + found.size > len(self.piece):
            self.need(found.size)
        values = found.unpack_from(self.piece, self.at)
        self.at += found.size
        return values

    def number(self, formats: str) -> Any:
        """One value."""
        return self.several(formats)[0]

    def text_or_none(self) -> str | None:
        """A text; None if it is a long one, or none at all."""
        length = self.number("Q")
        if length > LONGEST_TEXT:
            self.skip(length)
            return None
        self.need(length)
        raw = self.piece[self.at : self.at + length]
        self.at += length
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return None

    def text(self) -> str:
        """A text that is a name."""
        found = self.text_or_none()
        if found is None:
            raise ParamcalcError(
                f"a name is no text, or longer than {LONGEST_TEXT:,} bytes (byte {self.position:,})"
            )
        return found

    def skip(self, count: int) -> None:
        """Go on behind so many bytes."""
        self.go(self.at + count)

    def numbers(self, formats: str, length: int, *, keep: bool) -> tuple[Any, ...] | None:
        """An array of numbers; None if it is long, or not wanted."""
        if keep and length <= LONGEST_ARRAY and self.kept + length <= MOST_KEPT:
            self.kept += length
            return self.several(f"{length}{formats}")
        self.skip(length * Struct(self.order + formats).size)
        return None

    def skip_texts(self, count: int) -> None:
        """Go on behind so many texts: each has eight bytes of length before it."""
        self.strings += count
        if self.strings > MOST_STRINGS:
            raise ParamcalcError(f"the header says it holds {self.strings:,} texts")
        length_at = Struct(self.order + "Q").unpack_from
        left = count
        while left:
            piece, at, before = self.piece, self.at, left
            try:
                while left:
                    # The next length, until one lies beyond the piece.
                    at += 8 + length_at(piece, at)[0]
                    left -= 1
            except (StructError, OverflowError, IndexError):
                pass
            if before == left:
                self.need(8)
            else:
                self.go(at)

    def go(self, at: int) -> None:
        """Stand at a place counted from the start of the piece, which may lie beyond it."""
        if at + self.begin > self.size:
            raise _broken_off(self.size)
        self.at = at
        if at > len(self.piece):
            self.move(self.position)


def _broken_off(size: int) -> ParamcalcError:
    return ParamcalcError(
        f"the file breaks off in its header, at byte {size:,}", "the download may be incomplete"
    )
