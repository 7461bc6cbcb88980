"""Both ends of a network. What is expected is counted by hand: tables of 10 rows, 2 or 3 wide."""

from __future__ import annotations

from typing import Any

import pytest

import paramcalc

TABLES = {
    "first": "Embedding(10, 2)",
    "second": "Embedding(10, 2)",
    "other": "Embedding(10, 3)",
    "head": "Linear(2, 10)",
    "wide": "Linear(3, 10)",
}


@pytest.mark.parametrize(
    ("embeddings", "tied", "expected"),
    [
        ({"input": "first"}, {}, (20, 0, False)),
        ({"input": "first", "output": "head"}, {}, (20, 20, False)),
        ({"input": "first", "output": "head"}, {"head.weight": "first.weight"}, (20, 0, True)),
        # A head that is stored in another table than the input one, and an input table that is.
        ({"input": "first", "output": "wide"}, {"wide.weight": "other.weight"}, (20, 30, False)),
        ({"input": "first", "output": "wide"}, {"first": "second"}, (20, 30, False)),
        (
            {"input": "first", "output": "head"},
            {"first": "second", "head.weight": "second.weight"},
            (20, 0, True),
        ),
    ],
)
def test_ends(
    embeddings: dict[str, str], tied: dict[str, str], expected: tuple[int, int, bool]
) -> None:
    tree: dict[str, Any] = {"modules": TABLES, "embeddings": embeddings, "tied": tied}

    assert paramcalc.load(tree).parameters.embeddings == expected


def test_ends_of_nested_networks() -> None:
    """The head of an encoder and a decoder is the decoder's, stored in the decoder's own table."""
    bert = {
        "vocab_size": 10,
        "hidden_size": 4,
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "intermediate_size": 4,
    }
    tree = {
        "config": {"reader": {"nested": "bert"}, "writer": {"nested": "bert"}},
        "modules": {
            "encoder": "architecture(reader, 'BertModel')",
            "decoder": "architecture(writer, 'BertLMHeadModel')",
        },
        "embeddings": {"input": "encoder", "output": "decoder"},
    }

    model = paramcalc.load(tree, overrides={"reader": bert, "writer": bert | {"vocab_size": 20}})

    assert model.parameters.embeddings == (40, 80, False)
