"""The forms that an expression may have, each compiled to a closure.

One small function for each form of Python's syntax tree that is allowed; whatever is not in the
table at the end is refused. Integers are bounded where they are computed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from paramcalc.core import trace
from paramcalc.core.functions import FUNCTIONS, type_name
from paramcalc.errors import ParamcalcError, did_you_mean, shorten

LARGEST = 10**18
"""No size, and no intermediate result, is larger."""
_LARGEST_EXPONENT = 64

Scope = Mapping[str, Any]
Evaluate = Callable[[Scope], Any]


def span_of(node: ast.AST) -> tuple[int, int]:
    start = getattr(node, "col_offset", 0)
    return start, max(1, (getattr(node, "end_col_offset", None) or start + 1) - start)


def refuse(node: ast.AST, what: str, hint: str | None = None) -> ParamcalcError:
    return ParamcalcError(f"{what} cannot be used in an expression", hint, span=span_of(node))



def compile_form(node: ast.expr, names: set[str]) -> Evaluate:
    compiler = _COMPILERS.get(type(node))
    if compiler is None:
        raise refuse(node, _FORM_NAMES.get(type(node).__name__, "this form"), _HINT)
    return compiler(node, names)


_HINT = "allowed: names, numbers, + - * // % **, comparisons, and/or/not, a if c else b, indexing"
_FORM_NAMES = {
    "Attribute": "an attribute",
    "Lambda": "`lambda`",
    "ListComp": "a comprehension",
    "SetComp": "a comprehension",
    "DictComp": "a comprehension",
    "GeneratorExp": "a comprehension",
    "JoinedStr": "an f-string",
    "NamedExpr": "`:=`",
    "Dict": "a dictionary",
    "Set": "a set",
    "Starred": "`*`",
    "Await": "`await`",
    "Yield": "`yield`",
    "Slice": "a slice",
}


def constant(value: Any) -> Evaluate:
    return lambda scope: value


def _compile_constant(node: ast.Constant, names: set[str]) -> Evaluate:
    value = node.value
    if isinstance(value, str):
        raise refuse(node, "a text", "text can only be compared: `kind == 'full'`")
    if not (value is None or isinstance(value, (bool, int, float))):
        raise refuse(node, f"`{shorten(ast.unparse(node))}`", _HINT)
    if isinstance(value, int) and value > LARGEST:
        raise ParamcalcError(
            f"`{shorten(str(value))}` is larger than any size can be (10**18)", span=span_of(node)
        )
    return constant(value)


def _compile_name(node: ast.Name, names: set[str]) -> Evaluate:
    name, span = node.id, span_of(node)
    names.add(name)

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


def _bounded(value: Any, node: ast.AST) -> Any:
    if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
        raise ParamcalcError("a result is larger than any size can be (10**18)", span=span_of(node))
    return value


def _number(value: Any, node: ast.AST) -> Any:
    if not isinstance(value, (int, float)):
        found = "nothing (null)" if value is None else type_name(value)
        raise ParamcalcError(
            f"expected a number for `{shorten(ast.unparse(node))}`, found {found}",
            span=span_of(node),
        )
    return value


def _power(left: Any, right: Any) -> Any:
    if not isinstance(right, int) or not 0 <= right <= _LARGEST_EXPONENT:
        raise ParamcalcError(f"an exponent must be a whole number from 0 to {_LARGEST_EXPONENT}")
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


def _compile_binary(node: ast.BinOp, names: set[str]) -> Evaluate:
    apply = _BINARY.get(type(node.op))
    if apply is None:
        raise refuse(node, "a bit operation", _HINT)
    left, right = compile_form(node.left, names), compile_form(node.right, names)

    def evaluate(scope: Scope) -> Any:
        a, b = left(scope), right(scope)
        if type(a) is not int or type(b) is not int:
            _number(a, node.left)
            _number(b, node.right)
        try:
            return _bounded(apply(a, b), node)
        except ZeroDivisionError:
            text = shorten(ast.unparse(node))
            raise ParamcalcError(f"division by zero in `{text}`", span=span_of(node)) from None
        except OverflowError:
            raise ParamcalcError("a result is too large", span=span_of(node)) from None
        except ParamcalcError as error:
            raise ParamcalcError(error.problems[0].message, span=span_of(node)) from None

    return evaluate


def _compile_unary(node: ast.UnaryOp, names: set[str]) -> Evaluate:
    operand = compile_form(node.operand, names)
    if isinstance(node.op, ast.Not):
        return lambda scope: not operand(scope)
    if isinstance(node.op, ast.USub):
        return lambda scope: -_number(operand(scope), node.operand)
    if isinstance(node.op, ast.UAdd):
        return lambda scope: _number(operand(scope), node.operand)
    raise refuse(node, "a bit operation", _HINT)


def _compile_bool(node: ast.BoolOp, names: set[str]) -> Evaluate:
    parts = [compile_form(part, names) for part in node.values]
    stop_at = isinstance(node.op, ast.Or)

    def evaluate(scope: Scope) -> Any:
        value: Any = None
        for part in parts:
            value = part(scope)
            if bool(value) is stop_at:
                return value
        return value

    return evaluate


def _compile_if(node: ast.IfExp, names: set[str]) -> Evaluate:
    test, yes, no = (compile_form(part, names) for part in (node.test, node.body, node.orelse))
    return lambda scope: yes(scope) if test(scope) else no(scope)


_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
    ast.Is: lambda a, b: a is b,
    ast.IsNot: lambda a, b: a is not b,
}


def _compile_compare(node: ast.Compare, names: set[str]) -> Evaluate:
    first = _operand(node.left, names)
    rest = []
    for comparison, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(comparison, (ast.Is, ast.IsNot)) and not (
            isinstance(right, ast.Constant) and right.value is None
        ):
            raise refuse(node, "`is`", "`is` is for `None`; compare values with `==`")
        rest.append((_COMPARE[type(comparison)], _operand(right, names)))

    def evaluate(scope: Scope) -> bool:
        left = first(scope)
        for compare, operand in rest:
            right = operand(scope)
            try:
                if not compare(left, right):
                    return False
            except TypeError:
                raise ParamcalcError(
                    f"cannot compare {type_name(left)} with {type_name(right)} "
                    f"in `{shorten(ast.unparse(node))}`",
                    span=span_of(node),
                ) from None
            left = right
        return True

    return evaluate


def _operand(node: ast.expr, names: set[str]) -> Evaluate:
    """A side of a comparison: the one place where a text, or a list of texts, may stand."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return constant(node.value)
    if isinstance(node, (ast.List, ast.Tuple)):
        parts = [_operand(part, names) for part in node.elts]
        return lambda scope: [part(scope) for part in parts]
    return compile_form(node, names)


