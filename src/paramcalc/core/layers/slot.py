"""One tensor of a layer, before anybody knows how often the layer repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple


class Slot(NamedTuple):
    """A tensor that a layer owns: its name below the layer, its shape, who owns it.

    A shape's entries are the arguments of the call, or plain arithmetic on them, so an ``int``
    that remembers its formula still knows it in the shape.
    """

    name: str
    """``weight``, ``self_attn.in_proj_weight``; empty where the path itself names the tensor."""
    shape: tuple[int, ...]
    """``()`` is a scalar: one element."""
    kind: str
    """The class that owns it; inside a composite layer the inner one: ``Linear``."""
    trained: bool = True
    """``False`` is a persistent buffer: stored, never trained."""
    dtype: str | None = None
    """Set only where the tensor never takes the model's precision: ``int64``."""


Kind = Callable[..., list[Slot]]
"""A layer kind: a function of the arguments of torch's class, without ``device`` and ``dtype``."""


def under(prefix: str, slots: Iterable[Slot]) -> list[Slot]:
    """The slots of an inner layer, named from the outer one: ``linear1.weight``."""
    return [Slot(f"{prefix}.{slot.name}", *slot[1:]) for slot in slots]
