"""What lora.yaml says is as its header says it, and of architectures that exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import paramcalc
from paramcalc.catalogue import adapter_schemas, files, table
from paramcalc.catalogue.adapters import ADAPTERS, lora_rules
from paramcalc.catalogue.findings import findings
from paramcalc.catalogue.strict_yaml import load

DATA = Path(__file__).parents[2] / "data" / "lora.yaml"
CARDS = load(DATA.read_text("utf-8"), "lora.yaml")


@pytest.fixture
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of one's own, in which nothing has been looked up yet."""
    caches: tuple[Any, ...] = (
        files.data_folders, table._texts, table.read_cached, table._spellings, table._entry
    )  # fmt: skip
    monkeypatch.setenv("PARAMCALC_DATA", str(tmp_path))
    for cached in caches:
        cached.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


@pytest.mark.parametrize("name", CARDS)
def test_an_entry_is_as_the_schema_says(name: str) -> None:
    assert findings(adapter_schemas.schema(name), CARDS[name]) == []


@pytest.mark.parametrize("name", ADAPTERS.names())
def test_an_entry_makes_rules(name: str) -> None:
    rules = lora_rules(name)
    assert rules.targets == tuple(CARDS[name].get("targets", ()))
    assert rules.source


def test_an_architecture_without_an_entry_has_the_rules_for_all() -> None:
    assert lora_rules("no_such_architecture") == lora_rules(None)


def test_an_entry_of_ones_own(own_data: Path) -> None:
    (own_data / "lora.yaml").write_text("phi3:\n  targets: [qkv_proj]\n", "utf-8")
    assert lora_rules("phi3").targets == ("qkv_proj",)
    assert lora_rules("llama").targets == ("q_proj", "v_proj")


def test_a_wrong_entry_of_ones_own(own_data: Path) -> None:
    (own_data / "lora.yaml").write_text("phi3:\n  target: [qkv_proj]\n", "utf-8")
    with pytest.raises(paramcalc.ParamcalcError, match="did you mean `targets`"):
        lora_rules("phi3")
