"""The place in a network that is being expanded: its name so far, and how often it exists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from paramcalc.core.names import index_of


class Where(NamedTuple):
    """The place in the network that is being expanded."""

    prefix: str = ""
    indices: tuple[Sequence[int], ...] = ()
    count: int = 1  # type: ignore[assignment]  # tuple.count is of no use here
    """Copies of this place: the product of the repeats around it."""
    running: int = 1
    """Copies that run for one token."""
    fused: int | None = None
    """Experts that run, where the first dimension of a tensor counts experts."""
    fused_bounded: bool = False
    """``fused`` comes from a configuration, which may say more than there are: then all run."""

    def down(self, name: str) -> Where:
        """Below a module; a name that is a number is an index."""
        prefix, indices = self.prefix, self.indices
        for part in name.split("."):
            index = index_of(part)
            if index is None:
                prefix = f"{prefix}{part}."
            else:
                prefix, indices = f"{prefix}{{}}.", (*indices, (index,))
        return self._replace(prefix=prefix, indices=indices)

    def repeated(self, name: str, indices: Sequence[int], count: int, running: int) -> Where:
        """Below a module that repeats: ``count`` copies, of which ``running`` run."""
        below = self.down(name) if name else self
        # `expert_[n]` is expert_0, expert_1 …: after an underscore the number needs no dot.
        prefix = below.prefix.removesuffix(".") if name.endswith("_") else below.prefix
        return below._replace(
            prefix=prefix + "{}.",
            indices=(*below.indices, indices),
            count=below.count * count,
            running=below.running * running,
        )
