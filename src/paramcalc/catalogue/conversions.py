"""What llama.cpp's converter does with the tensors of each architecture, from the data file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from paramcalc.catalogue.architectures import architecture_source, chain, is_architecture
from paramcalc.catalogue.table import Table
from paramcalc.core.conversion import Conversion, Target
from paramcalc.core.expression import Expression, stated
from paramcalc.core.pattern import pattern
from paramcalc.errors import ParamcalcError, shorten

CONVERSIONS = Table("gguf_tensors.yaml")


@lru_cache(maxsize=64)
def conversion(architecture: str | None) -> Conversion:
    """What llama.cpp's converter does with the tensors of an architecture."""
    if architecture is None:
        return _conversion(_card(None), is_declared=False)
    names = [architecture]
    if is_architecture(architecture):
        source = architecture_source(architecture)
        names += [str(link.tree["extends"]) for link in chain(source) if "extends" in link.tree]
    known = set(CONVERSIONS.names())
    found = next((name for name in names if name in known), None)
    return _conversion(_card(found), is_declared=found == architecture)


def _card(name: str | None) -> Mapping[str, Any]:
    """An entry, with what it takes from others, and all from the first."""
    found: dict[str, Mapping[str, Any]] = {}
    while name is not None:
        entry = CONVERSIONS.find(name)
        if entry is None or entry.name in found:
            what = "is like itself" if entry else "is no entry to be like"
            raise ParamcalcError(f"`{shorten(name)}` {what} in {CONVERSIONS.file}")
        found[entry.name] = entry.card
        name = entry.card.get("like")
    merged: dict[str, Any] = dict(CONVERSIONS.section("_all"))
    for card in reversed(found.values()):
        other, merged = merged, {**merged, **card}
        for key in ("names", "layers", "facts", "let", "added", "renamed"):
            merged[key] = {**other.get(key, {}), **card.get(key, {})}
        merged["dropped"] = [*other.get("dropped", ()), *card.get("dropped", ())]
    return merged


def _conversion(card: Mapping[str, Any], *, is_declared: bool) -> Conversion:
    return Conversion(
        str(card.get("gguf", "")),
        card["layers"],
        {name: _targets(value) for name, value in card["names"].items() if value is not None},
        tuple(map(pattern, card["dropped"])),
        tuple(target for item in card.get("added", {}).items() for target in _target(*item)),
        {name: _several(value) for name, value in card["facts"].items()},
        {name: stated(text) for name, text in card["let"].items()},
        card["renamed"],
        str(card.get("inside", "")),
        stated(card["written"]) if "written" in card else None,
        is_declared,
    )


def _several(value: Any) -> tuple[Expression, ...]:
    return tuple(map(stated, value if isinstance(value, list) else [value]))


def _targets(value: Any) -> tuple[Target, ...]:
    if isinstance(value, str):
        return (Target(value),)
    return tuple(target for item in value.items() for target in _target(*item))


def _target(name: str, sizes: Any) -> tuple[Target, ...]:
    name, found, condition = name.partition(" if ")
    shape = None if sizes is None else tuple(map(stated, sizes))
    return (Target(name, shape, stated(condition) if found else None),)
