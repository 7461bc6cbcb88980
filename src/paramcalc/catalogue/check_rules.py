"""Files with rules for reading checkpoints: their keys, and every expression in them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from paramcalc.catalogue import rule_schemas as schemas
from paramcalc.catalogue.architectures import Source
from paramcalc.catalogue.findings import findings
from paramcalc.core.cache import CACHE_KINDS
from paramcalc.core.expression import parse, stated
from paramcalc.core.layers import KINDS
from paramcalc.core.lazy import DEEPEST
from paramcalc.errors import ParamcalcError, Problem, did_you_mean, shorten

_LAYER_NUMBER = "i"
_WINDOW_KEYS = ("slides", "sliding_window")


def check_gguf(source: Source) -> list[Problem]:
    """``gguf.yaml``: sections, rules of architectures, and the names that expressions use."""
    tree = source.tree
    common = {key: value for key, value in tree.items() if key.startswith("_")}
    problems = findings(schemas.GgufSections, common, (), "the file")
    rules = {key: value for key, value in tree.items() if not key.startswith("_")}
    for name, rule in rules.items():
        problems += findings(schemas.WindowRule, rule, (name,), f"`{shorten(name)}`")
    return problems or list(_gguf_problems(tree, rules))


def check_containers(source: Source) -> list[Problem]:
    """``containers.yaml``: the schemes, and the names that expressions use."""
    tree = source.tree
    common = {key: value for key, value in tree.items() if key.startswith("_")}
    problems = findings(schemas.ContainerSections, common, (), "the file")
    schemes = {key: value for key, value in tree.items() if not key.startswith("_")}
    for name, scheme in schemes.items():
        found = findings(schemas.ContainerScheme, scheme, (name,), f"`{shorten(name)}`")
        problems += found or _scheme_problems(name, scheme)
    return problems


CHECKS: Mapping[str, Callable[[Source], list[Problem]]] = {
    "gguf": check_gguf,
    "containers": check_containers,
}
"""By the name of the file."""


def _gguf_problems(tree: Mapping[str, Any], rules: Mapping[str, Any]) -> Iterator[Problem]:
    fields = {*tree["_fields"], _LAYER_NUMBER}
    known = {*fields, *tree["_let"], *_WINDOW_KEYS}
    for pattern, kind in tree["_kinds"].items():
        if kind not in KINDS:
            hint = did_you_mean(kind, KINDS)
            yield Problem(f"unknown layer kind `{shorten(kind)}`", hint, ("_kinds", pattern))
    for name, text in tree["_let"].items():
        yield from expression(text, known, "_let", name)
    for name, rule in {"_default": tree["_default"], **rules}.items():
        for key in _WINDOW_KEYS:
            # A window may be told by whether the layer slides, which is found out before.
            yield from expression(rule.get(key), {*fields, _WINDOW_KEYS[0]}, name, key)
    for number, rule in enumerate(tree["_caches"]):
        yield from _cache_problems(rule, known, ("_caches", str(number)))


def _cache_problems(
    rule: Mapping[str, Any], known: Collection[str], path: tuple[str, ...]
) -> Iterator[Problem]:
    yield from expression(rule.get("if"), known, *path, "if")
    kind = rule["kind"]
    if kind not in CACHE_KINDS:
        hint = did_you_mean(kind, CACHE_KINDS)
        yield Problem(f"unknown kind of cache `{shorten(kind)}`", hint, (*path, "kind"))
        return
    parameters = inspect.signature(CACHE_KINDS[kind]).parameters
    for name, text in rule["arguments"].items():
        here = (*path, "arguments", name)
        if name not in parameters:
            hint = did_you_mean(name, parameters)
            yield Problem(f"`{kind}` has no argument `{shorten(name)}`", hint, here, in_key=True)
        yield from expression(text, known, *here)
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in rule["arguments"]:
            yield Problem(f"`{kind}` lacks `{name}`", None, (*path, "arguments"), in_key=True)


def _scheme_problems(name: str, scheme: Mapping[str, Any]) -> list[Problem]:
    known = scheme.get("fields", {})
    problems = list(expression(scheme.get("when"), known, name, "when"))
    for ending, rule in scheme["containers"].items():
        for key in ("elements", "in"):
            problems += expression(rule[key], known, name, "containers", ending, key)
    return problems


def expression(
    value: Any, known: Collection[str] | None, *path: str, offset: int = 0, text: bool = False
) -> Iterator[Problem]:
    """What is wrong with an expression; numbers, truths and null are none.

    ``known`` is None where any name may be meant; ``offset`` is where it begins in its text, and
    with ``text`` it may be one as a whole.
    """
    if not isinstance(value, str):
        return
    try:
        found = parse(value, allow_text=text, offset=offset)
    except ParamcalcError as error:
        yield from error.at(path).problems
        return
    for name in sorted(found.spans.keys() - set(known)) if known is not None else ():
        hint = did_you_mean(name, known or ())
        message = f"unknown name `{shorten(name)}` in an expression"
        yield Problem(message, hint, path, found.spans[name])


def let_problems(
    lets: Mapping[str, Any],
    outer: Mapping[str, Any],
    known: Collection[str] | None,
    path: tuple[str, ...],
) -> Iterator[Problem]:
    """Names for expressions, over each other and over ``outer`` ones, which are told of already."""
    problems = [
        problem for name, text in lets.items() for problem in expression(
            text, known, *path, name, text=True)
    ]  # fmt: skip
    yield from problems
    if problems or not lets:
        return
    try:
        found = {name: stated(text).names for name, text in {**outer, **lets}.items()}
    except ParamcalcError:
        return
    left = unresolved(found)
    first = next((name for name in lets if name in left), None)
    if first is not None:
        yield Problem(_entangled(first, left), None, (*path, first))


def unresolved(needs: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """The names that cannot be computed one after the other, with those that each waits for."""
    left = {name: set(used) & needs.keys() for name, used in needs.items()}
    for _ in range(DEEPEST):
        ready = {name for name, used in left.items() if not used}
        if not ready:
            break
        left = {name: used - ready for name, used in left.items() if name not in ready}
    return left


def _entangled(first: str, left: Mapping[str, Collection[str]]) -> str:
    """Why a name cannot be computed."""
    seen = [first]
    while True:
        following = next((name for name in sorted(left[seen[-1]]) if name in left), None)
        if following is None:
            return f"names depend on each other more than {DEEPEST} deep"
        if following in seen:
            circle = [*seen[seen.index(following) :], following]
            return f"`{shorten(following)}` depends on itself: {shorten(' -> '.join(circle), 200)}"
        seen.append(following)
