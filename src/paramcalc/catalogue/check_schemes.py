"""Schemes of a user: their keys, every expression and the names in it, formats and patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from paramcalc.catalogue import scheme_schemas as schemas
from paramcalc.catalogue.check_rules import expression, let_problems
from paramcalc.catalogue.findings import findings
from paramcalc.catalogue.recipes import SCHEMES
from paramcalc.catalogue.tables import number_format, precision
from paramcalc.core.assignment import MIX, MODEL_NAMES, OWN, TENSOR_NAMES
from paramcalc.core.layers import KINDS
from paramcalc.core.pattern import pattern
from paramcalc.errors import ParamcalcError, Problem, did_you_mean, shorten

_CONVERTED = frozenset({"architecture", "heads", "kv_heads", "experts"})
"""Names that only a converter knows."""
_OF_A_RULE = frozenset({"i", "n", "chosen"})
"""Names that only some rules have."""
_PATTERN = re.compile(r"[0-9]{1,3}:[0-9]{1,3}")
_SHARE = ("{share}", "0.5")
Path = tuple[str, ...]
FindSection = Callable[[str], Mapping[str, Any] | None]


def shipped_section(name: str) -> Mapping[str, Any] | None:
    """A section that a scheme may use, from the data folders."""
    try:
        found: Mapping[str, Any] = SCHEMES.section(name)
    except ParamcalcError:
        return None
    return found


def scheme_problems(
    name: str, card: Any, find_section: FindSection = shipped_section
) -> list[Problem]:
    """What is wrong with an entry of schemes.yaml, or with a section of it."""
    if name == schemas.SPARSITY:
        return list(_sparsity_problems(name, card))
    problems = findings(schemas.schema_of_scheme(name), card, (name,), f"`{shorten(name)}`")
    if problems:
        return problems
    if name.startswith("_"):
        return list(_section_problems(name, card))
    return list(_Checker(name, card, find_section).problems())


def _section_problems(name: str, card: Mapping[str, Any]) -> Iterator[Problem]:
    """Which names a section may use depends on the scheme that uses it."""
    for number, rule in enumerate(card["rules"]):
        path = (name, "rules", str(number))
        if "use" in rule:
            yield Problem("a section uses no other one", None, (*path, "use"))
        yield from rule_problems(rule, None, (), path)


class _Checker:
    """One scheme, whose keys are right."""

    def __init__(self, name: str, card: Mapping[str, Any], find_section: FindSection) -> None:
        self.name, self.card, self.find_section = name, card, find_section
        self.parameters: Mapping[str, Any] = card.get("parameters", {})
        self.lets: Mapping[str, Any] = card.get("let", {})
        known = TENSOR_NAMES | (MODEL_NAMES - _OF_A_RULE - _CONVERTED)
        known |= {*self.parameters, *self.lets, *card.get("of_model", {})}
        self.known = known | _CONVERTED if card.get("converts") else known

    def problems(self) -> Iterator[Problem]:
        name, card = self.name, self.card
        yield from self.parameter_problems()
        every = [*card["rules"], *card.get("adds", ())]
        of_rules = {let for rule in every for let in rule.get("let", {})}
        yield from let_problems(self.lets, {}, {*self.known, *of_rules}, (name, "let"))
        yield from format_problems(card["rest"], self.parameters, (name, "rest"))
        for section in ("rules", "adds"):
            for number, rule in enumerate(card.get(section, ())):
                yield from self.rule_problems(rule, (name, section, str(number)))
        yield from _fallback_problems(card.get("fallback", {}), (name, "fallback"))
        for old, new in card.get("renames", {}).items():
            yield from brace_problems(new, old.count("{}"), (name, "renames", old))
        if "configuration" in card:
            yield from self.configuration_problems(card["configuration"], (name, "configuration"))

    def parameter_problems(self) -> Iterator[Problem]:
        for key, one in self.parameters.items():
            path = (self.name, "parameters", key)
            default, choices = one.get("default"), one.get("choices")
            if choices and default is not None and default not in choices:
                listed = ", ".join(map(str, choices))
                yield Problem(f"`{shorten(key)}` is one of {listed}", None, (*path, "default"))
            yield from brace_problems(one.get("form", ""), 1, (*path, "form"))
        for key in re.findall(r"\{([^{}]*)\}", self.card.get("name", "")):
            if key not in self.parameters:
                yield self.no_parameter(key, (self.name, "name"))
        base = self.parameters.get("base", {}).get("default")
        if isinstance(base, str):
            at = (self.name, "parameters", "base", "default")
            yield from format_problems(base, (), at)

    def no_parameter(self, key: str, path: Path, *, in_key: bool = False) -> Problem:
        message = f"`{shorten(self.name)}` has no parameter `{shorten(key)}`"
        return Problem(message, did_you_mean(key, self.parameters), path, in_key=in_key)

    # --- rules -----------------------------------------------------------------------------------

    def rule_problems(self, rule: Mapping[str, Any], path: Path) -> Iterator[Problem]:
        if "use" in rule:
            yield from self.use_problems(rule, path)
            return
        if path[1] == "adds" and "stores" not in rule:
            yield Problem("what is added is said by `stores`", None, path)
        listed = rule.get("listed")
        if listed is not None and listed not in self.parameters:
            yield self.no_parameter(listed, (*path, "listed"))
        yield from rule_problems(rule, self.known, self.parameters, path, self.lets)

    def use_problems(self, rule: Mapping[str, Any], path: Path) -> Iterator[Problem]:
        used, path = rule["use"], (*path, "use")
        section = self.find_section(used) if used.startswith("_") else None
        if len(rule) > 1:
            yield Problem("`use` stands alone in a rule", None, path)
        if not isinstance(section, Mapping) or not isinstance(section.get("rules"), list):
            hint = "the names of sections begin with `_`, such as `_routers`"
            yield Problem(f"no section of rules named `{shorten(used)}`", hint, path)
            return
        for other in section["rules"]:
            if not isinstance(other, Mapping):
                continue
            found = list(rule_problems(other, self.known, self.parameters, (), self.lets))
            listed = other.get("listed")
            if isinstance(listed, str) and listed not in self.parameters:
                found.append(self.no_parameter(listed, path))
            for problem in found:
                yield Problem(f"{problem.message} of `{shorten(used)}`", problem.hint, path)

    # --- the configuration -----------------------------------------------------------------------

    def configuration_problems(self, rule: Mapping[str, Any], path: Path) -> Iterator[Problem]:
        if ("methods" in rule) == ("section" in rule):
            yield Problem("a scheme has `methods` or a `section`, one of them", None, path)
        fields = rule["fields"]
        yield from expression(rule.get("if"), fields, *path, "if", text=True)
        texts = rule.get("with") or dict.fromkeys(fields, True)
        place = "with" if rule.get("with") else "fields"
        for key, value in texts.items():
            here = (*path, place, key)
            if key not in self.parameters:
                yield self.no_parameter(key, here, in_key=True)
            if isinstance(value, list):
                for one, text in _numbered(value, here):
                    yield from _condition(text, fields, one)
            else:
                yield from expression(value, fields, *here, text=True)
        modules = rule.get("modules", {})
        for section in ("fields", "with"):
            for key in modules.get(section, {}):
                if key not in self.parameters:
                    yield self.no_parameter(key, (*path, "modules", section, key), in_key=True)


# --- parts of rules ------------------------------------------------------------------------------


def rule_problems(
    rule: Mapping[str, Any],
    known: Collection[str] | None,
    parameters: Collection[str],
    path: Path,
    outer: Mapping[str, Any] | None = None,
) -> Iterator[Problem]:
    """What is wrong with one rule; ``known`` is None where any name may be meant."""
    if "use" in rule:
        return
    if ("as" in rule) == ("stores" in rule):
        yield Problem("a rule has `as` or `stores`, one of them", None, path)
    lets = rule.get("let", {})
    names = None if known is None else {*known, *lets}
    yield from let_problems(lets, outer or {}, names, (*path, "let"))
    yield from expression(rule.get("if"), names, *path, "if", text=True)
    for key in ("names", "besides"):
        for here, text in _numbered(rule.get(key, []), (*path, key)):
            yield from pattern_problems(text, here)
    for here, kind in _numbered(rule.get("kinds", []), (*path, "kinds")):
        if kind not in KINDS:
            hint = did_you_mean(kind, KINDS)
            yield Problem(f"unknown layer kind `{shorten(kind)}`", hint, here)
    for key in ("as", "then"):
        more = names if names is None or key == "as" else {*names, "chosen"}
        for here, text in _numbered(rule.get(key, []), (*path, key)):
            form = text.partition(" if ")[0].strip()
            yield from _condition(text, more, here)
            if known is not None or form not in (OWN, MIX):
                yield from format_problems(form, parameters, here)
    for ending, value in rule.get("stores", {}).items():
        yield from brace_problems(ending, 0, (*path, "stores", ending), in_key=True)
        for here, text in _numbered(value, (*path, "stores", ending)):
            yield from _piece_problems(text, names, parameters, here)


def _numbered(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """A text, or each of a list of these, with its path."""
    if isinstance(value, str):
        yield path, value
        return
    for number, text in enumerate(value):
        if isinstance(text, str):
            yield (*path, str(number)), text
        # A rule of another file is read before that file has been validated.


def _condition(text: str, known: Collection[str] | None, path: Path) -> Iterator[Problem]:
    """The condition of ``FORMAT if EXPR``."""
    head, found, condition = text.partition(" if ")
    if found:
        yield from expression(condition, known, *path, offset=len(head + found), text=True)


def _piece_problems(
    text: str, known: Collection[str] | None, parameters: Collection[str], path: Path
) -> Iterator[Problem]:
    """``FORMAT [SIZE, …] if EXPR``."""
    name, _, sizes = text.partition(" ")
    end = "]" if sizes.startswith("[") else ""
    body, found, condition = sizes.partition(f"{end} if ")
    shape, start = body + end if found else sizes, len(name) + 1
    if not (shape.startswith("[") and shape.endswith("]")) and not shape.isidentifier():
        hint = "such as `.scales: fp16 [N, K // 64]`"
        yield Problem("sizes stand in brackets after the name of a format", hint, path)
        return
    yield from format_problems(name, parameters, path)
    yield from expression(shape, known, *path, offset=start)
    if found:
        offset = start + len(body + found)
        yield from expression(condition, known, *path, offset=offset, text=True)


def format_problems(name: str, parameters: Collection[str], path: Path) -> Iterator[Problem]:
    """A format is there, or a parameter stands for it."""
    if name in (OWN, MIX) or name in parameters:
        return
    try:
        number_format(name)
    except ParamcalcError as error:
        yield from error.at(path).problems


def pattern_problems(text: str, path: Path) -> Iterator[Problem]:
    """A pattern can be read."""
    try:
        pattern(text)
    except ParamcalcError as error:
        yield from error.at(path).problems


def brace_problems(text: str, most: int, path: Path, *, in_key: bool = False) -> Iterator[Problem]:
    """Braces in a name stand for numbers, no more of them than there are."""
    rest = text.replace("{}", "")
    if "{" in rest or "}" in rest:
        yield Problem("braces in a name are `{}`, in place of a number", None, path, in_key=in_key)
    elif text.count("{}") > most:
        message = f"`{shorten(text)}` has more numbers than there are ({most})"
        yield Problem(message, None, path, in_key=in_key)


def _fallback_problems(fallback: Mapping[str, str | None], path: Path) -> Iterator[Problem]:
    """Each format is there under its own name, and none comes back to itself."""
    after: dict[str, str] = {}
    for name, other in fallback.items():
        both = [one for one in (name, other) if one is not None]
        found = [p for one in both for p in format_problems(one, (), (*path, name))]
        yield from found
        if not found and other is not None:
            after[number_format(name).name] = number_format(other).name
            if name not in after:
                message = f"`{shorten(name)}` is called `{number_format(name).name}` here"
                yield Problem(message, None, (*path, name), in_key=True)
    for name, following in after.items():
        seen, one = {name}, following
        while one in after and one not in seen:
            seen.add(one)
            one = after[one]
        if one == name:
            message = f"the formats after `{shorten(name)}` come back to it"
            yield Problem(message, None, (*path, name))


def _sparsity_problems(name: str, card: Any) -> Iterator[Problem]:
    """For each pattern of zeros, and for any share, precisions to recipes."""
    path, own = (name,), schemas.Sparsity.model_fields
    if not isinstance(card, Mapping):
        yield from findings(schemas.Sparsity, card, path, f"`{name}`")
        return
    rest = {key: value for key, value in card.items() if not _PATTERN.fullmatch(key)}
    found = findings(schemas.Sparsity, rest, path, f"`{name}`")
    yield from found
    for key, value in card.items() if not found else ():
        if key == "note" and key in own:
            continue
        if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in value.values()):
            hint = "write `bf16: sparse-24-bf16`"
            yield Problem(f"`{key}` must be a mapping of precisions", hint, (*path, key))
            continue
        for one, other in value.items():
            for text, in_key in ((one, True), (other, False)):
                try:
                    precision(text.replace(*_SHARE))
                except ParamcalcError as error:
                    yield from error.at((*path, key, one), in_key=in_key).problems
