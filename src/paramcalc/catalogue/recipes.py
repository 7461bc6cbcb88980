"""Recipes from the data files: schemes, what a name sets in them, and a user's own mixes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from paramcalc.catalogue.architectures import (
    architecture_source,
    chain,
    is_architecture,
)
from paramcalc.catalogue.quantization import method_of, section_of, values_at
from paramcalc.catalogue.table import Entry, Table
from paramcalc.core.conversion import Conversion, Target
from paramcalc.core.expression import Expression, parse
from paramcalc.core.pattern import pattern
from paramcalc.core.recipe import (
    ALL,
    MIX,
    MODEL_NAMES,
    OWN,
    TENSOR_NAMES,
    FindFormat,
    Recipe,
)
from paramcalc.core.scheme import Choice, Layout, Piece, Rule, Scheme
from paramcalc.errors import ParamcalcError, did_you_mean, shorten

SCHEMES = Table("schemes.yaml")
CONVERSIONS = Table("gguf_tensors.yaml")
_NUMBER = re.compile(r"-?[0-9]{1,6}(?:\.[0-9]{1,3})?")


# --- schemes -------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def scheme(name: str) -> tuple[Scheme, Mapping[str, Any]]:
    """A scheme by its name, and its entry."""
    entry = SCHEMES.find(name)
    if entry is None:
        raise ParamcalcError(f"no scheme named `{shorten(name)}`", "schemes.yaml has them")
    return compiled(entry.name, entry.card), entry.card


def compiled(name: str, card: Mapping[str, Any]) -> Scheme:
    """A scheme from its entry."""
    return Scheme(
        name,
        tuple(_rule(rule) for rule in card["rules"]),
        _expressions(card.get("let", {})),
        card.get("fallback", {}),
        bool(card.get("converts")),
        _layout(card["file"]) if "file" in card else None,
    )


def _layout(card: Mapping[str, Any]) -> Layout:
    low_to_high = {key: tuple(card[key]) for key in ("token_bytes", "key_bytes")}
    return Layout(**{**card, **low_to_high, "source": " ".join(str(card["source"]).split())})


def _rule(rule: Mapping[str, Any]) -> Rule:
    return Rule(
        names=tuple(map(pattern, rule.get("names", ()))),
        besides=tuple(map(pattern, rule.get("besides", ()))),
        listed=rule.get("listed", ""),
        kinds=frozenset(rule.get("kinds", ())),
        condition=_expression(rule["if"]) if "if" in rule else None,
        choices=choices(rule.get("as", ())),
        then=choices(rule.get("then", ())),
        stores=tuple(_pieces(rule.get("stores", {}))),
        ending=rule.get("of", ".weight"),
        category=rule.get("category", ""),
        lets=_expressions(rule.get("let", {})),
    )


def choices(value: Any) -> tuple[Choice, ...]:
    """``FORMAT if EXPR``, or a list of these."""
    return tuple(_choice(text) for text in ([value] if isinstance(value, str) else value))


def _choice(text: str) -> Choice:
    name, found, condition = text.partition(" if ")
    return Choice(name.strip(), _expression(condition) if found else None)


def _pieces(stores: Mapping[str, Any]) -> Iterator[Piece]:
    for ending, value in stores.items():
        for text in [value] if isinstance(value, str) else value:
            yield _piece(ending, text)


def _piece(ending: str, text: str) -> Piece:
    """``FORMAT [SIZE, …] if EXPR``."""
    name, _, sizes = text.partition(" ")
    body, found, condition = sizes.rpartition("] if ")
    shape = parse(f"{body}]" if found else sizes)
    return Piece(ending, name, shape, _expression(condition) if found else None)


def _expressions(texts: Mapping[str, Any]) -> dict[str, Expression]:
    return {name: _expression(text) for name, text in texts.items()}


def _expression(value: Any) -> Expression:
    return parse(value, allow_text=True) if isinstance(value, str) else Expression.of(value)


# --- recipes -------------------------------------------------------------------------------------


def recipe(
    entry: Entry, find_format: FindFormat, values: Mapping[str, Any] = MappingProxyType({})
) -> Recipe:
    """The recipe of an entry of precisions.yaml; ``values`` are parameters that a name gives."""
    found, card = scheme(entry.card["recipe"])
    return _set((found, card), entry.name, entry.card, find_format, values)


def _set(
    of: tuple[Scheme, Mapping[str, Any]],
    name: str,
    card: Mapping[str, Any],
    find_format: FindFormat,
    values: Mapping[str, Any],
) -> Recipe:
    """A scheme with its parameters set: by default, by the entry, by the name, in this order."""
    found, scheme_card = of
    parameters = scheme_card.get("parameters", {})
    defaults = {key: one.get("default") for key, one in parameters.items()}
    merged = {**defaults, **card.get("with", {}), **values}
    base = merged.get("base")
    return Recipe(
        name,
        found,
        str(merged.get("rest", scheme_card["rest"])),
        merged,
        {category: choices(value) for category, value in card.get("mix", {}).items()},
        " ".join(str(card.get("source") or scheme_card.get("source", "")).split()),
        str(card.get("description") or scheme_card.get("description", "")),
        find_format,
        conversion if found.converts else None,
        find_format(base) if base else None,
    )


def published(configuration: Mapping[str, Any], find_format: FindFormat) -> Recipe | None:
    """The recipe that a ``quantization_config`` means; None if there is none, or no scheme for it.

    MLX writes a section of its own, which does not say the method.
    """
    for name in SCHEMES.names():
        entry = SCHEMES.find(name)
        rule = entry.card.get("configuration") if entry else None
        if entry is None or rule is None:
            continue
        own = configuration.get(rule.get("section", ""))
        section = own if isinstance(own, Mapping) else section_of(configuration)
        if section is None or not (own or method_of(section) in rule.get("methods", ())):
            continue
        values = values_at(rule["fields"], section)
        if _expression(rule.get("if", True)).holds(values):
            return _of_section(entry, rule, values, find_format)
    return None


def _of_section(
    entry: Entry, rule: Mapping[str, Any], values: Mapping[str, Any], find_format: FindFormat
) -> Recipe:
    """A scheme with the parameters that a section of the configuration sets."""
    texts = rule.get("with") or {name: name for name in rule["fields"]}
    found = {name: _expression(text)(values) for name, text in texts.items()}
    given = {name: value for name, value in found.items() if value is not None}
    made = _set(scheme(entry.name), entry.name, {}, find_format, given)
    return made._replace(name=_spelled(str(entry.card.get("name", entry.name)), made.values))


def check_recipe(card: Mapping[str, Any], find_format: FindFormat) -> None:
    """Raise `ParamcalcError` for what an entry asks of its scheme and cannot have."""
    try:
        found, scheme_card = scheme(card["recipe"])
    except ParamcalcError as error:
        raise error.at(("recipe",)) from None
    parameters = scheme_card.get("parameters", {})
    for key in card.get("with", {}):
        if key not in parameters:
            hint = did_you_mean(key, parameters)
            message = f"`{found.name}` has no parameter `{shorten(key)}`"
            raise ParamcalcError(message, hint).at(("with", key), in_key=True)
    known = known_names(found, parameters)
    categories = {ALL, *(rule.category for rule in found.rules)} - {""}
    for category, value in card.get("mix", {}).items():
        try:
            if category not in categories:
                message = f"`{found.name}` has no category `{shorten(category)}`"
                raise ParamcalcError(message, did_you_mean(category, categories))
            check_choices(choices(value), known, find_format)
        except ParamcalcError as error:
            raise error.at(("mix", category)) from None


def known_names(found: Scheme, parameters: Iterable[str]) -> frozenset[str]:
    """What the expressions of a recipe may name."""
    lets = {name for rule in found.rules for name in rule.lets}
    return frozenset({*TENSOR_NAMES, *MODEL_NAMES, *parameters, *found.lets, *lets})


def check_choices(found: Iterable[Choice], known: Collection[str], find_format: FindFormat) -> None:
    """Every format of the choices is there, and every name of their conditions."""
    for choice in found:
        if choice.format not in (OWN, MIX) and choice.format not in known:
            find_format(choice.format)
        for name in sorted(choice.condition.names - set(known) if choice.condition else ()):
            message = f"unknown name `{shorten(name)}` in an expression"
            raise ParamcalcError(message, did_you_mean(name, known))


def find(name: str, precisions: Table, find_format: FindFormat) -> Recipe | None:
    """A recipe whose name gives parameters, or a file with a mix; None if it is neither."""
    if name.endswith((".yaml", ".yml")):
        from paramcalc.catalogue.mixes import own_mix

        return own_mix(Path(name), find_format)
    words = name.split("-")
    for length in range(len(words), 0, -1):
        start, rest = "-".join(words[:length]), words[length:]
        own = SCHEMES.find(start)
        if own is not None and "{" in str(own.card.get("name", "")):
            values = _given(own.card, rest, name)
            made = _set(scheme(own.name), own.name, {}, find_format, values)
            return made._replace(name=_spelled(own.card["name"], made.values))
        entry = precisions.find(start) if rest else None
        if entry is not None and "recipe" in entry.card:
            values = _given(scheme(entry.card["recipe"])[1], rest, name)
            made = recipe(entry, find_format, values)
            return made._replace(name="-".join([entry.name, *rest]))
    return None


def _given(card: Mapping[str, Any], words: Sequence[str], name: str) -> dict[str, Any]:
    """The parameters that the words of a name set: ``4bit``, ``g32``, ``imatrix``."""
    values: dict[str, Any] = {}
    forms = {key: one for key, one in card.get("parameters", {}).items() if one.get("form")}
    for word in words:
        found = ((key, _value(one, word)) for key, one in forms.items())
        key, value = next((pair for pair in found if pair[1] is not None), (None, None))
        if key is None:
            known = ", ".join(str(one["form"]).replace("{}", "…") for one in forms.values())
            hint = f"it takes {known}" if known else "it takes no parameters"
            raise ParamcalcError(f"`{shorten(name)}`: what is `{shorten(word)}`?", hint)
        choices = forms[key].get("choices")
        if choices and value not in choices:
            listed = ", ".join(map(str, choices))
            raise ParamcalcError(f"`{shorten(name)}`: `{key}` is one of {listed}")
        values[key] = value
    return values


def _value(parameter: Mapping[str, Any], word: str) -> int | float | bool | None:
    """What a word says of a parameter: None if it is about another one."""
    form = str(parameter["form"])
    if "{}" not in form:
        return True if word.lower() == form else None
    before, _, after = form.partition("{}")
    number = word.lower().removeprefix(before).removesuffix(after)
    if f"{before}{number}{after}" != word.lower() or not _NUMBER.fullmatch(number):
        return None
    return float(number) if "." in number else int(number)


def _spelled(template: str, values: Mapping[str, Any]) -> str:
    """The whole name of a recipe: ``gptq-{bits}bit-g{group}``."""
    for key, value in values.items():
        template = template.replace(f"{{{key}}}", str(value))
    return template


# --- conversion ----------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def conversion(architecture: str | None) -> Conversion:
    """What llama.cpp's converter does with the tensors of an architecture."""
    if architecture is None:
        return _conversion(_card(None), is_declared=False)
    names = [architecture]
    if is_architecture(architecture):
        source = architecture_source(architecture)
        names += [str(link.tree["extends"]) for link in chain(source) if "extends" in link.tree]
    known = set(CONVERSIONS.names())
    found = next((name for name in names if name in known), None)
    return _conversion(_card(found), is_declared=found == architecture)


