"""A ``config.json``: a mapping with a ``model_type`` that names its architecture."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from paramcalc.catalogue.architectures import (
    architecture_names,
    find_spec,
    is_architecture,
)
from paramcalc.catalogue.quantization import COMMON_KEYS
from paramcalc.core.expand import expand
from paramcalc.core.model import ESTIMATED, Model
from paramcalc.core.scope import FindSpec
from paramcalc.core.spec import Spec
from paramcalc.errors import ParamcalcError, did_you_mean, shorten


class Reading(NamedTuple):
    """How a source is to be read."""

    overrides: Mapping[str, Any] = MappingProxyType({})
    """Single keys of the configuration, set to other values."""
    symbolic: bool = False
    """Keep the formulas, for an explanation."""
    mtp: bool = False
    """Count the layers for multi-token prediction that published files hold."""
    assume: str | None = None
    """The architecture to take for a ``model_type`` that is not known."""
    tied: bool | None = None
    """Of a print-out: whether a head shares the weights of a table of its shape."""
    ignore: tuple[str, ...] = ()
    """Of a print-out: modules or kinds that hold nothing but what is printed."""


AS_IT_STANDS = Reading()


def model_from_configuration(
    configuration: Mapping[str, Any], name: str | None = None, reading: Reading = AS_IT_STANDS
) -> Model:
    """The model that a configuration describes."""
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
    if not is_architecture(model_type):
        if reading.assume is None:
            raise unknown_architecture(model_type)
        # Nothing is known of the class either: the assumed network's usual one is taken.
        model = build(reading.assume, None, configuration, name or model_type, reading)
        return model._replace(exactness=ESTIMATED, assumed=model_type)
    return build(model_type, class_name, configuration, name or model_type, reading)


def unknown_architecture(model_type: str) -> ParamcalcError:
    """No file for a ``model_type``: the nearest names, and how to get an estimate."""
    near = did_you_mean(model_type, architecture_names(), 3)
    estimate = "`--assume NAME` counts it as another one, as an estimate"
    return ParamcalcError(
        f"no architecture named `{shorten(model_type)}`",
        f"{near} {estimate}" if near else estimate,
    )


def build(
    architecture: str,
    class_name: str | None,
    configuration: Mapping[str, Any],
    name: str,
    reading: Reading = AS_IT_STANDS,
) -> Model:
    """The model of an architecture and a configuration."""
    plain = partial(find_spec, mtp=False)
    model = expanded(plain(architecture, class_name), configuration, name, reading, plain)
    if not reading.mtp:
        return model
    whole = partial(find_spec, mtp=True)
    more = expanded(whole(architecture, class_name), configuration, name, reading, whole)
    return more._replace(mtp_numel=more.parameters.total - model.parameters.total)


def expanded(
    spec: Spec,
    configuration: Mapping[str, Any],
    name: str,
    reading: Reading = AS_IT_STANDS,
    find: FindSpec = find_spec,
) -> Model:
    """Expand a spec; problems are placed in the files that it was read from."""
    configuration = override(configuration, spec, reading.overrides)
    try:
        expansion = expand(spec, configuration, find, symbolic=reading.symbolic)
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
        embeddings=expansion.embeddings,
        names=expansion.names,
        mix=spec.mix,
        ends=expansion.ends,
        placed_caches=expansion.placed_caches,
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
    for field in spec.fields.values():
        part = find_spec(field.nested) if field.flat and field.nested else None
        if part and any(key in (inner.name, *inner.aliases) for inner in part.fields.values()):
            # The key of a part, which stands among those of the whole unless the part is there.
            given = changed.get(field.name)
            own = dict(given) if isinstance(given, Mapping) else changed
            _set(own, part, key, value)
            changed.update({field.name: own} if own is not changed else {})
            return
    if key in COMMON_KEYS:
        changed[key] = value
        return
    raise ParamcalcError(
        f"`{spec.name}` has no configuration key `{shorten(key)}`",
        did_you_mean(key, spec.fields, 3) or f"its keys: {', '.join(spec.fields)}",
    )
