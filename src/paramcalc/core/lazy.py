"""Names that stand for expressions, computed when they are used."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from paramcalc.core.expression import Expression
from paramcalc.core.scope import Scope
from paramcalc.errors import ParamcalcError, shorten

DEEPEST = 30
"""Names may need names, so many in a row."""
NOTHING: Mapping[str, Any] = MappingProxyType({})


class LazyScope(Scope):
    """Names over an outer scope, and further ones that are expressions over all of them.

    >>> from paramcalc.core.expression import parse
    >>> LazyScope(NOTHING, {"n": 8}, {"eighth": parse("n // 8")})["eighth"]
    1
    """

    def __init__(
        self, outer: Mapping[str, Any], names: Mapping[str, Any], *lets: Mapping[str, Expression]
    ) -> None:
        super().__init__(outer, names)
        self.lets = lets
        self._resolving: list[str] = []

    def __contains__(self, name: object) -> bool:
        return (
            super().__contains__(name)
            or any(name in lets for lets in self.lets)
            or name in self.outer
        )

    def __missing__(self, name: str) -> Any:
        for lets in self.lets:
            if name in lets:
                self[name] = value = self._resolved(name, lets[name])
                return value
        return self.outer[name]

    def _resolved(self, name: str, expression: Expression) -> Any:
        """The value of a name, which may need others, but not itself."""
        if name in self._resolving:
            circle = [*self._resolving[self._resolving.index(name) :], name]
            raise ParamcalcError(f"`{shorten(name)}` depends on itself: {' -> '.join(circle)}")
        if len(self._resolving) >= DEEPEST:
            raise ParamcalcError(f"names depend on each other more than {DEEPEST} deep")
        self._resolving.append(name)
        try:
            return expression(self)
        except RecursionError:
            raise ParamcalcError(f"`{shorten(name)}` is nested too deep") from None
        finally:
            self._resolving.pop()
