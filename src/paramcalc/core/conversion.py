"""Tensors of a checkpoint under the names and in the shapes that another kind of file has.

llama.cpp's converter stacks experts, splits a latent projection, adds the factors of a rope, and
calls everything otherwise. What becomes of which tensor is data; here is what the rules mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

from paramcalc.core.closure import LARGEST
from paramcalc.core.expression import Expression
from paramcalc.core.lazy import NOTHING, LazyScope
from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.pattern import Pattern, part, tidy
from paramcalc.core.scope import NestedConfiguration, Scope
from paramcalc.errors import ParamcalcError, shorten

Shape = tuple[Expression, ...]


class Target(NamedTuple):
    """What a tensor is called, and its shape if that is another one."""

    name: str
    shape: Shape | None = None
    condition: Expression | None = None


class Conversion(NamedTuple):
    """The rules for one architecture."""

    architecture: str
    """What the other kind of file calls it."""
    layers: Mapping[str, str]
    """What stands before a layer's number, there and here."""
    names: Mapping[str, tuple[Target, ...]]
    """Module or tensor, without its layer, to what becomes of it."""
    dropped: tuple[Pattern, ...] = ()
    added: tuple[Target, ...] = ()
    facts: Mapping[str, tuple[Expression, ...]] = NOTHING
    """Names for what the file's metadata say: the first of these whose names are all known."""
    lets: Mapping[str, Expression] = NOTHING
    renamed: Mapping[str, str] = NOTHING
    """Parts of names, and what takes their place before anything else is looked up."""
    inside: str = ""
    """The field that holds the configuration of the part that is converted."""
    written: Expression | None = None
    """How many layers are written; those after them are left out."""
    is_declared: bool = True
    """The rules are this architecture's own, not only a relative's."""


class Converted(NamedTuple):
    """The tensors of the other kind of file."""

    groups: tuple[TensorGroup, ...]
    facts: Mapping[str, Any]
    unknown: tuple[str, ...] = ()
    """Tensors that no rule is for; they are taken as they stand."""
    is_declared: bool = True
    """The rules are the architecture's own."""
    left_out: int = 0
    """Parameters that are written to another file, such as those of a vision tower."""


_latest: tuple[Model, Conversion, Converted] | None = None
"""The last answer: a ladder asks for the same one for each file type."""


def convert(model: Model, conversion: Conversion) -> Converted:
    """The model's tensors as the rules have them."""
    global _latest  # noqa: PLW0603 - replaced as a whole, so threads see the old or the new one
    latest = _latest
    if latest is not None and latest[0] is model and latest[1] is conversion:
        return latest[2]
    found = _convert(model, conversion)
    _latest = (model, conversion, found)
    return found


def _convert(model: Model, conversion: Conversion) -> Converted:
    scope = _scope(model, conversion)
    converter = _Converter(conversion, scope)
    groups = [one for group in model.groups for one in converter.group(group)]
    groups += converter.added(groups)
    facts: dict[str, Any] = {"architecture": conversion.architecture}
    for name, texts in conversion.facts.items():
        facts[name] = _fact(texts, LazyScope(scope, facts))
    unknown = tuple(dict.fromkeys(converter.unknown))
    left_out = converter.left_out
    return Converted(tuple(groups), facts, unknown, conversion.is_declared, left_out)


def _scope(model: Model, conversion: Conversion) -> LazyScope:
    """The fields and derived sizes of the part that is converted, and its config.json."""
    names, configuration = model.names, model.configuration
    if conversion.inside:
        inner = names[conversion.inside]
        if not isinstance(inner, NestedConfiguration):
            raise ParamcalcError(f"`{shorten(conversion.inside)}` holds no configuration")
        names, configuration = inner.names, inner.given
    return LazyScope(names, {"configuration": configuration}, conversion.lets)


def _fact(expressions: Sequence[Expression], scope: Mapping[str, Any]) -> Any:
    """What the metadata say; 0 where the architecture has no such thing."""
    for expression in expressions:
        if all(_is_known(name, scope) for name in expression.names):
            found = expression(scope)
            if found is not None:
                return found
    return 0


def _is_known(name: str, scope: Mapping[str, Any]) -> bool:
    """Whether a name means something; it is looked up, for fields are made when they are asked."""
    try:
        scope[name]
    except KeyError:
        return False
    return True


