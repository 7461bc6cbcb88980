"""data/precisions.yaml against ggml's own block sizes, and against its own header."""

import csv
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from paramcalc.catalogue import strict_yaml
from paramcalc.catalogue.table import Table, normal

ROOT = Path(__file__).parents[2]
FILE = ROOT / "data" / "precisions.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
LADDERS: dict[str, list[str]] = DOCUMENT["_ladders"]
ENTRIES: dict[str, dict[str, Any]] = {
    name: entry for name, entry in DOCUMENT.items() if not name.startswith("_")
}
FORMATS = {name: entry for name, entry in ENTRIES.items() if "block_numel" in entry}

# sizeof() of every block struct, compiled from ggml-common.h (ggml-org/ggml d99724f2, August 2026)
with (ROOT / "tests" / "data" / "ggml_types.csv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))
GGML = {row["type"]: (int(row["block_elements"]), int(row["block_bytes"])) for row in ROWS}

# (name as people write it, bytes of 1,024 elements) by the definition of each format
DEFINITIONS = [
    ("fp64", 8192),
    ("double", 8192),
    ("fp32", 4096),
    ("float", 4096),
    ("TF32", 4096),  # 19 bits are used, 32 are stored
    ("float16", 2048),
    ("half", 2048),
    ("bfloat16", 2048),
    ("fp8", 1024),
    ("float8_e4m3fn", 1024),
    ("fp8_e5m2", 1024),
    ("int8", 1024),
    ("nf4", 512),  # without absmax
    ("fp4", 512),
    ("int4", 512),
    ("int2", 256),
    ("mxfp4", 544),  # 4 bits and a byte for 32
    ("nvfp4", 576),  # 4 bits and a byte for 16
    ("mxfp6", 800),
    ("mxfp8", 1056),
    ("q4-k", 576),
    ("Q8_0", 1088),
]


def names_of(name: str) -> list[str]:
    return [name, *ENTRIES[name].get("aliases", [])]


# BF16 and the like are file types of GGUF, whose matrices are in bf16: there the spelling tells.
FILE_TYPES = {"F32", "F16", "BF16"}
LOOK_UP = {
    normal(alias): name for name in ENTRIES if name not in FILE_TYPES for alias in names_of(name)
}


def block(name: str) -> tuple[int, int]:
    entry = FORMATS[LOOK_UP[normal(name)]]
    return entry["block_numel"], entry["block_bytes"]


@pytest.mark.parametrize("ggml_type", GGML)
def test_every_ggml_type_is_there_with_its_block(ggml_type: str) -> None:
    if ggml_type == "nvfp4":  # ggml joins four blocks of 16
        assert GGML[ggml_type] == (4 * block("nvfp4")[0], 4 * block("nvfp4")[1])
    else:
        assert block(ggml_type) == GGML[ggml_type]


def test_every_ggml_type_has_its_number() -> None:
    found = {name: entry["ggml_id"] for name, entry in FORMATS.items() if "ggml_id" in entry}
    assert found == {LOOK_UP[normal(row["type"])]: int(row["id"]) for row in ROWS}


@pytest.mark.parametrize(("name", "stored_bytes"), DEFINITIONS)
def test_bytes_of_1024_elements(name: str, stored_bytes: int) -> None:
    numel, size = block(name)
    assert 1024 % numel == 0
    assert 1024 // numel * size == stored_bytes


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_has_exact_positive_integers(name: str) -> None:
    entry = FORMATS[name]
    for key in ("block_numel", "block_bytes"):
        assert type(entry[key]) is int
        assert entry[key] > 0
    assert not {"bits", "bits_per_weight", "bpw"} & entry.keys()


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_keeps_to_the_grammar_of_the_header(name: str) -> None:
    entry = FORMATS[name]
    required = {"block_numel", "block_bytes", "kind", "description", "source"}
    optional = {"aliases", "ggml_id", "native", "recipe", "with", "mix"}
    assert required <= entry.keys() <= required | optional
    assert entry["kind"] in {"float", "integer", "block"}


@pytest.mark.parametrize("name", FORMATS)
def test_only_blocks_hold_more_than_a_byte_of_elements(name: str) -> None:
    entry = FORMATS[name]
    assert (entry["kind"] == "block") == (min(entry["block_numel"], entry["block_bytes"]) > 1)


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_says_where_it_comes_from(name: str) -> None:
    assert isinstance(ENTRIES[name]["source"], str)
    assert len(ENTRIES[name]["source"]) > 5
    assert isinstance(ENTRIES[name]["description"], str)
    assert "\n" not in ENTRIES[name]["description"]


def test_no_two_names_are_one_to_the_look_up() -> None:
    every_name = [a for name in ENTRIES if name not in FILE_TYPES for a in names_of(name)]
    assert all(isinstance(name, str) for name in every_name)
    assert len({normal(name) for name in every_name}) == len(every_name)


def test_names_stand_where_the_look_up_seeks_them() -> None:
    """The look-up scans for keys at column 0, and for aliases on one line below them."""
    table = Table("precisions.yaml")
    found = {name: table.find(name) for entry in ENTRIES for name in names_of(entry)}
    owners = {name: entry for entry in ENTRIES for name in names_of(entry)}
    assert {name: entry and entry.name for name, entry in found.items()} == owners


@pytest.mark.parametrize(
    ("name", "entry"),
    [("f16", "fp16"), ("F16", "F16"), ("bf16", "bf16"), ("BF16", "BF16"), ("q8_0", "Q8_0")],
)
def test_the_exact_spelling_goes_first(name: str, entry: str) -> None:
    found = Table("precisions.yaml").find(name)
    assert found is not None
    assert found.name == entry


def test_a_key_stands_once_and_at_column_0() -> None:
    keys = re.findall(r"^(\S+):", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    keys = [key for key in keys if not key.startswith("#")]
    assert keys == list(DOCUMENT)


@pytest.mark.parametrize("ladder", ["plain", "plain_fit", "plain_lower"])
def test_a_ladder_goes_down(ladder: str) -> None:
    sizes = [Fraction(*reversed(block(name))) for name in LADDERS[ladder]]
    assert sizes
    assert sizes == sorted(set(sizes), reverse=True)


def test_the_lower_ladder_goes_on_where_fit_ends() -> None:
    smallest = Fraction(*reversed(block(LADDERS["plain_fit"][-1])))
    assert all(Fraction(*reversed(block(name))) < smallest for name in LADDERS["plain_lower"])


def test_a_ladder_of_recipes_goes_down() -> None:
    """By the sizes that the table of llama.cpp's quantize tool gives for Llama-3.1-8B."""
    bits = {"Q8_0": 8.5008, "Q6_K": 6.5633, "Q5_K_M": 5.7036, "Q4_K_M": 4.8944, "IQ4_XS": 4.4597}
    bits |= {"Q3_K_M": 3.9960, "IQ3_XXS": 3.2548, "Q2_K": 3.1593, "IQ2_XS": 2.5882}
    bits |= {"IQ2_XXS": 2.3824, "IQ1_M": 2.1460, "IQ1_S": 2.0042, "bf16": 16}
    for ladder in ("fit", "lower"):
        sizes = [bits[name] for name in LADDERS[ladder]]
        assert sizes == sorted(sizes, reverse=True)


def test_the_strict_reader_reads_the_same() -> None:
    assert strict_yaml.load(FILE.read_text(encoding="utf-8"), FILE.name) == DOCUMENT


def test_the_ladders_name_entries_as_they_are_written() -> None:
    assert {name for ladder in LADDERS.values() for name in ladder} <= ENTRIES.keys()
