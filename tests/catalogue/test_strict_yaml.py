"""YAML's traps, files that are none, and what strangers put into both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paramcalc
from paramcalc.catalogue import architectures, files, table
from paramcalc.catalogue.files import MOST_BYTES, read_text
from paramcalc.catalogue.places import place_of
from paramcalc.catalogue.strict_yaml import load, locate
from paramcalc.errors import ParamcalcError, Problem


def failure(text: str) -> str:
    with pytest.raises(ParamcalcError) as caught:
        load(text, "file")
    return str(caught.value)


# --- what a scalar is ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # constants, in YAML's and in Python's spelling, and no others
        ("true", True),
        ("True", True),
        ("false", False),
        ("False", False),
        ("null", None),
        ("None", None),
        ("~", None),
        ("", None),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("TRUE", "TRUE"),
        ("y", "y"),
        # whole numbers are decimal
        ("0", 0),
        ("-0", 0),
        ("12", 12),
        ("+12", 12),
        ("-12", -12),
        ("1_000_000", 1000000),
        ("1" + "0" * 39, 10**39),
        ("0x10", "0x10"),
        ("0b1", "0b1"),
        ("0o7", "0o7"),
        ("1_", "1_"),
        ("_1", "_1"),
        ("1__0", "1__0"),
        ("12:30:00", "12:30:00"),
        ("1,000", "1,000"),
        ("\N{ARABIC-INDIC DIGIT THREE}", "\N{ARABIC-INDIC DIGIT THREE}"),
        ("\N{SUPERSCRIPT TWO}", "\N{SUPERSCRIPT TWO}"),
        # fractions
        ("1.5", 1.5),
        ("-1.5", -1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e9", 1e9),
        ("1e-05", 1e-05),
        ("1.5E+3", 1500.0),
        ("1_0.5", 10.5),
        ("01.5", 1.5),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("1e", "1e"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        # text, whatever it looks like
        ("2024-07-23", "2024-07-23"),
        ("3d", "3d"),
        ("+", "+"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("''", ""),
        ("<<", "<<"),
        ("=", "="),
    ],
)
def test_scalar(text: str, value: Any) -> None:
    found = load(f"key: {text}", "file")["key"]
    assert found == value
    assert type(found) is type(value)


def test_blocks_and_folds_are_text() -> None:
    assert load("a: |\n  12\nb: >-\n  a\n  b\nc: a\n  b", "file") == {
        "a": "12\n",
        "b": "a b",
        "c": "a b",
    }


def test_keys_are_text() -> None:
    assert load("1: a\ntrue: b\n~: c\n2024-01-01: d", "file") == {
        "1": "a",
        "true": "b",
        "~": "c",
        "2024-01-01": "d",
    }


def test_aliases_stand_for_their_value() -> None:
    assert load("a: &x [1, {b: 2}]\nc: *x\nd: &y null\ne: *y", "file") == {
        "a": [1, {"b": 2}],
        "c": [1, {"b": 2}],
        "d": None,
        "e": None,
    }


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends(ends: str) -> None:
    text = ends.join(["a:", "  b: 1", "  c: 2", "d: *e"])
    assert failure(text).startswith("`*e` is nowhere defined before\n  --> file:4:4")
    assert load(text.replace("*e", "3"), "file") == {"a": {"b": 1, "c": 2}, "d": 3}


# --- what is refused, and where ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: 1\nb: 2\na: 3",
            "the key `a` is given twice\n  --> file:3:1\n  |\n3 | a: 3\n  | ^",
        ),
        ("a: {b: 1, b: 2}", "the key `b` is given twice\n  --> file:1:11"),
        ("a: 1\n'a': 2", "the key `a` is given twice\n  --> file:2:1"),
        ("a: !!int 3", "a YAML tag (`tag:yaml.org,2002:int`) is not allowed\n  --> file:1:4"),
        ("a: !!str 3", "a YAML tag (`tag:yaml.org,2002:str`) is not allowed"),
        ("a: ! 3", "a YAML tag (`!`) is not allowed"),
        ("!!map {a: 1}", "a YAML tag (`tag:yaml.org,2002:map`) is not allowed"),
        ("a: !!python/name:os.system", "a YAML tag (`tag:yaml.org,2002:python/name:os.system`)"),
        ("&a a: 1", "a key can have neither a tag nor an anchor\n  --> file:1:1"),
        ("!!str a: 1", "a key can have neither a tag nor an anchor"),
        ("? [a]\n: 1", "a key must be a plain text\n  --> file:1:3"),
        ("? {a: 1}\n: 1", "a key must be a plain text"),
        ("a: &x 1\nb: *x\n*x : 2", "a key must be a plain text"),
        ("a: *x", "`*x` is nowhere defined before\n  --> file:1:4"),
        ("a: &x [*x]", "`*x` is nowhere defined before\n  --> file:1:8"),
        ("a: &x 1\nb: &x 2", "the anchor `&x` is given twice\n  --> file:2:4"),
        ("a: 010", "`010` starts with a zero; is it a text or a number?\n  --> file:1:4"),
        ("a: -00", "`-00` starts with a zero; is it a text or a number?"),
        ("a: " + "9" * 41, "a number of 41 digits is larger than any size\n  --> file:1:4"),
        ("a: 9" + "_9" * 3000, "a number of 3,001 digits is larger than any size"),
        ("a: -" + "9" * 9999, "a number of 9,999 digits is larger than any size"),
        ("a: 1\n---\nb: 2", "a second document begins here; one file holds one\n  --> file:2:1"),
        ("a: b: c", "cannot read the YAML: mapping values are not allowed in this context"),
        ("a:\n\tb: 1", "cannot read the YAML: found character that cannot start any token"),
        ("a: [1, 2", "cannot read the YAML: did not find expected ',' or ']'"),
        ("a: 'b", "cannot read the YAML: found unexpected end of stream"),
        ("a: 1\n b: 2", "cannot read the YAML: mapping values are not allowed in this context"),
        ("%YAML 3.0\n---\na: 1", "cannot read the YAML: found incompatible YAML document"),
        ("a: \x07", "the character U+0007 cannot stand in YAML\n  --> file:1:4"),
        ("ab: 1\nc: \x1b[31m", "the character U+001B cannot stand in YAML\n  --> file:2:4"),
        ("a: \ud800", "the character U+D800 cannot stand in YAML\n  --> file:1:4"),
        ("", "`file` holds nothing but comments"),
        ("# a\n\n# b\n", "`file` holds nothing but comments"),
        ("[" * 100, "`file` is nested too deep"),
        ("{a: " * 100, "`file` is nested too deep"),
        ("- " * 100 + "a", "`file` is nested too deep"),
        ("".join(" " * n + "a:\n" for n in range(100)), "`file` is nested too deep"),
    ],
)
def test_refused(text: str, message: str) -> None:
    assert failure(text).startswith(message)


def test_several_problems_are_told_together() -> None:
    message = failure("a: 1\na: 2\nb: !x 3\nc: 010\n")
    assert message.split("\n\n")[0].startswith("the key `a` is given twice")
    assert [line for line in message.splitlines() if "-->" in line] == [
        "  --> file:2:1",
        "  --> file:3:4",
        "  --> file:4:4",
    ]
    assert len(failure("a: 1\n" * 1000).split("\n\n")) == 20


def test_the_place_is_right_after_characters_of_any_width() -> None:
    message = failure(
        "a: 1 # \N{GRINNING FACE}\N{LATIN SMALL LETTER E WITH ACUTE}\nb: '\u4e2d' # x\na: 2"
    )
    assert "  --> file:3:1" in message


# --- strangers -----------------------------------------------------------------------------------

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdef", "bcdefg")
)
HOSTILE = {
    "alias bomb": BOMB,
    "many entries": "- a\n" * 300_000,
    "many keys": "".join(f"k{n}: v\n" for n in range(300_000)),
    "many anchors": "".join(f"k{n}: &a{n} v\n" for n in range(300_000)),
    "open brackets": "[" * 1_000_000,
    "open braces": "{a: " * 300_000,
    "dashes": "- " * 500_000,
    "question marks": "? " * 500_000,
    # A comment that seems to close the brackets.
    "brackets closed in comments": ("[" * 500 + "#" + "]" * 500 + "\n") * 400,
    "brackets closed in quotes": ("[" * 50 + '"' + "]" * 50 + '",\n') * 400,
    "deep blocks": "".join(" " * n + "a:\n" for n in range(2000)),
    "a wide line": "a: {" + "b: 1, " * 200_000,
    "one long scalar": "a: " + "x" * 2_000_000,
    "one long quote": "a: '" + "x" * 2_000_000 + "'",
    "nothing but lines": "\n" * 2_000_000 + "a: b: c",
    "directives": "%YAML 1.1\n" * 100_000,
    "a huge number": "a: " + "9" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_read_or_refused_at_once(name: str) -> None:
    start = time.perf_counter()
    try:
        load(HOSTILE[name], "file")
    except ParamcalcError as error:
        message = str(error)
    else:
        message = ""
    assert len(message) < 10_000
    assert bool(message) is not name.startswith("one long")
    assert time.perf_counter() - start < 30  # a fraction of a second on any machine that is idle


WATCHED = """
import resource, sys, time
import paramcalc
paramcalc.load({"fc": "Linear(1, 2)"})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
try:
    paramcalc.load(sys.argv[1])
    print("read")
