"""What pruning changes of an answer, and what not: a note, and a part of the document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paramcalc.catalogue.sparsity import Sparsity
    from paramcalc.core.fit import PrecisionFit
    from paramcalc.core.memory import Memory
    from paramcalc.report.page import Page


def noted(page: Page, pruned: Sparsity | None) -> Page:
    """The page with a line on what pruning changes, if weights are pruned."""
    if pruned is None:
        return page
    how = pruned.pattern or f"{pruned.share:.1%} pruned"
    return page._replace(notes=[*page.notes, f"{how}: {pruned.note}"])


def record(
    pruned: Sparsity | None, rows: Sequence[Memory] | Sequence[PrecisionFit]
) -> dict[str, Any] | None:
    """Which rows store without zeros what others store with them."""
    if pruned is None:
        return None
    names = [row.precision for row in rows]
    pairs = {name: pruned.counterpart(name) for name in names}
    return {
        "pattern": pruned.pattern,
        "share": pruned.share,
        "precisions": [
            {"precision": name, "sparse": sparse}
            for name, sparse in pairs.items()
            if name not in pairs.values()
        ],
        "note": pruned.note,
    }
