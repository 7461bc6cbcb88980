"""A ``config.json``: a mapping with a ``model_type`` that names its architecture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.catalogue.architectures import find_spec
from paramcalc.core.expand import expand
from paramcalc.core.model import Model
from paramcalc.core.spec import Spec
from paramcalc.errors import ParamcalcError, did_you_mean, shorten


def model_from_configuration(
    configuration: Mapping[str, Any],
    name: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    symbolic: bool = False,
) -> Model:
    """The model that a configuration describes, with ``overrides`` laid over it."""
    model_type = configuration.get("model_type")
    if not isinstance(model_type, str):
        raise ParamcalcError(
            "the configuration has no `model_type`",
            "it names the architecture; `paramcalc list architectures` names them all",
        )
    classes = configuration.get("architectures")
    class_name = classes[0] if isinstance(classes, list) and classes else None
    if class_name is not None and not isinstance(class_name, str):
        raise ParamcalcError("`architectures` in the configuration is no list of names")
    spec = find_spec(model_type, class_name)
    return build(spec, configuration, name or model_type, overrides, symbolic=symbolic)


def build(
    spec: Spec,
    configuration: Mapping[str, Any],
    name: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    symbolic: bool = False,
) -> Model:
    """Expand a spec; problems are placed in the files that it was read from."""
    configuration = override(configuration, spec, overrides or {})
    try:
        expansion = expand(spec, configuration, find_spec, symbolic=symbolic)
    except ParamcalcError as error:
        raise spec.place(error) from None
    return Model(
        name,
        expansion.groups,
        expansion.caches,
        expansion.ties,
        architecture=spec.name,
        source=spec.source if isinstance(spec.source, str) else None,
        context=expansion.context,
        configuration=configuration,
    )


def override(
    configuration: Mapping[str, Any], spec: Spec, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """The configuration with single keys set: ``vocab_size``, ``text_config.hidden_size``."""
    changed = dict(configuration)
    for key, value in overrides.items():
        outer, _, inner = str(key).partition(".")
        if inner:
            changed[outer] = _nested(changed.get(outer), outer, {inner: value})
        else:
            _set(changed, spec, outer, value)
    return changed


def _nested(configuration: Any, name: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A nested configuration with one key set that its own architecture knows."""
    if not isinstance(configuration, Mapping):
        raise ParamcalcError(f"there is no nested configuration `{shorten(name)}`")
    model_type = configuration.get("model_type")
    if not isinstance(model_type, str):
        return {**configuration, **overrides}
    return override(configuration, find_spec(model_type), overrides)


def _set(changed: dict[str, Any], spec: Spec, key: str, value: Any) -> None:
    for field in spec.fields.values():
        if key == field.name or key in field.aliases:
            # Whichever spelling the file used gives way.
            for spelling in (field.name, *field.aliases):
                changed.pop(spelling, None)
            changed[field.name] = value
            return
    raise ParamcalcError(
        f"`{spec.name}` has no configuration key `{shorten(key)}`",
        did_you_mean(key, spec.fields, 3) or f"its keys: {', '.join(spec.fields)}",
    )
