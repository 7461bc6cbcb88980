"""The spec language: every form of it, every way to get it wrong, and what is said about that.

``specs/positive``: a spec, and beside it what it expands to. ``specs/negative``: a spec, and
beside it the whole message. A first comment ``# set: {…}`` is the configuration.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import paramcalc
from paramcalc.catalogue import architectures, files
from paramcalc.core.cache import Cache
from paramcalc.core.document import merge, resolve, with_head
from paramcalc.core.keys import parse_key
from paramcalc.core.model import Model
from paramcalc.errors import ParamcalcError

SPECS = Path(__file__).parents[1] / "specs"
POSITIVE = sorted((SPECS / "positive").glob("*.yaml"))
NEGATIVE = sorted((SPECS / "negative").glob("*.yaml"))


@pytest.fixture(autouse=True)
def _own_architectures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The architectures of `specs/data` are known besides the shipped ones."""
    monkeypatch.setenv("PARAMCALC_DATA", str(SPECS / "data"))
    forget()
    yield
    monkeypatch.undo()
    forget()


def forget() -> None:
    for cached in (files.data_folders, architectures.architecture_source, architectures.find_spec):
        cached.cache_clear()


def settings(text: str) -> Mapping[str, Any]:
    first = text.partition("\n")[0]
    found: Mapping[str, Any] = json.loads(first.removeprefix("# set: "))
    return found


def load(path: Path) -> Model:
    text = path.read_text(encoding="utf-8")
    with contextlib.chdir(path.parent):
        return paramcalc.load(
            path.name, overrides=settings(text) if text.startswith("# set: ") else {}
        )


# --- what a spec expands to ----------------------------------------------------------------------


def expected(path: Path) -> list[str]:
    lines = path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    return sorted(line for line in lines if not line.startswith("#"))


def described(model: Model) -> Iterator[str]:
    counts = model.parameters
    yield f"total {counts.total}"
    yield f"active {counts.active}"
    yield f"buffers {counts.buffers}"
    for tensor in model.tensors():
        role = " buffer" if tensor.role == "buffer" else ""
        yield f"tensor {tensor.name} {list(tensor.shape)}{role}"
    yield from map(remembered, model.caches)
    for tie in model.ties:
        yield f"tie {tie.template} -> {tie.target}: {tie.numel}"


def remembered(cache: Cache) -> str:
    sizes = {
        "token": cache.token_numel or None,
        "limit": cache.limit,
        "sequence": cache.sequence_numel or None,
        "source": cache.source_tokens,
        "expanded": cache.expanded_token_numel or None,
        "every": cache.every if cache.every > 1 else None,
    }
    known = [f"{name}={size}" for name, size in sizes.items() if size is not None]
    return " ".join(["cache", cache.kind, f"x{cache.count}", *known])


@pytest.mark.parametrize("path", POSITIVE, ids=lambda path: path.stem)
def test_expands_to(path: Path) -> None:
    lines = expected(path)
    kinds = {line.partition(" ")[0] for line in lines}
    # Of a published network only the counts are written down.
    whole = any(line.startswith(("tensor", "cache")) for line in lines)
    found = sorted(described(load(path)))
    assert [line for line in found if whole or line.partition(" ")[0] in kinds] == lines


@pytest.mark.parametrize("path", POSITIVE, ids=lambda path: path.stem)
def test_names_are_unique_and_groups_are_products(path: Path) -> None:
    model = load(path)
    names = [tensor.name for tensor in model.tensors()]
    assert len(names) == len(set(names)) == model.tensor_count
    assert sum(tensor.numel for tensor in model.tensors()) == model.parameters.stored


# --- what is said about a wrong one --------------------------------------------------------------


@pytest.mark.parametrize("path", NEGATIVE, ids=lambda path: path.stem)
def test_message(path: Path) -> None:
    message = path.with_suffix(".txt").read_text(encoding="utf-8")
    start = time.perf_counter()
    with pytest.raises(ParamcalcError) as caught:
        load(path)
    assert time.perf_counter() - start < 5  # a fraction of a second on any machine that is idle
    found = str(caught.value).replace(str(SPECS / "data"), "$PARAMCALC_DATA")
    assert found == message.rstrip("\n")


