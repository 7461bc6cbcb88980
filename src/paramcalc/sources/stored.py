"""The tensors of a file and the configuration beside it, together a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

from paramcalc.catalogue.rules import rules
from paramcalc.core.grouping import StoredTensor, alike, boxed, template_of
from paramcalc.core.model import ESTIMATED, EXACT, Model, TensorGroup
from paramcalc.core.names import Indices, index_of
from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources.configuration import Reading, model_from_configuration
from paramcalc.sources.containers import (
    FILE,
    Container,
    Scheme,
    Shape,
    files_beside,
    packed_endings,
    scheme_of,
)
from paramcalc.sources.folder import CONFIGURATION, Folder, json_beside
from paramcalc.sources.safetensors import Stored
from paramcalc.sources.shards import Checkpoint

UNTRAINED_TYPES = frozenset({"BOOL", "U8", "I8", "I16", "U16", "I32", "U32", "I64", "U64"})
MOST_DIFFERENT = 15_000
"""Tensors that differ in more than the numbers in their names."""
MOST_FILLING = 1_024
"""Elements that fill up the last containers of a small matrix."""
BUFFER, PARAMETER = "Buffer", "Parameter"


class Facts(NamedTuple):
    """What is found out about a tensor."""

    shape: Shape
    kind: str
    trained: bool
    is_packed: bool = False
    """Counted as it is stored, and more may be packed in it."""
    is_known: bool = False
    """The architecture has this tensor."""


def model_from_checkpoint(checkpoint: Checkpoint, name: str, reading: Reading) -> Model:
    """A model of the tensors as stored, with what the configuration beside them says."""
    if reading.overrides:
        raise ParamcalcError(
            "a checkpoint holds the tensors themselves: there is no key to set",
            f"give its {CONFIGURATION}",
        )
    configuration = json_beside(checkpoint.folder, CONFIGURATION)
    described, notes = _described(configuration, reading)
    reader = _Reader(described, scheme_of(configuration, _section_beside(checkpoint.folder)))
    groups = tuple(reader.shared(reader.groups(checkpoint.tensors)))
    if not groups:
        raise ParamcalcError(f"`{checkpoint.description}` holds no tensors")
    notes += reader.notes()
    model = Model(
        name,
        groups,
        exactness=ESTIMATED if reader.packed else EXACT,
        source="; ".join([f"header of {checkpoint.description}", *notes]),
        configuration=configuration or {},
    )
    return model if checkpoint.is_part else with_description(model, described)


def _section_beside(folder: Folder) -> Mapping[str, Any] | None:
    """What a tool wrote into a file of its own, as a section of the configuration has it."""
    for file, method in files_beside().items():
        if (found := json_beside(folder, file)) is not None:
            return {"quant_method": method, **found}
    return None


def _described(
    configuration: Mapping[str, Any] | None, reading: Reading
) -> tuple[Model | None, list[str]]:
    """The model that the configuration describes, with all that a file may hold."""
    if configuration is None:
        return None, [f"no {CONFIGURATION} beside it: weights only"]
    try:
        return model_from_configuration(configuration, None, reading._replace(mtp=True)), []
    except ParamcalcError as error:
        said = error.problems[0].message
        return None, [f"{CONFIGURATION} beside it is not understood ({said}): weights only"]


def with_description(model: Model, described: Model | None) -> Model:
    """The model with caches, context and ties of the one that its configuration describes."""
    if described is None:
        return model
    templates = {group.template for group in model.groups}
    same = model.parameters.total == described.parameters.total
    return model._replace(
        caches=described.caches,
        placed_caches=described.placed_caches,
        ties=tuple(tie for tie in described.ties if tie.template not in templates),
        architecture=described.architecture,
        context=described.context,
        embeddings=described.embeddings if same else None,
        ends=described.ends if same else {},
        mtp_numel=described.mtp_numel if same else 0,
        assumed=described.assumed,
        exactness=model.exactness,
    )


class _Reader:
    """Finds out what each tensor is; tensors that differ in their numbers only are asked once."""

    def __init__(self, described: Model | None, scheme: Scheme | None) -> None:
        self.scheme = scheme or Scheme("")
        self.described = described
        self.known: dict[str, list[tuple[TensorGroup, list[Indices]]]] = {}
        """Groups of the architecture, all numbers taken out of their names."""
        for group in described.groups if described else ():
            template, indices = _indexed(group)
            self.known.setdefault(template, []).append((group, indices))
        self.places = {template: place for place, template in enumerate(self.known)}
        self.varied: set[str] = set()
        """Names behind which the architecture has tensors of several kinds."""
        self.facts: dict[tuple[str, str, Shape, Shape], Facts] = {}
        self.parameters: dict[str, str] = {}
        """Names of containers, numbers taken out, to those of the parameters in them."""
        self.packed = 0
        self.endings = packed_endings()

    def groups(self, tensors: Iterable[Stored]) -> list[TensorGroup]:
        """Groups of tensors with logical shapes, kinds, and whether they are trained."""
        found: dict[StoredTensor, list[tuple[int, ...]]] = {}
        for (template, dtype, shape, size), indices in alike(tensors).items():
            tensor = Stored(template, dtype, shape, size)
            parts = [(self._facts(tensor, indices[0]), indices)]
            if template in self.varied:
                parts = [(self._facts(tensor, index), [index]) for index in indices]
            for facts, those in parts:
                self.packed += facts.is_packed * len(those)
                one = StoredTensor(template, facts.shape, dtype, size, facts.kind, facts.trained)
                found.setdefault(one, []).extend(those)
        return boxed(found.items())

    def _facts(self, tensor: Stored, index: tuple[int, ...]) -> Facts:
        """What is found out about a tensor by the template of its name."""
        template, dtype, shape, _ = tensor
        key = template, dtype, shape, index if template in self.varied else ()
        facts = self.facts.get(key)
        if facts is None:
            if len(self.facts) == MOST_DIFFERENT:
                raise ParamcalcError(f"more than {MOST_DIFFERENT:,} tensors that have no pattern")
            facts = self.facts[key] = self._look(tensor._replace(name=template.format(*index)))
        return facts

    def _look(self, tensor: Stored) -> Facts:
        name, dtype, shape = tensor.name, tensor.dtype, tensor.shape
        container = self.scheme.container(name, dtype)
        if container is not None:
            return self._unpacked(container, tensor)
        if self.scheme.is_buffer(name):
            return Facts(shape, BUFFER, trained=False)
        group = self._group(name, name)
        if group is not None:
            return Facts(shape, group.kind, group.trained, is_known=True)
        if dtype in UNTRAINED_TYPES:
            packed = len(shape) > 1 and (not self.scheme.is_known or name.endswith(self.endings))
            return Facts(shape, PARAMETER if packed else BUFFER, packed, packed)
        return Facts(shape, *kind_by_name(name))

    def _unpacked(self, container: Container, tensor: Stored) -> Facts:
        """The parameter in a container: its own shape where the architecture knows it."""
        logical = container.logical(tensor.shape)
        parameter = container.parameter(tensor.name)
        self.parameters[template_of(tensor.name)[0]] = template_of(parameter)[0]
        group = self._group(parameter, tensor.name)
        if group is None:
            return Facts(logical or tensor.shape, "Linear", True, logical is None)
        room = prod(logical) if logical else group.tensor_numel
        # The last containers may be filled up.
        fits = 0 <= room - group.tensor_numel <= max(room // 16, MOST_FILLING)
        shape = tuple(map(int, group.shape)) if fits else logical or tensor.shape
        return Facts(shape, group.kind, group.trained, is_known=True)

    def _group(self, parameter: str, name: str) -> TensorGroup | None:
        """The architecture's tensor of a name; ``name`` is that of its container."""
        template, index = template_of(parameter)
        known = self.known.get(template, ())
        if len({(group.kind, group.trained, group.shape) for group, _ in known}) > 1:
            self.varied.add(template_of(name)[0])
        for group, indices in known:
            if all(number in numbers for number, numbers in zip(index, indices)):
                return group
        return None

    def shared(self, groups: Iterable[TensorGroup]) -> Iterator[TensorGroup]:
        """With the active share of each, and copies of tied tensors not counted twice."""
        found = sorted(groups, key=self._place)
        templates = {self._parameter(group) for group in found}
        ties = self.described.ties if self.described else ()
        copies = {
            template_of(tie.template)[0]
            for tie in ties
            if template_of(tie.target)[0] in templates and tie.template != tie.target
        }
        for group in found:
            if self._parameter(group) in copies:
                yield group._replace(trained=False, active_numel=0)
            else:
                yield self._active(self._parameter(group), group)

    def _place(self, group: TensorGroup) -> int:
        """Where the architecture has it; whatever it has not comes last."""
        return self.places.get(self._parameter(group), len(self.places))

    def _parameter(self, group: TensorGroup) -> str:
        """The name of what is packed in a container, or of the tensor itself."""
        return self.parameters.get(group.template, group.template)

    def _active(self, template: str, group: TensorGroup) -> TensorGroup:
        """With as large a part active for one token as in the architecture."""
        for known, _ in self.known.get(template, ()):
            active = group.active_numel * int(known.active_numel) // max(1, int(known.numel))
            return group._replace(active_numel=active, is_fused=known.is_fused)
        return group

    def notes(self) -> list[str]:
        """What is to be said about the reading."""
        notes = []
        other = sum(facts.trained and not facts.is_known for facts in self.facts.values())
        if self.known and other:
            notes += [f"{other:,} kinds of tensors are not in the architecture"]
        if not self.scheme.is_known:
            notes += [f"the quantization `{shorten(self.scheme.name)}` is not known"]
        if self.packed:
            notes += [f"{self.packed:,} packed tensors are counted as they are stored"]
        return notes


