"""The tree of modules of a spec, compiled.

A module holds entries; an entry is a key (name, repeat, condition) and a node: a layer, a block
used here, the network of a nested configuration, or a module again. Every node knows the names
that stand free in it, so that expansion need not look at what does not depend on an index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paramcalc.core.cache import CACHE_KINDS
from paramcalc.core.expression import Call, Expression, parse, parse_call
from paramcalc.core.keys import Key, parse_key
from paramcalc.core.layers import KINDS, WITHOUT_TENSORS
from paramcalc.errors import ParamcalcError, Problem, did_you_mean, shorten

_DEEPEST = 40
_ANNOTATIONS = ("$cache", "$active", "$use")

Path = tuple[str, ...]
Names = frozenset[str]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A layer: one call that expands to its tensors."""

    call: Call
    path: Path

    @property
    def names(self) -> Names:
        return self.call.names


@dataclass(frozen=True, slots=True)
class Use:
    """A block, used with arguments."""

    call: Call
    path: Path

    @property
    def names(self) -> Names:
        return self.call.names


@dataclass(frozen=True, slots=True)
class Nested:
    """The network that a nested configuration describes."""

    config: Expression
    class_name: str | None
    model_type: str | None
    path: Path

    @property
    def names(self) -> Names:
        return self.config.names


@dataclass(frozen=True, slots=True)
class Entry:
    key: Key
    node: Module | Leaf | Use | Nested
    path: Path
    names: Names
    """Free in the entry: its own index is not among them."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A ``$cache``, which may stand under a condition."""

    call: Call
    condition: Expression | None
    path: Path

    @property
    def names(self) -> Names:
        return self.call.names | (self.condition.names if self.condition else frozenset())


@dataclass(frozen=True, slots=True)
class Module:
    entries: tuple[Entry, ...]
    uses: tuple[Use, ...]
    caches: tuple[CacheEntry, ...]
    active: Expression | None
    names: Names
    path: Path


