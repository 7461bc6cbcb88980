"""The header of one ``.safetensors`` file: which tensors it says it holds, checked against itself.

Eight bytes of length, so many bytes of JSON, then the data. Only the header is read, and it is read
entry by entry, so that a stranger's header costs no more than its own size.
Source: huggingface/safetensors, README (Format) and safetensors/src/tensor.rs.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from math import prod
from typing import Any, NamedTuple

from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources.folder import Content, Folder
from paramcalc.sources.tensor_names import checked_name

LARGEST_HEADER = 100_000_000
"""Bytes of a header, by the format's own reader."""
MOST_HEADER_BYTES = 25_000_000
"""What is read of it here: 50,000 tensors take some 6 million bytes."""
MOST_TENSORS = 50_000
"""In one file. The largest published models have some 200,000, in dozens of files."""
MOST_DIMENSIONS = 32
LARGEST = 2**63
METADATA = "__metadata__"

BITS = {
    name: bits
    for bits, names in {
        4: "F4",
        6: "F6_E2M3 F6_E3M2",
        8: "BOOL U8 I8 F8_E4M3 F8_E5M2 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ",
        16: "I16 U16 F16 BF16",
        32: "I32 U32 F32",
        64: "I64 U64 F64 C64",
    }.items()
    for name in names.split()
}
"""Bits of an element, by the format's names (safetensors 0.8, tensor.rs, Dtype)."""

_S = rb"[ \t\r\n]*+"
_STRING = rb'"([^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+)"'
_PLAIN = rb'"[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+"'
_KEY = re.compile(_S + _STRING + _S + rb":" + _S)
# As every writer writes it; anything else takes the slower way.
_TENSOR = re.compile(
    rb'\{"dtype":"([A-Z0-9_]{2,20})","shape":\[([0-9, ]{0,999})\],'
    rb'"data_offsets":\[([0-9]{1,19}), ?([0-9]{1,19})\]\}'
)
# Name, entry and the comma behind it, all in one.
_USUAL = re.compile(rb'"([ !#-\[\]-~]{1,1000})":' + _TENSOR.pattern + rb",")
_VALUE = re.compile(rb"\{[^{}]{0,4000}\}")
_PAIR = _S + _PLAIN + _S + rb":" + _S + _PLAIN + _S
_STRINGS = re.compile(rb"\{(?:" + _PAIR + rb"(?:," + _PAIR + rb")*+)?+" + _S + rb"\}")
_NEXT = re.compile(_S + rb"([,}])")


