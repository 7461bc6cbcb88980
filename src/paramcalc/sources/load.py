"""From what a user names to a model. Nothing is guessed silently."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paramcalc.catalogue.architectures import find_spec, placed
from paramcalc.catalogue.files import is_file, is_folder, read_standard_input, read_text
from paramcalc.catalogue.models import MODELS, nearest_dense
from paramcalc.catalogue.table import Entry, normal
from paramcalc.core.model import REPORTED, Model
from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources.configuration import AS_IT_STANDS, Reading, build
from paramcalc.sources.layer_spec import model_from_text, model_from_tree
from paramcalc.sources.size import model_of_size, unknown_tensors, with_cache_of
from paramcalc.units import parse_count

CHECKPOINT_ENDINGS = (
    *(".safetensors", ".safetensors.index.json", ".gguf"),
    *(".bin", ".pt", ".pth", ".ckpt", ".bin.index.json"),
)
_FILE_ENDINGS = (".yaml", ".yml", ".json", *CHECKPOINT_ENDINGS)
CONFIGURATION_FILE = "config.json"
MOST_PARAMETERS = 10**18


def load(
    target: object,
    *,
    overrides: Mapping[str, Any] | None = None,
    like: str | None = None,
    symbolic: bool = False,
    mtp: bool = False,
    assume: str | None = None,
    tied: bool | None = None,
    ignore: Sequence[str] = (),
) -> Model:
    """The model for a catalogue name, a bare size, a path, ``-``, a hub id, a dictionary, or a
    live module.

    A hub id that the catalogue does not have (``org/name``, ``org/name@revision:file``) is the only
    one that needs a network, and the extra ``paramcalc[hub]``.

    ``overrides`` set single keys of the configuration. ``like`` names the model whose cache a
    bare size takes (without it, that of the nearest catalogued dense model). ``symbolic`` keeps
    the formulas for an explanation. ``mtp`` counts the layers for multi-token prediction that
    published files hold. ``assume`` names the architecture for a ``model_type`` that is not
    known; the answer is then an estimate. ``tied`` and ``ignore`` tell what a print-out does not
    show: heads that share a table's weights, modules that hold nothing but what is printed.
    Raises `ParamcalcError`.
    """
    if isinstance(target, Model):
        return target
    try:
        reading = Reading(overrides or {}, symbolic, mtp, assume, tied, tuple(ignore))
        model = _load(target, reading, like)
    except RecursionError:
        raise ParamcalcError("the configuration or spec is nested too deep") from None
    if (tied is not None or ignore) and (model.architecture or model.stored_bytes):
        raise ParamcalcError(
            f"{shorten(model.name)} is no print-out of PyTorch's",
            "`--tied`, `--untied` and `--ignore` tell what such a text does not show",
        )
    return model


def _load(target: object, reading: Reading, like: str | None) -> Model:
    if not isinstance(target, (str, os.PathLike)):
        model = _live(target)
        if model is not None:
            return model
    if isinstance(target, Mapping):
        return model_from_tree(target, reading)
    if isinstance(target, os.PathLike):
        return _from_path(Path(target), reading)
    if not isinstance(target, str):
        raise ParamcalcError(
            f"cannot read a model from {type(target).__name__}",
            "give a name, a size, a path or a dictionary",
        )
    return _from_text(target.strip(), reading, like)


def _live(target: Any) -> Model | None:
    """The model of a live PyTorch module or a tree of JAX arrays."""
    from paramcalc.sources import modules

    if modules.is_module(target):
        return modules.model_from_module(target)
    if isinstance(target, Mapping) and modules.is_tree(target):
        return modules.model_from_arrays(target)
    return None


def _from_text(target: str, reading: Reading, like: str | None = None) -> Model:
    if target == "-":
        return model_from_text(read_standard_input(), "standard input", reading)
    size = parse_count(target)
    if size is not None:
        return _of_size(target, size, reading, like)
    if "/" in target and (model := _from_hub(target, reading, like)):
        return model
    if target.endswith(_FILE_ENDINGS) or target.startswith((".", "/", "~")):
        return _from_path(_at_home(target), reading)
    entry = MODELS.find(target)
    if entry is not None:
        return _with_like(from_entry(entry, reading), like)
    if target and (is_file(Path(target)) or is_folder(Path(target))):
        return _from_path(Path(target), reading)
    raise unknown_name(target)


def _from_hub(target: str, reading: Reading, like: str | None) -> Model | None:
    """The model of a hub id; None if it is none, or a path.

    One that the catalogue has needs no network, unless a revision or a file of it is asked for.
    """
    from paramcalc.sources.hub_id import parse_hub_id

    found = parse_hub_id(target)
    path = Path(target)
    if found is None or is_file(path) or is_folder(path):
        return None
    if not found.is_explicit:
        if target.endswith(_FILE_ENDINGS):
            return None
        entry = MODELS.find(target, prefixes=False)
        if entry is not None and _is_called(entry, target):
            return _with_like(from_entry(entry, reading), like)
    from paramcalc.sources.hub import model_from_hub

    return _with_like(model_from_hub(found, reading), like)


def _is_called(entry: Entry, hub_id: str) -> bool:
    """The entry has this hub id; another organisation's model of the same name is another one."""
    names = [entry.name, entry.card.get("hub"), *(entry.card.get("aliases") or ())]
    return _spelled(hub_id) in [_spelled(str(name)) for name in names]


