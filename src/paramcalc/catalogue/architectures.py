"""Documents of the layer-spec language on disk: architectures by name, and a user's own files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any, NamedTuple

from paramcalc.catalogue import strict_yaml
from paramcalc.catalogue.files import data_folders, find_data, read_text, shown
from paramcalc.core import spec as spec_language
from paramcalc.core.spec import Spec
from paramcalc.errors import ParamcalcError, Problem, did_you_mean, shorten

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")


class Source(NamedTuple):
    """A text and where it came from."""

    file: str
    text: str
    tree: Mapping[str, Any]


def parse_source(text: str, file: str) -> Source:
    """Read a text as a mapping."""
    tree = strict_yaml.load(text, file)
    if not isinstance(tree, Mapping):
        raise ParamcalcError(
            f"`{file}` is no mapping of names",
            "write `name: Linear(in, out)`, one module a line",
        )
    return Source(file, text, tree)


@contextmanager
def placed(*sources: Source) -> Iterator[None]:
    """Errors raised inside get line and column in the first source that holds their path."""
    try:
        yield
    except ParamcalcError as error:
        raise _placed(error, sources) from None


def _placed(
    error: ParamcalcError, sources: Sequence[Source], head: str | None = None
) -> ParamcalcError:
    """The error with the places of its problems, in their order in the text."""
    # What a head says stands before the rest.
    prefixes: tuple[tuple[str, ...], ...] = ((),) if head is None else (("heads", head), ())
    problems = [_place(problem, sources, prefixes) for problem in error.problems]
    files = list(dict.fromkeys(p.place.file for p in problems if p.place))

    def position(problem: Problem) -> tuple[int, int, int]:
        place = problem.place
        return (files.index(place.file), place.line, place.column) if place else (-1, 0, 0)

    return ParamcalcError(sorted(problems, key=position))


def _place(
    problem: Problem, sources: Sequence[Source], prefixes: Sequence[tuple[str, ...]]
) -> Problem:
    if problem.path[:1] == ("modules",) and "modules" not in sources[0].tree and len(sources) == 1:
        problem = problem._replace(path=problem.path[1:])  # a tree of modules without sections
    best = problem
    for source in sources:
        for prefix in prefixes:
            there = problem._replace(path=(*prefix, *problem.path)) if problem.path else problem
            found, whole = strict_yaml.locate(there, source.text, source.file)
            if whole:
                return found
            if best is problem and not prefix:
                best = found
    return best


def architecture_names() -> list[str]:
    """All architectures in the data folders."""
    found = {
        path.stem for folder in data_folders() for path in (folder / "architectures").glob("*.yaml")
    }
    return sorted(found)


def is_architecture(name: str) -> bool:
    """There is a file for this ``model_type``."""
    return bool(_NAME.fullmatch(name)) and bool(find_data(f"architectures/{name}.yaml"))


@lru_cache(maxsize=512)
def architecture_source(name: str) -> Source:
    """The file of one architecture."""
    paths = find_data(f"architectures/{name}.yaml") if _NAME.fullmatch(name) else []
    if not paths:
        hint = did_you_mean(name, architecture_names(), 3)
        raise ParamcalcError(
            f"no architecture named `{shorten(name)}`",
            hint or "`paramcalc list architectures` names them all",
        )
    return parse_source(read_text(paths[0]), shown(paths[0]))


def chain(source: Source) -> list[Source]:
    """A source and all that it extends, itself first."""
    links = [source]
    while isinstance(name := links[-1].tree.get("extends"), str) and len(links) < 30:
        if not _NAME.fullmatch(name) or not find_data(f"architectures/{name}.yaml"):
            break
        links.append(architecture_source(name))
    return links


def compile_source(
    source: Source, name: str, class_name: str | None = None, *, mtp: bool = False
) -> Spec:
    """Compile a source, with all that it extends, as a class of the framework has it.

    ``mtp``: with the layers for multi-token prediction.
    """
    document, head = source.tree, None
    links = chain(source)
    try:
        if spec_language.is_document(document):
            merged = spec_language.resolve(document, lambda base: architecture_source(base).tree)
            head = spec_language.head_pattern(merged, class_name)
            document = spec_language.with_head(merged, class_name, mtp=mtp)
        spec = spec_language.compile_document(document, name)
    except ParamcalcError as error:
        raise _placed(error, links, head) from None
    return spec._replace(place=partial(_placed, sources=links, head=head))


@lru_cache(maxsize=512)
def find_spec(model_type: str, class_name: str | None = None, *, mtp: bool = False) -> Spec:
    """The compiled architecture for a ``model_type`` and a class name from ``architectures``."""
    return compile_source(architecture_source(model_type), model_type, class_name, mtp=mtp)
