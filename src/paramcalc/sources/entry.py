"""A model as an entry of the catalogue: the few keys of its configuration that say what it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from paramcalc.catalogue.architectures import find_spec
from paramcalc.core.expand import Expansion, expand
from paramcalc.core.model import Model
from paramcalc.core.spec import Spec
from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources.folder import CONFIGURATION

Tree = dict[str, Any]
KeyPath = tuple[str, ...]
_ORDER = (
    *("architecture", "class", "hub", "aliases", "family", "context", "dtype", "licence"),
    *("released", "reported", "source", "published", "note", "config"),
)
_OF_ITS_FILES = frozenset({"hub", "aliases", "released", "published", "note"})
"""What no longer holds of a model whose configuration was changed."""
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]*\w", re.ASCII)
_SNAPSHOT = re.compile(r"models--([\w.-]+?)--([\w.-]+)", re.ASCII)
_MODEL_TYPE = "model_type"


def entry_of(model: Model) -> tuple[str, Tree]:
    """Name and content of the entry that stands for a model.

    Raises `ParamcalcError` for what has no configuration: a size, a layer spec, a GGUF file.
    """
    card = dict(model.card)
    if "reported" in card:
        return model.name, _ordered(card)
    if "config" in card:
        return _catalogued(model, card)
    if model.architecture is None or not isinstance(model.configuration.get(_MODEL_TYPE), str):
        raise ParamcalcError(
            f"{shorten(model.name)} has no configuration to write an entry from",
            "give a config.json; `paramcalc count MODEL --spec` writes its layers",
        )
    hub = card.get("hub") or _hub(model)
    entry = card | {
        "hub": hub,
        "context": model.context,
        "dtype": _dtype(model.configuration),
        "source": _source(model, hub),
        "note": _note(model),
    }
    entry |= _shortest(model.architecture, _class_name(model), model.configuration)
    return _name(model, hub), _ordered(entry)


def _catalogued(model: Model, card: Tree) -> tuple[str, Tree]:
    """An entry of the catalogue as it is, or without what a changed configuration makes untrue."""
    if model.configuration == card["config"]:
        return model.name, _ordered(card)
    kept = {key: value for key, value in card.items() if key not in _OF_ITS_FILES}
    kept |= {"context": model.context, "source": f"{model.name}, with another configuration"}
    kept |= _shortest(card["architecture"], card.get("class"), model.configuration)
    return f"{model.name}-modified", _ordered(kept)


def _ordered(entry: Mapping[str, Any]) -> Tree:
    return {key: entry[key] for key in _ORDER if entry.get(key) is not None}


# --- what the entry says of the configuration ---------------------------------------------------


def _shortest(architecture: str, class_name: str | None, configuration: Mapping[str, Any]) -> Tree:
    """The keys without which it would be another network, and the class if it matters."""
    spec = find_spec(architecture, class_name)
    fields = [spelling for f in spec.fields.values() for spelling in (f.name, *f.aliases)]
    config = {key: value for key, value in configuration.items() if key in fields}
    whole = _expanded(spec, config)

    def is_enough(less: Tree) -> bool:
        return _expanded_or_none(spec, less) == whole

    # Of two keys that say the same the shorter one stays: no list of the kinds of all layers.
    longest = sorted(config, key=lambda key: -len(repr(config[key])))
    config = _thinned(config, [path for key in longest for path in _paths(config, key)], is_enough)
    usual = class_name is None or _expanded_or_none(find_spec(architecture), config) == whole
    return {"architecture": architecture, "class": None if usual else class_name, "config": config}


def _thinned(tree: Tree, paths: Sequence[KeyPath], is_enough: Callable[[Tree], bool]) -> Tree:
    """The tree without those paths that it can do without: tried together, then by halves."""
    less = tree
    for path in paths:
        less = _without(less, path)
    if not paths or is_enough(less):
        return less
    if len(paths) == 1:
        return tree
    half = len(paths) // 2
    return _thinned(_thinned(tree, paths[:half], is_enough), paths[half:], is_enough)


def _expanded(spec: Spec, configuration: Mapping[str, Any]) -> Expansion:
    return expand(spec, configuration, partial(find_spec, mtp=False))


def _expanded_or_none(spec: Spec, configuration: Mapping[str, Any]) -> Expansion | None:
    try:
        return _expanded(spec, configuration)
    except ParamcalcError:
        return None


def _paths(tree: Mapping[str, Any], key: str) -> Iterator[KeyPath]:
    """A key, and the keys within a nested configuration."""
    yield (key,)
    if isinstance(tree[key], Mapping):
        for inner in tree[key]:
            yield from ((key, *path) for path in _paths(tree[key], inner) if inner != _MODEL_TYPE)


def _without(tree: Mapping[str, Any], path: KeyPath) -> Tree:
    key, *rest = path
    if key not in tree:
        return dict(tree)
    if rest:
        return {**tree, key: _without(tree[key], tuple(rest))}
    return {name: value for name, value in tree.items() if name != key}


# --- what the entry says beside it --------------------------------------------------------------


def _class_name(model: Model) -> str | None:
    classes = model.configuration.get("architectures")
    known = isinstance(classes, list) and classes and model.assumed is None
    return classes[0] if known and isinstance(classes, list) else None


def _hub(model: Model) -> str | None:
    """Organisation and name, where the configuration or the cache of the hub tells."""
    said = model.configuration.get("_name_or_path")
    if isinstance(said, str) and _HUB_ID.fullmatch(said):
        return said
    found = _SNAPSHOT.search(model.name)
    return f"{found[1]}/{found[2]}" if found else None


def _dtype(configuration: Mapping[str, Any]) -> str | None:
    found = configuration.get("dtype", configuration.get("torch_dtype"))
    return found.removeprefix("torch.") if isinstance(found, str) and found else None


def _source(model: Model, hub: str | None) -> str:
    return f"{CONFIGURATION} of {hub}" if hub else shorten(" ".join(model.name.split()), 200)


def _note(model: Model) -> str | None:
    if model.assumed is None:
        return None
    return f"`{shorten(model.assumed)}` is no known architecture: {model.architecture} was assumed"


def _name(model: Model, hub: str | None) -> str:
    """What the files are called, as the catalogue spells names."""
    path = Path(model.name)
    candidates: list[Callable[[], str]] = [
        lambda: (hub or "").rpartition("/")[2],
        lambda: path.resolve().parent.name if path.name == CONFIGURATION else "",
        lambda: path.stem if path.suffix else "",
        lambda: path.name if path.is_absolute() else "",
        lambda: str(model.configuration[_MODEL_TYPE]),
    ]
    names = (re.sub(r"[^a-z0-9.]+", "-", name().lower()).strip("-.") for name in candidates)
    return next((name for name in names if name), "model")
