"""Live modules, with stand-ins that behave like torch's and JAX's: neither is installed here.

What torch's own modules own is recorded (tools/oracle/record_layers.py).
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import paramcalc
from paramcalc import ParamcalcError

RECORDED: dict[str, Any] = json.loads(
    gzip.decompress((Path(__file__).parents[1] / "data" / "torch_layers.json.gz").read_bytes())
)


class Tensor:
    """On the meta device: a shape and a number format, no values."""

    def __init__(self, *shape: int, dtype: str = "torch.float32") -> None:
        self.shape, self.dtype = shape, dtype


class Module:
    """The part of torch.nn.Module that is asked for; tensors by their names."""

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor] | None = None,
        hidden: Mapping[str, Tensor] | None = None,
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        self.parameters, self.buffers = parameters, {**(buffers or {}), **(hidden or {})}
        self.stored = {**parameters, **(buffers or {})}
        self.kinds = kinds or {}

    def named_parameters(self, *, remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        assert not remove_duplicate
        yield from self.parameters.items()

    def named_buffers(self, *, remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        assert not remove_duplicate
        yield from self.buffers.items()

    def named_modules(self, *, remove_duplicate: bool = True) -> Iterator[tuple[str, object]]:
        assert not remove_duplicate
        yield "", self
        for name, kind in self.kinds.items():
            yield name, type(kind, (), {})()

    def state_dict(self) -> dict[str, Tensor]:
        return self.stored


TABLE = Tensor(100, 8)
NET = Module(
    {
        "embed.weight": TABLE,
        "layers.0.weight": Tensor(16, 8),
        "layers.1.weight": Tensor(16, 8),
        "norm.weight": Tensor(8),
        "head.weight": TABLE,
    },
    {"bn.num_batches_tracked": Tensor(dtype="torch.int64"), "bn.running_mean": Tensor(8)},
    {"rotary.inv_freq": Tensor(4)},
    {"embed": "Embedding", "norm": "StrangeRMSNorm", "layers.0": "Linear", "layers.1": "Linear"},
)


def test_a_module_is_counted_with_ties_and_buffers() -> None:
    model = paramcalc.load(NET)
    counts = model.parameters
    assert (counts.total, counts.buffers, counts.embedding) == (800 + 256 + 8, 9, 800)
    assert (model.name, model.exactness, model.source) == ("Module", "exact", "PyTorch module")
    assert [(t.template, t.target, t.numel) for t in model.ties] == [
        ("head.weight", "embed.weight", 800)
    ]
    assert [g.category for g in model.groups if g.trained] == ["embeddings", "weights", "norms"]


def test_equal_layers_are_folded() -> None:
    group = paramcalc.load(NET).groups[1]
    assert (group.template, group.indices, group.kind) == (
        "layers.{}.weight",
        (range(2),),
        "Linear",
    )


def test_counters_keep_their_format() -> None:
    formats = {g.template: g.dtype for g in paramcalc.load(NET).groups if not g.trained}
    assert formats == {"bn.num_batches_tracked": "int64", "bn.running_mean": None}


def test_a_module_has_memory_and_fits() -> None:
    assert paramcalc.memory(NET, "fp32").weights_bytes == 4 * (800 + 256 + 8 + 8) + 8
    assert paramcalc.fit(NET, "24gb", "bf16").fits


def test_packed_parameters_are_estimated() -> None:
    model = paramcalc.load(Module({"fc.weight": Tensor(32, 1, dtype="torch.uint8")}))
    assert (model.parameters.total, model.exactness) == (32, "estimated")
    assert "1 packed tensors are counted as they are stored" in str(model.source)


def recorded() -> Iterator[Any]:
    """One call a kind."""
    seen = set()
    for call, rows in RECORDED["accepted"].items():
        kind = call.partition("(")[0]
        if rows and kind not in seen:
            seen.add(kind)
            yield pytest.param(rows, id=kind)


@pytest.mark.parametrize("rows", list(recorded()))
def test_layers_of_torch_as_they_were_recorded(rows: list[Any]) -> None:
    tensors = {
        name: (Tensor(*shape, dtype=f"torch.{kept or 'float16'}"), trained)
        for name, shape, _, trained, kept in rows
    }
    module = Module(
        {name: tensor for name, (tensor, trained) in tensors.items() if trained},
        {name: tensor for name, (tensor, trained) in tensors.items() if not trained},
        kinds={name.rpartition(".")[0]: owner for name, _, owner, _, _ in rows},
    )
    model = paramcalc.load(module)
    expected = {(n, tuple(s), "parameter" if t else "buffer") for n, s, _, t, _ in rows}
    assert {tuple(tensor) for tensor in model.tensors()} == expected


class Lazy(Module):
    def named_parameters(self, *, remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        raise RuntimeError("an uninitialized parameter" if not remove_duplicate else "")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Lazy({}), "cannot read the module: an uninitialized parameter"),
        (Module({}), "has no tensors"),
        (Module, "cannot read a model from type"),
        (object(), "cannot read a model from object"),
        ({"a": {"b": Tensor(2)}, "c": object()}, "`c` is no array but object"),
    ],
)
def test_what_cannot_be_read(target: object, message: str) -> None:
    with pytest.raises(ParamcalcError) as caught:
        paramcalc.load(target)
    assert message in str(caught.value)


# --- trees of arrays ------------------------------------------------------------------------------


def array(*shape: int) -> Tensor:
    return Tensor(*shape, dtype="float32")


def test_a_flax_tree() -> None:
    tree = {
        "params": {
            "Embed_0": {"embedding": array(50, 4)},
            "Dense_0": {"kernel": array(4, 6), "bias": array(6)},
            "norm": {"scale": array(4)},
        },
        "batch_stats": {"bn": {"mean": array(6)}},
    }
    model = paramcalc.load(tree)
    counts = model.parameters
    assert (counts.total, counts.buffers, counts.embedding) == (200 + 24 + 6 + 4, 6, 200)
    assert [g.template for g in model.groups] == [
        "Embed_0.embedding",
        "Dense_0.kernel",
        "Dense_0.bias",
        "norm.scale",
        "batch_stats.bn.mean",
    ]


def test_a_tree_with_lists_and_a_shared_array() -> None:
    table = array(50, 4)
    tree = {"embed": {"w": table}, "blocks": [{"w": array(4, 4)} for _ in range(3)], "out": table}
    model = paramcalc.load(tree)
    assert model.parameters.total == 200 + 48
    assert [group.count for group in model.groups] == [1, 3]
    assert [tie.template for tie in model.ties] == ["out"]


def test_a_tree_without_end_is_refused() -> None:
    tree: dict[str, Any] = {"a": {"w": array(2)}}
    tree["b"] = tree
    with pytest.raises(ParamcalcError, match="nested too deep"):
        paramcalc.load(tree)


def test_a_dictionary_of_calls_is_still_a_spec() -> None:
    assert paramcalc.load({"fc": "Linear(3, 4)"}).parameters.total == 16


def test_a_name_loads_no_reader_of_modules() -> None:
    program = (
        "import sys, paramcalc; paramcalc.load('gpt2');"
        "assert not {'torch', 'jax', 'paramcalc.sources.modules'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
