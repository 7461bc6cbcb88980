"""Quantised checkpoints: which tensors are containers, and what is packed in them.

The schemes are data, ``containers.yaml``; here is what their rules mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

from paramcalc.catalogue.quantization import SECTION, method_of, section_of, values_at
from paramcalc.catalogue.rules import expression, rules
from paramcalc.errors import ParamcalcError

FILE = "containers.yaml"

Shape = tuple[int, ...]


class Container(NamedTuple):
    """What is packed in the tensors whose names have a certain ending."""

    ending: str
    of: str
    types: frozenset[str]
    elements: int
    containers: int | None
    """So many ``elements`` are in so many elements of the tensor; None if that is not known."""
    axis: int = -1
    transposed: bool = False
    joined: bool = False
    flat: bool = False

    def parameter(self, name: str) -> str:
        """The name of the parameter that is packed in the tensor called ``name``."""
        return name.removesuffix(self.ending) + self.of

    def logical(self, shape: Shape) -> Shape | None:
        """The shape of what is packed; None if it cannot be told.

        >>> packed = Container(".qweight", ".weight", frozenset(), 32, 4, axis=0, transposed=True)
        >>> packed.logical((512, 1024))
        (1024, 4096)
        """
        if not self.containers or not shape or self.joined >= len(shape):
            return None
        if self.flat:
            return (prod(shape) * self.elements // self.containers,)
        sizes = list(shape)
        sizes[self.axis] = sizes[self.axis] * self.elements // self.containers
        if self.joined:
            sizes[-2:] = [sizes[-2] * sizes[-1]]
        return tuple(reversed(sizes) if self.transposed else sizes)


class Scheme(NamedTuple):
    """How one checkpoint is packed."""

    name: str
    containers: tuple[Container, ...] = ()
    buffers: tuple[str, ...] = ()
    is_known: bool = True
    """The checkpoint says how it is packed, and there is a rule for that."""
    modules: Mapping[str, tuple[Container, ...]] = {}
    """Modules that are packed otherwise than the rest."""

    def container(self, name: str, dtype: str) -> Container | None:
        """The rule for a tensor; None if it is stored as it is."""
        own = self.modules.get(name.rpartition(".")[0])
        for container in self.containers if own is None else own:
            if name.endswith(container.ending) and dtype in container.types:
                return container
        return None

    def is_buffer(self, name: str) -> bool:
        """The tensor holds scales, zeros or the like."""
        return name.endswith(self.buffers)


def files_beside() -> Mapping[str, str]:
    """Files that some tools write instead of a section of config.json → the method they mean."""
    found: Mapping[str, str] = rules(FILE)["_files"]
    return found


def scheme_of(
    configuration: Mapping[str, Any] | None, beside: Mapping[str, Any] | None = None
) -> Scheme | None:
    """The scheme that a configuration names, or a file beside it; None if neither does."""
    quantization = section_of(configuration or {})
    if quantization is None:
        quantization = beside
    if quantization is None:
        return None
    method = method_of(quantization)
    for name, rule in _schemes():
        if method in rule["methods"]:
            fields = values_at(rule.get("fields", {}), quantization)
            if expression(rule.get("when", True)).holds(fields):
                return _scheme(name, rule, fields, _of_each(rule, quantization))
    return Scheme(method, is_known=False)


def _schemes() -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((name, rule) for name, rule in rules(FILE).items() if not name.startswith("_"))


def packed_endings() -> tuple[str, ...]:
    """Endings of containers in any scheme."""
    endings = (ending for _, rule in _schemes() for ending in rule["containers"])
    return tuple(dict.fromkeys(endings))


def _scheme(
    name: str,
    rule: Mapping[str, Any],
    fields: Mapping[str, Any],
    modules: Mapping[str, Mapping[str, Any]],
) -> Scheme:
    # Longer endings first: `.weight_packed` is not what `_packed` means.
    endings = sorted(rule["containers"].items(), key=lambda item: -len(item[0]))
    containers = tuple(_container(ending, given, fields) for ending, given in endings)
    own = {
        module: tuple(_container(ending, given, {**fields, **others}) for ending, given in endings)
        for module, others in modules.items()
    }
    return Scheme(name, containers, tuple(rule["buffers"]), modules=own)


def _of_each(rule: Mapping[str, Any], quantization: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a module has otherwise than the rest, if the rule knows such keys."""
    if not rule.get("of_each"):
        return {}
    found = {
        module: values_at(rule.get("fields", {}), own)
        for module, own in quantization.items()
        if isinstance(own, Mapping)
    }
    return {
        module: {field: value for field, value in fields.items() if value is not None}
        for module, fields in found.items()
    }


def _container(ending: str, given: Mapping[str, Any], fields: Mapping[str, Any]) -> Container:
    return Container(
        ending,
        given["of"],
        frozenset(given["types"]),
        expression(given["elements"])(fields),
        _count(expression(given["in"])(fields)),
        given.get("axis", -1),
        given.get("transposed", False),
        given.get("joined", False),
        given.get("flat", False),
    )


def _count(value: Any) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= 64:
        raise ParamcalcError(f"`{SECTION}` says that an element has {value!s:.20} bits")
    return value
