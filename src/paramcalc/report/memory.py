"""The page of ``memory``: a row for each precision."""

from __future__ import annotations

from collections.abc import Sequence

from paramcalc.core.memory import Assumptions, Memory
from paramcalc.core.model import Model
from paramcalc.report.count import assumed as about_architecture
from paramcalc.report.count import fetched, heading, reported_text
from paramcalc.report.page import BYTES, NAME, RANGE, RATIO, Column, Page, Row, Table, flat
from paramcalc.report.records import memory_row
from paramcalc.units import plural


def page(
    model: Model,
    rows: Sequence[Memory],
    *,
    like: str | None = None,
    explain: bool = False,
) -> Page:
    """Weights, KV cache, what the runtime adds, and the sum.

    ``like`` is the model that was named for the cache of a bare size, if one was.
    """
    columns = [
        Column("precision", "Precision", NAME),
        Column("bits_per_weight", "Bits/weight", RATIO, drop=4),
        Column("weights_bytes", "Weights", BYTES),
        *_cache_columns(rows),
        Column("overhead_bytes", "Overhead", BYTES, drop=1),
        Column("total_bytes", "Total", BYTES),
        Column("total_range_bytes", "Range", RANGE, drop=2),
    ]
    records = [memory_row(row) for row in rows]
    steps = [step for row in rows for step in row.steps] if explain else []
    assumed = rows[0].assumptions
    return Page(
        sized_heading(model, assumed, like),
        [Table(columns, [Row(record) for record in records])],
        steps,
        flat(records),
        notes=notes(model, assumed),
    )


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
    return [*found, *fetched(model)]