def test_every_spec_has_its_text() -> None:
    assert len(POSITIVE) > 20
    assert len(NEGATIVE) > 60
    assert [p.stem for p in POSITIVE] == sorted(p.stem for p in (SPECS / "positive").glob("*.txt"))
    assert [p.stem for p in NEGATIVE] == sorted(p.stem for p in (SPECS / "negative").glob("*.txt"))


def failure(target: object, **options: Any) -> str:
    with pytest.raises(ParamcalcError) as caught:
        paramcalc.load(target, **options)
    return str(caught.value)


# --- dictionaries, which have no lines -----------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({}, "`spec` is empty"),
        ({"a": None}, "expected a layer or a mapping of modules\n  --> a"),
        ({"a": {"b": []}}, "expected a layer or a mapping of modules\n  --> a > b"),
        ({1: 2}, "expected a layer or a mapping of modules\n  --> 1"),
        ({"modules": {"a": "Linear(1)"}}, "`Linear` lacks `out_features`\n  --> modules > a"),
        ({"modules": {"a": "ReLU()"}, 5: 3}, "unknown section `5`\n  --> 5"),
        ({"modules": {"a": "ReLU()"}, "config": {1: "x"}}, "unknown name `x` in an expression"),
        ({"modules": {"a": "ReLU()"}, "heads": 5}, "`heads` is a mapping of class names"),
        ({"extends": 5}, "expected a layer or a mapping of modules\n  --> extends"),
        ({"extends": "../base"}, "no architecture named `../base`"),
        ({"model_type": 5}, "the configuration has no `model_type`"),
        ({"model_type": "base", "architectures": [5]}, "`architectures` in the configuration"),
        ({"model_type": "base", "architectures": ["X"]}, "no head for the class `X`"),
        ({"model_type": "base", "hidden": 10**30}, "the configuration's `hidden` is larger than"),
        ({"model_type": "base", "hidden": 10**9999}, "the configuration's `hidden` is larger than"),
        ({"model_type": "base", "hidden": "wide"}, "`embedding_dim` must be a whole number"),
        ({"model_type": "base", "hidden": 2.0}, "`embedding_dim` must be a whole number, got 2.0"),
        ({"model_type": "base", "hidden": float("nan")}, "`embedding_dim` must be a whole number"),
        ({"model_type": "base", "hidden": [1] * 9999}, "the configuration's `hidden` is a list"),
        ({"model_type": "base", "layers": True}, "the count of a repeat must be a whole number"),
        ({"model_type": "base", "layers": -1}, "the count of a repeat must be a whole number"),
        ({"model_type": "base", "layers": 10**18}, "all copies together have more than 2**63 - 1"),
        ({"model_type": "base", "tie": "no"}, "`tie` is neither true nor false but the text 'no'"),
        (
            {"model_type": "base", "hidden": 2, "d_model": 3},
            "the configuration gives `hidden` and `d_model`, which mean the same, different values",
        ),
    ],
)
def test_message_for_a_dictionary(tree: dict[Any, Any], message: str) -> None:
    assert message in failure(tree)


def test_aliases_that_agree_are_one() -> None:
    model = paramcalc.load({"model_type": "base", "hidden": 3, "n_embd": 3, "d_model": 3})
    assert model.parameters == paramcalc.load({"model_type": "base", "hidden": 3}).parameters


def test_a_dictionary_that_holds_itself_is_refused_at_once() -> None:
    tree: dict[str, Any] = {}
    tree["a"] = tree["b"] = tree
    assert failure(tree).startswith("modules are nested more than 40 deep")


def test_a_deep_dictionary_is_refused() -> None:
    tree: dict[str, Any] = {"a": "ReLU()"}
    for _ in range(5000):
        tree = {"a": tree}
    assert failure(tree).startswith("modules are nested more than 40 deep")
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert failure({"config": {"a": deep}, "modules": {"b": "Linear(a, 2)"}})


