"""What PyTorch prints, read back: recorded texts with the totals that PyTorch gave."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramcalc.catalogue.rules import rules
from paramcalc.core.layers import KINDS, WITHOUT_TENSORS
from paramcalc.core.model import ESTIMATED, EXACT, Model
from paramcalc.errors import ParamcalcError
from paramcalc.sources.load import load
from paramcalc.sources.printout import model_from_printout
from paramcalc.sources.printout_kinds import FILE, LISTS, Rule, rule_of
from paramcalc.sources.printout_text import MOST_LINES

# Made by tools/oracle/record_printouts.py, which says what each part holds.
RECORDED: dict[str, Any] = json.loads(
    gzip.decompress((Path(__file__).parents[1] / "data" / "printouts.json.gz").read_bytes())
)
FAMILIES = {row["name"]: row for row in RECORDED["families"]}


def read(text: str, **how: Any) -> Model:
    return model_from_printout(text, "print.txt", **how)


def refused(text: str, **how: Any) -> str:
    with pytest.raises(ParamcalcError) as caught:
        read(text, **how)
    return str(caught.value)


def shapes(model: Model) -> dict[str, list[int]]:
    return {tensor.name: list(tensor.shape) for tensor in model.tensors()}


# --- recorded ------------------------------------------------------------------------------------


def verdict(row: dict[str, Any], **how: Any) -> tuple[str, bool]:
    """How sure the answer is, and whether it is PyTorch's."""
    model = read(row["text"], **how)
    return model.exactness, model.parameters.total == row["total"]


def test_the_record_is_large_and_says_its_versions() -> None:
    assert (RECORDED["torch"], RECORDED["transformers"]) == ("2.13.0", "5.23.0")
    assert len(FAMILIES) >= 40
    printed = {row["name"].partition("(")[0] for row in RECORDED["layers"]}
    assert printed >= (set(KINDS) - {"Conv1D", "Parameter", "Buffer"}) | WITHOUT_TENSORS


def test_layers_of_torch_come_out_as_they_are() -> None:
    """Only what a print-out hides is not exact: widths of keys and values, and parametrizations."""
    found: Counter[tuple[str, bool]] = Counter()
    for row in RECORDED["layers"]:
        if row["total"] == row["buffers"] == 0:
            assert "shows no tensors" in refused(row["text"]), row["name"]
            found["without tensors", True] += 1
            continue
        found[how := verdict(row)] += 1
        assert how != (EXACT, False), row["name"]
        if how == (EXACT, True):
            model = read(row["text"])
            assert model.parameters.buffers == row["buffers"], row["name"]
            if len(row["tensors"]) < 40:
                kept = {path: shape for path, shape in row["tensors"] if 0 not in shape}
                assert shapes(model) == kept, row["name"]
        else:
            assert any(kind in row["text"] for kind in ("MultiheadAttention", "Parametrized"))
    assert found == {
        (EXACT, True): 2002,
        (ESTIMATED, True): 2,
        (ESTIMATED, False): 12,
        ("without tensors", True): 66,
    }


def test_families_come_out_as_pytorch_counts_them_or_are_marked() -> None:
    found = Counter(verdict(row) for row in FAMILIES.values())
    assert found == {(EXACT, True): 17, (ESTIMATED, True): 64, (ESTIMATED, False): 81}


def test_more_families_come_out_exactly_when_ties_are_told() -> None:
    found = Counter(verdict(row, tied=row["tied"]) for row in FAMILIES.values())
    assert found == {(EXACT, True): 103, (ESTIMATED, True): 6, (ESTIMATED, False): 53}


@pytest.mark.parametrize("name", FAMILIES)
def test_an_exact_family_has_its_names_and_shapes(name: str) -> None:
    row = FAMILIES[name]
    model = read(row["text"])
    if model.exactness == ESTIMATED:
        assert model.source
        assert "; " in model.source  # it says why
        return
    assert (model.parameters.total, model.parameters.buffers) == (row["total"], row["buffers"])
    ours = shapes(model)
    assert [ours.get(path) for path, _ in row["tensors"]] == [shape for _, shape in row["tensors"]]


