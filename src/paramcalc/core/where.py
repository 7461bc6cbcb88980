"""The place in a network that is being expanded: its name so far, and how often it exists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from paramcalc.core.cache import PlacedCache
from paramcalc.core.model import TensorGroup, Tied
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

    @property
    def axes(self) -> tuple[tuple[int, ...] | range, ...]:
        """The indices as a group of tensors has them."""
        return tuple(i if isinstance(i, range) else tuple(i) for i in self.indices)

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

    def group(self, group: TensorGroup) -> TensorGroup:
        """A group of a network that stands here."""
        return group._replace(
            template=self.prefix + group.template,
            indices=(*self.axes, *group.indices),
            count=self.count * group.count,
            active_numel=self.running * group.active_numel,
        )

    def tie(self, tie: Tied) -> Tied:
        """A tie of a network that stands here."""
        return tie._replace(
            template=self.prefix + tie.template,
            target=self.prefix + tie.target,
            group=tie.group and self.group(tie.group),
        )

    def cache(self, placed: PlacedCache) -> PlacedCache:
        """A cache of a network that stands here."""
        return placed._replace(
            template=self.prefix + placed.template,
            indices=(*self.axes, *placed.indices),
            cache=placed.cache._replace(count=placed.cache.count * self.count),
        )


def share(running: int, before: int, count: int, size: int) -> tuple[int, int]:
    """The active ones among the next ``count`` of ``size`` copies, and the copies so far.

    Rounded so that the shares of all groups sum to ``running``.
    """
    after = before + count
    return running * after // size - running * before // size, after
