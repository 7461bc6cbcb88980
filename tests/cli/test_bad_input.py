"""Whatever is handed in: a clear error, exit code 2, nothing on standard output, no traceback."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from unittest import mock

import pytest

from tests.cli.runner import INPUTS, Result, run

SECONDS = 20.0  # a fraction of one where nothing else runs; this catches what never ends
"""Far above what any of these takes, far below what a person would wait."""


def refused(arguments: list[str], text: str = "", folder: Path = INPUTS) -> Result:
    """The answer to bad input, which must be as the house does it."""
    start = time.perf_counter()
    result = run(arguments, text=text, folder=folder)
    assert time.perf_counter() - start < SECONDS
    assert result.code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr[len("error: ")] not in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert not result.stderr.rstrip("\n").endswith(".")
    assert "Traceback" not in result.stderr
    assert "a bug in paramcalc" not in result.stderr
    return result


# --- names and options ----------------------------------------------------------------------------

OPTIONS = [
    # command line, what the error says, what the hint says
    ("count lama-3.1-8b", "no model named `lama-3.1-8b`", "`llama-3.1-8b`, `llama-3-8b`"),
    ("count mixtrall-8x7b", "no model named", "did you mean `mixtral-8x7b`"),
    ("count 70", "no model named `70`", "`paramcalc list models` names them all"),
    ("count 0b", "0b has no parameters", ""),
    ("count 999999999999999t", "is larger than any model can be", "at most"),
    ("count -1b", "no such option: -1", "--help"),
    ("count", "", ""),
    ("count llama-3.1-8b extra", "extra", "`paramcalc count --help`"),
    ("count llama-3.1-8b --by foo", "no breakdown named `foo`", "module, layer, kind, tensor"),
    ("count llama-3.1-8b --by modul", "no breakdown named `modul`", "did you mean `module`?"),
    ("count llama-3.1-8b --depth 0", "the depth must be a whole number above zero", ""),
    ("count llama-3.1-8b --depth two", "found `two`", ""),
    ("count llama-3.1-8b --format xml", "no format named `xml`", "table, json, csv, md"),
    ("count llama-3.1-8b --color pink", "`pink`", "auto, always, never"),
    ("count llama-3.1-8b --colour always", "no such option: --colour", "--help"),
    ("count llama-3.1-8b --set foo=1", "no configuration key `foo`", "its keys: vocab_size"),
    ("count llama-3.1-8b --set hiden_size=1", "`hiden_size`", "did you mean `hidden_size`"),
    ("count llama-3.1-8b --set hidden_size", "cannot read `hidden_size`", "--set key=value"),
    ("count llama-3.1-8b --set hidden_size=0", "must be at least 1, got 0", ""),
    ("count llama-3.1-8b --set hidden_size=-4096", "must be at least 1, got -4096", ""),
    ("count llama-3.1-8b --set hidden_size=1.5", "must be a whole number", "`//`"),
    ("count llama-3.1-8b --set hidden_size=[1]", "found a list", ""),
    ("count llama-3.1-8b --set hidden_size=1000000000000000000000000000000", "larger than", ""),
    ("count llama-3.1-8b --set num_hidden_layers=-1", "must be a whole number, found -1", ""),
    ("count llama-3.1-8b --set num_hidden_layers=abc", "found a text", ""),
    (
        "count llama-3.1-8b --by layer --set num_hidden_layers=10000000000",
        "more than 100,000 layers",
        "by module or kind",
    ),
    (
        "count llama-3.1-8b --by tensor --expand --set num_hidden_layers=10000000000",
        "90,000,000,003 tensors, too many to list one by one",
        "",
    ),
    ("count 70b --set hidden_size=1", "`70b` has no configuration to set", ""),
    ("memory 70b --like nope", "no model named `nope`", ""),
    ("memory 70b --like 7b", "`7b` has no architecture", ""),
    ("memory llama-3.1-8b --like gpt2", "has an architecture of its own", "for bare sizes"),
    ("memory 70b --engine nope", "no engine named `nope`", "paramcalc list engines"),
    ("memory 70b --overhead 20", "`20` is no percentage", "write `20%`"),
    ("memory 70b --overhead -5%", "`-5%` is no percentage", "write `20%`"),
    ("memory 70b --kv-precision nope", "no precision named `nope`", ""),
    ("memory 70b -p Q4_Z", "no precision named `Q4_Z`", "did you mean"),
    ("memory claude-3-opus", "the size of claude-3-opus is not published", "such as `70b`"),
    ("fit claude-3-opus -g 80gb", "the size of claude-3-opus is not published", "`70b`"),
    ("fit 70b", "missing option '--gpu'", "`paramcalc fit --help`"),
    ("fit 70b --gpu", "option '--gpu' requires an argument", "`paramcalc fit --help`"),
    ("fit 70b --gpu 24", "`24` has no unit", "did you mean `24gb`?"),
    ("fit 70b --gpu 0gb", "`0gb` is no sensible size", "`24gb`, `24GiB`"),
    ("fit 70b --gpu -5gb", "`-5gb` is no size", "`24gb`, `24GiB`"),
    ("fit 70b --gpu 1e99gb", "`1e99gb` is no size", "`24gb`, `24GiB`"),
    ("fit 70b --gpu 99999999tb", "is no sensible size", "`24gb`, `24GiB`"),
    ("fit 70b --gpu rtx-9999", "no GPU named `rtx-9999`", "did you mean `rtx-"),
    ("fit 70b -g 24gb --gpus 0", "--gpus must be a whole number above zero, found `0`", ""),
    ("fit 70b -g 24gb --gpus 99999999999", "from 1 to 1,000,000", ""),
    ("fit 70b -g 24gb --context -1", "`-1` is no number of tokens", "`8192` or `32k`"),
    ("fit 70b -g 24gb --context 0", "0 tokens is out of range", "1 to"),
    ("fit 70b -g 24gb --context 1e99", "`1e99` is no number of tokens", "`8192` or `32k`"),
    ("fit 70b -g 24gb --context 99999999999999", "out of range", "1 to"),
    ("fit 70b -g 24gb --batch 0", "--batch must be a whole number above zero, found `0`", ""),
    ("fit 70b -g 24gb --batch 1.5", "found `1.5`", ""),
    ("fit 70b -g 24gb --batch 9999999999999999", "above zero, found", ""),
    ("compare 7b", "compare takes 2 to 6 models, found 1", ""),
    ("compare 1b 2b 3b 4b 5b 6b 7b", "found 7", ""),
    ("count 7b --lora 8 --spec", "`--spec` is of a model, not of an adapter", "leave `--lora`"),
    ("list nothing", "no list named `nothing`", "models, precisions, gpus"),
    ("schema nope", "no document named `nope`", ""),
    ("completion tcsh", "no shell named `tcsh`", "did you mean `zsh`?"),
    ("nope", "no command named `nope`", ""),
    ("cuont 7b", "no command named `cuont`", "did you mean `count`?"),
    ("--nope", "no such option: --nope", "`paramcalc --help`"),
    ("show qqqqqqqqqqqqqqqqqqqq", "no model named", "`paramcalc list models`"),
]


@pytest.mark.parametrize(("line", "error", "hint"), OPTIONS, ids=[line for line, *_ in OPTIONS])
def test_a_wrong_option(line: str, error: str, hint: str) -> None:
    if line == "count":
        # Without its argument a command shows its help.
        result = run(["count"])
        assert (result.code, result.stdout) == (2, "")
        assert result.stderr.startswith("Usage: paramcalc count")
        return
    result = refused(line.split())
    message, _, rest = result.stderr.partition("\nhint: ")
    assert error in message
    assert hint in rest


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\t",
        "\udcff\udcfe",
        "a" * 5000,
        "a\0b",
        "[bold]x[/bold]",
        "\x1b[31mred",
        "💥",
        "../..",
    ],
)
def test_a_name_of_any_characters(name: str) -> None:
    assert "\x1b" not in refused(["count", name]).stderr


def test_a_network_of_ten_thousand_million_layers_is_counted() -> None:
    start = time.perf_counter()
    arguments = ["count", "llama-3.1-8b", "--set", "num_hidden_layers=10000000000"]
    for more in ([], ["--by", "kind"], ["--by", "tensor"], ["--explain"], ["--json"]):
        result = run([*arguments, *more])
        assert (result.code, result.stderr) == (0, "")
        assert "2181120001050677248" in result.stdout.replace(",", "")
    assert time.perf_counter() - start < SECONDS


def test_a_name_is_repeated_in_part_only() -> None:
    assert max(map(len, refused(["count", "a" * 5000]).stderr.split("\n"))) < 200


# --- specs ----------------------------------------------------------------------------------------

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
SPECS = [
    # the reason is the name; then the text, and what the error says
    ("misspelt key", "modles:\n  fc: Linear(1, 1)\nlet: {}\n", "unknown section `modles`"),
    ("unknown kind", "fc: Lineer(1, 1)\n", "unknown layer kind `Lineer`"),
    ("unknown name", "fc: Linear(width, 1)\n", "unknown name `width`"),
    ("too few arguments", "fc: Linear(10)\n", "`Linear` lacks `out_features`"),
    ("too many arguments", "fc: Linear(1, 1, True, 4, 5, 6, 7)\n", "`Linear`"),
    ("unknown argument", "fc: Linear(1, 1, bais=False)\n", "did you mean `bias`"),
    ("negative", "fc: Linear(10, -3)\n", "`out_features` must be at least 1, got -3"),
    ("zero", "fc: Linear(0, 3)\n", "`in_features` must be at least 1, got 0"),
    ("fraction", "fc: Linear(10 / 4, 3)\n", "must be a whole number"),
    ("10**30", "fc: Linear(10**30, 1)\n", "larger than any size can be"),
    ("thirty digits", f"fc: Linear({10**30}, 1)\n", "larger than any size can be"),
    ("huge power", "fc: Linear(9**9**9, 1)\n", ""),
    ("huge shift", "fc: Linear(1 << 99999999, 1)\n", ""),
    ("huge text", "fc: Linear('a' * 10**9, 1)\n", ""),
    ("huge product", "fc: Linear(10**18, 10**18)\n", ""),
    ("many parentheses", f"fc: Linear({'(' * 250}1{')' * 250}, 1)\n", ""),
    ("import", "fc: Linear(__import__('os').getpid(), 1)\n", ""),
    ("attribute", "fc: Linear(().__class__, 1)\n", ""),
    ("comprehension", "fc: Linear([x for x in [1]][0], 1)\n", ""),
    ("lambda", "fc: Linear((lambda: 1)(), 1)\n", ""),
    ("format string", "fc: Linear(f'{1}', 1)\n", ""),
    ("walrus", "fc: Linear((x := 1), 1)\n", ""),
    ("division by zero", "fc: Linear(1 // 0, 1)\n", ""),
    ("extends itself", "extends: missing-architecture\n", "no architecture named"),
    ("cyclic let", "let:\n  a: b + 1\n  b: a\nmodules:\n  fc: Linear(a, 1)\n", "depends on itself"),
    ("cyclic function", "let:\n  f(x): f(x - 1)\nmodules:\n  fc: Linear(f(1), 1)\n", ""),
    ("block in itself", "blocks:\n  b():\n    x: b()\nmodules:\n  y: b()\n", "uses itself"),
    ("many layers", "layers[10**12]:\n  fc: Linear(i + 1, 1)\n", ""),
    ("a key twice", "fc: Linear(1, 1)\nfc: Linear(2, 2)\n", "the key `fc` is given twice"),
    ("a tag", 'fc: !!python/object/apply:os.system ["true"]\n', "tag"),
    ("an alias bomb", BOMB, "too many entries"),
    ("a list", "- Linear(1, 1)\n", ""),
    ("a number", "42\n", ""),
    ("a word", "hello\n", ""),
    ("null", "fc: null\n", ""),
    ("no YAML", "fc: [\n", ""),
    ("a tab", "fc:\n\tx: Linear(1, 1)\n", ""),
    ("deep nesting", "".join(f"{' ' * n}a:\n" for n in range(500)), ""),
    ("deep brackets", "a: " + "[" * 5000 + "]" * 5000 + "\n", ""),
    ("a date", "fc: 2020-01-01\n", ""),
    ("sexagesimal", "config:\n  n: 12:30:00\nmodules:\n  fc: Linear(n, 1)\n", ""),
    ("octal", "config:\n  n: 010\nmodules:\n  fc: Linear(n, 1)\n", ""),
    ("two documents", "fc: Linear(1, 1)\n---\nfc: Linear(2, 2)\n", ""),
    ("nothing", "", "is empty"),
    ("blanks", " \n\n", "is empty"),
    ("comments", "# nothing\n", ""),
    ("zero bytes", "fc: \0\n", ""),
    ("a configuration without a type", "{}", ""),
    ("an unknown type", '{"model_type": "no-such-architecture"}', "no-such-architecture"),
    ("JSON that breaks off", '{"model_type": "llama", ', ""),
    ("a key twice in JSON", '{"model_type": "llama", "hidden_size": 1, "hidden_size": 2}', ""),
    ("deep JSON", '{"model_type": "llama", "a": ' + "[" * 100_000, ""),
    ("a large number in JSON", '{"model_type": "llama", "hidden_size": 1' + "0" * 5000 + "}", ""),
    ("infinity in JSON", '{"model_type": "llama", "hidden_size": Infinity}', ""),
    ("NaN in JSON", '{"model_type": "llama", "hidden_size": NaN}', ""),
]


@pytest.mark.parametrize(("text", "error"), [row[1:] for row in SPECS], ids=[r[0] for r in SPECS])
def test_a_wrong_spec(text: str, error: str) -> None:
    assert error in refused(["count", "-"], text).stderr


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("fc: Lineer(1, 1)\n", ["standard input:1:5"]),
        ("a: Linear(1, 1)\nb:\n  c: Linear(1, x + 1)\n", ["standard input:3:16"]),
        ("a: Lineer(1, 1)\nb: Linear(1, 2 + x)\nc: Linear(y, 1)\n", [":1:4", ":2:18", ":3:11"]),
        ("a: Linear(0, 1)\nb: Linear(1)\nc: Linear(1, -1)\n", [":1:4", ":2:4", ":3:4"]),
    ],
)
def test_errors_say_where_and_all_at_once(text: str, places: list[str]) -> None:
    shown = refused(["count", "-"], text).stderr
    for place in places:
        assert f"{place}\n" in shown
    lines = shown.split("\n")
    for number, line in enumerate(lines):
        if set(line.strip()) == {"|", " ", "^"}:
            # The carets stand under the line's text, one column for each of its characters.
            assert lines[number - 1][line.index("^")] not in " |"
            assert line.index("|") == lines[number - 1].index("|")


def test_extends_in_a_circle(tmp_path: Path) -> None:
    folder = tmp_path / "architectures"
    folder.mkdir()
    (folder / "first.yaml").write_text("extends: second\nmodules: {}\n")
    (folder / "second.yaml").write_text("extends: first\nmodules: {}\n")
    with mock.patch("paramcalc.catalogue.files.data_folders", return_value=(tmp_path,)):
        result = refused(["count", "-"], '{"model_type": "first"}')
    assert "first" in result.stderr


# --- files ----------------------------------------------------------------------------------------


def test_a_missing_file() -> None:
    assert "no such file" in refused(["count", "missing.yaml"]).stderr


def test_a_folder_without_a_configuration(tmp_path: Path) -> None:
    assert "has no config.json" in refused(["count", str(tmp_path)]).stderr
    (tmp_path / "config.json").mkdir()
    refused(["count", str(tmp_path)])


def test_a_folder_called_like_a_file(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").mkdir()
    refused(["count", "spec.yaml"], folder=tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").touch()
    assert "is empty" in refused(["count", "spec.yaml"], folder=tmp_path).stderr


def test_a_binary_file(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_bytes(bytes(range(256)) * 100)
    assert "is not UTF-8 text" in refused(["count", "spec.yaml"], folder=tmp_path).stderr
    (tmp_path / "model.safetensors").write_bytes(b"\x08" + bytes(7) + b'{"a":{}}' + bytes(100))
    refused(["count", "./model.safetensors"], folder=tmp_path)


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("café: Linear(1, 1)\n", "latin-1")
    result = refused(["count", "spec.yaml"], folder=tmp_path)
    assert "is not UTF-8 text (byte 3)" in result.stderr


def test_a_byte_order_mark_is_fine(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("fc: Linear(1, 1)\n", "utf-8-sig")
    assert run(["count", "spec.yaml"], folder=tmp_path).code == 0


def test_a_file_of_100_megabytes(tmp_path: Path) -> None:
    with (tmp_path / "spec.yaml").open("wb") as file:
        file.truncate(100_000_000)
    assert "is larger than" in refused(["count", "spec.yaml"], folder=tmp_path).stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_that_nobody_writes_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "spec.yaml")
    refused(["count", "spec.yaml"], folder=tmp_path)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(errno.EACCES, "permission denied"), (errno.EIO, "input/output error")],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, code: int, reason: str) -> None:
    (tmp_path / "spec.yaml").write_text("fc: Linear(1, 1)\n")
    real = os.open

    def denied(path: str, *arguments: int) -> int:
        if str(path).endswith("spec.yaml"):
            raise OSError(code, os.strerror(code))
        return real(path, *arguments)

    # The tests may run as root, whom no permission keeps out.
    with mock.patch("os.open", denied):
        assert reason in refused(["count", "spec.yaml"], folder=tmp_path).stderr


def test_standard_input_that_is_a_terminal() -> None:
    with mock.patch("sys.stdin") as stdin:
        stdin.closed = False
        stdin.isatty.return_value = True
        from paramcalc.catalogue.files import read_standard_input
        from paramcalc.errors import ParamcalcError

        with pytest.raises(ParamcalcError, match="standard input is a terminal"):
            read_standard_input()
