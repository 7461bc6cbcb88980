"""The catalogue of models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from paramcalc.catalogue.files import find_data, read_text
from paramcalc.catalogue.table import Table

MODELS = Table("models.yaml", prefixes=True)


@lru_cache(maxsize=1)
def index() -> Mapping[str, Mapping[str, Any]]:
    """Counts of all shipped models by name, made by ``tools/index_models.py``.

    Finding the model nearest to a size, and listing hundreds, must not expand each of them.
    """
    paths = find_data("models.index.json")
    found: Mapping[str, Mapping[str, Any]] = json.loads(read_text(paths[-1])) if paths else {}
    return found


def nearest_dense(parameters: int) -> str | None:
    """The dense decoder whose count is nearest, if it is within a factor of two.

    Of several with the same count, the one with the longest context, then the oldest: fine-tuned
    relatives come later.
    """
    dense = {name: entry for name, entry in index().items() if entry["dense_decoder"]}

    def distance(name: str) -> tuple[int, int, str]:
        entry = dense[name]
        away = abs(entry["total"] - parameters)
        return away, -(entry["context"] or 0), entry["released"] or "9"

    best = min(dense, key=distance, default=None)
    if best is None or not parameters <= 2 * dense[best]["total"] <= 4 * parameters:
        return None
    return best
