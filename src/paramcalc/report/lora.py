"""What an adapter comes to: the page of ``count --lora``, and its part of the document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paramcalc.core.breakdown import module_tree, outline
from paramcalc.core.lora import FILE_TYPES, Adapter
from paramcalc.core.trace import Step
from paramcalc.report import records
from paramcalc.report.count import assumed, fetched
from paramcalc.report.count import page as count_page
from paramcalc.report.page import Page
from paramcalc.units import plural, short_bytes

_FILE = "adapter_model.safetensors"


def page(
    adapter: Adapter,
    *,
    by: str = "module",
    expand: bool = False,
    depth: int = 2,
    steps: Sequence[Step] | None = None,
    gib: bool = False,
) -> Page:
    """The breakdown of the adapter, its share of all parameters, and the bytes of its file."""
    # The prefix of the file's names tells nothing where modules are shown.
    shown = adapter.model if by == "tensor" else adapter.network
    found = count_page(shown, by=by, expand=expand, depth=depth, steps=steps)
    return found._replace(
        heading=_heading(adapter), lines=_lines(adapter, gib), notes=_notes(adapter)
    )


def _heading(adapter: Adapter) -> str:
    options, base = adapter.options, adapter.base
    chosen = "" if options.targets else " (peft's choice)"
    what = "DoRA" if options.dora else "LoRA"
    parts = [
        base.name,
        base.architecture or "",
        f"{what} of rank {int(options.rank)} for {', '.join(adapter.targets)}{chosen}",
        f"with {', '.join(options.save)}" if options.save else "",
    ]
    return " · ".join(dict.fromkeys(part for part in parts if part))


def _lines(adapter: Adapter, gib: bool) -> list[str]:
    trained, every = int(adapter.parameters), int(adapter.all_parameters)
    beside = int(adapter.model.parameters.buffers)
    sizes = " · ".join(_size(adapter, name, gib=gib) for name in FILE_TYPES)
    tensors = plural(int(adapter.tensors), "tensor")
    return [
        f"trained {trained:,} of {every:,}, which is {adapter.share:.4%}, in {tensors}",
        *([f"saved beside them, not trained: {beside:,} (whole tables)"] if beside else []),
        f"{_FILE}: {sizes}",
    ]


def _size(adapter: Adapter, precision: str, *, gib: bool) -> str:
    size = adapter.file_bytes(precision)
    if size is None:
        size = adapter.tensor_bytes(precision)
        return f"{precision} {short_bytes(size, gib=gib)} ({size:,} bytes without the header)"
    return f"{precision} {short_bytes(size, gib=gib)} ({size:,} bytes)"


def _notes(adapter: Adapter) -> list[str]:
    return [
        *assumed(adapter.base),
        "peft keeps an adapter in fp32 unless autocast_adapter_dtype=False",
        f"source: {adapter.source}",
        *fetched(adapter.base),
    ]


def record(adapter: Adapter, *, by: str = "module", expand: bool = False) -> dict[str, Any]:
    """The adapter's part of the document of ``count``."""
    model, options = adapter.model, adapter.options
    shown = model if by == "tensor" else adapter.network
    return {
        "rank": int(options.rank),
        "targets": list(adapter.targets),
        "targets_given": bool(options.targets),
        "dora": options.dora,
        "saved_modules": list(options.save),
        "parameters": int(adapter.parameters),
        "all_parameters": int(adapter.all_parameters),
        "share": adapter.share,
        "tensors": int(adapter.tensors),
        "stored": int(model.parameters.stored),
        "tensor_bytes": {name: adapter.tensor_bytes(name) for name in FILE_TYPES},
        "file_bytes": {name: adapter.file_bytes(name) for name in FILE_TYPES},
        "modules": [records.module(node) for node in outline(module_tree(adapter.network))],
        "rows": records.rows(shown, by, expand=expand) if by != "module" else None,
        "tensor_list": records.tensor_list(model) if by == "tensor" and expand else None,
        "source": adapter.source,
    }
