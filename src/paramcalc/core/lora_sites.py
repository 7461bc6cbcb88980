"""The modules of a model that can have an adapter, and which of them targets mean."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import Any, NamedTuple

from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.names import is_below
from paramcalc.core.pattern import Pattern, divided, pattern
from paramcalc.errors import ParamcalcError, did_you_mean, shorten

LINEAR = frozenset({"Linear", "NonDynamicallyQuantizableLinear", "Conv1D"})
"""What the word for all matrices means."""
_EXPERT = ".experts.{}."
_WEIGHT = ".weight"
Names = Mapping[str, Sequence[str]]
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Experts(NamedTuple):
    """What targets may call a router, and the parts of the stacked tensors of experts."""

    router: str
    fused: Names


class Rules(NamedTuple):
    """What peft knows of an architecture, and of all."""

    targets: tuple[str, ...] = ()
    """The modules that it chooses when none are named."""
    experts: Experts | None = None
    """Without it names of modules never mean experts."""
    transposed: bool = False
    """Stacked experts are [experts, in, out]."""
    all: str = "all-linear"
    tables: tuple[str, ...] = ()
    """Names of tables that are saved as a whole, beside their adapter."""
    hidden: tuple[Pattern, ...] = ()
    """Weights that belong to no layer which a name could mean."""
    besides: tuple[Pattern, ...] = ()
    """But not these."""
    refused: tuple[str, ...] = ()
    """Last names of layers that take no adapter."""
    renamed: Mapping[str, str] = _NOTHING
    fused: Names = _NOTHING
    source: str = ""

    def network_name(self, name: str) -> str:
        """The network's name for what the checkpoint may call otherwise."""
        for old, new in self.renamed.items():
            if not old.startswith("^"):
                name = name.replace(old, new)
            elif name.startswith(old[1:]):
                name = new + name.removeprefix(old[1:])
        return name

    def renamed_group(self, group: TensorGroup) -> TensorGroup:
        """The group under the network's name."""
        return group._replace(template=self.network_name(group.template))

    def end(self, model: Model, which: str) -> str | None:
        """The path of the input table or the output head in the network."""
        path = model.ends.get(which)
        return None if path is None else self.network_name(f"{path}.").removesuffix(".")

    def is_layer(self, group: TensorGroup) -> bool:
        """The tensors are weights of layers that a name can mean."""
        plain = group.template.replace("{}", "0")
        if not plain.endswith(_WEIGHT):
            return False
        is_hidden = any(one.matches(plain) for one in self.hidden)
        return not is_hidden or any(one.matches(plain) for one in self.besides)


class Site(NamedTuple):
    """Equal modules that can have an adapter; the template of the group is their path."""

    group: TensorGroup
    outputs: int = 0
    inputs: int = 0
    experts: int = 1
    is_parameter: bool = False
    """A tensor that is adapted by itself: stacked experts, a router."""
    is_stacked: bool = False

    @property
    def holder(self) -> tuple[str, Any]:
        """The module that is wrapped, and which of its numbers."""
        path = self.group.template
        return (path.rpartition(".")[0] if self.is_stacked else path), self.group.indices

    @property
    def leaf(self) -> str:
        return self.group.template.rpartition(".")[2]


# --- where adapters can go -----------------------------------------------------------------------


def sites(model: Model, rules: Rules) -> list[Site]:
    """Every module with a weight, the tied ones too, and the stacked tensors of experts."""
    ties = [tie.group for tie in model.ties if tie.group is not None]
    trained = [rules.renamed_group(group) for group in [*model.groups, *ties] if group.trained]
    layers = [_layer(group) for group in trained if rules.is_layer(group)]
    return [*layers, *_routers(trained, rules), *_stacked(trained, rules)]


