"""The forms that an expression may have, and who compiles each to a closure.

Whatever of Python's syntax tree is not in the table is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from paramcalc.core import lookups, operators
from paramcalc.core.closure import ALLOWED, Compile, Evaluate, Span, refuse

_COMPILERS: Mapping[type[ast.expr], Callable[[Any, Compile], Evaluate]] = {
    ast.Constant: operators.compile_constant,
    ast.BinOp: operators.compile_binary,
    ast.UnaryOp: operators.compile_unary,
    ast.BoolOp: operators.compile_bool,
    ast.IfExp: operators.compile_if,
    ast.Compare: operators.compile_compare,
    ast.List: operators.compile_list,
    ast.Tuple: operators.compile_list,
    ast.Name: lookups.compile_name,
    ast.Subscript: lookups.compile_subscript,
    ast.Attribute: lookups.compile_attribute,
    ast.Call: lookups.compile_call,
}

_REFUSED = {
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
    "YieldFrom": "`yield`",
    "Slice": "a slice",
}


class Compiler:
    """Compiles one expression; ``spans`` tells where each of its names first stands."""

    __slots__ = ("spans",)

    def __init__(self) -> None:
        self.spans: dict[str, Span] = {}

    def __call__(self, node: ast.expr) -> Evaluate:
        compile_form = _COMPILERS.get(type(node))
        if compile_form is None:
            raise refuse(node, _REFUSED.get(type(node).__name__, "this form"), ALLOWED)
        return compile_form(node, self)
