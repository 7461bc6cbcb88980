"""Quantized models as they are published: sizes from their indexes, tensors from their files."""

from __future__ import annotations

from typing import Any

import pytest

import paramcalc
from paramcalc import api
from paramcalc.catalogue import recipes, tables
from paramcalc.core.recipe import Recipe
from paramcalc.core.weights import stored, weights_bytes

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 2,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "vocab_size": 1000,
    "torch_dtype": "bfloat16",
}
MOE: dict[str, Any] = {
    "model_type": "qwen3_moe",
    "hidden_size": 256,
    "intermediate_size": 512,
    "moe_intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "vocab_size": 512,
    "tie_word_embeddings": False,
}


def quantized(config: dict[str, Any], section: dict[str, Any]) -> tuple[paramcalc.Model, Recipe]:
    """A model, and the recipe of its `quantization_config`."""
    config = config | {"quantization_config": section}
    found = recipes.published(config, tables.number_format)
    assert found is not None
    return paramcalc.load(config), found


def tensors(model: paramcalc.Model, recipe: Recipe) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {
        tensor.name: (form.name, tensor.shape)
        for group, form in recipe.assign(model)
        for tensor in group.tensors()
    }


# openai/gpt-oss-20b and -120b, model.safetensors.index.json, total_size.
@pytest.mark.parametrize(
    ("name", "size"), [("gpt-oss-20b", 13_761_264_768), ("gpt-oss-120b", 65_248_815_744)]
)
def test_gpt_oss(name: str, size: int) -> None:
    model = paramcalc.load(name)
    own = api.published(model)

    assert own is not None
    assert weights_bytes(model, own) == size


def test_deepseek_v3() -> None:
    """deepseek-ai/DeepSeek-V3: elements by type as the hub counts them in its files."""
    model = paramcalc.load("deepseek-v3", mtp=True)
    own = api.published(model)
    assert own is not None

    found = stored(model, own)

    assert {share.format: share.numel for share in found.shares} == {
        "fp8_e4m3": 680_571_043_840,
        "bf16": 3_918_786_560,
        "fp32": 41_555_600,
    }
    assert found.bytes == 688_574_839_360


def test_double_quantization_takes_4127_bits() -> None:
    """QLoRA, arXiv:2305.14314, section 3: 0.127 bits a parameter in place of 0.5."""
    model = paramcalc.load("llama-3.1-8b")
    for name, bits in (("nf4-dq", 4.127), ("nf4", 4.5)):
        pieces = [
            (group, form)
            for group, form in tables.precision(name).assign(model)
            if ".weight" in group.template and group.kind == "Parameter"
        ]
        size = sum(
            group.count * form.tensor_bytes(group.shape)
            for group, form in pieces
            if "quant_map" not in group.template and "quant_state" not in group.template
        )
        packed = sum(g.numel * 2 for g, _ in pieces if g.template.endswith(".weight"))
        assert round(8 * size / packed, 3) == bits


def test_exl3() -> None:
    """UnstableLlama/Qwen3.6-35B-A3B-DFlash-exl3-3.50bpw, quantization_config.json."""
    section = {"quant_method": "exl3", "bits": 4, "head_bits": 6, "codebook": "mcg"}

    found = tensors(*quantized(LLAMA, section))

    attention = "model.layers.0.self_attn"
    assert found[f"{attention}.q_proj.trellis"] == ("int16", (128, 256, 64))
    assert found[f"{attention}.k_proj.trellis"] == ("int16", (128, 32, 64))
    assert found[f"{attention}.q_proj.suh"] == ("fp16", (2048,))
    assert found[f"{attention}.q_proj.svh"] == ("fp16", (4096,))
    assert found[f"{attention}.q_proj.mcg"] == ("int32", ())
    assert found["model.layers.0.input_layernorm.weight"] == ("bf16", (2048,))


def test_exl3_with_bits_between() -> None:
    """exllamav3, doc/convert.md: such bits are an average over layers."""
    model = paramcalc.load(LLAMA)
    low, mid, high = (
        weights_bytes(model, tables.precision(f"exl3-{bits}bpw")) for bits in ("4.0", "4.25", "5.0")
    )
    assert 4 * (mid - low) == high - low


def test_modelopt() -> None:
    """NVIDIA ModelOpt 0.47, export_hf_checkpoint: FP8 with a cache in FP8."""
    section = {
        "quant_method": "modelopt",
        "quant_algo": "FP8",
        "ignore": ["lm_head"],
        "kv_cache_scheme": {"num_bits": 8, "type": "float", "dynamic": False},
    }
    found = tensors(*quantized(LLAMA, section))
    value = "model.layers.1.self_attn.v_proj"
    assert {name for name in found if name.startswith(value)} == {
        f"{value}.{part}" for part in ("weight", "weight_scale", "input_scale", "v_scale")
    }
    assert found[f"{value}.v_scale"] == found[f"{value}.input_scale"] == ("fp32", ())
    assert found[f"{value}.weight"] == ("fp8_e4m3", (512, 2048))


PACKED: dict[str, Any] = {
    "quant_method": "compressed-tensors",
    "format": "pack-quantized",
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 4, "strategy": "group", "group_size": 32, "type": "int"},
        }
    },
}


