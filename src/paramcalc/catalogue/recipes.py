"""Recipes from the data files: schemes, what a name sets in them, and a user's own mixes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from paramcalc.catalogue.conversions import conversion
from paramcalc.catalogue.quantization import (
    SECTION,
    dtype_of,
    method_of,
    of_modules,
    section_of,
    values_at,
)
from paramcalc.catalogue.recipe_words import check_section, given, spelled
from paramcalc.catalogue.table import Entry, Table
from paramcalc.core.assignment import ALL, MIX, MODEL_NAMES, OWN, TENSOR_NAMES
from paramcalc.core.expression import Expression, parse, stated
from paramcalc.core.pattern import pattern
from paramcalc.core.recipe import FindFormat, Recipe
from paramcalc.core.scheme import Choice, Layout, Piece, Rule, Scheme
from paramcalc.errors import ParamcalcError, did_you_mean, shorten

SCHEMES = Table("schemes.yaml")


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
        tuple(map(_rule, _with_used(card["rules"]))),
        _expressions(card.get("let", {})),
        card.get("fallback", {}),
        bool(card.get("converts")),
        _layout(card["file"]) if "file" in card else None,
        tuple(map(_rule, card.get("adds", ()))),
        bool(card.get("ties")),
        card.get("renames", {}),
        card.get("of_model", {}),
    )


def _with_used(rules: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The rules, with those of a section in place of each that names one."""
    for rule in rules:
        if "use" in rule:
            yield from SCHEMES.section(rule["use"])["rules"]
        else:
            yield rule


def _layout(card: Mapping[str, Any]) -> Layout:
    low_to_high = {key: tuple(card[key]) for key in ("token_bytes", "key_bytes")}
    return Layout(**{**card, **low_to_high, "source": " ".join(str(card["source"]).split())})


def _rule(rule: Mapping[str, Any]) -> Rule:
    return Rule(
        names=tuple(map(pattern, rule.get("names", ()))),
        besides=tuple(map(pattern, rule.get("besides", ()))),
        listed=rule.get("listed", ""),
        kinds=frozenset(rule.get("kinds", ())),
        condition=stated(rule["if"]) if "if" in rule else None,
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
    return Choice(name.strip(), parse(condition, offset=len(name + found)) if found else None)


def _pieces(stores: Mapping[str, Any]) -> Iterator[Piece]:
    for ending, value in stores.items():
        for text in [value] if isinstance(value, str) else value:
            yield _piece(ending, text)


def _piece(ending: str, text: str) -> Piece:
    """``FORMAT [SIZE, …] if EXPR``; a name may stand for the sizes."""
    name, _, sizes = text.partition(" ")
    end = "]" if sizes.startswith("[") else ""
    body, found, condition = sizes.partition(f"{end} if ")
    shape = parse(body + end if found else sizes)
    return Piece(ending, name, shape, stated(condition) if found else None)


def _expressions(texts: Mapping[str, Any]) -> dict[str, Expression]:
    return {name: stated(text) for name, text in texts.items()}


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
        values = values_at(rule["fields"], section, configuration)
        try:
            if stated(rule.get("if", True)).holds(values):
                special = of_modules(rule["modules"], section) if "modules" in rule else ()
                for _, of_module in special:
                    check_section(of_module, entry.card.get("parameters", {}))
                return _of_section(entry, rule, values, find_format)._replace(
                    special=special, rest=_rest(configuration, find_format) or entry.card["rest"]
                )
        except ParamcalcError as error:
            raise error.at((rule.get("section", SECTION),)) from None
    return None


def _of_section(
    entry: Entry, rule: Mapping[str, Any], values: Mapping[str, Any], find_format: FindFormat
) -> Recipe:
    """A scheme with the parameters that a section of the configuration sets."""
    texts = rule.get("with") or {name: name for name in rule["fields"]}
    found = {name: _from(text, values) for name, text in texts.items()}
    given = {name: value for name, value in found.items() if value is not None}
    check_section(given, entry.card.get("parameters", {}))
    made = _set(scheme(entry.name), entry.name, {}, find_format, given)
    return made._replace(name=spelled(str(entry.card.get("name", entry.name)), made.values))


def _from(text: Any, values: Mapping[str, Any]) -> Any:
    """The value of an expression, or the first of a list of ``VALUE if EXPR`` that holds."""
    if not isinstance(text, list):
        return stated(text)(values)
    for one in choices(text):
        if one.condition is None or one.condition.holds(values):
            return values.get(one.format, one.format)
    return None


def _rest(configuration: Mapping[str, Any], find_format: FindFormat) -> str | None:
    """The format of what is not quantized, as far as the configuration says it."""
    name = dtype_of(configuration)
    try:
        found = find_format(name) if name else None
    except ParamcalcError:
        return None
    return found.name if found and found.is_wide else None


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
        spans = choice.condition.spans if choice.condition else {}
        for name in sorted(spans.keys() - set(known)):
            message = f"unknown name `{shorten(name)}` in an expression"
            raise ParamcalcError(message, did_you_mean(name, known), span=spans[name])


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
            values = given(own.card, rest, name)
            made = _set(scheme(own.name), own.name, {}, find_format, values)
            return made._replace(name=spelled(own.card["name"], made.values))
        entry = precisions.find(start) if rest else None
        if entry is not None and "recipe" in entry.card:
            values = given(scheme(entry.card["recipe"])[1], rest, name)
            made = recipe(entry, find_format, values)
            return made._replace(name="-".join([entry.name, *rest]))
    return None