def test_configurations_do_not_nest_for_ever() -> None:
    spec = {
        "config": {"text": "None"},
        "modules": {"inner": "architecture(text, model_type='base')"},
    }
    nested: dict[str, Any] = {}
    for _ in range(9):
        nested = {"model_type": "doll", "text": nested}
    assert failure(spec, overrides={"text": nested}).startswith(
        "configurations are nested too deep"
    )


# --- configurations ------------------------------------------------------------------------------


def test_heads() -> None:
    def names(class_name: str | None) -> set[str]:
        classes = [] if class_name is None else [class_name]
        model = paramcalc.load({"model_type": "base", "layers": 0, "architectures": classes})
        return {tensor.name for tensor in model.tensors()}

    assert names(None) == {"model.embed.weight", "head.weight"}
    assert names("BaseForLM") == {"model.embed.weight", "head.weight"}
    assert names("BaseModel") == {"embed.weight"}
    assert names("BaseClassifier") == {"trunk.embed.weight", "score.weight", "score.bias"}


def test_overrides_of_a_nested_configuration() -> None:
    spec = {
        "config": {"text": "required"},
        "modules": {"a": "architecture(text, 'BaseModel')"},
    }
    text = {"model_type": "base", "layers": 0}
    model = paramcalc.load(spec, overrides={"text": text, "text.hidden": 7})
    assert model.parameters.total == 10 * 7
    assert failure(spec, overrides={"text": text, "text.hiden": 7}).startswith(
        "`base` has no configuration key `hiden`\nhint: did you mean `hidden` or `tie`?"
    )
    assert failure(spec, overrides={"test.hidden": 7}).startswith(
        "there is no nested configuration `test`"
    )


# --- documents -----------------------------------------------------------------------------------


def test_merging_keeps_what_is_not_named() -> None:
    base = {"a": {"x": 1, "y": {"z": 2}}, "b": 3}
    assert merge(base, {"a": {"y": {"z": None, "w": 4}}}) == {"a": {"x": 1, "y": {"w": 4}}, "b": 3}
    assert merge(base, {"a": 5}) == {"a": 5, "b": 3}
    assert base == {"a": {"x": 1, "y": {"z": 2}}, "b": 3}


def test_a_head_that_is_extended_still_removes() -> None:
    """What the parent's head removes is removed, though the child's names it again."""
    parent = {
        "modules": {"body": "Linear(1, 2)", "head": "Linear(2, 3)"},
        "heads": {"*Model": {"modules": {"head": None}}, "*Other": {}},
    }
    child = {
        "extends": "parent",
        "heads": {"*Model": {"modules": {"head": None, "pool": "Linear(2, 2)"}}, "*Other": None},
    }
    merged = resolve(child, {"parent": parent}.__getitem__)
    assert merged["heads"] == {"*Model": {"modules": {"head": None, "pool": "Linear(2, 2)"}}}
    assert with_head(merged, "XModel")["modules"] == {
        "body": "Linear(1, 2)",
        "pool": "Linear(2, 2)",
    }


def test_the_longest_pattern_wins() -> None:
    document = {
        "modules": {},
        "heads": {
            "*Model": {"source": "a"},
            "*TextModel": {"source": "b"},
            "XModel": {"source": "c"},
        },
    }
    assert with_head(document, "YTextModel")["source"] == "b"
    assert with_head(document, "YModel")["source"] == "a"
    assert with_head(document, "XModel")["source"] == "c"


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "repeat", "condition"),
    [
        ("fc", "fc", None, None),
        ("a.b-c.0", "a.b-c.0", None, None),
        ("layers[n]", "layers", ("i", None, "n"), None),
        ("layers[ a : b + 1 ]", "layers", ("i", "a", "b + 1"), None),
        ("x[b in depths[s]]", "x", ("b", None, "depths[s]"), None),
        ("x[k in d[1:2][0]:m]", "x", ("k", "d[1:2][0]", "m"), None),
        ("mlp if i < 3", "mlp", None, "i < 3"),
        ("x[n]  if kinds[i] in ['a', 'b']", "x", ("i", None, "n"), "kinds[i] in ['a', 'b']"),
        ("x[inner]", "x", ("i", None, "inner"), None),
    ],
)
def test_key(
    text: str, name: str, repeat: tuple[str, str | None, str] | None, condition: str | None
) -> None:
    key = parse_key(text)
    assert key.name == name
    assert (key.condition.text if key.condition else None) == condition
    found = key.repeat and (
        key.repeat.variable,
        key.repeat.start.text if key.repeat.start else None,
        key.repeat.stop.text,
    )
    assert found == repeat