except paramcalc.ParamcalcError as error:
    print(str(error).partition(": ")[0][:200])
seconds = time.perf_counter() - start
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, seconds)
"""
LARGE = {
    "lists.json": '{"model_type": "x", "a": [' + "[]," * 4_000_000 + "1]}",
    "keys.json": '{"model_type": "x"' + "".join(f', "{n}": 1' for n in range(900_000)) + "}",
    "deep.json": '{"model_type": "x", "a": ' + "[" * 10_000_000,
    "items.yaml": "- a\n" * 3_500_000,
    "scalar.yaml": "a: " + "x" * 15_000_000,
}


def watched(path: Path) -> str:
    """What loading a file says, if it takes little time and memory."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    *said, figures = done.stdout.splitlines()
    kilobytes, seconds = map(float, figures.split())
    assert kilobytes < 100_000
    assert seconds < 30
    return "\n".join(said)


@pytest.mark.skipif(sys.platform != "linux", reason="getrusage counts in kilobytes there")
@pytest.mark.parametrize("name", LARGE)
def test_large_files_take_little_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(LARGE[name], encoding="utf-8")
    assert watched(path) != "read"


@pytest.mark.skipif(sys.platform != "linux", reason="getrusage counts in kilobytes there")
def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    assert watched(path) == f"`{path}` is larger than {MOST_BYTES:,} bytes"


