"""What ``list`` lists: one record an entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from paramcalc.catalogue.architectures import (
    architecture_names,
    architecture_source,
    find_spec,
)
from paramcalc.catalogue.models import MODELS, index
from paramcalc.catalogue.recipes import scheme
from paramcalc.catalogue.selection import Selection
from paramcalc.catalogue.table import Table, normal
from paramcalc.catalogue.tables import (
    ENGINES,
    HARDWARE,
    MIB,
    PRECISIONS,
    number_format,
    precision,
)
from paramcalc.core.expand import expand
from paramcalc.core.model import Model
from paramcalc.errors import ParamcalcError

Record = dict[str, Any]
EVERYTHING = Selection()


def listing(what: str, word: str = "", selection: Selection = EVERYTHING) -> list[Record]:
    """The entries of a kind that contain ``word``, in any spelling, in one of their names.

    ``selection`` narrows and sorts models.
    """
    rows = _LISTS[what](word)
    if selection.is_empty:
        return rows
    if what != "models":
        raise ParamcalcError(
            f"{what} cannot be selected like this", "family, size, … are for `list models`"
        )
    return selection.apply(rows)


def _models(word: str) -> list[Record]:
    counts = index()
    rows = []
    for name in _matching(MODELS, word):
        # A user's own models are not in the shipped index: their size is not listed.
        entry: Mapping[str, Any] = counts.get(name, {})
        rows.append(
            {
                "name": name,
                "parameters": entry.get("total"),
                "active": entry.get("active"),
                "context_tokens": entry.get("context"),
                "family": entry.get("family"),
                "architecture": entry.get("architecture"),
                "licence": entry.get("licence"),
                "released": entry.get("released"),
            }
        )
    return rows


def _precisions(word: str) -> list[Record]:
    """Formats with their bits; recipes with those that they come to in the reference model."""
    rows = []
    for name in _matching(PRECISIONS, word):
        card = _card(PRECISIONS, name)
        rules = scheme(card["recipe"])[1] if "recipe" in card else {}
        found = number_format(name) if "block_numel" in card else None
        rows.append(
            {
                "name": name,
                "kind": "recipe" if rules else "format",
                "bits": round(found.bits_per_element, 4) if found else None,
                "bits_per_weight": _bits_of(name) if rules else None,
                "block_numel": card.get("block_numel"),
                "block_bytes": card.get("block_bytes"),
                "unquantized": _line(rules.get("left")),
                "native": _line(card.get("native") or rules.get("native")),
                "description": _line(card.get("description")),
                "source": _line(card.get("source")),
            }
        )
    return rows


def _line(text: Any) -> str | None:
    return None if text is None else " ".join(str(text).split())


def _bits_of(name: str) -> float | None:
    """Bits for each weight of the reference model, as the recipe stores it."""
    from paramcalc.core.weights import weights_bytes

    model = _reference()
    try:
        return round(8 * weights_bytes(model, precision(name)) / model.parameters.stored, 4)
    except ParamcalcError:
        return None


def reference_name() -> str:
    """The model in which the bits of recipes are told."""
    return str(PRECISIONS.section("_reference")["model"])


@lru_cache(maxsize=1)
def _reference() -> Model:
    entry = MODELS.find(reference_name())
    spec = find_spec(str(entry.card["architecture"])) if entry else None
    if entry is None or spec is None:
        raise ParamcalcError("the reference model of precisions.yaml is missing")
    found = expand(spec, entry.card["config"], find_spec)
    return Model(
        entry.name, found.groups, architecture=spec.name, names=found.names, ends=found.ends
    )


def _gpus(word: str) -> list[Record]:
    rows = []
    for name in _matching(HARDWARE, word):
        card = _card(HARDWARE, name)
        rows.append(
            {
                "name": name,
                "memory_bytes": card["memory_mib"] * MIB,
                "memory": card.get("memory_marketing"),
                "bandwidth_gbps": card.get("bandwidth_gbps"),
                "full_name": card.get("name"),
            }
        )
    return rows


def _engines(word: str) -> list[Record]:
    found = ((name, _card(ENGINES, name)) for name in _matching(ENGINES, word))
    return [
        {"name": name, "description": card.get("description"), "default": bool(card.get("default"))}
        for name, card in found
        if "runtime" in card
    ]


def _architectures(word: str) -> list[Record]:
    wanted = normal(word)
    return [
        {
            "name": name,
            "extends": architecture_source(name).tree.get("extends"),
            "source": architecture_source(name).tree.get("source"),
        }
        for name in architecture_names()
        if wanted in normal(name)
    ]


def _matching(table: Table, word: str) -> list[str]:
    wanted = normal(word)
    if not wanted:
        return table.names()
    found = {entry for key, (_, entry) in table.spellings().items() if wanted in key}
    return [name for name in table.names() if name in found]


def _card(table: Table, name: str) -> Mapping[str, Any]:
    entry = table.find(name)
    return entry.card if entry else {}


_LISTS: Mapping[str, Callable[[str], list[Record]]] = {
    "models": _models,
    "precisions": _precisions,
    "gpus": _gpus,
    "engines": _engines,
    "architectures": _architectures,
}
