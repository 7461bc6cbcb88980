"""What a config.json says of how its checkpoint is quantized."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    """The name of the method that the section is about."""
    return str(section.get("quant_method") or "").lower()


def values_at(paths: Mapping[str, str], section: Mapping[str, Any]) -> dict[str, Any]:
    """Names for what stands at paths of the section; None where there is nothing."""
    return {name: _at(section, path.split(".")) for name, path in paths.items()}


def _at(value: Any, path: Sequence[str]) -> Any:
    """What stands at a path; after ``*`` what all keys agree on."""
    if not path:
        return _plain(value)
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