def test_every_rule_says_where_it_comes_from_and_what_it_means() -> None:
    for name, card in rules(FILE).items():
        if name.startswith("_"):
            continue
        assert card.keys() - {"kinds", "source"} <= set(Rule._fields), name
        assert card["source"], name
        assert card.get("like", "Linear") in KINDS
        assert card.get("kind", "Linear") in KINDS
        assert rule_of(card["kinds"][0].replace("*", "X")) is not None


def test_a_kind_stands_in_one_list() -> None:
    lists = rules(LISTS)
    assert (lists["torch"], lists["source"]) == (
        RECORDED["torch"],
        f"transformers {RECORDED['transformers']}, all classes of its networks",
    )
    assert lists["like"].keys() <= KINDS.keys()
    listed = [kind for kinds in lists["like"].values() for kind in kinds]
    for entry in lists["hidden"]:
        assert entry["tensors"]
        listed += entry["kinds"]
    listed += lists["without_tensors"]["kinds"]
    written = [
        kind for name, card in rules(FILE).items() if name[0] != "_" for kind in card["kinds"]
    ]
    assert [kind for kind, times in Counter(listed + written).items() if times > 1] == []
    assert not {*listed} & {*KINDS, *WITHOUT_TENSORS}


def test_a_layer_with_an_activation_in_it_still_owns_its_tensors() -> None:
    """transformers 5.23.0 on BitGroupNormActivation: 64 parameters of GroupNorm(4, 32)."""
    found = read(
        "BitGroupNormActivation(\n  4, 32, eps=1e-05, affine=True\n  (activation): ReLU()\n)"
    )
    assert shapes(found) == {"weight": [32], "bias": [32]}
    assert found.exactness == EXACT


def test_a_norm_whose_name_says_weight_and_that_has_none() -> None:
    """transformers 5.23.0: the norms of Falcon Mamba's convolution states own nothing."""
    found = read(
        "FalconMambaMixer(\n"
        "  (b_norm): FalconMambaWeightlessRMSNorm()\n"
        "  (out_proj): Linear(in_features=8, out_features=4, bias=False)\n"
        ")",
        ignore=["FalconMambaMixer"],
    )
    assert shapes(found) == {"out_proj.weight": [4, 8]}
    assert "Weightless" not in str(found.source)


def test_norms_of_each_head_are_as_large_as_the_projections_beside_them() -> None:
    """transformers 5.23.0, ChameleonAttention with 4 heads of 16, 2 of keys and values."""
    found = read(
        "ChameleonAttention(\n"
        "  (q_proj): Linear(in_features=64, out_features=64, bias=False)\n"
        "  (k_proj): Linear(in_features=64, out_features=32, bias=False)\n"
        "  (q_norm): ChameleonLayerNorm((16,), eps=1e-05, elementwise_affine=True)\n"
        "  (k_norm): ChameleonLayerNorm((16,), eps=1e-05, elementwise_affine=True)\n"
        ")"
    )
    sizes = shapes(found)
    assert (sizes["q_norm.weight"], sizes["k_norm.bias"]) == ([4, 16], [2, 16])


def test_tables_that_are_made_to_be_shared_are_not_surely_apart() -> None:
    """T5 v1.1 has a head of its own, and three tables that are one."""
    found = read(
        "T5Model(\n"
        "  (shared): Embedding(100, 8)\n"
        "  (encoder): T5Stack(\n"
        "    (embed_tokens): Embedding(100, 8)\n"
        "  )\n"
        ")",
        tied=False,
    )
    assert found.exactness == ESTIMATED
    assert "counted apart" in str(found.source)


# --- what is told and what is not ----------------------------------------------------------------

HEAD = """\
LlamaForCausalLM(
  (model): LlamaModel(
    (embed_tokens): Embedding(100, 8)
    (layers): ModuleList(
      (0-3): 4 x LlamaDecoderLayer(
        (up_proj): Linear(in_features=8, out_features=20, bias=False)
        (norm): LlamaRMSNorm((8,), eps=1e-05)
      )
    )
  )
  (lm_head): Linear(in_features=8, out_features=100, bias=False)
)
"""


def test_folded_layers_are_one_group() -> None:
    model = read(HEAD, tied=False)
    assert [(g.template, g.indices, g.shape) for g in model.groups] == [
        ("model.embed_tokens.weight", (), (100, 8)),
        ("model.layers.{}.up_proj.weight", (range(4),), (20, 8)),
        ("model.layers.{}.norm.weight", (range(4),), (8,)),
        ("lm_head.weight", (), (100, 8)),
    ]
    assert (model.name, model.exactness) == ("LlamaForCausalLM", EXACT)


