"""Recipes: which format each tensor of a model gets, and what is stored beside it.

A recipe is an ordered list of rules; the first one that fits a tensor says how it is stored. The
rules are data (`schemes.yaml`, `precisions.yaml`, or a user's own mix); here is what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from paramcalc.core.assignment import Assignment
from paramcalc.core.conversion import Conversion
from paramcalc.core.lazy import NOTHING
from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.precision import Format
from paramcalc.core.scheme import Choice, Scheme
from paramcalc.errors import ParamcalcError, shorten

if TYPE_CHECKING:
    from fractions import Fraction

    from paramcalc.core.weights import FileSize

_UNIT = 2**20
"""Elements whose bytes tell the bits of a stand-in exactly enough."""
FindFormat = Callable[[str], Format]
FindConversion = Callable[[str | None], Conversion]


class Recipe(NamedTuple):
    """A scheme with its parameters set: `Q4_K_M`, `gptq-4bit-g128`."""

    name: str
    scheme: Scheme
    rest: str
    """The format of what the rules leave as it is."""
    values: Mapping[str, Any] = NOTHING
    mix: Mapping[str, tuple[Choice, ...]] = NOTHING
    """Formats by the rules' categories."""
    source: str = ""
    description: str = ""
    find_format: FindFormat = lambda name: Format(name, 1, 2)
    find_conversion: FindConversion | None = None
    base: Format | None = None
    """The format that most tensors get."""
    plain: Format | None = None
    """The format of the same name: plain division, where the tensors are not known."""
    is_own: bool = False
    """Somebody's mix of their own: what it says of no tensor is likely a slip."""
    special: tuple[tuple[tuple[str, ...], Mapping[str, Any]], ...] = ()
    """Names of modules with parameters of their own; of several that fit, the first."""

    def assign(self, model: Model) -> Iterator[tuple[TensorGroup, Format]]:
        """Each group of stored tensors with its format."""
        if not model.is_counted:
            yield from self.plain.assign(model) if self.plain else self._like(model)
            return
        yield from Assignment(self, model).all()

    @property
    def recipe(self) -> Recipe:
        """Itself."""
        return self

    def _like(self, model: Model) -> Iterator[tuple[TensorGroup, Format]]:
        """Of a model of which only the size is known: as many bits as in its stand-in."""
        other = model.stand_in
        if other is None or not other.is_counted:
            raise ParamcalcError(
                f"{model.name} is only a size: which of its tensors {self.name} quantizes is open",
                "take a number format such as `int4`, or name a model that it is like: `--like`",
            )
        size = sum(g.count * f.tensor_bytes(g.shape, g.kind) for g, f in self.assign(other))
        share = size * _UNIT // other.parameters.stored
        for group in model.groups:
            yield group, Format(self.name, _UNIT, share, self.source)

    def doubts(self, model: Model) -> tuple[str, ...]:
        """Why the answer is an estimate; nothing where every tensor has a rule."""
        if not model.is_counted:
            return () if self.plain else (f"as many bits for each weight as in {model.like}",)
        if not self.scheme.converts:
            return ()
        found = Assignment(self, model).converted
        if found.unknown:
            number, first = len(found.unknown), found.unknown[0]
            return (f"how {number} kinds of tensors are converted is open ({first})",)
        if not found.is_declared:
            return ("converted as the architecture's nearest relative is",)
        return ()

    def _unused(self, model: Model) -> Iterator[str]:
        """The patterns that are for no tensor, or only for those of an earlier one."""
        if not model.is_counted:
            return
        assignment = Assignment(self, model)
        for _ in assignment.all():
            pass
        used = {rule.names for _, rule in assignment.found if rule is not None}
        for rule in self.scheme.rules:
            text = " or ".join(one.text for one in rule.names)
            if rule.names not in used and text != "*":
                yield f"no tensor is left for `{shorten(text)}`"

    def remarks(self, model: Model) -> tuple[str, ...]:
        """What it takes to make such a file, and what is not in it."""
        found = list(self._unused(model)) if self.is_own else []
        if self.values.get("imatrix"):
            found.append("made with an importance matrix")
        if self.scheme.converts and model.is_counted:
            left_out = Assignment(self, model).converted.left_out
            if left_out:
                found.append(f"{left_out:,} parameters are in another file")
        return tuple(found)

    @property
    def nominal_bits(self) -> Fraction | None:
        """What most tensors take: those of the base, or as many as the name says."""
        from fractions import Fraction

        if self.base is not None:
            return Fraction(8 * self.base.block_bytes, self.base.block_numel)
        bits = self.values.get("bits")
        return Fraction(str(bits)) if isinstance(bits, (int, float)) else None

    def file_size(self, model: Model) -> FileSize | None:
        """The file that it makes of a model; None if nothing is known of such files."""
        from paramcalc.core.file_size import file_bytes

        return file_bytes(model, self) if model.is_counted else None
