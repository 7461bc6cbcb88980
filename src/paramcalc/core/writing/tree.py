"""Groups of tensors, and caches, as the tree of modules of a layer spec.

Copies that are equal are one repeated module. What only some of them have stands under a condition,
as high up as all below it has the same one; copies that have nothing in common are written apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from paramcalc.core.keys import MODULE_PATH
from paramcalc.core.writing.calls import Leaf, layer, raw
from paramcalc.core.writing.intervals import Intervals, conditions, members, size
from paramcalc.core.writing.items import (
    MOST_ITEMS,
    NUMBER,
    TOO_MANY,
    Domain,
    Item,
    apart,
    by_place,
    merged,
    spelled_out,
)
from paramcalc.errors import ParamcalcError, shorten

Tree = dict[str, Any]
_MOST_STEPS = 16
_CACHE, _ACTIVE = "$cache", "$active"


def tree_of(items: Sequence[Item]) -> Tree:
    """The tree that holds just these."""
    spelled = [one for item in items for one in spelled_out(item)]
    if len(spelled) > MOST_ITEMS:
        raise ParamcalcError(TOO_MANY)
    return _module(merged(spelled), Domain())


# --- modules ------------------------------------------------------------------------------------


def _module(items: Sequence[Item], domain: Domain) -> Tree:
    """The content of a module."""
    entries = _Entries()
    for numbers, caches in by_place(item for item in items if not item.path):
        texts = [str(item.what) for item in caches]
        for condition in _conditions(numbers, domain):
            entries.add(_CACHE + condition, texts[0] if len(texts) == 1 else texts)
    heads: dict[tuple[str, bool], list[Item]] = {}
    for item in items:
        if item.path:
            heads.setdefault(_head(item.path), []).append(item)
    for (name, repeats), inside in heads.items():
        if repeats:
            _add_repeats(entries, name, inside, domain)
        else:
            _add_modules(entries, name, inside, domain)
    return entries.tree


class _Entries:
    """Entries of a module; two that would have the same key are joined or told apart."""

    def __init__(self) -> None:
        self.tree: Tree = {}

    def add(self, key: str, value: Any) -> None:
        """Add an entry."""
        old = self.tree.get(key)
        # What stands beside fused experts is no part of them.
        if (
            isinstance(old, dict)
            and isinstance(value, dict)
            and old.keys().isdisjoint(value)
            and _ACTIVE not in {*old, *value}
        ):
            old.update(value)
            return
        while key in self.tree:
            key += " and True" if " if " in key else " if True"
        self.tree[key] = value


def _head(path: Sequence[str]) -> tuple[str, bool]:
    """The first name, and whether it repeats."""
    if path[0].endswith(NUMBER):
        return _named(path[0].removesuffix(NUMBER)), True
    return _named(path[0]), path[1:2] == (NUMBER,)


def _named(name: str) -> str:
    if MODULE_PATH.fullmatch(name):
        return name
    raise ParamcalcError(
        f"`{shorten(name)}` in the name of a tensor cannot be written in a layer spec",
        "names are letters, digits, `_` and `-`, a dot between two of them",
    )


def _conditions(numbers: Intervals, domain: Domain) -> list[str]:
    """As they stand behind a name."""
    found = conditions(domain.variable, numbers, domain.numbers)
    return [f" if {text}" for text in found] or [""]


def _add_modules(entries: _Entries, name: str, items: Sequence[Item], domain: Domain) -> None:
    """A module or a tensor, once for each of the forms that it has."""
    below = [item._replace(path=item.path[1:]) for item in items]
    rest: dict[int | None, list[Item]] = {}
    alike = len({item.fused for item in below}) == 1
    for item in below:
        if isinstance(item.what, Leaf) and _is_tensor(item):
            for condition in _conditions(item.here, domain):
                entries.add(name + condition, _single(name, item, item.what))
        else:
            # Fused experts need a module of their own, in which it is said how many run.
            fused = None if alike or len(item.path) > 1 else item.fused
            rest.setdefault(fused, []).append(item)
    for same in rest.values():
        for numbers, inside in apart(same):
            inner = domain._replace(numbers=numbers)
            for condition in _conditions(numbers, domain):
                for behind, content in _contents(inside, inner):
                    entries.add(f"{name}{behind}{condition}", content)


def _single(name: str, item: Item, leaf: Leaf) -> str:
    if item.fused is None:
        return raw(leaf)
    raise ParamcalcError(f"`{shorten(name)}` holds experts without a module of its own")


def _contents(items: Sequence[Item], domain: Domain) -> Iterator[tuple[str, str | Tree]]:
    """What a module holds; beside a layer, what else is in it as `.name`."""
    weight = next((item.what for item in items if item.path == ("weight",)), None)
    if isinstance(weight, Leaf):
        own = [item for item in items if _is_part(item, weight)]
        others = [item for item in items if item not in own]
        text = _call(own) if others and all(item.path for item in others) else None
        beside = _module(others, domain) if text else {}
        if text and not any(" if " in key for key in beside):
            yield "", text
            yield from ((f".{key}", value) for key, value in beside.items())
            return
    yield "", _content(items, domain)


def _is_part(item: Item, weight: Leaf) -> bool:
    """It belongs to the same layer."""
    if len(item.path) != 1 or not isinstance(item.what, Leaf):
        return False
    return (item.what.call, item.what.kind) == (weight.call, weight.kind)


def _content(items: Sequence[Item], domain: Domain) -> str | Tree:
    """Of a module that does not repeat: a layer, if it makes just these tensors, or the tree."""
    fused = {item.fused for item in items if isinstance(item.what, Leaf) and item.what.trained}
    if _is_tensor(items[0]) and isinstance(items[0].what, Leaf):
        return raw(items[0].what)
    if len(fused) == 1 and None not in fused and items[0].path:
        plain = [item._replace(fused=None) for item in items]
        return {_ACTIVE: fused.pop(), **_module(plain, domain)}
    return _call(items) or _module(items, domain)


def _call(items: Sequence[Item]) -> str | None:
    tensors: dict[str, Leaf] = {}
    for item in items:
        if not isinstance(item.what, Leaf) or item.axes or item.fused is not None:
            return None
        tensors[".".join(item.path)] = item.what
    same = len(tensors) == len(items) and len({item.here for item in items}) == 1
    return layer(tensors) if same else None


# --- repeats ------------------------------------------------------------------------------------


def _add_repeats(entries: _Entries, name: str, items: Sequence[Item], domain: Domain) -> None:
    """A repeated module, once for each of the forms that it has."""
    skipped = 1 if items[0].path[0].endswith(NUMBER) else 2
    for outer in dict.fromkeys(item.here for item in items):
        inner = merged(
            item._replace(path=item.path[skipped:], axes=item.axes[1:], here=item.axes[0])
            for item in items
            if item.here == outer
        )
        around = conditions(domain.variable, outer, domain.numbers) or [""]
        parts = [part for same in _by_share(inner) for part in _tensors_apart(same)]
        forms = [form for part in parts for form in _forms(part)]
        literal = all(form.is_single for form in forms) and not name.endswith("_")
        for form in forms:
            for condition in around:
                form.add(entries, name, condition, domain, literal=literal)


def _by_share(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Experts apart from all else, and those apart of which another part is active."""
    found: dict[Fraction, list[Item]] = {}
    for item in items:
        share = item.share if item.running == len(item.axes) else Fraction(1)
        found.setdefault(share, []).append(item)
    yield from found.values()