def _spelled(hub_id: str) -> list[str]:
    return [normal(part) for part in hub_id.split("/")]


def _at_home(target: str) -> Path:
    try:
        return Path(target).expanduser()
    except RuntimeError:  # `~nobody`
        return Path(target)


def unknown_name(name: str) -> ParamcalcError:
    """No such model: the three nearest names."""
    found = [f"`{near}`" for near in MODELS.similar(name)] if name else []
    listed = " or ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)
    return ParamcalcError(
        f"no model named `{shorten(name)}`",
        f"did you mean {listed}?" if found else "`paramcalc list models` names them all",
    )


def _of_size(name: str, size: int, reading: Reading, like: str | None) -> Model:
    if size < 1:
        raise ParamcalcError(f"a model of {shorten(name)} has no parameters")
    if size > MOST_PARAMETERS:
        raise ParamcalcError(
            f"`{shorten(name)}` is larger than any model can be", f"at most {MOST_PARAMETERS:,}"
        )
    if reading.overrides:
        raise ParamcalcError(f"the size `{name}` has no configuration to set")
    return _with_like(model_of_size(name, size), like or nearest_dense(size))


def _with_like(model: Model, like: str | None) -> Model:
    """Only a model without an architecture takes the cache of another one."""
    if like is None:
        return model
    if model.architecture is not None:
        raise ParamcalcError(
            f"{model.name} has an architecture of its own", "`--like` is for bare sizes"
        )
    other = _from_text(like, AS_IT_STANDS)
    if other.architecture is None:
        raise ParamcalcError(f"`{like}` has no architecture to take the KV cache from")
    return with_cache_of(model, other)


def _from_path(path: Path, reading: Reading) -> Model:
    if path.name.endswith(CHECKPOINT_ENDINGS) or is_folder(path):
        from paramcalc.sources.checkpoint import model_from_path  # only where there may be one

        model = model_from_path(path, reading)
        if model is not None:
            return model
    if is_folder(path):
        if not is_file(path / CONFIGURATION_FILE):
            name = shorten(str(path), 200)
            raise ParamcalcError(f"the folder `{name}` has no {CONFIGURATION_FILE}")
        path = path / CONFIGURATION_FILE
    return model_from_text(read_text(path), shorten(str(path), 200), reading)


def from_entry(entry: Entry, reading: Reading = AS_IT_STANDS) -> Model:
    """The model of a catalogue entry."""
    if isinstance(entry.card.get("reported"), Mapping):
        return _reported(entry, reading)
    architecture = entry.card.get("architecture")
    configuration = entry.card.get("config", {})
    if not isinstance(architecture, str) or not isinstance(configuration, Mapping):
        raise ParamcalcError(f"the entry `{entry.name}` needs `architecture` and `config`")
    found = entry.card.get("class")
    class_name = found if isinstance(found, str) else None
    with placed(entry.source):
        try:
            find_spec(architecture, class_name)
        except ParamcalcError as error:
            raise error.at((entry.name, "architecture")) from None
    model = build(architecture, class_name, configuration, entry.name, reading)
    context = entry.card.get("context")
    return model._replace(
        source=str(entry.card.get("source", "")),
        context=context if isinstance(context, int) else model.context,
        card=entry.card,
    )


def _reported(entry: Entry, reading: Reading) -> Model:
    """A model of which only a figure in reports is known, or not even that."""
    if reading.overrides:
        raise ParamcalcError(f"{entry.name} has no published configuration to set")
    reported = entry.card["reported"]
    low, high = reported.get("low"), reported.get("high")
    known = low if low is not None else high
    return Model(
        entry.name,
        () if known is None else (unknown_tensors(known),),
        exactness=REPORTED,
        source=str(entry.card.get("source", "")),
        context=entry.card.get("context"),
        card=entry.card,
        reported_range=(low, high),
    )