class _Converter:
    def __init__(self, conversion: Conversion, scope: Mapping[str, Any]) -> None:
        self.rules = conversion
        self.scope = scope
        self.unknown: list[str] = []
        self.left_out = 0

    def group(self, group: TensorGroup) -> Iterator[TensorGroup]:
        """What becomes of equal tensors: nothing, the same under another name, or several."""
        written = self.present(group)
        plain = group.template.replace("{}", "0")
        if written is None or any(pattern.matches(plain) for pattern in self.rules.dropped):
            self.left_out += int(group.numel) if group.trained else 0
            return
        group = written
        before, layer, rest = self.place(self.renamed(group.template))
        targets, leaf = self.targets(rest)
        if targets is not None and not all(map(self.is_for, targets)):
            targets = None
        if targets is None and "{}" in rest and self.has_numbered(rest):
            yield from self.numbered(group, rest)
        elif targets is None:
            if group.trained:
                self.unknown.append(group.template)
                yield group
        else:
            for target in targets:
                if self.holds(target, group.shape, before):
                    yield self.one(group, target, f"{before}{layer}", leaf)

    @cached_property
    def unnumbered(self) -> frozenset[str]:
        """The names that rules are for, with a place in them for each number."""
        names = list(map(_unnumbered, self.rules.names))
        layers = map(_unnumbered, self.rules.layers)
        return frozenset([*names, *(f"{layer}.{{}}.{name}" for layer in layers for name in names)])

    def has_numbered(self, rest: str) -> bool:
        """Some number may make a name of it that has a rule; without, each would be looked up."""
        name = _unnumbered(rest)
        return name in self.unnumbered or name.rpartition(".")[0] in self.unnumbered

    def numbered(self, group: TensorGroup, rest: str) -> Iterator[TensorGroup]:
        """Tensors with a rule for each number in their names: `layer.0.norm`, `layer.1.norm`."""
        at = group.template.count("{}") - rest.count("{}")
        head = group.template.split("{}")
        for number in group.indices[at]:
            box = (*group.indices[:at], (number,), *group.indices[at + 1 :])
            one = part(group, box)
            template = "{}".join(head[: at + 1]) + str(number) + "{}".join(head[at + 1 :])
            indices = (*one.indices[:at], *one.indices[at + 1 :])
            yield from self.group(one._replace(template=template, indices=indices))

    def present(self, group: TensorGroup) -> TensorGroup | None:
        """The group without the layers that are not written."""
        prefix = group.template.partition(".{}.")[0]
        if self.rules.written is None or self.renamed(prefix) not in self.rules.layers:
            return group
        most = self.rules.written(self.scope)
        if type(most) is not int:
            return group
        kept = tuple(number for number in group.indices[0] if number < most)
        if len(kept) == len(group.indices[0]):
            return group
        return part(group, (tidy(kept), *group.indices[1:])) if kept else None

    def renamed(self, template: str) -> str:
        for old, new in self.rules.renamed.items():
            template = template.replace(old, new)
        return template

    def place(self, template: str) -> tuple[str, str, str]:
        """Where the layer stands in the other file, its number, and the name within it."""
        prefix, found, rest = template.partition(".{}.")
        if found and prefix in self.rules.layers:
            return self.rules.layers[prefix], ".{}.", rest
        return "", "", template

    def targets(self, name: str) -> tuple[tuple[Target, ...] | None, str]:
        """The rule for a tensor, or for its module, with what is then added to the new name."""
        names = self.rules.names
        if name in names:
            return names[name], ""
        module, _, leaf = name.rpartition(".")
        return names.get(module), f".{leaf}"

    def is_for(self, target: Target) -> bool:
        """Rules for all architectures may need sizes that this one has no words for."""
        if self.rules.is_declared:
            return True
        expressions = [*(target.shape or ()), *filter(None, (target.condition,))]
        names = {name for expression in expressions for name in expression.names}
        return all(_is_known(name, self.scope) for name in names - {"shape", "place"})

    def holds(self, target: Target, shape: Sequence[int], place: str = "") -> bool:
        """Whether the target's condition holds, over the shape and where the layer stands."""
        if target.condition is None:
            return True
        return target.condition.holds(Scope(self.scope, {"shape": list(shape), "place": place}))

    def one(self, group: TensorGroup, target: Target, place: str, leaf: str) -> TensorGroup:
        """Indices that the new name has no room for are stacked: experts become one tensor."""
        template = f"{place}{target.name}{leaf}"
        kept = template.count("{}")
        stacked = tuple(len(numbers) for numbers in group.indices[kept:])
        count = prod(len(numbers) for numbers in group.indices[:kept])
        shape = (*stacked, *self.shape(group.shape, target))
        return group._replace(
            template=template,
            indices=group.indices[:kept],
            shape=shape,
            count=count,
            active_numel=int(group.active_numel) * prod(shape) * count // max(1, int(group.numel)),
        )

    def shape(self, shape: Sequence[int], target: Target) -> tuple[int, ...]:
        if target.shape is None:
            return tuple(map(int, shape))
        scope = Scope(self.scope, {"shape": [int(size) for size in shape]})
        return tuple(_size(size(scope), target) for size in target.shape)

    def added(self, groups: Sequence[TensorGroup]) -> Iterator[TensorGroup]:
        """What the converter makes of the configuration alone."""
        present = {group.template for group in groups}
        for target in self.rules.added:
            if target.name not in present and self.holds(target, ()):
                shape = self.shape((), target)
                yield TensorGroup(target.name, (), shape, "Buffer", 1, 0, trained=False)


def _unnumbered(name: str) -> str:
    return ".".join("{}" if part.isdecimal() else part for part in name.split("."))


def _size(value: Any, target: Target) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST:
        return int(value)
    raise ParamcalcError(f"a size of `{shorten(target.name)}` is no positive whole number")