class TreeReader:
    """Compiles trees of modules; problems are added to ``problems``."""

    def __init__(
        self, problems: list[Problem], known: set[str], blocks: Mapping[str, tuple[str, ...]]
    ) -> None:
        self.problems = problems
        self.known = known
        self.blocks = blocks

    def module(self, tree: Any, path: Path, local: Names) -> Module:
        """Compile a mapping; ``local`` are the indices and parameters in sight."""
        if not isinstance(tree, Mapping) or len(path) > _DEEPEST:
            message = "expected a layer or a mapping of modules"
            if len(path) > _DEEPEST:
                message = f"modules are nested more than {_DEEPEST} deep"
            self.problems.append(Problem(message, _HINT, path))
            return Module((), (), (), None, frozenset(), path)
        entries = [
            entry
            for key, value in tree.items()
            if not str(key).startswith("$") and (entry := self.entry(key, value, path, local))
        ]
        uses, caches, active = self.annotations(tree, path, local)
        names = frozenset().union(
            *(entry.names for entry in entries),
            *(use.names for use in uses),
            *(cache.names for cache in caches),
            active.names if active else (),
        )
        return Module(tuple(entries), uses, caches, active, names, path)

    def annotations(
        self, tree: Mapping[str, Any], path: Path, local: Names
    ) -> tuple[tuple[Use, ...], tuple[CacheEntry, ...], Expression | None]:
        uses: list[Use] = []
        caches: list[CacheEntry] = []
        active = None
        for key in (str(key) for key in tree if str(key).startswith("$")):
            here = (*path, key)
            name, _, condition = key.partition(" if ")
            if name == "$active" and not condition:
                active = self.expression(tree[key], here, local)
            elif name == "$use" and not condition:
                uses += [Use(call, here) for call in self.calls(tree[key], here, local)]
            elif name == "$cache":
                test = self.expression(condition, here, local) if condition else None
                calls = self.calls(tree[key], here, local)
                caches += [CacheEntry(call, test, here) for call in calls]
            else:
                hint = did_you_mean(name, _ANNOTATIONS)
                self.report(f"unknown annotation `{shorten(key)}`", hint, here)
        for use in uses:
            self.check_kind(use.call, self.blocks, "block", use.path)
        for cache in caches:
            self.check_kind(cache.call, CACHE_KINDS, "kind of cache", cache.path)
        return tuple(uses), tuple(caches), active

    def entry(self, text: Any, value: Any, path: Path, local: Names) -> Entry | None:
        here = (*path, str(text))
        try:
            key = parse_key(str(text))
        except ParamcalcError as error:
            self.problems += error.at(here, in_key=True).problems
            return None
        index = key.repeat.index if key.repeat else None
        inside = local | {index} if index else local
        if key.repeat:
            self.check_names(key.repeat.names, str(text), here, local, in_key=True)
        if key.condition:
            self.check_names(key.condition.names, str(text), here, inside, in_key=True)
        node = self.node(value, here, inside)
        if node is None:
            return None
        names = node.names | (key.condition.names if key.condition else frozenset())
        names = (names - {index}) | (key.repeat.names if key.repeat else frozenset())
        return Entry(key, node, here, names)

    def node(self, value: Any, path: Path, local: Names) -> Module | Leaf | Use | Nested | None:
        if isinstance(value, Mapping):
            return self.module(value, path, local)
        if not isinstance(value, str):
            self.report("expected a layer or a mapping of modules", _HINT, path)
            return None
        call = self.call(value, path, local)
        if call is None:
            return None
        if call.name == "architecture":
            return self.nested(call, path)
        if call.name in self.blocks:
            return Use(call, path)
        if call.name not in KINDS and call.name not in WITHOUT_TENSORS:
            known = [*KINDS, *self.blocks, *WITHOUT_TENSORS, "architecture"]
            self.check_kind(call, known, "layer", path)
            return None
        return Leaf(call, path)

    def nested(self, call: Call, path: Path) -> Nested | None:
        texts = [*call.arguments[1:], *call.keywords.values()]
        well_formed = len(call.arguments) in (1, 2) and set(call.keywords) <= {"model_type"}
        if not well_formed or not all(t.is_constant and isinstance(t({}), str) for t in texts):
            self.report(
                "`architecture` takes a nested configuration",
                "write `architecture(text_config, 'ClassName', model_type='name')`",
                path,
            )
            return None
        class_name = call.arguments[1]({}) if len(call.arguments) == 2 else None
        model_type = call.keywords["model_type"]({}) if call.keywords else None
        return Nested(call.arguments[0], class_name, model_type, path)

    def calls(self, value: Any, path: Path, local: Names) -> list[Call]:
        texts = value if isinstance(value, list) else [value]
        found = (self.call(text, path, local) for text in texts)
        return [call for call in found if call]

    def call(self, text: Any, path: Path, local: Names) -> Call | None:
        try:
            call = parse_call(str(text))
        except ParamcalcError as error:
            self.problems += error.at(path).problems
            return None
        self.check_names(call.names, str(text), path, local)
        return call

    def expression(self, value: Any, path: Path, local: Names) -> Expression | None:
        try:
            expression = parse(str(value))
        except ParamcalcError as error:
            self.problems += error.at(path).problems
            return None
        self.check_names(expression.names, str(value), path, local)
        return expression

    def report(self, message: str, hint: str | None, path: Path) -> None:
        self.problems.append(Problem(message, hint, path))

    def check_kind(self, call: Call, known: Any, what: str, path: Path) -> None:
        if call.name in known:
            return
        hint = did_you_mean(call.name, known, 3)
        span = (max(call.text.find(call.name), 0), len(call.name))
        message = f"unknown {what} `{shorten(call.name)}`"
        self.problems.append(Problem(message, hint, path, span))

    def check_names(
        self, names: Names, text: str, path: Path, local: Names, *, in_key: bool = False
    ) -> None:
        for name in sorted(names - local - self.known):
            near = [*self.known, *local]
            hint = did_you_mean(name, near) or "names stand under `config:` or `let:`"
            span = (max(text.find(name), 0), len(name))
            message = f"unknown name `{shorten(name)}` in an expression"
            self.problems.append(Problem(message, hint, path, span, in_key))


_HINT = "write a layer such as `Linear(in, out)`, or modules indented below the name"
