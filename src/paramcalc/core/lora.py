"""Low-rank adapters: for a matrix of N outputs and K inputs one of [r, K] and one of [N, r].

Which modules get them, and what the tensors are called, is what peft does; the names that it goes
by are data. The adapter is a model itself, so every breakdown of a model is one of an adapter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from paramcalc.core.layers import EMBEDDING_KINDS
from paramcalc.core.lora_sites import LINEAR, Rules, Site, Wanted, inside, sites, wanted
from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.pattern import MOST_NAMES, divided
from paramcalc.core.safetensors_size import file_bytes
from paramcalc.errors import ParamcalcError, shorten

PREFIX = "base_model.model."
MOST_RANK = 1_000_000
FILE_TYPES: Mapping[str, tuple[str, int]] = {"fp32": ("F32", 4), "bf16": ("BF16", 2)}
"""What adapters are saved in: safetensors' name of the type, and bytes of an element."""
CONVOLUTIONS = frozenset({"Conv1d", "Conv2d", "Conv3d"})
_GROUPS_AT = 6
"""The position of ``groups`` among the arguments of a convolution."""
Tensors = Iterator[tuple[str, tuple[int, ...]]]


class Options(NamedTuple):
    """What is asked for."""

    rank: int
    targets: tuple[str, ...] = ()
    """Names of modules, patterns with ``*``, or the one word for all; none: peft's choice."""
    dora: bool = False
    """With a vector of magnitudes for each matrix."""
    save: tuple[str, ...] = ()
    """Modules of which a copy is trained and saved."""


class Adapter(NamedTuple):
    """The adapter of a model: its tensors, named as in ``adapter_model.safetensors``."""

    base: Model
    model: Model
    """The tensors of the file; a table that is saved beside its adapter is not trained."""
    options: Options
    targets: tuple[str, ...]
    source: str = ""

    @property
    def network(self) -> Model:
        """The same with paths in the network that is adapted."""
        groups = (
            group._replace(template=group.template.removeprefix(PREFIX))
            for group in self.model.groups
        )
        return self.model._replace(groups=tuple(groups))

    @property
    def parameters(self) -> int:
        """What is trained."""
        return self.model.parameters.total

    @property
    def all_parameters(self) -> int:
        """Those of the model and of the adapter."""
        return self.base.parameters.total + self.parameters

    @property
    def share(self) -> float:
        """The trained part of all parameters: a ratio to print."""
        return self.parameters / (self.all_parameters or 1)

    @property
    def tensors(self) -> int:
        """Tensors in the file."""
        return self.model.tensor_count

    def tensor_bytes(self, precision: str) -> int:
        """Bytes of the tensors alone, in ``fp32`` or ``bf16``."""
        return int(self.model.parameters.stored) * FILE_TYPES[precision][1]

    def file_bytes(self, precision: str) -> int | None:
        """Bytes of the whole file; None if it has too many tensors to name them one by one."""
        if self.tensors > MOST_NAMES:
            return None
        return file_bytes(self.model.tensors(), *FILE_TYPES[precision])


def adapter(model: Model, options: Options, rules: Rules) -> Adapter:
    """The adapter that peft would make; it raises ParamcalcError where peft refuses."""
    _check(model, options)
    targets = options.targets or rules.targets
    if not targets:
        raise ParamcalcError(
            f"peft chooses no modules for {shorten(model.architecture or model.name)} by itself",
            f"name them, such as q_proj,v_proj, or take `{rules.all}`",
        )
    places = sites(model, rules)
    chosen = wanted(model, places, targets, rules, is_given=bool(options.targets))
    _check_layers(places, chosen, rules)
    found = [*_adapted(places, chosen, options), *_copies(model, options.save, rules)]
    groups = tuple(one._replace(template=PREFIX + one.template) for one in found)
    own = Model(f"{model.name} LoRA", groups, architecture=model.architecture)
    return Adapter(model, own, options, targets, rules.source)


def _check(model: Model, options: Options) -> None:
    rank: object = options.rank
    if not isinstance(rank, int) or isinstance(rank, bool) or not 1 <= rank <= MOST_RANK:
        raise ParamcalcError(
            f"the rank must be a whole number from 1 to {MOST_RANK:,}, found {shorten(str(rank))}"
        )
    if not model.is_counted:
        raise ParamcalcError(
            f"the tensors of {model.name} are not known, only how many elements they have",
            "an adapter needs a model with layers",
        )


def _check_layers(places: Sequence[Site], chosen: Wanted, rules: Rules) -> None:
    """Refuse the layers that go wrong with an adapter."""
    for site in places:
        if site.leaf in rules.refused and chosen.parts(site):
            raise ParamcalcError(
                f"peft refuses an adapter for `{shorten(site.leaf)}` in this architecture",
                "its kernels take the weight past the adapter; name other targets",
            )


