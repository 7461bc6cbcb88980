"""KV cache and recurrent state against published figures that hold for every engine.

Configurations as published, less the keys that own no tensor and no cache. Figures of one engine
(padding, cells of a window) are tested with that engine.
"""

from __future__ import annotations

from typing import Any

import pytest

import paramcalc

MIB, GIB = 2**20, 2**30


def llama_like(
    model_type: str, layers: int, width: int, heads: int, kv_heads: int, **keys: Any
) -> dict[str, Any]:
    return {
        "model_type": model_type,
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        **keys,
    }


LLAMA_3_1_8B = llama_like("llama", 32, 4096, 32, 8, intermediate_size=14336, vocab_size=128256)
LLAMA_3_1_70B = llama_like("llama", 80, 8192, 64, 8, intermediate_size=28672, vocab_size=128256)
MISTRAL_7B = llama_like("mistral", 32, 4096, 32, 8, sliding_window=4096)
MISTRAL_SMALL_24B = llama_like("mistral", 40, 5120, 32, 8, head_dim=128, sliding_window=None)
QWEN2_5_7B = llama_like("qwen2", 28, 3584, 28, 4, use_sliding_window=False, sliding_window=131072)
R1_DISTILL_14B = llama_like("qwen2", 48, 5120, 40, 8)
QWEN3_0_6B = llama_like("qwen3", 28, 1024, 16, 8)
QWEN3_4B = llama_like("qwen3", 36, 2560, 32, 8)
QWEN3_14B = llama_like("qwen3", 40, 5120, 40, 8)
QWEN3_32B = llama_like("qwen3", 64, 5120, 64, 8)
QWEN3_30B_A3B = llama_like("qwen3_moe", 48, 2048, 32, 4, head_dim=128)
QWEN3_235B_A22B = llama_like("qwen3_moe", 94, 4096, 64, 4, head_dim=128)
GEMMA_3_27B = llama_like("gemma3_text", 62, 5376, 32, 16, head_dim=128, sliding_window=1024)
GPT_OSS_20B = llama_like("gpt_oss", 24, 2880, 64, 8, head_dim=64, sliding_window=128)
DEEPSEEK_V3 = {"model_type": "deepseek_v3"}
MAMBA_130M = {"model_type": "mamba", "hidden_size": 768, "num_hidden_layers": 24}
T5_BASE = {"model_type": "t5", "d_model": 768, "num_layers": 12, "num_heads": 12}
BERT = {"model_type": "bert", "architectures": ["BertModel"]}


def memory(configuration: dict[str, Any], context: int, **options: Any) -> paramcalc.Memory:
    return paramcalc.memory(paramcalc.load(configuration), "bf16", context=context, **options)


@pytest.mark.parametrize(
    ("configuration", "bytes_per_token"),
    [
        (LLAMA_3_1_8B, 131_072),
        (LLAMA_3_1_70B, 327_680),
        (MISTRAL_SMALL_24B, 163_840),  # vLLM: 28.20 GiB hold 184,832 tokens
        (QWEN2_5_7B, 57_344),  # the window is there, but switched off
        (R1_DISTILL_14B, 196_608),
        (QWEN3_0_6B, 114_688),
        (QWEN3_4B, 147_456),
        (QWEN3_14B, 163_840),
        (QWEN3_32B, 262_144),
        (QWEN3_30B_A3B, 98_304),
        (DEEPSEEK_V3, 61 * 576 * 2),  # one compressed vector and one rotary key a layer
    ],
)
def test_bytes_per_token(configuration: dict[str, Any], bytes_per_token: int) -> None:
    assert memory(configuration, 1).kv_cache_bytes == bytes_per_token
    assert memory(configuration, 4096, batch=3).kv_cache_bytes == 3 * 4096 * bytes_per_token


@pytest.mark.parametrize(
    ("configuration", "context", "expected"),
    [
        (LLAMA_3_1_70B, 131_072, 40 * GIB),
        (QWEN3_32B, 40_960, 10_240 * MIB),  # llama.cpp's log
        (QWEN3_235B_A22B, 32_768, 6_016 * MIB),  # llama.cpp's log
        (DEEPSEEK_V3, 32_768, 2_302_672_896),  # 2196.00 MiB in llama.cpp's log
        # Full layers as logged; a window layer holds its 128 tokens, engines pad them.
        (GPT_OSS_20B, 131_072, 3_072 * MIB + 12 * 128 * 2048),
        (GEMMA_3_27B, 131_072, 10 * GIB + 52 * 1024 * 8192),  # ten global layers
        (GEMMA_3_27B, 32_768, 2_560 * MIB + 416 * MIB),
        (GEMMA_3_27B, 512, 62 * 512 * 8192),  # shorter than the window
        (MISTRAL_7B, 32_768, 512 * MIB),  # all layers see 4096 tokens back
    ],
)
def test_totals(configuration: dict[str, Any], context: int, expected: int) -> None:
    assert memory(configuration, context).kv_cache_bytes == expected


@pytest.mark.parametrize(
    ("configuration", "context", "mebibytes"),
    [
        (QWEN3_235B_A22B, 32_768, 3_196),  # llama.cpp's log
        (DEEPSEEK_V3, 131_072, 4_666.5),  # ik_llama.cpp's log
    ],
)
def test_eight_bit_cache(configuration: dict[str, Any], context: int, mebibytes: float) -> None:
    found = memory(configuration, context, kv_precision="q8_0").kv_cache_bytes
    assert found == mebibytes * MIB


def test_recurrent_state_does_not_grow() -> None:
    short, long = memory(MAMBA_130M, 1), memory(MAMBA_130M, 1_000_000)

    assert short.kv_cache_bytes == long.kv_cache_bytes == 0
    # Per layer 3 columns of the convolution and 16 states a channel; 1536 channels.
    assert short.state_bytes == long.state_bytes
    assert sum(
        cache.count * cache.sequence_numel for cache in paramcalc.load(MAMBA_130M).caches
    ) == (24 * (3 + 16) * 1536)


def test_an_encoder_remembers_nothing() -> None:
    assert memory(BERT, 512).kv_cache_bytes == 0
    assert memory(BERT | {"is_decoder": True}, 512).kv_cache_bytes == 12 * 512 * 2 * 768 * 2


def test_a_decoder_keeps_its_own_tokens_and_the_encoders() -> None:
    per_layer = 512 * 2 * 768 * 2
    assert memory(T5_BASE, 512).kv_cache_bytes == 12 * (per_layer + per_layer)
