"""The pages of ``show``, ``compare`` and ``list``: what the catalogue knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paramcalc.catalogue.listing import reference_name
from paramcalc.core.model import Model
from paramcalc.report.count import fetched, heading, reported_text
from paramcalc.report.page import (
    BYTES,
    COUNT,
    DECIMAL,
    NAME,
    PROSE,
    RIGHT,
    SHORT,
    TEXT,
    Column,
    Page,
    Row,
    Table,
    flat,
    spell,
)
from paramcalc.report.records import Record, identity, parameters
from paramcalc.units import plural

_CARD = ("family", "licence", "released", "hub", "dtype", "note")
_PUBLISHED = ("parameters", "stored", "extra", "because", "stated", "source")


def show_record(model: Model) -> Record:
    """The document of ``show``."""
    card = {key: model.card.get(key) for key in _CARD}
    card["context_tokens"] = model.context
    card["aliases"] = list(model.card.get("aliases") or [])
    published = model.card.get("published")
    card["published"] = published and {key: published.get(key) for key in _PUBLISHED}
    return (
        identity(model)
        | card
        | {
            "parameters": parameters(model),
            "reported": model.card.get("reported"),
            "configuration": dict(model.configuration),
        }
    )


def show_page(model: Model) -> Page:
    """The card: what it is, where it comes from, its hyperparameters."""
    record = show_record(model)
    counts = model.parameters
    known = model.reported_range is None
    active = counts.active if known and counts.active != counts.total else None
    facts: dict[str, Any] = {
        "parameters": f"{counts.total:,}" if known else reported_text(model),
        "active": f"{active:,}" if active else None,
        "stated": (record["published"] or {}).get("stated"),
        "architecture": model.architecture,
        "context": f"{model.context:,} tokens" if model.context else None,
        "licence": record["licence"],
        "released": record["released"],
        "hub": record["hub"],
        "aliases": ", ".join(record["aliases"]),
        "source": model.source,
        "note": record["note"],
    }
    configuration = {key: _text(value) for key, value in model.configuration.items()}
    tables = [_facts("", facts), _facts("Configuration", configuration)]
    both = Table([Column("key"), Column("value")], [*tables[0].rows, *tables[1].rows])
    return Page(heading(model), [table for table in tables if table.rows], data=both)


def write_entry(model: Model) -> None:
    """The model as an entry for a ``models.yaml``."""
    from paramcalc.catalogue.yaml_text import written
    from paramcalc.report.terminal import write
    from paramcalc.sources.entry import entry_of

    name, entry = entry_of(model)
    write(written({name: entry}))


def _facts(title: str, facts: Mapping[str, Any]) -> Table:
    rows = [Row({"key": k, "value": " ".join(str(v).split())}) for k, v in facts.items() if v]
    return Table([Column("key", title), Column("value", "", PROSE)], rows)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    if isinstance(value, list) and len(value) > 8:
        return f"{', '.join(map(str, value[:8]))}, … ({len(value)} in all)"
    return str(value)


def compare_record(model: Model, facts: Mapping[str, Any]) -> Record:
    """The document of ``compare``: one result a model."""
    return identity(model) | {"parameters": parameters(model), "facts": dict(facts)}


def compare_page(
    models: Sequence[Model], facts: Sequence[Mapping[str, Any]], *, gib: bool = False
) -> Page:
    """A column for each model; a row for each fact that one of them has."""
    columns = [Column("fact", ""), *(Column(f"{n}", m.name, RIGHT) for n, m in enumerate(models))]
    data = [{"model": model.name, **fact} for model, fact in zip(models, facts, strict=True)]
    names = dict.fromkeys(name for one in facts for name in one)
    rows = []
    for name in names:
        found = [one.get(name) for one in facts]
        if any(value is not None for value in found):
            kind = BYTES if name.endswith("_bytes") else COUNT if _is_number(found) else TEXT
            title = name.removesuffix("_bytes").replace("_", " ")
            shown = {f"{n}": spell(Column("", "", kind), v, gib=gib) for n, v in enumerate(found)}
            rows.append(Row({"fact": title, **shown}))
    return Page("", [Table(columns, rows)], data=flat(data), notes=fetched(*models))


def _is_number(values: Sequence[Any]) -> bool:
    return any(isinstance(value, int) for value in values)


def list_page(rows: Sequence[Record], what: str) -> Page:
    """A row an entry; the columns are what its records hold."""
    keys = [key for key in (rows[0] if rows else {}) if key not in _ONLY_IN_DATA]
    columns = [_column(key, position) for position, key in enumerate(keys)]
    note = plural(len(rows), what.removesuffix("s")) if rows else "nothing found"
    notes = [note]
    if what == "precisions" and rows:
        notes.append(f"bits/weight: what a recipe comes to in {reference_name()}")
    table = Table(columns, [Row(_listed(row)) for row in rows])
    return Page("", [table], data=flat(rows), notes=notes)


def _listed(row: Record) -> Record:
    """Only a mixture of experts has a number of active parameters that says more."""
    dense = row.get("active") is not None and row["active"] == row["parameters"]
    return {**row, "active": ""} if dense else dict(row)


_ONLY_IN_DATA = frozenset({"kind", "block_numel", "block_bytes", "source"})
"""What a table has no room for."""

_COLUMNS = {
    "name": ("Name", NAME),
    "parameters": ("Parameters", SHORT),
    "active": ("Active", SHORT),
    "context_tokens": ("Context", COUNT),
    "bits": ("Bits", DECIMAL),
    "bits_per_weight": ("Bits/weight", DECIMAL),
    "unquantized": ("Left as it is", PROSE),
    "native": ("Computed by", PROSE),
    "description": ("Description", PROSE),
    "memory_bytes": ("Memory", BYTES),
    "memory": ("On the box", RIGHT),
    "bandwidth_gbps": ("GB/s", DECIMAL),
    "full_name": ("Full name", TEXT),
}


def _column(key: str, position: int) -> Column:
    title, kind = _COLUMNS.get(key, (key.capitalize(), TEXT))
    return Column(key, title, kind, drop=position)
