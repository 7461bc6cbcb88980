"""What a transformers model on the meta device owns, counted as paramcalc counts."""

# ruff: noqa: E402 - transformers reads the environment when it is imported

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("USE_HUB_KERNELS", "0")
warnings.filterwarnings("ignore")

import torch
from torch import nn
from transformers.core_model_loading import revert_weight_conversion
from transformers.modeling_utils import remove_tied_weights_from_state_dict

logging.disable(logging.CRITICAL)  # advice on tokens outside of a small vocabulary

# Where the configurations say how many experts run for a token, and how many there are.
RUNNING = (
    *("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k", "top_k", "moe_k"),
    *("num_selected_experts", "experts_per_token", "top_k_experts", "moe_num_active_experts"),
    *("num_active_experts", "expert_topk", "moe_router_topk", "num_local_experts_per_tok"),
    *("router_top_k", "topk", "n_activated_experts"),
)
RUNNING_ALONE = tuple(name for name in RUNNING if name not in ("top_k", "topk"))  # of sampling
EXPERTS = (
    *("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"),
    *("num_routed_experts", "n_experts", "moe_num_primary_experts"),
)
LANGUAGE = ("text_config", "thinker_config", "llm_config", "language_config", "decoder")
LISTS = ("experts", "routed_experts", "local_experts")


def build(cls: Any, config: Any) -> Any:
    """The model of a class, without memory for its tensors."""
    with torch.device("meta"):
        return cls._from_config(config)


def measure(model: Any) -> dict[str, Any]:
    """All that is compared; see comparison.py."""
    places = list(model.named_parameters(remove_duplicate=False))
    total = sum(parameter.numel() for parameter in model.parameters())
    tensors = stored(model)
    state = model.state_dict()
    buffers = sum(b.numel() for n, b in model.named_buffers(remove_duplicate=False) if n in state)
    return {
        "tensors": {name: list(shape) for name, shape in tensors.items()},
        "total": total,
        "tied_twice": sum(parameter.numel() for _, parameter in places),
        "embedding": tables(model),
        "buffers": buffers,
        "active": active(model, total),
        "ends": ends(model),
    }


def end(model: Any, method: str) -> Any:
    """The module of the input table or the output head, or None."""
    try:
        found = getattr(model, method)()
    except Exception:  # noqa: BLE001 - classes without one raise what they like
        return None
    return found if getattr(found, "weight", None) is not None else None


def is_table(module: Any) -> bool:
    """Whether a module looks its rows up.

    Networks that see or hear call their first convolution an embedding, and it is none; nor are
    the norms of a network whose own name begins so.
    """
    name = type(module).__name__
    named_so = "Embedding" in name and not name.endswith("Norm") and not list(module.children())
    return isinstance(module, nn.Embedding) or named_so


def ends(model: Any) -> list[Any] | None:
    """Elements of the input table, those of the output head, whether the two are one."""
    table, head = end(model, "get_input_embeddings"), end(model, "get_output_embeddings")
    if table is None or not is_table(table):
        return None
    tied = head is not None and head.weight is table.weight
    return [table.weight.numel(), None if head is None else head.weight.numel(), tied]


def stored(model: Any) -> dict[str, tuple[int, ...]]:
    """Shapes by name in the layout of a checkpoint, which has each tied tensor once."""
    state = dict(model.state_dict())
    for name in model._keys_to_ignore_on_save or ():  # noqa: SLF001 - as save_pretrained does
        state.pop(name, None)
    state = remove_tied_weights_from_state_dict(state, model)
    return {name: tuple(t.shape) for name, t in revert_weight_conversion(model, state).items()}


def tables(model: Any) -> int:
    """Parameters of lookup tables; tied ones once."""
    found: dict[int, int] = {}
    for module in filter(is_table, model.modules()):
        found |= {id(p): p.numel() for p in module.parameters(recurse=False)}
    return sum(found.values())


def active(model: Any, total: int) -> Any:
    """Parameters that run for a token; None where experts are but nothing says how many run."""
    routed = {id(p): (p.numel(), experts) for p, experts in experts_of(model)}
    if not routed:
        return total
    running = experts_per_token(model.config)
    if running is None:
        return None
    return total - sum(
        numel - numel * min(running, experts) // experts for numel, experts in routed.values()
    )


def experts_of(model: Any) -> Iterator[tuple[Any, int]]:
    """Each tensor of routed experts and how many experts share it or stand in its list."""
    for name, module in model.named_modules():
        kind, last = type(module).__name__, name.rpartition(".")[2]
        if isinstance(module, (nn.ModuleList, nn.ModuleDict)):
            if last in LISTS or kind.endswith("Experts"):
                yield from ((parameter, len(module)) for parameter in module.parameters())
        elif "hared" in last:
            continue
        elif kind.endswith(("Experts", "ExpertGLU", "ExpertsGLU")):
            yield from fused(module)
        elif last in LISTS[:2]:  # may hold a router too
            yield from (found for found in fused(module) if found[0].dim() == 3)


def fused(module: Any) -> Iterator[tuple[Any, int]]:
    """The tensors of a module whose first dimension counts experts."""
    names = (name for name in EXPERTS if isinstance(getattr(module, name, None), int))
    count = next((getattr(module, name) for name in names), None)
    for parameter in module.parameters():
        first = parameter.shape[0] if parameter.dim() else 0
        if parameter.dim() == 3:
            yield parameter, first
        elif count and (first == count or (parameter.dim() == 2 and first % count == 0)):
            yield parameter, count


def experts_per_token(config: Any) -> int | None:
    """How many experts run, from the innermost configuration that says so."""
    if config is None:
        return None
    for name in LANGUAGE:
        inner = getattr(config, name, None)
        if hasattr(inner, "to_dict") and (found := experts_per_token(inner)) is not None:
            return found
    counted = any(getattr(config, name, None) is not None for name in EXPERTS)
    for name in RUNNING if counted else RUNNING_ALONE:
        value = getattr(config, name, None)
        if isinstance(value, (list, tuple)) and len(set(value)) == 1:
            value = value[0]
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None
