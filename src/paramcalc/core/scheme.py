"""Schemes: ordered rules for how tensors are stored, shared by the recipes of one kind.

They are data (`schemes.yaml`); what a recipe does with them is in `recipe`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from paramcalc.core.expression import Expression
from paramcalc.core.lazy import NOTHING
from paramcalc.core.model import TensorGroup
from paramcalc.core.pattern import Pattern


class Choice(NamedTuple):
    """A format, taken if the condition holds."""

    format: str
    condition: Expression | None = None


class Piece(NamedTuple):
    """One of the tensors that are stored for one of the model's; the first of its ending."""

    ending: str
    format: str
    shape: Expression
    """A list of sizes."""
    condition: Expression | None = None


class Rule(NamedTuple):
    """How the tensors that it fits are stored."""

    names: tuple[Pattern, ...] = ()
    besides: tuple[Pattern, ...] = ()
    listed: str = ""
    """The parameter that holds names of modules; the rule is for what is in one of them."""
    kinds: frozenset[str] = frozenset()
    condition: Expression | None = None
    choices: tuple[Choice, ...] = ()
    then: tuple[Choice, ...] = ()
    """What may take the place of the chosen format, which is `chosen` here."""
    stores: tuple[Piece, ...] = ()
    ending: str = ".weight"
    """What the endings of the pieces take the place of."""
    category: str = ""
    lets: Mapping[str, Expression] = NOTHING
    """Names for this rule's expressions, before the scheme's own."""

    def fits(self, group: TensorGroup, scope: Mapping[str, Any]) -> bool:
        """Kind and condition; names are another matter."""
        if self.kinds and group.kind not in self.kinds:
            return False
        return self.condition is None or self.condition.holds(scope)


class Layout(NamedTuple):
    """What a kind of file needs besides the tensors; ranges are low, middle and high."""

    alignment: int
    """Each tensor begins at a multiple of this."""
    table: str
    """The tensor with a row for each word of the vocabulary."""
    tensor_bytes: int
    """To describe a tensor, without its name and its sizes."""
    size_bytes: int
    """For each of its sizes."""
    token_bytes: tuple[int, int, int]
    """For each word of the vocabulary."""
    key_bytes: tuple[int, int, int]
    """For everything else that is said of the model."""
    source: str = ""


class Scheme(NamedTuple):
    """Rules that recipes of one kind share."""

    name: str
    rules: tuple[Rule, ...]
    lets: Mapping[str, Expression] = NOTHING
    fallback: Mapping[str, str | None] = NOTHING
    """Where rows are no whole number of blocks: the format to take instead; None is an error."""
    converts: bool = False
    """The tensors are those of another kind of file."""
    file: Layout | None = None
    """What is known of such files."""
    adds: tuple[Rule, ...] = ()
    """What is stored besides the tensors that these fit."""
    ties: bool = False
    """Tied tensors that a rule packs are stored by themselves."""
    renames: Mapping[str, str] = NOTHING
    """Parts of names and what they are called instead."""
    of_model: Mapping[str, str] = NOTHING
    """Names in expressions for keys of the model's own configuration."""