@pytest.mark.parametrize(
    ("tied", "total", "exactness"),
    [(None, 1472, ESTIMATED), (True, 1472, EXACT), (False, 2272, EXACT)],
)
def test_a_head_of_the_shape_of_the_table(tied: bool | None, total: int, exactness: str) -> None:
    model = read(HEAD, tied=tied)
    assert (model.parameters.total, model.exactness) == (total, exactness)
    assert len(model.ties) == (tied is not False)


def test_layers_that_are_printed_apart_are_folded() -> None:
    text = "Sequential(\n" + "".join(
        f"  ({n}): Linear(in_features=3, out_features={size}, bias=False)\n"
        for n, size in enumerate([4, 5, 4, 4])
    )
    model = read(text + ")")
    assert [(g.indices, g.count) for g in model.groups] == [(((0, 2, 3),), 3), (((1,),), 1)]


NET = "Net(\n  (fc): Linear(in_features=3, out_features=4, bias=True)\n)"


def test_an_unknown_kind_may_hold_more() -> None:
    model = read(NET)
    assert (model.parameters.total, model.exactness) == (16, ESTIMATED)
    assert "`Net` may hold tensors that are not printed" in str(model.source)


@pytest.mark.parametrize("name", ["Net", "N*", "*"])
def test_ignore_says_that_it_holds_no_more(name: str) -> None:
    assert read(NET, ignore=[name]).exactness == EXACT


def test_set_says_what_it_holds() -> None:
    model = read(NET, sizes={"Net.scale": [2, 3]})
    assert (model.parameters.total, model.exactness) == (22, EXACT)
    assert shapes(model)["scale"] == [2, 3]


@pytest.mark.parametrize("how", [{"ignore": ["Nat"]}, {"sizes": {"Nat.x": 3}}])
def test_a_name_that_is_not_there(how: dict[str, Any]) -> None:
    assert "nothing in the print-out is called `Nat" in refused(NET, **how)


def test_experts_are_named_and_can_be_set() -> None:
    text = "M(\n  (experts): MixtralExperts(\n    (act_fn): SiLU()\n  )\n  (a): Linear(2, 3)\n)"
    assert "`MixtralExperts` holds gate_up_proj, down_proj, of unknown size" in str(
        read(text).source
    )
    given = {"MixtralExperts.gate_up_proj": [8, 4, 2], "experts.down_proj": [8, 2, 2]}
    model = read(text, sizes=given, ignore=["M"])
    assert (model.parameters.total, model.exactness) == (9 + 64 + 32, EXACT)


def test_the_width_of_a_norm_is_that_of_its_neighbour() -> None:
    text = (
        "T5LayerFF(\n  (wi): Linear(in_features=6, out_features=9, bias=False)\n"
        "  (layer_norm): T5LayerNorm()\n)"
    )
    assert shapes(read(text)) == {"wi.weight": [9, 6], "layer_norm.weight": [6]}


def test_attention_is_told_from_its_output() -> None:
    out = "NonDynamicallyQuantizableLinear(in_features=8, out_features=8, bias=True)"
    model = read(f"MultiheadAttention(\n  (out_proj): {out}\n)")
    assert shapes(model) == {
        "in_proj_weight": [24, 8],
        "in_proj_bias": [24],
        "out_proj.weight": [8, 8],
        "out_proj.bias": [8],
    }
    assert "told from `out_proj`" in str(model.source)


def test_norms_of_older_versions_print_no_bias() -> None:
    model = read("LayerNorm((768,), eps=1e-05, elementwise_affine=True)")
    assert (model.parameters.total, model.exactness) == (1536, ESTIMATED)


def test_a_strangers_linear_counts_as_one() -> None:
    model = read("Quick(\n  (fc): FastLinear(in_features=3, out_features=4, bias=False)\n)")
    assert (model.parameters.total, model.exactness) == (12, ESTIMATED)
    assert "`FastLinear`: counted as Linear" in str(model.source)


# --- the doors ------------------------------------------------------------------------------------


def test_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_text(HEAD, "utf-8")
    assert load(str(path), tied=False).parameters.total == 2272
    assert load(path, overrides={"LlamaModel.extra": 5}, tied=True).parameters.total == 1477


