"""Records GGUF headers of many models, and what llama.cpp says of the files: gguf_headers.tar.xz.

    python tools/oracle/record_gguf.py MAKER.py CONFIGS.json SIZES.csv.gz RUNTIME.csv.gz

MAKER.py has `metadata(writer, config)`, `tensors(config)` and `qtype(name, sizes, config, type)`,
which write a file's hyper-parameters and describe its tensors with gguf-py, as the converter of
llama.cpp does. The tables hold what llama.cpp (0c1e57098, August 2026) printed when it loaded such
files: elements and bytes of the tensors, and the KV cache and recurrent state that it allocated for
one sequence. Vocabularies are left out.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import json
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gguf
import numpy as np

OUTPUT = Path(__file__).parents[2] / "tests" / "data" / "gguf_headers.tar.xz"
SIZE_KEYS = ("n_params", "tensor_bytes")
RUNTIME_KEYS = (
    "n_ctx_alloc",
    "n_seq",
    "kv_bytes",
    "kv_cells",
    "kv_cells_swa",
    "rs_mib",
    "model_bytes",
)
TIED = ("gemma2", "gemma3", "cohere2", "gpt2", "mamba", "granitehybrid", "lfm2")
"""Heads that are the table, where a configuration does not say so."""
WINDOWS = {"gemma2-2b": 4096, "gemma2-27b": 4096, "gemma3-1b": 512, "gemma3-12b": 1024}
WINDOWS |= {"command-r7b": 4096}
"""Which the configurations leave out (they equal the default of their class)."""
CONTEXTS = ("2048", "32768")


class Writer(gguf.GGUFWriter):
    """Writes no vocabulary: it says nothing about the tensors."""

    def add_key_value(self, key: str, *rest: Any, **more: Any) -> None:
        if not key.startswith("tokenizer."):
            super().add_key_value(key, *rest, **more)


def header(maker: Any, config: dict[str, Any]) -> tuple[bytes, int]:
    """The bytes before the data, and the size of the whole file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.gguf")
        writer = Writer(path, config["arch"])
        maker.metadata(writer, config)
        end = 0
        for name, sizes in maker.tensors(config):
            kind = maker.qtype(name, sizes, config, gguf.GGMLQuantizationType.F16)
            shape = gguf.quant_shape_to_byte_shape(tuple(reversed(sizes)), kind)
            size = int(np.prod(shape, dtype=np.int64))
            writer.add_tensor_info(name, shape, np.dtype(np.uint8), size, raw_dtype=kind)
            end = -(-end // 32) * 32 + size
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        writer.close()
        content = path.read_bytes()
    return content, -(-len(content) // 32) * 32 + end


def converted(name: str, arch: str, c: dict[str, Any]) -> dict[str, Any]:
    """A config.json in the words of the maker."""

    def first(*keys: str, default: Any = None) -> Any:
        return next((c[key] for key in keys if c.get(key) is not None), default)

    width, heads = first("hidden_size", "n_embd"), first("num_attention_heads", "n_head", default=0)
    ff = first("intermediate_size_mlp", "intermediate_size", default=4 * width)
    if c.get("block_auto_adjust_ff_dim"):
        ff = 2 * c["block_ff_dim"] // 3
    inner = c.get("expand", c.get("mamba_expand", 2)) * width
    if "mamba_num_heads" in c:
        inner = c["mamba_num_heads"] * c["mamba_head_dim"]
    kinds = c.get("layer_types", [])
    state = first("state_size", "mamba_d_state", "ssm_state_size", default=0)
    found: dict[str, Any] = {
        "arch": arch,
        "hf": name,
        "d": width,
        "V": c["vocab_size"],
        "L": first("num_hidden_layers", "n_layer"),
        "ff": ff,
        "h": heads,
        "kv": 1 if c.get("multi_query") else first("num_key_value_heads", default=heads),
        "hd": first("head_dim", default=width // max(heads, 1)),
        "E": first("num_local_experts", "num_experts", "n_routed_experts", default=0),
        "topk": first("num_experts_per_tok", default=0),
        "ffe": first("moe_intermediate_size", default=c.get("intermediate_size")),
        "ctx": first("max_position_embeddings", "n_positions", default=32768),
        "tie": first("tie_word_embeddings", "tie_embedding", default=arch in TIED),
        "tok": "bpe",
        "swa": WINDOWS.get(name, first("sliding_window") if arch == "gpt-oss" else None),
        "moe_step": c.get("interleave_moe_layer_step"),
        "conv": first("conv_kernel", "mamba_d_conv", default=4 if state else None),
        "inner": inner,
        "state": state,
        "dt_rank": first("time_step_rank", "mamba_n_heads", "mamba_num_heads", "num_heads"),
        "group": first("n_groups", "mamba_n_groups"),
        "attn_layers": first(
            "full_attn_idxs", default=[n for n, kind in enumerate(kinds) if kind == "attention"]
        ),
        "ffsh": c.get("shared_intermediate_size"),
        "pattern": c.get("hybrid_override_pattern"),
        "l_cache": c.get("conv_L_cache"),
        "expert_type": "MXFP4" if arch == "gpt-oss" else None,
    }
    if not found["attn_layers"]:
        del found["attn_layers"]
    if "kv_lora_rank" in c:
        found |= {"kv_lora": c["kv_lora_rank"], "q_lora": c["q_lora_rank"], "mla": True}
        found |= {"rope_hd": c["qk_rope_head_dim"], "nope_hd": c["qk_nope_head_dim"]}
        found |= {"v_hd": c["v_head_dim"], "dense_lead": c["first_k_dense_replace"]}
        found |= {"nshared": c["n_shared_experts"], "exp_bias": True, "gating": 2}
    return found


def table(path: str) -> Iterator[dict[str, str]]:
    """The rows of a table."""
    with gzip.open(path, "rt") as file:
        yield from csv.DictReader(file)


def rows(sizes: str, runtime: str) -> dict[str, dict[str, Any]]:
    """What is said of each model in 16 bits, on a CPU with its usual cache."""
    found: dict[str, dict[str, Any]] = {}
    for row in table(sizes):
        if (row["quant"], row["imatrix"]) == ("F16", "0"):
            found[row["model"]] = {key: int(row[key]) for key in SIZE_KEYS}
            found[row["model"]] |= {"arch": row["arch"], "runtime": []}
    for row in table(runtime):
        usual = [row[key] for key in ("backend", "kv_type", "swa_full", "n_seq", "flash_attn")]
        wanted = row["ctx"] in CONTEXTS and row["model"] in found
        if wanted and usual == ["cpu", "f16", "0", "1", "1"]:
            one = {key: row[key] for key in RUNTIME_KEYS}
            if one not in found[row["model"]]["runtime"]:
                found[row["model"]]["runtime"].append(one)
    return found


def main() -> None:
    """Write the archive."""
    maker_file, configs, sizes, runtime = sys.argv[1:]
    spec = importlib.util.spec_from_file_location("maker", maker_file)
    if spec is None or spec.loader is None:
        sys.exit(f"{maker_file} is no Python file")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    known = rows(sizes, runtime)
    with tarfile.open(OUTPUT, "w:xz", preset=9) as archive:
        for name, row in json.loads(Path(configs).read_text("utf-8")).items():
            config = converted(name, known[name]["arch"], row["config"])
            counted = sum(int(np.prod(sizes)) for _, sizes in maker.tensors(config))
            # The factors of Llama 3's positions are a tensor that no configuration speaks of.
            config["rope_freqs"] = row["n_params_gguf"] - counted == config["hd"] // 2
            content, size = header(maker, config)
            counted = sum(int(np.prod(sizes)) for _, sizes in maker.tensors(config))
            if counted != row["n_params_gguf"]:
                print(f"{name}: {counted:,} elements, not {row['n_params_gguf']:,}: left out")
                del known[name]
                continue
            known[name] |= {"file_bytes": size}
            add(archive, f"{name}.gguf", content)
        known = {name: one for name, one in known.items() if "file_bytes" in one}
        said = {"llama.cpp": "0c1e57098", "gguf": version("gguf"), "models": known}
        add(archive, "rows.json", json.dumps(said).encode())
    print(f"{OUTPUT.name}: {len(known)} models, {OUTPUT.stat().st_size:,} bytes")


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file without anything that changes from one day to the next."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


if __name__ == "__main__":
    main()
