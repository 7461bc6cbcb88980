"""A layer spec: what a network is made of, compiled from a plain tree of dictionaries.

The tree comes from YAML (or JSON, or Python); this module knows nothing of files. Compiling finds
every problem of a document at once and tells each by its path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from paramcalc.core.expression import Call, Expression, parse
from paramcalc.core.keys import Key, parse_key
from paramcalc.core.tree import Module, TreeReader
from paramcalc.errors import ParamcalcError, Problem, did_you_mean, shorten

SECTIONS = (
    "source",
    "example",
    "context",
    "config",
    "let",
    "blocks",
    "modules",
    "tied",
    "heads",
    "extends",
    "root",
    "rename",
)
_FIELD_OPTIONS = ("default", "if_null", "aliases")
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a spec expects from the configuration."""

    name: str
    default: Expression | None = None
    """What an absent key means; None if the field is required."""
    if_null: Expression | None = None
    """What an explicit null means; None if it stays null."""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """A derived size of one argument: ``dim(s): embed_dim * 2 ** s``."""

    name: str
    parameter: str
    body: Expression


@dataclass(frozen=True, slots=True)
class Block:
    """A named sub-tree with parameters."""

    name: str
    parameters: tuple[str, ...]
    body: Module


@dataclass(frozen=True, slots=True)
class Tie:
    """``source`` is stored in ``target`` and counted once."""

    source: tuple[Key, ...]
    target: str
    condition: Expression | None
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spec:
    """A compiled document; `paramcalc.core.expand` turns it and a configuration into tensors."""

    name: str
    fields: Mapping[str, Field]
    lets: Mapping[str, Expression | Function]
    blocks: Mapping[str, Block]
    modules: Module
    ties: tuple[Tie, ...]
    context: Expression | None
    root: str | None
    """Only this module is kept, and names start below it."""
    rename: Mapping[str, str]
    source: str | None
    example: Mapping[str, Any]


def is_document(tree: Mapping[str, Any]) -> bool:
    """A document has sections; any other mapping is a tree of modules by itself."""
    return isinstance(tree.get("modules"), Mapping) or isinstance(tree.get("extends"), str)


