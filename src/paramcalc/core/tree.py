"""The tree of modules of a spec, compiled.

A module holds entries; an entry is a key (name, repeat, condition) and a node: a layer, a block
used here, the network of a nested configuration, or a module again. Every node knows the names
that stand free in it, so that expansion need not look at what does not depend on an index.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from paramcalc.core.cache import CACHE_KINDS
from paramcalc.core.closure import Span
from paramcalc.core.expression import Call, Expression, parse, parse_call
from paramcalc.core.keys import Key, parse_key
from paramcalc.core.layers import KINDS, WITHOUT_TENSORS, Slot
from paramcalc.errors import ParamcalcError, Problem, did_you_mean, shorten

_DEEPEST = 40
_MOST_ENTRIES = 100_000
_ANNOTATIONS = ("$cache", "$active", "$use")

Path = tuple[str, ...]
Names = frozenset[str]


class Leaf(NamedTuple):
    """A layer: one call that expands to its tensors."""

    call: Call
    path: Path

    @property
    def names(self) -> Names:
        return self.call.names


class Use(NamedTuple):
    """A block, used with arguments."""

    call: Call
    path: Path

    @property
    def names(self) -> Names:
        return self.call.names


class Nested(NamedTuple):
    """The network that a nested configuration describes."""

    config: Expression
    class_name: str | None
    model_type: str | None
    sizes: Mapping[str, Expression]
    """Fields that the whole imposes on this part, whatever its configuration says."""
    path: Path

    @property
    def names(self) -> Names:
        return self.config.names.union(*(size.names for size in self.sizes.values()))


class Entry(NamedTuple):
    """A child of a module: its key, read, and what it is."""

    key: Key
    node: Module | Leaf | Use | Nested
    path: Path
    names: Names
    """Free in the entry: its own index is not among them."""

    @property
    def inner_names(self) -> Names:
        """Free in what repeats: the condition and the node."""
        return self.node.names | (self.key.condition.names if self.key.condition else frozenset())


class CacheEntry(NamedTuple):
    """A ``$cache``, which may stand under a condition."""

    call: Call
    condition: Expression | None
    path: Path

    @property
    def names(self) -> Names:
        return self.call.names | (self.condition.names if self.condition else frozenset())


class Module(NamedTuple):
    """A module: its children, the blocks merged into it, and what `$` keys say of it."""

    entries: tuple[Entry, ...]
    uses: tuple[Use | Nested, ...]
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
        self._entries = 0

    def module(self, tree: Any, path: Path, local: Names) -> Module:
        """Compile a mapping; ``local`` are the indices and parameters in sight."""
        if not self._is_sound(tree, path):
            return Module((), (), (), None, frozenset(), path)
        tree = {str(key): value for key, value in tree.items()}
        entries = [
            entry
            for key, value in tree.items()
            if not key.startswith("$") and (entry := self.entry(key, value, path, local))
        ]
        uses, caches, active = self.annotations(tree, path, local)
        names = frozenset().union(
            *(entry.names for entry in entries),
            *(use.names for use in uses),
            *(cache.names for cache in caches),
            active.names if active else (),
        )
        return Module(tuple(entries), uses, caches, active, names, path)

    def _is_sound(self, tree: Any, path: Path) -> bool:
        """A mapping, neither too deep nor, with all that came before, too large."""
        if not isinstance(tree, Mapping):
            self.report("expected a layer or a mapping of modules", _HINT, path)
            return False
        before = self._entries
        self._entries += len(tree) if len(path) <= _DEEPEST else _MOST_ENTRIES
        if before <= _MOST_ENTRIES < self._entries:
            what = f"there are more than {_MOST_ENTRIES:,} entries"
            if len(path) > _DEEPEST:
                what = f"modules are nested more than {_DEEPEST} deep"
            self.report(what, None, path[:2], in_key=True)
        return self._entries <= _MOST_ENTRIES

    def annotations(
        self, tree: Mapping[str, Any], path: Path, local: Names
    ) -> tuple[tuple[Use | Nested, ...], tuple[CacheEntry, ...], Expression | None]:
        uses: list[Use | Nested] = []
        caches: list[CacheEntry] = []
        active = None
        for key in (key for key in tree if key.startswith("$")):
            here = (*path, key)
            name, _, condition = key.partition(" if ")
            if name == "$active" and not condition:
                active = self.expression(tree[key], here, local)
            elif name == "$use" and not condition:
                uses += self.merged(tree[key], here, local)
            elif name == "$cache":
                offset = len(key) - len(condition)
                test = self.condition(condition, here, local, offset) if condition else None
                calls = self.calls(tree[key], here, local)
                caches += [CacheEntry(call, test, path) for call, path in calls]
            else:
                hint = did_you_mean(name, _ANNOTATIONS)
                self.report(f"unknown annotation `{shorten(key)}`", hint, here, in_key=True)
        for cache in caches:
            self.check_kind(cache.call, CACHE_KINDS, "kind of cache", cache.path)
        return tuple(uses), tuple(caches), active

    def merged(self, value: Any, path: Path, local: Names) -> Iterator[Use | Nested]:
        """What ``$use`` merges into a module: blocks, and networks of nested configurations."""
        for call, here in self.calls(value, path, local):
            if call.name == "architecture":
                nested = self.nested(call, here)
                yield from [nested] if nested else []
            else:
                self.check_kind(call, self.blocks, "block", here)
                yield Use(call, here)

    def entry(self, text: str, value: Any, path: Path, local: Names) -> Entry | None:
        here = (*path, text)
        try:
            key = parse_key(text)
        except ParamcalcError as error:
            self.problems += error.at(here, in_key=True).problems
            return None
        index = key.repeat.variable if key.repeat else None
        inside = local | {index} if index else local
        if key.repeat:
            self.check_names(key.repeat.spans, here, local, in_key=True)
        if key.condition:
            self.check_names(key.condition.spans, here, inside, in_key=True)
        node = self.node(value, here, inside)
        if node is None:
            return None
        entry = Entry(key, node, here, frozenset())
        names = entry.inner_names - {index}
        return entry._replace(names=names | (key.repeat.names if key.repeat else frozenset()))

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
            self.unknown_layer(call, path)
            return None
        return Leaf(call, path)

    def unknown_layer(self, call: Call, path: Path) -> None:
        from paramcalc.core.layers.arguments import unknown_kind

        known = {**KINDS, **dict.fromkeys((*self.blocks, "architecture"), _no_layer)}
        error = unknown_kind(call.name, known).problems[0]
        self.problems.append(error._replace(path=path, span=call.span))

    def nested(self, call: Call, path: Path) -> Nested | None:
        sizes = dict(call.keywords)
        named = sizes.pop("model_type", None)
        texts = [*call.arguments[1:], *([named] if named else [])]
        if len(call.arguments) not in (1, 2) or not all(_is_text(text) for text in texts):
            self.report(
                "`architecture` takes a nested configuration",
                "write `architecture(text_config, 'ClassName', model_type='name', hidden_size=…)`",
                path,
            )
            return None
        class_name = call.arguments[1]({}) if len(call.arguments) == 2 else None
        model_type = named({}) if named else None
        return Nested(call.arguments[0], class_name, model_type, sizes, path)

    def calls(self, value: Any, path: Path, local: Names) -> list[tuple[Call, Path]]:
        """One call or a list of them, each with its path."""
        texts = [(value, path)]
        if isinstance(value, list):
            texts = [(text, (*path, str(number))) for number, text in enumerate(value)]
        found = ((self.call(text, here, local), here) for text, here in texts)
        return [(call, here) for call, here in found if call]

    def call(self, text: Any, path: Path, local: Names) -> Call | None:
        try:
            call = parse_call(str(text))
        except ParamcalcError as error:
            self.problems += error.at(path).problems
            return None
        self.check_names(call.spans, path, local)
        return call

    def expression(self, value: Any, path: Path, local: Names) -> Expression | None:
        try:
            expression = parse(str(value))
        except ParamcalcError as error:
            self.problems += error.at(path).problems
            return None
        self.check_names(expression.spans, path, local)
        return expression

    def condition(self, text: str, path: Path, local: Names, offset: int) -> Expression | None:
        """The condition of a key, which begins at ``offset`` in it."""
        try:
            condition = parse(text, offset=offset)
        except ParamcalcError as error:
            self.problems += error.at(path, in_key=True).problems
            return None
        self.check_names(condition.spans, path, local, in_key=True)
        return condition

    def report(self, message: str, hint: str | None, path: Path, *, in_key: bool = False) -> None:
        self.problems.append(Problem(message, hint, path, in_key=in_key))

    def check_kind(self, call: Call, known: Any, what: str, path: Path) -> None:
        if call.name in known:
            return
        hint = did_you_mean(call.name, known, 3)
        message = f"unknown {what} `{shorten(call.name)}`"
        self.problems.append(Problem(message, hint, path, call.span))

    def check_names(
        self, spans: Mapping[str, Span], path: Path, local: Names, *, in_key: bool = False
    ) -> None:
        for name in sorted(spans.keys() - local - self.known):
            near = [*self.known, *local]
            hint = did_you_mean(name, near) or "names stand under `config:` or `let:`"
            message = f"unknown name `{shorten(name)}` in an expression"
            self.problems.append(Problem(message, hint, path, spans[name], in_key))


def _is_text(expression: Expression) -> bool:
    text = expression.text
    return text[:1] in {"'", '"'} and text.endswith(text[0]) and text.count(text[0]) == 2


def _no_layer() -> list[Slot]:
    return []


_HINT = "write a layer such as `Linear(in, out)`, or modules indented below the name"
