"""Random valid configurations of a transformers model type: several keys changed at once.

A draw is a row of moves, each taken back if the configuration class refuses what it leads to:

* a key gets another value: whole numbers are doubled, halved, tripled, one more, zero or one where
  the name allows it; truths are turned, nulls get a size and sizes become null where the class
  takes null, texts become another word that the network asks for;
* a list of a value for each layer gets another pattern, in old words for kinds of layers too, and
  a list of layers other members;
* all lists of one length, as those of a value for each stage, become longer or shorter by one;
* a key is forgotten, so that it is as the class has it, or is written in its old spelling;
* a nested configuration is left out, is empty, or is that of another network.

All of it happens in nested configurations as well.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

from tools.oracle.values import LAYERS, Level, Place, Tree, other_list, others

FEW_LAYERS = 4
SKIPPED = re.compile(
    r"^_|token|drop|eps$|coef|_std$|range$|theta|rope|^(transformers_version|model_type|dtype|"
    r"architectures|id2label|label2id|problem_type|return_dict|use_cache|output_\w+|prefix|"
    r"chunk_size_feed_forward|is_encoder_decoder|attn_implementation|experts_implementation|"
    r"quantization_config|initializer_\w+|torchscript|use_timm_backbone|backbone|image_processor)$"
)
STAGES = re.compile(r"^stage_names$|^out_|_token|label")  # follow from others
COUNTS_STAGES = re.compile(r"stage|blocks|layers")
MOST_STAGES = 8
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


def change_length(rng: random.Random, config_class: Any, keys: Tree) -> None:
    """Another number of stages: all lists of one length, and a key that counts them."""
    level = rng.choice(levels(config_class, keys))
    named = {
        name: value
        for name, value in level.values.items()
        if isinstance(value, list) and 2 <= len(value) <= MOST_STAGES and not STAGES.search(name)
    }
    if not named:
        return
    old = len(rng.choice(list(named.values())))
    new = old + rng.choice((-1, 1))
    target = level.keys()
    for name, value in named.items():
        if len(value) == old:
            target[name] = [*value, value[-1]][:new]
    for name, value in level.values.items():
        if value == old and type(value) is int and COUNTS_STAGES.search(name):
            target[name] = new


MOVES = (*[change] * 8, *[change_list] * 3, change_length, forget, forget, another_network)