class Stored(NamedTuple):
    """One tensor as the header describes it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    """Bytes."""


def read_header(folder: Folder, file: str) -> list[Stored]:
    """The tensors of a file, in the order of their data; raises `ParamcalcError` for any lie."""
    name = shorten(file, 100)
    with folder.opened(file) as content:
        header, data_size = _header(content, name)
    try:
        return list(_tensors(header, data_size))
    except ParamcalcError as error:
        first = error.problems[0]
        raise ParamcalcError(f"`{name}`: {first.message}", first.hint) from None


def _header(file: Content, name: str) -> tuple[bytes, int]:
    """The bytes of the header, and how many bytes of data follow."""
    size = file.size
    start = file.at(0, 8)
    if len(start) < 8:
        raise ParamcalcError(f"`{name}` is too short for a safetensors file: {size:,} bytes")
    length = int.from_bytes(start, "little")
    if length > LARGEST_HEADER:
        raise ParamcalcError(
            f"`{name}` is no safetensors file: its header would have {length:,} bytes",
            "a file that was fetched with git may be a pointer; fetch it with git-lfs",
        )
    if length > size - 8:
        raise ParamcalcError(
            f"`{name}` breaks off: a header of {length:,} bytes in a file of {size:,}",
            "the download may be incomplete",
        )
    if length > MOST_HEADER_BYTES:
        raise ParamcalcError(f"`{name}` has a header of {length:,} bytes, too large to look at")
    header = file.at(8, length)
    if len(header) < length:
        raise ParamcalcError(f"`{name}` breaks off in its header")
    return header, size - 8 - length


def _tensors(header: bytes, data_size: int) -> Iterator[Stored]:
    """Every entry, in the order of the data, which must fill the rest of the file exactly."""
    if header.count(b'"data_offsets"') > MOST_TENSORS:
        raise ParamcalcError(f"more than {MOST_TENSORS:,} tensors in one file")
    found: list[tuple[int, int, Stored]] = []
    sizes: dict[tuple[str, tuple[int, ...]], int] = {}
    for name, (dtype, shape, begin, end) in _entries(header):
        checked_name(name)
        size = sizes.get((dtype, shape))
        if size is None or size != end - begin or end >= LARGEST:
            size = sizes[dtype, shape] = _checked(name, dtype, shape, begin, end)
        found.append((begin, end, Stored(name, dtype, shape, size)))
    if len({row[2].name for row in found}) < len(found):
        raise _twice(row[2].name for row in found)
    found.sort()
    last = 0
    for begin, end, _ in found:
        if begin != last:
            raise _misplaced(last, begin, data_size, found)
        last = end
    if last != data_size:
        raise _misplaced(last, data_size, data_size, found)
    return (stored for _, _, stored in found)


def _twice(names: Iterable[str]) -> ParamcalcError:
    name = Counter(names).most_common(1)[0][0]
    return ParamcalcError(f"the tensor `{shorten(name)}` is there twice")


def _misplaced(
    end: int, begin: int, data_size: int, found: list[tuple[int, int, Stored]]
) -> ParamcalcError:
    """Data of the tensors must follow each other without gaps, to the end of the file."""
    if found and found[-1][1] > data_size:
        return ParamcalcError(
            f"the file breaks off: `{shorten(found[-1][2].name)}` ends at byte "
            f"{found[-1][1]:,} of {data_size:,} bytes of data",
            "the download may be incomplete",
        )
    if begin == data_size and end < data_size:
        return ParamcalcError(f"{data_size - end:,} bytes of data belong to no tensor")
    name = next((row[2].name for row in found if row[0] == begin), "")
    how = "overlap those before" if begin < end else "leave a gap"
    return ParamcalcError(f"the data of `{shorten(name)}` {how}: byte {begin:,}, not {end:,}")


Entry = tuple[str, tuple[int, ...], int, int]
"""dtype, shape, begin and end of the data."""


def _entries(header: bytes) -> Iterator[tuple[str, Entry]]:
    """Name and entry of each tensor, as they stand in the JSON."""
    position = len(header) - len(header.lstrip(b" \t\r\n"))
    if header[position : position + 1] != b"{":
        raise ParamcalcError("the header is no JSON object")
    position += 1
    if re.compile(_S + rb"\}").match(header, position):
        return _end(header, header.index(b"}") + 1)
    separator = b","
    shapes: dict[bytes, tuple[int, ...]] = {}
    while separator == b",":
        while usual := _USUAL.match(header, position):
            raw, dtype, dims, begin, end = usual.groups()
            name = raw.decode()
            if name == METADATA:
                break
            position = usual.end()
            shape = shapes.get(dims)
            if shape is None:
                shape = shapes[dims] = _shape(name, dims)
            yield name, (dtype.decode(), shape, int(begin), int(end))
        key = _KEY.match(header, position)
        if key is None:
            raise _no_json(position)
        name = _text(key[1])
        if name == METADATA:
            position = _end_of_metadata(header, key.end())
        else:
            entry, position = _entry(name, header, key.end())
            yield name, entry
        following = _NEXT.match(header, position)
        if following is None:
            raise _no_json(position)
        separator, position = following[1], following.end()
    return _end(header, position)


def _end(header: bytes, position: int) -> None:
    if header[position:].strip(b" \t\r\n"):
        raise _no_json(position)


def _no_json(position: int) -> ParamcalcError:
    return ParamcalcError(f"the header is no JSON object of tensors (byte {position + 8:,})")


def _text(raw: bytes) -> str:
    """The text between the quotes of a JSON string."""
    try:
        text: str = json.loads(b'"' + raw + b'"') if b"\\" in raw else raw.decode()
        text.encode()
    except ValueError:
        raise ParamcalcError("a name in the header is no text") from None
    return text


def _end_of_metadata(header: bytes, position: int) -> int:
    """Metadata are texts, and of no use here."""
    found = _STRINGS.match(header, position)
    if found is None:
        raise ParamcalcError(f"`{METADATA}` is no object of texts")
    return found.end()


def _entry(name: str, header: bytes, position: int) -> tuple[Entry, int]:
    found = _TENSOR.match(header, position)
    if found is None:
        return _unusual(name, header, position)
    dtype, shape, begin, end = found.groups()
    return (dtype.decode(), _shape(name, shape), int(begin), int(end)), found.end()


def _shape(name: str, text: bytes) -> tuple[int, ...]:
    if not text.strip():
        return ()
    try:
        return tuple(map(int, text.split(b",")))
    except ValueError:
        raise _no_tensor(name) from None


def _no_tensor(name: str) -> ParamcalcError:
    return ParamcalcError(
        f"the entry of `{shorten(name)}` is not `dtype`, `shape` and `data_offsets`"
    )


def _unusual(name: str, header: bytes, position: int) -> tuple[Entry, int]:
    """An entry with its keys in another order, or with blanks between them."""
    found = _VALUE.match(header, position)
    try:
        entry = json.loads(found[0], object_pairs_hook=_once) if found else None
    except (ValueError, RecursionError):
        entry = None
    if found is None or not isinstance(entry, dict) or len(entry) != 3:
        raise _no_tensor(name)
    dtype, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    sizes, places = _whole(shape), _whole(offsets)
    if not isinstance(dtype, str) or sizes is None or places is None or len(places) != 2:
        raise _no_tensor(name)
    return (dtype, sizes, places[0], places[1]), found.end()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)


def _whole(value: Any) -> tuple[int, ...] | None:
    """A list of whole numbers, if it is one."""
    if isinstance(value, list) and all(type(n) is int and n >= 0 for n in value):
        return tuple(value)
    return None


def _checked(name: str, dtype: str, shape: tuple[int, ...], begin: int, end: int) -> int:
    """The bytes of an entry, if they are those of its shape and type."""
    bits = BITS.get(dtype)
    if bits is None:
        raise ParamcalcError(
            f"`{shorten(name)}` has the unknown type `{shorten(dtype)}`",
            f"known are {', '.join(sorted(BITS))}",
        )
    if len(shape) > MOST_DIMENSIONS or max(shape, default=0) >= LARGEST or end >= LARGEST:
        raise ParamcalcError(f"`{shorten(name)}` is larger than any tensor can be")
    if end < begin or bits * prod(shape) != 8 * (end - begin):
        shown = shorten(str(list(shape)))
        raise ParamcalcError(
            f"`{shorten(name)}` would be {end - begin:,} bytes: {dtype} of the shape {shown}"
        )
    return end - begin
