"""`check`: every problem of a file at once, each at its line and column, with what to do."""

from __future__ import annotations

import json
import os
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramcalc.catalogue.architectures import architecture_names, architecture_source, find_spec
from paramcalc.catalogue.check import MOST_PROBLEMS, Checked, check_file, check_files, check_text
from paramcalc.errors import ParamcalcError

# What is expected of a problem: message, line, column, hint.
Expected = tuple[str, int, int, str]

NO_HINT = ""
NEAREST = "the nearest architectures"  # which change with every file that is added


def found(checked: Checked) -> list[Expected]:
    result = []
    for problem in checked.problems:
        assert problem.place is not None
        place, hint = problem.place, problem.hint or NO_HINT
        if problem.message.startswith("no architecture named"):
            assert "`llama`" in hint
            hint = NEAREST
        result.append((problem.message, place.line, place.column, hint))
    return result


# --- what a file is ----------------------------------------------------------------------------

RECOGNISED = [
    ("configuration", 1, '{"model_type": "llama"}'),
    ("spec", 1, "fc: Linear(10, 10)"),
    ("spec", 1, '{"fc": "Linear(10, 10)"}'),  # JSON is YAML
    ("spec", 1, "modules: {fc: 'Linear(10, 10)'}"),
    ("spec", 1, "extends: llama"),
    ("spec", 1, "config: {n: 3}\nlet: {}\nmodules: {}"),
    # A module may be called as a key of the catalogue.
    ("spec", 1, "head:\n  config: Linear(1, 2)\n  hub: Linear(2, 3)"),
    ("models", 1, "a:\n  architecture: gpt2\n  source: s\n  config: {}"),
    ("models", 1, "a:\n  source: s\n  reported: {low: 1, high: null, status: rumoured, text: t}"),
    ("precisions", 2, "a: &a\n  block_numel: 1\n  block_bytes: 1\nb: *a"),
    ("precisions", 0, "_ladders: {memory: [fp32], fit: [fp32], lower: []}"),
    ("hardware", 1, "a:\n  memory_mib: 1024\n  source: s"),
    ("engines", 1, "a:\n  runtime: {low: 1, mid: 2, high: 3}\n  source: s"),
    ("engines", 1, "rule_of_thumb: {low: 1, high: 2, source: s}"),
    ("unreadable", 0, "a: [1"),
]


@pytest.mark.parametrize(("kind", "entries", "text"), RECOGNISED)
def test_a_file_is_known_by_what_it_holds(kind: str, entries: int, text: str) -> None:
    checked = check_text(text, "file")
    assert (checked.kind, checked.entries) == (kind, entries)


@pytest.mark.parametrize("kind", ["models", "precisions", "hardware", "engines"])
def test_a_file_that_tells_nothing_is_known_by_its_name(kind: str) -> None:
    assert check_text("a: {b: 1}", f"{kind}.yaml").kind == kind


def test_a_configuration_without_a_model_type_is_known_by_its_name() -> None:
    checked = check_text('{"hidden_size": 8}', "some/config.json")
    hint = "it names the architecture; `paramcalc list architectures` names them all"
    assert checked.kind == "configuration"
    assert found(checked) == [("the configuration has no `model_type`", 1, 1, hint)]


# --- good files --------------------------------------------------------------------------------

GOOD = [
    "fc: Linear(10, 10)",
    "config: {n: required}\nmodules: {fc: 'Linear(n, n)'}",  # nothing to expand it with
    "config: {n: required}\nmodules: {fc: 'Linear(n, n)'}\nexample: {n: 8}",
    "config: {n: {default: 8, if_null: 3, aliases: [m]}}\nmodules: {fc: 'Linear(n, n)'}",
    "config: {m: [1, 2]}\nlet:\n  a: m[0]\n  f(x): 2 * x\nmodules: {fc: 'Linear(a, f(a))'}",
    "extends: llama\nconfig: {vocab_size: 1000}",
    "extends: llama\ntied: null\nheads: null",
    "modules: {a: {}}\nheads: {'*Model': {}, Other: {modules: {b: 'Linear(1, 1)'}}}",
    "a:\n  architecture: gpt2\n  source: s\n  config: {n_embd: 768}",
    "a:\n  architecture: bert\n  class: BertModel\n  source: s\n  config: {}",
    "a:\n  hub: me/a\n  aliases: [me/b, 'c']\n  architecture: gpt2\n  source: s\n  config: {}",
    "Q9:\n  block_numel: 32\n  block_bytes: 36\n  source: s\n  aliases: [q-9-0]",
    "card:\n  memory_mib: 100\n  bandwidth_gbps: 900.5\n  source: s",
    '{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "torch_dtype": "bfloat16"}',
]


