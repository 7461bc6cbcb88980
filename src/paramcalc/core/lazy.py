"""Names that stand for expressions, computed when they are used."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from paramcalc.core.expression import Expression
from paramcalc.core.scope import Scope

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

    def __contains__(self, name: object) -> bool:
        return (
            super().__contains__(name)
            or any(name in lets for lets in self.lets)
            or name in self.outer
        )

    def __missing__(self, name: str) -> Any:
        for lets in self.lets:
            if name in lets:
                self[name] = value = lets[name](self)
                return value
        return self.outer[name]
