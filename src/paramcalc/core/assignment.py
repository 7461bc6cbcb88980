"""One recipe, applied to one model: which rule fits each tensor, and what is stored for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from paramcalc.core.conversion import Converted, convert
from paramcalc.core.lazy import NOTHING, LazyScope
from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.names import is_below
from paramcalc.core.packing import about, packed, renamed
from paramcalc.core.pattern import divided, modules, part, tidy
from paramcalc.core.precision import Format, row_numel
from paramcalc.core.scheme import Choice, Rule
from paramcalc.errors import ParamcalcError, shorten

if TYPE_CHECKING:
    from paramcalc.core.recipe import Recipe

MOST_LAYERS = 20_000
"""Far more than any network has; a configuration may state any number."""
OWN = "own"
"""Stands for the format that a tensor has without the recipe."""
MIX, ALL = "mix", "all"
"""Stands for what the recipe says for the rule's category, or for all of them."""
TENSOR_NAMES = frozenset(
    {"kind", "shape", "numel", "dims", "K", "N", "inside", "is_head", "is_table"}
    | {"block", "ordinal", "total"}
)
"""What expressions may ask of a tensor."""
MODEL_NAMES = frozenset(
    {"tensors", "blocks", "base_numel", "mixture", "chosen", "i", "n"}
    | {"architecture", "heads", "kv_heads", "experts", "rest"}
)
"""What those of a scheme may ask besides: of the model, and of the rule."""
_PLACE = frozenset({"i", "n", "block", "ordinal"})
"""Names that tell where a tensor stands among those of its category."""


