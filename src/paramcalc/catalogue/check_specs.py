"""Layer specs, architectures and configurations of a user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from paramcalc.catalogue import schemas
from paramcalc.catalogue.architectures import Source, architecture_source, chain, find_spec
from paramcalc.catalogue.blame import blame
from paramcalc.catalogue.findings import findings
from paramcalc.catalogue.mixes import mix
from paramcalc.catalogue.tables import number_format
from paramcalc.core import spec as spec_language
from paramcalc.core.expand import expand
from paramcalc.core.spec import SECTIONS, Spec, compile_document
from paramcalc.errors import ParamcalcError, Problem, did_you_mean

MODULES = "modules"


def is_document(tree: Mapping[str, Any]) -> bool:
    """Sections rather than modules, even where the one that makes it a document is misspelt."""
    return (
        spec_language.is_document(tree)
        or "extends" in tree
        or any(isinstance(tree.get(name), Mapping) for name in ("config", "let", "tied"))
    )


def check_spec(source: Source) -> list[Problem]:
    """A layer spec: its sections, then all that the compiler finds, then its expansion."""
    if not is_document(source.tree):
        return list(_compiled(source.tree))
    problems = findings(schemas.SpecDocument, source.tree) + list(_lacks_modules(source.tree))
    sound = dict(source.tree)
    for path in {problem.path for problem in problems if problem.path}:
        sound = _without(sound, path)
    if MODULES in sound or "extends" in sound:
        problems += _compiled(sound)
    return problems + _mix_problems(sound.get("mix"))


def _mix_problems(tree: Any) -> list[Problem]:
    """The patterns can be read, and the formats are there."""
    if not isinstance(tree, Mapping):
        return []
    try:
        mix(tree, "mix", number_format, "", "mix")
    except ParamcalcError as error:
        return list(error.problems)
    return []


def _without(tree: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The document without what is wrong already, so that the compiler tells what else is."""
    key, *rest = path
    if not rest:
        return {name: value for name, value in tree.items() if name != key}
    if key not in tree or not isinstance(tree[key], Mapping):
        return dict(tree)
    if key == "let" and len(rest) == 1:
        # Its name is known, whatever its value should have been.
        return {**tree, key: {**tree[key], rest[0]: 1}}
    return {**tree, key: _without(tree[key], tuple(rest))}


def _lacks_modules(tree: Mapping[str, Any]) -> Iterator[Problem]:
    if MODULES not in tree and "extends" not in tree:
        others = [key for key in tree if key not in SECTIONS]
        near = did_you_mean(MODULES, others)
        hint = None if near else "they are the tree of layers, indented below `modules:`"
        if not near:
            yield Problem("the document has no `modules`", hint)


def _compiled(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Problems of the document as it stands, then of what each head, inherited or not, adds."""
    try:
        merged = spec_language.resolve(tree, lambda base: architecture_source(base).tree)
    except ParamcalcError as error:
        yield from error.problems
        return
    plain = dict.fromkeys(_of_class(merged, None))
    yield from plain
    known = {(problem.message, problem.path) for problem in plain}
    heads = merged.get("heads")
    patched: dict[tuple[str, ...], Iterator[Problem]] = {
        ("heads", pattern): _of_class(merged, pattern)
        for pattern in (heads if isinstance(heads, Mapping) else ())
    }
    patched["mtp",] = _of_class(merged, None, mtp=True)
    for where, problems in patched.items():
        for problem in problems:
            if (problem.message, problem.path) not in known:
                yield problem._replace(path=(*where, *problem.path))


def _of_class(
    merged: Mapping[str, Any], class_name: str | None, *, mtp: bool = False
) -> Iterator[Problem]:
    try:
        document = spec_language.with_head(merged, class_name, mtp=mtp)
        spec = compile_document(document, "the spec")
        if can_expand(spec):
            expand(spec, spec.example, find_spec)
    except ParamcalcError as error:
        yield from error.problems


def can_expand(spec: Spec) -> bool:
    """There is a configuration to try: an example, or nothing but defaults."""
    return bool(spec.example) or all(field.default for field in spec.fields.values())


def check_configuration(tree: Mapping[str, Any]) -> list[Problem]:
    """A ``config.json``: its architecture is known, and it expands."""
    model_type = tree.get("model_type")
    if not isinstance(model_type, str):
        hint = "it names the architecture; `paramcalc list architectures` names them all"
        path = ("model_type",) if "model_type" in tree else ()
        return [Problem("the configuration has no `model_type`", hint, path)]
    classes = tree.get("architectures")
    names = classes if isinstance(classes, list) else [classes]
    class_name = names[0] if names else None
    if not isinstance(class_name, str | None) or not isinstance(classes, list | None):
        return [Problem("`architectures` must be a list of names", None, ("architectures",))]
    try:
        find_spec(model_type)
    except ParamcalcError as error:
        return [Problem(p.message, p.hint, ("model_type",)) for p in error.problems]
    try:
        spec = find_spec(model_type, class_name)
    except ParamcalcError as error:
        return [Problem(p.message, p.hint, ("architectures", "0")) for p in error.problems]
    return list(blame(spec, tree).problems)


def sources(source: Source) -> list[Source]:
    """Where a problem of a spec may stand: its own text, then those that it extends."""
    try:
        return chain(source)
    except ParamcalcError:
        return [source]
