"""Expansion: a spec and a configuration become groups of tensors and caches.

A repeat whose body does not depend on its index is one group with a count. One that does is
grouped by the answers that its expressions give: two layers with equal answers are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple

from paramcalc.core.answers import Answers
from paramcalc.core.cache import Cache, make_cache
from paramcalc.core.expression import Expression
from paramcalc.core.keys import Repeat
from paramcalc.core.layers import WITHOUT_TENSORS, Slot, expand_call
from paramcalc.core.model import TensorGroup, Tied
from paramcalc.core.scope import Globals, Scope
from paramcalc.core.spec import Spec
from paramcalc.core.ties import apply_ties, check_unique, rename, strip_root
from paramcalc.core.tree import CacheEntry, Entry, Leaf, Module, Nested, Use
from paramcalc.errors import ParamcalcError, Problem, shorten

FindSpec = Callable[[str, str | None], Spec]
"""Finds the spec for a ``model_type`` and a class name (None: the usual class)."""

_MOST_GROUPS = 200_000
_MOST_PROBLEMS = 50
_DEEPEST_NESTING = 6


@dataclass(frozen=True, slots=True)
class Expansion:
    groups: tuple[TensorGroup, ...]
    caches: tuple[Cache, ...]
    ties: tuple[Tied, ...]
    context: int | None


class Where(NamedTuple):
    """The place in the network that is being expanded."""

    prefix: str = ""
    indices: tuple[Sequence[int], ...] = ()
    count: int = 1
    """Copies of this place: the product of the repeats around it."""
    running: int = 1
    """Copies that run for one token."""
    fused: int | None = None
    """Experts that run, where the first dimension of a tensor counts experts."""

    def down(self, name: str) -> Where:
        """Below a module; a name that is a number is an index."""
        prefix, indices = self.prefix, self.indices
        for part in name.split("."):
            if part.isdigit():
                prefix, indices = f"{prefix}{{}}.", (*indices, (int(part),))
            else:
                prefix = f"{prefix}{part}."
        return self._replace(prefix=prefix, indices=indices)

    def repeated(self, name: str, indices: Sequence[int], count: int, running: int) -> Where:
        """Below a module that repeats: ``count`` copies, of which ``running`` run."""
        below = self.down(name)
        return below._replace(
            prefix=below.prefix + "{}.",
            indices=(*below.indices, indices),
            count=below.count * count,
            running=below.running * running,
        )


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
    expander.module(spec.modules, Where(), expander.names)
    if expander.problems:
        raise ParamcalcError(expander.problems)
    check_unique(expander.groups)
    groups, ties = apply_ties(spec.ties, expander.groups, expander.names)
    groups = rename(strip_root(groups, spec.root), spec.rename)
    caches = tuple(replace(cache, count=count) for cache, count in expander.caches.items())
    context = spec.context(expander.names) if spec.context else None
    return Expansion(
        tuple(groups), caches, (*ties, *expander.ties), context if type(context) is int else None
    )


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
        self.names = Globals(spec, configuration, symbolic=symbolic)
        self.find_spec = find_spec
        self.depth = depth
        self.answers = Answers(spec.blocks, self.names)
        self.groups: list[TensorGroup] = []
        self.caches: dict[Cache, int] = {}
        self.ties: list[Tied] = []
        self.problems: list[Problem] = []

    def module(self, module: Module, where: Where, scope: Mapping[str, Any]) -> None:
        for use in module.uses:
            self.use(use, where, scope)
        for entry in module.caches:
            self.cache(entry, where, scope)
        for child in module.entries:
            if len(self.groups) > _MOST_GROUPS or len(self.problems) > _MOST_PROBLEMS:
                break
            try:
                self.entry(child, where, scope)
            except ParamcalcError as error:
                self.problems += error.at(child.path, in_key=True).problems

    def entry(self, entry: Entry, where: Where, scope: Mapping[str, Any]) -> None:
        key = entry.key
        if key.repeat:
            self.repeat(entry, key.repeat, where, scope)
        elif key.condition is None or key.condition(scope):
            below = where.down(key.name)
            active = entry.node.active if isinstance(entry.node, Module) else None
            if active:
                below = below._replace(fused=self.active(active, None, entry, scope))
            self.node(entry.node, below, scope)

    def repeat(
        self, entry: Entry, repeat: Repeat, where: Where, scope: Mapping[str, Any]
    ) -> None:
        start = _count(repeat.start(scope), "start") if repeat.start else 0
        stop = _count(repeat.stop(scope), "count")
        size = stop - start
        if size <= 0:
            return
        for indices in self.answers.groups(entry, repeat.index, range(start, stop), scope):
            whole = len(indices) == size
            count = size if whole else len(indices)
            inner = Scope(scope, {repeat.index: indices[0]})
            if entry.key.condition and not entry.key.condition(inner):
                continue
            running = count
            if isinstance(entry.node, Module) and entry.node.active:
                running = self.active(entry.node.active, size, entry, inner)
                running = running if whole else running * count // size
            self.node(entry.node, where.repeated(entry.key.name, indices, count, running), inner)

    def active(
        self, expression: Expression, size: int | None, entry: Entry, scope: Mapping[str, Any]
    ) -> int:
        """How many experts run for a token: a whole number, at most as many as there are."""
        value = expression(scope)
        if not isinstance(value, int) or value < 0 or (size is not None and value > size):
            there = "" if size is None else f" of {size:,}"
            raise ParamcalcError(f"{shorten(str(value))}{there} experts cannot be active").at(
                (*entry.path, "$active")
            )
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
            slots = expand_call(leaf.call.name, *leaf.call.evaluate(scope))
            self.groups += [self.group(slot, where) for slot in slots]
        except ParamcalcError as error:
            self.problems += error.at(leaf.path).problems

    def group(self, slot: Slot, where: Where) -> TensorGroup:
        place = where.down(slot.name) if slot.name else where
        size = prod(slot.shape)
        active = place.running * size
        if place.fused is not None and slot.shape:
            if place.fused > slot.shape[0]:
                raise ParamcalcError(
                    f"{place.fused:,} of {slot.shape[0]:,} experts cannot be active"
                )
            active = place.running * place.fused * prod(slot.shape[1:])
        return TensorGroup(
            template=place.prefix.rstrip("."),
            indices=tuple(i if isinstance(i, range) else tuple(i) for i in place.indices),
            shape=slot.shape,
            kind=slot.kind,
            count=place.count,
            active_numel=active,
            trained=slot.trained,
            dtype=slot.dtype,
        )

    def use(self, use: Use, where: Where, scope: Mapping[str, Any]) -> None:
        try:
            bound = self.answers.bind(use, scope)
        except ParamcalcError as error:
            raise error.at(use.path) from None
        block = self.spec.blocks[use.call.name]
        if len(where.prefix) > 1000:
            raise ParamcalcError(f"the block `{block.name}` uses itself").at(use.path)
        self.module(block.body, where, bound)

    def cache(self, entry: CacheEntry, where: Where, scope: Mapping[str, Any]) -> None:
        try:
            if entry.condition and not entry.condition(scope):
                return
            cache = make_cache(entry.call.name, *entry.call.evaluate(scope))
        except ParamcalcError as error:
            self.problems += error.at(entry.path).problems
            return
        self.caches[cache] = self.caches.get(cache, 0) + where.count

    def nested(self, nested: Nested, where: Where, scope: Mapping[str, Any]) -> None:
        try:
            self.nested_model(nested, where, scope)
        except ParamcalcError as error:
            raise error.at(nested.path) from None

    def nested_model(self, nested: Nested, where: Where, scope: Mapping[str, Any]) -> None:
        configuration = nested.config(scope)
        if not isinstance(configuration, Mapping):
            raise ParamcalcError(f"`{nested.config.text}` is no nested configuration")
        model_type = configuration.get("model_type") or nested.model_type
        if not isinstance(model_type, str) or self.find_spec is None:
            raise ParamcalcError(f"`{nested.config.text}` has no `model_type`")
        if self.depth >= _DEEPEST_NESTING:
            raise ParamcalcError("configurations are nested too deep")
        spec = self.find_spec(model_type, nested.class_name)
        symbolic = self.names.symbolic
        inner = expand(
            spec, configuration, self.find_spec, symbolic=symbolic, _depth=self.depth + 1
        )
        self.groups += [_below(group, where) for group in inner.groups]
        for cache in inner.caches:
            single = replace(cache, count=1)
            self.caches[single] = self.caches.get(single, 0) + cache.count * where.count
        self.ties += [
            replace(tie, template=where.prefix + tie.template, target=where.prefix + tie.target)
            for tie in inner.ties
        ]


def _below(group: TensorGroup, where: Where) -> TensorGroup:
    outer = tuple(i if isinstance(i, range) else tuple(i) for i in where.indices)
    return replace(
        group,
        template=where.prefix + group.template,
        indices=(*outer, *group.indices),
        count=where.count * group.count,
        active_numel=where.running * group.active_numel,
    )


def _count(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        shown = "null" if value is None else shorten(str(value))
        raise ParamcalcError(f"the {what} of a repeat must be a whole number, found {shown}")
    return value
