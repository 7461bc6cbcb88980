"""Random valid configurations of a transformers model type: several keys changed at once.

Changed are whole numbers (doubled, halved, tripled, one more), truths (turned), nulls (given a
size, and sizes made null where the class allows it), choices (another one), factors, lists of a
value for each layer (at their right length), and the same in nested configurations.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
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
LAYER_TYPES = ("full_attention", "sliding_attention")
KEYS_AT_ONCE = (1, 1, 2, 2, 3, 4, 6)


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


def draw(rng: random.Random, config_class: Any, start: Tree) -> Tree:
    """Keys for `config_class`: those of a start, and some changed. May raise what it raises."""
    keys: Tree = json.loads(json.dumps(start))
    for _ in range(rng.choice(KEYS_AT_ONCE)):
        place = somewhere(rng, config_class, keys)
        if place:
            change(rng, place)
    if rng.random() < 0.5:
        # The lengths of lists follow from what was changed before.
        change_list(rng, config_class, keys)
    if rng.random() < 0.3:
        keys["num_labels"] = rng.choice((1, 3, 5))
    return keys


class Place(NamedTuple):
    """A key to change: of which class, the mapping to write to, its name, value and type."""

    config_class: Any
    keys: Tree
    name: str
    value: Any
    declared: str


def somewhere(rng: random.Random, config_class: Any, keys: Tree) -> Place | None:
    """A key to change, of the configuration or of one nested in it."""
    tree = plain(config_class(**json.loads(json.dumps(keys))))
    levels = list(nested(config_class, tree, keys))
    cls, values, target = rng.choice(levels)
    types = {name: str(field.type) for name, field in fields_of(cls).items()}
    names = [name for name, value in values.items() if is_open(name, value)]
    if not names:
        return None
    name = rng.choice(names)
    return Place(cls, target(), name, values[name], types.get(name, ""))


def fields_of(cls: Any) -> Tree:
    """The declared fields of a configuration class."""
    found: Tree = getattr(cls, "__dataclass_fields__", {})
    return found


def is_open(name: str, value: Any) -> bool:
    """Whether a key is one to change; lists have their own turn."""
    return not SKIPPED.search(name) and not isinstance(value, (dict, list))


def nested(config_class: Any, tree: Tree, keys: Tree) -> Iterator[tuple[Any, Tree, Any]]:
    """Each configuration: its class, its values, and a function that gives where to write."""
    yield config_class, tree, lambda: keys
    subs = getattr(config_class, "sub_configs", {}) or {}
    for name, value in tree.items():
        if not isinstance(value, dict) or not (name in subs or "model_type" in value):
            continue

        def inside(name: str = name, value: Tree = value) -> Tree:
            inner = keys.setdefault(name, {})
            if "model_type" in value and name not in subs:
                inner.setdefault("model_type", value["model_type"])
            return inner if isinstance(inner, dict) else {}

        yield subs.get(name), value, inside


def change(rng: random.Random, place: Place) -> None:
    """Give a key another value, if there is one to give."""
    options = others(rng, place.name, place.value, place.declared)
    if options:
        place.keys[place.name] = rng.choice(options)
        keep_one_spelling(place.config_class, place.keys)


def keep_one_spelling(config_class: Any, keys: Tree) -> None:
    """A start may use another name for a key that was changed since."""
    for alias, name in (getattr(config_class, "attribute_map", {}) or {}).items():
        if alias in keys and name in keys:
            del keys[alias]


def others(rng: random.Random, name: str, value: Any, declared: str) -> list[Any]:
    """Other values that a key may have."""
    if value is not None and "None" in declared and rng.random() < 0.15:
        return [None]
    if isinstance(value, bool):
        return [not value]
    if value is None:
        if "bool" in declared:
            return [True, False]
        return [8, 16, 64] if "int" in declared or not declared else []
    if isinstance(value, int):
        return whole(name, value)
    if isinstance(value, float):
        return [value / 2, value * 2] if 0 < value <= 8 else []
    choices = re.search(r"Literal\[(.*?)\]", declared)
    found = re.findall(r"['\"](.*?)['\"]", choices[1]) if choices else []
    return [choice for choice in found if choice != value]


def whole(name: str, value: int) -> list[Any]:
    """Other whole numbers; a network with few layers is built in less time."""
    if LAYERS.search(name):
        return [number for number in (1, 2, 3, 4, 5) if number != value]
    if value <= 0:
        return [1, 2]
    return [value * 2, value * 2, max(1, value // 2), max(1, value // 2), value * 3, value + 1]


def change_list(rng: random.Random, config_class: Any, keys: Tree) -> None:
    """Change one list of the resolved configuration, at the length that it has there."""
    tree = plain(config_class(**json.loads(json.dumps(keys))))
    places = [
        (target, name, value, values)
        for _, values, target in nested(config_class, tree, keys)
        for name, value in values.items()
        if isinstance(value, list) and value and not SKIPPED.search(name)
    ]
    if places:
        target, name, value, values = rng.choice(places)
        has_window = name == "layer_types" and "sliding_window" in values
        target()[name] = other_list(rng, name, value, LAYER_TYPES if has_window else ())


def other_list(
    rng: random.Random, name: str, value: list[Any], words: tuple[str, ...]
) -> list[Any]:
    """Another list of the same length; ``words`` are some that it may hold."""
    if all(isinstance(entry, str) for entry in value):
        known = sorted({*value, *words})
        return [rng.choice(known) for _ in value]
    if all(isinstance(entry, bool) for entry in value):
        return [rng.random() < 0.5 for _ in value]
    if all(isinstance(entry, int) for entry in value):
        if rng.random() < 0.5:
            factor = rng.choice((2, 3))
            return [entry * factor for entry in value]
        changed = list(value)
        place = rng.randrange(len(value))
        changed[place] = rng.choice(whole(name, changed[place]))
        return changed
    return value
