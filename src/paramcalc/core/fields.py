"""Fields of a spec as they are written under ``config:``; expressions of a document in general."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.core.closure import Span
from paramcalc.core.expression import Expression, parse
from paramcalc.core.spec import Field
from paramcalc.errors import ParamcalcError, Problem, did_you_mean, shorten

_OPTIONS = ("default", "if_null", "aliases", "nested", "fill", "flat")


class FieldReader:
    """Compiles expressions and fields; what is wrong gathers in ``problems``."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def report(
        self, message: str, hint: str | None, *path: str, span: Span = (0, 0), in_key: bool = False
    ) -> None:
        self.problems.append(Problem(message, hint, path, span, in_key))

    def expression(
        self, value: Any, *path: str, allow_text: bool = False, offset: int = 0
    ) -> Expression | None:
        """A value of the document as an expression; numbers, lists and null are constants."""
        if isinstance(value, Mapping):
            self.report("expected an expression, found a mapping", None, *path, in_key=True)
            return None
        try:
            if isinstance(value, str):
                return parse(value, allow_text=allow_text, offset=offset)
            return Expression.of(value)
        except ParamcalcError as error:
            self.problems += error.at(path).problems
            return None

    def field(self, name: str, value: Any) -> Field:
        options = value if isinstance(value, Mapping) else {"default": value}
        written = isinstance(value, Mapping)
        for option in map(str, options):
            if option not in _OPTIONS:
                hint = did_you_mean(option, _OPTIONS)
                message = f"unknown option `{shorten(option)}`"
                self.report(message, hint, "config", name, option, in_key=True)
        nested = self.nested(name, options.get("nested"))
        default = options.get("default", "required" if written and not nested else None)
        if_null = None
        if options.get("if_null") is not None:
            if_null = self.expression(
                options["if_null"], "config", name, "if_null", allow_text=True
            )
        aliases = self.aliases(name, options.get("aliases"))
        if default == "required":
            return Field(name, None, if_null, aliases, nested)
        path = ("config", name, "default") if written else ("config", name)
        if nested and isinstance(options.get("default", {}), Mapping):
            # What an absent nested configuration says, where that is not its own class's defaults.
            expression = Expression.of(options.get("default", {}))
        else:
            expression = self.expression(default, *path, allow_text=True) or Expression.of(None)
        derived = expression if nested or not expression.is_constant else None
        fill = self.fill(name, options.get("fill"), nested)
        flat = self.flat(name, options.get("flat", False), nested)
        return Field(name, expression, if_null or derived, aliases, nested, fill, flat)

    def nested(self, name: str, value: Any) -> str | None:
        if value is None or (isinstance(value, str) and value):
            return value
        self.report("`nested` takes the name of an architecture", None, "config", name, "nested")
        return None

    def fill(self, name: str, value: Any, nested: str | None) -> dict[str, Expression]:
        if value is None:
            return {}
        if nested is None or not isinstance(value, Mapping):
            message = "`fill` gives defaults to the keys of a nested configuration"
            hint = "write `{nested: NAME, fill: {hidden_size: 2048}}`"
            self.report(message, hint, "config", name, "fill", in_key=True)
            return {}
        path = ("config", name, "fill")
        found = {
            key: self.expression(text, *path, str(key), allow_text=True)
            for key, text in value.items()
        }
        return {str(key): expression for key, expression in found.items() if expression}

    def flat(self, name: str, value: Any, nested: str | None) -> bool:
        if not isinstance(value, bool) or (value and nested is None):
            message = "`flat: true` lets a nested configuration stand among the other keys"
            self.report(message, None, "config", name, "flat", in_key=True)
        return value is True

    def aliases(self, name: str, value: Any) -> tuple[str, ...]:
        aliases = () if value is None else value
        if isinstance(aliases, (list, tuple)) and all(isinstance(a, str) for a in aliases):
            return tuple(aliases)
        self.report("`aliases` is a list of names", None, "config", name, "aliases", in_key=True)
        return ()
