"""Results as JSON documents: exact integers, units in the keys, absent is null."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from paramcalc.core.breakdown import (
    Line,
    Node,
    by_category,
    by_kind,
    by_layer,
    by_tensor,
    group_name,
    module_tree,
    outline,
)
from paramcalc.core.fit import Fit, PrecisionFit
from paramcalc.core.memory import Memory
from paramcalc.core.model import Model
from paramcalc.core.trace import Step
from paramcalc.core.weights import FileSize, Precision, Share

Record = dict[str, Any]
BREAKDOWNS = ("module", "layer", "kind", "tensor")


def identity(model: Model, exactness: str | None = None) -> Record:
    """The keys that every result begins with."""
    return {
        "model": model.name,
        "architecture": model.architecture,
        "exactness": exactness or model.exactness,
        "source": model.source,
        "assumed": model.assumed is not None,
    }


def parameters(model: Model) -> Record:
    """Counts in elements; all null where nothing is published."""
    counts = model.parameters
    known = not model.is_undisclosed
    keys = (
        "total",
        "active",
        "active_no_input_embedding",
        "active_no_embedding",
        "embedding",
        "non_embedding",
        "trained",
        "buffers",
        "stored",
        "mtp",
    )
    record: Record = {key: getattr(counts, key) if known else None for key in keys}
    if not model.is_counted:
        # Of a bare size nothing but the total is known.
        record |= dict.fromkeys(("active", "embedding", "non_embedding", "buffers", "mtp"))
    record["total_range"] = list(counts.total_range) if counts.total_range else None
    return record


def count(
    model: Model,
    *,
    by: str = "module",
    expand: bool = False,
    sizes: Sequence[tuple[str, int]] = (),
    steps: Sequence[Step] | None = None,
    lora: Record | None = None,
) -> Record:
    """The document of ``count``; ``sizes`` are bytes by precision, ``lora`` an adapter's part."""
    known = model.is_counted
    return identity(model) | {
        "parameters": parameters(model),
        "tensors": model.tensor_count if known else None,
        "modules": [module(node) for node in outline(module_tree(model))] if known else [],
        "categories": by_category(model) if known else None,
        "by": by,
        "rows": rows(model, by, expand=expand) if by != "module" and known else None,
        "tensor_list": tensor_list(model) if by == "tensor" and expand else None,
        "ties": [
            {"template": tie.template, "target": tie.target, "numel": tie.numel}
            for tie in model.ties
        ],
        "weights": [{"precision": name, "weights_bytes": size} for name, size in sizes],
        "steps": step_list(steps),
        "lora": lora,
    }


def module(node: Node) -> Record:
    """One module; ``count`` is how often it repeats in its parent, ``parameters`` are of all."""
    return {
        "name": node.name,
        "parameters": node.numel,
        "count": node.count,
        "modules": [module(child) for child in node.children.values()],
    }


def rows(model: Model, by: str, *, expand: bool = False) -> list[Record]:
    """The rows of another breakdown than the one by module."""
    if by == "tensor":
        return [
            {
                "name": name,
                "shape": [int(size) for size in group.shape],
                "count": group.count,
                "parameters": group.numel,
                "role": group.role,
            }
            for name, group in by_tensor(model)
        ]
    found: Iterable[Line] = by_kind(model) if by == "kind" else by_layer(model, expand=expand)
    return [
        {"name": line.name, "parameters": line.numel, "tensors": line.tensors} for line in found
    ]


def tensor_list(model: Model) -> list[Record]:
    """Every stored tensor by its name."""
    return [
        {"name": t.name, "shape": list(t.shape), "numel": t.numel, "role": t.role}
        for t in model.tensors()
    ]


def step_list(steps: Sequence[Step] | None) -> list[Record] | None:
    """The arithmetic, one record a step; null if it was not asked for."""
    if steps is None:
        return None
    return [step._asdict() | {"values": dict(step.values)} for step in steps]


def assumptions(memory: Memory) -> Record:
    """What the figures take for granted."""
    record = memory.assumptions._asdict()
    record["left_out"] = list(memory.assumptions.left_out)
    return record


