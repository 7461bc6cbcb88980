"""Layers for multi-token prediction, which transformers leaves out, against published files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import paramcalc

DATA = Path(__file__).parents[1] / "data"
ROWS: list[dict[str, Any]] = yaml.safe_load((DATA / "mtp.yaml").read_text())

UNSCALED = ("embed", "lm_head", "shared_head", "norm", ".gate.", "eh_proj", "weights_proj")
"""What DeepSeek's FP8 files leave in BF16 or F32."""


def scales(model: paramcalc.Model) -> int:
    """FP8 scales of DeepSeek's files: one for each block of 128 by 128."""
    quantized = [
        group
        for group in model.groups
        if group.trained
        and len(group.shape) == 2
        and not any(word in group.template for word in UNSCALED)
    ]
    return sum(
        -(-group.shape[0] // 128) * -(-group.shape[1] // 128) * group.count for group in quantized
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_published_count(row: dict[str, Any]) -> None:
    model = paramcalc.load(row["config"], mtp=True)
    counts = model.parameters
    others = row.get("scales", 0)

    assert (counts.total, counts.mtp) == (row["parameters"], row["mtp"])
    if "stored" in row:
        assert counts.stored + (scales(model) if others == "blocks" else others) == row["stored"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_without_those_layers(row: dict[str, Any]) -> None:
    counts = paramcalc.load(row["config"]).parameters

    assert (counts.total, counts.mtp) == (row["parameters"] - row["mtp"], 0)