# --- sizes that only a formula can hold ----------------------------------------------------------


@pytest.mark.parametrize(
    ("modules", "tied", "total", "groups"),
    [
        # one group, however long
        ({"a[10**12]": "Parameter(3)"}, {}, 3 * 10**12, 1),
        ({"a[10**6]": {"b[10**6]": "Parameter(3)"}}, {}, 3 * 10**12, 1),
        # taking one out of it leaves what stands before and behind
        ({"a[10**12]": "Parameter(3)"}, {"a.5": "a[4]"}, 3 * (10**12 - 1), 2),
        (
            {"a[10**9]": {"b[10**3]": "Parameter(3)"}},
            {"a.7.b.3": "a[7].b[2]"},
            3 * (10**12 - 1),
            4,
        ),
        ({"a[10**12]": "Parameter(3)"}, {"a[1:100]": "a[0]"}, 3 * (10**12 - 99), 2),
        # all different, or in a pattern
        ({"a[5000]": "Parameter(i + 1)"}, {}, 5000 * 5001 // 2, 5000),
        ({"a[9000]": "Parameter(i % 3 + 1)"}, {}, 18_000, 3),
        ({"a[60]": {"b[j in 60]": "Parameter(i + j + 1)"}}, {}, 3600 * 60, 3600),
        # written one by one
        ({f"a.{n}.b.{m}": "Parameter(2)" for n in range(50) for m in range(50)}, {}, 5000, 2500),
        # the other half of each is defined elsewhere
        ({"a[0:10**9]": "Parameter(1)", "a[10**9:10**10]": "Parameter(1)"}, {}, 10**10, 2),
    ],
)
def test_large_repeats_take_no_time(
    modules: dict[str, Any], tied: dict[str, str], total: int, groups: int
) -> None:
    start = time.perf_counter()
    model = paramcalc.load({"modules": modules, "tied": tied})
    assert time.perf_counter() - start < 5  # a fraction of a second on any machine that is idle
    assert model.parameters.total == total
    assert len(model.groups) == groups
    assert model.tensor_count == sum(group.count for group in model.groups)


def test_a_long_list_of_tensors_is_not_written_out() -> None:
    model = paramcalc.load({"a[10**12]": "Parameter(3)"})
    with pytest.raises(ParamcalcError, match="has 1,000,000,000,000 tensors, too many to list"):
        next(model.tensors())


@pytest.mark.parametrize(
    "tree",
    [
        {"a[10**12]": "Parameter(1)", "a.999": "Parameter(1)"},
        {"a[10**12]": "Parameter(1)", "a[999:1001]": "Parameter(1)"},
        {"a[100]": "Parameter(i + 1)", "a[99:101]": "Parameter(1)"},
        {"a[100]": {"b[100]": "Parameter(1)"}, "a.7.b.8": "Parameter(1)"},
        {"a[100]": {"b if i % 2": "Parameter(1)"}, "a.7.b": "Parameter(1)"},
        {"a[100]": {"b if i % 2": "Parameter(1)"}, "a[6:9]": {"b if i % 2": "Parameter(2)"}},
        {"a.b.weight": "Parameter(1)", "a": {"b": "Embedding(1, 1)"}},
        {"a": {"$use": ["b()", "b()"]}},
    ],
)
def test_two_of_one_name_are_found(tree: dict[str, Any]) -> None:
    document = {"blocks": {"b()": {"w": "Parameter(1)"}}, "modules": tree}
    assert "is defined twice" in failure(document)


def test_neighbours_are_no_namesakes() -> None:
    model = paramcalc.load(
        {
            "a[100]": {"b if i % 2": "Parameter(1)"},
            "a.8": {"b": "Parameter(2)"},
            "a[100:200]": {"b": "Parameter(3)"},
            "a.007.b": "Parameter(4)",  # not the number 7
        }
    )
    assert model.parameters.total == 50 + 2 + 300 + 4