def memory(
    model: Model,
    rows: Sequence[Memory],
    *,
    explain: bool = False,
    sparsity: Record | None = None,
    tensors: Sequence[Sequence[Record]] | None = None,
) -> Record:
    """The document of ``memory``: one row for each precision; ``tensors`` of each, if asked for."""
    lists: Sequence[Sequence[Record] | None] = tensors or [None] * len(rows)
    exact = all(row.total.exactness == model.exactness for row in rows)
    return identity(model, model.exactness if exact else _weaker(model)) | {
        "parameters": parameters(model),
        "precisions": [memory_row(row) | {"tensors": of} for row, of in zip(rows, lists)],
        "assumptions": assumptions(rows[0]),
        "sparsity": sparsity,
        "steps": step_list([s for row in rows for s in row.steps]) if explain else None,
    }


def _weaker(model: Model) -> str:
    return "reported" if model.exactness == "reported" else "estimated"


def memory_row(row: Memory) -> Record:
    """One precision; ``total_range_bytes`` is what the estimated parts leave open."""
    return {
        "precision": row.precision,
        "weights_bytes": row.weights_bytes,
        "bits_per_weight": row.bits_per_weight,
        "kv_cache_bytes": row.kv_cache_bytes,
        "state_bytes": row.state_bytes,
        "buffer_bytes": row.buffer_bytes,
        "overhead_bytes": row.overhead_bytes,
        "total_bytes": row.total_bytes,
        "total_range_bytes": list(row.total_range),
        "unquantized_share": round(row.kept, 6),
        "formats": [share_record(share) for share in row.shares],
        "remarks": list(row.remarks),
        "file": file_record(row.file),
    }


def file_record(file: FileSize | None) -> Record | None:
    """How large a file is: its tensors exactly, what stands before them as a range."""
    if file is None:
        return None
    low, _, high = file.header
    return {
        "data_bytes": file.data,
        "header_range_bytes": [low, high],
        "file_bytes": file.total,
        "source": file.source,
    }


def share_record(share: Share) -> Record:
    """What of the weights is stored in one format; elements and bytes."""
    return {
        "format": share.format,
        "tensors": share.tensors,
        "elements": share.numel,
        "bytes": share.bytes,
    }


def stored_tensors(model: Model, precision: Precision) -> list[Record]:
    """The tensors as a precision stores them, equal ones together."""
    return [
        {
            "name": group_name(group),
            "shape": [int(size) for size in group.shape],
            "count": int(group.count),
            "format": storage.name,
            "bytes": int(group.count) * int(storage.tensor_bytes(group.shape, group.kind)),
        }
        for group, storage in precision.assign(model)
    ]


def fit(answer: Fit, *, explain: bool = False, sparsity: Record | None = None) -> Record:
    """The document of ``fit``: the verdict, and each precision on its own."""
    steps = [s for row in answer.precisions for s in row.memory.steps]
    return identity(answer.model, _weaker(answer.model)) | {
        "gpu": answer.device.name,
        "gpu_memory_bytes": answer.device.memory_bytes,
        "gpu_source": answer.device.source,
        "gpus": answer.gpus,
        "fits": answer.fits,
        "precision": answer.precision,
        "precisions": [fit_row(row) for row in answer.precisions],
        "lower": fit_row(answer.lower) if answer.lower else None,
        "model_context_tokens": answer.model.context,
        "assumptions": assumptions(answer.precisions[0].memory),
        "sparsity": sparsity,
        "steps": step_list(steps) if explain else None,
    }


def fit_row(row: PrecisionFit) -> Record:
    """One precision: what it needs, what there is, and how far it would go."""
    plain = memory_row(row.memory)
    for key in (
        "total_bytes",
        "total_range_bytes",
        "bits_per_weight",
        "formats",
        "remarks",
        "file",
    ):
        del plain[key]
    del plain["unquantized_share"]
    return {"precision": plain.pop("precision"), "fits": row.fits, **plain} | {
        "needed_bytes": row.needed_bytes,
        "needed_range_bytes": list(row.memory.total_range),
        "available_bytes": row.available_bytes,
        "gpus_needed": row.gpus_needed,
        "max_context_tokens": row.max_context_tokens,
        "max_batch": row.max_batch,
    }
