"""What a module remembers while a model runs: the KV cache and recurrent state.

Sizes are counted in elements here; bytes come with a number format. One :class:`Cache` stands for
``count`` equal layers.

Source of the shapes: the modelling code of transformers and vLLM (``kv_cache_interface``,
``mamba_utils``); every engine adds padding of its own on top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from paramcalc.core.layers.checks import show
from paramcalc.errors import ParamcalcError, did_you_mean


class Cache(NamedTuple):
    """The cache of ``count`` equal layers, in elements."""

    kind: str
    token_numel: int = 0
    """Elements for one token of one sequence in one layer."""
    limit: int | None = None
    """At most this many tokens are kept (sliding window, chunk); None: all of them."""
    sequence_numel: int = 0
    """Elements for one sequence in one layer, whatever its length (recurrent state)."""
    source_tokens: int | None = None
    """Cross attention: the fixed length of the encoder's output, where there is one."""
    expanded_token_numel: int = 0
    """Latent attention without absorption: elements of the expanded keys and values."""
    every: int = 1
    """One entry is kept for so many tokens (a compressed cache)."""
    count: int = 1  # type: ignore[assignment]  # tuple.count is of no use here

    def tokens(self, context: int) -> int:
        """How many entries are kept for the tokens of a context."""
        if self.source_tokens is not None:
            return self.source_tokens
        if self.every > 1:
            context = (context + (self.every - 1)) // self.every
        return context if self.limit is None else min(context, self.limit)

    @property
    def grows(self) -> bool:
        """More tokens need more memory, without end."""
        return bool(self.token_numel) and self.limit is None and self.source_tokens is None


class PlacedCache(NamedTuple):
    """A cache where it stands, as it is written there; ``template`` as in a group of tensors."""

    template: str
    indices: tuple[Sequence[int], ...]
    cache: Cache
    arguments: Sequence[Any]
    keywords: Mapping[str, Any]


def together(placed: Iterable[PlacedCache]) -> tuple[Cache, ...]:
    """Equal caches as one, in the order of first appearance."""
    found: dict[Cache, int] = {}
    for one in placed:
        single = one.cache._replace(count=1)
        found[single] = found.get(single, 0) + one.cache.count
    return tuple(cache._replace(count=count) for cache, count in found.items())


def attention(
    kv_heads: int,
    head_dim: int,
    v_head_dim: int | None = None,
    window: int | None = None,
    chunk: int | None = None,
) -> Cache:
    """Multi-head, grouped-query and multi-query attention: keys and values of each token.

    ``kv_heads * (head_dim + v_head_dim)`` elements per token; a sliding ``window`` or a local
    ``chunk`` bounds the tokens.
    """
    # 2 * k reads better in an explanation than k + k.
    both = 2 * head_dim if v_head_dim is None else head_dim + v_head_dim
    limits = [limit for limit in (window, chunk) if limit is not None]
    return Cache("attention", kv_heads * both, limit=min(limits) if limits else None)


def latent(
    rank: int,
    rope_dim: int,
    heads: int = 0,
    nope_dim: int = 0,
    v_head_dim: int = 0,
    *,
    window: int | None = None,
    every: int = 1,
) -> Cache:
    """Multi-head latent attention: one compressed vector and one rotary key for each token.

    ``rank + rope_dim`` elements; ``heads * (nope_dim + rope_dim + v_head_dim)`` if an engine
    stores the expanded form. No more tokens than a sliding ``window`` holds; one vector for
    ``every`` so many tokens, where they are compressed further.
    """
    if every < 1:
        raise ParamcalcError("one vector stands for at least one token", "write `every=4`")
    expanded = heads * (nope_dim + rope_dim + v_head_dim)
    return Cache("latent", rank + rope_dim, window, expanded_token_numel=expanded, every=every)


def recurrent(conv: int = 0, state: int = 0) -> Cache:
    """State of a fixed size per sequence: ``conv`` and ``state`` elements."""
    return Cache("recurrent", sequence_numel=conv + state)


def cross(
    kv_heads: int, head_dim: int, v_head_dim: int | None = None, tokens: int | None = None
) -> Cache:
    """Attention to the output of an encoder; without ``tokens`` as long as the context."""
    both = 2 * head_dim if v_head_dim is None else head_dim + v_head_dim
    return Cache("cross", kv_heads * both, source_tokens=tokens)


def shared() -> Cache:
    """A layer that reads another layer's cache and adds none."""
    return Cache("shared")


CACHE_KINDS: Mapping[str, Callable[..., Cache]] = {
    "attention": attention,
    "latent": latent,
    "recurrent": recurrent,
    "cross": cross,
    "shared": shared,
}


def make_cache(kind: str, arguments: list[Any], keywords: Mapping[str, Any]) -> Cache:
    """The cache that ``$cache: kind(…)`` describes; sizes must be whole and not negative."""
    for value in (*arguments, *keywords.values()):
        if value is not None and (not isinstance(value, int) or value < 0):
            raise ParamcalcError(f"a size of a cache must be a whole number, found {show(value)}")
    make = CACHE_KINDS[kind]
    try:
        return make(*arguments, **keywords)
    except TypeError:
        code = make.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        wrong = next((key for key in keywords if key not in names), "")
        hint = did_you_mean(wrong, names) or f"it is written `{kind}({', '.join(names)})`"
        raise ParamcalcError(f"`{kind}` cannot take these arguments", hint) from None
