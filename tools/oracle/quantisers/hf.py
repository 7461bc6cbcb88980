"""What transformers itself quantises: fine-grained FP8, bitnet, EETQ, HIGGS, FBGEMM and the like.

Most need a GPU to compute, but none to say what they store: either the weights are quantised on a
CPU with the check of the environment taken out, or the modules are replaced on the meta device
(``way: meta``) and their buffers are what is stored.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tools.oracle.quantisers.common import (
    MODELS,
    Case,
    auto_class,
    cases_of,
    configuration,
    write,
    write_shapes,
)

PACKAGE = "transformers"
DENSE = ["llama", "llama-wide", "llama-odd", "qwen3", "opt"]
ON_CPU: list[dict[str, Any]] = [
    {"config": "FineGrainedFP8Config"},
    {"config": "FineGrainedFP8Config", "weight_block_size": None},
]
FP8: list[dict[str, Any]] = [{"config": "FineGrainedFP8Config", "way": "meta"}]
ON_META: list[dict[str, Any]] = [
    {"config": "FineGrainedFP8Config", "activation_scheme": "static", "way": "meta"},
    {"config": "FineGrainedFP8Config", "weight_block_size": [64, 32], "way": "meta"},
    {
        "config": "FineGrainedFP8Config",
        "modules_to_not_convert": ["lm_head", "down_proj"],
        "way": "meta",
    },
    {"config": "FbgemmFp8Config", "way": "meta"},
    {"config": "BitNetQuantConfig", "way": "meta"},
    {"config": "EetqConfig", "way": "meta"},
    {"config": "HiggsConfig", "way": "meta"},
    {"config": "HiggsConfig", "bits": 2, "group_size": 64, "way": "meta"},
    {"config": "AqlmConfig", "linear_weights_not_to_quantize": ["lm_head"], "way": "meta"},
    {
        "config": "AqlmConfig",
        "num_codebooks": 2,
        "nbits_per_codebook": 8,
        "linear_weights_not_to_quantize": ["lm_head"],
        "way": "meta",
    },
]
NEWER: list[dict[str, Any]] = [
    {"config": "FineGrainedFP8Config", "scale_fmt": "ue8m0", "way": "meta"},
    {"config": "MetalConfig", "way": "meta"},
    {"config": "MetalConfig", "bits": 8, "group_size": 32, "way": "meta"},
]
IN_HALVES = ("HiggsConfig", "AqlmConfig", "EetqConfig")
IS_OLD = version("transformers").startswith("4.")


def cases() -> Iterator[Case]:
    """Experts are linear layers up to transformers 4, so that is asked too."""
    yield from cases_of(FP8, MODELS, make)
    yield from cases_of(ON_META, [*DENSE, "mixtral"], make)
    if IS_OLD:
        # Newer versions rename the stored tensors while they load.
        yield from cases_of([{"config": "Mxfp4Config", "way": "meta"}], ["gpt_oss"], make)
    else:
        # Blocks have to fit here: 256 and 768 are whole blocks of 128.
        yield from cases_of(ON_CPU, ["llama-wide", "qwen3", "opt", "mixtral"], make)
        # Metal's packing cuts off what fills no word: 444 is none of its widths.
        yield from cases_of(NEWER, ["llama", "llama-wide", "qwen3", "opt"], make)


def without_kernels() -> None:
    """The modules ask for kernels when they are made; nothing here calls one."""
    import torch

    if not hasattr(torch.ops.fbgemm, "quantize_fp8_per_row"):
        torch.library.define("fbgemm::quantize_fp8_per_row", "(Tensor x) -> Tensor")
    if IS_OLD:
        import kernels as hub
        from transformers.integrations import eetq

        eetq.nn = torch.nn
    else:
        from transformers.integrations import hub_kernels as hub
    hub.get_kernel = lambda *_, **__: None


def make(model: str, options: dict[str, Any]) -> Callable[[Path], Any]:
    import transformers
    from transformers.quantizers import AutoHfQuantizer

    def quantization() -> Any:
        given = {key: value for key, value in options.items() if key not in ("config", "way")}
        return getattr(transformers, options["config"])(**given)

    def on_cpu(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as plain:
            write(model, Path(plain))
            chosen = quantization()
            kind = type(AutoHfQuantizer.from_config(chosen, pre_quantized=False))
            kind.validate_environment = lambda *_, **__: None
            built = auto_class(model).from_pretrained(
                plain, quantization_config=chosen, device_map="cpu", dtype="bfloat16"
            )
            built.save_pretrained(folder)

    def on_meta(folder: Path) -> None:
        import torch

        without_kernels()
        dtype = torch.float16 if options["config"] in IN_HALVES else torch.bfloat16
        torch.set_default_dtype(dtype)
        try:
            with torch.device("meta"):
                built = auto_class(model).from_config(configuration(model), dtype=dtype)
            quantizer = AutoHfQuantizer.from_config(quantization(), pre_quantized=True)
            quantizer.preprocess_model(built, **({} if IS_OLD else {"use_kernels": True}))
        finally:
            torch.set_default_dtype(torch.float32)
        state = stored_state(built, quantizer)
        built.config.quantization_config = quantizer.quantization_config
        built.config.dtype = dtype
        built.config.save_pretrained(folder)
        write_shapes(state, folder)

    return on_meta if options.get("way") == "meta" else on_cpu


def stored_state(model: Any, quantizer: Any) -> dict[str, Any]:
    """The tensors as save_pretrained names them."""
    state = dict(model.state_dict())
    if IS_OLD:
        tied = model._tied_weights_keys or [] if model.config.tie_word_embeddings else []
        return {name: value for name, value in state.items() if name not in tied}
    from transformers.core_model_loading import revert_weight_conversion
    from transformers.modeling_utils import remove_tied_weights_from_state_dict

    if special := quantizer.get_state_dict_and_metadata(model)[0]:
        state = special
    return dict(revert_weight_conversion(model, remove_tied_weights_from_state_dict(state, model)))