def _adapted(places: Sequence[Site], chosen: Wanted, options: Options) -> Iterator[TensorGroup]:
    """The tensors of the adapter, in the order of the model's own."""
    saved = tuple(one for name in options.save for one in inside(name))
    found: list[tuple[Site, int]] = []
    for site in places:
        for one in chosen.parts(site):
            kept = [part for part, is_saved in divided(one, saved) if not is_saved]
            factor = chosen.factor(site)
            found += [(site._replace(group=part), factor * options.rank) for part in kept]
    # peft wraps a module once for each of its tensors: the first one lies innermost.
    layers = Counter(site.holder for site, _ in found)
    for site, rank in found:
        layers[site.holder] -= 1
        depth = layers[site.holder] if site.is_parameter else 0
        path = site.holder[0] + depth * ".base_layer"
        for ending, shape in _tensors(site, rank, options):
            yield _group(site, path + ending, shape)
        if chosen.keeps_table(site):
            whole = _group(site, f"{path}.base_layer.weight", site.group.shape)
            yield whole._replace(trained=False, active_numel=0)


def _group(site: Site, template: str, shape: tuple[int, ...]) -> TensorGroup:
    """The tensors of an adapter; as much of them is active as of what they adapt."""
    old = site.group
    new = old._replace(template=template, shape=shape, dtype=None, is_fused=False, call=None)
    share = int(new.numel) * int(old.active_numel) // max(1, int(old.numel))
    return new._replace(active_numel=share, stored_type=None, stored_bytes=None)


def _tensors(site: Site, rank: int, options: Options) -> Tensors:
    """Endings and shapes for one module."""
    kind = site.group.kind
    if site.is_parameter:
        yield from _of_parameter(site, rank, options)
    elif kind in LINEAR:
        yield ".lora_A.weight", (rank, site.inputs)
        yield ".lora_B.weight", (site.outputs, rank)
        if options.dora:
            yield ".lora_magnitude_vector", (site.outputs,)
    elif kind in EMBEDDING_KINDS:
        yield ".lora_embedding_A", (rank, site.outputs)
        yield ".lora_embedding_B", (site.inputs, rank)
        if options.dora:
            yield ".lora_magnitude_vector", (site.inputs,)
    elif kind in CONVOLUTIONS:
        yield from _of_convolution(site, rank, options)
    else:
        raise ParamcalcError(
            f"`{shorten(site.group.template.replace('.{}', '.*'))}` is of kind {kind}",
            "LoRA adapts Linear, Conv1D, Embedding and Conv1d to Conv3d",
        )


def _of_parameter(site: Site, rank: int, options: Options) -> Tensors:
    """A rank for each expert; peft has no DoRA for these."""
    if options.dora:
        raise ParamcalcError(
            f"peft has no DoRA for stacked experts: `{shorten(site.group.template)}`",
            "name targets without experts and routers, such as q_proj,v_proj",
        )
    yield ".lora_A.weight", (rank * site.experts, site.inputs)
    yield ".lora_B.weight", (site.outputs, rank * site.experts)


def _of_convolution(site: Site, rank: int, options: Options) -> Tensors:
    groups, kernel = _groups(site.group), site.group.shape[2:]
    if rank % groups:
        raise ParamcalcError(
            f"`{shorten(site.group.template)}` has {groups} groups, which do not divide {rank}",
            f"a rank that is a multiple of {groups}",
        )
    ones = (1,) * len(kernel)
    yield ".lora_A.weight", (rank, site.inputs * groups, *kernel)
    yield ".lora_B.weight", (site.outputs, rank // groups, *ones)
    if options.dora:
        yield ".lora_magnitude_vector", (1, site.outputs, *ones)


def _groups(group: TensorGroup) -> int:
    """How many groups of channels a convolution has."""
    if group.call is None:
        return 1
    arguments = group.call.arguments
    by_position = arguments[_GROUPS_AT] if len(arguments) > _GROUPS_AT else 1
    return int(group.call.keywords.get("groups", by_position))


def _copies(model: Model, names: Sequence[str], rules: Rules) -> Iterator[TensorGroup]:
    """All that is in the modules of which a copy is saved; peft looks at the ends of paths."""
    groups = [*model.groups, *(tie.group for tie in model.ties if tie.group is not None)]
    used: set[str] = set()
    for group in map(rules.renamed_group, groups):
        parts = group.template.split(".")[:-1]
        paths = [".".join(parts[: end + 1]) for end in range(len(parts))]
        fits = {name for name in names if any(path.endswith(name) for path in paths)}
        used |= fits
        if fits:
            yield group._replace(call=None)
    if unused := [name for name in names if name not in used]:
        raise ParamcalcError(f"{model.name} has no module named `{shorten(unused[0])}` to save")
