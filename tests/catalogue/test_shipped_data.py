"""The shipped data is held to what `check` demands of a user's own, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from paramcalc.catalogue import check_tables, precision_schemas, schemas
from paramcalc.catalogue.architectures import architecture_names, architecture_source, find_spec
from paramcalc.catalogue.check import check_files, check_text
from paramcalc.catalogue.check_specs import can_expand
from paramcalc.catalogue.findings import findings
from paramcalc.catalogue.strict_yaml import load
from paramcalc.core.expand import expand
from paramcalc.core.fields import _OPTIONS as _FIELD_OPTIONS
from paramcalc.core.spec import SECTIONS, resolve

if TYPE_CHECKING:
    from pydantic import BaseModel

DATA = Path(__file__).parents[2] / "data"
ARCHITECTURES = architecture_names()


def schema_of(file: str, name: str, card: Any) -> type[BaseModel]:
    if name in check_tables.SECTIONS:
        return check_tables.SECTIONS[name]
    if name == "rule_of_thumb":
        return schemas.RuleOfThumb
    if file == "models.yaml":
        return schemas.ReportedModel if "reported" in card else schemas.CountedModel
    by_file: dict[str, type[BaseModel]] = {
        "precisions.yaml": precision_schemas.NumberFormat
        if "block_numel" in card
        else precision_schemas.Recipe,
        "hardware.yaml": schemas.Accelerator,
        "engines.yaml": schemas.InferenceEngine,
    }
    return by_file[file]


def entries() -> Iterator[Any]:
    for file in ("models.yaml", "precisions.yaml", "hardware.yaml", "engines.yaml"):
        for name, card in load((DATA / file).read_text("utf-8"), file).items():
            yield pytest.param(schema_of(file, name, card), card, id=f"{file}:{name}")


@pytest.mark.parametrize(("schema", "card"), list(entries()))
def test_an_entry_is_as_the_schema_says(schema: type[BaseModel], card: Any) -> None:
    assert findings(schema, card) == []


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_as_the_schema_says(name: str) -> None:
    assert findings(schemas.SpecDocument, architecture_source(name).tree) == []


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_says_where_it_comes_from(name: str) -> None:
    assert architecture_source(name).tree["source"]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_example_of_an_architecture_expands(name: str) -> None:
    spec = find_spec(name)
    assert spec.example, "an architecture has an example of its own or of its relatives"
    assert can_expand(spec)
    assert expand(spec, spec.example, find_spec).groups


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_head_of_an_architecture_expands(name: str) -> None:
    tree = resolve(architecture_source(name).tree, lambda base: architecture_source(base).tree)
    for pattern in tree.get("heads", ()):
        spec = find_spec(name, pattern)
        assert expand(spec, spec.example, find_spec).groups, pattern


@pytest.mark.parametrize("kind", ["models", "precisions", "hardware", "engines"])
def test_nothing_is_wrong_with_a_data_file(kind: str) -> None:
    text = (DATA / f"{kind}.yaml").read_text("utf-8")
    # By what it holds, whatever it is called.
    found = check_text(text, "some.yaml")
    assert (found.kind, found.problems) == (kind, ())
    assert found.entries == sum(not name.startswith("_") for name in load(text, kind))


def test_the_folder_is_checked_as_a_whole() -> None:
    found = check_files([str(DATA)])
    assert [Path(one.file).name for one in found[:4]] == [
        "models.yaml",
        "precisions.yaml",
        "hardware.yaml",
        "engines.yaml",
    ]
    specs = {Path(one.file).stem: one.entries for one in found if one.kind == "spec"}
    assert specs == dict.fromkeys(ARCHITECTURES, 1)
    assert [one for one in found if one.problems] == []


def test_the_schema_knows_what_the_compiler_knows() -> None:
    assert schemas.SpecDocument.model_fields.keys() == set(SECTIONS)
    assert schemas.FieldOptions.model_fields.keys() == set(_FIELD_OPTIONS)


def models_in(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for below in model.__subclasses__():
        yield from models_in(below)


@pytest.mark.parametrize("model", list(models_in(schemas.Strict)), ids=lambda model: model.__name__)
def test_every_key_is_described(model: type[BaseModel]) -> None:
    described = {name for name, field in model.model_fields.items() if field.description}
    assert described == model.model_fields.keys()
