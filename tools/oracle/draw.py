"""Random valid configurations of a transformers model type: several keys changed at once.

A draw is a row of moves, each taken back if the configuration class refuses what it leads to:

* a key gets another value: whole numbers are doubled, halved, tripled, one more, zero or one where
  the name allows it; truths are turned, nulls get a size and sizes become null where the class
  takes null, texts become another word that the network asks for;
* a list of a value for each layer gets another pattern, in old words for kinds of layers too, and
  a list of layers other members;
* a key is forgotten, so that it is as the class has it, or is written in its old spelling;
* a nested configuration is left out, is empty, or is that of another network.

All of it happens in nested configurations as well.
"""

from __future__ import annotations

import inspect
import json
import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

Tree = dict[str, Any]

LAYERS = re.compile(r"(^|_)(n_?layers?|num_(\w+_)?(layers|blocks|groups)|\w*_layers|depth)$")
FEW_LAYERS = 4
SKIPPED = re.compile(
    r"^_|token|drop|eps$|coef|_std$|range$|theta|rope|^(transformers_version|model_type|dtype|"
    r"architectures|id2label|label2id|problem_type|return_dict|use_cache|output_\w+|prefix|"
    r"chunk_size_feed_forward|is_encoder_decoder|attn_implementation|experts_implementation|"
    r"quantization_config|initializer_\w+|torchscript|use_timm_backbone|backbone|image_processor)$"
)
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
MOVES_AT_ONCE = (1, 1, 2, 2, 3, 4, 6, 8)
# Networks that stand inside of others: some that language models and towers of images are made of.
INSIDE = {
    "text": ("llama", "mistral", "qwen2", "qwen3", "gemma2", "phi3", "qwen3_moe", "mixtral"),
    "vision": ("clip_vision_model", "siglip_vision_model", "pixtral", "siglip2_vision_model"),
}


def plain(config: Any) -> Tree:
    """A configuration as JSON holds it."""
    tree: Tree = json.loads(json.dumps(config.to_dict(), default=str))
    return tree


def few_layers(tree: Tree, rng: random.Random) -> Tree:
    """The keys that make a network shallow, in nested configurations too."""
    found: Tree = {}
    for key, value in tree.items():
        if isinstance(value, dict) and "model_type" in value:
            inner = few_layers(value, rng)
            if inner:
                found[key] = inner
        elif LAYERS.search(key) and type(value) is int and value > FEW_LAYERS:
            found[key] = rng.choice((2, 3, FEW_LAYERS))
    return found


def shallow(tree: Tree, rng: random.Random) -> Tree:
    """A whole configuration with few layers; lists of a value for each layer are cut."""
    short = few_layers({"model_type": "", **tree}, rng)
    lengths = {tree[key]: number for key, number in short.items() if type(number) is int}
    found: Tree = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            found[key] = shallow(value, rng) if any(map(LAYERS.search, value)) else value
        elif isinstance(value, list) and len(value) in lengths:
            found[key] = value[: lengths[len(value)]]
        else:
            found[key] = short.get(key, value)
    return found


def draw(rng: random.Random, config_class: Any, start: Tree) -> Tree:
    """Keys for `config_class`: those of a start, and some changed. May raise what it raises."""
    keys = copied(start)
    for _ in range(rng.choice(MOVES_AT_ONCE)):
        move = rng.choice(MOVES)
        tried = copied(keys)
        move(rng, config_class, tried)
        if accepted(config_class, tried):
            keys = tried
    if rng.random() < 0.3:
        keys["num_labels"] = rng.choice((1, 3, 5))
    return keys


def copied(tree: Tree) -> Tree:
    """A tree of one's own: some classes write into what they are given."""
    found: Tree = json.loads(json.dumps(tree))
    return found


def accepted(config_class: Any, keys: Tree) -> bool:
    """Whether the configuration class takes these keys."""
    try:
        config_class(**copied(keys))
    except Exception:  # noqa: BLE001 - whatever a class raises
        return False
    return True


class Level(NamedTuple):
    """A configuration, or one nested in it: its class, its values, and where to write to."""

    config_class: Any
    values: Tree
    keys: Callable[[], Tree]


def levels(config_class: Any, keys: Tree) -> list[Level]:
    """The configuration and those nested in it."""
    return list(nested(config_class, plain(config_class(**copied(keys))), lambda: keys))


