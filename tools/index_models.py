"""Write what is known beforehand of ``data/models.yaml``, so that no command works it out.

``data/models.index.json`` has the counts of every model; ``data/models.names.json`` has every
spelling of a name, and the sizes of the dense decoders, nearest of which a bare size is likened to.

Run it after editing the catalogue or an architecture (a test says when it is stale):

    python tools/index_models.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from paramcalc.catalogue.models import INDEX, MODELS, NAMES
from paramcalc.core.model import Model
from paramcalc.sources.load import load

DATA = Path(__file__).resolve().parent.parent / "data"
Entries = dict[str, dict[str, Any]]


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


def index() -> Entries:
    """What is kept of each model."""
    return {name: entry(load(name)) for name in MODELS.names()}


def names(entries: Entries) -> dict[str, Any]:
    """Spellings to names, and the dense decoders by size.

    Of several with the same count one is kept: the longest context, then the oldest, for fine-tuned
    relatives come later.
    """
    spellings = {spelling: name for spelling, (_, name) in MODELS.spellings().items()}
    dense = [name for name, found in entries.items() if found["dense_decoder"]]
    dense.sort(key=lambda name: order(entries[name]))
    sizes: dict[int, str] = {}
    for name in dense:
        sizes.setdefault(entries[name]["total"], name)
    return {"spellings": spellings, "dense": {name: size for size, name in sizes.items()}}


def order(found: dict[str, Any]) -> tuple[int, int, str]:
    """By size, then by context, longest first, then by age."""
    return found["total"], -(found["context"] or 0), found["released"] or "9"


def texts() -> dict[str, str]:
    """The text of each file, an entry a line."""
    entries = index()
    rows = ",\n".join(f"{json.dumps(n)}: {json.dumps(found)}" for n, found in entries.items())
    return {INDEX: "{\n" + rows + "\n}\n", NAMES: json.dumps(names(entries), indent=0) + "\n"}


if __name__ == "__main__":
    for file, text in texts().items():
        (DATA / file).write_text(text, encoding="utf-8")
