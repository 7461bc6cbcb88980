"""What ``list`` lists: one record an entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from paramcalc.catalogue.architectures import architecture_names, architecture_source
from paramcalc.catalogue.models import MODELS, index
from paramcalc.catalogue.selection import Selection
from paramcalc.catalogue.table import Table, normal
from paramcalc.catalogue.tables import ENGINES, HARDWARE, MIB, PRECISIONS, number_format
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
    rows = []
    for name in _matching(PRECISIONS, word):
        card = _card(PRECISIONS, name)
        found = number_format(name) if "block_numel" in card else None
        rows.append(
            {
                "name": name,
                "bits": round(found.bits_per_element, 4) if found else None,
                "block_numel": card.get("block_numel"),
                "block_bytes": card.get("block_bytes"),
                "description": " ".join(str(card.get("description", "")).split()),
            }
        )
    return rows


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
