"""The answer of ``verify``: where two models differ."""

from __future__ import annotations

from collections.abc import Sequence

from paramcalc.core.difference import EXTRA, MISSING, RESHAPED, RETYPED, Difference
from paramcalc.core.model import Model
from paramcalc.report.count import fetched
from paramcalc.report.page import COUNT, NAME, TEXT, Column, Page, Row, Table
from paramcalc.report.records import Record, identity, parameters
from paramcalc.units import plural

_WORDS = {
    MISSING: "missing",
    EXTRA: "extra",
    RESHAPED: "another shape",
    RETYPED: "another type",
}


def record(
    model: Model, other: Model, found: Sequence[Difference], recipe: str | None = None
) -> Record:
    """The document of ``verify``."""
    return identity(model) | {
        "parameters": parameters(model),
        "other": other.name,
        "other_parameters": parameters(other),
        "precision": recipe,
        "equal": not found,
        "differences": [_difference(one) for one in found],
    }


def _difference(one: Difference) -> Record:
    return {
        "kind": one.kind,
        "name": one.name,
        "shape": None if one.shape is None else list(one.shape),
        "other_shape": None if one.other_shape is None else list(one.other_shape),
        "tensors": one.tensors,
        "type": one.type,
        "other_type": one.other_type,
    }


def page(
    model: Model, other: Model, found: Sequence[Difference], recipe: str | None = None
) -> Page:
    """A row a difference, layers together; then the verdict."""
    columns = [
        Column("name", "Tensor", NAME),
        Column("kind", "In the other", TEXT),
        Column("tensors", "Tensors", COUNT, drop=2),
        Column("shape", "Shape", TEXT),
        Column("other_shape", "Shape there", TEXT),
    ]
    if recipe is not None:
        columns += [Column("type", "Type", TEXT), Column("other_type", "Type there", TEXT)]
    rows = [
        Row(
            _difference(one)
            | {
                "kind": _WORDS[one.kind],
                "shape": _shape(one.shape),
                "other_shape": _shape(one.other_shape),
            }
        )
        for one in found
    ]
    return Page(
        heading=f"{model.name} · held against {other.name}",
        tables=[Table(columns, rows)] if rows else [],
        lines=[_count(one) for one in (model, other)],
        notes=fetched(model, other),
        verdict=(_verdict(model, found, recipe), not found),
    )


def _count(model: Model) -> str:
    tensors = plural(model.tensor_count, "tensor")
    return f"{model.name}: {tensors}, {plural(model.parameters.stored, 'element')}"


def _verdict(model: Model, found: Sequence[Difference], recipe: str | None) -> str:
    if not found and recipe is not None:
        tensors = plural(model.tensor_count, "tensor")
        return f"names, shapes and types of {tensors} agree with {recipe}"
    if not found:
        return f"names and shapes of {plural(model.tensor_count, 'tensor')} agree"
    number = sum(one.tensors for one in found)
    return f"{plural(number, 'tensor')} {'differs' if number == 1 else 'differ'}"


def _shape(shape: Sequence[int] | None) -> str:
    return "" if shape is None else " × ".join(map(str, shape)) or "scalar"
