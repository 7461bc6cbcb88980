"""Forms that look something up: a name, an entry of a list, a key, a function."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from paramcalc.core import trace
from paramcalc.core.closure import (
    Compile,
    Evaluate,
    Scope,
    Span,
    bounded,
    constant,
    refuse,
    source,
    span_of,
)
from paramcalc.core.functions import FUNCTIONS, key_of, type_name
from paramcalc.core.operators import compile_operand
from paramcalc.errors import ParamcalcError, did_you_mean, shorten

_KNOWN_FUNCTIONS = f"known functions: {', '.join(FUNCTIONS)}"


def compile_name(node: ast.Name, compile_form: Compile) -> Evaluate:
    """A name, whose value the scope knows."""
    name, span = node.id, span_of(node)
    compile_form.spans.setdefault(name, span)

    def evaluate(scope: Scope) -> Any:
        try:
            return scope[name]
        except KeyError:
            raise ParamcalcError(
                f"unknown name `{shorten(name)}` in an expression",
                did_you_mean(name, scope),
                span=span,
            ) from None

    return evaluate


def compile_subscript(node: ast.Subscript, compile_form: Compile) -> Evaluate:
    """``layer_types[i]``, ``kind[:5]``, ``rope_scaling['factor']``."""
    value = compile_form(node.value)
    index = _compile_index(node.slice, compile_form)

    def evaluate(scope: Scope) -> Any:
        container, key = value(scope), index(scope)
        expected: type[Any] | tuple[type[Any], ...] = (int, slice)
        if isinstance(container, Mapping):
            expected, key = (str, int), key_of(container, key)
        if not isinstance(container, (list, tuple, str, Mapping)) or not isinstance(key, expected):
            raise ParamcalcError(
                f"cannot look up `{source(node.slice)}` in `{source(node.value)}`, "
                f"which is {type_name(container)}",
                span=span_of(node),
            )
        try:
            return bounded(container[key], node)
        except (IndexError, KeyError):
            raise _no_entry(node, container, key) from None

    return evaluate


def _no_entry(node: ast.Subscript, container: Any, key: Any) -> ParamcalcError:
    size = "" if isinstance(container, Mapping) else f" (it has {len(container)})"
    return ParamcalcError(
        f"`{source(node.value)}` has no entry {shorten(str(key))}{size}", span=span_of(node)
    )


def _compile_index(node: ast.expr, compile_form: Compile) -> Evaluate:
    if not isinstance(node, ast.Slice):
        return compile_operand(node, compile_form)
    ends = [
        constant(None) if end is None else compile_form(end)
        for end in (node.lower, node.upper, node.step)
    ]

    def evaluate(scope: Scope) -> slice:
        values = [end(scope) for end in ends]
        if any(not (v is None or isinstance(v, int)) for v in values) or values[2] == 0:
            raise ParamcalcError("a slice needs whole numbers", span=span_of(node))
        return slice(*values)

    return evaluate


def compile_attribute(node: ast.Attribute, compile_form: Compile) -> Evaluate:
    """``vision_config.hidden_size``: a key of a nested configuration, never an attribute."""
    value, key = compile_form(node.value), node.attr
    if key.startswith("_"):
        raise refuse(node, "a name that starts with `_`")

    def evaluate(scope: Scope) -> Any:
        nested = value(scope)
        if not isinstance(nested, Mapping):
            raise ParamcalcError(
                f"`{source(node.value)}` is no nested configuration", span=span_of(node)
            )
        if key not in nested:
            raise ParamcalcError(
                f"`{source(node.value)}` has no key `{shorten(key)}`",
                did_you_mean(key, map(str, nested)),
                span=span_of(node),
            )
        return bounded(nested[key], node)

    return evaluate


def compile_call(node: ast.Call, compile_form: Compile) -> Evaluate:
    """``max(a, b)``, or a function of the spec's own, ``dim(s)`` under ``let:``."""
    if not isinstance(node.func, ast.Name) or node.keywords:
        raise refuse(node, "this call", _KNOWN_FUNCTIONS)
    name, span = node.func.id, span_of(node)
    arguments = [compile_operand(argument, compile_form) for argument in node.args]
    builtin = FUNCTIONS.get(name)
    if builtin is None:
        compile_form.spans.setdefault(name, span_of(node.func))

    def evaluate(scope: Scope) -> Any:
        function = builtin or _own_function(scope, name, span_of(node.func))
        values = [argument(scope) for argument in arguments]
        try:
            result = bounded(function(*values), node)
        except ParamcalcError as error:
            problem = error.problems[0]
            if problem.path:  # it stands in the function's own definition
                raise
            raise ParamcalcError(problem.message, problem.hint, span=span) from None
        except (TypeError, ValueError, ZeroDivisionError, OverflowError):
            raise ParamcalcError(
                f"`{shorten(name)}` cannot be called like this: `{source(node)}`", span=span
            ) from None
        # `get` hands on what it found, with the formula that it has; a root stands as a number.
        if builtin and name not in ("get", "isqrt") and isinstance(result, int):
            return trace.call(name, result, *values)
        return result

    return evaluate


def _own_function(scope: Scope, name: str, span: Span) -> Callable[..., Any]:
    try:
        function = scope[name]
    except KeyError:
        function = None
    if not callable(function):
        raise ParamcalcError(f"unknown function `{shorten(name)}`", _KNOWN_FUNCTIONS, span=span)
    return function  # type: ignore[no-any-return]
