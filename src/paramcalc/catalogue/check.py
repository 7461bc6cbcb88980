"""`check`: files of a user, told apart by what they hold, with all that is wrong in each."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paramcalc.catalogue import check_rules, check_tables, schemas, scheme_schemas
from paramcalc.catalogue.architectures import Source, parse_source
from paramcalc.catalogue.check_specs import (
    check_configuration,
    check_spec,
    is_document,
    sources,
)
from paramcalc.catalogue.files import read_standard_input, read_text
from paramcalc.catalogue.places import place_of
from paramcalc.catalogue.strict_json import parse_json
from paramcalc.catalogue.strict_yaml import locate
from paramcalc.errors import ParamcalcError, Problem, shorten

MOST_PROBLEMS = 50
STANDARD_INPUT = "-"
CONFIGURATION, SPEC, UNREADABLE = "configuration", "spec", "unreadable"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file is, how many entries it has, and what is wrong with it, in order of lines."""

    file: str
    kind: str
    """One of `KINDS`."""
    entries: int
    """Entries of a catalogue file; 1 for a spec or a configuration, 0 if it cannot be read."""
    problems: tuple[Problem, ...] = ()

    @property
    def is_valid(self) -> bool:
        return not self.problems


_TABLES: Mapping[str, tuple[Callable[[Source], list[Problem]], frozenset[str]]] = {
    # With the keys that tell the kind of an entry; keys that several kinds have tell nothing.
    "models": (
        check_tables.check_models,
        frozenset(
            {*schemas.CountedModel.model_fields, *schemas.ReportedModel.model_fields, "class"}
            - {"aliases", "source"}
        ),
    ),
    "precisions": (
        check_tables.check_precisions,
        frozenset({"block_numel", "block_bytes", "kind", "recipe", "mix"}),
    ),
    "hardware": (
        check_tables.check_hardware,
        frozenset({"memory_mib", "memory_marketing", "bandwidth_gbps"}),
    ),
    "engines": (check_tables.check_engines, frozenset({"runtime", "default"})),
    "schemes": (
        check_tables.check_schemes,
        frozenset({"rules", "parameters", "configuration", "converts", "adds", "of_model"}),
    ),
    "gguf_tensors": (
        check_tables.check_conversions,
        frozenset({"gguf", "like", "layers", "facts", "dropped", "inside", "written"}),
    ),
    "lora": (check_tables.check_adapters, frozenset({"targets", "refused", "transposed"})),
}
_SECTIONS = {
    check_tables.LADDERS: "precisions",
    check_tables.RULE_OF_THUMB: "engines",
    scheme_schemas.SPARSITY: "schemes",
}
_BY_NAME = ("schemes", "gguf_tensors", "lora")
"""Files whose names tell what they are: their expressions may look like layers."""
_RULES = {"_caches": "gguf", "_names": "containers"}
"""Sections that tell a file with rules for reading checkpoints."""
KINDS = (CONFIGURATION, SPEC, *_TABLES, *check_rules.CHECKS, UNREADABLE)
_CALL = re.compile(r"[A-Za-z_]\w*\(.*\)", re.DOTALL)


def check_files(names: Sequence[str]) -> list[Checked]:
    """Each file, or all data files of a folder such as ``PARAMCALC_DATA`` names."""
    return [check_file(file) for name in names for file in _files(name)]


def _files(name: str) -> list[str]:
    folder = Path(name)
    if name == STANDARD_INPUT or not os.path.isdir(name):  # noqa: PTH112, never raises
        return [name]
    tables = (*_TABLES, *check_rules.CHECKS)
    wanted = [folder / "config.json", *(folder / f"{table}.yaml" for table in tables)]
    files = [file for file in wanted if file.is_file()]
    files += sorted((folder / "architectures").glob("*.yaml"))
    if not files:
        hint = "looked for: config.json, models.yaml, hardware.yaml, …, architectures/*.yaml"
        raise ParamcalcError(f"the folder `{shorten(name, 200)}` has no data files", hint)
    return [str(file) for file in files]


def check_file(name: str) -> Checked:
    """One file, or ``-``. Raises `ParamcalcError` if it cannot be opened: there is no answer."""
    if name == STANDARD_INPUT:
        return check_text(read_standard_input(), "standard input")
    return check_text(read_text(name), name)


