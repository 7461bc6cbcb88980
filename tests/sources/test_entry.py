"""An entry for a models.yaml of one's own counts as the configuration that it was made from.

The configurations are those that transformers and publishers wrote, see tools/oracle/rows.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from paramcalc.catalogue import strict_yaml
from paramcalc.catalogue.architectures import Source, architecture_names
from paramcalc.catalogue.check import check_text
from paramcalc.catalogue.table import Entry
from paramcalc.catalogue.yaml_text import written
from paramcalc.core.model import Model
from paramcalc.errors import ParamcalcError
from paramcalc.sources.entry import entry_of
from paramcalc.sources.load import from_entry, load
from tests.cli.runner import INPUTS
from tools.oracle.rows import Row, rows

FAMILIES = [name for name in architecture_names() if name in rows()][::12]
SAMPLE = [
    # A published configuration where there is one: defaults leave nothing to say.
    min(rows()[name], key=lambda row: ("published", "changed", "default").index(row.set))
    for name in FAMILIES
]


def counted(model: Model) -> tuple[object, ...]:
    return model.groups, model.caches, model.ties, model.context, model.embeddings


@pytest.mark.parametrize("row", SAMPLE, ids=lambda row: row.id)
def test_an_entry_counts_as_its_configuration(row: Row) -> None:
    model = load(dict(row.configuration))
    name, entry = entry_of(model)
    text = written({name: entry})
    tree = strict_yaml.load(text, "models.yaml")

    assert tree == {name: entry}
    assert counted(from_entry(Entry(name, tree[name], Source("", "", {})))) == counted(model)
    checked = check_text(text, "models.yaml")
    assert (checked.kind, checked.problems) == ("models", ())
    assert set(entry["config"]) <= set(row.configuration)


def test_it_says_only_what_is_not_usual(tmp_path: Path) -> None:
    configuration = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "_name_or_path": "acme/Tiny_Model-1.5",
        "vocab_size": 32000,  # the default
        "hidden_size": 512,
        "num_hidden_layers": 2,
        "rms_norm_eps": 1e-06,
        "bos_token_id": 1,
        "torch_dtype": "bfloat16",
    }
    (tmp_path / "config.json").write_text(json.dumps(configuration))

    assert entry_of(load(tmp_path)) == (
        "tiny-model-1.5",
        {
            "architecture": "llama",
            "hub": "acme/Tiny_Model-1.5",
            "context": 2048,
            "dtype": "bfloat16",
            "source": "config.json of acme/Tiny_Model-1.5",
            "config": {"hidden_size": 512, "num_hidden_layers": 2},
        },
    )


def test_the_class_is_named_where_it_is_not_the_usual_one() -> None:
    small = {"model_type": "llama", "num_hidden_layers": 1}
    usual = load({**small, "architectures": ["LlamaForCausalLM"]})
    bare = load({**small, "architectures": ["LlamaModel"]})

    assert "class" not in entry_of(usual)[1]
    assert entry_of(bare)[1]["class"] == "LlamaModel"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("models--acme--Big-2/snapshots/ab12", "big-2"),  # the cache of the hub
        ("Some Model_v2", "some-model-v2"),
    ],
)
def test_it_has_the_name_of_the_folder(tmp_path: Path, path: str, name: str) -> None:
    folder = tmp_path / path
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "llama", "num_hidden_layers": 1}')

    assert entry_of(load(folder))[0] == name


def test_an_entry_of_the_catalogue_is_printed_as_it_is() -> None:
    model = load("llama-3.1-8b")

    assert entry_of(model) == ("llama-3.1-8b", dict(model.card))


def test_a_changed_configuration_is_no_longer_the_published_one() -> None:
    name, entry = entry_of(load("llama-3.1-8b", overrides={"num_hidden_layers": 3}))

    assert name == "llama-3.1-8b-modified"
    assert entry.keys().isdisjoint({"hub", "published", "released"})
    assert entry["config"]["num_hidden_layers"] == 3


def test_an_assumed_architecture_is_said() -> None:
    name, entry = entry_of(load({"model_type": "my_own_net"}, assume="llama"))

    assert (name, entry["architecture"]) == ("my-own-net", "llama")
    assert entry["note"] == "`my_own_net` is no known architecture: llama was assumed"


@pytest.mark.parametrize("target", ["7b", str(INPUTS / "cnn.yaml")])
def test_what_has_no_configuration_has_no_entry(target: str) -> None:
    with pytest.raises(ParamcalcError, match="has no configuration"):
        entry_of(load(target))


def test_pasted_into_a_file_of_ones_own_it_counts_the_same(tmp_path: Path) -> None:
    def paramcalc(*words: str) -> str:
        command = [sys.executable, "-m", "paramcalc", *words]
        environment = {**os.environ, "PARAMCALC_DATA": str(tmp_path)}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout

    (tmp_path / "models.yaml").write_text(paramcalc("show", str(INPUTS / "tiny"), "--entry"))
    paramcalc("check", str(tmp_path))
    found = json.loads(paramcalc("count", "tiny", "--json"))["results"][0]
    expected = json.loads(paramcalc("count", str(INPUTS / "tiny"), "--json"))["results"][0]

    assert found["parameters"] == expected["parameters"]
    assert found["modules"] == expected["modules"]
