"""What peft knows of architectures when it makes an adapter, from the data file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.catalogue.table import Table
from paramcalc.core.lora_sites import Experts, Rules
from paramcalc.core.pattern import pattern

ADAPTERS = Table("lora.yaml")


def lora_rules(architecture: str | None) -> Rules:
    """The rules for an architecture; those for all where the file has no entry of it."""
    entry = ADAPTERS.find(architecture) if architecture else None
    card: Mapping[str, Any] = entry.card if entry else {}
    every = ADAPTERS.section("_all")
    named = card.get("experts")
    experts = ADAPTERS.section("_experts")[named] if named else None
    return Rules(
        targets=tuple(card.get("targets", ())),
        experts=Experts(experts["router"], experts["fused"]) if experts else None,
        transposed=bool(card.get("transposed")),
        all=every["all"],
        tables=tuple(every["tables"]),
        hidden=tuple(map(pattern, every["hidden"])),
        besides=tuple(map(pattern, [*every["besides"], *card.get("besides", ())])),
        refused=tuple(card.get("refused", ())),
        renamed={**every["renamed"], **_names(card), **card.get("renamed", {})},
        fused=every["fused"],
        source=" ".join(str(every["source"]).split()),
    )


def _names(card: Mapping[str, Any]) -> Mapping[str, str]:
    """What networks of the architecture's kind call their parts."""
    named = card.get("names")
    found: Mapping[str, str] = ADAPTERS.section("_names")[named] if named else {}
    return found
