"""Record what compressed-tensors stores of pruned matrices, as the oracle of the sparse schemes.

Each row is a tiny configuration whose matrices were pruned by torch, and the tensors and bytes of
the file. compressed-tensors 0.10 is the last one that writes these formats.

    python -m tools.oracle.record_sparsity tests/data/sparsity.jsonl.gz
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import transformers
from compressed_tensors import ModelCompressor
from compressed_tensors.config import sparse_24_bitmask, sparse_bitmask
from compressed_tensors.quantization import (
    QuantizationConfig,
    QuantizationScheme,
    apply_quantization_config,
    preset_name_to_scheme,
)
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn.utils import prune

Row = dict[str, Any]
CONFIGURATIONS: dict[str, Row] = {
    name: {
        "model_type": "llama", "vocab_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "tie_word_embeddings": name == "tied", **sizes,
    }
    for name, sizes in {
        "even": {"hidden_size": 64, "intermediate_size": 96},
        "odd": {"hidden_size": 36, "intermediate_size": 52, "head_dim": 9},
        "tied": {"hidden_size": 64, "intermediate_size": 96},
        "wide": {"hidden_size": 128, "intermediate_size": 256, "num_key_value_heads": 4},
    }.items()
}  # fmt: skip
SHARES = (0.1, 0.25, 0.3, 0.333, 0.5, 0.7, 0.95)
CASES: list[Row] = [
    *({"sparsity": "2:4", "dtype": dtype} for dtype in ("bfloat16", "float16", "float32")),
    *({"prune": share, "dtype": "bfloat16"} for share in SHARES),
    {"prune": 0.3, "dtype": "float16"},
    {"prune": 0.3, "dtype": "float32"},
]
_INT = {"type": "int", "symmetric": True}
_CHANNEL = {**_INT, "strategy": "channel"}
QUANTIZED: list[Row] = [
    {"preset": "FP8_DYNAMIC", "sparsity": "2:4"},
    {"weights": {**_INT, "num_bits": 4, "strategy": "group", "group_size": 128}},
    {"weights": {**_CHANNEL, "num_bits": 4}},
    {"weights": {**_CHANNEL, "num_bits": 8}},
]
"""With a scale; without a preset in Marlin's packing, which is for 2:4."""


def build(configuration: Row, case: Row) -> Any:
    """The model with the matrices of its layers pruned."""
    torch.manual_seed(0)
    found = {key: value for key, value in configuration.items() if key != "model_type"}
    config = transformers.AutoConfig.for_model(configuration["model_type"], **found)
    dtype = getattr(torch, case["dtype"])
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=dtype)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            # No other weight may be zero by chance.
            values = torch.rand_like(module.weight) + 1
            module.weight.data = values if "prune" in case else two_of_four(values)
            if "prune" in case:
                prune.l1_unstructured(module, "weight", case["prune"])
                prune.remove(module, "weight")
    return model


def two_of_four(values: Any) -> Any:
    """The first two of each four."""
    kept = torch.tensor([1, 1, 0, 0], dtype=values.dtype).repeat(values.shape[1] // 4)
    return values * kept


def quantize(model: Any, case: Row) -> None:
    """Give the matrices scales, all one: what is stored does not hang on them."""
    preset = preset_name_to_scheme(case["preset"], ["Linear"]) if "preset" in case else None
    scheme = preset or QuantizationScheme(targets=["Linear"], weights=case["weights"])
    config = QuantizationConfig(
        config_groups={"group_0": scheme}, ignore=["lm_head"], quantization_status="frozen"
    )
    apply_quantization_config(model, config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("_scale"):
                parameter.fill_(1)


def stored(model: Any, case: Row) -> tuple[list[list[Any]], int]:
    """The tensors of the saved file, with types and shapes, and the bytes of these."""
    if "preset" in case or "weights" in case:
        quantize(model, case)
    kind, name = sparse_bitmask.BitmaskConfig, "sparse-bitmask"
    if "sparsity" in case:
        kind, name = sparse_24_bitmask.Sparse24BitMaskConfig, "sparse-24-bitmask"
    structure = case.get("sparsity", "unstructured")
    config = kind(
        format=name, global_sparsity=case.get("prune", 0.5), sparsity_structure=structure,
        targets=["Linear"], ignore=["lm_head"],
    )  # fmt: skip
    packed = "float-quantized" if "preset" in case else "marlin-24" if "weights" in case else None
    compressor = ModelCompressor.from_pretrained_model(
        model, sparsity_config=None if "weights" in case else config, quantization_format=packed
    )
    state = compressor.compress(model)
    if model.config.tie_word_embeddings:
        state.pop("lm_head.weight", None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_file({key: value.contiguous() for key, value in state.items()}, path)
        with safe_open(str(path), "pt") as file:
            slices = [(key, file.get_slice(key)) for key in sorted(file.keys())]
            tensors = [[key, one.get_dtype(), one.get_shape()] for key, one in slices]
    return tensors, sum(one.numel() * one.element_size() for one in state.values())


def rows() -> Iterator[Row]:
    """One row for each configuration and each way to prune it."""
    for name, configuration in CONFIGURATIONS.items():
        cases = [one | {"dtype": "bfloat16"} for one in QUANTIZED] if name == "wide" else CASES
        for case in cases:
            tensors, size = stored(build(configuration, case), case)
            row: Row = {"name": name, "configuration": configuration, "case": case}
            yield row | {"tensors": tensors, "bytes": size}


def main(path: Path) -> None:
    """Write the rows, the versions that were asked in front."""
    warnings.simplefilter("ignore")
    names = ("compressed-tensors", "transformers", "torch")
    head = {"versions": {name: version(name) for name in names}}
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        for row in [head, *rows()]:
            file.write(f"{json.dumps(row)}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