def _card(name: str | None) -> Mapping[str, Any]:
    """An entry, with what it takes from another one, and all from the first."""
    entry = CONVERSIONS.find(name) if name else None
    card = entry.card if entry else CONVERSIONS.section("_all")
    if entry is None:
        return card
    other = _card(card.get("like"))
    merged = {**other, **card}
    for key in ("names", "layers", "facts", "let", "added", "renamed"):
        merged[key] = {**other.get(key, {}), **card.get(key, {})}
    merged["dropped"] = [*other.get("dropped", ()), *card.get("dropped", ())]
    return merged


def _conversion(card: Mapping[str, Any], *, is_declared: bool) -> Conversion:
    return Conversion(
        str(card.get("gguf", "")),
        card["layers"],
        {name: _targets(value) for name, value in card["names"].items() if value is not None},
        tuple(map(pattern, card["dropped"])),
        tuple(target for item in card.get("added", {}).items() for target in _target(*item)),
        {name: _several(value) for name, value in card["facts"].items()},
        _expressions(card["let"]),
        card["renamed"],
        str(card.get("inside", "")),
        _expression(card["written"]) if "written" in card else None,
        is_declared,
    )


def _several(value: Any) -> tuple[Expression, ...]:
    return tuple(map(_expression, value if isinstance(value, list) else [value]))


def _targets(value: Any) -> tuple[Target, ...]:
    if isinstance(value, str):
        return (Target(value),)
    return tuple(target for item in value.items() for target in _target(*item))


def _target(name: str, sizes: Any) -> tuple[Target, ...]:
    name, found, condition = name.partition(" if ")
    shape = None if sizes is None else tuple(map(_expression, sizes))
    return (Target(name, shape, _expression(condition) if found else None),)
