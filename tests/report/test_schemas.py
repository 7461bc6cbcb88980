"""The JSON documents: their schemas are sound, keep the promises, and describe what is made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from paramcalc import api
from paramcalc.catalogue.check import check_text
from paramcalc.catalogue.listing import listing
from paramcalc.core.explain import count_steps
from paramcalc.core.inference import memory
from paramcalc.report import cards, checks, records
from paramcalc.report.documents import RESULTS, json_schema
from paramcalc.report.output import SCHEMA
from paramcalc.sources.load import load

COMMANDS = list(RESULTS)

# Dense, tied, with experts, with latent attention, recurrent, encoder and decoder, encoder; a size,
# a reported size, half a range, nothing at all; a layer spec.
MODELS: list[Any] = [
    *("llama-3.1-8b", "gpt2", "mixtral-8x7b", "deepseek-v3", "mamba-130m", "flan-t5-small"),
    *("bert-base-uncased", "70b", "gpt-5", "gpt-4", "claude-3-opus"),
    {"fc": "Linear(10, 10)", "bn": "BatchNorm2d(16)"},
]
COMPUTED = [model for model in MODELS if model != "claude-3-opus"]  # there is no number for it

# What contract.md promises, by command. The first four are in each result about a model.
IDENTITY = {"model", "architecture", "exactness", "source"}
PARTS = {"precision", "weights_bytes", "kv_cache_bytes", "state_bytes", "buffer_bytes"}
PARTS |= {"overhead_bytes"}
PROMISED: dict[str, set[str]] = {
    "count": IDENTITY | {"parameters", "tensors", "modules", "tensor_list"},
    "memory": IDENTITY | {"precisions", "assumptions"},
    "fit": IDENTITY
    | {"gpu", "gpu_memory_bytes", "gpus", "fits", "precision", "precisions", "assumptions"},
    "show": IDENTITY,
    "compare": IDENTITY,
}
PROMISED_INSIDE: list[tuple[str, str, set[str]]] = [
    ("count", "Module", {"name", "parameters", "count"}),
    ("count", "Tensor", {"name", "shape", "numel", "role"}),
    ("memory", "MemoryRow", PARTS | {"bits_per_weight", "total_bytes"}),
    ("memory", "Assumptions", {"context_tokens", "batch", "kv_precision", "engine"}),
    (
        "fit",
        "FitRow",
        PARTS
        | {"fits", "needed_bytes", "available_bytes", "gpus_needed", "max_context_tokens"}
        | {"max_batch"},
    ),
    (
        "count",
        "Parameters",
        {"total", "active", "embedding", "non_embedding", "trained", "buffers"},
    ),
]


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object with named keys in a schema."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for inner in schema.values():
            yield from objects(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from objects(inner)


@cache
def strict(command: str) -> Draft202012Validator:
    """The schema, refusing keys that it does not know: the documents of today have no others."""
    schema = json.loads(json.dumps(json_schema(command)))
    for found in objects(schema):
        found.setdefault("additionalProperties", False)
    return Draft202012Validator(schema)


def assert_valid(command: str, *results: Any) -> None:
    """What is printed, printed and read again, is as the schema says."""
    document = {"schema": SCHEMA, "command": command, "results": list(results)}
    strict(command).validate(json.loads(json.dumps(document, allow_nan=False)))


# --- the schemas -------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_a_schema_is_valid_and_says_what_it_is(command: str) -> None:
    schema = json_schema(command)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == f"paramcalc {command}, paramcalc/1"
    assert "$id" not in schema
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize("command", COMMANDS)
def test_every_key_is_described_and_never_missing(command: str) -> None:
    schema = json_schema(command)
    for found in objects(schema):
        assert set(found["required"]) == set(found["properties"])
        for name, key in found["properties"].items():
            named = key.get("$ref", "").rpartition("/")[2]
            assert key.get("description") or schema["$defs"][named]["description"], name


@pytest.mark.parametrize("command", PROMISED)
def test_the_promised_keys_are_in_each_result(command: str) -> None:
    result = json_schema(command)["properties"]["results"]["items"]
    assert PROMISED[command] <= result["properties"].keys()


@pytest.mark.parametrize(("command", "name", "keys"), PROMISED_INSIDE)
def test_the_promised_keys_are_inside(command: str, name: str, keys: set[str]) -> None:
    assert keys <= json_schema(command)["$defs"][name]["properties"].keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_does_not_mind_new_keys(command: str) -> None:
    for found in objects(json_schema(command)):
        assert found.get("additionalProperties") is not False


@pytest.mark.parametrize("command", COMMANDS)
def test_another_schema_or_command_is_refused(command: str) -> None:
    validator = Draft202012Validator(json_schema(command))
    good = {"schema": SCHEMA, "command": command, "results": []}
    assert validator.is_valid(good)
    assert not validator.is_valid({**good, "schema": "paramcalc/0"})
    assert not validator.is_valid({**good, "command": "other"})
    assert not validator.is_valid({"schema": SCHEMA, "command": command})


# --- the documents -----------------------------------------------------------------------------


def test_a_result_that_lacks_a_key_is_refused() -> None:
    result = records.count(load("gpt2"))
    assert_valid("count", result)
    validator = Draft202012Validator(json_schema("count"))
    for key in result:
        less = {name: value for name, value in result.items() if name != key}
        assert not validator.is_valid({"schema": SCHEMA, "command": "count", "results": [less]})


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("by", ["module", "layer", "kind", "tensor"])
def test_count(model: Any, by: str) -> None:
    found = load(model)
    sizes = api.ladder_sizes(found)
    assert_valid(
        "count",
        records.count(found, by=by, sizes=sizes),
        records.count(found, by=by, expand=found.tensor_count < 1000, sizes=sizes),
    )


@pytest.mark.parametrize("model", ["llama-3.1-8b", "deepseek-v3", "70b"])
def test_count_explained(model: str) -> None:
    found = load(model, symbolic=True)
    assert_valid("count", records.count(found, steps=count_steps(found)))


@pytest.mark.parametrize("model", COMPUTED, ids=str)
@pytest.mark.parametrize("overhead", [None, "20%"])
@pytest.mark.parametrize("explain", [False, True])
def test_memory(model: Any, overhead: str | None, explain: bool) -> None:
    found = load(model, symbolic=explain)
    work = api.workload(found, overhead=overhead)
    formats = api.formats(["bf16", "Q4_K", "int4"])
    rows = [memory(found, one, work, explain=explain) for one in formats]
    assert_valid("memory", records.memory(found, rows, explain=explain))


@pytest.mark.parametrize("model", COMPUTED, ids=str)
@pytest.mark.parametrize("gpu", ["rtx-4090", "24gb"])
def test_fit(model: Any, gpu: str) -> None:
    for options in ({}, {"gpus": 8}, {"precision": "int4"}):
        answer = api.fit(load(model), gpu, **options)
        assert_valid("fit", records.fit(answer))
    assert_valid("fit", records.fit(api.fit(load(model), gpu, explain=True), explain=True))


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_show(model: Any) -> None:
    assert_valid("show", cards.show_record(load(model)))


def test_compare() -> None:
    found = [load(model) for model in MODELS]
    facts = [api.comparison(model) for model in found]
    assert_valid("compare", *(cards.compare_record(m, f) for m, f in zip(found, facts)))


@pytest.mark.parametrize("what", ["models", "precisions", "gpus", "engines", "architectures"])
def test_list(what: str) -> None:
    assert listing(what)
    assert_valid("list", *listing(what))


@pytest.mark.parametrize(
    "text",
    [
        "fc: Linear(10, 10)",
        "fc: Linear(10, x)",
        "a: [",
        '{"model_type": "nothing"}',
        "a:\n  memory_mib: 3",
        "extends: llama\nlet: {kv: null}",  # what is wrong stands in another file
    ],
)
def test_check(text: str) -> None:
    assert_valid("check", checks.record(check_text(text, "file")))