def test_from_standard_input() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "paramcalc", "count", "-", "--json"],
        input=HEAD, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["results"][0]["parameters"]["total"] == 1472


def test_the_options_close_the_gap(tmp_path: Path) -> None:
    path = tmp_path / "net.txt"
    path.write_text(NET, "utf-8")
    for options in (["--ignore", "Net"], ["--set", "Net.scale=3"]):
        done = subprocess.run(
            [sys.executable, "-m", "paramcalc", "count", str(path), "--untied", "--json", *options],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert json.loads(done.stdout)["results"][0]["exactness"] == "exact"


def test_the_options_are_for_print_outs_only() -> None:
    with pytest.raises(ParamcalcError, match="is no print-out"):
        load("gpt2", tied=True)


def test_the_reader_is_loaded_only_for_such_a_text() -> None:
    program = (
        "import sys; from paramcalc.sources.load import load; load('gpt2');"
        "assert not [name for name in sys.modules if 'printout' in name]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# --- what is wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Net(\n", "ends before its last `)`"),
        (f"{NET}\nmore", "more text after the end"),
        ("Net(\n  (a): ReLU()\n)", "shows no tensors"),
        ("S(\n  (0-3): 3 x Linear(1, 2)\n)", "is not 3 modules"),
        ("S(\n  (a): Linear(1, 2)\n  (a): Linear(1, 2)\n)", "printed twice"),
        ("Linear(in_features=x, out_features=2)", "must be a whole number"),
        ("LazyLinear(in_features=0, out_features=4, bias=True)", "known only when it runs"),
        ("A(\n" * 100, "nested too deep"),
        ("S(\n  (0-99999999): 100000000 x Linear(100000000, 100000000)\n)", "2**63"),
        (
            "S(\n" + "  (a): ReLU()\n" * MOST_LINES + ")",
            "more than 4,000,000 characters or 30,000 lines",
        ),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    assert message in refused(text)


LINES = st.sampled_from(
    f"""{HEAD}
(
(a): B(
(0-1): 2 x
(0-2): 3 x T5LayerNorm()
x=(1, 2
(p): Parameter containing: [torch.float32 of size 2x3]
(q): MixtralExperts()
()
(a{{}}): Linear(1, 2)
(b.c): Embedding(0, 3)
(out_proj): Linear(3, 3)
(m): MambaMixer(
(x): [1, 2]""".splitlines()
)


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES, max_size=30), st.booleans())
def test_broken_print_outs_give_our_error_or_a_model(lines: list[str], close: bool) -> None:
    depth = sum(line.rstrip().endswith("(") for line in lines)
    text = "\n".join(["Net(", *lines, *[")"] * (depth + 1 if close else 0)])
    check_harmless(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_our_error_or_a_model(text: str) -> None:
    check_harmless(text)
    check_harmless(f"Net(\n  (a): Linear({text})\n)")
    check_harmless(f"Net(\n  ({text}): Linear(2, 3)\n)")


def check_harmless(text: str) -> None:
    try:
        model = read(text)
    except ParamcalcError:
        return
    assert model.parameters.total == sum(g.numel for g in model.groups if g.trained)
    assert model.exactness in {EXACT, ESTIMATED}


@pytest.mark.parametrize(
    "line",
    [
        "  (a{n}): T5LayerNorm()\n",
        "  (a{n}): Linear({n}, 3)\n",
        "  ({n}): MambaMixer()\n",
        "  (a{n}): Embedding({n}, 8)\n",
        "  (b{n}): Linear(in_features=((((({n},,=,=\n",
    ],
)
def test_a_long_text_is_read_in_time(line: str) -> None:
    text = "Net(\n" + "".join(line.format(n=n + 1) for n in range(20_000)) + ")"
    before = time.process_time()
    check_harmless(text)
    assert time.process_time() - before < 30


@pytest.mark.parametrize("value", ["e-06", "-e5", ".", "-", ".e1", "1.", "-.5e-3", "1e5"])
def test_what_is_nearly_a_number(value: str) -> None:
    text = f"Net(\n  (norm): LayerNorm((8,), {value}, elementwise_affine=True)\n)"

    assert read_or_refused_text(text) in (16, None)


def read_or_refused_text(text: str) -> int | None:
    try:
        return read(text).parameters.total
    except ParamcalcError:
        return None
