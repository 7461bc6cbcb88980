"""Record what PyTorch prints for a module, and what the module owns.

Two parts: every kind of torch.nn with the calls of ``layer_calls.py`` (a module that is one layer),
and one class of each of many families of transformers with its default configuration, on the meta
device. Stored for each: the text, parameters (tied ones once), buffers that a checkpoint holds, and
whether a head or a second table shares the memory of a table.

    python tools/oracle/record_printouts.py tests/data/printouts.json.gz
"""

# ruff: noqa: E402 - transformers reads the environment when it is imported

from __future__ import annotations

import gzip
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("USE_HUB_KERNELS", "0")
warnings.filterwarnings("ignore")

import record_layers
import torch
import transformers
from torch import nn
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

logging.disable(logging.CRITICAL)

# The first class that a family has is taken.
HEADS = (
    "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES",
    "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
    "MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES",
    "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES",
    "MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES",
    "MODEL_MAPPING_NAMES",
)
FAMILIES = """
    albert align altclip apertus arcee aria aya_vision bamba bart beit bert big_bird bigbird_pegasus
    biogpt bit blenderbot blip bloom bridgetower canine clip clipseg codegen cohere cohere2 convnext
    cpmant ctrl cvt data2vec-text deberta-v2 deepseek_v3 deit dinov2 distilbert donut-swin dpt
    electra encodec ernie esm exaone4 falcon falcon_mamba flaubert fnet focalnet fsmt gemma gemma2
    gemma3_text git glm4 glpn gpt2 gpt_bigcode gpt_neo gpt_neox gpt_oss gptj granite granitemoe
    groupvit helium hiera hubert imagegpt jamba layoutlm led levit llama llava longformer longt5
    luke lxmert m2m_100 mamba mamba2 marian maskformer mbart mistral mistral3 mixtral mllama
    mobilebert mobilenet_v2 modernbert mpnet mpt mt5 nemotron_h nystromformer olmo olmo2 olmoe opt
    owlvit paligemma pegasus perceiver persimmon phi phi3 pix2struct pixtral poolformer
    prophetnet pvt
    qwen2 qwen2_moe qwen2_vl qwen3 qwen3_5_text qwen3_moe qwen3_next recurrent_gemma regnet rembert
    resnet roberta roc_bert roformer rt_detr rwkv sam segformer siglip smollm3 speech_to_text
    speecht5 squeezebert stablelm starcoder2 swin swinv2 switch_transformers t5 t5gemma tapas trocr
    udop umt5 unispeech vilt visual_bert vit vit_mae vitdet vits wav2vec2 wavlm whisper xglm xlm
    xlm-roberta xlnet xlstm xmod yolos yoso zamba2 zoedepth
""".split()  # noqa: SIM905 - a paragraph of names reads better than a column

PARTS = (
    "nn.ParameterList([torch.zeros(2, 3), torch.zeros(()), torch.zeros(7)])",
    "nn.ParameterDict({'a': torch.zeros(2, 3)})",
    "nn.Sequential(nn.ParameterDict({'a': torch.zeros(2, 3), 'b': torch.zeros(4)}), nn.ReLU())",
    "nn.Sequential(nn.Linear(3, 4), nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 5))",
    "nn.ModuleDict({'fc': nn.Linear(3, 4), 'act': nn.GELU()})",
    "nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2), 3)",
    "nn.TransformerDecoder(nn.TransformerDecoderLayer(16, 2), 2)",
)


def main(target: Path) -> None:
    """Write the file that is named on the command line."""
    recorded = {
        "torch": torch.__version__.partition("+")[0],
        "transformers": transformers.__version__,
        "layers": list(layers()),
        "families": [row for family in FAMILIES if (row := family_row(family)) is not None],
    }
    text = json.dumps(recorded, separators=(",", ":"))
    target.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(len(recorded["layers"]), len(recorded["families"]), target.stat().st_size)


def layers() -> Iterator[dict[str, Any]]:
    """One row for every text that the calls of a kind print; calls that print the same are one."""
    for kind in record_layers.ACCEPTED:
        seen: set[tuple[str, int, int]] = set()
        for call in record_layers.calls(kind):
            one = row(call, record_layers.build(call))
            key = one["text"], one["total"], one["buffers"]
            if key not in seen:
                seen.add(key)
                yield one
    for name in record_layers.without_tensors():
        calls = (
            f"{name}({arguments})" for arguments in (record_layers.ARGUMENTS.get(name, ""), "1")
        )
        call = next(call for call in calls if record_layers.refusal(call) is None)
        with torch.device("meta"):
            yield row(call, nn.Sequential(record_layers.build(call), nn.Linear(2, 3)))
    for call in PARTS:
        with torch.device("meta"):
            yield row(call, eval(call, {"nn": nn, "torch": torch}))  # noqa: S307 - see PARTS


def family_row(family: str) -> dict[str, Any] | None:
    """The first class of a family that can be built with its default configuration."""
    for head in HEADS:
        found = getattr(modeling_auto, head).get(family)
        name = found if isinstance(found, str) or found is None else found[0]
        if name is None or not hasattr(transformers, name):
            continue
        try:
            with torch.device("meta"):
                cls = getattr(transformers, name)
                model = cls._from_config(CONFIG_MAPPING[family]())
        except Exception as error:  # noqa: BLE001 - some lack a package, some a default
            print(family, name, repr(error)[:100])
            continue
        return row(family, model)
    return None


def row(name: str, module: nn.Module) -> dict[str, Any]:
    """What is stored of a module."""
    state = module.state_dict()
    places: dict[int, list[str]] = {}
    for path, parameter in module.named_parameters(remove_duplicate=False):
        places.setdefault(id(parameter), []).append(path)
    tables = {name for name, one in module.named_modules() if isinstance(one, nn.Embedding)}
    shared = [
        paths
        for paths in places.values()
        if len(paths) > 1 and any(path.removesuffix(".weight") in tables for path in paths)
    ]
    buffers = module.named_buffers(remove_duplicate=False)
    return {
        "name": name,
        "text": str(module),
        "total": sum(parameter.numel() for parameter in module.parameters()),
        "buffers": sum(buffer.numel() for path, buffer in buffers if path in state),
        "tied": bool(shared),
        "tensors": [[path, list(tensor.shape)] for path, tensor in state.items()][:40],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
