"""The page of ``memory``: a row for each precision."""

from __future__ import annotations

from collections.abc import Sequence

from paramcalc.core.memory import Assumptions, Memory
from paramcalc.core.model import Model
from paramcalc.errors import ParamcalcError, shorten
from paramcalc.report.count import assumed as about_architecture
from paramcalc.report.count import fetched, heading, reported_text
from paramcalc.report.page import (
    BAR,
    BYTES,
    COUNT,
    NAME,
    RANGE,
    RATIO,
    RIGHT,
    SHARE,
    TEXT,
    Column,
    Page,
    Row,
    Table,
    flat,
)
from paramcalc.report.records import Record, memory_row, share_record
from paramcalc.units import plural


def page(
    model: Model,
    rows: Sequence[Memory],
    *,
    like: str | None = None,
    explain: bool = False,
    by: str = "precision",
    tensors: Sequence[Sequence[Record]] | None = None,
) -> Page:
    """Weights, KV cache, what the runtime adds, and the sum.

    ``like`` is the model that was named for the cache of a bare size, if one was. ``by``:
    ``type`` or ``tensor`` shows the weights of each precision by format, or one by one.
    """
    if by != "precision":
        return _broken_down(model, rows, tensors, like)
    sizes = [row.total_bytes for row in rows]
    largest = max(sizes) or 1
    columns = [
        Column("precision", "Precision", NAME),
        Column("bits_per_weight", "Bits/weight", RATIO, drop=4),
        *([Column("kept", "Unquantized", SHARE, drop=3)] if any(map(_mixes, rows)) else []),
        Column("weights_bytes", "Weights", BYTES),
        *_cache_columns(rows),
        Column("overhead_bytes", "Overhead", BYTES, drop=1),
        Column("total_bytes", "Total", BYTES),
        Column("total_range_bytes", "Range", RANGE, drop=2),
        *([Column("bar", "", BAR, drop=5)] if len(rows) > 1 else []),
    ]
    records = [memory_row(row) for row in rows]
    steps = [step for row in rows for step in row.steps] if explain else []
    assumed = rows[0].assumptions
    return Page(
        sized_heading(model, assumed, like),
        [
            Table(
                columns,
                [
                    Row(record | {"kept": row.kept, "bar": size / largest})
                    for row, record, size in zip(rows, records, sizes)
                ],
            )
        ],
        steps,
        flat([{k: v for k, v in one.items() if k not in _NESTED} for one in records]),
        notes=[*notes(model, assumed), *_said(rows)],
    )


_NESTED = frozenset({"formats", "remarks", "file"})
"""What a row of CSV has no place for."""


def _mixes(row: Memory) -> bool:
    return 0 < row.kept < 1


def _broken_down(
    model: Model,
    rows: Sequence[Memory],
    tensors: Sequence[Sequence[Record]] | None,
    like: str | None,
) -> Page:
    """A table for each precision: its formats, or its tensors."""
    lists = tensors or [[share_record(share) for share in row.shares] for row in rows]
    tables = [_of_one(row, records) for row, records in zip(rows, lists)]
    data = [{"precision": row.precision, **one} for row, of in zip(rows, lists) for one in of]
    assumed = rows[0].assumptions
    return Page(
        sized_heading(model, assumed, like),
        tables,
        data=flat(data),
        notes=[*about_architecture(model), *_files(rows), *_said(rows)],
    )


def _files(rows: Sequence[Memory]) -> list[str]:
    """How large the files are, with what is estimated of them."""
    return [
        f"{row.precision}: a file of about {row.file.total:,} bytes, {row.file.data:,} of them "
        f"tensors (exact), the rest vocabulary and metadata (estimated)"
        for row in rows
        if row.file
    ]


def _said(rows: Sequence[Memory]) -> list[str]:
    """Each remark once, behind the precisions that it is about."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for remark in row.remarks:
            found.setdefault(remark, []).append(row.precision)
    return [f"{', '.join(names)}: {remark}" for remark, names in found.items()]


def _of_one(row: Memory, records: Sequence[Record]) -> Table:
    size = row.weights_bytes or 1
    shown = [one | {"share": one["bytes"] / size, "bar": one["bytes"] / size} for one in records]
    whole = {"bytes": row.weights_bytes, "share": 1.0 if row.weights_bytes else 0.0}
    if records and "name" in records[0]:
        columns = [
            Column("name", row.precision, NAME),
            Column("shape", "Shape", RIGHT, drop=2),
            Column("count", "Tensors", COUNT),
            Column("format", "Format", TEXT),
        ]
        shown = [one | {"shape": " × ".join(map(str, one["shape"]))} for one in shown]
        first = "name"
    else:
        columns = [
            Column("format", row.precision, NAME),
            Column("tensors", "Tensors", COUNT),
            Column("elements", "Elements", COUNT, drop=2),
        ]
        first = "format"
    columns += [
        Column("bytes", "Bytes", BYTES),
        Column("share", "Share", SHARE, drop=3),
        Column("bar", "", BAR, drop=4),
    ]
    return Table(columns, [Row(one) for one in shown], Row({first: "Total", **whole}))


def sized_heading(model: Model, assumed: Assumptions, like: str | None, on: str = "") -> str:
    """Which model, how large, of `fit` the cards, and whose cache a bare size takes."""
    parts = [heading(model)]
    if model.is_counted:
        size = plural(model.parameters.total, "parameter")
        parts = [part for part in (model.name, model.architecture, size) if part]
    parts += [f"on {on}"] if on else []
    if assumed.like:
        how = "--like" if like else "nearest catalogued; --like changes it"
        parts.append(f"KV cache as in {assumed.like} ({how})")
    return " · ".join(dict.fromkeys(parts))


def _cache_columns(rows: Sequence[Memory]) -> list[Column]:
    """Only the columns that hold something."""
    columns = []
    if any(row.kv_cache_bytes for row in rows):
        columns.append(Column("kv_cache_bytes", "KV cache", BYTES))
    if any(row.state_bytes for row in rows):
        columns.append(Column("state_bytes", "State", BYTES))
    return columns


def notes(model: Model, assumed: Assumptions) -> list[str]:
    """What the figures take for granted, in one line, and where they come from."""
    if assumed.overhead_percent:
        first = (
            f"rule of thumb: KV cache, activations and runtime add {assumed.overhead_percent} "
            "to the weights (estimated)"
        )
    else:
        first = (
            f"{plural(assumed.context_tokens, 'token')} × {plural(assumed.batch, 'sequence')} · "
            f"KV cache {assumed.kv_precision} · {assumed.engine} runtime (estimated) · "
            f"left out: {', '.join(assumed.left_out)}"
        )
    found = [*about_architecture(model), first]
    if text := reported_text(model):
        found.append(f"size as reported: {text}")
    if model.context and assumed.context_tokens > model.context:
        found.append(
            f"{plural(assumed.context_tokens, 'token')} are more than the "
            f"{model.context:,} that {model.name} is published for"
        )
    return [*found, *_unknown_quantization(model), *fetched(model)]


def _unknown_quantization(model: Model) -> list[str]:
    """The model is published quantized, and nobody here knows what its files hold."""
    from paramcalc.catalogue.quantization import method_of, section_of

    if (section := section_of(model.configuration)) is None or model.stored_bytes is not None:
        return []
    from paramcalc.catalogue.recipes import published
    from paramcalc.catalogue.tables import number_format

    try:
        known = published(model.configuration, number_format)
    except ParamcalcError:
        known = None
    method = shorten(method_of(section))
    text = (
        f"what its quantization_config ({method}) stores is not known: no row is of its own files"
    )
    return [] if known else [text]