def _compile_list(node: ast.List | ast.Tuple, names: set[str]) -> Evaluate:
    parts = [compile_form(part, names) for part in node.elts]
    return lambda scope: [part(scope) for part in parts]


def _compile_subscript(node: ast.Subscript, names: set[str]) -> Evaluate:
    value = compile_form(node.value, names)
    index = _compile_index(node.slice, names)

    def evaluate(scope: Scope) -> Any:
        container, key = value(scope), index(scope)
        expected: type[Any] | tuple[type[Any], ...] = (int, slice)
        if isinstance(container, dict):
            expected = str
        if not isinstance(container, (list, tuple, str, dict)) or not isinstance(key, expected):
            raise ParamcalcError(
                f"cannot index `{shorten(ast.unparse(node.value))}`, "
                f"which is {'null' if container is None else type_name(container)}",
                span=span_of(node),
            )
        try:
            return container[key]
        except (IndexError, KeyError):
            size = f" (it has {len(container)} entries)" if not isinstance(key, str) else ""
            raise ParamcalcError(
                f"`{shorten(ast.unparse(node.value))}` has no entry {shorten(str(key))}{size}",
                span=span_of(node),
            ) from None

    return evaluate


def _compile_index(node: ast.expr, names: set[str]) -> Evaluate:
    if isinstance(node, ast.Slice):
        ends = [
            compile_form(end, names) if end is not None else constant(None)
            for end in (node.lower, node.upper, node.step)
        ]

        def evaluate(scope: Scope) -> slice:
            values = [end(scope) for end in ends]
            if any(not (v is None or isinstance(v, int)) for v in values) or values[2] == 0:
                raise ParamcalcError("a slice needs whole numbers", span=span_of(node))
            return slice(*values)

        return evaluate
    return _operand(node, names)


def _compile_attribute(node: ast.Attribute, names: set[str]) -> Evaluate:
    # `vision_config.hidden_size`: a key of a nested configuration, never an object's attribute.
    value, key = compile_form(node.value, names), node.attr
    if key.startswith("_"):
        raise refuse(node, "a name that starts with `_`")

    def evaluate(scope: Scope) -> Any:
        nested = value(scope)
        if not isinstance(nested, Mapping):
            raise ParamcalcError(
                f"`{shorten(ast.unparse(node.value))}` is no nested configuration",
                span=span_of(node),
            )
        if key not in nested:
            raise ParamcalcError(
                f"`{shorten(ast.unparse(node.value))}` has no key `{key}`",
                did_you_mean(key, nested),
                span=span_of(node),
            )
        return nested[key]

    return evaluate


def _compile_call(node: ast.Call, names: set[str]) -> Evaluate:
    if not isinstance(node.func, ast.Name) or node.keywords:
        raise refuse(node, "this call", f"known functions: {', '.join(FUNCTIONS)}")
    name, span = node.func.id, span_of(node)
    arguments = [_operand(argument, names) for argument in node.args]
    builtin = FUNCTIONS.get(name)
    if builtin is None:
        # A function of the spec's own, `dim(s)` under `let:`; resolved in the scope.
        names.add(name)

    def evaluate(scope: Scope) -> Any:
        function = builtin or _own_function(scope, name, span)
        values = [argument(scope) for argument in arguments]
        try:
            result = _bounded(function(*values), node)
        except ParamcalcError as error:
            problem = error.problems[0]
            raise ParamcalcError(problem.message, problem.hint, span=span) from None
        except (TypeError, ValueError, ZeroDivisionError, OverflowError):
            raise ParamcalcError(
                f"`{name}` cannot be called like this: `{shorten(ast.unparse(node))}`", span=span
            ) from None
        if builtin and isinstance(result, int):
            return trace.call(name, result, *values)
        return result

    return evaluate


def _own_function(scope: Scope, name: str, span: tuple[int, int]) -> Callable[..., Any]:
    try:
        function = scope[name]
    except KeyError:
        function = None
    if not callable(function):
        known = ", ".join(FUNCTIONS)
        raise ParamcalcError(
            f"unknown function `{shorten(name)}`", f"known functions: {known}", span=span
        )
    return function  # type: ignore[no-any-return]


_COMPILERS: Mapping[type[ast.expr], Callable[[Any, set[str]], Evaluate]] = {
    ast.Constant: _compile_constant,
    ast.Name: _compile_name,
    ast.BinOp: _compile_binary,
    ast.UnaryOp: _compile_unary,
    ast.BoolOp: _compile_bool,
    ast.IfExp: _compile_if,
    ast.Compare: _compile_compare,
    ast.List: _compile_list,
    ast.Tuple: _compile_list,
    ast.Subscript: _compile_subscript,
    ast.Attribute: _compile_attribute,
    ast.Call: _compile_call,
}