def nested(config_class: Any, tree: Tree, target: Callable[[], Tree]) -> Iterator[Level]:
    """A level and all below it."""
    yield Level(config_class, tree, target)
    subs = getattr(config_class, "sub_configs", {}) or {}
    for name, value in tree.items():
        if not isinstance(value, dict) or not (name in subs or "model_type" in value):
            continue

        def inside(name: str = name, value: Tree = value) -> Tree:
            outer = target()
            inner = outer.get(name)
            if not isinstance(inner, dict):
                inner = outer[name] = {}
            if "model_type" in value and not hasattr(subs.get(name), "model_type"):
                inner.setdefault("model_type", value["model_type"])
            return inner

        yield from nested(subs.get(name), value, inside)


class Place(NamedTuple):
    """A key to change: of which class, the mapping to write to, its name, value and type."""

    config_class: Any
    keys: Tree
    name: str
    value: Any
    declared: str
    values: Tree


def somewhere(rng: random.Random, config_class: Any, keys: Tree) -> Place | None:
    """A key to change, of the configuration or of one nested in it."""
    level = rng.choice(levels(config_class, keys))
    types = {name: str(field.type) for name, field in fields_of(level.config_class).items()}
    names = [name for name, value in level.values.items() if is_open(name, value)]
    if not names:
        return None
    name = rng.choice(names)
    return Place(
        level.config_class,
        level.keys(),
        name,
        level.values[name],
        types.get(name, ""),
        level.values,
    )


def fields_of(cls: Any) -> Tree:
    """The declared fields of a configuration class."""
    found: Tree = getattr(cls, "__dataclass_fields__", {})
    return found


def is_open(name: str, value: Any) -> bool:
    """Whether a key is one to change; lists have their own turn."""
    return not SKIPPED.search(name) and not isinstance(value, (dict, list))


def change(rng: random.Random, config_class: Any, keys: Tree) -> None:
    """Give a key another value, if there is one to give; now and then in its old spelling."""
    place = somewhere(rng, config_class, keys)
    options = others(rng, place) if place else []
    if place is None or not options:
        return
    spellings = getattr(place.config_class, "attribute_map", {}) or {}
    old = [alias for alias, name in spellings.items() if name == place.name]
    written = rng.choice(old) if old and rng.random() < 0.3 else place.name
    for other in {*old, place.name} & place.keys.keys():
        del place.keys[other]
    place.keys[written] = rng.choice(options)


def forget(rng: random.Random, config_class: Any, keys: Tree) -> None:
    """Leave a key out, or a nested configuration, or all but the name of one."""
    level = rng.choice(levels(config_class, keys)).keys()
    names = [name for name in level if name != "model_type" and not LAYERS.search(name)]
    if not names:
        return
    name = rng.choice(names)
    value = level.pop(name)
    if isinstance(value, dict) and rng.random() < 0.5:
        few = few_layers({"model_type": "", **value}, rng)
        level[name] = few | {key: value[key] for key in ("model_type",) if key in value}


def another_network(rng: random.Random, config_class: Any, keys: Tree) -> None:
    """Put another network inside, where any may stand."""
    for level in levels(config_class, keys):
        subs = getattr(level.config_class, "sub_configs", {}) or {}
        for name, cls in subs.items():
            kinds = next((INSIDE[word] for word in INSIDE if word in name), ())
            if kinds and not hasattr(cls, "model_type") and rng.random() < 0.5:
                few = {"num_hidden_layers": 2}
                level.keys()[name] = {"model_type": rng.choice(kinds), **few}


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
    for name, word in re.findall(r"(\w+)\s*(?:==|!=)\s*['\"]([\w-]+)['\"]", source(config_class)):
        found.setdefault(name, set()).add(word)
    return found


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


def change_list(rng: random.Random, config_class: Any, keys: Tree) -> None:
    """Change one list of the resolved configuration, at the length that it has there."""
    places = [
        (level, name, value)
        for level in levels(config_class, keys)
        for name, value in level.values.items()
        if isinstance(value, list) and not SKIPPED.search(name)
    ]
    if places:
        level, name, value = rng.choice(places)
        level.keys()[name] = other_list(rng, level, name, value)


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


MOVES = (*[change] * 8, *[change_list] * 3, forget, forget, another_network)
