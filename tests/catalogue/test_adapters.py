"""What lora.yaml says is as its header says it, and of architectures that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

import paramcalc
from paramcalc.catalogue import adapter_schemas
from paramcalc.catalogue.adapters import ADAPTERS, lora_rules
from paramcalc.catalogue.findings import findings
from paramcalc.catalogue.strict_yaml import load

DATA = Path(__file__).parents[2] / "data" / "lora.yaml"
CARDS = load(DATA.read_text("utf-8"), "lora.yaml")


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


def test_an_entry_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lora.yaml").write_text("phi3:\n  targets: [qkv_proj]\n", "utf-8")
    monkeypatch.setenv("PARAMCALC_DATA", str(tmp_path))
    assert lora_rules("phi3").targets == ("qkv_proj",)
    assert lora_rules("llama").targets == ("q_proj", "v_proj")


def test_a_wrong_entry_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lora.yaml").write_text("phi3:\n  target: [qkv_proj]\n", "utf-8")
    monkeypatch.setenv("PARAMCALC_DATA", str(tmp_path))
    with pytest.raises(paramcalc.ParamcalcError, match="did you mean `targets`"):
        lora_rules("phi3")
