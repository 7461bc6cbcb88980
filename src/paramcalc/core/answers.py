"""Which copies of a repeated module are equal: those whose expressions give equal answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from paramcalc.core.expression import Call, Expression
from paramcalc.core.scope import Scope
from paramcalc.core.spec import Block
from paramcalc.core.tree import Entry, Leaf, Module, Names, Nested, Path, Use
from paramcalc.errors import ParamcalcError, did_you_mean

_MOST_STEPS = 50_000


class Answers:
    """Walks only what depends on given names and notes each value met on the way."""

    def __init__(self, blocks: Mapping[str, Block], names: Mapping[str, Any]) -> None:
        self.blocks = blocks
        self.names = names
        self._steps = 0

    @property
    def is_exhausted(self) -> bool:
        return self._steps > _MOST_STEPS

    def groups(
        self, entry: Entry, variable: str, indices: range, scope: Mapping[str, Any]
    ) -> Iterator[range | tuple[int, ...]]:
        """``indices`` cut into groups of equal copies, in order of first appearance."""
        if variable not in entry.inner_names:
            yield indices
            return
        found: dict[tuple[Any, ...], list[int]] = {}
        for number in indices:
            inner = Scope(scope, {variable: number})
            answers = tuple(self._body(entry, inner, frozenset({variable})))
            found.setdefault(answers, []).append(number)
        for numbers in found.values():
            whole = numbers[-1] - numbers[0] + 1 == len(numbers)
            yield range(numbers[0], numbers[-1] + 1) if whole else tuple(numbers)

    def bind(self, use: Use, scope: Mapping[str, Any]) -> Scope:
        """The scope of a block's body: its parameters over the global names."""
        block = self.blocks[use.call.name]
        parameters = block.parameters
        try:
            arguments, keywords = use.call.evaluate(scope)
            unknown = next((key for key in keywords if key not in parameters), None)
            by_position = dict(zip(parameters, arguments))
            given = len(arguments) + len(keywords)
            if unknown or given != len(parameters) or by_position.keys() & keywords:
                hint = did_you_mean(unknown, parameters) if unknown else None
                wanted = ", ".join(parameters)
                raise ParamcalcError(f"the block is written `{block.name}({wanted})`", hint)
        except ParamcalcError as error:
            raise error.at(use.path) from None
        return Scope(self.names, by_position | keywords)

    def _body(self, entry: Entry, scope: Mapping[str, Any], names: Names) -> Iterator[Any]:
        """Answers of one copy: its condition, then what is inside."""
        self._step()
        condition = entry.key.condition
        if condition and condition.names & names:
            exists = bool(self._value(condition, scope, entry.path, in_key=True))
            yield exists
            if not exists:
                return
        yield from self._node(entry.node, scope, names)

    def _entry(self, entry: Entry, scope: Mapping[str, Any], names: Names) -> Iterator[Any]:
        repeat = entry.key.repeat
        if repeat is None:
            yield from self._body(entry, scope, names)
            return
        first = repeat.start or Expression.of(0)
        start, stop = (self._value(e, scope, entry.path, in_key=True) for e in (first, repeat.stop))
        yield _plain(start), _plain(stop)
        inside = names - {repeat.variable}
        body = entry.inner_names
        if not body & inside or not isinstance(start, int) or not isinstance(stop, int):
            return
        # What depends on both indices is asked for every inner copy, else for the first.
        last = stop if repeat.variable in body else min(stop, start + 1)
        for number in range(start, last):
            yield from self._body(entry, Scope(scope, {repeat.variable: number}), inside)

    def _node(
        self, node: Module | Leaf | Use | Nested, scope: Mapping[str, Any], names: Names
    ) -> Iterator[Any]:
        if not node.names & names:
            return
        if isinstance(node, Leaf):
            yield from self._call(node.call, scope, names, node.path)
        elif isinstance(node, Nested):
            for part in (node.config, *node.sizes.values()):
                if part.names & names:
                    yield _plain(self._value(part, scope, node.path))
        elif isinstance(node, Use):
            yield from self._use(node, scope, names)
        else:
            yield from self._module(node, scope, names)

    def _module(self, module: Module, scope: Mapping[str, Any], names: Names) -> Iterator[Any]:
        if module.active and module.active.names & names:
            yield _plain(self._value(module.active, scope, (*module.path, "$active")))
        for cache in module.caches:
            condition = cache.condition
            if condition and condition.names & names:
                exists = bool(self._value(condition, scope, cache.path, in_key=True))
                yield exists
                if not exists:
                    continue
            yield from self._call(cache.call, scope, names, cache.path)
        for use in module.uses:
            yield from self._node(use, scope, names)
        for entry in module.entries:
            if entry.names & names:
                yield from self._entry(entry, scope, names)

    def _use(self, use: Use, scope: Mapping[str, Any], names: Names) -> Iterator[Any]:
        self._step()
        block = self.blocks[use.call.name]
        bound = self.bind(use, scope)
        sources = dict(zip(block.parameters, use.call.arguments)) | use.call.keywords
        depending = frozenset(key for key, source in sources.items() if source.names & names)
        yield from self._node(block.body, bound, depending)

    def _call(
        self, call: Call, scope: Mapping[str, Any], names: Names, path: Path
    ) -> Iterator[Any]:
        for part in (*call.arguments, *call.keywords.values()):
            if part.names & names:
                yield _plain(self._value(part, scope, path))

    def _value(
        self, expression: Expression, scope: Mapping[str, Any], path: Path, *, in_key: bool = False
    ) -> Any:
        self._step(1 + len(expression.text) // 64)
        try:
            return expression(scope)
        except ParamcalcError as error:
            raise error.at(path, in_key=in_key) from None

    def _step(self, steps: int = 1) -> None:
        self._steps += steps
        if self.is_exhausted:
            raise ParamcalcError(
                "a repeat is too long to look at each of its copies",
                "write what does not depend on the index outside of the conditions",
            )


def _plain(value: Any) -> Any:
    """The value as something that can be hashed, and that only its like is equal to."""
    if isinstance(value, (list, tuple)):
        return tuple(_plain(part) for part in value)
    if isinstance(value, (bool, float)):
        return repr(value)
    return id(value) if isinstance(value, Mapping) else value