YAML_TEXT = st.text(st.sampled_from("ab:- \n[]{}&*!|>'\"#,?%@`0.1~<=\t\r\\"), max_size=40)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(YAML_TEXT | st.text(max_size=40))
def test_random_text_raises_nothing_else(text: str) -> None:
    try:
        load(text, "file")
    except ParamcalcError as error:
        str(error)  # which must not fail either


PRINTABLE = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"]), max_size=8
)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | PRINTABLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PRINTABLE, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TREES)
def test_json_is_yaml(tree: Any) -> None:
    assert load(json.dumps(tree, ensure_ascii=False), "file") == tree
    assert load(json.dumps(tree, ensure_ascii=False, indent=1), "file") == tree


# --- places --------------------------------------------------------------------------------------

PLACES = """\
modules:
  a: 'it''s Linear(x)'
  "b[n]": Linear(1,
    2,

    y)
  c: |
    Linear(z)
  d: ["one", two]
  e: [{f: 1}]
"""


@pytest.mark.parametrize(
    ("path", "span", "in_key", "found"),
    [
        (("modules", "a"), (12, 1), False, (2, 20, "x")),
        (("modules", "a"), (0, 0), False, (2, 7, "it''s Linear(x)")),
        (("modules", "b[n]"), (2, 1), True, (3, 6, "n")),
        (("modules", "b[n]"), (10, 1), False, (4, 5, "2")),
        (("modules", "b[n]"), (13, 1), False, (6, 5, "y")),
        (("modules", "b[n]"), (0, 0), False, (3, 11, "Linear(1,")),
        (("modules", "c"), (7, 1), False, (7, 3, "c")),  # a block: its key
        (("modules", "d", "0"), (0, 3), False, (9, 8, "one")),
        (("modules", "d", "1"), (0, 0), False, (9, 14, "two")),
        (("modules", "d", "2"), (0, 0), False, (9, 3, "d")),  # what is not there: what holds it
        (("modules", "e", "0"), (0, 0), False, (10, 7, "{")),
        (("modules", "e", "0", "f"), (0, 0), False, (10, 11, "1")),
        (("modules", "missing"), (3, 4), True, (1, 1, "modules")),
        (("missing",), (3, 4), True, (1, 1, "m")),
        (("modules",), (0, 0), False, (1, 1, "modules")),
    ],
)
def test_place(
    path: tuple[str, ...], span: tuple[int, int], in_key: bool, found: tuple[int, int, str]
) -> None:
    problem, _ = locate(Problem("wrong", None, path, span, in_key), PLACES, "file")
    place = problem.place
    assert place is not None
    underlined = place.text[place.column - 1 : place.column - 1 + place.length]
    assert (place.line, place.column, underlined) == found


