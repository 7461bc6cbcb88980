"""Other values that a key of a configuration may have, by its name, its type and its network."""

from __future__ import annotations

import inspect
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

Tree = dict[str, Any]

LAYERS = re.compile(r"(^|_)(n_?layers?|num_(\w+_)?(layers|blocks|groups)|\w*_layers|depth)$")
MAY_BE_ZERO = re.compile(
    r"shared|first_k|dense|sparse|nextn|mtp|register|"
    r"num_(\w+_)?layers$|_layers$|n_layer$|pos_att|conv_pos"
)
STEPS = re.compile(r"step|freq|interval|period|every|pattern|stride")
HEAD = re.compile(r"head_dim|head_size|d_kv|_rank$")
KEY_HEADS = re.compile(r"key_value_heads|kv_heads|kv_n_heads|query_groups")
MEMBERS = re.compile(r"layers|indices|_ids$|_idxs?$|positions")
KIND_OF_LAYER = re.compile(
    r"['\"]((?:full|sliding|chunked|window|indexed|\w+_sparse|heavily_compressed|linear)_attention|"
    r"minimax_m3_sparse|conv|moe|hybrid|hybrid_sliding)['\"]"
)
OLD_WORDS = {
    "linear_attention": "mamba",
    "full_attention": "attention",
    "indexed_attention": "deepseek_sparse_attention",
}


class Level(NamedTuple):
    """A configuration, or one nested in it: its class, its values, and where to write to."""

    config_class: Any
    values: Tree
    keys: Callable[[], Tree]


class Place(NamedTuple):
    """A key to change: of which class, the mapping to write to, its name, value and type."""

    config_class: Any
    keys: Tree
    name: str
    value: Any
    declared: str
    values: Tree


def others(rng: random.Random, place: Place) -> list[Any]:
    """Other values that a key may have."""
    name, value, declared = place.name, place.value, place.declared
    if value is not None and "None" in declared and rng.random() < 0.2:
        return [None]
    if isinstance(value, bool):
        return [not value]
    if value is None:
        return given(name, declared)
    if isinstance(value, int):
        if KEY_HEADS.search(name) and rng.random() < 0.5:
            heads = place.values.get("num_attention_heads")
            return [1, heads] if isinstance(heads, int) else [1]
        return whole(name, value)
    if isinstance(value, float):
        return [value / 2, value * 2] if 0 < value <= 8 else []
    choices = re.search(r"Literal\[(.*?)\]", declared)
    found = set(re.findall(r"['\"](.*?)['\"]", choices[1])) if choices else set()
    found |= set(words(place.config_class).get(name, ()))
    return sorted(choice for choice in found if choice != value)


def given(name: str, declared: str) -> list[Any]:
    """Values for a key that is null."""
    if "bool" in declared:
        return [True, False]
    if "list" in declared and MEMBERS.search(name):
        return [[0], [1], [0, 2], []]
    return [8, 16, 64] if "int" in declared or not declared else []


def whole(name: str, value: int) -> list[Any]:
    """Other whole numbers; a network with few layers is built in less time."""
    zero = [0] if MAY_BE_ZERO.search(name) else []
    if LAYERS.search(name):
        return [number for number in (*zero, 1, 2, 3, 4, 5, 7) if number != value]
    if value <= 0:
        return [1, 2]
    if STEPS.search(name):
        return [number for number in (1, 2, 3, 4, 5) if number != value]
    if HEAD.search(name):
        return [value * 2, max(2, value // 2), 24, 40, 96, *zero]
    return [
        value * 2,
        value * 2,
        max(1, value // 2),
        max(1, value // 2),
        value * 3,
        value + 1,
        *zero,
    ]


@cache
def words(config_class: Any) -> dict[str, set[str]]:
    """The texts that the source of a network compares each key with."""
    found: dict[str, set[str]] = {}
    text = source(config_class)
    for name, word in re.findall(r"(\w+)\s*(?:==|!=)\s*['\"]([\w-]+)['\"]", text):
        found.setdefault(name, set()).add(word)
    for name, several in re.findall(r"(\w+)\s+(?:not )?in [\[({]([^\])}]*)", text):
        found.setdefault(name, set()).update(re.findall(r"['\"]([\w-]+)['\"]", several))
    return found | {"feed_forward_proj": {"relu", "gated-gelu"}}


@cache
def kinds_of_layers(config_class: Any) -> list[str]:
    """The kinds of layers that the source of a network names."""
    return sorted({*KIND_OF_LAYER.findall(source(config_class))})


@cache
def source(config_class: Any) -> str:
    """The text of the module of a configuration class and of its network's."""
    if config_class is None or not inspect.isclass(config_class):
        return ""
    try:
        file = Path(inspect.getfile(config_class))
    except (OSError, TypeError):
        return ""
    network = file.with_name(file.name.replace("configuration_", "modeling_"))
    return "".join(path.read_text() for path in {file, network} if path.exists())


def other_list(rng: random.Random, level: Level, name: str, value: list[Any]) -> list[Any]:
    """Another list of the same length, or a list of layers with other members."""
    if all(type(entry) is int for entry in value) and MEMBERS.search(name):
        depth = next((n for k, n in level.values.items() if LAYERS.search(k) and n), 4)
        size = min(len(value), depth) if name.startswith("out_") else rng.randrange(depth + 1)
        return sorted(rng.sample(range(depth), size))
    if value and all(isinstance(entry, str) for entry in value):
        return other_words(rng, level, name, value)
    if value and all(isinstance(entry, bool) for entry in value):
        return [rng.random() < 0.5 for _ in value]
    if value and all(isinstance(entry, int) for entry in value):
        if rng.random() < 0.5:
            factor = rng.choice((2, 3))
            return [entry * factor for entry in value]
        changed = list(value)
        place = rng.randrange(len(value))
        changed[place] = rng.choice(whole("", changed[place]))
        return changed
    return value


def other_words(rng: random.Random, level: Level, name: str, value: list[Any]) -> list[Any]:
    """Another pattern of kinds of layers, in new words or in old ones."""
    known = {*value}
    if "mlp" in name and name.endswith("layer_types"):
        known |= {"dense", "sparse"}
    elif name.endswith("layer_types"):
        known |= set(kinds_of_layers(level.config_class))
    chosen = [rng.choice(sorted(known)) for _ in value]
    old = rng.random() < 0.2
    return [OLD_WORDS.get(word, word) for word in chosen] if old else chosen
