"""The differential tool, as far as it can be tested without the frameworks that it asks."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

import pytest

from tools.oracle.comparison import differences, expanded
from tools.oracle.draw import draw, few_layers, shallow
from tools.oracle.values import Level, Place, other_list, others

SEEDS = range(40)


@dataclass
class Towers:
    """A nested configuration, as transformers declares them."""

    model_type: str = "towers"
    depth: int = 12
    width: int | None = 64

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Config:
    """A configuration class with one of everything."""

    sub_configs: ClassVar[dict[str, Any]] = {"vision_config": Towers}
    attribute_map: ClassVar[dict[str, str]] = {"n_embd": "hidden_size"}

    model_type: str = "all"
    hidden_size: int = 64
    num_hidden_layers: int = 24
    head_dim: int | None = None
    attention_bias: bool = False
    mlp_ratio: float = 4.0
    hidden_dropout: float = 0.1
    kind: Literal["full", "part"] = "full"
    layer_types: list[str] = field(default_factory=lambda: ["full_attention"] * 3)
    depths: list[int] = field(default_factory=lambda: [2, 2, 6])
    sliding_window: int | None = 16
    vision_config: dict[str, Any] = field(default_factory=lambda: Towers().to_dict())
    num_labels: int = 2
    n_embd: int = 64

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_draws_the_same(seed: int) -> None:
    assert draw(random.Random(seed), Config, {}) == draw(random.Random(seed), Config, {})


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_drawn_differs_from_the_default_and_keeps_its_kind(seed: int) -> None:
    for name, value in draw(random.Random(seed), Config, {}).items():
        default = getattr(Config(), name)
        assert name not in {"model_type", "hidden_dropout"}
        if isinstance(default, list):
            assert {type(entry) for entry in value} == {type(entry) for entry in default}
        elif default is not None and value is not None:
            assert type(value) is type(default)


def test_seeds_reach_nested_configurations_and_several_keys() -> None:
    drawn = [draw(random.Random(seed), Config, {}) for seed in SEEDS]

    assert any("vision_config" in keys for keys in drawn)
    assert max(map(len, drawn)) >= 4


def test_an_alias_gives_way_to_the_key_that_was_changed() -> None:
    for seed in SEEDS:
        assert {"n_embd", "hidden_size"} - set(draw(random.Random(seed), Config, {"n_embd": 32}))


def test_few_layers() -> None:
    keys = few_layers(Config().to_dict(), random.Random(0))

    assert set(keys) == {"num_hidden_layers", "vision_config"}
    assert keys["num_hidden_layers"] <= 4
    assert set(keys["vision_config"]) == {"depth"}


def place(name: str, value: Any, declared: str) -> Place:
    return Place(Config, {}, name, value, declared, {"num_attention_heads": 8})


def test_other_values() -> None:
    rng = random.Random(1)
    assert others(rng, place("attention_bias", True, "bool")) == [False]
    assert others(rng, place("kind", "full", "Literal['full', 'part']")) == ["part"]
    assert set(others(rng, place("num_hidden_layers", 3, "int"))) == {0, 1, 2, 4, 5, 7}
    assert min(others(rng, place("groups", 1, "int"))) == 1
    assert others(rng, place("mlp_only_layers", None, "list[int] | None"))[0] == [0]
    assert [1, 8] in [others(rng, place("num_key_value_heads", 4, "int")) for _ in range(9)]


def test_other_lists() -> None:
    rng = random.Random(1)
    level = Level(Config, {"num_hidden_layers": 5}, dict)
    assert len(other_list(rng, level, "depths", [2, 2, 6])) == 3
    assert set(other_list(rng, level, "mlp_only_layers", [0, 1])) <= set(range(5))
    assert set(other_list(rng, level, "mlp_layer_types", ["dense"] * 20)) == {"dense", "sparse"}


def test_a_shallow_configuration_has_short_lists() -> None:
    long = {"num_hidden_layers": 24, "layer_types": ["full_attention"] * 24, "ids": [1, 2]}

    tree = shallow({**long, "text_config": long, "rope": {"type": "none"}}, random.Random(0))

    for part in (tree, tree["text_config"]):
        assert len(part["layer_types"]) == part["num_hidden_layers"] <= 4
        assert part["ids"] == [1, 2]


def test_a_manifest_expands_to_names() -> None:
    assert expanded([["a.{}.b.{}", [2], [["0-1", "5,10-20/5"]]], ["c", [], [[]]]]) == {
        **{f"a.{i}.b.{j}": (2,) for i in (0, 1) for j in (5, 10, 15, 20)},
        "c": (),
    }


def test_differences_name_what_differs() -> None:
    example = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4}
    tensors = {"lm_head.weight": (32000, 32)}

    assert set(differences(example, {"total": 1, "active": None, "tensors": tensors})) == {
        "total",
        "tensors",
    }
    assert "lm_head.weight [32000, 64], not [32000, 32]" in str(
        differences(example, {"tensors": tensors})
    )
    assert set(differences({"model_type": "llama", "hidden_size": 0}, {})) == {"refused"}