def _tensors_apart(items: Sequence[Item]) -> Iterator[list[Item]]:
    """What repeats may be a tensor itself (`scales[3]`), whatever modules there are beside it."""
    for is_tensor in (True, False):
        if part := [item for item in items if _is_tensor(item) == is_tensor]:
            yield part


def _is_tensor(item: Item) -> bool:
    return not item.path and isinstance(item.what, Leaf)


class _Form(NamedTuple):
    """Copies of a repeated module that are written together."""

    numbers: Intervals
    items: list[Item]
    share: Fraction

    @property
    def is_single(self) -> bool:
        return size(self.numbers) == 1 and self.share == 1

    def add(
        self, entries: _Entries, name: str, outer: str, domain: Domain, *, literal: bool
    ) -> None:
        """Add the entry; ``outer`` is a condition on the index around it."""
        if self.is_single:
            # `mlp.0` and `mlp.2` are steps of a sequence rather than copies of a module.
            number = self.numbers[0][0]
            value = _content(_all_there(self.items), Domain(domain.depth, ()))
            behind = f" if {outer}" if outer else ""
            if literal:
                entries.add(name + behind, {str(number): value})
            else:
                dot = "" if name.endswith("_") else "."
                entries.add(f"{name}{dot}{number}{behind}", value)
            return
        inside = domain.inside(self.numbers)
        start, stop = self.numbers[0][0], self.numbers[-1][1]
        content = self.content(inside)
        for own in conditions(inside.variable, self.numbers, ((start, stop),)) or [""]:
            both = " and ".join(
                f"({text})" if " or " in text else text for text in (outer, own) if text
            )
            named = inside.depth > 1 and (both or _has_conditions(content))
            variable = f"{inside.variable} in " if named else ""
            span = f"{start}:{stop}" if start else f"{stop}"
            behind = f" if {both}" if both else ""
            entries.add(f"{name}[{variable}{span}]{behind}", content)

    def content(self, domain: Domain) -> str | Tree:
        """What each copy holds, and how many of them run."""
        if self.share == 1:
            if _is_tensor(self.items[0]):
                return _content(self.items, domain)
            return _call(self.items) or _module(self.items, domain)
        running = self.share * size(self.numbers)
        plain = [item._replace(running=None, share=Fraction(1)) for item in self.items]
        return {_ACTIVE: int(running), **_module(plain, domain)}


def _all_there(items: Sequence[Item]) -> list[Item]:
    return [item._replace(here=()) for item in items]


def _forms(items: Sequence[Item]) -> Iterator[_Form]:
    """The copies that have something in common are written together."""
    share = items[0].share if items[0].running == len(items[0].axes) else Fraction(1)
    if share == 1:
        for numbers, inside in apart(items):
            yield from _steps(_Form(numbers, inside, share))
        return
    # How many experts run is said of consecutive ones, without conditions.
    for numbers, inside in by_place(items):
        yield from (_Form((one,), inside, share) for one in numbers)


def _steps(form: _Form) -> Iterator[_Form]:
    """Equal layers with others between them are steps of a sequence: `net.0`, `net.2`."""
    if len(form.numbers) == 1 or size(form.numbers) > _MOST_STEPS or not _call(form.items):
        yield form
        return
    for number in members(form.numbers):
        here = ((number, number + 1),)
        yield _Form(here, [item._replace(here=here) for item in form.items], form.share)


def _has_conditions(content: str | Tree) -> bool:
    if isinstance(content, str):
        return False
    return any(
        " if " in key or _has_conditions(inner)
        for key, inner in content.items()
        if isinstance(inner, (str, dict))
    )
