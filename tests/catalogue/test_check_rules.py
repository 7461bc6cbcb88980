"""`check` of the rules for reading checkpoints: the shipped ones are right, these are not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paramcalc.catalogue.check import check_file, check_text
from tests.sources.test_gguf import dense, heads, write

DATA = Path(__file__).parents[2] / "data"


@pytest.mark.parametrize("kind", ["gguf", "containers"])
def test_the_shipped_rules_are_valid(kind: str) -> None:
    checked = check_file(str(DATA / f"{kind}.yaml"))

    assert (checked.kind, checked.problems) == (kind, ())
    assert checked.entries >= 5


# What is replaced in the shipped file, by what, and the first complaint.
WRONG = [
    ("gguf", "\n_fields:", "\n_felds:", "the file lacks `_fields`"),
    ("gguf", "slides: i % 2 == 0", "slide: i % 2 == 0", "unknown key `slide`"),
    ("gguf", "slides: i % 2 == 0", "slides: i %% 2", "cannot read the expression `i %% 2`"),
    ("gguf", "slides: i % 2 == 0", "slides: n % 2 == 0", "unknown name `n` in an expression"),
    ("gguf", "  source: llama.cpp, set_swa_pattern(2)\n", "", "`gemma2` lacks `source`"),
    ("gguf", "if: remembers and own", "if: remember and own", "unknown name `remember`"),
    ("gguf", "kind: latent", "kind: latnet", "unknown kind of cache `latnet`"),
    ("gguf", "rank: kv_rank", "ranks: kv_rank", "`latent` has no argument `ranks`"),
    ("gguf", "      rank: kv_rank\n", "", "`latent` lacks `rank`"),
    ("gguf", "token_embd.weight: Embedding", "token_embd.weight: Embeding", "unknown layer kind"),
    ("gguf", "tensors: [attn_k.weight]", "tensors: attn_k.weight", "`tensors` must be a list"),
    ("gguf", "[rope_freqs.weight,", "[5,", "an entry of `_buffers` must be a text"),
    ("containers", "\n_names:", "\n_name:", "the file lacks `_names`"),
    ("containers", "methods: [gptq,", "method: [gptq,", "`gptq` lacks `methods`"),
    ("containers", "methods: [bitsandbytes]", "methods: []", "`methods` is empty"),
    ("containers", "in: bits, axis: 0", "in: bit, axis: 0", "unknown name `bit` in an expression"),
    ("containers", "in: bits, axis: 0", "in: bits, axis: first", "`axis` must be a whole number"),
    ("containers", "transposed: true}", "transposed: 1}", "`transposed` must be"),
    ("containers", "when: version in ['gemv', 'GEMV']", "when: version in [", "cannot read the"),
    ("containers", "elements: 32,", "", "`.qweight` lacks `elements`"),
]


@pytest.mark.parametrize(("kind", "old", "new", "message"), WRONG)
def test_what_is_wrong_is_told_at_its_line(kind: str, old: str, new: str, message: str) -> None:
    text = (DATA / f"{kind}.yaml").read_text("utf-8")
    assert old in text
    checked = check_text(text.replace(old, new, 1), f"mine/{kind}.yaml")

    assert checked.kind == kind
    messages = [problem.message for problem in checked.problems]
    assert any(message in one for one in messages), messages
    assert all(problem.place for problem in checked.problems)


@pytest.mark.parametrize("text", ["_caches: 5", "_names: {}", "_caches: [a, b]\n_fields: {a: {}}"])
def test_whatever_the_sections_hold(text: str) -> None:
    assert check_text(text, "some.yaml").problems


def test_rules_of_ones_own_are_validated_when_they_are_used(tmp_path: Path) -> None:
    text = (DATA / "gguf.yaml").read_text("utf-8").replace("kind: latent", "kind: latnet")
    (tmp_path / "gguf.yaml").write_text(text)
    write(tmp_path / "some.gguf", dense(), heads())
    done = subprocess.run(
        [sys.executable, "-m", "paramcalc", "count", str(tmp_path / "some.gguf")],
        env={**os.environ, "PARAMCALC_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "unknown kind of cache `latnet`" in done.stderr
    assert f"--> {tmp_path / 'gguf.yaml'}:" in done.stderr
