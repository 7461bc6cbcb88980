"""Catalogue files of a user: models, number formats, devices, engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paramcalc.catalogue import adapter_schemas, precision_schemas, schemas
from paramcalc.catalogue.adapters import ADAPTERS
from paramcalc.catalogue.architectures import Source, find_spec
from paramcalc.catalogue.blame import blame
from paramcalc.catalogue.check_conversions import conversion_problems, shipped_card
from paramcalc.catalogue.check_schemes import scheme_problems, shipped_section
from paramcalc.catalogue.conversions import CONVERSIONS
from paramcalc.catalogue.findings import findings
from paramcalc.catalogue.models import MODELS
from paramcalc.catalogue.quantization import COMMON_KEYS
from paramcalc.catalogue.recipes import SCHEMES
from paramcalc.catalogue.strict_yaml import load
from paramcalc.catalogue.table import Table, cut, headings, normal, other_names
from paramcalc.catalogue.tables import ENGINES, HARDWARE, PRECISIONS, number_format
from paramcalc.core.expression import parse
from paramcalc.core.spec import Spec
from paramcalc.errors import ParamcalcError, Problem, did_you_mean, shorten

if TYPE_CHECKING:
    from pydantic import BaseModel

LADDERS = "_ladders"
SECTIONS: Mapping[str, type[BaseModel]] = {
    LADDERS: precision_schemas.Ladders,
    "_reference": precision_schemas.Reference,
}
"""What stands in precisions.yaml besides its entries."""
RULE_OF_THUMB = "rule_of_thumb"
Check = Callable[[str, Any], list[Problem]]


def entries(source: Source) -> dict[str, Any]:
    """The entries of a catalogue file: a key that starts with ``_`` is none."""
    return {name: card for name, card in source.tree.items() if not name.startswith("_")}


def check_models(source: Source) -> list[Problem]:
    """Every model: its entry, then its configuration against its architecture."""
    return _check(source, MODELS, _model_problems)


def check_precisions(source: Source) -> list[Problem]:
    """Every number format, and the ladders."""
    problems = _check(source, PRECISIONS, _precision_problems)
    if LADDERS not in source.tree:
        return problems
    ladders = source.tree[LADDERS]
    found = entry_problems("precisions", LADDERS, ladders)
    return problems + (found or list(_ladder_problems(source, ladders)))


def check_hardware(source: Source) -> list[Problem]:
    """Every device."""
    return _check(source, HARDWARE, _by(schemas.Accelerator))


def check_engines(source: Source) -> list[Problem]:
    """Every engine, and the rule of thumb; one engine at most is the default."""
    problems = _check(source, ENGINES, _engine_problems)
    defaults = [
        name
        for name, card in entries(source).items()
        if isinstance(card, Mapping) and card.get("default") is True
    ]
    return problems + [
        Problem(f"`{shorten(defaults[0])}` is the default already", None, (name, "default"))
        for name in defaults[1:]
    ]


def check_schemes(source: Source) -> list[Problem]:
    """Every scheme, and the sections of rules that they use."""

    def check(name: str, card: Any) -> list[Problem]:
        return scheme_problems(name, card, lambda name: _own(source, name, shipped_section))

    return _with_sections(source, SCHEMES, check)


def check_conversions(source: Source) -> list[Problem]:
    """Every architecture's entry, and what all of them begin with."""

    def check(name: str, card: Any) -> list[Problem]:
        return conversion_problems(name, card, lambda name: _own(source, name, shipped_card))

    return _with_sections(source, CONVERSIONS, check)


def check_adapters(source: Source) -> list[Problem]:
    """Every architecture's entry, and what holds for several."""
    return _with_sections(source, ADAPTERS, _ENTRIES["lora"])


def _own(source: Source, name: str, other: Callable[[str], Any]) -> Any:
    """What stands in the same file, before what is elsewhere."""
    return source.tree[name] if name in source.tree else other(name)


def _with_sections(source: Source, table: Table, check: Check) -> list[Problem]:
    problems = [
        problem
        for name, card in source.tree.items()
        if name.startswith("_")
        for problem in check(name, card)
    ]
    return problems + _check(source, table, check)


def entry_problems(kind: str, name: str, card: Any) -> list[Problem]:
    """What is wrong with one entry of a catalogue file, as far as the entry itself tells."""
    if name in SECTIONS:
        return findings(SECTIONS[name], card, (name,), f"`{name}`")
    return _ENTRIES[kind](name, card) if kind in _ENTRIES else []


