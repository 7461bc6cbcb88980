"""The page of ``fit``: the verdict, and what else would fit."""

from __future__ import annotations

from collections.abc import Sequence

from paramcalc.core.fit import Fit, PrecisionFit
from paramcalc.core.memory import Memory
from paramcalc.report.memory import notes, sized_heading
from paramcalc.report.page import BAR, BYTES, COUNT, NAME, VERDICT, Column, Page, Row, Table, flat
from paramcalc.report.records import fit_row
from paramcalc.units import plural, short_bytes

_PARTS = (
    ("Weights", "weights_bytes"),
    ("KV cache", "kv_cache_bytes"),
    ("State", "state_bytes"),
    ("Overhead", "overhead_bytes"),
)

_MAX_CONTEXT = Column("max_context_tokens", "Max context", COUNT, drop=2)
_MAX_BATCH = Column("max_batch", "Max batch", COUNT, drop=2)


def page(answer: Fit, *, like: str | None = None, explain: bool = False, gib: bool = False) -> Page:
    """A table of the precisions asked for (of the parts, if it is one), then the verdict."""
    single = len(answer.precisions) == 1
    steps = [step for row in answer.precisions for step in row.memory.steps] if explain else []
    return Page(
        sized_heading(answer.model, answer.assumptions, like, on=_cards(answer)),
        [_parts(answer.precisions[0]) if single else _ladder(answer)],
        steps,
        flat([fit_row(row) for row in answer.precisions]),
        notes=[_device(answer), *notes(answer.model, answer.assumptions)],
        verdict=(_verdict(answer, gib=gib), answer.fits),
        hints=_hints(answer, gib=gib),
    )


def _cards(answer: Fit) -> str:
    return answer.device.name if answer.gpus == 1 else f"{answer.gpus} × {answer.device.name}"


def _device(answer: Fit) -> str:
    """How large the card is taken to be, said in both units."""
    size = answer.device.memory_bytes
    mib = answer.device.card.get("memory_mib")
    exactly = short_bytes(size, gib=True) if mib is None else f"{mib:,} MiB"
    both = f"{exactly} = {short_bytes(size)}"
    each = " each" if answer.gpus > 1 else ""
    how = "as its driver reports"
    if answer.device.source == "as given":
        how = "" if _exact(answer) else "card sizes count in powers of two"
    return f"{answer.device.name}: {both}{each}{how and f' ({how})'}"


def _exact(answer: Fit) -> bool:
    """The size was given in GiB or bytes: there is nothing to explain."""
    name = answer.device.name.lower()
    return "ib" in name or name.isdigit()


def _ladder(answer: Fit) -> Table:
    rows = answer.precisions
    columns = [
        Column("precision", "Precision", NAME),
        Column("weights_bytes", "Weights", BYTES, drop=3),
        *([Column("kv_cache_bytes", "KV cache", BYTES, drop=4)] if _has(rows, "kv_cache") else []),
        *([Column("state_bytes", "State", BYTES, drop=4)] if _has(rows, "state") else []),
        Column("overhead_bytes", "Overhead", BYTES, drop=5),
        Column("needed_bytes", "Needed", BYTES),
        Column("gpus_needed", "Cards", COUNT),
        # Nothing to say where not even one token or sequence fits, or where nothing limits it.
        *([_MAX_CONTEXT] if any(row.max_context_tokens for row in rows) else []),
        *([_MAX_BATCH] if any(row.max_batch for row in rows) else []),
        Column("fits", "", VERDICT),
    ]
    return Table(columns, [_row(row) for row in rows])


def _has(rows: tuple[PrecisionFit, ...], part: str) -> bool:
    return any(found.bytes for row in rows if (found := row.memory.part(part)))


def _row(row: PrecisionFit) -> Row:
    return Row(fit_row(row), style="green" if row.fits else "")


def _parts(row: PrecisionFit) -> Table:
    memory: Memory = row.memory
    whole = max(row.available_bytes, row.needed_bytes)
    found = [(title, getattr(memory, key)) for title, key in _PARTS]
    found.append(("Free" if row.fits else "Missing", abs(row.free_bytes)))
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
        names = [one.precision for one in answer.precisions]
        needs = "needs" if least is answer.precisions[0] else f"{least.precision} needs"
        return (
            f"does not fit in {_listed(names)}: "
            f"{needs} {short_bytes(least.needed_bytes, gib=gib)} of "
            f"{short_bytes(least.available_bytes, gib=gib)}"
        )
    most = short_bytes(row.memory.total_range[1], gib=gib)
    tight = f"; tight, it could need {most}" if row.is_tight else ""
    return (
        f"fits in {row.precision}: {short_bytes(row.needed_bytes, gib=gib)} of "
        f"{short_bytes(row.available_bytes, gib=gib)}{_room(answer, row)}{tight}"
    )


def _listed(names: Sequence[str]) -> str:
    return " or ".join(", ".join(names).rsplit(", ", 1))


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
    """What else would fit: fewer bits, more cards, a shorter context, fewer sequences."""
    if answer.fits:
        return []
    hints = []
    if lower := answer.lower:
        loss = "" if lower.memory.bits_per_weight >= 4 else " (expect a clear loss of quality)"
        size = short_bytes(lower.needed_bytes, gib=gib)
        hints.append(f"{lower.precision} fits with {size}{loss}")
    enough = [row for row in reversed(answer.precisions) if row.gpus_needed]
    if enough:
        cards = [plural(enough[0].gpus_needed or 0, "card")]
        cards += [f"{row.gpus_needed:,}" for row in enough[1:]]
        pairs = zip(cards, enough, strict=True)
        hints.append(", ".join(f"{number} hold {row.precision}" for number, row in pairs))
    least = answer.precisions[-1]
    if least.max_context_tokens:
        room = plural(least.max_context_tokens, "token")
        hints.append(f"{least.precision} fits with {room} of context")
    elif least.max_batch:
        room = plural(least.max_batch, "sequence")
        hints.append(f"{least.precision} fits with {room} at once")
    return hints
