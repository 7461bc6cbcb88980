"""Record what transformers builds for the classes of a family with several keys changed at once.

Published configurations rarely leave the beaten path, so these do: small networks, every class of
each model type, nulls, aliases, lists of layers, stray keys of relatives. Stored for each: the
tensors in the layout that ``save_pretrained`` writes, which are buffers, how many parameters run
for a token, and the sliding window of each layer as the configuration class resolves it.

    python tools/oracle/record_classes.py tests/data/architecture_classes.json.gz
"""

from __future__ import annotations

import gzip
import json
import sys
from math import prod
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.core_model_loading import revert_weight_conversion
from transformers.modeling_utils import remove_tied_weights_from_state_dict

CONFIG_CLASSES = transformers.models.auto.configuration_auto.CONFIG_MAPPING

SIZES = {"vocab_size": 1000, "hidden_size": 96, "intermediate_size": 200, "num_hidden_layers": 4}
DECODER = SIZES | {"num_attention_heads": 6, "num_key_value_heads": 2}
MIXED = ["full_attention", "sliding_attention", "sliding_attention", "full_attention"]
THREE_LABELS = {"id2label": {"0": "no", "1": "yes", "2": "perhaps"}}
HEADS = ["ForCausalLM", "Model", "ForSequenceClassification", "ForTokenClassification"]
WITH_ANSWERS = [*HEADS, "ForQuestionAnswering"]

# model type: (prefix of the classes, what follows it, configurations)
CASES: dict[str, tuple[str, list[str], list[dict[str, Any]]]] = {
    "llama": ("Llama", WITH_ANSWERS, [
        DECODER | {"attention_bias": True, "tie_word_embeddings": True, "num_labels": 5},
        SIZES | {"num_attention_heads": 6, "num_key_value_heads": None, "mlp_bias": True},
        DECODER | {"head_dim": 24, "attention_bias": True, "mlp_bias": True} | THREE_LABELS,
    ]),
    "mistral": ("Mistral", WITH_ANSWERS, [
        SIZES | {"num_attention_heads": 8, "attention_bias": True, "num_labels": 3},
        DECODER | {"sliding_window": None, "head_dim": None, "tie_word_embeddings": True},
        DECODER | {"sliding_window": 16, "head_dim": 24, "mlp_bias": True},
    ]),
    "mixtral": ("Mixtral", WITH_ANSWERS, [
        DECODER | {"num_experts": 4, "num_experts_per_tok": 1, "head_dim": 24},
        DECODER | {"num_local_experts": 6, "num_experts_per_tok": 3, "sliding_window": 16},
    ]),
    "qwen2": ("Qwen2", WITH_ANSWERS, [
        DECODER | {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 3},
        DECODER | {"num_key_value_heads": None, "sliding_window": 16, "num_labels": 1},
        DECODER | {"use_sliding_window": True, "layer_types": MIXED, "tie_word_embeddings": True},
    ]),
    "qwen3": ("Qwen3", WITH_ANSWERS, [
        DECODER | {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1},
        DECODER | {"head_dim": 24, "attention_bias": True, "num_labels": 3},
    ]),
    "qwen3_moe": ("Qwen3Moe", WITH_ANSWERS, [
        DECODER | {"num_experts": 8, "num_experts_per_tok": 3, "decoder_sparse_step": 2,
                   "moe_intermediate_size": 48, "attention_bias": True, "mlp_only_layers": [3]},
        DECODER | {"num_local_experts": 6, "num_experts_per_tok": 2, "mlp_only_layers": None,
                   "moe_intermediate_size": 40, "head_dim": 24, "use_sliding_window": True},
    ]),
    "gemma": ("Gemma", HEADS, [
        DECODER | {"attention_bias": True, "tie_word_embeddings": False},
        DECODER | {"head_dim": 24, "mlp_bias": True, "num_labels": 3},
    ]),
    "gemma2": ("Gemma2", HEADS, [
        DECODER | {"attention_bias": True, "tie_word_embeddings": False},
        DECODER | {"head_dim": 24, "layer_types": MIXED, "sliding_window": 16},
    ]),
    "gemma3_text": ("Gemma3", ["ForCausalLM", "TextModel", "TextForSequenceClassification"], [
        DECODER | {"attention_bias": True, "sliding_window_pattern": 3, "sliding_window": 16},
        DECODER | {"num_hidden_layers": 8, "head_dim": 24, "tie_word_embeddings": False},
        DECODER | {"use_bidirectional_attention": True, "layer_types": MIXED},
    ]),
    "gpt2": ("GPT2", ["LMHeadModel", "Model", "DoubleHeadsModel", *WITH_ANSWERS[2:]], [
        {"n_embd": 96, "n_head": 6, "n_layer": 3, "n_positions": 64, "n_inner": 200,
         "add_cross_attention": True, "summary_proj_to_labels": False, "num_labels": 4},
        {"hidden_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2, "n_inner": None,
         "max_position_embeddings": 32, "summary_use_proj": False, "tie_word_embeddings": False},
    ]),
    "openai-gpt": ("OpenAIGPT", ["LMHeadModel", "Model", "ForSequenceClassification"], [
        {"n_embd": 96, "n_head": 6, "n_layer": 3, "n_positions": 64, "n_inner": 200},
        {"hidden_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2,
         "add_cross_attention": True, "tie_word_embeddings": False, "num_labels": 4},
    ]),
    "gpt_neox": ("GPTNeoX", WITH_ANSWERS, [
        SIZES | {"num_attention_heads": 6, "attention_bias": False, "num_labels": 3},
        SIZES | {"num_attention_heads": 4, "tie_word_embeddings": True},
    ]),
    "bert": ("Bert", ["ForMaskedLM", "LMHeadModel", "Model", "ForPreTraining", "ForMultipleChoice",
                      "ForNextSentencePrediction", *WITH_ANSWERS[2:]], [
        SIZES | {"num_attention_heads": 6, "type_vocab_size": 4, "tie_word_embeddings": False},
        SIZES | {"num_attention_heads": 6, "max_position_embeddings": 40, "is_decoder": True,
                 "add_cross_attention": True, "num_labels": 5},
    ]),
    "t5": ("T5", ["ForConditionalGeneration", "Model", "EncoderModel", *WITH_ANSWERS[2:]], [
        {"d_model": 96, "d_kv": 20, "d_ff": 200, "num_layers": 3, "num_decoder_layers": 2,
         "num_heads": 6, "feed_forward_proj": "gated-gelu", "num_labels": 5},
        {"hidden_size": 64, "head_dim": 16, "num_attention_heads": 2, "num_layers": 2,
         "num_decoder_layers": None, "relative_attention_num_buckets": 16},
    ]),
    "deepseek_v3": ("DeepseekV3", HEADS, [
        SIZES | {"num_attention_heads": 6, "q_lora_rank": None, "kv_lora_rank": 32,
                 "n_routed_experts": 8, "n_shared_experts": 2, "first_k_dense_replace": 1,
                 "moe_intermediate_size": 40, "attention_bias": True, "num_experts_per_tok": 2},
        SIZES | {"num_attention_heads": 4, "q_lora_rank": 48, "qk_nope_head_dim": 24,
                 "qk_rope_head_dim": 8, "v_head_dim": 20, "num_local_experts": 16,
                 "first_k_dense_replace": 0, "moe_intermediate_size": 24, "num_labels": 3,
                 "num_key_value_heads": 2, "tie_word_embeddings": True},
    ]),
    "gpt_oss": ("GptOss", HEADS, [
        DECODER | {"num_local_experts": 6, "num_experts_per_tok": 2, "attention_bias": False},
        DECODER | {"num_experts": 4, "layer_types": MIXED, "head_dim": 24, "num_labels": 3},
    ]),
    "mamba": ("Mamba", ["ForCausalLM", "Model"], [
        {"hidden_size": 100, "num_hidden_layers": 3, "expand": 3, "use_bias": True},
        {"hidden_size": 64, "num_hidden_layers": 2, "time_step_rank": 9, "use_conv_bias": False,
         "state_size": 8, "conv_kernel": 3, "tie_word_embeddings": False},
    ]),
}