def merge(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``patch`` laid over it: mappings merge, ``key: null`` removes.

    >>> merge({"a": {"x": 1, "y": 2}}, {"a": {"x": None, "z": 3}})
    {'a': {'y': 2, 'z': 3}}
    """
    merged = dict(base)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def resolve(document: Document, read: Callable[[str], Document]) -> dict[str, Any]:
    """``document`` merged over those that it extends; ``read`` finds one by its name."""
    chain: list[Document] = [document]
    seen: list[str] = []
    while (name := chain[-1].get("extends")) is not None:
        if not isinstance(name, str):
            raise ParamcalcError("`extends` takes one name").at(("extends",))
        if name in seen:
            circle = " -> ".join([*seen[seen.index(name) :], name])
            raise ParamcalcError(f"`extends` goes in a circle: {circle}").at(("extends",))
        seen.append(name)
        try:
            chain.append(read(name))
        except ParamcalcError as error:
            raise error.at(("extends",)) if len(chain) == 1 else error from None
    merged: dict[str, Any] = {}
    for link in reversed(chain):
        plain = {key: value for key, value in link.items() if key != "extends"}
        if isinstance(fields := plain.get("config"), Mapping):
            # Here null is a default like any other; a field that is not wanted does no harm.
            plain["config"] = {**merged.get("config", {}), **fields}
            merged.pop("config", None)
        merged = merge(merged, plain)
    return merged


def with_head(document: Document, class_name: str | None) -> dict[str, Any]:
    """The document as the class ``class_name`` has it (see ``heads:`` in the language)."""
    heads = document.get("heads")
    plain = {key: value for key, value in document.items() if key != "heads"}
    if class_name is None or not isinstance(heads, Mapping):
        return plain
    found = heads.get(class_name, _by_pattern(heads, class_name))
    if not isinstance(found, Mapping):
        known = ", ".join(f"`{pattern}`" for pattern in heads)
        raise ParamcalcError(
            f"no head for the class `{shorten(class_name)}`",
            did_you_mean(class_name, heads) or f"known classes: {known}",
        ).at(("heads",))
    return merge(plain, found)


def _by_pattern(heads: Mapping[str, Any], class_name: str) -> Any:
    """The head with the longest pattern ``*Ending`` that the class name ends with."""
    endings = sorted((key[1:] for key in heads if key.startswith("*")), key=len, reverse=True)
    return next((heads["*" + end] for end in endings if class_name.endswith(end)), None)


def compile_document(document: Document, name: str) -> Spec:
    """Compile a resolved document (see `resolve`); raise all its problems together."""
    return _Compiler(document, name).compile()


class _Compiler:
    def __init__(self, document: Document, name: str) -> None:
        if not is_document(document):
            document = {"modules": document}
        self.document = document
        self.name = name
        self.problems: list[Problem] = []

    def compile(self) -> Spec:
        for key in self.document:
            if key not in SECTIONS:
                self.report(f"unknown section `{shorten(key)}`", did_you_mean(key, SECTIONS), key)
        fields = {key: self.field(key, value) for key, value in self.section("config").items()}
        lets = dict(self.let(key, value) for key, value in self.section("let").items())
        reader = TreeReader(self.problems, {*fields, *lets}, self.block_signatures())
        spec = Spec(
            name=self.name,
            fields=fields,
            lets=lets,
            blocks=self.blocks(reader),
            modules=reader.module(self.section("modules"), ("modules",), frozenset()),
            ties=tuple(self.tie(key, value) for key, value in self.section("tied").items()),
            context=self.context(),
            root=self.document.get("root"),
            rename=self.section("rename"),
            source=self.document.get("source"),
            example=self.section("example"),
        )
        self.check_names(spec)
        if self.problems:
            raise ParamcalcError(self.problems)
        return spec

    def report(self, message: str, hint: str | None, *path: str) -> None:
        self.problems.append(Problem(message, hint, path))

    def section(self, name: str) -> Mapping[str, Any]:
        value = self.document.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.report(f"`{name}` is a mapping of names", None, name)
            return {}
        return value

    def expression(self, value: Any, *path: str, allow_text: bool = False) -> Expression | None:
        """A value of the document as an expression; numbers, lists and null are constants."""
        try:
            if isinstance(value, str):
                return parse(value, allow_text=allow_text)
            return Expression(str(value), frozenset(), lambda scope: value, is_constant=True)
        except ParamcalcError as error:
            self.problems += error.at(path).problems
            return None

    def context(self) -> Expression | None:
        value = self.document.get("context")
        return None if value is None else self.expression(value, "context")

    def field(self, name: str, value: Any) -> Field:
        options = value if isinstance(value, Mapping) else {"default": value}
        for option in options:
            if option not in _FIELD_OPTIONS:
                hint = did_you_mean(option, _FIELD_OPTIONS)
                self.report(f"unknown option `{shorten(str(option))}`", hint, "config", name, option)
        path = ("config", name, "default") if isinstance(value, Mapping) else ("config", name)
        default = options.get("default", "required" if isinstance(value, Mapping) else None)
        aliases = options.get("aliases") or ()
        if not isinstance(aliases, (list, tuple)) or not all(isinstance(a, str) for a in aliases):
            self.report("`aliases` is a list of names", None, "config", name, "aliases")
            aliases = ()
        if_null = options.get("if_null")
        if default == "required":
            null = None if if_null is None else self.expression(if_null, "config", name, "if_null")
            return Field(name, None, null, tuple(aliases))
        expression = self.expression(default, *path, allow_text=True)
        derived = expression if expression and not expression.is_constant else None
        if if_null is not None:
            derived = self.expression(if_null, "config", name, "if_null", allow_text=True)
        return Field(name, expression, derived, tuple(aliases))

    def let(self, key: str, value: Any) -> tuple[str, Expression | Function]:
        body = self.expression(value, "let", key) or Expression(
            "0", frozenset(), lambda scope: 0, is_constant=True
        )
        name, found, parameters = self.signature(key, "let")
        if not found:
            return name, body
        if len(parameters) != 1:
            self.report(f"the function `{name}` takes one argument", None, "let", key)
        return name, Function(name, parameters[0] if parameters else "_", body)

    def signature(self, key: str, section: str) -> tuple[str, bool, tuple[str, ...]]:
        """``name`` or ``name(a, b)`` as (name, has parentheses, parameters)."""
        name, found, rest = str(key).partition("(")
        parameters = tuple(p.strip() for p in rest.rstrip(") ").split(",") if p.strip())
        well_formed = not found or rest.rstrip().endswith(")")
        if not well_formed or not all(n.isidentifier() for n in (name.strip(), *parameters)):
            self.report(f"`{shorten(str(key))}` is no name such as `size` or `dim(s)`", None, section)
        return name.strip(), bool(found), parameters

    def block_signatures(self) -> dict[str, tuple[str, ...]]:
        signatures = (self.signature(key, "blocks") for key in self.section("blocks"))
        return {name: parameters for name, _, parameters in signatures}

    def blocks(self, reader: TreeReader) -> dict[str, Block]:
        blocks = {}
        for key, value in self.section("blocks").items():
            name = str(key).partition("(")[0].strip()
            parameters = reader.blocks[name]
            body = reader.module(value, ("blocks", key), frozenset(parameters))
            blocks[name] = Block(name, parameters, body)
        return blocks

    def tie(self, key: str, value: Any) -> Tie:
        path = ("tied", key)
        target, _, text = str(value).partition(" if ")
        condition = self.expression(text, *path) if text else None
        keys: list[Key] = []
        for part in _split_path(str(key)):
            try:
                keys.append(parse_key(part))
            except ParamcalcError as error:
                self.problems += error.at(path, in_key=True).problems
        return Tie(tuple(keys), target.strip(), condition, path)

    def check_names(self, spec: Spec) -> None:
        """Every name in the defaults, derived sizes and ties exists (the tree checks its own)."""
        known = {*spec.fields, *spec.lets}
        for field in spec.fields.values():
            self.check(field.default, known, "config", field.name)
        for key in self.section("let"):
            entry = spec.lets[str(key).partition("(")[0].strip()]
            if isinstance(entry, Function):
                self.check(entry.body, {*known, entry.parameter}, "let", key)
            else:
                self.check(entry, known, "let", key)
        for tie in spec.ties:
            self.check(tie.condition, known, *tie.path)
        self.check(spec.context, known, "context")

    def check(self, expression: Expression | None, known: set[str], *path: str) -> None:
        for name in sorted(expression.names - known) if expression else ():
            start = max(expression.text.find(name), 0) if expression else 0
            self.problems.append(
                Problem(
                    f"unknown name `{name}` in an expression",
                    did_you_mean(name, known) or "names stand under `config:` or `let:`",
                    path,
                    (start, len(name)),
                )
            )


def _split_path(text: str) -> list[str]:
    """A dotted path cut at its dots, but not inside brackets."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if character == "." and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


__all__ = ["Block", "Call", "Field", "Function", "Spec", "Tie", "compile_document", "resolve"]
