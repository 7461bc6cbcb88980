"""The catalogue of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.catalogue.table import Table, listed

NAMES, INDEX = "models.names.json", "models.index.json"
MODELS = Table("models.yaml", prefixes=True, listed=NAMES)


def index() -> Mapping[str, Mapping[str, Any]]:
    """Counts of all shipped models by name: listing hundreds must not expand each of them."""
    return listed(INDEX)


def nearest_dense(parameters: int) -> str | None:
    """The dense decoder whose count is nearest, if it is within a factor of two."""
    sizes: Mapping[str, int] = listed(NAMES).get("dense", {})
    best = min(sizes, key=lambda name: abs(sizes[name] - parameters), default=None)
    if best is None or not parameters <= 2 * sizes[best] <= 4 * parameters:
        return None
    return best
