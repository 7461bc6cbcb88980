"""What the compiled forms of an expression share: their types, their positions, their bounds."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from paramcalc.core.functions import type_name
from paramcalc.errors import ParamcalcError, shorten

LARGEST = 10**18
"""No size, and no intermediate result, is larger."""
LONGEST_LIST = 2_000
"""No list or text of a configuration that an expression reads is longer: it may read it often."""
ALLOWED = "allowed: names, numbers, + - * // % **, comparisons, and/or/not, a if c else b, indexing"

Scope = Mapping[str, Any]
Evaluate = Callable[[Scope], Any]
Span = tuple[int, int]
"""Start and length in the text of the expression."""


class Compile(Protocol):
    """Compiles a form that stands in another one, and notes the names that it meets."""

    spans: dict[str, Span]

    def __call__(self, node: ast.expr) -> Evaluate: ...


def span_of(node: ast.AST) -> Span:
    """Where a form stands in the text."""
    start = getattr(node, "col_offset", 0)
    return start, max(1, (getattr(node, "end_col_offset", None) or start + 1) - start)


def source(node: ast.AST) -> str:
    """A form as it is written, fit for a message."""
    return shorten(ast.unparse(node))


def refuse(node: ast.AST, what: str, hint: str | None = None) -> ParamcalcError:
    """The error for a form that is not allowed."""
    return ParamcalcError(f"{what} cannot be used in an expression", hint, span=span_of(node))


def constant(value: Any) -> Evaluate:
    """The compiled form of a value that does not depend on any name."""
    return lambda _: value


def bounded(value: Any, node: ast.AST) -> Any:
    """The value, unless it is a whole number that no size can be, or a very long list."""
    if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
        raise ParamcalcError("a result is larger than any size can be (10**18)", span=span_of(node))
    if isinstance(value, (list, tuple, str)) and len(value) > LONGEST_LIST:
        raise ParamcalcError(
            f"`{source(node)}` is {type_name(value)} of more than {LONGEST_LIST:,} entries",
            span=span_of(node),
        )
    return value


def truth(value: Any, text: str, span: Span) -> bool:
    """The value as a condition. A text is none: 'no' and 'false' would count as true."""
    if isinstance(value, str):
        raise ParamcalcError(
            f"`{shorten(text)}` is neither true nor false but the text '{shorten(value, 20)}'",
            span=span,
        )
    return bool(value)


def number(value: Any, node: ast.AST) -> Any:
    """The value, if it is a number: text and lists must never reach an operator."""
    if not isinstance(value, (int, float)):
        raise ParamcalcError(
            f"expected a number for `{source(node)}`, found {type_name(value)}",
            span=span_of(node),
        )
    return value
