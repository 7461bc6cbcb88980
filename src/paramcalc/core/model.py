"""A model: the tensors and caches that a spec and a configuration expand to.

Tensors come in groups: DeepSeek-V3 has 45,395 tensors and about 40 groups. Every figure is a fold
over the groups (and caches); there is no second way to a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from types import MappingProxyType
from typing import Any, NamedTuple

from paramcalc.core.cache import Cache, PlacedCache
from paramcalc.core.layers import EMBEDDING_KINDS, NORM_KINDS
from paramcalc.errors import ParamcalcError

EXACT, ESTIMATED, REPORTED = "exact", "estimated", "reported"
UNKNOWN_TENSORS = "parameters"
"""The one group of a model of which only the number of parameters is known."""
MOST_TENSORS = 2_000_000
"""Listing more tensors than this one by one is refused."""


class Tensor(NamedTuple):
    """One stored tensor; ``role`` is ``parameter`` (trained) or ``buffer``."""

    name: str
    shape: tuple[int, ...]
    role: str

    @property
    def numel(self) -> int:
        return prod(self.shape)


class LayerCall(NamedTuple):
    """A layer as a spec calls it, all names replaced by their values."""

    kind: str
    arguments: Sequence[Any]
    keywords: Mapping[str, Any]


class TensorGroup(NamedTuple):
    """Equal tensors: all names that ``template`` gives with the Cartesian product of ``indices``.

    ``model.layers.{}.mlp.experts.{}.up_proj.weight`` with ``(range(3, 61), range(256))`` is 14,848
    tensors. ``count`` of them exist, and ``active_numel`` of all their elements are used for a
    token.
    """

    template: str
    indices: tuple[tuple[int, ...] | range, ...]
    shape: tuple[int, ...]
    kind: str
    count: int  # type: ignore[assignment]  # tuple.count is of no use here
    active_numel: int
    trained: bool = True
    dtype: str | None = None
    """Set only where a tensor never takes the model's precision (``int64`` counters)."""
    stored_type: str | None = None
    """Of a tensor in a file: the file's own name of its number format."""
    stored_bytes: int | None = None
    """Of a tensor in a file: bytes of one tensor as it is stored."""
    is_fused: bool = False
    """The first dimension counts experts, and not all of them are active."""
    call: LayerCall | None = None
    """The layer that it is a tensor of, where that was written as a call."""

    @property
    def role(self) -> str:
        return "parameter" if self.trained else "buffer"

    @property
    def tensor_numel(self) -> int:
        """Elements of one of the tensors."""
        return prod(self.shape)

    @property
    def numel(self) -> int:
        """Elements of all of them."""
        return self.count * self.tensor_numel

    @property
    def category(self) -> str:
        """``embeddings``, ``norms``, ``biases`` or ``weights``; ``buffers`` if not trained."""
        if not self.trained:
            return "buffers"
        if self.kind in EMBEDDING_KINDS:
            return "embeddings"
        if self.kind in NORM_KINDS:
            return "norms"
        last = self.template.rpartition(".")[2]
        return "biases" if last.startswith("bias") or last.endswith("bias") else "weights"

    def tensors(self) -> Iterator[Tensor]:
        """Each tensor by its name."""
        for index in product(*self.indices):
            yield Tensor(self.template.format(*index), self.shape, self.role)


class Tied(NamedTuple):
    """A tensor (or several) that is stored in another one and counted there."""

    template: str
    target: str
    numel: int
    group: TensorGroup | None = None
    """What it would be if it had memory of its own."""


class Embeddings(NamedTuple):
    """Elements of the input table and of the output head; a tied head adds none of its own."""

    input: int
    output: int
    tied: bool


class Parameters(NamedTuple):
    """Counts in elements; tied tensors count once.

    ``total`` and ``trained``: trained parameters; ``buffers``: stored elements that are not
    trained; ``active``: parameters used for one token (all but the experts that a router leaves
    out); ``embedding``: lookup tables of tokens and learned positions.
    """

    total: int
    active: int
    embedding: int
    buffers: int
    total_range: tuple[int | None, int | None] | None = None
    """Lowest and highest figure, where a count is only reported."""
    embeddings: Embeddings | None = None
    mtp: int = 0
    """Of the total: layers that predict further tokens (multi-token prediction)."""

    @property
    def trained(self) -> int:
        return self.total

    @property
    def non_embedding(self) -> int:
        return self.total - self.embedding

    @property
    def active_no_input_embedding(self) -> int | None:
        """Active ones without the input table, which is only looked up; it stays if tied."""
        if self.embeddings is None:
            return None
        return self.active - (0 if self.embeddings.tied else self.embeddings.input)

    @property
    def active_no_embedding(self) -> int | None:
        """Active ones without the input table and the output head."""
        if self.embeddings is None:
            return None
        return self.active - self.embeddings.input - self.embeddings.output

    @property
    def stored(self) -> int:
        """Elements that a checkpoint holds: parameters and buffers."""
        return self.total + self.buffers


