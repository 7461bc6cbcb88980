"""What the layers of a GGUF file remember: its metadata by the rules of ``gguf.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from paramcalc.catalogue.rules import expression, rules
from paramcalc.core.cache import PlacedCache, make_cache

FILE = "gguf.yaml"
MOST_LAYERS = 10_000
_LAYER = re.compile(r"(?:dec\.)?blk\.([0-9]{1,5})\.(.+)")


def caches_of(metadata: Mapping[str, Any], names: Iterable[str]) -> tuple[PlacedCache, ...]:
    """The caches of all layers; raises `ParamcalcError` if a key is wrong."""
    architecture = metadata.get("general.architecture")
    rule = {**rules(FILE)["_default"], **_own(architecture, metadata)}
    fields = {
        name: metadata.get(f"{architecture}.{key}") for name, key in rules(FILE)["_fields"].items()
    }
    layers = layers_of(names)
    found: list[PlacedCache] = []
    for number, tensors in sorted(layers.items()):
        scope = _scope(fields, rule, number, fields.get("layers") or len(layers))
        found += _of_layer(number, tensors, scope)
    return tuple(found)


def layers_of(names: Iterable[str]) -> dict[int, set[str]]:
    """The tensors of each layer that has a cache, without its number."""
    layers: dict[int, set[str]] = {}
    for name in names:
        if found := _LAYER.fullmatch(name):
            layers.setdefault(int(found[1]), set()).add(found[2])
    return dict(list(layers.items())[:MOST_LAYERS])


def _own(architecture: Any, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is known of an architecture beyond its metadata, which come first."""
    own = rules(FILE).get(architecture) if not str(architecture).startswith("_") else None
    pattern = metadata.get(f"{architecture}.attention.sliding_window_pattern")
    return own if own is not None and pattern is None else {}


def _scope(
    fields: Mapping[str, Any], rule: Mapping[str, Any], number: int, layers: int
) -> dict[str, Any]:
    """The names that a rule may use, for one layer."""
    scope = {name: _of(value, number, layers) for name, value in fields.items()}
    scope["i"] = number
    for name, text in ({k: rule[k] for k in ("slides", "sliding_window")}).items():
        scope[name] = expression(text)(scope)
    return scope


def _of(value: Any, number: int, layers: int) -> Any:
    """The layer's own value of a list."""
    if not isinstance(value, tuple):
        return value
    return value[number] if number < len(value) == layers else None


def _of_layer(number: int, tensors: set[str], scope: dict[str, Any]) -> Iterator[PlacedCache]:
    names = rules(FILE)["_let"]
    for rule in rules(FILE)["_caches"]:
        if tensors.isdisjoint(rule["tensors"]) or not tensors.isdisjoint(rule.get("without", ())):
            continue
        known = _Lazy(scope, names)
        if expression(rule.get("if", True)).holds(known):
            arguments = {k: expression(text)(known) for k, text in rule["arguments"].items()}
            cache = make_cache(rule["kind"], [], arguments)
            if cache.token_numel or cache.sequence_numel:
                yield PlacedCache("blk.{}", ((number,),), cache, (), arguments)


class _Lazy(dict[str, Any]):
    """A scope whose named expressions are computed when they are used."""

    def __init__(self, scope: Mapping[str, Any], names: Mapping[str, str]) -> None:
        super().__init__(scope)
        self.texts = names

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self.texts

    def __missing__(self, name: str) -> Any:
        self[name] = value = expression(self.texts[name])(self)
        return value
