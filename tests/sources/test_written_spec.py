"""A model written down as a spec is counted as it was: names, shapes, ties, caches and all.

The models are those of every architecture, of specs, print-outs and checkpoints; whether these are
right is asked elsewhere.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

import paramcalc
from paramcalc.catalogue import strict_yaml
from paramcalc.catalogue.architectures import architecture_names, find_spec
from paramcalc.catalogue.yaml_text import written
from paramcalc.core.grouping import StoredTensor, grouped
from paramcalc.core.model import Model, Tied
from paramcalc.core.writing.document import document_of
from paramcalc.errors import ParamcalcError
from paramcalc.sources.layer_spec import model_from_text
from paramcalc.sources.printout import model_from_printout
from tests.sources.test_gguf import attention, dense, ends, heads, write, zeros
from tests.sources.test_safetensors import FAMILIES as CHECKPOINTS
from tests.sources.test_safetensors import write_model

ROOT = Path(__file__).parents[1]
PRINTED: list[dict[str, Any]] = json.loads(
    gzip.decompress((ROOT / "data" / "printouts.json.gz").read_bytes())
)["families"]
EXAMPLES = [name for name in architecture_names() if find_spec(name).example]


def text_of(model: Model) -> str:
    return written(document_of(model))


def single_ties(ties: tuple[Tied, ...]) -> Iterator[tuple[str, str]]:
    for tie in ties:
        count = tie.template.count("{}")
        axes = tie.group.indices[len(tie.group.indices) - count :] if tie.group and count else ()
        yield from ((tie.template.format(*i), tie.target.format(*i)) for i in product(*axes))


def facts(model: Model) -> dict[str, Any]:
    """Whatever a figure depends on, in no order."""
    caches: Counter[Any] = Counter()
    numel: Counter[Any] = Counter()
    for cache in model.caches:
        caches[cache._replace(count=1)] += cache.count
    for group in model.groups:
        numel[group.category, group.dtype] += group.numel
    return {
        "parameters": model.parameters._replace(mtp=0),
        "tensors": sorted(model.tensors()),
        "ties": sorted(single_ties(model.ties)),
        "caches": caches,
        "context": model.context,
        "categories": numel,
    }


def check(model: Model, **different: Any) -> str:
    text = text_of(model)
    assert strict_yaml.load(text, "spec.yaml") == document_of(model)
    assert facts(model_from_text(text, "spec.yaml")) == facts(model) | different
    return text


def examples(names: list[str]) -> Iterator[Model]:
    for name in names:
        yield paramcalc.load({**find_spec(name).example, "model_type": name})


@pytest.mark.parametrize("letter", sorted({name[0] for name in EXAMPLES}))
def test_every_architecture(letter: str) -> None:
    for model in examples([name for name in EXAMPLES if name[0] == letter]):
        check(model)


@pytest.mark.parametrize("name", ["deepseek-v3", "gemma-3-27b", "zamba2-7b", "t5-small"])
def test_published_models(name: str) -> None:
    check(paramcalc.load(name))


@pytest.mark.parametrize("row", PRINTED[::6], ids=lambda row: row["name"])
def test_print_outs(row: dict[str, Any]) -> None:
    check(model_from_printout(row["text"], "print.txt"))


@pytest.mark.parametrize("path", sorted((ROOT / "specs" / "positive").glob("*.yaml")), ids=str)
def test_specs(path: Path) -> None:
    try:
        model = paramcalc.load(path)
    except ParamcalcError:
        pytest.skip("extends a file of the tests' own")
    check(model)


@pytest.mark.parametrize("config", CHECKPOINTS[:3], ids=lambda config: config["model_type"])
def test_a_checkpoint_in_safetensors(tmp_path: Path, config: dict[str, Any]) -> None:
    write_model(tmp_path, config)

    text = check(paramcalc.load(tmp_path))

    assert "q_proj: Linear(64, 64, bias=False)" in text


def test_tensors_that_no_architecture_knows(tmp_path: Path) -> None:
    shapes = {
        "encoder.0.weight": (8, 4),
        "encoder.0.bias": (8,),
        "encoder.2.weight": (2, 8),
        "encoder.2.bias": (3,),  # not that of a layer
        "norm.weight": (8,),
        "scale": (),
        "blocks.0.0.proj.weight": (4, 4),
        "blocks.0.1.proj.weight": (4, 4),
        "blocks.1.0.proj.weight": (4, 4),
    }
    tensors = {name: np.zeros(shape, np.float16) for name, shape in shapes.items()}
    tensors["steps"] = np.zeros((), np.int64)
    save_file(tensors, tmp_path / "some.safetensors")

    model = paramcalc.load(tmp_path / "some.safetensors")
    tree = document_of(model)["modules"]

    found = facts(model_from_text(text_of(model), "spec.yaml"))
    # A file calls the format of its counters otherwise.
    assert found | {"categories": None} == facts(model) | {"categories": None}
    assert tree["encoder"]["0"] == "Linear(4, 8)"
    assert tree["encoder"]["2"] == {"weight": "Parameter(2, 8)", "bias": "Parameter(3)"}
    assert tree["norm"] == "LayerNorm(8, bias=False)"  # by its name
    assert tree["steps"] == "Buffer(dtype='int64')"
    assert tree["blocks"]["0[2]"] == {"proj": "Linear(4, 4, bias=False)"}


def test_a_gguf_file(tmp_path: Path) -> None:
    experts = {
        "blk.0.ffn_gate_inp.weight": zeros(4, 64),
        "blk.0.ffn_up_exps.weight": zeros(4, 8, 64),
    }

    def used(writer: Any) -> None:
        writer.add_expert_count(4)
        writer.add_expert_used_count(2)

    path = write(tmp_path / "model.gguf", dense() | experts, heads(), used)
    text = check(paramcalc.load(path))

    assert "output.weight: token_embd.weight" in text
    assert "$cache: attention(kv_heads=2, head_dim=16, v_head_dim=16)" in text
    assert "$active: 2" in text


def test_layers_of_a_gguf_file_that_slide_in_turn(tmp_path: Path) -> None:
    tensors = ends() | {k: v for n in range(6) for k, v in attention(n).items()}

    def window(writer: Any) -> None:
        writer.add_sliding_window(8)

    path = write(tmp_path / "model.gguf", tensors, heads(), window, arch="gemma2")
    text = check(paramcalc.load(path))

    assert (
        "$cache if i % 2 == 0: attention(kv_heads=2, head_dim=16, v_head_dim=16, window=8)" in text
    )


# --- what it looks like ---------------------------------------------------------------------------


def modules(text: str) -> Any:
    return document_of(model_from_text(text, "spec.yaml"))["modules"]


ALONE: list[tuple[str, str]] = [
    # Layers keep what the tensors do not tell; defaults are left out.
    ("conv: Conv2d(3, 8, kernel_size=3, stride=2, bias=True)", "as it stands, less bias=True"),
    ("norm: GroupNorm(4, 32)", ""),
    ("rnn: LSTM(8, 16, num_layers=2, bidirectional=True)", ""),
    ("attention: MultiheadAttention(64, 4)", ""),
    ("layers[3]:\n  fc: Linear(4, 4)", ""),
    ("layers[2:5]:\n  fc: Linear(4, 4)", ""),
    ("scales[3]: Parameter(4)", ""),
    ("net:\n  '0': Linear(4, 4)\n  '2': Linear(4, 4)", ""),
    ("experts[8]:\n  $active: 2\n  up: Linear(4, 4)", ""),
    ("expert_[8]:\n  $active: 2\n  up: Linear(4, 4)", ""),
    ("experts:\n  $active: 2\n  up: Parameter(8, 4, 4)\n  down: Parameter(8, 4, 4)", ""),
    ("gate: Linear(4, 8, bias=False)\ngate.correction: Buffer(8)", ""),
    ("positions: Parameter(1, 8, 4, kind='Embedding')", ""),
    ("attn:\n  $cache: ['attention(2, 8)', 'attention(2, 8)']\n  q: Linear(4, 4)", ""),
    ("layers[8]:\n  n: RMSNorm(4)\n  a if i % 4 == 3: Linear(4, 4)", ""),
    ("layers[8]:\n  n: RMSNorm(4)\n  a if i < 3: Linear(4, 4)\n  a if i >= 3: Linear(4, 8)", ""),
    ("layers[8]:\n  n: RMSNorm(4)\n  a if 2 <= i < 5: Linear(4, 4)", ""),
    ("layers[8]:\n  n: RMSNorm(4)\n  a if i in [0, 1, 5]: Linear(4, 4)", ""),
    ("layers[8]:\n  n: RMSNorm(4)\n  a if i != 5: Linear(4, 4)", ""),
    (
        "a[4]:\n  n: RMSNorm(4)\n  b[j in 3] if i < 2:\n    n: PReLU(4)\n    c if j < 2: PReLU(2)",
        "",
    ),
]


@pytest.mark.parametrize(("text", "note"), ALONE)
def test_it_is_written_as_a_person_would(text: str, note: str) -> None:
    wanted = text.replace(", bias=True", "") if note else text

    assert modules(text) == strict_yaml.load(wanted, "spec.yaml")


def test_a_whole_module_is_tied_as_one() -> None:
    text = """