def _layer(group: TensorGroup) -> Site:
    outputs, inputs = (*group.shape[:2], 0, 0)[:2]
    if group.kind == "Conv1D":
        outputs, inputs = inputs, outputs
    return Site(group._replace(template=group.template.removesuffix(_WEIGHT)), outputs, inputs)


def _routers(groups: Sequence[TensorGroup], rules: Rules) -> Iterator[Site]:
    if rules.experts:
        ending = f".{rules.experts.router}{_WEIGHT}"
        for group in groups:
            if group.template.endswith(ending) and not rules.is_layer(group):
                yield _layer(group)._replace(is_parameter=True)


def _stacked(groups: Sequence[TensorGroup], rules: Rules) -> Iterator[Site]:
    """All experts of a layer as the network holds them, also where a file has one by one."""
    fused = rules.experts.fused if rules.experts else rules.fused
    layers: dict[tuple[Any, ...], dict[str, TensorGroup]] = {}
    for group in groups:
        before, found, name = group.template.partition(_EXPERT)
        if found and name.endswith(_WEIGHT):
            place = before.count("{}")
            rest = (*group.indices[:place], *group.indices[place + 1 :])
            key = before, rest, len(group.indices[place])
            layers.setdefault(key, {})[name.removesuffix(_WEIGHT)] = group
        elif ".experts." in group.template and len(group.shape) == 3:
            yield _stacked_already(group, transposed=rules.transposed)
    for (before, rest, experts), parts in layers.items():
        for name, made_of in fused.items():
            if all(part in parts for part in made_of):
                wholes = [parts[part] for part in made_of]
                yield _joined(f"{before}.experts.{name}", rest, experts, wholes)


def _stacked_already(group: TensorGroup, *, transposed: bool) -> Site:
    experts, outputs, inputs = group.shape
    if transposed:
        outputs, inputs = inputs, outputs
    return Site(group, outputs, inputs, experts, is_parameter=True, is_stacked=True)


def _joined(name: str, indices: Any, experts: int, parts: Sequence[TensorGroup]) -> Site:
    outputs, inputs = sum(part.shape[0] for part in parts), parts[0].shape[1]
    group = parts[0]._replace(
        template=name,
        indices=indices,
        shape=(experts, outputs, inputs),
        count=prod(map(len, indices)),
        active_numel=sum(part.active_numel for part in parts),
    )
    return Site(group, outputs, inputs, experts, is_parameter=True, is_stacked=True)


# --- which of them do ----------------------------------------------------------------------------


class Wanted(NamedTuple):
    """What targets mean."""

    patterns: tuple[Pattern, ...] = ()
    """For paths of modules."""
    parameters: Mapping[str, int] = _NOTHING
    """Stacked tensors and routers by their names; each part of a stacked one has ranks."""
    named: tuple[Pattern, ...] = ()
    """For paths of stacked tensors that are named themselves."""
    layers: Collection[str] | None = None
    """The modules themselves, where all are meant."""
    ends: tuple[str, ...] = ()
    """Paths of the tables that are saved as a whole."""

    def parts(self, site: Site) -> list[TensorGroup]:
        """Those of the site's modules that get an adapter."""
        group = site.group
        if site.is_parameter and site.leaf in self.parameters:
            return [group]
        if self.layers is not None:
            return [group] if not site.is_parameter and group.template in self.layers else []
        patterns = self.named if site.is_parameter else self.patterns
        return [part for part, fits in divided(group, patterns) if fits]

    def factor(self, site: Site) -> int:
        """By how much the rank is multiplied."""
        return self.parameters.get(site.leaf, 1) if site.is_parameter else 1

    def keeps_table(self, site: Site) -> bool:
        """The whole table is in the file too."""
        return any(is_below(site.group.template, end) for end in self.ends)


