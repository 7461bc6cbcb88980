"""Laws of recipes, and bytes reckoned by hand from the formats' definitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product
from math import ceil, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paramcalc
from paramcalc import ParamcalcError
from paramcalc.catalogue.architectures import architecture_names, find_spec
from paramcalc.catalogue.mixes import mix
from paramcalc.catalogue.tables import number_format, precision
from paramcalc.core.model import Model, TensorGroup
from paramcalc.core.pattern import part, tidy
from paramcalc.core.recipe import Recipe
from paramcalc.core.weights import Precision, stored

LLAMA = {
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 16,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
}
MODEL = paramcalc.load(LLAMA)
RECIPES = ["Q4_K_M", "Q3_K_L", "IQ2_XS", "gptq-4bit-g128", "awq-4bit-g128", "mlx-4bit-g64", "hqq"]
# ggml-common.h: elements of a block, and the bytes of its struct. Two-byte floats for comparison.
BLOCKS = {"q8_0": (32, 34), "q4_0": (32, 18), "q4_k": (256, 144), "q6_k": (256, 210)}
BLOCKS |= {"bf16": (1, 2), "fp32": (1, 4)}
KEYS = ["*", "*proj.weight", "model.layers.0-7.*", "model.layers.3.*", "*norm*", "lm_head.weight"]
KEYS += ["*.mlp.*", "model.layers.1*.self_attn.*"]


def tensors(model: Model, one: Precision) -> Counter[tuple[str, str, tuple[int, ...]]]:
    """Every single tensor that is stored: name, format, shape."""
    return Counter(
        (group.template.format(*index), form.name, tuple(group.shape))
        for group, form in one.assign(model)
        for index in product(*group.indices)
    )


def halves(group: TensorGroup) -> Iterator[TensorGroup]:
    """The same tensors, every third of them apart."""
    numbers = group.indices[0] if group.indices else ()
    sides = [[n for n in numbers if n % 3 == 0], [n for n in numbers if n % 3]]
    if not all(sides):
        yield group
        return
    for side in sides:
        yield part(group, (tidy(side), *group.indices[1:]))


@pytest.mark.parametrize("name", RECIPES)
def test_bytes_are_those_of_the_tensors(name: str) -> None:
    one = precision(name)
    size = sum(g.count * f.tensor_bytes(g.shape, g.kind) for g, f in one.assign(MODEL))
    found = stored(MODEL, one)

    assert found.bytes == size == sum(share.bytes for share in found.shares)
    assert sum(share.tensors for share in found.shares) == tensors(MODEL, one).total()


@pytest.mark.parametrize("name", RECIPES)
def test_how_tensors_are_grouped_changes_nothing(name: str) -> None:
    apart = MODEL._replace(groups=tuple(one for group in MODEL.groups for one in halves(group)))
    assert len(apart.groups) > len(MODEL.groups)

    assert tensors(apart, precision(name)) == tensors(MODEL, precision(name))
    assert stored(apart, precision(name)).bytes == stored(MODEL, precision(name)).bytes


def own(rules: dict[str, str]) -> Recipe:
    return mix(rules, "own", number_format, "a test")


@settings(max_examples=60)
@given(st.lists(st.sampled_from(KEYS), unique=True), st.data())
def test_a_mix_by_hand(keys: list[str], data: st.DataObject) -> None:
    """The first pattern that fits is taken; rows are whole blocks."""
    rules = {key: data.draw(st.sampled_from(sorted(BLOCKS))) for key in keys}
    expected = 0
    for group in MODEL.groups:
        for index in product(*group.indices):
            name = group.template.format(*index)
            form = next((rules[key] for key in keys if fits(name, key)), rules.get("*", "bf16"))
            numel, size = BLOCKS[form]
            *rows, row = group.shape
            expected += prod(rows) * ceil(row / numel) * size

    assert stored(MODEL, own(rules)).bytes == expected


def fits(name: str, key: str) -> bool:
    """What each of `KEYS` means, in other words."""
    layer = int(name.split(".")[2]) if name.startswith("model.layers.") else -1
    return {
        "*": True,
        "*proj.weight": name.endswith("proj.weight"),
        "model.layers.0-7.*": 0 <= layer <= 7,
        "model.layers.3.*": layer == 3,
        "*norm*": "norm" in name,
        "lm_head.weight": name == "lm_head.weight",
        "*.mlp.*": ".mlp." in name,
        "model.layers.1*.self_attn.*": str(layer)[0] == "1" and ".self_attn." in name,
    }[key]


def test_the_first_rule_wins() -> None:
    norms_first = own({"*norm*": "fp32", "*": "q8_0"})
    all_first = own({"*": "q8_0", "*norm*": "fp32"})

    assert {s.format for s in stored(MODEL, norms_first).shares} == {"fp32", "Q8_0"}
    assert {s.format for s in stored(MODEL, all_first).shares} == {"Q8_0"}


def test_rows_are_filled_up() -> None:
    """33 inputs are two blocks of 32 in 34 bytes each; 5 outputs."""
    group = TensorGroup("proj.weight", (), (5, 33), "Linear", 1, 165)

    assert stored(MODEL._replace(groups=(group,)), own({"*": "q8_0"})).bytes == 5 * 2 * 34


def test_what_is_besides_keeps_its_own_type() -> None:
    """A counter is an int64 whatever the rules say."""
    group = TensorGroup("n.count", (), (), "Buffer", 1, 0, trained=False, dtype="int64")

    assert stored(MODEL._replace(groups=(group,)), own({"*": "q8_0"})).bytes == 8


# F16 and BF16 are file types of ggml, in which vectors stay F32; f16 and bf16 are number formats.
@pytest.mark.parametrize(
    ("name", "found", "is_recipe"),
    [
        ("F16", "F16", True),
        ("BF16", "BF16", True),
        ("f16", "fp16", False),
        ("bf16", "bf16", False),
        ("fp16", "fp16", False),
        ("q4_k", "Q4_K", False),
        ("Q4_K_M", "Q4_K_M", True),
        ("q4_k_m", "Q4_K_M", True),
    ],
)
def test_names_of_file_types_and_of_formats(name: str, found: str, *, is_recipe: bool) -> None:
    one = precision(name)

    assert (one.name, isinstance(one, Recipe)) == (found, is_recipe)


def test_a_file_type_of_16_bits_keeps_its_vectors_in_32() -> None:
    numel = MODEL.parameters.stored
    vectors = (2 * 16 + 1) * 256  # two norms a layer, one at the end

    assert stored(MODEL, precision("f16")).bytes == 2 * numel
    assert stored(MODEL, precision("F16")).bytes == 2 * numel + 2 * vectors


@pytest.mark.parametrize("name", ["Q4_K_M", "q4_k_m", "gptq-4bit-g128", "IQ2_M"])
def test_a_cache_takes_no_recipe(name: str) -> None:
    with pytest.raises(ParamcalcError, match="is a recipe for whole models") as caught:
        paramcalc.memory(LLAMA, "bf16", kv_precision=name)
    assert "`q8_0`" in str(caught.value)


def test_a_cache_in_a_format_that_is_a_file_type_too() -> None:
    """34 bytes for 32 elements, against 64."""
    plain = paramcalc.memory(LLAMA, "bf16", kv_precision="f16").kv_cache_bytes
    found = paramcalc.memory(LLAMA, "bf16", kv_precision="Q8_0").kv_cache_bytes

    assert plain is not None
    assert found is not None
    assert found * 64 == plain * 34
    assert paramcalc.memory(LLAMA, "bf16", kv_precision="F16").kv_cache_bytes == plain


@pytest.mark.parametrize("letter", sorted({name[0] for name in architecture_names()}))
def test_every_architecture_can_be_stored_in_any_recipe(letter: str) -> None:
    # GLM-5.3 has no rules for GGUF, and its sizes are where the general ones do not look.
    for name in architecture_names():
        if name[0] == letter and find_spec(name).example:
            model = paramcalc.load({**find_spec(name).example, "model_type": name})
            for recipe in ("Q4_K_M", "gptq-4bit-g128"):
                memory = paramcalc.memory(model, recipe)
                elsewhere = any("in another file" in remark for remark in memory.remarks)
                assert sum(share.bytes for share in memory.shares) > 0 or elsewhere, name
