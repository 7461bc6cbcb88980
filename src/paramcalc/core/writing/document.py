"""A whole model as a document of the layer-spec language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from paramcalc.core.cache import CACHE_KINDS, PlacedCache
from paramcalc.core.layers import KINDS
from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.writing.calls import Leaf, call_text
from paramcalc.core.writing.intervals import Intervals, intervals, overlap
from paramcalc.core.writing.items import Item
from paramcalc.core.writing.ties import ties_of
from paramcalc.core.writing.tree import Tree, tree_of
from paramcalc.errors import ParamcalcError, shorten

_WHOLE_NUMBERS = "I64"
"""What a file calls the format of counters, which is theirs in any precision."""


def document_of(model: Model) -> Tree:
    """The sections of a spec that is counted as the model is.

    Names, shapes, ties, caches and active experts are those of the model; what it was read from
    (fields of a configuration, derived sizes) is replaced by numbers. Raises `ParamcalcError` for
    a mere size, and for names of tensors that the language has no way to say.
    """
    if not model.is_counted:
        raise ParamcalcError(
            f"of {shorten(model.name)} only the size is known, no layers",
            "give a configuration, a checkpoint or a print-out",
        )
    tied, ties = ties_of(model)
    items = [_tensor(group) for group in [*model.groups, *tied]]
    items += _caches(model.placed_caches)
    document: Tree = {}
    if model.source:
        document["source"] = " ".join(model.source.split())
    if model.context:
        document["context"] = int(model.context)
    if model.ends:
        document["embeddings"] = dict(model.ends)
    document["modules"] = tree_of(items)
    return document | ({"tied": ties} if ties else {})


def _tensor(group: TensorGroup) -> Item:
    call = group.call
    text = call and call_text(call.kind, call.arguments, call.keywords, KINDS[call.kind])
    counts = group.stored_type == _WHOLE_NUMBERS and not group.trained
    dtype = group.dtype or ("int64" if counts else None)
    shape = tuple(map(int, group.shape))
    leaf = Leaf(shape, group.kind, group.trained, dtype, text)
    item = Item(tuple(group.template.split(".")), tuple(map(intervals, group.indices)), leaf)
    if not group.trained or group.active_numel == group.numel or not group.numel:
        return item
    share = Fraction(int(group.active_numel), int(group.numel))
    if group.is_fused and shape and (share * shape[0]).denominator == 1:
        return item._replace(fused=int(share * shape[0]))
    for behind, numbers in enumerate(reversed(group.indices)):
        if (share * len(numbers)).denominator == 1:
            return item._replace(running=behind, share=share)
    return item


def _caches(placed: Sequence[PlacedCache]) -> Iterator[Item]:
    """Each cache; a module may have the same one twice."""
    seen: dict[tuple[str, str], list[tuple[Intervals, ...]]] = {}
    for one in placed:
        kind = one.cache.kind
        text = call_text(kind, one.arguments, one.keywords, CACHE_KINDS[kind])
        axes = tuple(map(intervals, one.indices))
        others = seen.setdefault((one.template, text), [])
        copy = sum(all(map(overlap, axes, other)) for other in others)
        others.append(axes)
        path = tuple(part for part in one.template.split(".") if part)
        yield Item(path, axes, text, copy=copy)
