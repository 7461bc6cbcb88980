"""A layer spec, compiled: what a network is made of, for any configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from paramcalc.core.document import (
    SECTIONS,
    Document,
    head_pattern,
    is_document,
    merge,
    resolve,
    with_head,
)
from paramcalc.core.expression import Expression
from paramcalc.core.keys import Key
from paramcalc.core.tree import Module
from paramcalc.errors import ParamcalcError


class Field(NamedTuple):
    """A field that a spec expects from the configuration."""

    name: str
    default: Expression | None = None
    """What an absent key means; None if the field is required."""
    if_null: Expression | None = None
    """What an explicit null means; None if it stays null."""
    aliases: tuple[str, ...] = ()
    nested: str | None = None
    """Of a nested configuration: the architecture that it means if it has no ``model_type``."""
    fill: Mapping[str, Expression] = MappingProxyType({})
    """Of a nested configuration: what a key means that it leaves out, if not what its architecture
    says."""
    flat: bool = False
    """Of a nested configuration: where it is absent, its keys stand among the others."""


class Function(NamedTuple):
    """A derived size of one argument: ``dim(s): embed_dim * 2 ** s``."""

    name: str
    parameter: str
    body: Expression
    key: str
    """As it stands in the document: ``dim(s)``."""


class Block(NamedTuple):
    """A named sub-tree with parameters."""

    name: str
    parameters: tuple[str, ...]
    body: Module


class Tie(NamedTuple):
    """``source`` is stored in ``target`` and counted once."""

    source: tuple[Key, ...]
    target: tuple[str | Expression, ...]
    """Pieces of the path: text, and expressions that give an index."""
    condition: Expression | None
    path: tuple[str, ...]


def _unplaced(error: ParamcalcError) -> ParamcalcError:
    return error


class Spec(NamedTuple):
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
    embeddings: Mapping[str, str]
    """Paths of the ``input`` table and of the ``output`` head."""
    source: str | None
    example: Mapping[str, Any]
    mix: Mapping[str, Any] = MappingProxyType({})
    """Patterns on the names of tensors to number formats: how the model is stored."""
    place: Callable[[ParamcalcError], ParamcalcError] = _unplaced
    """Tells the lines at which the problems of an error stand, for those who know the file."""


def compile_document(document: Document, name: str) -> Spec:
    """Compile a resolved document (see `resolve`); raise all its problems together."""
    from paramcalc.core.compiler import DocumentCompiler

    return DocumentCompiler(document, name).compile()


__all__ = [
    "SECTIONS",
    "Block",
    "Document",
    "Field",
    "Function",
    "Spec",
    "Tie",
    "compile_document",
    "head_pattern",
    "is_document",
    "merge",
    "resolve",
    "with_head",
]
