"""Names and their values while a spec is expanded.

The global names are the configuration's fields and the derived sizes, evaluated when first asked
for; a local scope adds an index or a block's parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from paramcalc.core.closure import LARGEST, LONGEST_LIST
from paramcalc.core.expression import Expression
from paramcalc.core.functions import type_name
from paramcalc.core.spec import Field, Function, Spec
from paramcalc.core.trace import Term
from paramcalc.errors import ParamcalcError, shorten

_DEEPEST = 30
_OF_THE_WHOLE = ("model_type", "architectures")
"""Keys that say nothing of a part whose keys stand among those of the whole."""
_MOST_CALLS = 50_000


class Scope(dict[str, Any]):
    """Local names over an outer scope."""

    def __init__(self, outer: Mapping[str, Any], names: Mapping[str, Any]) -> None:
        super().__init__(names)
        self.outer = outer

    def __missing__(self, name: str) -> Any:
        return self.outer[name]


FindSpec = Callable[[str, str | None], Spec]
"""Finds the spec for a ``model_type`` and a class name (None: the usual class)."""


class NestedConfiguration(Mapping[str, Any]):
    """A configuration inside another one: what it leaves out means what its architecture says.

    Published files leave out every key that equals its class's default.
    """

    def __init__(
        self, given: Mapping[str, Any], model_type: str, find_spec: FindSpec, *, symbolic: bool
    ) -> None:
        self.given = given
        self.model_type = model_type
        self._find_spec = find_spec
        self._symbolic = symbolic
        self._names: Globals | None = None

    @property
    def names(self) -> Globals:
        """The fields and derived sizes of the architecture that the configuration is for."""
        if self._names is None:
            spec = self._find_spec(self.model_type, None)
            self._names = Globals(spec, self.given, self._find_spec, symbolic=self._symbolic)
        return self._names

    def __getitem__(self, key: str) -> Any:
        names = self.names
        if key not in names.spec.fields and key not in names.spec.lets:
            return self.given[key]
        try:
            return names[key]
        except ParamcalcError as error:
            raise names.spec.place(error) from None

    def __iter__(self) -> Iterator[str]:
        return iter({**self.given, **self.names.spec.fields, **self.names.spec.lets})

    def __len__(self) -> int:
        return len(list(iter(self)))


class Globals(dict[str, Any]):
    """The fields and derived sizes of a spec for one configuration.

    ``symbolic``: numbers become `Term`s, which remember the formula they pass through.
    ``find_spec`` finds the architectures of nested configurations.
    """

    def __init__(
        self,
        spec: Spec,
        configuration: Mapping[str, Any],
        find_spec: FindSpec | None = None,
        *,
        symbolic: bool = False,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.configuration = configuration
        self.find_spec = find_spec
        self.symbolic = symbolic
        self._resolving: list[str] = []
        self._calls = 0

    def __missing__(self, name: str) -> Any:
        if name not in self.spec.fields and name not in self.spec.lets:
            raise KeyError(name)
        with_itself = name in self._resolving
        if with_itself or len(self._resolving) >= _DEEPEST:
            raise self.located(name, self._entangled(name, with_itself))
        self._resolving.append(name)
        try:
            value = self[name] = self._resolve(name)
        except ParamcalcError as error:
            raise self.located(name, error) from None
        finally:
            self._resolving.pop()
        return value

    def _entangled(self, name: str, with_itself: bool) -> ParamcalcError:
        if not with_itself:
            return ParamcalcError(f"names depend on each other more than {_DEEPEST} deep")
        circle = [*self._resolving[self._resolving.index(name) :], name]
        return ParamcalcError(f"`{shorten(name)}` depends on itself: {' -> '.join(circle)}")

    def located(self, name: str, error: ParamcalcError) -> ParamcalcError:
        """The error, at the entry of the document that defines ``name``."""
        entry = self.spec.lets.get(name)
        if isinstance(entry, Function):
            return error.at(("let", entry.key))
        if entry is not None:
            return error.at(("let", name))
        return error.at(("config", name), in_key=True)

    def _resolve(self, name: str) -> Any:
        # A derived size wins over an inherited field: a relative that has no such switch says so.
        entry = self.spec.lets.get(name)
        if entry is None:
            return self._field(self.spec.fields[name])
        return self._function(entry) if isinstance(entry, Function) else entry(self)

    def _field(self, field: Field) -> Any:
        value = self._value(field)
        if field.nested is None or not isinstance(value, Mapping) or self.find_spec is None:
            return value
        model_type = value.get("model_type")
        if model_type in (None, self.spec.name):
            # Older files call a part by the name of the whole.
            model_type = field.nested
        if field.fill:
            value = self._filled(field, value, str(model_type))
        return NestedConfiguration(value, str(model_type), self.find_spec, symbolic=self.symbolic)

    def _filled(self, field: Field, given: Mapping[str, Any], model_type: str) -> Mapping[str, Any]:
        """A nested configuration with what it leaves out, and this network knows better."""
        fields = self.find_spec(model_type, None).fields if self.find_spec else {}
        filled = dict(given)
        for name, expression in field.fill.items():
            spellings = (name, *(fields[name].aliases if name in fields else ()))
            if not any(spelling in given for spelling in spellings):
                filled[name] = expression(self)
        return filled

    def _value(self, field: Field) -> Any:
        given = [key for key in (field.name, *field.aliases) if key in self.configuration]
        values = [self.configuration[key] for key in given]
        others = zip(given[1:], values[1:])
        other = next((key for key, value in others if value != values[0]), None)
        if other is not None:
            raise ParamcalcError(
                f"the configuration gives `{given[0]}` and `{other}`, which mean the same, "
                "different values"
            )
        if field.flat and all(value is None for value in values):
            return {k: v for k, v in self.configuration.items() if k not in _OF_THE_WHOLE}
        if not given:
            return self._default(field, field.default, "lacks")
        if values[0] is not None:
            return self._checked(field.name, values[0])
        if field.if_null is None and field.default is not None:
            return None
        return self._default(field, field.if_null, "has null for")

    def _default(self, field: Field, expression: Expression | None, lacks: str) -> Any:
        if expression is None:
            names = " or ".join(f"`{name}`" for name in (field.name, *field.aliases))
            raise ParamcalcError(
                f"the configuration {lacks} {names}, which `{shorten(self.spec.name)}` needs",
                f"set it: `--set {field.name}=…`",
            )
        try:
            value = expression(self)
        except ParamcalcError as error:
            raise error.at(("config", field.name)) from None
        return self._term(field.name, value) if expression.is_constant else value

    def _checked(self, name: str, value: Any) -> Any:
        """A value from the configuration, bounded: files come from strangers."""
        if isinstance(value, int) and abs(value) > LARGEST:
            raise ParamcalcError(
                f"the configuration's `{name}` is larger than any size can be (10**18)"
            )
        if isinstance(value, (list, tuple, str)) and len(value) > LONGEST_LIST:
            raise ParamcalcError(
                f"the configuration's `{name}` is {type_name(value)} of more than "
                f"{LONGEST_LIST:,} entries"
            )
        return self._term(name, value)

    def _term(self, name: str, value: Any) -> Any:
        if self.symbolic and type(value) is int:
            return Term.named(name, value)
        return value

    def _function(self, function: Function) -> Callable[[Any], Any]:
        running = False

        def call(argument: Any) -> Any:
            nonlocal running
            if running:
                raise ParamcalcError(f"the function `{shorten(function.name)}` calls itself").at(
                    ("let", function.key)
                )
            self._count_call(function)
            running = True
            try:
                return function.body(Scope(self, {function.parameter: argument}))
            except ParamcalcError as error:
                raise self.located(function.name, error) from None
            finally:
                running = False

        return call

    def _count_call(self, function: Function) -> None:
        """Functions that call each other twice and more must not run for ever."""
        self._calls += 1 + len(function.body.text) // 64
        if self._calls > _MOST_CALLS:
            raise ParamcalcError(
                f"the functions under `let:` are called more than {_MOST_CALLS:,} times"
            ).at(("let", function.key))