class Assignment:
    """One recipe, applied to one model."""

    def __init__(self, recipe: Recipe, model: Model) -> None:
        self.recipe = recipe
        self.model = model
        self.formats: dict[str, Format] = {}
        self.found: list[tuple[TensorGroup, Rule | None]] = []

    @cached_property
    def converted(self) -> Converted:
        find = self.recipe.find_conversion
        if not self.recipe.scheme.converts or find is None:
            return Converted(self.model.groups, {})
        for group in self.model.groups:
            self.check_layers(group)
        return convert(self.model, find(self.model.architecture))

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What rules may ask of the model as a whole."""
        groups = self.converted.groups
        given = self.model.configuration
        return {
            **{name: given.get(key) for name, key in self.recipe.scheme.of_model.items()},
            "rest": self.recipe.rest,
            **self.recipe.values,
            **self.converted.facts,
            "tensors": [group.template for group in groups],
            "blocks": max((_last(group) for group in groups), default=-1) + 1,
            "base_numel": self.recipe.base.block_numel if self.recipe.base else 1,
            "mixture": any(g.trained and g.active_numel < g.numel for g in self.model.groups),
        }

    def all(self) -> Iterator[tuple[TensorGroup, Format]]:
        """What is stored, in the order of the model; then what is stored besides."""
        renames = self.recipe.scheme.renames
        for group, form in self.every():
            yield (renamed(group, renames) if renames else group), form

    def every(self) -> Iterator[tuple[TensorGroup, Format]]:
        for group in self.converted.groups:
            for one in self.separate(group):
                self.found += self.matched(one, 0)
        for group, rule in self.found:
            if rule is None or group.dtype is not None:
                yield group, self.format(OWN, group)
            elif rule.stores:
                yield from self.pieces(group, rule)
            else:
                yield from self.chosen(group, rule)
        if self.recipe.scheme.ties:
            yield from self.untied()
        for added in self.recipe.scheme.adds:
            yield from self.besides(added)

    def untied(self) -> Iterator[tuple[TensorGroup, Format]]:
        """Tensors that lose their tie, as they are packed and what they were tied to is not."""
        tied = [tie.group for tie in self.model.ties if tie.group is not None]
        for group in (one for some in tied for one in self.separate(some)):
            for found, rule in self.matched(group, 0):
                if rule is not None and rule.stores:
                    yield from self.pieces(found, rule)

    def besides(self, added: Rule) -> Iterator[tuple[TensorGroup, Format]]:
        """What is stored besides the tensors that a rule is for."""
        for group, _ in self.found:
            if added.fits(group, self.scope(self.about(group), added)):
                for one, fits in self.sides(group, added):
                    yield from self.pieces(one, added) if fits else ()

    # --- which rule ------------------------------------------------------------------------------

    def matched(self, group: TensorGroup, start: int) -> Iterator[tuple[TensorGroup, Rule | None]]:
        """The group's tensors with the first rule that fits each."""
        rules, names = self.recipe.scheme.rules, self.about(group)
        for position in range(len(rules) if names.get("left") else start, len(rules)):
            rule = rules[position]
            sides = list(self.sides(group, rule))
            if not any(fits for _, fits in sides) or not rule.fits(group, self.scope(names, rule)):
                continue
            if len(sides) > 1:
                for one, fits in sides:
                    yield from [(one, rule)] if fits else self.matched(one, position + 1)
                return
            yield group, rule
            return
        yield group, None

    def separate(self, group: TensorGroup) -> Iterator[TensorGroup]:
        """The group's tensors, those apart whose modules have parameters of their own."""
        groups = [group]
        for names, _ in self.recipe.special:
            if patterns := modules(names, group):
                groups = [one for some in groups for one, _ in divided(some, patterns)]
        yield from groups

    def special(self, group: TensorGroup) -> Mapping[str, Any]:
        """The parameters that the modules of a group of `separate` have of their own."""
        if not self.recipe.special:
            return NOTHING
        name = group.template.format(*(numbers[0] for numbers in group.indices))
        for names, values in self.recipe.special:
            if any(one.matches(name) for one in modules(names, group)):
                return values
        return NOTHING

    def sides(self, group: TensorGroup, rule: Rule) -> Iterator[tuple[TensorGroup, bool]]:
        """The group's tensors that the rule's names are for, and the others."""
        names = rule.names
        if rule.listed:
            listed = self.recipe.values.get(rule.listed)
            names = modules(listed if isinstance(listed, list) else [listed], group)
        for one, fits in divided(group, names) if names or rule.listed else [(group, True)]:
            if not fits or not rule.besides:
                yield one, fits
                continue
            yield from ((some, not out) for some, out in divided(one, rule.besides))

    def scope(self, names: Mapping[str, Any], rule: Rule) -> LazyScope:
        """The names for a rule's expressions about one tensor."""
        return LazyScope(self.facts, names, rule.lets, self.recipe.scheme.lets)

    def about(self, group: TensorGroup) -> dict[str, Any]:
        """What rules may ask of a tensor."""
        ends = {"is_head": self.is_end(group, "output"), "is_table": self.is_end(group, "input")}
        return {**about(group), **ends, **self.special(group)}

    def is_end(self, group: TensorGroup, end: str) -> bool:
        """The tensors are those of the network's input table, or of its output head."""
        path = self.model.ends.get(end)
        return path is not None and is_below(group.template, path)

    # --- which format ----------------------------------------------------------------------------

    def chosen(self, group: TensorGroup, rule: Rule) -> Iterator[tuple[TensorGroup, Format]]:
        """The group's tensors by the formats that the rule chooses for each."""
        choices, names = tuple(self.choices(rule)), self.about(group)
        if not group.indices or not self.depends_on_place(rule, choices):
            yield group, self.choose(group, rule, choices, names)
            return
        self.check_layers(group)
        found: dict[Format, list[int]] = {}
        for number, index in enumerate(group.indices[0]):
            names |= self.place(group, rule, number)
            found.setdefault(self.choose(group, rule, choices, names), []).append(index)
        for form, indices in found.items():
            yield part(group, (tidy(indices), *group.indices[1:])), form

    def check_layers(self, group: TensorGroup) -> None:
        """Layers that are looked at one by one are not too many."""
        most = max(map(len, group.indices), default=0)
        if most > MOST_LAYERS:
            raise ParamcalcError(
                f"{self.recipe.name} looks at each layer, and {most:,} are more than "
                f"{MOST_LAYERS:,}",
                "take a format that is the same for all, such as `bf16` or `int4`",
            )

    def choices(self, rule: Rule) -> Iterator[Choice]:
        """The rule's choices, the recipe's own before or among them."""
        yield from self.recipe.mix.get(ALL, ()) if rule.category else ()
        for choice in rule.choices:
            if choice.format == MIX:
                yield from self.recipe.mix.get(rule.category, ())
            else:
                yield choice

    def depends_on_place(self, rule: Rule, choices: Sequence[Choice]) -> bool:
        """The answer may differ between tensors of one group."""
        lets = {**self.recipe.scheme.lets, **rule.lets}
        both = (*choices, *rule.then)
        names = {name for one in both if one.condition for name in one.condition.names}
        seen: set[str] = set()
        while names - seen:
            name = (names - seen).pop()
            seen.add(name)
            names |= lets[name].names if name in lets else frozenset()
        return bool(names & _PLACE)

    def place(self, group: TensorGroup, rule: Rule, number: int) -> dict[str, Any]:
        """Where one of a group's tensors stands: its layer, and which of its category it is."""
        block = group.indices[0][number] if group.indices else 0
        order = self.order(rule.category) if rule.category else {}
        ordinal = order.get((group.template, block), 0)
        return {"block": block, "ordinal": ordinal, "total": len(order)}

    def order(self, category: str) -> Mapping[tuple[str, int], int]:
        """The tensors of a category in the order of layers, then of names.

        Layers inside of another part (`enc.blk.0`) come first, in the order of their names alone.
        """
        if category not in self._orders:
            places = [
                (_layer(group, block), group.template.replace("{}", str(block), 1), group, block)
                for group, rule in self.found
                if rule is not None and rule.category == category and group.indices
                for block in group.indices[0]
            ]
            ordered = enumerate(sorted(places, key=itemgetter(0, 1)))
            self._orders[category] = {(g.template, block): n for n, (*_, g, block) in ordered}
        return self._orders[category]

    @cached_property
    def _orders(self) -> dict[str, Mapping[tuple[str, int], int]]:
        return {}

    def choose(
        self, group: TensorGroup, rule: Rule, choices: Sequence[Choice], names: Mapping[str, Any]
    ) -> Format:
        """The format for one tensor."""
        scope = self.scope(names, rule)
        name = _first(choices, scope) or OWN
        if rule.then and ALL not in self.recipe.mix:
            scope["chosen"] = self.named(name).name
            name = _first(rule.then, scope) or name
        return self.format(name, group)

    def format(self, name: str, group: TensorGroup) -> Format:
        """A format by its name, or the next one whose blocks the rows can be cut into."""
        if group.dtype is not None:
            return self.named(group.dtype)
        found = self.named(name)
        fallback = self.recipe.scheme.fallback
        row = row_numel(group.shape, group.kind)
        while found.block_numel > 1 and row % found.block_numel and found.name in fallback:
            following = fallback[found.name]
            if following is None:
                raise ParamcalcError(
                    f"`{shorten(group.template)}` has rows of {row:,}, no multiple of "
                    f"{found.block_numel} as {self.recipe.name} needs"
                )
            found = self.named(following)
        return found

    def named(self, name: str) -> Format:
        if name not in self.formats:
            value = self.facts.get(name, name)
            value = self.recipe.rest if value == OWN else value
            self.formats[name] = self.recipe.find_format(str(value))
        return self.formats[name]

    # --- several tensors for one -----------------------------------------------------------------

    def pieces(self, group: TensorGroup, rule: Rule) -> Iterator[tuple[TensorGroup, Format]]:
        """What is stored in the tensor's place: the packed values, scales, zeros."""
        scope = self.scope(self.about(group), rule)
        for stored, name in packed(group, rule, scope):
            yield stored, self.named(name)


def _first(choices: Sequence[Choice], scope: Mapping[str, Any]) -> str | None:
    for choice in choices:
        if choice.condition is None or choice.condition.holds(scope):
            return choice.format
    return None


def _layer(group: TensorGroup, block: int) -> int:
    """The number by which a layer is ordered."""
    return -1 if "." in group.template.partition(".{}")[0] else block


def _last(group: TensorGroup) -> int:
    """The highest number of a layer in a group's names."""
    return int(group.indices[0][-1]) if group.indices and len(group.indices[0]) else -1
