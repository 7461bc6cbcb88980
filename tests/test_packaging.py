"""What a checkout must hold for the package, the wheel and the README's commands to work.

The wheel and the sdist themselves are built, installed and run by `.ci/run`.
"""

import os
import re
import tomllib
from pathlib import Path

import pytest

import paramcalc
from paramcalc.catalogue.files import data_folders, find_data

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
DATA_FILES = [path.relative_to(ROOT / "data").as_posix() for path in ROOT.glob("data/**/*.yaml")]


def test_the_data_of_the_checkout_are_found() -> None:
    assert data_folders()[-1] == ROOT / "data"


@pytest.mark.parametrize("name", ["precisions.yaml", "hardware.yaml", "engines.yaml"])
def test_a_data_file_is_found_by_its_name(name: str) -> None:
    assert find_data(name)[-1] == ROOT / "data" / name


@pytest.mark.parametrize("name", DATA_FILES)
def test_a_data_file_explains_itself_and_starts_without_a_mark(name: str) -> None:
    text = (ROOT / "data" / name).read_text(encoding="utf-8")
    assert text.startswith("#"), "the grammar, or what this is, stands in the header"
    assert "\t" not in text
    assert text.endswith("\n")


def test_the_wheel_takes_the_data_into_the_package() -> None:
    wheel = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["only-include"] == ["src/paramcalc", "data"]
    assert wheel["sources"] == {"src/paramcalc": "paramcalc", "data": "paramcalc/data"}


def test_the_version_is_written_once() -> None:
    file = ROOT / PYPROJECT["tool"]["hatch"]["version"]["path"]
    assert f'__version__ = "{paramcalc.__version__}"' in file.read_text(encoding="utf-8")
    assert f"## {paramcalc.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_typer_is_bounded() -> None:
    """From 0.29 on it imports pydantic for every argument, see the comment in pyproject.toml."""
    dependencies = PYPROJECT["project"]["dependencies"]
    assert [name for name in dependencies if name.startswith("typer")] == ["typer>=0.20,<0.29"]


def test_the_package_is_typed() -> None:
    assert (ROOT / "src" / "paramcalc" / "py.typed").is_file()


def test_the_readme_sets_up_in_two_lines_of_shell() -> None:
    commands = re.findall(r"^python3 -m venv .*$", README, flags=re.MULTILINE)
    install, test = commands
    assert install.endswith("paramcalc fit 70b --gpu 24gb")
    assert "pip install -e '.[test]'" in test
    assert test.endswith("pytest -n auto")


def test_ci_finds_the_test_command() -> None:
    after_mark = README.split("<!-- test command")[1]
    commands = re.findall(r"^python3 .*$", after_mark, flags=re.MULTILINE)
    assert commands[0].endswith("pytest -n auto")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