def test_what_kimi_k2_thinking_leaves() -> None:
    """moonshotai/Kimi-K2-Thinking, config.json: only routed experts are packed."""
    ignored = [
        "lm_head",
        "re:.*self_attn.*",
        "re:.*shared_experts.*",
        r"re:.*mlp\.(gate|up|gate_up|down)_proj.*",
    ]
    found = tensors(*quantized(MOE, PACKED | {"ignore": [*ignored, "re:.*mlp.gate$"]}))

    packed = {name.rpartition(".")[0] for name in found if name.endswith("_packed")}
    assert packed == {
        f"model.layers.{layer}.mlp.experts.{expert}.{side}_proj"
        for layer in range(2)
        for expert in range(4)
        for side in ("gate", "up", "down")
    }
    # An expression that ends is for whole names only: `gate`, not `gate_proj`.
    assert found["model.layers.0.mlp.gate.weight"][0] == "bf16"


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("re:.*gate_proj", {"gate_proj"}),
        ("re:.*(gate|up)_proj$", {"gate_proj", "up_proj"}),
        ("re:.*(?:gate|down)_proj", {"gate_proj", "down_proj"}),
        (r"re:model\.layers\.\d+\.mlp.*", {"gate_proj", "up_proj", "down_proj"}),
        (r"re:layers\.0\.mlp", set()),
        ("re:.*(a+)+$", set()),
        ("re:" + "(a|b)" * 40, set()),
        ("re:" + "*." * 200, set()),
        ("re:(((", set()),
        ("up_proj", {"up_proj"}),
        ("mlp", {"gate_proj", "up_proj", "down_proj"}),
    ],
)
def test_what_is_left_is_told_by_names_and_expressions(written: str, left: set[str]) -> None:
    found = tensors(*quantized(LLAMA, PACKED | {"ignore": ["lm_head", written]}))
    names = {name.split(".")[-2] for name in found if ".mlp." in name and name.endswith(".weight")}
    assert names == left


def test_modules_with_parameters_of_their_own() -> None:
    """GPTQModel, README, Dynamic quantization: `-:` skips, `+:` sets; mlx-lm: false skips."""
    dynamic = {"-:.*down_proj": {}, r"+:.*layers\.1\..*gate_proj": {"bits": 8, "group_size": 64}}
    section = {"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": dynamic}
    found = tensors(*quantized(LLAMA, section))
    assert found["model.layers.0.mlp.down_proj.weight"] == ("bf16", (2048, 6144))
    assert found["model.layers.0.mlp.gate_proj.qweight"] == ("int32", (256, 6144))
    assert found["model.layers.1.mlp.gate_proj.qweight"] == ("int32", (512, 6144))
    assert found["model.layers.1.mlp.gate_proj.scales"] == ("fp16", (32, 6144))

    own = {"group_size": 64, "bits": 4, "lm_head": False, "model.layers.1.mlp": {"bits": 8}}
    recipe = recipes.published(LLAMA | {"quantization": own}, tables.number_format)
    assert recipe is not None
    found = tensors(paramcalc.load(LLAMA), recipe)
    assert found["lm_head.weight"] == ("bf16", (1000, 2048))
    assert found["model.layers.0.mlp.up_proj.weight"] == ("uint32", (6144, 256))
    assert found["model.layers.1.mlp.up_proj.weight"] == ("uint32", (6144, 512))


def test_groups_of_modules_in_formats_of_their_own() -> None:
    """LLM Compressor, examples/quantization_non_uniform: two formats in one model."""
    weights = {"num_bits": 8, "type": "float", "strategy": "channel"}
    groups = {
        "group_0": {"targets": ["re:.*down_proj"], "weights": weights, "format": "float-quantized"},
        "group_1": PACKED["config_groups"]["group_0"] | {"format": "pack-quantized"},
    }
    section = {"quant_method": "compressed-tensors", "format": "mixed-precision", "ignore": []}
    found = tensors(*quantized(LLAMA, section | {"config_groups": groups}))
    assert found["model.layers.0.mlp.down_proj.weight"] == ("fp8_e4m3", (2048, 6144))
    assert found["model.layers.0.mlp.down_proj.weight_scale"] == ("bf16", (2048, 1))
    assert found["model.layers.0.mlp.up_proj.weight_packed"] == ("int32", (6144, 256))


@pytest.mark.parametrize(
    ("key", "dtype", "form"),
    [
        ("dtype", "float16", "fp16"),
        ("torch_dtype", "float32", "fp32"),
        ("torch_dtype", "torch.bfloat16", "bf16"),
        # What is no wide format says nothing: as the tool usually has it.
        ("dtype", "auto", "fp16"),
        ("dtype", "int4", "fp16"),
        ("dtype", 7, "fp16"),
    ],
)
def test_the_rest_is_in_the_format_of_the_model(key: str, dtype: Any, form: str) -> None:
    plain = {name: value for name, value in LLAMA.items() if name != "torch_dtype"}
    section = {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}
    found = tensors(*quantized(plain | {key: dtype}, section))
    assert found["model.norm.weight"][0] == form
    assert found["model.layers.0.mlp.up_proj.scales"][0] == form


@pytest.mark.parametrize("name", tables.recipe_names())
def test_a_named_recipe_makes_a_model_smaller(name: str) -> None:
    model = paramcalc.load(LLAMA)
    if name not in ("F32", "F16", "BF16"):
        assert weights_bytes(model, tables.precision(name)) < weights_bytes(
            model, tables.precision("bf16")
        )
