"""What holds for every command in snapshots/, whatever it prints."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.cli.runner import INPUTS, PROMPT, SNAPSHOTS, Command, parse, run

LINES = [path.read_text("utf-8").partition("\n")[0] for path in sorted(SNAPSHOTS.glob("*.txt"))]
COMMANDS = {line.removeprefix(PROMPT): parse(line) for line in LINES}
NOT_FOR_PEOPLE = ("schema", "completion", "--version")
FORMATS = {"--json", "--format", "-f", "json", "csv", "md"}


def plain(command: Command) -> Command:
    """The command with no format asked for, so that one can be."""
    words = [word for word in command.arguments if word not in FORMATS]
    return command._replace(arguments=tuple(words), environment=())


def answers(command: Command) -> bool:
    return command.run().code in (0, 1)


WITHOUT_A_PAGE = {"-q", "--quiet", "--spec", "--entry"}
ANSWERING = {
    line: plain(command)
    for line, command in COMMANDS.items()
    if command.arguments[0] not in NOT_FOR_PEOPLE
    and not WITHOUT_A_PAGE & set(command.arguments)
    and answers(command)
}
every_command = pytest.mark.parametrize("line", ANSWERING)


def of(*names: str) -> pytest.MarkDecorator:
    """The lines of these commands."""
    lines = [line for line, command in ANSWERING.items() if command.arguments[0] in names]
    return pytest.mark.parametrize("line", lines)


def document(line: str, *more: str) -> dict[str, Any]:
    result = ANSWERING[line].run("--json", *more)
    assert result.stderr == ""
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def rows(line: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(ANSWERING[line].run("--format", "csv").stdout)))


# --- widths and escape codes ----------------------------------------------------------------------


@every_command
@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(line: str, columns: int) -> None:
    shown = ANSWERING[line].run(COLUMNS=str(columns)).stdout
    assert shown
    assert max(len(text) for text in shown.split("\n")) <= columns


@every_command
@pytest.mark.parametrize("columns", [40, 60])
def test_no_number_is_cut(line: str, columns: int) -> None:
    shown = ANSWERING[line].run(COLUMNS=str(columns)).stdout
    assert not re.search(r"(?<![\w.…-])[\d,.]*\d…|…\d[\d,]*(?=\s|$)", shown)
    # What is printed as a total is there in full at every width.
    for total in re.findall(r"^(?:Total|Stored) .*?([\d,]+)(?: |$)", ANSWERING[line].run().stdout):
        assert total in shown


@pytest.mark.parametrize("columns", range(20, 40, 3))
@pytest.mark.parametrize("command", ["count deepseek-v3", "memory 70b", "fit 70b -g 24gb"])
def test_even_a_sliver_of_a_terminal_shows_whole_numbers(command: str, columns: int) -> None:
    shown = run(command.split(), {"COLUMNS": str(columns)}).stdout
    assert max(len(text) for text in shown.split("\n")) <= columns
    wanted = {"count": "671,026,404,352", "memory": "283.3 GB", "fit": "38.3 GB"}
    assert wanted[command.split(maxsplit=1)[0]] in shown


COLOURS: list[tuple[Mapping[str, str], bool, tuple[str, ...], bool]] = [
    # environment, a terminal, options, escape codes
    ({}, False, (), False),
    ({}, True, (), True),
    ({"FORCE_COLOR": "1"}, False, (), True),
    ({"NO_COLOR": "1"}, True, (), False),
    ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, (), False),
    ({"TERM": "dumb"}, True, (), False),
    ({"TERM": ""}, True, (), False),
    ({}, False, ("--color", "always"), True),
    ({"NO_COLOR": "1"}, False, ("--color", "always"), True),  # what is asked for now wins
    ({"FORCE_COLOR": "1"}, True, ("--color", "never"), False),
]


@every_command
@pytest.mark.parametrize(("environment", "terminal", "options", "coloured"), COLOURS)
def test_escape_codes_come_with_colour_only(
    line: str,
    environment: Mapping[str, str],
    terminal: bool,
    options: tuple[str, ...],
    coloured: bool,
) -> None:
    command = ANSWERING[line]
    text = "" if command.input_file is None else (INPUTS / command.input_file).read_text("utf-8")
    result = run([*command.arguments, *options], environment, text, terminal=terminal)
    assert ("\x1b" in result.stdout) == (coloured and has_style(result.stdout))
    # Colour repeats what words say: without it the same words stand there.
    bare = re.sub(r"\x1b\[[\d;]*m", "", result.stdout)
    assert [text.rstrip() for text in bare.split("\n")] == [
        text.rstrip()
        for text in run(command.arguments, {"TERM": "dumb"}, text, terminal=terminal).stdout.split(
            "\n"
        )
    ]


def has_style(shown: str) -> bool:
    """All pages have a heading, a title, a dim line or a verdict."""
    return bool(shown.strip())


@every_command
def test_documents_have_no_colour_even_if_forced(line: str) -> None:
    for form in ("json", "csv", "md"):
        assert "\x1b" not in ANSWERING[line].run("-f", form, FORCE_COLOR="1").stdout


# --- sums -----------------------------------------------------------------------------------------


def table_of(shown: str) -> list[tuple[str, int]]:
    """The rows of a count: what stands before the first number, and the figure of each row."""
    found = []
    for text in shown.split("\n"):
        match = re.match(
            r"(\S.*?)(?:  +[\d×x ]+|  +scalar)?(?:  +\d[\d,]*)??  +(\d[\d,]*)(  |$)", text
        )
        if match:
            found.append((match[1], int(match[2].replace(",", ""))))
    return found


@of("count")
def test_the_rows_of_a_count_sum_to_its_total(line: str) -> None:
    if document(line)["results"][0]["parameters"]["total"] is None:
        return  # nothing is published
    shown = ANSWERING[line].run(COLUMNS="200").stdout.split("\n\n")[1]
    found = table_of(shown)
    outer = [(name, number) for name, number in found if name[0] not in "├└│"]
    *parts, (label, total) = outer
    if label in ("Total", "Stored"):
        assert sum(number for _, number in parts) == total
    else:
        assert len(outer) == 1  # a bare size, a model that is only reported


@of("count")
def test_the_modules_of_a_count_sum_up(line: str) -> None:
    for result in document(line)["results"]:
        if result["modules"]:
            total = result["parameters"]["total"]
            assert sum(module["parameters"] for module in result["modules"]) == total
            assert sum(result["categories"].values()) == total
        for module in walk(result["modules"]):
            # A module may own tensors besides those of its modules.
            inside = sum(inner["parameters"] for inner in module["modules"])
            assert inside <= module["parameters"]


def walk(modules: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for module in modules:
        yield module
        yield from walk(module["modules"])


PARTS = ("weights_bytes", "kv_cache_bytes", "state_bytes", "buffer_bytes", "overhead_bytes")


@of("memory", "fit")
def test_the_parts_of_a_memory_sum_to_its_total(line: str) -> None:
    for result in document(line)["results"]:
        for row in [*result["precisions"], *filter(None, [result.get("lower")])]:
            total = row["total_bytes"] if "total_bytes" in row else row["needed_bytes"]
            assert sum(row[part] or 0 for part in PARTS) == total
            low, high = row.get("total_range_bytes") or row["needed_range_bytes"]
            assert low <= total <= high


UNITS = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
SIZE = re.compile(r"(?<!\S)([\d,]+(?:\.\d+)?) (B|[KMG]i?B)\b")


def sizes(text: str) -> list[tuple[float, float]]:
    """The sizes in a line, each with how far it may be rounded."""
    found = []
    for number, unit in SIZE.findall(text):
        places = len(number.partition(".")[2])
        found.append(
            (float(number.replace(",", "")) * UNITS[unit], 0.5 * 10**-places * UNITS[unit])
        )
    return found


@of("memory", "fit")
def test_the_printed_parts_sum_to_the_printed_total(line: str) -> None:
    shown = ANSWERING[line].run(COLUMNS="200").stdout
    head, *body = shown.split("\n\n")[1].split("\n")
    if head.startswith("Precision"):
        last = "Total" if "Total" in head else "Needed"
        count = len(head[: head.index(last)].replace("KV cache", "KV").split()[1:])
        count -= ("Bits/weight" in head) + ("Unquantized" in head)
        for text in body:
            *parts, total = sizes(text)[: count + 1]
            assert_sum(parts, total)
    else:
        found = {text.split("  ")[0]: sizes(text)[0] for text in body}
        spare = found.pop("Free", None)
        missing = found.pop("Missing", (0.0, 0.0))
        needed, available = sizes(shown.split("\n\n")[-1].replace("\n ", ""))[:2]
        assert_sum(list(found.values()), needed)
        assert_sum(
            [available, missing] if spare is None else [needed, spare],
            (needed if spare is None else available),
        )


def assert_sum(parts: list[tuple[float, float]], total: tuple[float, float]) -> None:
    allowed = sum(slack for _, slack in [*parts, total]) * 1.0001
    assert abs(sum(size for size, _ in parts) - total[0]) <= allowed


# --- documents ------------------------------------------------------------------------------------


@cache
def validator(command: str) -> Draft202012Validator:
    schema = json.loads(run(["schema", command]).stdout)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@every_command
def test_a_document_is_as_its_schema_says(line: str) -> None:
    command = ANSWERING[line].arguments[0]
    validator(command).validate(document(line))


@of("memory", "fit", "count")
def test_an_explained_document_is_as_its_schema_says(line: str) -> None:
    validator(ANSWERING[line].arguments[0]).validate(document(line, "--explain"))


@every_command
def test_a_document_has_the_exit_code_of_the_page(line: str) -> None:
    codes = {ANSWERING[line].run("-f", form).code for form in ("table", "json", "csv", "md")}
    assert len(codes) == 1


def figures(record: Mapping[str, Any]) -> dict[str, str]:
    """A row of a document as CSV spells it, the two ends of a range apart."""
    found = {}
    for key, value in record.items():
        if "_range_" in key:
            found[key.replace("_range_", "_low_")] = str(value[0])
            found[key.replace("_range_", "_high_")] = str(value[1])
        elif isinstance(value, bool):
            found[key] = str(value).lower()
        elif not isinstance(value, (dict, list)):
            found[key] = "" if value is None else str(value)
    return found


@of("memory", "fit", "compare", "list")
def test_csv_holds_what_the_document_holds(line: str) -> None:
    results = document(line)["results"]
    command = ANSWERING[line].arguments[0]
    if command in ("memory", "fit"):
        results = results[0]["precisions"]
    elif command == "compare":
        results = [{"model": result["model"], **result["facts"]} for result in results]
    found = rows(line)
    assert len(found) == len(results)
    for row, record in zip(found, results, strict=True):
        expected = figures(record)
        for key, text in row.items():
            if key == "active" and text == "":
                continue  # the list says it of mixtures of experts only
            assert text == expected[key], key


@of("count")
def test_csv_holds_the_counts_of_the_document(line: str) -> None:
    result = document(line)["results"][0]
    if adapter := result["lora"]:
        counts = {"total": adapter["parameters"], "stored": adapter["stored"]}
        result = result | adapter | {"parameters": counts}
    known = {module["name"]: module["parameters"] for module in walk(result["modules"])}
    known |= {row["name"]: row["parameters"] for row in result["rows"] or []}
    known |= {row["name"]: row["numel"] for row in result["tensor_list"] or []}
    known |= {"Total": result["parameters"]["total"], "Stored": result["parameters"]["stored"]}
    for row in rows(line):
        name = row["name"]
        if name == result["model"]:
            low, high = result["parameters"]["total_range"] or (known["Total"], None)
            figure = row.get("parameters", row.get("low"))
            assert figure == str(low)
            assert row.get("high", "") == ("" if high is None else str(high))
        elif name.endswith(".norms"):  # several norms in one line
            assert int(row["parameters"]) > 0
        else:
            assert int(row["parameters"]) == known[name]


# --- arithmetic -----------------------------------------------------------------------------------


def ceil_div(number: int, by: int) -> int:
    return -(-number // by)


def round_up(number: int, multiple: int) -> int:
    return ceil_div(number, multiple) * multiple


FUNCTIONS = {"ceil_div": ceil_div, "round_up": round_up, "min": min, "max": max, "len": len}


@of("count", "memory", "fit")
def test_every_formula_gives_its_result(line: str) -> None:
    for result in document(line, "--explain")["results"]:
        steps = result["steps"]
        for step in steps:
            names = {"__builtins__": {}, **FUNCTIONS, **step["values"]}
            assert eval(step["formula"], names) == step["result"], step["label"]  # noqa: S307
        assert steps or result["parameters"]["total"] is None


@of("count", "memory", "fit")
def test_every_printed_formula_gives_its_result(line: str) -> None:
    shown = ANSWERING[line].run("--explain", COLUMNS="9999").stdout
    found = re.findall(
        r"^(\S.*?)  +([\d,]+)((?:\n  .*)+)", shown.partition("\nStep")[2], re.MULTILINE
    )
    for _, result, below in found:
        for text in below.strip("\n").split("\n"):
            numbers = text.strip().removeprefix("= ")
            if not text.startswith("  = ") and re.search(r"[A-Za-z]", numbers):
                continue  # the formula with its names, or a source
            bare = numbers if re.search(r"[a-z]", numbers) else numbers.replace(",", "")
            formula = bare.replace("×", "*").replace("^", "**")
            names = {"__builtins__": {}, **FUNCTIONS}
            assert eval(formula, names) == int(result.replace(",", ""))  # noqa: S307