def _check(source: Source, table: Table, check: Check) -> list[Problem]:
    seen = _Seen(source.text, frozenset(headings(source.text)), frozenset(other_names(source.text)))
    problems: list[Problem] = []
    for name, card in entries(source).items():
        problems += check(name, card)
        problems += seen.problems(name, card) if isinstance(card, Mapping) else ()
    return problems + list(_collisions(source, table))


def _by(model: type[BaseModel]) -> Check:
    return lambda name, card: findings(model, card, (name,), f"`{shorten(name)}`")


def _precision_schema(card: Any) -> type[BaseModel]:
    if _is_file_type(card):
        return precision_schemas.Recipe
    return precision_schemas.NumberFormat


def _precision_problems(name: str, card: Any) -> list[Problem]:
    is_recipe = isinstance(card, Mapping) and "recipe" in card
    problems = _by(_precision_schema(card))(name, card)
    return problems or (_recipe_problems(name, card) if is_recipe else [])


def _recipe_problems(name: str, card: Mapping[str, Any]) -> list[Problem]:
    """The scheme and its parameters exist, and the choices of the mix can be read."""
    from paramcalc.catalogue.recipes import check_recipe

    try:
        check_recipe(card, number_format)
    except ParamcalcError as error:
        return list(error.at((name,)).problems)
    return []


def _engine_problems(name: str, card: Any) -> list[Problem]:
    model = schemas.RuleOfThumb if name == RULE_OF_THUMB else schemas.InferenceEngine
    return _by(model)(name, card)


def _ladder_problems(source: Source, ladders: Mapping[str, list[str]]) -> Iterator[Problem]:
    known = {normal(name) for name in entries(source)} | set(PRECISIONS.spellings())
    known |= {normal(alias) for _, alias in other_names(source.text)}
    for ladder, names in ladders.items():
        for position, name in enumerate(names):
            if normal(name) not in known:
                hint = did_you_mean(name, [*entries(source), *PRECISIONS.names()])
                path = (LADDERS, ladder, str(position))
                yield Problem(f"no precision named `{shorten(name)}`", hint, path)


# --- names -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the look-up, which only scans a text, sees of it."""

    text: str
    names: frozenset[str]
    others: frozenset[tuple[str, str]]

    def problems(self, name: str, card: Mapping[str, Any]) -> list[Problem]:
        """An entry is found by its name at the start of a line, and read without the others."""
        if name not in self.names:
            hint = "a name stands at the start of a line, without quotes, its keys indented below"
            return [self._problem(f"the look-up does not see `{shorten(name)}`", hint, name)]
        if not self.stands_alone(name, card):
            hint = "an entry is cut out and read alone: no anchors from elsewhere"
            return [self._problem(f"`{shorten(name)}` needs text outside of it", hint, name)]
        hint = "it stands on one line, indented with two spaces"
        return [
            Problem(f"the look-up does not see `{shorten(other)}`", hint, (name, *path))
            for other, path in _others(card)
            if (name, other) not in self.others
        ]

    def stands_alone(self, name: str, card: Mapping[str, Any]) -> bool:
        try:
            alone = load(cut(self.text, name), "")
        except ParamcalcError:
            return False
        return isinstance(alone, Mapping) and alone.get(name) == card

    @staticmethod
    def _problem(message: str, hint: str, name: str) -> Problem:
        return Problem(message, hint, (name,), in_key=True)


