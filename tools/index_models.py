"""Write ``data/models.index.json``: the counts of every model in ``data/models.yaml``.

Run it after editing the catalogue or an architecture (a test says when it is stale):

    python tools/index_models.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from paramcalc.catalogue.models import MODELS
from paramcalc.core.model import Model
from paramcalc.sources.load import load

INDEX = Path(__file__).resolve().parent.parent / "data" / "models.index.json"


def entry(model: Model) -> dict[str, Any]:
    """What is kept of a model: enough to list it, and to find the nearest to a size."""
    parameters = model.parameters
    known = not model.is_undisclosed
    grows = any(cache.kind in ("attention", "latent") for cache in model.caches)
    cross = any(cache.kind == "cross" for cache in model.caches)
    return {
        "architecture": model.architecture,
        "family": model.card.get("family"),
        "licence": model.card.get("licence"),
        "context": model.context,
        "released": model.card.get("released"),
        "total": parameters.total if known else None,
        "active": parameters.active if known else None,
        "dense_decoder": grows and not cross and parameters.active == parameters.total,
    }


def index() -> str:
    """The text of the index."""
    rows = (f"{json.dumps(n)}: {json.dumps(entry(load(n)))}" for n in MODELS.names())
    return "{\n" + ",\n".join(rows) + "\n}\n"


if __name__ == "__main__":
    INDEX.write_text(index(), encoding="utf-8")
