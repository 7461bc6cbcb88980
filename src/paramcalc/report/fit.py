"""The page of ``fit``: the verdict, and what else would fit."""

from __future__ import annotations

from paramcalc.core.fit import Fit, PrecisionFit
from paramcalc.core.memory import Memory
from paramcalc.report.count import heading
from paramcalc.report.memory import notes
from paramcalc.report.page import BAR, BYTES, COUNT, NAME, TEXT, Column, Page, Row, Table
from paramcalc.report.steps import step_table
from paramcalc.units import plural, short_bytes

_PARTS = (
    ("Weights", "weights_bytes"),
    ("KV cache", "kv_cache_bytes"),
    ("State", "state_bytes"),
    ("Overhead", "overhead_bytes"),
)


def page(answer: Fit, *, explain: bool = False, gib: bool = False) -> Page:
    """A table of the precisions asked for (of the parts, if it is one), then the verdict."""
    single = len(answer.precisions) == 1
    tables = [_parts(answer.precisions[0]) if single else _ladder(answer)]
    if explain:
        steps = [step for row in answer.precisions for step in row.memory.steps]
        tables.append(step_table(steps))
    assumed = answer.precisions[0].memory.assumptions
    return Page(
        _heading(answer),
        tables,
        notes=[_device(answer), *notes(answer.model, assumed)],
        verdict=(_verdict(answer, gib=gib), answer.fits),
        hints=_hints(answer, gib=gib),
    )


def _heading(answer: Fit) -> str:
    cards = answer.device.name if answer.gpus == 1 else f"{answer.gpus} × {answer.device.name}"
    return f"{heading(answer.model)} · on {cards}"


def _device(answer: Fit) -> str:
    """How large the card is taken to be, said exactly."""
    size = answer.device.memory_bytes
    mib = f"{size / 1024**2:,.0f} MiB = {size / 1000**3:.2f} GB"
    each = " each" if answer.gpus > 1 else ""
    given = answer.device.source == "as given"
    how = ", a card's size counted in powers of two" if given and not _exact(answer) else ""
    how = how if given else ", as its driver reports"
    return f"{answer.device.name}: {mib}{each}{how}"


def _exact(answer: Fit) -> bool:
    """The size was given in GiB or bytes: there is nothing to explain."""
    name = answer.device.name.lower()
    return "ib" in name or name.isdigit()


def _ladder(answer: Fit) -> Table:
    rows = answer.precisions
    columns = [
        Column("precision", "Precision", NAME),
        Column("weights_bytes", "Weights", BYTES, drop=3),
        *([Column("kv_cache_bytes", "KV cache", BYTES, drop=3)] if _has(rows, "kv_cache") else []),
        *([Column("state_bytes", "State", BYTES, drop=3)] if _has(rows, "state") else []),
        Column("overhead_bytes", "Overhead", BYTES, drop=4),
        Column("needed_bytes", "Needed", BYTES),
        Column("gpus_needed", "Cards", COUNT),
        Column("max_context_tokens", "Max context", COUNT, drop=2),
        Column("max_batch", "Max batch", COUNT, drop=2),
        Column("fits", "", TEXT),
    ]
    return Table(columns, [_row(row) for row in rows])


def _has(rows: tuple[PrecisionFit, ...], part: str) -> bool:
    return any(found.bytes for row in rows if (found := row.memory.part(part)))


def _row(row: PrecisionFit) -> Row:
    values = {key: getattr(row.memory, key) for _, key in _PARTS} | {
        "precision": row.precision,
        "needed_bytes": row.needed_bytes,
        "gpus_needed": row.gpus_needed,
        "max_context_tokens": row.max_context_tokens,
        "max_batch": row.max_batch,
        "fits": "✓" if row.fits else "✗",
    }
    return Row(values, style="green" if row.fits else "")


def _parts(row: PrecisionFit) -> Table:
    memory: Memory = row.memory
    whole = max(row.available_bytes, row.needed_bytes)
    found = [(title, getattr(memory, key)) for title, key in _PARTS]
    free = row.available_bytes - row.needed_bytes
    found.append(("Free", free) if free >= 0 else ("Missing", -free))
    return Table(
        [
            Column("part", row.precision, NAME),
            Column("bytes", "Bytes", BYTES),
            Column("bar", "", BAR, drop=1),
        ],
        [
            Row({"part": title, "bytes": size, "bar": size / whole}, style=_style(title))
            for title, size in found
            if size or title == "Free"
        ],
    )


def _style(title: str) -> str:
    return {"Free": "dim", "Missing": "red"}.get(title, "")


def _verdict(answer: Fit, *, gib: bool) -> str:
    row = answer.best
    if row is None:
        least = answer.precisions[-1]
        names = ", ".join(one.precision for one in answer.precisions)
        return (
            f"does not fit in {names}: {least.precision} needs "
            f"{short_bytes(least.needed_bytes, gib=gib)} of "
            f"{short_bytes(least.available_bytes, gib=gib)}"
        )
    tight = " (tight: within the range of the estimate it may not)" if row.is_tight else ""
    return (
        f"fits in {row.precision}: {short_bytes(row.needed_bytes, gib=gib)} of "
        f"{short_bytes(row.available_bytes, gib=gib)}{_room(answer, row)}{tight}"
    )


def _room(answer: Fit, row: PrecisionFit) -> str:
    """How far context and batch could grow."""
    found = []
    most = row.max_context_tokens
    if most is not None:
        limit = answer.model.context
        if limit and most >= limit:
            found.append(f"the whole context of {plural(limit, 'token')}")
        else:
            found.append(f"up to {plural(most, 'token')}")
    if row.max_batch is not None and row.max_batch > 1:
        context = row.memory.assumptions.context_tokens
        found.append(f"{plural(row.max_batch, 'sequence')} of {context:,}")
    return f"; {' or '.join(found)}" if found else ""


def _hints(answer: Fit, *, gib: bool) -> list[str]:
    if answer.fits:
        return []
    hints = []
    if lower := answer.lower:
        hints.append(
            f"{lower.precision} fits: {short_bytes(lower.needed_bytes, gib=gib)} "
            "(below 4 bits quality suffers)"
        )
    for row in answer.precisions:
        if row.gpus_needed:
            hints.append(f"{plural(row.gpus_needed, 'card')} hold {row.precision}")
    shorter = answer.precisions[-1].max_context_tokens
    if shorter:
        precision = answer.precisions[-1].precision
        hints.append(f"{precision} fits with {plural(shorter, 'token')} of context")
    return hints
