"""What a framework counted, next to what paramcalc counts: a sentence for each thing that differs.

What is expected is a mapping; a key that is absent or null is not compared. ``tensors`` has the
shape of each stored tensor by name, ``tied_twice`` the total with tied tensors counted at each of
their places, and ``ends`` the elements of the input table, those of the output head (null without
one) and whether the head is the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import paramcalc

Expected = Mapping[str, Any]
Shapes = Mapping[str, tuple[int, ...]]

COUNTS = (
    "total",
    "tied_twice",
    "embedding",
    "active",
    "active_no_input_embedding",
    "active_no_embedding",
    "buffers",
)


def differences(configuration: Mapping[str, Any], expected: Expected) -> dict[str, str]:
    """What differs, and how: empty if everything is equal."""
    try:
        model = paramcalc.load(dict(configuration))
        ours = counted(model)
    except paramcalc.ParamcalcError as error:
        return {"refused": str(error).splitlines()[0]}
    except Exception as error:  # noqa: BLE001 - a crash is a difference too
        return {"crash": repr(error)}
    found = {}
    if expected.get("tensors") is not None:
        text = tensors_differ(
            {tensor.name: tensor.shape for tensor in model.tensors()}, expected["tensors"]
        )
        found = {"tensors": text} if text else {}
    for name in (*COUNTS, "ends"):
        if expected.get(name) is not None and ours[name] != expected[name]:
            found[name] = f"{shown(ours[name])}, not {shown(expected[name])}"
    return found


def counted(model: paramcalc.Model) -> dict[str, Any]:
    """Our figures under the names of what is expected."""
    counts = model.parameters
    return {
        "total": counts.total,
        "tied_twice": counts.total + sum(tie.numel for tie in model.ties),
        "embedding": counts.embedding,
        "active": counts.active,
        "active_no_input_embedding": counts.active_no_input_embedding,
        "active_no_embedding": counts.active_no_embedding,
        "buffers": counts.buffers,
        "ends": ends(counts),
    }


def ends(counts: paramcalc.Parameters) -> list[Any] | None:
    """Input table, output head or None, and whether they are one."""
    found = counts.embeddings
    if found is None:
        return None
    head = found.input if found.tied else found.output
    return [found.input, head or None, found.tied]


def tensors_differ(ours: Shapes, theirs: Shapes) -> str | None:
    """How names and shapes differ, with the first of each; None if they do not."""
    if ours == theirs:
        return None
    parts = []
    for label, names in (
        ("missing", [name for name in theirs if name not in ours]),
        ("unknown", [name for name in ours if name not in theirs]),
    ):
        if names:
            parts.append(f"{len(names)} {label}: {', '.join(names[:3])}")
    other = [name for name in theirs if name in ours and ours[name] != theirs[name]]
    if other:
        first = other[0]
        parts.append(f"{len(other)} shapes: {first} {list(ours[first])}, not {list(theirs[first])}")
    return "; ".join(parts)


def shown(value: object) -> str:
    """A figure as it is read in a message."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def expanded(manifest: list[Any]) -> dict[str, tuple[int, ...]]:
    """Shapes by name of ``[pattern, shape, boxes]``: a box has the ranges of each ``{}``."""
    return {
        pattern.format(*numbers): tuple(shape)
        for pattern, shape, boxes in manifest
        for box in boxes
        for numbers in product(*map(numbers_of, box))
    }


def numbers_of(text: str) -> Iterator[int]:
    """``0-3,7,10-20/5`` is 0 1 2 3 7 10 15 20."""
    for part in text.split(","):
        ends_, _, step = part.partition("/")
        first, _, last = ends_.partition("-")
        yield from range(int(first), int(last or first) + 1, int(step or 1))