class Model(NamedTuple):
    """What a name, a file or a spec stands for, ready to be counted."""

    name: str
    groups: tuple[TensorGroup, ...]
    caches: tuple[Cache, ...] = ()
    ties: tuple[Tied, ...] = ()
    architecture: str | None = None
    exactness: str = EXACT
    source: str | None = None
    context: int | None = None
    """Tokens that the model is published for."""
    configuration: Mapping[str, Any] = MappingProxyType({})
    names: Mapping[str, Any] = MappingProxyType({})
    """The architecture's fields and derived sizes for this configuration."""
    card: Mapping[str, Any] = MappingProxyType({})
    """What else the catalogue says: licence, release, hub id, published count."""
    reported_range: tuple[int | None, int | None] | None = None
    """Lowest and highest parameter count in reports; (None, None) if undisclosed."""
    like: str | None = None
    """The model whose architecture stands in where this one's is not known."""
    stand_in: Model | None = None
    """That model."""
    embeddings: Embeddings | None = None
    """The ends of the network, where the architecture says which they are."""
    ends: Mapping[str, str] = MappingProxyType({})
    """Where those are: paths of the ``input`` and the ``output``."""
    placed_caches: tuple[PlacedCache, ...] = ()
    """The caches once more, each where it stands."""
    mtp_numel: int = 0
    """Parameters of the layers that predict further tokens, if they are counted."""
    assumed: str | None = None
    """The ``model_type`` that nobody knows, where another architecture is assumed for it."""
    mix: Mapping[str, Any] = MappingProxyType({})
    """Patterns on the names of tensors to number formats, where a spec says how it is stored."""
    fetched: str | None = None
    """From where its files were fetched, if they do not lie here."""

    @property
    def parameters(self) -> Parameters:
        trained = [group for group in self.groups if group.trained]
        return Parameters(
            total=sum(group.numel for group in trained),
            active=sum(group.active_numel for group in trained),
            embedding=sum(g.numel for g in trained if g.kind in EMBEDDING_KINDS),
            buffers=sum(group.numel for group in self.groups if not group.trained),
            total_range=self.reported_range,
            embeddings=self.embeddings,
            mtp=self.mtp_numel,
        )

    @property
    def is_undisclosed(self) -> bool:
        """Nobody outside knows the size: there is no number to compute with."""
        return self.reported_range == (None, None)

    @property
    def is_counted(self) -> bool:
        """The tensors are known one by one, not only how many elements they have."""
        named = any(group.template != UNKNOWN_TENSORS for group in self.groups)
        return self.architecture is not None or named

    @property
    def stored_bytes(self) -> int | None:
        """Bytes of all tensors as a file holds them; None if there is no file."""
        sizes = [(group.count, group.stored_bytes) for group in self.groups]
        if not sizes or any(size is None for _, size in sizes):
            return None
        return sum(count * (size or 0) for count, size in sizes)

    @property
    def tensor_count(self) -> int:
        """Stored tensors, one by one."""
        return sum(group.count for group in self.groups)

    def tensors(self) -> Iterator[Tensor]:
        """Every stored tensor, in the order of the spec."""
        if self.tensor_count > MOST_TENSORS:
            raise ParamcalcError(
                f"{self.name} has {self.tensor_count:,} tensors, too many to list one by one",
                "groups of equal tensors are in `model.groups`",
            )
        for group in self.groups:
            yield from group.tensors()

    def folded(self, key: Callable[[TensorGroup], str]) -> dict[str, int]:
        """Trained elements by a key of the group, in the order of first appearance."""
        sums: dict[str, int] = {}
        for group in self.groups:
            if group.trained:
                sums[key(group)] = sums.get(key(group), 0) + group.numel
        return sums