def _indexed(group: TensorGroup) -> tuple[str, list[Indices]]:
    """A group's name with all its numbers taken out, and what they may be.

    ``layers.{}.mlp.2.weight`` is ``layers.{}.mlp.{}.weight`` with any layer and 2.
    """
    template, literal = template_of(group.template)
    numbers, own = iter(literal), iter(group.indices)
    parts = group.template.split(".")[1:]
    found = [
        next(own) if part == "{}" else (next(numbers),)
        for part in parts
        if part == "{}" or index_of(part) is not None
    ]
    return template.replace("()", "{}"), found


def kind_by_name(name: str) -> tuple[str, bool]:
    """Kind, and whether it is trained, as far as a name tells.

    >>> kind_by_name("model.embed_tokens.weight"), kind_by_name("h.0.attn.masked_bias")
    (('Embedding', True), ('Parameter', True))
    """
    parts = name.split(".")
    words = rules(FILE)["_names"]
    if parts[-1] in words["buffers"]:
        return BUFFER, False
    module = parts[-2] if len(parts) > 1 else parts[-1]
    if _is_one_of(module, words["embeddings"]):
        return "Embedding", True
    if _is_one_of(module, words["norms"]):
        return "LayerNorm", True
    return PARAMETER, True


def _is_one_of(word: str, patterns: Iterable[str]) -> bool:
    """The word is one of these; ``*norm`` is whatever ends so, ``norm*`` whatever begins so."""
    return any(
        word.endswith(pattern[1:])
        if pattern[0] == "*"
        else word.startswith(pattern[:-1])
        if pattern[-1] == "*"
        else word == pattern
        for pattern in patterns
    )
