"""Whatever the documentation shows is run, and its output compared.

``yaml``: a whole spec. A comment in its first line names the file that later commands find it in;
one in its last line says what it comes to. ``console``: commands with their output; after a command
that ends with another code than 0, ``echo $?`` says so. ``pycon``: what is typed at the prompt of
Python.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

import paramcalc
from tests.cli.runner import PROMPT, parse, run
from tools.make_command_reference import reference

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
PAGES += sorted((ROOT / "docs").glob("*.md"))
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BASH = shutil.which("bash")


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    language: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    content = page.read_text("utf-8")
    for found in FENCE.finditer(content):
        yield Block(page, found[1], content[: found.start()].count("\n") + 1, found[2])


BLOCKS = [block for page in PAGES for block in blocks(page)]


def of(language: str, *names: str) -> list[Block]:
    return [b for b in BLOCKS if b.language == language and (not names or b.page.name in names)]


# --- specs ----------------------------------------------------------------------------------------

NUMBER = r"([\d,]+)"


def stated(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text)
    return int(found[1].replace(",", "")) if found else None


@pytest.mark.parametrize("block", of("yaml", "layer-spec.md"), ids=str)
def test_a_spec_comes_to_what_is_stated(block: Block) -> None:
    claim = block.text.rstrip("\n").rpartition("\n")[2]
    assert claim.startswith("# ")
    result = run(["count", "-", "--json"], text=block.text)
    if claim == "# error":
        assert result.code == 2
        return
    assert (result.code, result.stderr) == (0, "")
    model = paramcalc.load(yaml.safe_load(block.text))
    assert model.parameters.total == stated(rf"{NUMBER} parameters", claim)
    assert model.parameters.buffers == (stated(rf"{NUMBER} buffers", claim) or 0)
    assert model.parameters.active == (stated(rf"{NUMBER} active", claim) or model.parameters.total)
    if tokens := stated(rf"for {NUMBER} tokens", claim):
        cache = paramcalc.memory(model, context=tokens).kv_cache_bytes
        assert cache == stated(rf"{NUMBER} bytes of KV cache", claim)


# --- commands -------------------------------------------------------------------------------------


def exchanges(block: Block) -> Iterator[tuple[str, str]]:
    """Each command of a block, and what is printed after it."""
    assert block.text.startswith(PROMPT)
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        first, *rest = part.split("\n")
        more = [line.removeprefix("> ") for line in rest if line.startswith("> ")]
        yield "\n".join([first, *more]), "\n".join(rest[len(more) :])


def in_shell(command: str, folder: Path) -> tuple[int, str]:
    """A line with pipes and the like, in a real shell that knows this Python and paramcalc."""
    assert BASH is not None
    python = shlex.quote(sys.executable)
    functions = f'paramcalc() {{ {python} -m paramcalc "$@"; }}; python() {{ {python} "$@"; }}\n'
    found = subprocess.run(
        [BASH, "-c", functions + command],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return found.returncode, found.stdout


def at_prompt(command: str, folder: Path) -> tuple[int, str]:
    """Exit code and output; a plain call of paramcalc runs in this process."""
    words = shlex.split(command)
    if words[0] != "paramcalc" or {"|", ">", "&&", "||", ";"} & set(words):
        return in_shell(command, folder)
    result = run(parse(command).arguments, folder=folder)
    return result.code, result.stdout + result.stderr


def files_before(block: Block, folder: Path) -> None:
    """Write the specs that the page has shown until then."""
    for earlier in of("yaml", block.page.name):
        name = re.match(r"# (\S+\.yaml)\n", earlier.text)
        if name and earlier.line < block.line:
            (folder / name[1]).write_text(earlier.text, "utf-8")
    (folder / "deploy").touch()


def matches(shown: str, output: str) -> bool:
    """Whether that is the output; a line of `…` stands for any lines."""
    lines = shown.rstrip("\n").split("\n")
    pattern = "".join(r"(?:.*\n)*?" if line == "…" else f"{re.escape(line)}\n" for line in lines)
    return re.fullmatch(pattern, output.rstrip("\n") + "\n") is not None


@pytest.mark.parametrize("block", of("console"), ids=str)
def test_a_command_prints_what_is_shown(block: Block, tmp_path: Path) -> None:
    files_before(block, tmp_path)
    pending = 0
    for command, shown in exchanges(block):
        if command == "echo $?":
            assert shown.strip() == str(pending)
            pending = 0
            continue
        assert pending == 0, f"{command}: say with `echo $?` that the command before failed"
        pending, output = at_prompt(command, tmp_path)
        assert matches(shown, output), f"$ {command}\n{output}"
    assert pending == 0, "say with `echo $?` that it ends so"


@pytest.mark.parametrize("block", of("pycon"), ids=str)
def test_python_answers_what_is_shown(block: Block) -> None:
    test = doctest.DocTestParser().get_doctest(block.text, {}, str(block), str(block.page), 0)
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


# --- the pages themselves -------------------------------------------------------------------------


def test_the_command_reference_is_up_to_date() -> None:
    shown = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert shown == reference(), "run tools/make_command_reference.py"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    content = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", content):
        if not re.match(r"https?:", target):
            path, _, anchor = target.partition("#")
            found = (page.parent / path).resolve() if path else page
            assert found.exists(), target
            if anchor:
                assert anchor in anchors(found.read_text("utf-8")), target


def anchors(content: str) -> set[str]:
    """The anchors that GitHub gives headings."""
    titles = re.findall(r"^#+ (.*)$", content, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_its_language(page: Path) -> None:
    fences = re.findall(r"^```(.*)$", page.read_text("utf-8"), re.MULTILINE)
    assert len(fences) % 2 == 0
    known = {"sh", "yaml", "console", "pycon", "text", "json", "python"}
    assert {fence.split()[0] if fence else "" for fence in fences[::2]} <= known
    assert all(fence == "" for fence in fences[1::2])
