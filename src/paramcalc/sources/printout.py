"""What PyTorch's ``print(model)`` shows, as a model.

A print-out shows modules, not tensors. What it hides and its surroundings tell is filled in and
said; what they do not tell is named, and the count is then a lower bound, marked as estimated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from math import prod
from typing import Any, NamedTuple

from paramcalc.core.layers import KINDS, LARGEST_NUMEL, Slot, expand_call
from paramcalc.core.layers.slot import under
from paramcalc.core.model import ESTIMATED, EXACT, LayerCall, Model, TensorGroup
from paramcalc.core.names import check_unique
from paramcalc.core.where import Where
from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources.printout_kinds import (
    Surroundings,
    Widths,
    called,
    is_plain,
    rule_of,
    sizes,
    torch_kind,
)
from paramcalc.sources.printout_notes import Notes
from paramcalc.sources.printout_text import Node, arguments_of, parse_printout
from paramcalc.sources.printout_ties import tie

ATTENTION = "MultiheadAttention"
_OWN_PARTS = frozenset({"TransformerEncoderLayer", "TransformerDecoderLayer"})
_PARAMETRIZED = "Parametrized"
_LOOKS_LIKE = {
    "Linear": {"in_features", "out_features"},
    "Embedding": {"num_embeddings", "embedding_dim"},
}
_NUMBER = re.compile(r"(?<![^.])(?:\d+|\*|\{\})(?![^.])")
MOST_SIZES = 1_000


def model_from_printout(
    text: str,
    file: str,
    *,
    tied: bool | None = None,
    ignore: Sequence[str] = (),
    sizes: Mapping[str, Any] | None = None,
) -> Model:
    """The model that a print-out shows.

    ``tied``: heads of the shape of a token table share its weights, or do not; without it they are
    taken to (the lower bound). ``ignore``: kinds or modules that hold nothing but what is printed.
    ``sizes``: shapes of tensors that are not printed, by ``Kind.tensor`` or by name.
    """
    root = parse_printout(text, file)
    reader = _Reader(ignore, _by_place(sizes or {}), tied)
    reader.visit(root, Where(), [])
    reader.check_names()
    groups, ties = tie(merged(reader.groups), tied, reader.notes)
    check_unique(groups)
    if not groups:
        raise ParamcalcError(f"`{file}` shows no tensors", "print the model, not its class")
    return Model(
        root.kind,
        tuple(groups),
        ties=tuple(ties),
        exactness=ESTIMATED if reader.notes.has_gaps else EXACT,
        source="; ".join([f"print-out in {file}", *reader.notes.lines()]),
    )


class _Given(NamedTuple):
    """A shape that the user gives, and the name that it was given by."""

    key: str
    shape: tuple[int, ...]


def _by_place(given: Mapping[str, Any]) -> dict[str, dict[str, _Given]]:
    """Shapes by kind or place and by tensor; ``fc`` alone is the tensor ``weight`` of ``fc``."""
    places: dict[str, dict[str, _Given]] = {}
    if len(given) > MOST_SIZES:
        raise ParamcalcError(f"more than {MOST_SIZES:,} sizes are set")
    for key, value in given.items():
        shape = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        slots = expand_call("Parameter", shape, {})
        found = _Given(key, slots[0].shape)
        place, _, tensor = key.rpartition(".")
        if place:
            places.setdefault(_template(place), {})[tensor] = found
        places.setdefault(_template(key), {})["weight"] = found
    return places


def _template(place: str) -> str:
    return _NUMBER.sub("{}", place)


class _Reader:
    """Collects the tensors of all modules, and what is not known about them."""

    def __init__(
        self,
        ignore: Sequence[str],
        given: Mapping[str, Mapping[str, _Given]],
        tied: bool | None,
    ) -> None:
        self.ignore = [(name, _template(name)) for name in ignore]
        self.given = given
        self.tied = tied
        self.groups: list[TensorGroup] = []
        self.notes = Notes()
        self.widths = Widths()
        self.used: set[str] = set()
        self.expanded: dict[tuple[str, str], list[Slot]] = {}
        self.calls: dict[tuple[str, str], LayerCall] = {}

    def visit(self, node: Node, where: Where, parents: list[Node]) -> None:
        """All tensors of a module and of those in it."""
        here = [*parents, node]
        place = where.prefix.rstrip(".")
        found = list(self.slots(node, place, parents))
        given = self.shapes(node, place)
        own = [slot for slot in found if slot.name not in given]
        own += [Slot(name, one.shape, node.kind) for name, one in given.items()]
        call = None if given else self.calls.get((node.kind, node.arguments))
        self.groups += [_group(slot, where, node)._replace(call=call) for slot in own]
        for child in () if node.kind == ATTENTION else node.children:
            name = child.name.replace("{", "(").replace("}", ")").replace(".", "_")
            if child.numbers is not None:
                count = len(child.numbers)
                below = _repeated(where, child.numbers, count)
            else:
                below = where.down(name)
            self.visit(child, below, here)

    def shapes(self, node: Node, place: str) -> Mapping[str, _Given]:
        """The shapes that the user gives for this module."""
        if not self.given:
            return {}
        both = {**self.given.get(node.kind, {}), **self.given.get(place, {})}
        found = {name: one for name, one in both.items() if name not in node.named()}
        self.used |= {one.key for one in found.values()}
        return found

    def is_closed(self, node: Node, place: str) -> bool:
        """The user says that nothing is missing here."""
        closed = bool(self.given and (self.given.get(node.kind) or self.given.get(place)))
        for name, template in self.ignore:
            if template == place or fnmatchcase(node.kind, name):
                self.used.add(name)
                closed = True
        return closed

    def check_names(self) -> None:
        """Whatever is ignored or set must be there."""
        keys = {one.key for tensors in self.given.values() for one in tensors.values()}
        for name in [*(name for name, _ in self.ignore), *sorted(keys)]:
            if name not in self.used:
                raise ParamcalcError(f"nothing in the print-out is called `{shorten(name)}`")

    def slots(self, node: Node, place: str, parents: Sequence[Node]) -> Iterator[Slot]:
        """The tensors of a module itself."""
        if node.shape is not None:
            yield Slot("", node.shape, "Parameter")
        elif node.kind == ATTENTION:
            yield from self.attention(node, place, parents)
        elif node.kind.startswith(_PARAMETRIZED):
            yield from self.parametrized(node, place)
        elif _is_layer(node):
            yield from self.layer(node, place)
        elif rule_of(node.kind) is not None:
            yield from self.by_rule(node, place, parents)
        elif not is_plain(node.kind):
            yield from self.unknown(node, place)

    def layer(self, node: Node, place: str) -> list[Slot]:
        """A layer of torch.nn, or one that prints itself like one."""
        key = node.kind, node.arguments
        if key not in self.expanded:
            self.expanded[key] = _expanded(node)
            self.calls[key] = LayerCall(
                torch_kind(node) or node.kind, *arguments_of(node.arguments)
            )
        if node.kind == "LayerNorm" and "bias=" not in node.arguments:
            self.gap(node, place, "counted with `bias`, which older versions of torch do not print")
        return self.expanded[key]

    def attention(self, node: Node, place: str, parents: Sequence[Node]) -> list[Slot]:
        """Torch's attention prints its out-projection only."""
        out = node.named().get("out_proj")
        width = called(out).get("in_features") if out else None
        if out is None or width is None:
            self.gap(node, place, "prints no `out_proj`")
            return []
        if not parents or parents[-1].kind not in _OWN_PARTS:
            text = "its in-projection is told from `out_proj`, as wide for keys and values"
            self.gap(node, place, text)
        return expand_call(ATTENTION, [width, 1], {"bias": called(out).get("bias", True)})

    def parametrized(self, node: Node, place: str) -> list[Slot]:
        """``ParametrizedLinear``: some of its tensors are computed from others."""
        kind = node.kind.removeprefix(_PARAMETRIZED)
        held = node.named().get("parametrizations")
        if kind not in KINDS or held is None:
            return self.unknown(node, place)
        found = []
        for slot in expand_call(kind, *arguments_of(node.arguments)):
            how = held.named().get(slot.name)
            if how is None:
                found.append(slot)
                continue
            both = any(child.kind == "_WeightNorm" for child in how.children)
            name = "original1" if both else "original"
            found += under(f"parametrizations.{slot.name}", [slot._replace(name=name)])
            self.gap(node, place, f"computes its {slot.name} from tensors that are not printed")
        return found

    def by_rule(self, node: Node, place: str, parents: Sequence[Node]) -> Iterator[Slot]:
        """A kind that the data file knows."""
        rule = rule_of(node.kind)
        if rule is None:
            return
        if rule.shares:
            self.gap(node, place, "some of its modules share tensors, which are counted at each")
        around = Surroundings(node, parents, self.widths)
        missing = list(rule.hidden)
        parts = [(rule.tensors, True), (rule.buffers, False)]
        if rule.untied and self.tied is not True:
            parts += [(rule.untied, True)] if self.tied is False else []
            if self.tied is None:
                self.notes.untied(place, list(rule.untied))
        for tensors, trained in parts:
            for name, dims in tensors.items():
                shape = () if dims == [] else sizes(dims, around)
                if shape is None:
                    missing.append(name)
                else:
                    yield Slot(name, shape, rule.kind or node.kind, trained)
        if missing and not self.is_closed(node, place):
            self.notes.missing(node.kind, missing)

    def unknown(self, node: Node, place: str) -> list[Slot]:
        """A kind that nobody knows; its arguments may look like those of one that is known."""
        if node.kind.removeprefix("Lazy") in KINDS:
            return expand_call(node.kind, [], {})  # the error says why not
        if not node.children:
            names = called(node).keys()
            for kind, wanted in _LOOKS_LIKE.items():
                if wanted <= names:
                    given = {k: called(node).get(k, True) for k in (*wanted, "bias")}
                    given = {k: v for k, v in given.items() if kind == "Linear" or k != "bias"}
                    self.gap(node, place, f"counted as {kind}")
                    return expand_call(kind, [], given)
        if not self.is_closed(node, place):
            self.notes.unknown(node.kind)
        return []

    def gap(self, node: Node, place: str, text: str) -> None:
        """Something that is taken to be so."""
        if not self.is_closed(node, place):
            self.notes.assumed(node.kind, text)


