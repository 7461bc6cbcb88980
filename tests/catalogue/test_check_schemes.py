"""`check` of schemes and conversions: the shipped ones are right, these are not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paramcalc.catalogue.check import check_file, check_text

DATA = Path(__file__).parents[2] / "data"

SCHEME = """\
mine:
  name: mine-{bits}bit
  parameters:
    bits: {default: 4, choices: [2, 4], form: "{}bit"}
    skip: {default: null}
  rest: bf16
  let:
    columns: ceil_div(K, 64)
  rules:
    - listed: skip
      as: own
    - use: _routers
    - names: ["*.weight"]
      kinds: [Linear]
      if: inside and not is_head
      stores:
        .packed: int32 [N, K * bits // 32]
        .scales: ["fp32 [N, columns] if bits == 2", "own [N, columns]"]
    - as: [fp16 if dims < 2, own]
  configuration:
    methods: [mine]
    fields: {width: bits, modules: ignore}
    if: width is not None
    with: {bits: width, skip: modules}
  source: written down
"""
CONVERSION = """\
llama:
  gguf: llama
  let:
    width: hidden_size // num_attention_heads
  facts:
    kv_heads: num_key_value_heads
  names:
    self_attn.q_proj.weight:
      "attn_q.weight if width > 64": [hidden_size, "shape[1]"]
    mlp.experts.{}.up: ffn_up_exps
  dropped: ["*.inv_freq"]
  added:
    rope_freqs.weight: [width // 2]
  source: written down

mistral:
  like: llama
  source: written down
"""


@pytest.mark.parametrize("kind", ["schemes", "gguf_tensors", "lora"])
def test_the_shipped_rules_are_valid(kind: str) -> None:
    checked = check_file(str(DATA / f"{kind}.yaml"))

    assert (checked.kind, checked.problems) == (kind, ())
    assert checked.entries >= 20


@pytest.mark.parametrize(("text", "kind"), [(SCHEME, "schemes"), (CONVERSION, "gguf_tensors")])
@pytest.mark.parametrize("file", ["mine/{}.yaml", "standard input"])
def test_rules_of_ones_own(text: str, kind: str, file: str) -> None:
    checked = check_text(text, file.format(kind))

    assert (checked.kind, checked.problems) == (kind, ())


# What is replaced above, by what, the first complaint, and its line and column there.
WRONG_SCHEMES = [
    ("  rules:\n", "  rulez:\n", "unknown key `rulez`", (9, 3)),
    ("  rest: bf16\n", "", "`mine` lacks `rest`", (1, 1)),
    ("  source: written down\n", "", "`mine` lacks `source`", (1, 1)),
    ("rest: bf16", "rest: bf61", "no precision named `bf61`", (6, 9)),
    ("default: 4,", "default: 3,", "`bits` is one of 2, 4", (4, 21)),
    ("mine-{bits}bit", "mine-{bit}bit", "`mine` has no parameter `bit`", (2, 9)),
    ("ceil_div(K, 64)", "ceil_div(K, 64", "cannot read the expression", (8, 22)),
    ("ceil_div(K, 64)", "ceil_div(L, 64)", "unknown name `L`", (8, 23)),
    ("ceil_div(K, 64)", "columns + 1", "`columns` depends on itself", (8, 14)),
    ("ceil_div(K, 64)", "heads", "unknown name `heads`", (8, 14)),
    ("listed: skip", "listed: skipped", "`mine` has no parameter `skipped`", (10, 15)),
    ("use: _routers", "use: _router", "no section of rules named `_router`", (12, 12)),
    ("use: _routers", "use: _layers", "unknown name `experts`", (12, 12)),
    ('names: ["*.weight"]', 'names: ["[.0-7.]"]', "is no pattern of names", (13, 16)),
    ('names: ["*.weight"]', "names: []", "`names` is empty", (13, 7)),
    ("kinds: [Linear]", "kinds: [Liner]", "unknown layer kind `Liner`", (14, 15)),
    ("not is_head", "not is_haed", "unknown name `is_haed`", (15, 26)),
    ("int32 [N, K * bits", "int23 [N, K * bits", "no precision named `int23`", (17, 18)),
    ("[N, K * bits // 32]", "N, K", "sizes stand in brackets", (17, 18)),
    ("[N, K * bits // 32]", "[N, K * bit // 32]", "unknown name `bit`", (17, 32)),
    ("if bits == 2", "if bit == 2", "unknown name `bit`", (18, 41)),
    (".packed: int32", ".{}packed: int32", "more numbers than there are", (17, 9)),
    ("fp16 if dims < 2", "fp16 if dim < 2", "unknown name `dim`", (19, 20)),
    ("- as: [fp16 if dims < 2, own]", "- if: dims < 2", "`as` or `stores`", (19, 7)),
    ("    methods: [mine]\n", "", "`methods` or a `section`", (20, 3)),
    ("if: width is", "if: with_ is", "unknown name `with_`", (23, 9)),
    ("with: {bits: width,", "with: {bit: width,", "no parameter `bit`", (24, 12)),
    ("  rest:", "  fallback: {Q4_K: Q5_0, Q5_0: Q4_K}\n  rest:", "come back to it", (6, 20)),
    ("  rest:", "  renames: {a: 'b{}'}\n  rest:", "more numbers than there are (0)", (6, 17)),
    ("  rest:", "  ties: 1\n  rest:", "`ties` must be `true` or `false`", (6, 9)),
]
WRONG_CONVERSIONS = [
    ("  gguf: llama\n", "", "`llama` lacks `gguf`", (1, 1)),
    ("gguf: llama", "ggfu: llama", "unknown key `ggfu`", (2, 3)),
    ("llama:\n  gguf", "lama:\n  gguf", "no architecture named `lama`", (1, 1)),
    ("like: llama", "like: lama", "no entry named `lama` to be like", (17, 9)),
    ("gguf: llama", "like: mistral", "`llama` is like itself", (2, 9)),
    ("like: llama", "like: mistral", "`mistral` is like itself", (17, 9)),
    ("hidden_size // num", "hidden // num", "unknown name `hidden`", (4, 12)),
    ("hidden_size // num_attention_heads", "2 * width", "`width` depends on itself", (4, 12)),
    ("kv_heads: num_key", "kv_heads: n_key", "unknown name `n_key_value_heads`", (6, 15)),
    ("kv_heads: num_key_value_heads", "kv_heads: [a, b]", "no expression of `kv_heads`", (6, 5)),
    ("if width > 64", "if widht > 64", "unknown name `widht`", (9, 25)),
    ("[hidden_size,", "[size,", "unknown name `size`", (9, 39)),
    ("ffn_up_exps", "ffn.{}.{}.up", "more numbers than there are (1)", (10, 24)),
    ("ffn_up_exps", "ffn.{n}.up", "braces in a name are `{}`", (10, 24)),
    ("ffn_up_exps", "ffn_up if width > 64", "is no name of a tensor", (10, 24)),
    ('["*.inv_freq"]', "[[a]]", "an entry of `dropped` must be a text", (11, 13)),
    ("dropped:", "inside: text_config\n  dropped:", "has no field `text_config`", (11, 11)),
    ("rope_freqs.weight: [width // 2]", "rope: 5", "`rope` must be a list", (13, 11)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "message", "place"),
    [
        *(("schemes.yaml", *row) for row in WRONG_SCHEMES),
        *(("gguf_tensors.yaml", *row) for row in WRONG_CONVERSIONS),
    ],
)
def test_what_is_wrong_is_told_at_its_place(
    file: str, old: str, new: str, message: str, place: tuple[int, int]
) -> None:
    text = SCHEME if file == "schemes.yaml" else CONVERSION
    assert old in text
    checked = check_text(text.replace(old, new, 1), file)

    first = next((p for p in checked.problems if message in p.message), None)
    assert first is not None, [problem.message for problem in checked.problems]
    assert first.place is not None
    assert (first.place.line, first.place.column) == place


@pytest.mark.parametrize("file", ["schemes.yaml", "gguf_tensors.yaml", "lora.yaml"])
@pytest.mark.parametrize(
    "text",
    [
        "_all: 5",
        "_sparsity: [a]",
        "_sparsity: {'2:4': 5, share: {a: b}, note: c}",
        "_all: {names: {a: 5}}",
        "_x: {rules: 5}",
        "mine: 5",
        "mine: [a]",
        "mine: {rules: {a: b}}",
        "mine: {like: 5}",
    ],
)
def test_whatever_the_entries_hold(file: str, text: str) -> None:
    assert check_text(text, file).problems


def count(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "paramcalc", *words],
        env={**os.environ, "PARAMCALC_DATA": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_scheme_of_ones_own_is_validated_when_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "schemes.yaml").write_text(SCHEME)
    done = count(tmp_path, "memory", "gpt2", "-p", "mine-2bit")
    assert (done.returncode, done.stderr) == (0, "")

    (tmp_path / "schemes.yaml").write_text(SCHEME.replace("ceil_div(K, 64)", "columns + 1"))
    done = count(tmp_path, "memory", "gpt2", "-p", "mine-2bit")
    assert done.returncode == 2
    assert "`columns` depends on itself: columns -> columns" in done.stderr
    assert f"--> {tmp_path / 'schemes.yaml'}:8:14" in done.stderr


def test_a_conversion_of_ones_own_is_validated_when_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "gguf_tensors.yaml").write_text(CONVERSION.replace("gguf: llama", "like: mistral"))
    done = count(tmp_path, "memory", "llama-3-8b", "-p", "Q4_K_M")

    assert done.returncode == 2
    assert "`llama` is like itself: llama -> mistral -> llama" in done.stderr
    assert f"--> {tmp_path / 'gguf_tensors.yaml'}:2:9" in done.stderr


def test_names_in_a_circle_over_two_files(tmp_path: Path) -> None:
    """The shipped entry that this one is like says what the other name is."""
    own = "llama:\n  like: mistral\n  let: {rope: rope_kind}\n  source: written down\n"
    (tmp_path / "gguf_tensors.yaml").write_text(own)
    done = count(tmp_path, "check", str(tmp_path / "gguf_tensors.yaml"))

    assert done.returncode == 1
    assert "depends on itself" in done.stdout
