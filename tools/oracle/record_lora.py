"""Record the adapters that peft makes and saves, as the oracle of ``core/lora.py``.

Each row is a tiny configuration and the options of a ``LoraConfig``. Recorded are the tensors of
the saved ``adapter_model.safetensors``, the bytes of the whole file in fp32 and in bf16, what peft
counts as trainable, or why it refuses.

    python -m tools.oracle.record_lora tests/data/lora.jsonl.gz
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors import safe_open

Row = dict[str, Any]

_TEXT = {
    "vocab_size": 320, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": False,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 48}
_VISION = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip
_NO_KV = {key: value for key, value in _TEXT.items() if key != "num_key_value_heads"}
_LATENT = {
    "q_lora_rank": 24, "kv_lora_rank": 16, "qk_nope_head_dim": 12, "qk_rope_head_dim": 8,
    "v_head_dim": 12, "n_routed_experts": 4, "n_shared_experts": 1, "moe_intermediate_size": 48,
    "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1,
    "num_key_value_heads": 4,
}  # fmt: skip

CONFIGURATIONS: dict[str, Row] = {
    "llama": {"model_type": "llama", **_TEXT},
    "llama-12": {"model_type": "llama", **_TEXT, "num_hidden_layers": 12},
    "llama-tied": {"model_type": "llama", **_TEXT, "tie_word_embeddings": True},
    "mistral": {"model_type": "mistral", **_TEXT},
    "qwen2": {"model_type": "qwen2", **_TEXT},
    "qwen3": {"model_type": "qwen3", **_TEXT, "head_dim": 16},
    "phi3": {"model_type": "phi3", **_TEXT},
    "gemma": {"model_type": "gemma", **_TEXT, "head_dim": 16, "tie_word_embeddings": True},
    "gemma2": {"model_type": "gemma2", **_TEXT, "head_dim": 16, "tie_word_embeddings": True},
    "mixtral": {"model_type": "mixtral", **_TEXT, "num_local_experts": 4},
    "qwen2_moe": {
        "model_type": "qwen2_moe", **_TEXT, **_EXPERTS, "shared_expert_intermediate_size": 80,
    },
    "qwen3_moe": {"model_type": "qwen3_moe", **_TEXT, **_EXPERTS, "head_dim": 16},
    "deepseek_v2": {"model_type": "deepseek_v2", **_TEXT, **_LATENT, "topk_method": "greedy"},
    "deepseek_v3": {"model_type": "deepseek_v3", **_TEXT, **_LATENT},
    "gpt_oss": {"model_type": "gpt_oss", **_TEXT, "head_dim": 16, "num_local_experts": 4,
                "num_experts_per_tok": 2},
    "llama4_text": {"model_type": "llama4_text", **_TEXT, "head_dim": 16, "num_local_experts": 2,
                    "intermediate_size_mlp": 96},
    "gpt2": {"model_type": "gpt2", "vocab_size": 320, "n_embd": 64, "n_layer": 2, "n_head": 4,
             "n_positions": 32},
    "gpt_neox": {"model_type": "gpt_neox", **_NO_KV},
    "opt": {"model_type": "opt", "vocab_size": 320, "hidden_size": 64, "ffn_dim": 96,
            "num_hidden_layers": 2, "num_attention_heads": 4, "word_embed_proj_dim": 64,
            "max_position_embeddings": 32, "pad_token_id": 1},
    "phi": {"model_type": "phi", **_TEXT},
    "falcon": {"model_type": "falcon", "vocab_size": 320, "hidden_size": 64,
               "num_hidden_layers": 2, "num_attention_heads": 4, "alibi": False},
    "t5": {"model_type": "t5", "vocab_size": 320, "d_model": 64, "d_ff": 96, "d_kv": 16,
           "num_layers": 2, "num_heads": 4},
    "bart": {"model_type": "bart", "vocab_size": 320, "d_model": 64, "encoder_layers": 2,
             "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
             "encoder_ffn_dim": 96, "decoder_ffn_dim": 96, "max_position_embeddings": 32},
    "bert": {"model_type": "bert", **_NO_KV, "max_position_embeddings": 32},
    "roberta": {"model_type": "roberta", **_NO_KV, "max_position_embeddings": 32},
    "gemma3_text": {"model_type": "gemma3_text", **_TEXT, "head_dim": 16,
                    "tie_word_embeddings": True},
    "stablelm": {"model_type": "stablelm", **_TEXT},
    "bloom": {"model_type": "bloom", "vocab_size": 320, "hidden_size": 64, "n_layer": 2,
              "n_head": 4},
    "gptj": {"model_type": "gptj", "vocab_size": 320, "n_embd": 64, "n_layer": 2, "n_head": 4,
             "rotary_dim": 8},
    "mamba": {"model_type": "mamba", "vocab_size": 320, "hidden_size": 64,
              "num_hidden_layers": 2, "state_size": 8},
    "jamba": {"model_type": "jamba", **_TEXT, "num_experts": 4, "num_hidden_layers": 3,
              "attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2,
              "expert_layer_offset": 1, "use_mamba_kernels": False},
    "granitemoe": {"model_type": "granitemoe", **_TEXT, "num_local_experts": 4,
                   "num_experts_per_tok": 2},
    "phimoe": {"model_type": "phimoe", **_TEXT, "num_local_experts": 4},
    "olmoe": {"model_type": "olmoe", **_TEXT, "num_experts": 4, "num_experts_per_tok": 2},
    "glm4_moe": {"model_type": "glm4_moe", **_TEXT, **_LATENT, "head_dim": 16},
    "minimax": {"model_type": "minimax", **_TEXT, "head_dim": 16, "num_local_experts": 4,
                "layer_types": ["full_attention", "linear_attention"]},
    "deberta-v2": {"model_type": "deberta-v2", **_NO_KV, "max_position_embeddings": 32},
    "distilbert": {"model_type": "distilbert", "vocab_size": 320, "dim": 64, "n_layers": 2,
                   "n_heads": 4, "hidden_dim": 96, "max_position_embeddings": 32},
    "convnext": {"model_type": "convnext", "hidden_sizes": [16, 32, 48, 64],
                 "depths": [1, 1, 2, 1], "image_size": 32},
    "qwen2_vl": {"model_type": "qwen2_vl", "text_config": {**_TEXT, "rope_parameters": {
        "rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}},
        "vision_config": {"embed_dim": 32, "hidden_size": 64, "num_heads": 4, "depth": 2}},
    "qwen2_5_vl": {"model_type": "qwen2_5_vl", "text_config": {**_TEXT, "rope_parameters": {
        "rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}},
        "vision_config": {"hidden_size": 32, "intermediate_size": 48, "num_heads": 4, "depth": 2,
        "out_hidden_size": 64}},
    "qwen3_vl_moe": {"model_type": "qwen3_vl_moe", "text_config": {**_TEXT, **_EXPERTS,
        "head_dim": 16, "rope_parameters": {"rope_type": "default",
        "mrope_section": [4, 2, 2], "rope_theta": 10000.0}}, "vision_config": {
        "hidden_size": 32, "intermediate_size": 48, "depth": 2, "num_heads": 4,
        "out_hidden_size": 64, "deepstack_visual_indexes": [0]}},
    "mistral3": {"model_type": "mistral3", "text_config": {"model_type": "mistral", **_TEXT},
                 "vision_config": {"model_type": "pixtral", **_VISION, "head_dim": 8},
                 "tie_word_embeddings": False},
    "paligemma": {"model_type": "paligemma", "text_config": {"model_type": "gemma", **_TEXT,
                  "head_dim": 16, "tie_word_embeddings": True}, "vision_config": {
                  "model_type": "siglip_vision_model", **_VISION}, "projection_dim": 64},
    "clip": {"model_type": "clip", "text_config": {"hidden_size": 32, "intermediate_size": 48,
             "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 320,
             "max_position_embeddings": 16}, "vision_config": _VISION, "projection_dim": 16},
    "ernie4_5_moe": {"model_type": "ernie4_5_moe", **_TEXT, "moe_num_experts": 4, "moe_k": 2,
                     "moe_intermediate_size": 48, "moe_num_shared_experts": 1,
                     "moe_layer_start_index": 1},
    "qwen3_next": {"model_type": "qwen3_next", **_TEXT, **_EXPERTS, "head_dim": 16,
                   "shared_expert_intermediate_size": 48, "linear_num_value_heads": 4,
                   "linear_num_key_heads": 2, "linear_key_head_dim": 8,
                   "linear_value_head_dim": 8, "num_hidden_layers": 4},
    "hunyuan_v1_moe": {"model_type": "hunyuan_v1_moe", **_TEXT, "num_experts": 4,
                       "moe_topk": 2, "head_dim": 16},
    "dots1": {"model_type": "dots1", **_TEXT, "moe_intermediate_size": 48,
              "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2,
              "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1},
    "lfm2_moe": {"model_type": "lfm2_moe", **_TEXT, **_EXPERTS, "num_dense_layers": 1,
                 "layer_types": ["conv", "full_attention"]},
    "cohere": {"model_type": "cohere", **_TEXT},
    "olmo2": {"model_type": "olmo2", **_TEXT},
    "granite": {"model_type": "granite", **_TEXT},
    "nemotron": {"model_type": "nemotron", **_TEXT},
    "starcoder2": {"model_type": "starcoder2", **_TEXT},
    "glm4": {"model_type": "glm4", **_TEXT, "head_dim": 16},
    "mamba2": {"model_type": "mamba2", "vocab_size": 320, "hidden_size": 64, "num_heads": 8,
               "head_dim": 16, "n_groups": 2, "num_hidden_layers": 2, "state_size": 8},
    "bamba": {"model_type": "bamba", **_TEXT, "num_hidden_layers": 3, "attn_layer_indices": [1],
              "mamba_n_heads": 8, "mamba_d_head": 16, "mamba_n_groups": 2, "mamba_d_state": 8},
    "rwkv": {"model_type": "rwkv", "vocab_size": 320, "hidden_size": 64, "num_hidden_layers": 2,
             "attention_hidden_size": 64, "intermediate_size": 96, "context_length": 32},
    "gemma3": {"model_type": "gemma3", "text_config": {**_TEXT, "head_dim": 16},
               "vision_config": _VISION, "mm_tokens_per_image": 4},
    "llava": {"model_type": "llava", "text_config": {"model_type": "llama", **_TEXT},
              "vision_config": {"model_type": "clip_vision_model", **_VISION}},
    "vit": {"model_type": "vit", **_VISION},
    "whisper": {"model_type": "whisper", "vocab_size": 320, "d_model": 64, "encoder_layers": 2,
                "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
                "encoder_ffn_dim": 96, "decoder_ffn_dim": 96, "num_mel_bins": 16,
                "max_source_positions": 40, "max_target_positions": 24, "pad_token_id": 0,
                "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1},
}  # fmt: skip
CLASSES = {
    "t5": "T5ForConditionalGeneration", "bart": "BartForConditionalGeneration",
    "bert": "BertForMaskedLM", "roberta": "RobertaForMaskedLM",
    "deberta-v2": "DebertaV2ForMaskedLM", "distilbert": "DistilBertForMaskedLM",
    "convnext": "ConvNextForImageClassification", "gemma3": "Gemma3ForConditionalGeneration",
    "qwen2_vl": "Qwen2VLForConditionalGeneration", "clip": "CLIPModel",
    "qwen2_5_vl": "Qwen2_5_VLForConditionalGeneration",
    "qwen3_vl_moe": "Qwen3VLMoeForConditionalGeneration",
    "mistral3": "Mistral3ForConditionalGeneration",
    "paligemma": "PaliGemmaForConditionalGeneration",
    "llava": "LlavaForConditionalGeneration", "vit": "ViTForImageClassification",
    "whisper": "WhisperForConditionalGeneration",
}  # fmt: skip

_ALL: list[Row] = [
    {"r": 8}, {"r": 16}, {"r": 4, "target_modules": "all-linear"},
    {"r": 8, "target_modules": "all-linear", "use_dora": True},
]  # fmt: skip
_NAMED: dict[str, list[Row]] = {
    "llama": [
        {"r": 8, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]},
        {"r": 4, "target_modules": ["q_proj", "v_proj", "embed_tokens"]},
        {"r": 4, "target_modules": ["q_proj", "lm_head"]},
        {"r": 4, "target_modules": ["model.layers.1.self_attn.q_proj", "up_proj"]},
        {"r": 4, "target_modules": r".*\.mlp\.(up|down)_proj"},
        {"r": 4, "target_modules": ["q_proj"], "modules_to_save": ["lm_head", "embed_tokens"]},
        {"r": 4, "target_modules": ["q_proj"], "modules_to_save": ["norm"]},
        {"r": 4, "target_modules": ["embed_tokens", "v_proj"], "use_dora": True},
        {"r": 8, "target_modules": ["q_proj"], "use_rslora": True},
        {"r": 4, "target_modules": ["nothing"]},
        {"r": 4, "target_modules": ["input_layernorm"]},
    ],
    "llama-tied": [
        {"r": 4, "target_modules": ["q_proj", "embed_tokens"]},
        {"r": 4, "target_modules": ["q_proj", "lm_head"]},
        {"r": 4, "target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    ],
    "mixtral": [
        {"r": 4, "target_modules": ["q_proj", "w1", "w2", "w3"]},
        {"r": 4, "target_modules": ["w1"]},
        {"r": 4, "target_modules": ["gate"]},
        {"r": 4, "target_modules": [], "target_parameters": ["experts.down_proj"]},
    ],
    "qwen2_moe": [{"r": 4, "target_modules": ["gate_proj", "up_proj", "down_proj"]}],
    "qwen3_moe": [
        {"r": 4, "target_modules": ["gate_proj", "up_proj", "down_proj"]},
        {"r": 4, "target_modules": ["q_proj", "gate"]},
        {"r": 4, "target_modules": ["q_proj"],
         "target_parameters": ["experts.gate_up_proj", "experts.down_proj"]},
    ],
    "deepseek_v3": [{"r": 4, "target_modules": ["gate_proj", "up_proj", "down_proj"]}],
    "gpt_oss": [{"r": 4, "target_modules": ["q_proj"],
                 "target_parameters": ["experts.gate_up_proj", "experts.down_proj"]}],
    "gpt2": [
        {"r": 4, "target_modules": ["c_proj", "c_fc"]},
        {"r": 4, "target_modules": ["wte", "c_attn"]},
    ],
    "vit": [{"r": 4, "target_modules": ["projection"]}],
    "convnext": [
        {"r": 4, "target_modules": ["dwconv"]},
        {"r": 16, "target_modules": ["pwconv1", "patch_embeddings"], "use_dora": True},
    ],
    "jamba": [{"r": 4, "target_modules": ["x_proj", "embed_tokens"]}],
    "mamba": [{"r": 4, "target_modules": ["in_proj", "embeddings"]}],
    "gemma3": [{"r": 4, "target_modules": ["q_proj"]}],
    "whisper": [
        {"r": 4, "target_modules": ["q_proj", "v_proj"]},
        {"r": 4, "target_modules": ["conv1", "fc1"]},
        {"r": 4, "target_modules": ["conv1", "fc1"], "use_dora": True},
    ],
    "bert": [{"r": 4, "target_modules": ["dense"]}],
}  # fmt: skip


def build(name: str) -> Any:
    """The model of a tiny configuration, with random weights."""
    given = CONFIGURATIONS[name]
    found = {key: value for key, value in given.items() if key != "model_type"}
    config = transformers.AutoConfig.for_model(given["model_type"], **found)
    class_name = CLASSES.get(name)
    if class_name is None:
        return transformers.AutoModelForCausalLM.from_config(config)
    return getattr(transformers, class_name)(config)


def saved(name: str, options: Row, dtype: torch.dtype) -> tuple[list[list[Any]], int, list[int]]:
    """The tensors in the saved file, its bytes, and peft's own count: trainable and all."""
    model = build(name).to(dtype)
    adapter = get_peft_model(model, LoraConfig(**options), autocast_adapter_dtype=False)
    counts = list(adapter.get_nb_trainable_parameters())
    with tempfile.TemporaryDirectory() as folder:
        adapter.save_pretrained(folder)
        path = Path(folder) / "adapter_model.safetensors"
        with safe_open(str(path), "pt") as file:
            keys = sorted(file.keys())
            tensors = [[key, file.get_slice(key).get_shape()] for key in keys]
        return tensors, path.stat().st_size, counts


def rows() -> Iterator[Row]:
    """One row for each configuration and each set of options."""
    for name, configuration in CONFIGURATIONS.items():
        model = build(name)
        kept = {**configuration, "architectures": [type(model).__name__]}
        for options in [*_ALL, *_NAMED.get(name, [])]:
            row: Row = {"name": name, "configuration": kept, "options": options}
            try:
                tensors, size, counts = saved(name, options, torch.float32)
                _, half, _ = saved(name, options, torch.bfloat16)
            except (ValueError, RuntimeError, NotImplementedError, TypeError) as error:
                yield row | {"refused": f"{type(error).__name__}: {error}"[:300]}
                continue
            yield row | {
                "tensors": tensors,
                "file_bytes": {"fp32": size, "bf16": half},
                "trainable": counts[0],
                "all": counts[1],
            }


def main(path: Path) -> None:
    """Write the rows, the versions that were asked in front."""
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    found = {"peft": peft, "transformers": transformers, "torch": torch}
    head = {"versions": {name: module.__version__ for name, module in found.items()}}
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        for row in [head, *rows()]:
            file.write(f"{json.dumps(row)}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
