"""What a user says that llama.cpp's converter does with the tensors of an architecture."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from paramcalc.catalogue import scheme_schemas as schemas
from paramcalc.catalogue.architectures import find_spec
from paramcalc.catalogue.check_rules import expression, let_problems
from paramcalc.catalogue.check_schemes import brace_problems, pattern_problems
from paramcalc.catalogue.conversions import CONVERSIONS
from paramcalc.catalogue.findings import findings
from paramcalc.catalogue.strict_yaml import load
from paramcalc.catalogue.table import cut, headings
from paramcalc.core.expression import stated
from paramcalc.errors import ParamcalcError, Problem, did_you_mean, shorten

_EVERYWHERE = frozenset({"configuration"})
_SIZES, _CONDITION = frozenset({"shape"}), frozenset({"shape", "place"})
Path = tuple[str, ...]
Cards = Mapping[str, Any]
Find = Callable[[str], Any]


def shipped_card(name: str) -> Any:
    """An entry or a section of the data folders as it stands, whether it is right or not."""
    for _, text in CONVERSIONS.texts:
        if name in headings(text) or f"\n{name}:" in f"\n{text}":
            return load(cut(text, name), CONVERSIONS.file).get(name)
    return None


def conversion_problems(name: str, card: Any, find: Find = shipped_card) -> list[Problem]:
    """What is wrong with an entry of gguf_tensors.yaml; ``find`` gives the others."""
    schema = schemas.schema_of_conversion(name)
    problems = findings(schema, card, (name,), f"`{shorten(name)}`")
    return problems or list(_problems(name, card, find))


def _problems(name: str, card: Cards, find: Find) -> Iterator[Problem]:
    links, problem = _chain(name, card, find)
    if problem is not None:
        yield problem
        return
    lets: dict[str, Any] = {}
    for link in reversed(links):
        lets |= _mapping(link, "let")
    inside = next((link["inside"] for link in links if "inside" in link), None)
    known: Collection[str] | None = None
    if name != schemas.EVERY:
        if not any("gguf" in link for link in links):
            hint = "`gguf`: what the file calls the architecture; or `like`: another entry"
            yield Problem(f"`{shorten(name)}` lacks `gguf`", hint, (name,), in_key=True)
        found = _names_of(name, inside)
        if isinstance(found, Problem):
            yield found
            return
        known = None if found is None else {*found, *lets, *_EVERYWHERE}
    yield from let_problems(_mapping(card, "let"), lets, known, (name, "let"))
    yield from expression(card.get("written"), known, name, "written", text=True)
    before = {fact for link in links[1:] for fact in _mapping(link, "facts")}
    facts = None if known is None else {*known, *before}
    yield from _fact_problems(_mapping(card, "facts"), facts, (name, "facts"))
    yield from _name_problems(card, known, name)


def _mapping(card: Any, key: str) -> Cards:
    """A part of a card, which may be of a file that has not been validated."""
    found = card.get(key) if isinstance(card, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _chain(name: str, card: Cards, find: Find) -> tuple[list[Cards], Problem | None]:
    """The entry, those that it is like, and what all begin with."""
    links, seen, path = [card], [name], (name, "like")
    while "like" in links[-1]:
        following = links[-1]["like"]
        if following in seen:
            circle = [*seen[seen.index(following) :], following]
            message = f"`{shorten(following)}` is like itself: {shorten(' -> '.join(circle), 200)}"
            return links, Problem(message, None, path)
        other = find(following) if isinstance(following, str) else None
        if not isinstance(other, Mapping) or following.startswith("_"):
            message = f"no entry named `{shorten(str(following))}` to be like"
            return links, Problem(message, did_you_mean(str(following), CONVERSIONS.names()), path)
        links.append(other)
        seen.append(following)
    if name != schemas.EVERY and isinstance(every := find(schemas.EVERY), Mapping):
        links.append(every)
    return links, None


def _names_of(name: str, inside: Any) -> Collection[str] | Problem | None:
    """The fields and derived sizes that expressions are over; None if the model tells them."""
    try:
        spec = find_spec(name)
        if inside is not None:
            field = spec.fields.get(inside) if isinstance(inside, str) else None
            if field is None:
                message = f"`{shorten(name)}` has no field `{shorten(str(inside))}`"
                hint = did_you_mean(str(inside), spec.fields)
                return Problem(message, hint, (name, "inside"))
            if field.nested is None:
                return None
            spec = find_spec(field.nested)
    except ParamcalcError as error:
        # Its own place is of no use here.
        first = error.problems[0]
        return Problem(first.message, first.hint, (name,), in_key=True)
    return {*spec.fields, *spec.lets}


def _fact_problems(facts: Cards, known: Collection[str] | None, path: Path) -> Iterator[Problem]:
    """Of a list the names of one expression are known; of a single one they are."""
    before: set[str] = set()
    for name, value in facts.items():
        here = (*path, name)
        names = None if known is None else {*known, *before}
        if isinstance(value, list):
            found = [p for n, one in enumerate(value) for p in expression(
                one, None, *here, str(n), text=True)]  # fmt: skip
            yield from found
            used = [] if found else [stated(one).names for one in value]
            if names is not None and used and not any(set(one) <= names for one in used):
                yield Problem(f"no expression of `{shorten(name)}` has known names", None, here)
        else:
            yield from expression(value, names, *here, text=True)
        before.add(name)


def _name_problems(card: Cards, known: Collection[str] | None, name: str) -> Iterator[Problem]:
    for old, value in card.get("names", {}).items():
        path = (name, "names", old)
        if isinstance(value, str):
            yield from _target_problems(value, old, path, in_key=False)
        for target, sizes in value.items() if isinstance(value, Mapping) else ():
            yield from _whole_target(target, sizes, old, known, (*path, target))
    for target, sizes in card.get("added", {}).items():
        yield from _whole_target(target, sizes, "", known, (name, "added", target))
    for old, new in card.get("layers", {}).items():
        yield from brace_problems(new, 0, (name, "layers", old))
    for old, new in card.get("renamed", {}).items():
        yield from brace_problems(new, old.count("{}"), (name, "renamed", old))
    for number, text in enumerate(card.get("dropped", ())):
        yield from pattern_problems(text, (name, "dropped", str(number)))


def _whole_target(
    text: str, sizes: list[Any] | None, old: str, known: Collection[str] | None, path: Path
) -> Iterator[Problem]:
    """``new.name if EXPR: [SIZE, …]``."""
    target, found, condition = text.partition(" if ")
    yield from _target_problems(target, old, path, in_key=True)
    if found:
        names = None if known is None else {*known, *_CONDITION}
        offset = len(target + found)
        for problem in expression(condition, names, *path, offset=offset, text=True):
            yield problem._replace(in_key=True)
    names = None if known is None else {*known, *_SIZES}
    for number, size in enumerate(sizes or ()):
        yield from expression(size, names, *path, str(number), text=True)


def _target_problems(text: str, old: str, path: Path, *, in_key: bool) -> Iterator[Problem]:
    yield from brace_problems(text, old.count("{}"), path, in_key=in_key)
    if not text or any(character.isspace() for character in text):
        hint = "a condition stands in a mapping: `old: {new.name if EXPR: [SIZE, …]}`"
        yield Problem(f"`{shorten(text)}` is no name of a tensor", hint, path, in_key=in_key)
