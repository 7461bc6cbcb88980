"""Safe expressions over a configuration: parsed once with Python's own grammar, evaluated often.

Only the forms of a whitelist are compiled (to closures, never to code), text and nesting are
bounded before parsing, and integers are bounded where they are computed. So an expression from a
stranger can neither run code nor exhaust time or memory.

>>> parse("hidden_size // num_heads")({"hidden_size": 4096, "num_heads": 32})
128
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import Any

from paramcalc.core.forms import Evaluate, Scope, compile_form, constant, refuse
from paramcalc.errors import ParamcalcError, shorten

_LONGEST_TEXT = 1000
_DEEPEST = 40


class Expression:
    """A compiled expression: call it with a scope (names to values) to get its value."""

    __slots__ = ("_evaluate", "is_constant", "names", "text")

    def __init__(
        self, text: str, names: frozenset[str], evaluate: Evaluate, is_constant: bool
    ) -> None:
        self.text = text
        self.names = names
        self.is_constant = is_constant
        self._evaluate = evaluate

    def __call__(self, scope: Scope) -> Any:
        return self._evaluate(scope)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


class Call:
    """A leaf of a spec: a name and its arguments, ``Linear(hidden_size, 4 * hidden_size)``."""

    __slots__ = ("arguments", "keywords", "name", "names", "text")

    def __init__(
        self, text: str, name: str, arguments: list[Expression], keywords: dict[str, Expression]
    ) -> None:
        self.text = text
        self.name = name
        self.arguments = tuple(arguments)
        self.keywords = keywords
        parts = [*arguments, *keywords.values()]
        self.names: frozenset[str] = frozenset().union(*(part.names for part in parts))

    def evaluate(self, scope: Scope) -> tuple[list[Any], dict[str, Any]]:
        """Values of the positional and of the named arguments."""
        return (
            [argument(scope) for argument in self.arguments],
            {name: argument(scope) for name, argument in self.keywords.items()},
        )


@lru_cache(maxsize=4096)
def parse(text: str, *, allow_text: bool = False) -> Expression:
    """Compile ``text``; raise `ParamcalcError` with the span of what is not allowed.

    ``allow_text``: the whole expression may be a string (a default such as ``'full'``).
    """
    node = _tree(text)
    return _expression(text, node, allow_text=allow_text)


@lru_cache(maxsize=4096)
def parse_call(text: str) -> Call:
    """Compile a leaf such as ``Conv2d(3, 16, kernel_size=3)``."""
    node = _tree(text)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ParamcalcError(
            f"expected a layer such as `Linear(in, out)`, found `{shorten(text)}`",
            "a leaf is one call; write a size as `Parameter(size)`",
        )
    arguments = [_expression(text, part, allow_text=True) for part in node.args]
    keywords: dict[str, Expression] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise refuse(keyword.value, "`**` arguments")
        if keyword.arg in keywords:
            raise ParamcalcError(f"the argument `{keyword.arg}` is given twice")
        keywords[keyword.arg] = _expression(text, keyword.value, allow_text=True)
    return Call(text, node.func.id, arguments, keywords)


def _tree(text: str) -> ast.expr:
    _check_text(text)
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        start = min(max((error.offset or 1) - 1, 0), max(len(text) - 1, 0))
        raise ParamcalcError(
            f"cannot read the expression `{shorten(text)}`",
            "it is written as in Python: `4 * hidden_size`, `a if b else c`",
            span=(start, 1),
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise ParamcalcError(f"cannot read the expression `{shorten(text)}`") from None


# Forms that Python's parser would warn about or choke on, refused before it sees them.
_NOT_PLAIN = re.compile(r"[^ -~]|\\|(?<![\w.])[\d_.]*\d(?:[A-DF-Za-df-z]|[eE](?![+\-\d]))|\d{40}")


def _check_text(text: str) -> None:
    if len(text) > _LONGEST_TEXT:
        raise ParamcalcError(f"an expression is longer than {_LONGEST_TEXT:,} characters")
    if not text.strip():
        raise ParamcalcError("an expression is empty", "write a size, such as `4 * hidden_size`")
    found = _NOT_PLAIN.search(text)
    if found:
        raise ParamcalcError(
            f"cannot read `{shorten(found.group())}` in an expression",
            "sizes are plain decimal whole numbers",
            span=found.span(),
        )
    depth = deepest = 0
    for character in text:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    if deepest > _DEEPEST or len(re.findall(r"\bnot\b|[-+~]\s*(?=[-+~])", text)) > _DEEPEST:
        raise ParamcalcError(
            f"an expression is nested more than {_DEEPEST} deep", "name its parts under `let:`"
        )


def _expression(text: str, node: ast.expr, *, allow_text: bool = False) -> Expression:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and allow_text:
        return Expression(text, frozenset(), constant(node.value), is_constant=True)
    names: set[str] = set()
    try:
        evaluate = compile_form(node, names)
    except RecursionError:
        raise ParamcalcError("an expression is nested too deep") from None
    segment = text.strip()[node.col_offset : node.end_col_offset]
    return Expression(segment, frozenset(names), evaluate, is_constant=not names)
