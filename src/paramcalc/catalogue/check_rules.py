"""Files with rules for reading checkpoints: their keys, and every expression in them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from paramcalc.catalogue import rule_schemas as schemas
from paramcalc.catalogue.architectures import Source
from paramcalc.catalogue.findings import findings
from paramcalc.core.cache import CACHE_KINDS
from paramcalc.core.expression import parse
from paramcalc.core.layers import KINDS
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
        yield from _expression(text, known, "_let", name)
    for name, rule in {"_default": tree["_default"], **rules}.items():
        for key in _WINDOW_KEYS:
            # A window may be told by whether the layer slides, which is found out before.
            yield from _expression(rule.get(key), {*fields, _WINDOW_KEYS[0]}, name, key)
    for number, rule in enumerate(tree["_caches"]):
        yield from _cache_problems(rule, known, ("_caches", str(number)))


def _cache_problems(
    rule: Mapping[str, Any], known: Collection[str], path: tuple[str, ...]
) -> Iterator[Problem]:
    yield from _expression(rule.get("if"), known, *path, "if")
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
        yield from _expression(text, known, *here)
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in rule["arguments"]:
            yield Problem(f"`{kind}` lacks `{name}`", None, (*path, "arguments"), in_key=True)


def _scheme_problems(name: str, scheme: Mapping[str, Any]) -> list[Problem]:
    known = scheme.get("fields", {})
    problems = list(_expression(scheme.get("when"), known, name, "when"))
    for ending, rule in scheme["containers"].items():
        for key in ("elements", "in"):
            problems += _expression(rule[key], known, name, "containers", ending, key)
    return problems


def _expression(value: Any, known: Collection[str], *path: str) -> Iterator[Problem]:
    """What is wrong with an expression; numbers, truths and null are none."""
    if not isinstance(value, str):
        return
    try:
        found = parse(value)
    except ParamcalcError as error:
        yield from error.at(path).problems
        return
    for name in sorted(found.spans.keys() - set(known)):
        hint = did_you_mean(name, known)
        message = f"unknown name `{shorten(name)}` in an expression"
        yield Problem(message, hint, path, found.spans[name])
