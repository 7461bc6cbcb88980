"""What a config.json says of how its checkpoint is quantized."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

SECTION = "quantization_config"
COMMON_KEYS = (SECTION, "rope_scaling", "rope_parameters")
"""What any configuration may say and no tensor's shape depends on: how a checkpoint is quantized,
and the rope, of which a GGUF file keeps factors."""
_OTHER_SECTION = "compression_config"
MOST_MODULES = 20_000


def is_quantized(configuration: Mapping[str, Any]) -> bool:
    """There is such a section, or the one that MLX writes."""
    return "quantization" in configuration or section_of(configuration) is not None


def section_of(configuration: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Its section of the configuration, or of a nested one (a language model with eyes)."""
    nested = (value for value in configuration.values() if isinstance(value, Mapping))
    for mapping in (configuration, *nested):
        if isinstance(found := mapping.get(SECTION), Mapping):
            return found
        if isinstance(found := mapping.get(_OTHER_SECTION), Mapping):
            return {"quant_method": "compressed-tensors", **found}
    return None


def method_of(section: Mapping[str, Any]) -> str:
    """The name of the method that the section is about; `unnamed` where it does not say it."""
    return str(section.get("quant_method") or "unnamed").lower()


def dtype_of(configuration: Mapping[str, Any]) -> str | None:
    """The model's own number format, under its newer or its older name, also in a nested one."""
    nested = (value for value in configuration.values() if isinstance(value, Mapping))
    for mapping in (configuration, *nested):
        for key in ("dtype", "torch_dtype"):
            if isinstance(found := mapping.get(key), str):
                return found.removeprefix("torch.")
    return None


def values_at(
    paths: Mapping[str, str],
    section: Mapping[str, Any],
    configuration: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Names for what stands at paths of the section, or at ``/`` of the whole configuration.

    None where there is nothing.
    """
    return {
        name: _at(configuration, path[1:].split("."))
        if path.startswith("/")
        else _at(section, path.split("."))
        for name, path in paths.items()
    }


Special = tuple[tuple[tuple[str, ...], dict[str, Any]], ...]


def of_modules(rule: Mapping[str, Any], section: Mapping[str, Any]) -> Special:
    """Parameters that single modules have of their own, equal ones together.

    They stand under the names of the modules, or in entries that list these. An entry for all
    layers of a kind, whose names begin with a capital, is for what no other one names.
    """
    place = section.get(rule["at"]) if "at" in rule else section
    if not isinstance(place, Mapping):
        return ()
    if "names" not in rule:
        return _alike(rule, [(str(key), value) for key, value in place.items()])
    listed: list[tuple[str, Any]] = []
    if len(place) > 1:
        for value in place.values():
            found = _plain(value.get(rule["names"])) if isinstance(value, Mapping) else None
            listed += [(str(name), value) for name in found or ()]
    kinds = [pair for pair in listed if pair[0][:1].isupper()]
    named = [pair for pair in listed if pair not in kinds]
    return _alike(rule, named + [("re:.*", value) for _, value in kinds])


def _alike(rule: Mapping[str, Any], listed: Iterable[tuple[str, Any]]) -> Special:
    """Names of modules by what is said of them."""
    found: dict[str, tuple[list[str], dict[str, Any]]] = {}
    for name, value in listed:
        own = _own(rule, name, value)
        if own is not None:
            names, _ = found.setdefault(repr(own), ([], own))
            names.append(f"re:{name[2:]}" if name[:2] in ("+:", "-:") else name)
    return tuple((tuple(names), own) for names, own in found.values())


def _own(rule: Mapping[str, Any], name: str, value: Any) -> dict[str, Any] | None:
    """What is said of a module: nothing, that it is left as it is, or parameters."""
    if value is False or name.startswith("-:"):
        return {"left": True}
    if not isinstance(value, Mapping):
        return None
    found = {key: _at(value, path.split(".")) for key, path in rule["fields"].items()}
    return {**rule.get("with", {}), **{k: v for k, v in found.items() if v is not None}}


def _at(value: Any, path: Sequence[str]) -> Any:
    """What stands at a path; after ``*`` what all entries agree on."""
    if not path:
        return _plain(value)
    if path[0] == "*" and isinstance(value, list):
        value = dict(enumerate(value[:MOST_MODULES]))
    if not isinstance(value, Mapping):
        return None
    if path[0] != "*":
        return _at(value.get(path[0]), path[1:])
    found = [_at(inner, path[1:]) for inner in value.values()]
    known = [one for one in found if one is not None]
    return known[0] if known and all(one == known[0] for one in known) else None


def _plain(value: Any) -> Any:
    if isinstance(value, (int, float, str)):
        return value
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        return [one for one in list(value)[:MOST_MODULES] if isinstance(one, (int, float, str))]
    return None
