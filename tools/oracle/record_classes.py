"""Record what transformers builds for the classes of a family with several keys changed at once.

Published configurations rarely leave the beaten path, so these do: small networks, every class of
each model type, nulls, aliases, lists of layers, stray keys of relatives (``class_cases.yaml``).
Stored for each: the tensors in the layout that ``save_pretrained`` writes, how many elements of
them are buffers, how many parameters run for a token, and the sliding window of each layer as the
configuration class resolves it.

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
import yaml
from transformers.core_model_loading import revert_weight_conversion
from transformers.modeling_utils import remove_tied_weights_from_state_dict
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

CASES = yaml.safe_load((Path(__file__).parent / "class_cases.yaml").read_text())


def main(target: Path) -> None:
    """Record all cases."""
    recorded = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "rows": [
            record(model_type, case["prefix"] + ending, configuration)
            for model_type, case in CASES.items()
            if not model_type.startswith("x-")  # shared parts
            for ending in case["classes"]
            for configuration in case["configurations"]
        ],
    }
    target.write_bytes(gzip.compress(json.dumps(recorded).encode(), mtime=0))


def record(model_type: str, class_name: str, keys: dict[str, Any]) -> dict[str, Any]:
    """One class built on the meta device; ``tensors`` are [name, shape] as they are stored."""
    # A copy: some classes write into their configuration.
    config = CONFIG_MAPPING[model_type](**json.loads(json.dumps(keys)))
    with torch.device("meta"):
        model = getattr(transformers, class_name)._from_config(config)  # noqa: SLF001 - its way
    state = remove_tied_weights_from_state_dict(dict(model.state_dict()), model)
    stored = revert_weight_conversion(model, state)
    total = sum(parameter.numel() for parameter in model.parameters())
    return {
        "config": keys | {"model_type": model_type, "architectures": [class_name]},
        "total": total,
        "active": total - idle(model, config),
        # What is stored and no parameter; names do not tell, storing changes some.
        "buffers": sum(tensor.numel() for tensor in stored.values()) - total,
        "tensors": [[name, list(tensor.shape)] for name, tensor in stored.items()],
        "windows": windows(config),
    }


def idle(model: torch.nn.Module, config: Any) -> int:
    """Parameters of routed experts (fused in memory, [experts, …]) that a token does not visit."""
    left_out = 0
    for name, parameter in model.named_parameters():
        if ".experts." in name:
            run = min(config.num_experts_per_tok, parameter.shape[0])
            left_out += (parameter.shape[0] - run) * prod(parameter.shape[1:])
    return left_out


def windows(config: Any) -> list[int | None] | None:
    """The sliding window of each layer; None for a type that knows none."""
    if not hasattr(config, "sliding_window"):
        return None
    window = config.sliding_window
    kinds = getattr(config, "layer_types", None)
    if kinds is None:  # Mistral, Mixtral and Qwen3-MoE mask every layer alike
        return [window] * config.num_hidden_layers
    return [window if kind == "sliding_attention" else None for kind in kinds]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