def _others(card: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The hub id and the aliases of an entry, with their paths in it."""
    if isinstance(hub := card.get("hub"), str):
        yield hub, ("hub",)
    aliases = card.get("aliases")
    for position, alias in enumerate(aliases if isinstance(aliases, list) else ()):
        if isinstance(alias, str):
            yield alias, ("aliases", str(position))


def _collisions(source: Source, table: Table) -> Iterator[Problem]:
    """Names that are one to the look-up, which ignores case, separators and organisations."""
    cards = entries(source)
    owners: dict[str, str] = {}
    for name, card in cards.items():
        if _is_file_type(card):
            # BF16 is a recipe, bf16 a format: the spelling tells, see `Table.find`.
            continue
        other = owners.setdefault(normal(name), name)
        if other != name:
            yield _one_name(name, other, (name,), in_key=True)
    # An entry of another file gives way to one of the same name here, but not to an alias.
    for name in table.names():
        found = table.find(name) if name not in cards else None
        if found is not None and not _is_file_type(found.card):
            owners.setdefault(normal(name), name)
    for name, card in cards.items():
        for alias, path in _others(card) if isinstance(card, Mapping) else ():
            for spelling in (normal(alias), normal(alias.rpartition("/")[2])):
                other = owners.setdefault(spelling, name)
                if other != name:
                    yield _one_name(alias, other, (name, *path))


def _is_file_type(card: Any) -> bool:
    return isinstance(card, Mapping) and "recipe" in card and "block_numel" not in card


def _one_name(name: str, other: str, path: tuple[str, ...], *, in_key: bool = False) -> Problem:
    message = f"`{shorten(name)}` is already a name of `{shorten(other)}`"
    hint = "case and the separators - _ . do not distinguish names"
    return Problem(message, hint, path, in_key=in_key)


# --- models ------------------------------------------------------------------------------------


def _card_problems(name: str, card: Any) -> list[Problem]:
    reported = isinstance(card, Mapping) and "reported" in card
    return _by(schemas.ReportedModel if reported else schemas.CountedModel)(name, card)


def _model_problems(name: str, card: Any) -> list[Problem]:
    problems = _card_problems(name, card)
    if isinstance(card, Mapping) and "reported" not in card:
        problems += _configuration_problems(name, card)
    return problems


def _configuration_problems(name: str, card: Mapping[str, Any]) -> Iterator[Problem]:
    architecture, configuration = card.get("architecture"), card.get("config")
    if not isinstance(architecture, str) or not isinstance(configuration, Mapping):
        return
    class_name = card.get("class")
    try:
        spec = find_spec(architecture)
    except ParamcalcError as error:
        yield from _at(error, name, "architecture")
        return
    try:
        spec = find_spec(architecture, class_name if isinstance(class_name, str) else None)
    except ParamcalcError as error:
        yield from (Problem(p.message, p.hint, (name, "class")) for p in error.problems)
        return
    unknown = list(_unknown_keys(name, spec, configuration))
    yield from unknown
    found = blame(spec, configuration)
    for problem in found.problems:
        # What has no place in the configuration stands where its values are given.
        path = (name, "config", *problem.path)
        yield problem._replace(path=path, in_key=not problem.path)
    if found.total is not None and not unknown:
        yield from _published_problems(name, card.get("published"), found.total)


def _at(error: ParamcalcError, *path: str) -> Iterator[Problem]:
    """What is wrong with something that is named here; its own place is of no use here."""
    for problem in error.problems:
        where = f" (in {problem.place.file})" if problem.place else ""
        yield Problem(problem.message + where, problem.hint, path)


def _unknown_keys(name: str, spec: Spec, configuration: Mapping[str, Any]) -> Iterator[Problem]:
    specs = [spec]
    # Of a part whose keys may stand among those of the whole they count, too.
    specs += [find_spec(f.nested) for f in spec.fields.values() if f.nested and f.flat]
    fields = [field for each in specs for field in each.fields.values()]
    known = [*COMMON_KEYS, *(word for field in fields for word in (field.name, *field.aliases))]
    for key in configuration:
        if key not in known:
            message = f"`{spec.name}` has no configuration key `{shorten(key)}`"
            yield Problem(message, did_you_mean(key, known), (name, "config", key), in_key=True)


def _published_problems(name: str, published: Any, total: int) -> Iterator[Problem]:
    """The published count is ours; what the files hold beside it is explained."""
    if not isinstance(published, Mapping):
        return
    count = published.get("parameters")
    if type(count) is int and count != total:
        message = f"published are {count:,} parameters, the configuration gives {total:,}"
        yield Problem(message, None, (name, "published", "parameters"))
    stored, extra = published.get("stored"), published.get("extra")
    if type(stored) is not int or type(count) is not int or not isinstance(extra, str):
        return
    try:
        difference = parse(extra)({})
    except ParamcalcError as error:
        yield from error.at((name, "published", "extra")).problems
        return
    if difference != stored - count:
        message = f"`stored` is {stored - count:,} more than `parameters`, `extra` says otherwise"
        yield Problem(message, None, (name, "published", "extra"))


_ENTRIES: Mapping[str, Check] = {
    "models": _card_problems,
    "precisions": _precision_problems,
    "hardware": _by(schemas.Accelerator),
    "engines": _engine_problems,
    "schemes": scheme_problems,
    "gguf_tensors": conversion_problems,
    "lora": lambda name, card: _by(adapter_schemas.schema(name))(name, card),
}
