"""Which copies of a repeated module are equal: those whose expressions give equal answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paramcalc.core.expression import Call, Expression
from paramcalc.core.scope import Scope
from paramcalc.core.spec import Block
from paramcalc.core.tree import Entry, Leaf, Module, Names, Nested, Use
from paramcalc.errors import ParamcalcError, did_you_mean

_MOST_STEPS = 400_000
_DEEPEST_USE = 30


class Answers:
    """Walks only what depends on given names and notes each value met on the way."""

    def __init__(self, blocks: Mapping[str, Block], names: Mapping[str, Any]) -> None:
        self.blocks = blocks
        self.names = names
        self._steps = 0
        self._depth = 0

    def groups(
        self, entry: Entry, index: str, indices: range, scope: Mapping[str, Any]
    ) -> Iterator[range | tuple[int, ...]]:
        """``indices`` cut into groups of equal copies, in order of first appearance."""
        condition = entry.key.condition
        body = entry.node.names | (condition.names if condition else frozenset())
        if index not in body:
            yield indices
            return
        found: dict[tuple[Any, ...], list[int]] = {}
        for number in indices:
            inner = Scope(scope, {index: number})
            answers = tuple(self._body(entry, inner, frozenset({index})))
            found.setdefault(answers, []).append(number)
        for numbers in found.values():
            whole = numbers[-1] - numbers[0] + 1 == len(numbers)
            yield range(numbers[0], numbers[-1] + 1) if whole else tuple(numbers)

    def bind(self, use: Use, scope: Mapping[str, Any]) -> Scope:
        """The scope of a block's body: its parameters over the global names."""
        block = self.blocks[use.call.name]
        arguments, keywords = use.call.evaluate(scope)
        unknown = next((key for key in keywords if key not in block.parameters), None)
        bound = dict(zip(block.parameters, arguments, strict=False)) | keywords
        if unknown or len(arguments) > len(block.parameters) or len(bound) < len(block.parameters):
            wanted = ", ".join(block.parameters)
            hint = did_you_mean(unknown, block.parameters) if unknown else None
            raise ParamcalcError(f"the block is written `{block.name}({wanted})`", hint)
        return Scope(self.names, bound)

    def _body(self, entry: Entry, scope: Mapping[str, Any], names: Names) -> Iterator[Any]:
        """Answers of one copy: its condition, then what is inside."""
        self._step()
        condition = entry.key.condition
        if condition and condition.names & names:
            exists = bool(condition(scope))
            yield exists
            if not exists:
                return
        yield from self._node(entry.node, scope, names)

    def _entry(self, entry: Entry, scope: Mapping[str, Any], names: Names) -> Iterator[Any]:
        repeat = entry.key.repeat
        if repeat is None:
            yield from self._body(entry, scope, names)
            return
        start = repeat.start(scope) if repeat.start else 0
        stop = repeat.stop(scope)
        yield start, stop
        inside = names - {repeat.index}
        condition = entry.key.condition
        body = entry.node.names | (condition.names if condition else frozenset())
        if not body & inside or not isinstance(start, int) or not isinstance(stop, int):
            return
        # What depends on both indices is asked for every inner copy, else for the first.
        last = stop if repeat.index in body else min(stop, start + 1)
        for number in range(start, last):
            yield from self._body(entry, Scope(scope, {repeat.index: number}), inside)

    def _node(
        self, node: Module | Leaf | Use | Nested, scope: Mapping[str, Any], names: Names
    ) -> Iterator[Any]:
        if not node.names & names:
            return
        if isinstance(node, Leaf):
            yield from _call(node.call, scope, names)
        elif isinstance(node, Nested):
            yield id(node.config(scope))
        elif isinstance(node, Use):
            yield from self._use(node, scope, names)
        else:
            yield from self._module(node, scope, names)

    def _module(self, module: Module, scope: Mapping[str, Any], names: Names) -> Iterator[Any]:
        if module.active and module.active.names & names:
            yield _plain(module.active(scope))
        for cache in module.caches:
            if cache.condition and cache.condition.names & names:
                yield bool(cache.condition(scope))
            yield from _call(cache.call, scope, names)
        for use in module.uses:
            yield from self._use(use, scope, names)
        for entry in module.entries:
            if entry.names & names:
                yield from self._entry(entry, scope, names)

    def _use(self, use: Use, scope: Mapping[str, Any], names: Names) -> Iterator[Any]:
        self._step()
        block = self.blocks[use.call.name]
        bound = self.bind(use, scope)
        by_position = dict(zip(block.parameters, use.call.arguments, strict=False))
        sources: dict[str, Expression] = by_position | use.call.keywords
        depending = frozenset(key for key, source in sources.items() if source.names & names)
        if self._depth > _DEEPEST_USE:
            raise ParamcalcError(f"the block `{block.name}` uses itself").at(use.path)
        self._depth += 1
        yield from self._node(block.body, bound, depending)
        self._depth -= 1

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise ParamcalcError(
                "a repeat is too long to look at each of its copies",
                "write what does not depend on the index outside of the conditions",
            )


def _call(call: Call, scope: Mapping[str, Any], names: Names) -> Iterator[Any]:
    parts: Sequence[Expression] = [*call.arguments, *call.keywords.values()]
    for part in parts:
        if part.names & names:
            yield _plain(part(scope))


def _plain(value: Any) -> Any:
    """The value as something that can be compared and hashed."""
    return tuple(_plain(part) for part in value) if isinstance(value, list) else value