@pytest.mark.parametrize("text", GOOD)
def test_nothing_is_wrong(text: str) -> None:
    assert found(check_text(text, "file")) == []
    assert check_text(text, "file").is_valid


@pytest.mark.parametrize("name", architecture_names())
def test_the_configuration_of_an_example_is_sound(name: str) -> None:
    text = json.dumps({"model_type": name, **find_spec(name).example}, indent=2)
    assert found(check_text(text, "config.json")) == []


# --- bad files ---------------------------------------------------------------------------------

SPECS: list[tuple[str, list[Expected]]] = [
    (  # pydantic's findings and the compiler's together, each once
        """\
sorce: me
config:
  n: {defualt: 3, aliases: m}
let:
  a: {b: 1}
modules:
  fc: Linear(n, a)
  fd: Linear(hidden, 3)
root: 5
rename: {a: 5}
tied: [1]
""",
        [
            ("unknown section `sorce`", 1, 1, "did you mean `source`?"),
            ("unknown key `defualt`", 3, 7, "did you mean `default`?"),
            ("`aliases` must be a list, found `m`", 3, 28, NO_HINT),
            ("`a` must be a number or an expression", 5, 3, NO_HINT),
            (
                "unknown name `hidden` in an expression",
                8,
                14,
                "names stand under `config:` or `let:`",
            ),
            ("`root` must be a text, found 5", 9, 7, "write it in quotes, so that it is a text"),
            ("`a` must be a text, found 5", 10, 13, "write it in quotes, so that it is a text"),
            ("`tied` must be a mapping of names, found a list", 11, 1, NO_HINT),
        ],
    ),
    (
        "config: {n: 3}\nmodule: {fc: 'Linear(n, n)'}",
        [("unknown section `module`", 2, 1, "did you mean `modules`?")],
    ),
    (
        "config: {n: 3}",
        [
            (
                "the document has no `modules`",
                1,
                1,
                "they are the tree of layers, indented below `modules:`",
            )
        ],
    ),
    (
        "extends: lama",
        [("no architecture named `lama`", 1, 10, NEAREST)],
    ),
    (
        "extends: [llama]",
        [("`extends` must be a text, found a list", 1, 1, NO_HINT)],
    ),
    (  # what only one of the heads does wrong, in that head
        """\
config: {n: 3}
modules: {fc: "Linear(n, n)"}
heads:
  "*Model":
    modulse: {}
  "*Other":
    modules:
      score: Linear(labels, n)
""",
        [
            ("unknown key `modulse`", 5, 5, "did you mean `modules`?"),
            (
                "unknown name `labels` in an expression",
                8,
                21,
                "names stand under `config:` or `let:`",
            ),
        ],
    ),
    (  # compiled, but not to be expanded with its example
        "config: {n: required}\nmodules:\n  fc: Linear(n, 8 // n)\nexample: {n: 0}",
        [("division by zero in `8 // n`", 3, 17, NO_HINT)],
    ),
    (  # a tree of modules without sections
        "fc: Linear(10, 10)\nfd: Linear(10, 2.5)",
        [
            (
                "`out_features` must be a whole number, got 2.5",
                2,
                5,
                "divide with `//`, or round with `int()`",
            )
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), SPECS)
def test_what_is_wrong_with_a_spec(text: str, expected: list[Expected]) -> None:
    assert found(check_text(text, "spec.yaml")) == expected


CONFIGURATIONS: list[tuple[str, list[Expected]]] = [
    (
        '{"model_type": }',
        [("cannot read the JSON: expecting value", 1, 16, NO_HINT)],
    ),
    (
        '{\n  "model_type": "lama"\n}',
        [("no architecture named `lama`", 2, 18, NEAREST)],
    ),
    (
        '{"model_type": "bert",\n "architectures": ["BertForMaskedLN"]}',
        # The class is told, not the architecture's list of classes.
        [("no head for the class `BertForMaskedLN`", 2, 21, "did you mean `*ForMaskedLM`?")],
    ),
    (
        '{"model_type": "bert", "architectures": "BertModel"}',
        [("`architectures` must be a list of names", 1, 42, NO_HINT)],
    ),
    (  # each wrong value once, however many tensors it spoils; and what one wrong value hides
        """\
{
  "model_type": "llama",
  "hidden_size": "4096",
  "num_attention_heads": 0,
  "num_hidden_layers": -2
}
""",
        [
            ("`embedding_dim` must be a whole number, got '4096'", 3, 19, NO_HINT),
            ("division by zero in `hidden_size // num_attention_heads`", 4, 26, NO_HINT),
            ("the count of a repeat must be a whole number, found -2", 5, 24, NO_HINT),
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), CONFIGURATIONS)
def test_what_is_wrong_with_a_configuration(text: str, expected: list[Expected]) -> None:
    assert found(check_text(text, "config.json")) == expected


MODELS: list[tuple[str, list[Expected]]] = [
    (
        """\
mine:
  architecture: llama
  released: 2024-13-01
  licence: 5
  publised: {}
  source: s
  config:
    hidden_sise: 5
    hidden_size: wide
other:
  architecture: lama
  config: {}
third:
  architecture: bert
  class: Foo
  source: s
  config: {}
""",
        [
            ("`released` must be a date such as '2024-07-23'", 3, 13, NO_HINT),
            (
                "`licence` must be a text, found 5",
                4,
                12,
                "write it in quotes, so that it is a text",
            ),
            ("unknown key `publised`", 5, 3, "did you mean `published`?"),
            (
                "`llama` has no configuration key `hidden_sise`",
                8,
                5,
                "did you mean `hidden_size`?",
            ),
            ("`embedding_dim` must be a whole number, got 'wide'", 9, 18, NO_HINT),
            (
                "`other` lacks `source`",
                10,
                1,
                "`source`: where the configuration, or the report, comes from",
            ),
            ("no architecture named `lama`", 11, 17, NEAREST),
            (
                "no head for the class `Foo`",
                15,
                10,
                (
                    "known classes: `*ForMaskedLM`, `*LMHeadModel`, `*Model`, "
                    "`ModelWithoutPooler`, `*ForPreTraining`, "
                    "`*ForNextSentencePrediction`, `*ForSequenceClassification`, "
                    "`*ForMultipleChoice`, `*ForTokenClassification`, `*ForQuestionAnswering`"
                ),
            ),
        ],
    ),
    (  # names, as the look-up reads them
        """\
mine:
  hub: me/other-9
  aliases: [mine-too, llama-3.1-8b]
  architecture: gpt2
  source: s
  config: {}
Mine:
  aliases:
    - apart
  architecture: gpt2
  source: s
  config: {}
other 9:
  architecture: gpt2
  source: s
  config: {}
"quoted":
  architecture: gpt2
  source: s
  config: {}
""",
        [
            (
                "`me/other-9` is already a name of `other 9`",
                2,
                8,
                "case and the separators - _ . do not distinguish names",
            ),
            (
                "`llama-3.1-8b` is already a name of `llama-3.1-8b`",
                3,
                23,
                "case and the separators - _ . do not distinguish names",
            ),
            (
                "`Mine` is already a name of `mine`",
                7,
                1,
                "case and the separators - _ . do not distinguish names",
            ),
            (
                "the look-up does not see `apart`",
                9,
                7,
                "it stands on one line, indented with two spaces",
            ),
            (
                "the look-up does not see `quoted`",
                17,
                2,
                "a name stands at the start of a line, without quotes, its keys indented below",
            ),
        ],
    ),
    (
        "a: &a\n  architecture: gpt2\n  source: s\n  config: {}\nb: *a",
        [
            (
                "`b` needs text outside of it",
                5,
                1,
                "an entry is cut out and read alone: no anchors from elsewhere",
            )
        ],
    ),
    (
        """\
a:
  source: s
  reported: {low: 5, high: 3, status: rumoured, text: t}
b:
  source: s
  reported: {low: 5, high: null, status: undisclosed, text: t}
c:
  source: s
  reported: {low: null, high: null, status: rumored, text: ''}
""",
        [
            ("`low` is larger than `high`", 3, 3, NO_HINT),
            ("an undisclosed size has no figures", 6, 3, NO_HINT),
            (
                "`status` must be `rumoured` or `undisclosed`, found `rumored`",
                9,
                45,
                "did you mean `rumoured`?",
            ),
            ("`text` is empty", 9, 61, NO_HINT),
        ],
    ),
    (  # 8 parameters (four tables of one, a norm and a pooler of two), and what is said of them
        """\
a:
  architecture: bert
  class: BertModel
  source: s
  config:
    num_hidden_layers: 0
    hidden_size: 1
    vocab_size: 1
    max_position_embeddings: 1
    num_attention_heads: 1
  published: {parameters: 7, stored: 8, extra: '1 + 1', because: b, source: s}
b:
  architecture: gpt2
  source: s
  config: {}
  published: {parameters: 124439808, stored: 9, source: s}
""",
        [
            ("published are 7 parameters, the configuration gives 8", 11, 27, NO_HINT),
            (
                "`stored` is 1 more than `parameters`, `extra` says otherwise",
                11,
                49,
                NO_HINT,
            ),
            (
                "`stored` stands together with `parameters`, `extra` and `because`",
                16,
                3,
                NO_HINT,
            ),
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), MODELS)
def test_what_is_wrong_with_a_catalogue_of_models(text: str, expected: list[Expected]) -> None:
    assert found(check_text(text, "models.yaml")) == expected


TABLES: list[tuple[str, list[Expected]]] = [
    (
        """\
_ladders: {memory: [fp33, Q], fit: [], lower: 5}
Q:
  block_numel: 0
  block_bytes: 1.5
  kind: flot
  source: 2024
r:
  recipe: {}
  source: s
s:
  block_numel: 1
  block_bytes: 1
  source: s
  aliases: [bf-16, 3]
t: 5
""",
        [
            ("`fit` is empty", 1, 31, NO_HINT),
            ("`lower` must be a list, found 5", 1, 47, NO_HINT),
            ("`block_numel` must be greater than 0, found 0", 3, 16, NO_HINT),
            ("`block_bytes` must be a whole number, found 1.5", 4, 16, NO_HINT),
            (
                "`kind` must be `float`, `integer` or `block`, found `flot`",
                5,
                9,
                "did you mean `float`?",
            ),
            (
                "`source` must be a text, found 2024",
                6,
                11,
                "write it in quotes, so that it is a text",
            ),
            ("`recipe` must be a text, found a mapping", 8, 3, NO_HINT),
            (
                "`bf-16` is already a name of `bf16`",
                14,
                13,
                "case and the separators - _ . do not distinguish names",
            ),
            (
                "an entry of `aliases` must be a text, found 3",
                14,
                20,
                "write it in quotes, so that it is a text",
            ),
            ("`t` must be a mapping of names, found 5", 15, 4, NO_HINT),
        ],
    ),
    (
        """\
_ladders: {memory: [fp33, Q], fit: [q], lower: []}
Q:
  block_numel: 1
  block_bytes: 1
  source: s
""",
        [("no precision named `fp33`", 1, 21, "did you mean `fp32`?")],
    ),
    (
        """\
card:
  memory_mib: 24 GB
  bandwidth_gbps: 1e999
  source: s
other:
  memory_mb: 3
  bandwidth_gbps: fast
""",
        [
            ("`memory_mib` must be a whole number, found `24 GB`", 2, 15, NO_HINT),
            ("`bandwidth_gbps` must be a finite number, found inf", 3, 19, NO_HINT),
            (
                "`other` lacks `memory_mib`",
                5,
                1,
                (
                    "`memory_mib`: memory in MiB (1,048,576 bytes) as `nvidia-smi` or `rocm-smi` "
                    "prints it"
                ),
            ),
            (
                "`other` lacks `source`",
                5,
                1,
                "`source`: the log that shows `memory_mib`, then where the bandwidth comes from",
            ),
            ("unknown key `memory_mb`", 6, 3, "did you mean `memory_mib`?"),
            ("`bandwidth_gbps` must be a number, found `fast`", 7, 19, NO_HINT),
        ],
    ),
    (
        """\
rule_of_thumb: {low: 30, high: 10, source: s}
one:
  default: yes
  runtime: {low: 3, mid: 2, high: 4}
  source: s
two:
  default: true
  runtime: {low: -3, mid: 2, hihg: 4}
  source: s
three:
  default: true
  runtime: null
  source: s
""",
        [
            ("`low` is larger than `high`", 1, 1, NO_HINT),
            ("`default` must be `true` or `false`, found `yes`", 3, 12, NO_HINT),
            ("`low`, `mid` and `high` must be in this order", 4, 3, NO_HINT),
            ("`runtime` lacks `high`", 8, 3, "`high`: the highest figure seen"),
            ("`low` must be at least 0, found -3", 8, 18, NO_HINT),
            ("unknown key `hihg`", 8, 30, "did you mean `high`?"),
            ("`two` is the default already", 11, 12, NO_HINT),
            ("`runtime` must be a mapping of names, found nothing (null)", 12, 12, NO_HINT),
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), TABLES)
def test_what_is_wrong_with_a_table(text: str, expected: list[Expected]) -> None:
    assert found(check_text(text, "table.yaml")) == expected


UNREADABLE = [
    ("a: 1\na: 2", "the key `a` is given twice", 2, 1),
    ("a: !!python/object:os.system 5", "a YAML tag (`tag:yaml.org,2002:python/object:os.sys", 1, 4),
    ("- a", "`file` is no mapping of names", 1, 1),
    ("# nothing", "`file` holds nothing but comments", 1, 1),
    ("a: 0123", "`0123` starts with a zero; is it a text or a number?", 1, 4),
    ("[" * 5000, "`file` is nested too deep", 1, 1),
    ("a: &a [1]\n" + "b: [" + "*a, " * 300_000 + "]", "`file` has too many entries", 1, 1),
    ("a: \ud800", "the character U+D800 cannot stand in YAML", 1, 4),
]


@pytest.mark.parametrize(("text", "message", "line", "column"), UNREADABLE)
def test_what_cannot_be_read(text: str, message: str, line: int, column: int) -> None:
    checked = check_text(text, "file")
    assert (checked.kind, checked.entries) == ("unreadable", 0)
    (problem,) = found(checked)
    assert problem[0].startswith(message)
    assert problem[1:3] == (line, column)


def test_a_flood_of_problems_is_cut() -> None:
    text = "".join(f"fc{n}: Linear(1, x{n})\n" for n in range(3 * MOST_PROBLEMS))
    problems = found(check_text(text, "file"))
    assert len(problems) == MOST_PROBLEMS + 1
    assert problems[-1][0] == f"… and {2 * MOST_PROBLEMS} problems more"


def test_problems_of_what_is_extended_come_last() -> None:
    # `kv` is gone, and the architecture's own lines need it.
    checked = check_text("extends: llama\nlet: {kv: null}\nmodules: {a: 'Linear(b, 1)'}", "mine")
    files = [problem.place.file for problem in checked.problems if problem.place]
    assert files[0] == "mine"
    assert set(files[1:]) == {"data/architectures/llama.yaml"}


# --- files -------------------------------------------------------------------------------------


def test_a_folder_is_all_its_data_files(tmp_path: Path) -> None:
    (tmp_path / "architectures").mkdir()
    (tmp_path / "architectures" / "mine.yaml").write_text("extends: llama")
    (tmp_path / "hardware.yaml").write_text("a:\n  memory_mib: 1\n  source: s")
    (tmp_path / "notes.txt").write_text("not data")
    kinds = {Path(one.file).name: one.kind for one in check_files([str(tmp_path)])}
    assert kinds == {"hardware.yaml": "hardware", "mine.yaml": "spec"}


def test_a_folder_without_data_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ParamcalcError, match="has no data files"):
        check_files([str(tmp_path)])


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ParamcalcError, match="cannot read"):
        check_file(str(tmp_path / "absent.yaml"))


# What is wrong with an entry of PARAMCALC_DATA is told when the entry is used.
OWN: list[tuple[str, str, list[str], str]] = [
    (
        "precisions.yaml",
        "mix:\n  recipe: gguf\n  with: {bose: Q4_K}\n  source: s",
        ["memory", "gpt2", "-p", "mix"],
        "error: `gguf` has no parameter `bose`",
    ),
    (
        "precisions.yaml",
        "mine:\n  block_numel: 0\n  block_bytes: 1\n  source: s",
        ["memory", "gpt2", "-p", "mine"],
        "error: `block_numel` must be greater than 0, found 0",
    ),
    (
        "hardware.yaml",
        "card:\n  source: s",
        ["fit", "gpt2", "-g", "card"],
        "error: `card` lacks `memory_mib`",
    ),
    (
        "engines.yaml",
        "own:\n  default: true\n  runtime: {low: 1}\n  source: s",
        ["memory", "gpt2"],
        "error: `runtime` lacks `mid`",
    ),
    (
        "models.yaml",
        "mine:\n  reported: {low: a}\n  source: s",
        ["count", "mine"],
        "error: `reported` lacks `high`",  # the first in the text
    ),
    (
        "models.yaml",
        "bad: 5\nmine:\n  architecture: gpt2\n  source: s\n  config: {}",
        ["count", "mine"],
        "",
    ),  # the entries beside it do not matter
]


@pytest.mark.parametrize(("file", "text", "command", "error"), OWN)
def test_an_entry_of_ones_own_is_validated_when_it_is_used(
    tmp_path: Path, file: str, text: str, command: list[str], error: str
) -> None:
    (tmp_path / file).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "paramcalc", *command],
        env={**os.environ, "PARAMCALC_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (2 if error else 0)
    assert done.stderr.partition("\n")[0] == error
    assert not error or f"--> {tmp_path / file}:" in done.stderr


# --- whatever the text -------------------------------------------------------------------------

LINES = [
    line
    for name in architecture_names()
    for line in architecture_source(name).text.splitlines()
    if line and not line.startswith("#")
]
VALUES = [
    *("5", "-1", "null", "true", "'x'", "[1, 2]", "{a: 1}", "1e999", "9" * 30, "x", "''", "&a b"),
    *("Linear(1, 2)", "9**9**9", "'a' * 9", "[x for x in y]", "1 / 0", "attention(1)", "*a"),
]


def check_quietly(text: str) -> None:
    for problem in check_text(text, "file").problems:
        assert problem.place is not None
        assert str(problem)
        assert "pydantic" not in str(problem)
        assert not problem.message.endswith(".")


@given(st.text(alphabet=string.printable + "é\u2028\0", max_size=200))
@settings(deadline=None)
def test_any_text_gives_problems_and_no_exception(text: str) -> None:
    check_quietly(text)


@given(st.lists(st.sampled_from(LINES), max_size=30))
@settings(deadline=None)
def test_any_lines_give_problems_and_no_exception(lines: list[str]) -> None:
    check_quietly("\n".join(lines))


@given(st.sampled_from(architecture_names()), st.data())
@settings(deadline=None)
def test_any_change_gives_problems_and_no_exception(name: str, data: st.DataObject) -> None:
    lines = architecture_source(name).text.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        number = data.draw(st.integers(0, len(lines) - 1))
        key, _, _ = lines[number].partition(":")
        changed = data.draw(st.sampled_from(["", f"{key}: ", lines[number].lstrip()]))
        lines[number] = changed + (data.draw(st.sampled_from(VALUES)) if ": " in changed else "")
    check_quietly("\n".join(lines))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.sampled_from(architecture_names()), st.data())
@settings(deadline=None)
def test_any_configuration_gives_problems_and_no_exception(name: str, data: st.DataObject) -> None:
    spec = find_spec(name)
    keys = data.draw(st.lists(st.sampled_from([*spec.fields, "architectures"]), max_size=4))
    changed = {key: data.draw(JSON) for key in keys}
    check_quietly(json.dumps({**spec.example, "model_type": name, **changed}))
