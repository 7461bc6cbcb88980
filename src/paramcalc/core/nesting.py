"""Networks inside networks: which one a nested configuration describes, and where its parts go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.core.scope import FindSpec, NestedConfiguration
from paramcalc.core.spec import Spec
from paramcalc.core.tree import Nested
from paramcalc.errors import ParamcalcError, did_you_mean, shorten


def part_of(
    nested: Nested, scope: Mapping[str, Any], find_spec: FindSpec | None
) -> tuple[Spec, Mapping[str, Any]]:
    """The architecture that ``architecture(…)`` means, and its configuration."""
    configuration = nested.config(scope)
    if not isinstance(configuration, Mapping):
        raise ParamcalcError(f"`{nested.config.text}` is no nested configuration")
    if isinstance(configuration, NestedConfiguration):
        model_type: Any = configuration.model_type
        configuration = configuration.given
    else:
        model_type = configuration.get("model_type") or nested.model_type
    if not isinstance(model_type, str) or find_spec is None:
        raise ParamcalcError(f"`{nested.config.text}` has no `model_type`")
    spec = find_spec(model_type, nested.class_name)
    if not nested.sizes:
        return spec, configuration
    sizes = {name: size(scope) for name, size in nested.sizes.items()}
    return spec, _imposed(spec, configuration, sizes)


def _imposed(
    spec: Spec, configuration: Mapping[str, Any], sizes: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A configuration with some fields as the whole wants them, however they are spelled in it."""
    spellings: set[str] = set()
    for name in sizes:
        if name not in spec.fields:
            message = f"`{shorten(spec.name)}` has no field `{shorten(name)}`"
            raise ParamcalcError(message, did_you_mean(name, spec.fields))
        spellings.update((name, *spec.fields[name].aliases))
    kept = {key: value for key, value in configuration.items() if key not in spellings}
    plain = {k: v.given if isinstance(v, NestedConfiguration) else v for k, v in sizes.items()}
    return {**kept, **plain}