def test_the_place_in_a_very_long_line() -> None:
    place = place_of("first\n" + "x" * 10_000 + "here" + "y" * 10_000, "file", 10_006, 4)
    assert (place.line, place.column, place.length) == (2, 10_001, 4)
    assert len(place.text) == 400
    shown = str(Problem("wrong", place=place)).splitlines()
    assert shown[1] == "  --> file:2:10001"
    assert shown[3].index("here") == shown[4].index("^^^^")
    assert max(map(len, shown)) < 110


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028"])
def test_lines_are_counted_as_yaml_counts_them(end: str) -> None:
    text = f"a: 1{end}{end}b: x"
    place = place_of(text, "file", text.index("x"))
    assert (place.line, place.column, place.text) == (3, 4, "b: x")


# --- files ---------------------------------------------------------------------------------------


def refusal(path: Path | str) -> str:
    start = time.perf_counter()
    with pytest.raises(ParamcalcError) as caught:
        read_text(path)
    assert time.perf_counter() - start < 10
    return str(caught.value).replace(str(path), "PATH").partition("\n")[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "`PATH` is empty"),
        (b" \n\t\n", "`PATH` is empty"),
        (b"a: \xff\xfe", "`PATH` is not UTF-8 text (byte 3)"),
        ("a: 1".encode("utf-16"), "`PATH` is not UTF-8 text (byte 0)"),
        ("a: \u00e9".encode("latin-1"), "`PATH` is not UTF-8 text (byte 3)"),
        (b"a: \xed\xa0\x80", "`PATH` is not UTF-8 text (byte 3)"),  # half a surrogate pair
        (b"PK\x03\x04\x00\x00", "`PATH` is a binary file, not text"),
        (b"a: 1\0", "`PATH` is a binary file, not text"),
    ],
)
def test_unreadable_content(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(content)
    assert refusal(path) == message


def test_readable_content(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes("\ufefffc: Linear(1, 2) # \u00e9\r\n".encode())
    assert read_text(path) == "fc: Linear(1, 2) # \u00e9\r\n"
    assert paramcalc.load(path).parameters.total == 4


def test_what_is_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "`PATH` is a folder, not a file"
    assert refusal(tmp_path / "missing") == "cannot read `PATH`: no such file or directory"
    assert refusal(tmp_path / "a\0b").endswith("is no file name")
    assert refusal("\ud800").endswith("is no file name")
    assert refusal("a" * 5000).endswith(": file name too long")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
def test_what_is_no_regular_file(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    assert refusal(fifo) == "`PATH` is not a regular file"
    for device in ("/dev/zero", "/dev/null"):
        assert refusal(device) == "`PATH` is not a regular file"
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert refusal(loop).startswith("cannot read `PATH`: too many levels of symbolic links")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text("a: 1", encoding="utf-8")
    path.chmod(0)
    assert refusal(path) == "cannot read `PATH`: permission denied"
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0)
    try:
        with pytest.raises(ParamcalcError, match="permission denied"):
            paramcalc.load(folder / "spec.yaml")
    finally:
        folder.chmod(0o700)


def test_every_file_is_closed(tmp_path: Path) -> None:
    """A refused file, too: the fixture that turns warnings into errors sees to it."""
    for path in (tmp_path, tmp_path / "missing", Path("/dev/null")):
        with pytest.raises(ParamcalcError):
            read_text(path)
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    with pytest.raises(ParamcalcError):
        read_text(tmp_path)
    again = os.open(os.devnull, os.O_RDONLY)
    os.close(again)
    assert again == descriptor


NO_NAMES = ["", " ", "\0", "a\0.yaml", "\ud800.yaml", "~nobody-at-all/x.yaml", "a" * 5000 + ".yaml"]
NO_NAMES += ["/" + "a/" * 3000, ".", "/", "..", "/dev/zero", "-1b", "0b", "1e99", "9" * 1000 + "b"]
NO_NAMES += ["_ladders", "# x", "  architecture", "a: b", "\x1b[31m"]


@pytest.mark.parametrize("name", NO_NAMES)
def test_names_that_are_none(name: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ParamcalcError) as caught:
        paramcalc.load(name)
    assert time.perf_counter() - start < 10
    assert str(caught.value).replace("\n", "").isprintable()


# --- a folder of one's own -----------------------------------------------------------------------


@pytest.fixture
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PARAMCALC_DATA", str(tmp_path))
    (tmp_path / "architectures").mkdir()
    forget()
    yield tmp_path
    monkeypatch.undo()
    forget()


def forget() -> None:
    cached: Any
    for cached in (
        files.data_folders,
        architectures.architecture_source,
        architectures.find_spec,
        table._texts,
        table.read_cached,
        table._spellings,
        table._entry,
    ):
        cached.cache_clear()


def test_an_architecture_of_ones_own_is_found_and_wins(own_data: Path) -> None:
    folder = own_data / "architectures"
    (folder / "mine.yaml").write_text("extends: gpt2\nmodules: {extra: Parameter(7)}\n")
    (folder / "mamba.yaml").write_text("modules: {w: Parameter(3)}\n")
    small = {"n_embd": 4, "n_layer": 1, "vocab_size": 5, "n_positions": 2}
    gpt2 = paramcalc.load({"model_type": "gpt2", **small}).parameters.total
    assert paramcalc.load({"model_type": "mine", **small}).parameters.total == gpt2 + 7
    assert paramcalc.load({"model_type": "mamba"}).parameters.total == 3
    assert {"mine", "mamba", "gpt2"} <= set(architectures.architecture_names())


def test_a_mistake_in_ones_own_architecture_is_shown_by_its_path(own_data: Path) -> None:
    path = own_data / "architectures" / "mine.yaml"
    path.write_text("modules:\n  a: Linear(3)\n")
    with pytest.raises(ParamcalcError) as caught:
        paramcalc.load({"model_type": "mine"})
    assert f"  --> {path}:2:6" in str(caught.value)


def test_a_model_of_ones_own_is_found_and_wins(own_data: Path) -> None:
    published = "published: {parameters: 3, stated: '3', source: none}"
    entry = (
        "  architecture: mine\n  family: mine\n  context: null\n  licence: mit\n"
        f"  released: '2024-01-01'\n  source: none\n  {published}\n  config: {{}}\n"
    )
    (own_data / "architectures" / "mine.yaml").write_text("modules: {w: Parameter(3)}\n")
    (own_data / "models.yaml").write_text(f"my-model:\n{entry}\ngpt2:\n{entry}")
    assert paramcalc.load("my-model").parameters.total == 3
    assert paramcalc.load("My_Model").parameters.total == 3
    assert paramcalc.load("gpt2").parameters.total == 3
    assert paramcalc.load("bert-base-uncased").parameters.total == 109_514_298


def test_a_folder_that_is_not_there_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMCALC_DATA", "/nowhere/at/all")
    forget()
    try:
        assert paramcalc.load("gpt2").parameters.total == 124_439_808
    finally:
        monkeypatch.undo()
        forget()
