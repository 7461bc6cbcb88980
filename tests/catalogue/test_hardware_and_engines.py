"""data/hardware.yaml and data/engines.yaml against their own headers."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from paramcalc.catalogue import strict_yaml
from paramcalc.catalogue.table import Table, normal

DATA = Path(__file__).parents[2] / "data"
DEVICES: dict[str, dict[str, Any]] = yaml.safe_load((DATA / "hardware.yaml").read_text("utf-8"))
ENGINES: dict[str, dict[str, Any]] = yaml.safe_load((DATA / "engines.yaml").read_text("utf-8"))
RULE_OF_THUMB = ENGINES.pop("rule_of_thumb")

# (device, MiB) as the drivers print them, for cards that everybody can look at
REPORTED = [
    ("rtx-3090", 24_576),
    ("rtx-4090", 24_564),  # 12 MiB less than its 24 GiB
    ("rtx-5090", 32_607),
    ("t4", 15_360),  # ECC takes 1/16 of 16 GiB
    ("a100-80gb", 81_920),
    ("h100", 81_559),
    ("h200", 143_771),
    ("mi300x", 196_592),
]


@pytest.mark.parametrize(("name", "memory_mib"), REPORTED)
def test_memory_as_the_driver_reports_it(name: str, memory_mib: int) -> None:
    assert DEVICES[name]["memory_mib"] == memory_mib


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_keeps_to_the_grammar_of_the_header(name: str) -> None:
    entry = DEVICES[name]
    required = {"name", "memory_mib", "memory_marketing", "bandwidth_gbps", "source"}
    assert required <= entry.keys() <= required | {"aliases"}
    assert type(entry["memory_mib"]) is int
    assert entry["bandwidth_gbps"] > 0
    assert len(entry["source"]) > 5


@pytest.mark.parametrize("name", DEVICES)
def test_the_driver_reports_about_what_is_on_the_box(name: str) -> None:
    number, unit = DEVICES[name]["memory_marketing"].split()
    assert unit == "GB"
    # Never more than 2^30 for each GB, but for decimal ones; ECC takes 1/16.
    assert 0.93 < DEVICES[name]["memory_mib"] / (int(number) * 1024) < 1.03


@pytest.mark.parametrize("file", ["hardware.yaml", "engines.yaml"])
def test_the_strict_reader_reads_the_same(file: str) -> None:
    text = (DATA / file).read_text("utf-8")
    assert strict_yaml.load(text, file) == yaml.safe_load(text)


@pytest.mark.parametrize("entries", [DEVICES, ENGINES], ids=["hardware", "engines"])
def test_no_two_names_are_one_to_the_look_up(entries: dict[str, dict[str, Any]]) -> None:
    every_name = [
        alias for name, entry in entries.items() for alias in [name, *entry.get("aliases", [])]
    ]
    assert all(isinstance(name, str) for name in every_name)
    assert len({normal(name) for name in every_name}) == len(every_name)


@pytest.mark.parametrize(
    ("file", "entries"), [("hardware.yaml", DEVICES), ("engines.yaml", ENGINES)]
)
def test_names_stand_where_the_look_up_seeks_them(
    file: str, entries: dict[str, dict[str, Any]]
) -> None:
    """The look-up scans for keys at column 0, and for aliases on one line below them."""
    spellings = Table(file).spellings()
    for name, entry in entries.items():
        for alias in [name, *entry.get("aliases", [])]:
            assert spellings[normal(alias)][1] == name


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_gives_a_range_in_bytes(name: str) -> None:
    entry = ENGINES[name]
    assert {"description", "runtime", "source"} <= entry.keys()
    low, mid, high = (entry["runtime"][key] for key in ("low", "mid", "high"))
    assert all(type(figure) is int for figure in (low, mid, high))
    assert 0 < low < mid < high
    assert len(entry["source"]) > 5


def test_one_engine_is_the_default() -> None:
    assert [name for name, entry in ENGINES.items() if entry.get("default")] == ["transformers"]


def test_the_rule_of_thumb_is_a_range_with_a_source() -> None:
    assert 0 < RULE_OF_THUMB["low"] < RULE_OF_THUMB["high"] < 100
    assert len(RULE_OF_THUMB["source"]) > 5
