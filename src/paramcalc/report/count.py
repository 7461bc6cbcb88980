"""The page of ``count``: where the parameters are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from paramcalc.core.breakdown import (
    Node,
    by_category,
    by_kind,
    by_layer,
    by_tensor,
    folded_norms,
    module_tree,
    outline,
    share_of,
)
from paramcalc.core.model import ESTIMATED, EXACT, Model
from paramcalc.core.trace import Step
from paramcalc.errors import shorten
from paramcalc.report.page import BAR, COUNT, NAME, SHARE, TEXT, Column, Page, Row, Table
from paramcalc.units import plural, short_bytes, short_count

DEFAULT_DEPTH = 2
_NUMBERS = (
    Column("parameters", "Parameters", COUNT),
    Column("share", "Share", SHARE, drop=2),
    Column("bar", "", BAR, drop=3),
)


def page(
    model: Model,
    *,
    by: str = "module",
    expand: bool = False,
    depth: int = DEFAULT_DEPTH,
    sizes: Sequence[tuple[str, int]] = (),
    steps: Sequence[Step] | None = None,
    gib: bool = False,
) -> Page:
    """The breakdown, the total, and what the weights take in the usual precisions."""
    if model.is_undisclosed:
        return undisclosed(model)
    known = model.is_counted
    return Page(
        heading(model),
        [_breakdown(model, by, expand, depth) if known else _size(model)],
        steps or (),
        notes=_notes(model),
        lines=_summary(model, sizes, gib=gib),
    )


def heading(model: Model) -> str:
    """What is counted, and how sure the figure is."""
    parts = [model.name]
    if model.exactness == ESTIMATED and not model.is_counted:
        return f"{model.name} · {plural(model.parameters.total, 'parameter')}"
    if model.architecture and model.architecture != model.name:
        parts.append(model.architecture)
    return " · ".join([*parts, model.exactness])


def _size(model: Model) -> Table:
    """All that is known of a bare size, or of a model whose size is only reported."""
    values: dict[str, Any] = {"name": model.name, "parameters": model.parameters.total}
    columns = [Column("name", "Model", NAME), Column("parameters", "Parameters", COUNT)]
    if model.reported_range:
        values["low"], values["high"] = model.reported_range
        columns[1:] = [Column("low", "At least", COUNT), Column("high", "At most", COUNT)]
    return Table(columns, [Row(values)])


def undisclosed(model: Model) -> Page:
    """A clear answer without a number."""
    text = reported_text(model) or "not published"
    return Page(heading(model), lines=[f"parameters: {text}"], notes=_notes(model))


def reported_text(model: Model) -> str | None:
    """What reports say of the size, in words."""
    reported = model.card.get("reported")
    text = reported.get("text") if isinstance(reported, dict) else None
    return str(text) if text else None


def _breakdown(model: Model, by: str, expand: bool, depth: int) -> Table:
    if by == "tensor":
        return _tensors(model, expand=expand)
    if by == "module":
        rows = list(_module_rows(model, outline(module_tree(model)), depth))
        return _table("Module", rows, model)
    lines = by_kind(model) if by == "kind" else by_layer(model, expand=expand)
    title = "Kind" if by == "kind" else "Layer"
    return _table(title, [_row(line.name, model, line.numel) for line in lines], model)


def _table(title: str, rows: Sequence[Row], model: Model | None = None) -> Table:
    total = _row("Total", model, model.parameters.total, style="bold") if model else None
    return Table([Column("name", title, NAME), *_NUMBERS], rows, total)


def _row(name: str, model: Model, numel: int, **how: str) -> Row:
    share = share_of(numel, model)
    return Row({"name": name, "parameters": numel, "share": share, "bar": share}, **how)


def _module_rows(model: Model, nodes: Sequence[Node], depth: int) -> Iterable[Row]:
    roots = {node.name.partition(".")[0] for node in nodes if "." in node.name}
    for node in nodes:
        # With a single wrapper (`model.`) its name says nothing; with two (T5) it does.
        name = node.name.partition(".")[2] if len(roots) == 1 else node.name
        yield _row(_times(name or node.name, node), model, node.numel, path=node.name)
        yield from _below(model, node, depth - 1, "")


def _below(model: Model, node: Node, depth: int, lead: str) -> Iterable[Row]:
    if depth <= 0 or not (node.repeats or lead or depth > 1):
        return
    children = folded_norms(node.children.values())
    for number, child in enumerate(children):
        last = number == len(children) - 1
        name = _times(child.label, child)
        # Norms that are folded into one line have no path of their own.
        path = child.name if "." in child.name else f"{node.name}.{child.name}"
        branch = "└─ " if last else "├─ "
        yield _row(name, model, child.numel, lead=lead + branch, path=path)
        yield from _below(model, child, depth - 1, lead + ("   " if last else "│  "))


def _times(name: str, node: Node) -> str:
    return f"{name} × {node.count}" if node.repeats else name


def _tensors(model: Model, *, expand: bool) -> Table:
    columns = [
        Column("name", "Tensor", NAME),
        Column("shape", "Shape", TEXT, drop=2),
        Column("count", "Count", COUNT, drop=1),
        Column("parameters", "Elements", COUNT),
        Column("role", "Role", TEXT, drop=3),
    ]
    if expand:
        rows = [
            Row({"name": t.name, "shape": _shape(t.shape), "parameters": t.numel, "role": t.role})
            for t in model.tensors()
        ]
        columns = [column for column in columns if column.key != "count"]
    else:
        rows = [
            Row(
                {
                    "name": name,
                    "shape": _shape(group.shape),
                    "count": group.count,
                    "parameters": group.numel,
                    "role": group.role,
                }
            )
            for name, group in by_tensor(model)
        ]
    stored = Row(
        {"name": "Stored", "count": model.tensor_count, "parameters": model.parameters.stored},
        style="bold",
    )
    return Table(columns, rows, stored)


def _shape(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape)) or "scalar"


def _summary(model: Model, sizes: Sequence[tuple[str, int]], *, gib: bool) -> list[str]:
    """Active parameters, categories and bytes: the figures that people look for first."""
    counts = model.parameters
    lines = []
    if counts.active != counts.total:
        lines.append(f"active for one token: {counts.active:,} ({short_count(counts.active)})")
    if counts.mtp:
        lines.append(f"of the total {counts.mtp:,} are for multi-token prediction")
    if model.is_counted:
        found = [f"{name} {n:,}" for name, n in by_category(model).items() if n]
        found += [f"buffers {counts.buffers:,} (stored, not trained)"] if counts.buffers else []
        lines.append(" · ".join(found))
    lines += _tied(model)
    weights = " · ".join(f"{name} {short_bytes(size, gib=gib)}" for name, size in sizes)
    of_what = ", of the lowest figure" if model.reported_range else ""
    return [*lines, *([f"{weights} (weights only{of_what})"] if weights else [])]


def _tied(model: Model) -> list[str]:
    """What is stored in another tensor; a line for each of those."""
    stored: dict[str, list[str]] = {}
    for tie in model.ties:
        stored.setdefault(tie.target, []).append(tie.template.replace("{}", "*"))
    return [
        f"tied, counted once: {' and '.join(', '.join(names).rsplit(', ', 1))} "
        f"in {target.replace('{}', '*')}"
        for target, names in stored.items()
    ]


def assumed(model: Model) -> list[str]:
    """What was assumed of the architecture, if anything."""
    if model.assumed is None:
        return []
    unknown = f"`{shorten(model.assumed)}` is no known architecture"
    return [f"{unknown}; counted as {model.architecture}, which was assumed (estimated)"]


def fetched(*models: Model) -> list[str]:
    """From where the files of models were fetched that do not lie here."""
    return [f"{model.name}: {model.fetched}" for model in models if model.fetched]


def _notes(model: Model) -> list[str]:
    notes = assumed(model)
    published = model.card.get("published")
    if isinstance(published, dict) and published.get("stated"):
        notes.append(f"published as {published['stated']}")
    if model.exactness != EXACT:
        text = reported_text(model)
        notes += [f"reported: {text}"] if text and not model.is_undisclosed else []
    if isinstance(note := model.card.get("note"), str):
        notes.append(" ".join(note.split()))
    if model.source:
        notes.append(f"source: {' '.join(model.source.split())}")
    return notes


def tokens(number: int | None) -> str:
    """A number of tokens, or a dash."""
    return "–" if number is None else plural(number, "token")