modules:
  layers[4]:
    norm: RMSNorm(4)
    mlp:
      up: Linear(4, 8)
      down: Linear(8, 4)
tied:
  layers[1:4].mlp: layers[0].mlp
"""
    model = model_from_text(text, "spec.yaml")
    document = document_of(model)

    assert document["modules"] == strict_yaml.load(text, "")["modules"]
    assert document["tied"] == {f"layers.{n}.mlp": "layers.0.mlp" for n in (1, 2, 3)}
    check(model)


def test_a_mere_size_has_no_layers() -> None:
    with pytest.raises(ParamcalcError, match="only the size is known"):
        document_of(paramcalc.load("7b"))


def test_a_name_that_the_language_cannot_say(tmp_path: Path) -> None:
    save_file({"a/b": np.zeros(3, np.float16)}, tmp_path / "x.safetensors")

    with pytest.raises(ParamcalcError, match="cannot be written in a layer spec"):
        document_of(paramcalc.load(tmp_path / "x.safetensors"))


# --- whatever tensors there are -------------------------------------------------------------------

PART = st.sampled_from(["a", "b", "e_", "weight", "bias", "0", "1", "2", "3", "7"])
NAMES = st.lists(PART, min_size=1, max_size=5).map(".".join)
SHAPES = st.sampled_from([(), (4,), (8, 4), (2, 2, 3)])


@given(st.dictionaries(NAMES, st.tuples(SHAPES, st.booleans()), min_size=1, max_size=12))
def test_any_tensors_come_back(found: dict[str, tuple[tuple[int, ...], bool]]) -> None:
    rows = [
        StoredTensor(name, shape, "F16", 0, "Parameter" if trained else "Buffer", trained)
        for name, (shape, trained) in found.items()
    ]
    model = Model("some", tuple(grouped(rows)))

    again = model_from_text(text_of(model), "spec.yaml")

    assert sorted(again.tensors()) == sorted(model.tensors())
