"""Layer kinds: what tensors a call such as ``Linear(1000, 10)`` stands for.

Names, signatures, defaults and the order of the tensors are torch.nn's, recorded from torch by
``tools/oracle/record_layers.py``. Three kinds are added: ``Conv1D`` (transformers' transposed
Linear), ``Parameter`` and ``Buffer`` (one raw tensor).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from paramcalc.core.layers import attention, conv, linear, norm, recurrent
from paramcalc.core.layers.plain import WITHOUT_TENSORS
from paramcalc.core.layers.slot import Kind, Slot
from paramcalc.errors import ParamcalcError

__all__ = [
    "EMBEDDING_KINDS",
    "KINDS",
    "NORM_KINDS",
    "WITHOUT_TENSORS",
    "Kind",
    "Slot",
    "expand_call",
]

KINDS: Mapping[str, Kind] = {
    **linear.KINDS,
    **conv.KINDS,
    **norm.KINDS,
    **recurrent.KINDS,
    **attention.KINDS,
}
"""The kinds that own tensors, by name. The function's docstring says which tensors."""

EMBEDDING_KINDS = frozenset({"Embedding", "EmbeddingBag"})
"""Kinds that look rows up instead of multiplying by them."""

NORM_KINDS = frozenset(norm.KINDS)
"""Kinds that normalise: their tensors are small and often kept in a higher precision."""

LARGEST_NUMEL = 2**63 - 1
"""torch counts the elements of a tensor in 64 bits."""

_PLACEMENT = frozenset({"device", "dtype"})
"""Arguments of torch's that say where a tensor lies and how it is stored, not what it is."""


def expand_call(kind: str, args: Sequence[object], kwargs: Mapping[str, object]) -> list[Slot]:
    """The tensors of one call, in the order of torch's ``state_dict``.

    ``device`` and ``dtype`` are dropped (``Buffer`` keeps its ``dtype``). Raises ParamcalcError
    for an unknown kind, for arguments that torch refuses, and for some that torch takes and
    nobody means (a size of 0, a kernel with too many axes).

    >>> [(slot.name, slot.shape) for slot in expand_call("Linear", [1000, 10], {})]
    [('weight', (10, 1000)), ('bias', (10,))]
    """
    layer = KINDS.get(kind)
    if layer is None:
        return _no_tensors(kind)
    if kwargs and not _PLACEMENT.isdisjoint(kwargs) and kind != "Buffer":
        kwargs = {name: value for name, value in kwargs.items() if name not in _PLACEMENT}
    try:
        slots = layer(*args, **kwargs)
    except TypeError as error:
        from paramcalc.core.layers.arguments import wrong_arguments

        raise wrong_arguments(kind, layer, args, kwargs, error) from None
    for slot in slots:
        if prod(slot.shape) > LARGEST_NUMEL:
            raise ParamcalcError(
                f"`{slot.name or kind}` would have more than 2**63 - 1 elements",
                f"its shape is {list(map(int, slot.shape))}" if len(slot.shape) < 9 else None,
            )
    return slots


def _no_tensors(kind: str) -> list[Slot]:
    if kind in WITHOUT_TENSORS:
        return []
    from paramcalc.core.layers.arguments import unknown_kind

    raise unknown_kind(kind, KINDS)