def check_text(text: str, file: str) -> Checked:
    """All that is wrong with a text, each problem with its place in it."""
    try:
        kind, count, problems, texts = _check(text, file)
    except ParamcalcError as error:
        kind, count, problems, texts = UNREADABLE, 0, list(error.problems), [Source(file, text, {})]
    return Checked(file, kind, count, _in_order(problems, texts))


def _check(text: str, file: str) -> tuple[str, int, list[Problem], list[Source]]:
    if text.lstrip().startswith("{") and _is_configuration(text, file):
        tree = parse_json(text, file)
        return CONFIGURATION, 1, check_configuration(tree), [Source(file, text, tree)]
    source = parse_source(text, file)
    rules = _rules_of(source.tree, file)
    if rules is not None:
        count = len(check_tables.entries(source))
        return rules, count, check_rules.CHECKS[rules](source), [source]
    kind = named if (named := _named(file)) in _BY_NAME else recognise(source.tree, file)
    if kind == SPEC:
        return SPEC, 1, check_spec(source), sources(source)
    count = len(check_tables.entries(source))
    return kind, count, _TABLES[kind][0](source), [source]


def _rules_of(tree: Mapping[str, Any], file: str) -> str | None:
    """The kind of a file with rules, by its name or by its sections."""
    if (named := _named(file)) in check_rules.CHECKS:
        return named
    found = (kind for section, kind in _RULES.items() if section in tree)
    return None if named in _BY_NAME else next(found, None)


def _named(file: str) -> str:
    """The name of a data file without its ending."""
    path = Path(file)
    return path.stem if path.suffix in (".yaml", ".yml") else ""


def _is_configuration(text: str, file: str) -> bool:
    """JSON with a model type, or a file that is called so."""
    return '"model_type"' in text or '"architectures"' in text or Path(file).name == "config.json"


def recognise(tree: Mapping[str, Any], file: str) -> str:
    """What a mapping is: the kind whose keys its entries have most of."""
    if is_document(tree):
        return SPEC
    for section, kind in _SECTIONS.items():
        if isinstance(tree.get(section), Mapping):
            return kind
    score = {SPEC: sum(map(_layers, tree.values()))}
    for kind, (_, keys) in _TABLES.items():
        score[kind] = sum(len(keys & card.keys()) for card in _mappings(tree))
    best = max(score, key=lambda kind: score[kind])
    named = Path(file).stem
    return named if score[best] == 0 and named in _TABLES else best


def _mappings(tree: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [card for card in tree.values() if isinstance(card, Mapping)]


def _layers(value: Any) -> int:
    """Leaves that look like a layer."""
    if isinstance(value, Mapping):
        return sum(map(_layers, value.values()))
    return int(isinstance(value, str) and bool(_CALL.fullmatch(value.strip())))


# --- places ------------------------------------------------------------------------------------


def _in_order(problems: Sequence[Problem], texts: Sequence[Source]) -> tuple[Problem, ...]:
    """Each problem once, with its place, in the order of lines; a flood of them is cut."""
    file = texts[0].file
    # They come nearly in order; to find the places of thousands takes longer than to read them.
    some = problems[: 4 * MOST_PROBLEMS]
    placed = {_key(found): found for found in (_placed(p, texts) for p in some)}
    ordered = sorted(
        placed.values(),
        key=lambda p: (p.place.file != file, p.place.line, p.place.column) if p.place else (),
    )
    if len(ordered) > MOST_PROBLEMS:
        rest = len(ordered) - MOST_PROBLEMS + len(problems) - len(some)
        last = ordered[MOST_PROBLEMS - 1]._replace(
            message=f"… and {rest:,} problems more", hint=None
        )
        ordered = [*ordered[:MOST_PROBLEMS], last]
    return tuple(ordered)


def _key(problem: Problem) -> tuple[object, ...]:
    place = problem.place
    return (problem.message, place and (place.file, place.line, place.column))


def _placed(problem: Problem, texts: Sequence[Source]) -> Problem:
    """The problem with its place in the first text that holds its path."""
    if problem.place is not None:
        return problem
    first = texts[0]
    best = problem._replace(place=place_of(first.text, first.file, 0))
    for position, source in enumerate(texts):
        try:
            found, whole = locate(problem, source.text, source.file)
        except ParamcalcError:  # JSON that is no YAML
            continue
        if whole:
            return found
        if position == 0 and found.place is not None:
            best = found
    return best