def wanted(
    model: Model, places: Sequence[Site], targets: Sequence[str], rules: Rules, *, is_given: bool
) -> Wanted:
    """What the targets mean; each of those that are given must mean something."""
    if [target.lower() for target in targets] == [rules.all]:
        paths = _all_layers(places, rules.end(model, "output"))
        if not rules.experts:
            return Wanted(layers=paths)
        # peft goes by the last names here, and those of experts then mean the stacked tensors.
        leaves = dict.fromkeys(path.rpartition(".")[2] for path in paths)
        return _of_names([*leaves, *_expert_names(rules.experts)], rules)
    if is_given:
        _check_targets(targets, places, rules)
    return _of_names(targets, rules)._replace(ends=_tables(model, targets, rules))


def _all_layers(places: Sequence[Site], head: str | None) -> list[str]:
    """Paths of all matrices but the output head."""
    paths = [
        site.group.template
        for site in places
        if site.group.kind in LINEAR and not site.is_parameter
    ]
    return [path for path in paths if head is None or not is_below(path, head)]


def _expert_names(experts: Experts) -> dict[str, str]:
    """What modules of experts and routers were called, and the tensors that they are in."""
    parts = {part: name for name, made_of in experts.fused.items() for part in made_of}
    return {experts.router: experts.router, **parts}


def _of_names(targets: Sequence[str], rules: Rules) -> Wanted:
    old = _expert_names(rules.experts) if rules.experts else {}
    meant: dict[str, set[str]] = {}
    modules: list[str] = []
    for target in targets:
        last = target.rpartition(".")[2]
        if last in old and "*" not in target:
            meant.setdefault(old[last], set()).add(last)
        else:
            modules.append(target)
    named = [target for target in modules if "." in target and "*" not in target]
    return Wanted(
        tuple(one for target in modules for one in suffixes(target)),
        {name: _parts(name, parts, rules) for name, parts in meant.items()},
        tuple(one for target in named for one in suffixes(target)),
    )


def _parts(name: str, meant: Collection[str], rules: Rules) -> int:
    """How many parts of a stacked tensor have ranks: all, for peft takes no less."""
    made_of = rules.experts.fused.get(name, ()) if rules.experts else ()
    missing = [part for part in made_of if part not in meant]
    if missing:
        raise ParamcalcError(
            f"`{' '.join(sorted(meant))}` is stacked with `{' '.join(missing)}` in `{name}`",
            "name both as targets, or neither",
        )
    return max(1, len(made_of))


def _tables(model: Model, targets: Sequence[str], rules: Rules) -> tuple[str, ...]:
    """Where one of the tables is a target, peft saves each end that is, whatever its name."""
    globs = [pattern(target) for target in targets if "*" in target]
    named = any(target in rules.tables for target in targets)
    if not named and not any(
        glob.matches(f"model.{name}") for glob in globs for name in rules.tables
    ):
        return ()
    ends = (rules.end(model, which) for which in ("input", "output"))
    return tuple(path for path in ends if path is not None)


def suffixes(target: str) -> tuple[Pattern, ...]:
    """Patterns for the module of this path, or of a path that ends so."""
    return (pattern(target), pattern(f"*.{target}"))


def inside(name: str) -> tuple[Pattern, ...]:
    """Patterns for modules of this name, and for all within them."""
    return tuple(pattern(f"{lead}{name}{tail}") for lead in ("", "*.") for tail in ("", ".*"))


def _check_targets(targets: Sequence[str], places: Sequence[Site], rules: Rules) -> None:
    """Refuse a target that means nothing: misspelt, as a rule."""
    for target in targets:
        one = _of_names([target], rules._replace(experts=None))
        is_expert = rules.experts and target.rpartition(".")[2] in _expert_names(rules.experts)
        if not is_expert and not any(one.parts(site) for site in places):
            leaves = dict.fromkeys(site.leaf for site in places if not site.is_parameter)
            known = ", ".join(list(leaves)[:12])
            hint = did_you_mean(target, leaves) or f"names of modules: {known}"
            raise ParamcalcError(f"no module is called `{shorten(target)}`", hint)
