"""Forms that combine values: arithmetic, logic, comparisons, lists."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from paramcalc.core.closure import (
    ALLOWED,
    LARGEST,
    Compile,
    Evaluate,
    Scope,
    bounded,
    constant,
    number,
    refuse,
    source,
    span_of,
    truth,
)
from paramcalc.core.functions import type_name
from paramcalc.errors import ParamcalcError, shorten

_LARGEST_EXPONENT = 64


def compile_constant(node: ast.Constant, _: Compile) -> Evaluate:
    """A number, ``True``, ``False`` or ``None``."""
    value = node.value
    if isinstance(value, str):
        raise refuse(node, "a text", "text can only be compared: `kind == 'full'`")
    if not (value is None or isinstance(value, (bool, int, float))):
        raise refuse(node, f"`{source(node)}`", ALLOWED)
    if isinstance(value, int) and value > LARGEST:
        raise ParamcalcError(
            f"`{shorten(str(value))}` is larger than any size can be (10**18)", span=span_of(node)
        )
    return constant(value)


def _power(left: Any, right: Any) -> Any:
    if not 0 <= right <= _LARGEST_EXPONENT:
        raise ParamcalcError(f"an exponent must be a number from 0 to {_LARGEST_EXPONENT}")
    if left < 0 and not isinstance(right, int):
        raise ParamcalcError("a root of a negative number is no number")
    return left**right


_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}


def compile_binary(node: ast.BinOp, compile_form: Compile) -> Evaluate:
    """``a + b`` and its like; every whole number is bounded where it is computed."""
    apply = _BINARY.get(type(node.op))
    if apply is None:
        raise refuse(node, "a bit operation", ALLOWED)
    left, right = compile_form(node.left), compile_form(node.right)

    def evaluate(scope: Scope) -> Any:
        a, b = left(scope), right(scope)
        if type(a) is not int or type(b) is not int:
            number(a, node.left)
            number(b, node.right)
        try:
            return bounded(apply(a, b), node)
        except ZeroDivisionError:
            message = f"division by zero in `{source(node)}`"
        except OverflowError:
            message = "a result is larger than any number can be"
        except ParamcalcError as error:
            message = error.problems[0].message
        raise ParamcalcError(message, span=span_of(node))

    return evaluate


def compile_unary(node: ast.UnaryOp, compile_form: Compile) -> Evaluate:
    """``-a``, ``+a`` and ``not a``."""
    operand = compile_form(node.operand)
    if isinstance(node.op, ast.Not):
        text, span = ast.unparse(node.operand), span_of(node.operand)
        return lambda scope: not truth(operand(scope), text, span)
    if isinstance(node.op, ast.USub):
        return lambda scope: -number(operand(scope), node.operand)
    if isinstance(node.op, ast.UAdd):
        return lambda scope: +number(operand(scope), node.operand)
    raise refuse(node, "a bit operation", ALLOWED)


def compile_bool(node: ast.BoolOp, compile_form: Compile) -> Evaluate:
    """``a and b``, ``a or b``: as in Python, the value that decides."""
    parts = [compile_form(part) for part in node.values]
    stop_at = isinstance(node.op, ast.Or)

    def evaluate(scope: Scope) -> Any:
        value: Any = None
        for part in parts:
            value = part(scope)
            if bool(value) is stop_at:
                return value
        return value

    return evaluate


def compile_if(node: ast.IfExp, compile_form: Compile) -> Evaluate:
    """``a if c else b``: only the branch that is taken is computed."""
    test, yes, no = (compile_form(part) for part in (node.test, node.body, node.orelse))
    text, span = ast.unparse(node.test), span_of(node.test)
    return lambda scope: yes(scope) if truth(test(scope), text, span) else no(scope)


_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


def compile_compare(node: ast.Compare, compile_form: Compile) -> Evaluate:
    """``a < b``, ``a in b``, ``a is None``, and chains of them."""
    first = compile_operand(node.left, compile_form)
    rest = []
    for comparison, right in zip(node.ops, node.comparators):
        if isinstance(comparison, (ast.Is, ast.IsNot)) and not _is_none(right):
            raise refuse(node, "`is`", "`is` is for `None`; compare values with `==`")
        rest.append((_COMPARE[type(comparison)], compile_operand(right, compile_form)))

    def evaluate(scope: Scope) -> bool:
        left = first(scope)
        for compare, operand in rest:
            right = operand(scope)
            try:
                if not compare(left, right):
                    return False
            except TypeError:
                raise ParamcalcError(
                    f"cannot compare {type_name(left)} with {type_name(right)} in `{source(node)}`",
                    span=span_of(node),
                ) from None
            left = right
        return True

    return evaluate


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def compile_operand(node: ast.expr, compile_form: Compile) -> Evaluate:
    """A side of a comparison, a key or an argument: where a text, or texts, may stand."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return constant(node.value)
    if isinstance(node, (ast.List, ast.Tuple)):
        parts = [compile_operand(part, compile_form) for part in node.elts]
        return lambda scope: [part(scope) for part in parts]
    return compile_form(node)


def compile_list(node: ast.List | ast.Tuple, compile_form: Compile) -> Evaluate:
    """``[a, b]`` or ``(a, b)``."""
    parts = [compile_form(part) for part in node.elts]
    return lambda scope: [part(scope) for part in parts]
