"""What tools/index_models.py makes of the catalogue stands in data/ as it is today."""

from __future__ import annotations

import json

import pytest

from paramcalc.catalogue.models import NAMES, nearest_dense
from tools.index_models import DATA, texts

TEXTS = texts()


@pytest.mark.parametrize("file", TEXTS)
def test_the_index_is_fresh(file: str) -> None:
    assert (DATA / file).read_text("utf-8") == TEXTS[file], "run python tools/index_models.py"


@pytest.mark.parametrize(
    ("size", "name"),
    [
        (70 * 10**9, "llama-3.1-70b"),  # of all with 70,553,706,496, with the longest context
        (405 * 10**9, "llama-3.1-405b"),
        (10**12, None),  # no dense model is near
    ],
)
def test_the_nearest_dense_model(size: int, name: str | None) -> None:
    assert nearest_dense(size) == name


def test_dense_decoders_have_a_cache_that_grows() -> None:
    dense = json.loads((DATA / NAMES).read_text("utf-8"))["dense"]
    assert "mixtral-8x7b" not in dense  # a mixture of experts
    assert "mamba-130m" not in dense  # a state of fixed size
    assert "bert-base" not in dense  # an encoder
