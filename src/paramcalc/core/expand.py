"""Expansion: a spec and a configuration become groups of tensors and caches.

A repeat whose body does not depend on its index is one group with a count. One that does is
grouped by the answers that its expressions give: two layers with equal answers are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import Any, NamedTuple

from paramcalc.core.answers import Answers
from paramcalc.core.cache import Cache, PlacedCache, make_cache, together
from paramcalc.core.ends import Ends, ends
from paramcalc.core.expression import Expression
from paramcalc.core.functions import type_name
from paramcalc.core.keys import Repeat
from paramcalc.core.layers import LARGEST_NUMEL, WITHOUT_TENSORS, Slot, expand_call
from paramcalc.core.model import Embeddings, LayerCall, TensorGroup, Tied
from paramcalc.core.names import Root, check_unique
from paramcalc.core.nesting import part_of
from paramcalc.core.scope import FindSpec, Globals, Scope
from paramcalc.core.spec import Spec
from paramcalc.core.ties import apply_ties
from paramcalc.core.tree import CacheEntry, Entry, Leaf, Module, Nested, Use
from paramcalc.core.where import Where, share
from paramcalc.errors import ParamcalcError, Problem, shorten

_MOST_ENTRIES = 50_000
_MOST_PROBLEMS = 50
_DEEPEST_NESTING = 6


class Expansion(NamedTuple):
    """What a spec describes for one configuration."""

    groups: tuple[TensorGroup, ...]
    caches: tuple[Cache, ...]
    ties: tuple[Tied, ...]
    context: int | None
    embeddings: Embeddings | None = None
    ends: Mapping[str, str] = MappingProxyType({})
    placed_caches: tuple[PlacedCache, ...] = ()
    names: Mapping[str, Any] = MappingProxyType({})
    """The fields and derived sizes that it was expanded with."""


def expand(
    spec: Spec,
    configuration: Mapping[str, Any],
    find_spec: FindSpec | None = None,
    *,
    symbolic: bool = False,
    _depth: int = 0,
) -> Expansion:
    """Everything that ``spec`` describes for a configuration.

    With ``symbolic``, sizes and counts are `Term`s that tell their formulas. Raises
    `ParamcalcError` with all problems found.
    """
    expander = _Expander(spec, configuration, find_spec, symbolic, _depth)
    try:
        expander.module(spec.modules, Where(), expander.names)
        if expander.problems:
            raise ParamcalcError(list(dict.fromkeys(expander.problems)))
        return expander.finished()
    except RecursionError:
        raise ParamcalcError(f"`{shorten(spec.name)}` is nested too deep") from None


class _Expander:
    def __init__(
        self,
        spec: Spec,
        configuration: Mapping[str, Any],
        find_spec: FindSpec | None,
        symbolic: bool,
        depth: int,
    ) -> None:
        self.spec = spec
        self.names = Globals(spec, configuration, find_spec, symbolic=symbolic)
        self.find_spec = find_spec
        self.depth = depth
        self.answers = Answers(spec.blocks, self.names)
        self.groups: list[TensorGroup] = []
        self.paths: list[tuple[str, ...]] = []
        """Where in the document each group is defined."""
        self.caches: list[PlacedCache] = []
        self.ties: list[Tied] = []
        self.parts: dict[str, Ends] = {}
        """Both ends of nested networks, by their paths."""
        self.problems: list[Problem] = []
        self.entries = 0

    def finished(self) -> Expansion:
        """What was found, with ties, the root and new names applied."""
        spec = self.spec
        check_unique(self.groups, self.paths)
        groups, ties = apply_ties(spec.ties, self.groups, self.names, spec.root)
        ties += self.ties
        embeddings, paths = ends(spec.embeddings, spec.root, groups, ties, self.parts)
        root = Root(spec.root, spec.rename)
        kept = root.groups(groups)
        if spec.rename:
            check_unique(kept)
        return Expansion(
            tuple(kept),
            together(self.caches),
            tuple(root.ties(ties)),
            self.context(),
            embeddings,
            root.ends(paths) if embeddings else {},
            tuple(root.caches(self.caches)),
            self.names,
        )

    def context(self) -> int | None:
        """The published context length, where it is one."""
        try:
            context = self.spec.context(self.names) if self.spec.context else None
        except ParamcalcError as error:
            raise error.at(("context",)) from None
        if isinstance(context, int) and not isinstance(context, bool) and context > 0:
            return int(context)
        return None

    def module(self, module: Module, where: Where, scope: Mapping[str, Any]) -> None:
        self.count_entries(len(module.entries) + len(module.uses))
        for use in module.uses:
            self.node(use, where, scope)
        for entry in module.caches:
            self.cache(entry, where, scope)
        for child in module.entries:
            if self.is_exhausted:
                break
            try:
                self.entry(child, where, scope)
            except ParamcalcError as error:
                self.problems += error.at(child.path, in_key=True).problems

    @property
    def is_exhausted(self) -> bool:
        """Enough was tried, or enough is wrong: nothing is to be gained by going on."""
        return (
            self.entries > _MOST_ENTRIES
            or self.answers.is_exhausted
            or len(self.problems) > _MOST_PROBLEMS
        )

    def count_entries(self, entries: int) -> None:
        """Blocks that use each other twice and more must not grow without end."""
        self.entries += entries
        if self.entries > _MOST_ENTRIES:
            raise ParamcalcError(f"there are more than {_MOST_ENTRIES:,} different modules")

    def entry(self, entry: Entry, where: Where, scope: Mapping[str, Any]) -> None:
        key = entry.key
        if key.repeat:
            self.repeat(entry, key.repeat, where, scope)
        elif key.condition is None or key.condition.holds(scope):
            below = where.down(key.name)
            if isinstance(entry.node, Module) and entry.node.active:
                below = below._replace(
                    fused=self.active(entry.node, None, scope),
                    fused_bounded=not entry.node.active.is_constant,
                )
            self.node(entry.node, below, scope)

    def repeat(self, entry: Entry, repeat: Repeat, where: Where, scope: Mapping[str, Any]) -> None:
        start = _whole(repeat.start, scope, "start") if repeat.start else 0
        stop = _whole(repeat.stop, scope, "count")
        size, before = stop - start, 0
        numbers = range(int(start), int(stop))
        if not numbers:
            return
        if where.count * size > LARGEST_NUMEL:
            raise ParamcalcError("there would be more than 2**63 - 1 copies of a module")
        for indices in self.answers.groups(entry, repeat.variable, numbers, scope):
            whole = len(indices) == len(numbers)
            count = size if whole else len(indices)
            inner = Scope(scope, {repeat.variable: indices[0]})
            if entry.key.condition and not entry.key.condition.holds(inner):
                continue
            running = count
            if isinstance(entry.node, Module) and entry.node.active:
                running = self.active(entry.node, int(size), inner)
                if not whole:
                    running, before = share(running, before, count, int(size))
            self.node(entry.node, where.repeated(entry.key.name, indices, count, running), inner)

    def active(self, module: Module, size: int | None, scope: Mapping[str, Any]) -> int:
        """How many experts run for a token: a whole number, at most as many as there are."""
        path = (*module.path, "$active")
        try:
            value = module.active(scope) if module.active else size
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                shown = str(value) if isinstance(value, (int, float)) else type_name(value)
                raise ParamcalcError(f"{shorten(shown)} experts cannot be active")
            if size is not None and value > size:
                if module.active and module.active.is_constant:
                    raise ParamcalcError(f"{value:,} of {size:,} experts cannot be active")
                # A configuration may choose more than there are: then all of them run.
                return size
        except ParamcalcError as error:
            raise error.at(path) from None
        return value

    def node(
        self, node: Module | Leaf | Use | Nested, where: Where, scope: Mapping[str, Any]
    ) -> None:
        if isinstance(node, Leaf):
            self.leaf(node, where, scope)
        elif isinstance(node, Module):
            self.module(node, where, scope)
        elif isinstance(node, Use):
            self.use(node, where, scope)
        else:
            self.nested(node, where, scope)

    def leaf(self, leaf: Leaf, where: Where, scope: Mapping[str, Any]) -> None:
        if leaf.call.name in WITHOUT_TENSORS:
            return
        try:
            call = LayerCall(leaf.call.name, *leaf.call.evaluate(scope))
            slots = expand_call(*call)
            self.groups += [self.group(slot, where, call) for slot in slots]
            self.paths += [leaf.path] * len(slots)
        except ParamcalcError as error:
            self.problems += error.at(leaf.path).problems

    def group(self, slot: Slot, where: Where, call: LayerCall) -> TensorGroup:
        place = where.down(slot.name) if slot.name else where
        size = prod(slot.shape)
        if place.count * size > LARGEST_NUMEL:
            raise ParamcalcError("all copies together have more than 2**63 - 1 elements")
        active = place.running * size
        is_fused = place.fused is not None and bool(slot.shape)
        if place.fused is not None and is_fused:
            fused = min(place.fused, slot.shape[0]) if place.fused_bounded else place.fused
            if fused > slot.shape[0]:
                raise ParamcalcError(f"{fused:,} of {slot.shape[0]:,} experts cannot be active")
            active = place.running * fused * prod(slot.shape[1:])
        return TensorGroup(
            template=place.prefix.rstrip("."),
            indices=place.axes,
            shape=slot.shape,
            kind=slot.kind,
            count=place.count,
            active_numel=active,
            trained=slot.trained,
            dtype=slot.dtype,
            is_fused=is_fused,
            call=call,
        )

    def use(self, use: Use, where: Where, scope: Mapping[str, Any]) -> None:
        block = self.spec.blocks[use.call.name]
        self.module(block.body, where, self.answers.bind(use, scope))

    def cache(self, entry: CacheEntry, where: Where, scope: Mapping[str, Any]) -> None:
        if entry.condition:
            try:
                if not entry.condition.holds(scope):
                    return
            except ParamcalcError as error:
                self.problems += error.at(entry.path, in_key=True).problems
                return
        try:
            arguments, keywords = entry.call.evaluate(scope)
            cache = make_cache(entry.call.name, arguments, keywords)
        except ParamcalcError as error:
            self.problems += error.at(entry.path).problems
            return
        cache = cache._replace(count=where.count)
        self.caches.append(PlacedCache(where.prefix, where.axes, cache, arguments, keywords))

    def nested(self, nested: Nested, where: Where, scope: Mapping[str, Any]) -> None:
        try:
            self.nested_model(nested, where, scope)
        except ParamcalcError as error:
            raise error.at(nested.path) from None

    def nested_model(self, nested: Nested, where: Where, scope: Mapping[str, Any]) -> None:
        if self.depth >= _DEEPEST_NESTING:
            raise ParamcalcError("configurations are nested too deep")
        inner = self.inner(*part_of(nested, scope, self.find_spec))
        self.groups += map(where.group, inner.groups)
        self.paths += [nested.path] * len(inner.groups)
        if inner.embeddings:
            paths = {end: where.prefix + path for end, path in inner.ends.items()}
            self.parts[where.prefix.rstrip(".")] = Ends(inner.embeddings, paths)
        self.caches += map(where.cache, inner.placed_caches)
        self.ties += map(where.tie, inner.ties)

    def inner(self, spec: Spec, configuration: Mapping[str, Any]) -> Expansion:
        """The expansion of a nested configuration; its problems stand in its own file."""
        symbolic, depth = self.names.symbolic, self.depth + 1
        try:
            return expand(spec, configuration, self.find_spec, symbolic=symbolic, _depth=depth)
        except ParamcalcError as error:
            raise spec.place(error) from None


def _whole(expression: Expression, scope: Mapping[str, Any], what: str) -> int:
    value = expression(scope)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        shown = str(value) if isinstance(value, (int, float)) else type_name(value)
        raise ParamcalcError(
            f"the {what} of a repeat must be a whole number, found {shorten(shown)}",
            span=(expression.start, len(expression.text)),
        )
    return value