def _is_layer(node: Node) -> bool:
    """A layer of torch.nn, or one like it, which may hold modules beside its own tensors."""
    if not node.children:
        return torch_kind(node) is not None
    return bool(node.arguments and node.kind not in KINDS and torch_kind(node))


def _expanded(node: Node) -> list[Slot]:
    kind = torch_kind(node) or node.kind
    try:
        return expand_call(kind, *arguments_of(node.arguments))
    except ParamcalcError as error:
        if any(type(value) is int and value == 0 for value in called(node).values()):
            return []  # a layer without outputs
        first = error.problems[0]
        raise ParamcalcError(f"line {node.line}: {first.message}", first.hint) from None


def _repeated(where: Where, numbers: range, count: int) -> Where:
    return where._replace(
        prefix=where.prefix + "{}.",
        indices=(*where.indices, numbers),
        count=where.count * count,
        running=where.running * count,
    )


def _group(slot: Slot, where: Where, node: Node) -> TensorGroup:
    place = where.down(slot.name) if slot.name else where
    size = prod(slot.shape)
    if place.count * size > LARGEST_NUMEL:
        raise ParamcalcError(f"line {node.line}: there are more than 2**63 - 1 elements")
    return TensorGroup(
        place.prefix.rstrip("."),
        tuple(n if isinstance(n, range) else tuple(n) for n in place.indices),
        slot.shape,
        slot.kind,
        place.count,
        place.count * size if slot.trained else 0,
        slot.trained,
        slot.dtype,
    )


def merged(groups: Sequence[TensorGroup]) -> list[TensorGroup]:
    """Equal tensors of layers that are not printed together, as one group."""
    found: dict[tuple[object, ...], list[TensorGroup]] = {}
    for group in groups:
        key = (group.template, group.indices[1:], group.shape, group.kind, group.trained)
        found.setdefault(key, []).append(group)
    return [_one_of(same) for same in found.values()]


def _one_of(same: Sequence[TensorGroup]) -> TensorGroup:
    first = same[0]
    if len(same) == 1 or not first.indices:
        return first if len(same) == 1 else _twice(first)
    numbers = [number for group in same for number in group.indices[0]]
    if len(set(numbers)) < len(numbers):
        return _twice(first)
    whole = range(numbers[0], numbers[-1] + 1)
    axis = whole if list(whole) == numbers else tuple(numbers)
    return first._replace(
        indices=(axis, *first.indices[1:]),
        count=sum(group.count for group in same),
        active_numel=sum(group.active_numel for group in same),
    )


def _twice(group: TensorGroup) -> TensorGroup:
    raise ParamcalcError(f"the tensor `{shorten(group.template)}` is printed twice")