def main(target: Path) -> None:
    recorded = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "rows": [
            record(model_type, prefix + ending, configuration)
            for model_type, (prefix, endings, configurations) in CASES.items()
            for ending in endings
            for configuration in configurations
        ],
    }
    target.write_bytes(gzip.compress(json.dumps(recorded).encode(), mtime=0))


def record(model_type: str, class_name: str, keys: dict[str, Any]) -> dict[str, Any]:
    """One class built on the meta device; ``tensors`` are [name, shape] as they are stored."""
    # A copy: some classes write into their configuration.
    config = CONFIG_CLASSES[model_type](**json.loads(json.dumps(keys)))
    with torch.device("meta"):
        model = getattr(transformers, class_name)._from_config(config)
    state = remove_tied_weights_from_state_dict(dict(model.state_dict()), model)
    stored = revert_weight_conversion(model, state)
    buffers = {name for name, _ in model.named_buffers()} & set(stored)
    return {
        "config": keys | {"model_type": model_type, "architectures": [class_name]},
        "total": sum(p.numel() for p in model.parameters()),
        "active": sum(p.numel() for p in model.parameters()) - idle(model, config),
        "buffers": sum(stored[name].numel() for name in buffers),
        "tensors": [[name, list(tensor.shape)] for name, tensor in stored.items()],
        "windows": windows(config),
    }


def idle(model: torch.nn.Module, config: Any) -> int:
    """Parameters of the routed experts, fused in memory, that a token does not visit."""
    left_out = 0
    for name, parameter in model.named_parameters():
        if ".experts." in name:
            run = min(config.num_experts_per_tok, parameter.shape[0])
            left_out += (parameter.shape[0] - run) * prod(parameter.shape[1:])
    return left_out


def windows(config: Any) -> list[int | None] | None:
    """The sliding window of each layer; None where the type is no decoder with such windows."""
    window = getattr(config, "sliding_window", None)
    if not hasattr(config, "sliding_window"):
        return None
    kinds = getattr(config, "layer_types", None)
    if kinds is None:  # Mistral, Mixtral and Qwen3-MoE mask every layer alike
        return [window] * config.num_hidden_layers
    return [window if kind == "sliding_attention" else None for kind in kinds]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
