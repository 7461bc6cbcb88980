"""Every model of the catalogue: the entry is whole, is found by its names, and counts right.

Published counts stand in the entries themselves, with their source; here stand those that an
independent framework made where nobody published one.
"""

from __future__ import annotations

import ast
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest

import paramcalc
from paramcalc.catalogue.architectures import architecture_names
from paramcalc.catalogue.models import MODELS
from paramcalc.catalogue.table import normal
from paramcalc.sources.configuration import AS_IT_STANDS, build

NAMES = MODELS.names()

# Keys of an entry; every one that is not optional must be there.
KEYS = {
    "counted": {"architecture", "family", "context", "licence", "released", "source", "published"}
    | {"config"},
    "reported": {"family", "licence", "released", "source", "reported"},
}
OPTIONAL = {"class", "hub", "aliases", "dtype", "note"}
PUBLISHED = {"parameters", "stored", "extra", "because", "stated", "source"}
DTYPES = {"float32", "float16", "bfloat16", "float8_e4m3fn", "mxfp4"}


@cache
def card(name: str) -> Mapping[str, Any]:
    entry = MODELS.find(name)
    assert entry is not None
    assert entry.name == name
    return entry.card


def is_reported(name: str) -> bool:
    return "reported" in card(name)


COUNTED = [name for name in NAMES if not is_reported(name)]
REPORTED = [name for name in NAMES if is_reported(name)]
PROVEN = [name for name in COUNTED if card(name)["published"]["parameters"] is not None]
UNPROVEN = [name for name in COUNTED if name not in PROVEN]


def other_names(name: str) -> list[str]:
    """The hub id and the aliases."""
    entry = card(name)
    hub = [entry["hub"]] if "hub" in entry else []
    return [*hub, *entry.get("aliases", [])]


def spellings(text: str) -> set[str]:
    """What look-up makes of a name: with and without the organisation."""
    return {normal(text), normal(text.rpartition("/")[2])}


# --- the entries -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_has_all_its_keys_and_no_others(name: str) -> None:
    required = KEYS["reported" if is_reported(name) else "counted"]
    assert required <= card(name).keys() <= required | OPTIONAL


@pytest.mark.parametrize("name", NAMES)
def test_names_are_lower_case_with_dashes(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+([-.][a-z0-9]+)*", name)


@pytest.mark.parametrize("name", NAMES)
def test_sources_licences_and_dates_are_given(name: str) -> None:
    entry = card(name)
    assert entry["source"].startswith("https://")
    assert entry["licence"]
    assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", entry["released"])


@pytest.mark.parametrize("name", COUNTED)
def test_a_counted_model_says_how_it_was_published(name: str) -> None:
    entry = card(name)
    assert entry["architecture"] in architecture_names()
    assert entry.get("dtype", "bfloat16") in DTYPES
    published = entry["published"]
    assert {"parameters", "source"} <= published.keys() <= PUBLISHED
    assert published["source"]
    assert published["parameters"] or published["stated"]
    assert ("stored" in published) == ("extra" in published) == ("because" in published)


@pytest.mark.parametrize("name", COUNTED)
def test_the_context_is_that_of_the_configuration(name: str) -> None:
    entry = card(name)
    model = build(entry["architecture"], entry.get("class"), entry["config"], name, AS_IT_STANDS)
    assert entry["context"] == model.context
    assert entry["context"] is None or entry["context"] >= 64


def test_entries_are_sorted_by_family() -> None:
    families = [card(name)["family"] for name in NAMES]
    assert families == sorted(families)


# --- names -------------------------------------------------------------------------------------


def test_no_two_entries_share_a_name() -> None:
    found = Counter(
        spelling
        for name in NAMES
        for spelling in set().union(*(spellings(text) for text in [name, *other_names(name)]))
    )
    assert [spelling for spelling, count in found.items() if count > 1] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_alias_is_a_mere_spelling(name: str) -> None:
    known = spellings(name)
    hub, *aliases = other_names(name) if "hub" in card(name) else ["", *other_names(name)]
    known |= spellings(hub)
    for alias in aliases:
        assert not spellings(alias) <= known, alias
        known |= spellings(alias)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_finds_its_entry(name: str) -> None:
    for text in [name, *other_names(name)]:
        for spelling in (text, text.upper(), text.replace("-", "_"), text.rpartition("/")[2]):
            entry = MODELS.find(spelling)
            assert entry is not None, spelling
            assert entry.name == name, spelling


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("Llama 3.1 8B", "llama-3.1-8b"),
        ("GPT-2", "gpt2"),
        ("openai-community/gpt2", "gpt2"),
        ("gpt1", "gpt-1"),
        ("gpt3", "gpt-3"),
        ("bert-base", "bert-base-uncased"),
        ("bert-large", "bert-large-uncased"),
        ("mistral-7b-v0.1", "mistral-7b"),
        ("Mistral-7B-Instruct-v0.3", "mistral-7b-v0.3"),
        ("mistral-nemo", "mistral-nemo-12b"),
        ("deepseek-r1-0528", "deepseek-r1"),
        ("qwen2.5_coder-7b-instruct", "qwen2.5-coder-7b"),
        ("google/gemma-3-27b-it", "gemma-3-27b"),
        ("tinyllama", "tinyllama-1.1b"),
    ],
)
def test_what_people_type(typed: str, name: str) -> None:
    assert paramcalc.load(typed).name == name


# --- counts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROVEN)
def test_the_count_is_the_published_one(name: str) -> None:
    model = paramcalc.load(name)
    assert model.parameters.total == card(name)["published"]["parameters"]
    assert model.exactness == "exact"
    assert model.architecture == card(name)["architecture"]


OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}


def arithmetic(text: str) -> int:
    def value(node: ast.expr) -> int:
        if isinstance(node, ast.BinOp):
            return OPERATORS[type(node.op)](value(node.left), value(node.right))
        assert isinstance(node, ast.Constant)
        assert type(node.value) is int
        return node.value

    return value(ast.parse(text, mode="eval").body)


@pytest.mark.parametrize("name", [n for n in PROVEN if "stored" in card(n)["published"]])
def test_what_the_files_hold_beyond_the_parameters_is_explained(name: str) -> None:
    published = card(name)["published"]
    assert published["stored"] == published["parameters"] + arithmetic(published["extra"])


# Counts of transformers 5.23.0 on the meta device, for models of which nobody published one. It
# ties T5's head whatever the configuration says; an untied one is added here.
FRAMEWORK = {
    "all-distilroberta-v1": 82_118_400,
    "apertus-70b": 70_599_864_480,
    "aya-23-35b": 34_980_831_232,
    "bert-mini": 11_170_560,
    "biogpt-347m": 346_763_264,
    "blenderbot-400m-distill": 364_802_560,
    "byt5-large": 1_228_183_552,
    "codegen-16b": 16_032_155_648,
    "codegen-2b": 2_779_356_160,
    "codegen-350m": 356_712_448,
    "codegen-6b": 7_064_213_504,
    "codellama-13b-python": 13_015_864_320,
    "codellama-70b": 68_976_910_336,
    "codellama-7b-python": 6_738_415_616,
    "command-r-35b": 34_980_831_232,
    "deberta-v2-xlarge": 884_593_152,
    "deepseek-v4-flash": 284_332_230_231,
    "deepseek-v4-pro": 1_572_997_179_491,
    "devstral-2-123b": 125_025_988_608,
    "distil-large-v2": 756_220_160,
    "distil-large-v3": 756_405_760,
    "distil-medium.en": 394_375_168,
    "distilbart-cnn-12-6": 305_510_400,
    "distilroberta-base": 82_170_201,
    "ernie-4.5-300b-a47b": 299_484_163_264,
    "eurobert-610m": 607_874_688,
    "eurollm-1.7b": 1_656_850_432,
    "falcon-h1-34b": 33_642_516_224,
    "falcon2-11b": 11_102_822_400,
    "falcon3-10b": 10_305_653_760,
    "flan-ul2-20b": 19_591_209_984,
    "glm-4-32b-0414": 32_566_081_536,
    "glm-5.2": 743_377_000_704,
    "gpt-3": 174_604_259_328,
    "granite-20b-code": 20_066_993_152,
    "granite-3.0-3b-a800m": 3_298_793_472,
    "granite-3.0-8b": 8_170_848_256,
    "granite-3.1-1b-a400m": 1_334_628_352,
    "granite-3.1-3b-a800m": 3_298_793_472,
    "granite-3.1-8b": 8_170_848_256,
    "granite-4.0-h-350m": 339_814_112,
    "helium-1-preview-2b": 2_172_643_840,
    "hunyuan-7b": 7_504_568_320,
    "hunyuan-a13b": 80_393_183_232,
    "internlm3-8b": 8_804_241_408,
    "jamba-1.5-large": 398_555_145_696,
    "jina-embeddings-v3": 559_364_096,
    "kimi-k2.5": 1_026_879_353_328,
    "led-base-16384": 161_844_480,
    "llama-13b": 13_015_864_320,
    "llama-68m": 68_030_208,
    "longt5-tglobal-base": 247_587_456,
    "m2m100-1.2b": 1_239_470_080,
    "m2m100-418m": 483_905_536,
    "mamba2-1.3b": 1_343_757_312,
    "mamba2-130m": 128_989_632,
    "mamba2-2.7b": 2_702_599_680,
    "mamba2-370m": 368_346_624,
    "mamba2-780m": 780_161_280,
    "microllama-300m": 304_636_928,
    "mimo-v2-flash": 308_778_768_832,
    "minicpm3-4b": 4_073_875_968,
    "minitron-8b": 8_271_699_968,
    "moonlight-16b-a3b": 15_960_108_544,
    "mpt-30b": 29_957_200_896,
    "mpt-7b": 6_649_286_656,
    "mpt-7b-8k": 6_649_286_656,
    "mpt-7b-storywriter": 6_649_286_656,
    "mt5-large": 1_229_581_312,
    "mt5-xl": 3_742_619_648,
    "mt5-xxl": 12_921_057_280,
    "nemotron-3-ultra-550b-a55b": 549_308_968_960,
    "nemotron-4-340b": 341_029_195_776,
    "nemotron-h-56b": 56_324_350_464,
    "nemotron-mini-4b": 4_190_509_056,
    "nemotron-nano-12b-v2": 12_310_001_152,
    "nllb-200-1.3b": 1_370_638_336,
    "nllb-200-3.3b": 3_344_863_232,
    "open-llama-13b": 13_015_864_320,
    "open-llama-3b": 3_426_473_600,
    "open-llama-7b": 6_738_415_616,
    "opt-175b": 174_604_468_224,
    "opt-2.7b": 2_651_596_800,
    "opt-30b": 29_974_540_288,
    "opt-6.7b": 6_658_473_984,
    "opt-66b": 65_719_701_504,
    "opus-mt-en-de": 74_410_496,
    "opus-mt-en-es": 77_943_296,
    "opus-mt-en-fr": 75_133_952,
    "opus-mt-en-zh": 77_943_296,
    "paraphrase-minilm-l3-v2": 17_389_824,
    "pegasus-large": 570_797_056,
    "pegasus-xsum": 569_748_480,
    "phi-3.5-moe": 41_873_153_344,
    "qwen1.5-72b": 72_287_920_128,
    "qwen2.5-math-72b": 72_706_203_648,
    "qwen3-235b-a22b-2507": 235_093_634_560,
    "recurrentgemma-2b": 2_682_862_080,
    "recurrentgemma-9b": 8_579_977_216,
    "redpajama-incite-3b": 2_775_864_320,
    "redpajama-incite-7b": 6_857_302_016,
    "rwkv-4-14b": 14_148_597_760,
    "rwkv-4-7b": 7_392_649_216,
    "salamandra-2b": 2_253_490_176,
    "stablelm-2-12b": 12_143_185_920,
    "stablelm-base-alpha-3b": 3_637_321_728,
    "stablelm-base-alpha-7b": 7_868_755_968,
    "starcoder2-15b": 15_655_899_136,
    "voxtral-mini-3b": 4_676_271_104,
    "xglm-1.7b": 1_732_907_008,
    "xglm-2.9b": 2_941_505_536,
    "xglm-564m": 564_463_616,
    "xglm-7.5b": 7_492_771_840,
    "zamba-7b": 7_232_490_496,
    "zamba2-2.7b": 2_662_214_560,
}

# No source for a count of any kind: these follow from the configuration alone.
COUNTED_HERE = {
    "arctic-480b",
    "baichuan-7b",
    "baichuan2-7b",
    "codestral-22b",
    "dbrx-132b",
    "deepseek-llm-67b",
    "grok-1",
    "kimi-k2",
    "kimi-k2-0905",
    "kimi-k2-thinking",
    "mathstral-7b",
    "openelm-1.1b",
    "openelm-270m",
    "openelm-3b",
    "openelm-450m",
}


@pytest.mark.parametrize(("name", "count"), FRAMEWORK.items())
def test_the_count_is_that_of_transformers(name: str, count: int) -> None:
    assert paramcalc.load(name).parameters.total == count


def test_the_models_without_a_published_count_are_known() -> None:
    assert set(UNPROVEN) == FRAMEWORK.keys() | COUNTED_HERE


@pytest.mark.parametrize("name", sorted(COUNTED_HERE))
def test_the_count_is_near_the_stated_figure(name: str) -> None:
    figure, unit = card(name)["published"]["stated"].split(",")[0].split()
    stated = float(figure) * {"M": 1e6, "B": 1e9, "T": 1e12}[unit]
    assert paramcalc.load(name).parameters.total == pytest.approx(stated, rel=0.08)


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("gpt-1", 116_534_784),
        ("gpt2", 124_439_808),
        ("llama-2-7b", 6_738_415_616),
        ("llama-2-70b", 68_976_648_192),
        ("llama-3.1-8b", 8_030_261_248),
        ("llama-3.1-70b", 70_553_706_496),
        ("mixtral-8x7b", 46_702_792_704),
        ("qwen3-30b-a3b", 30_532_122_624),
        ("gpt-oss-20b", 20_914_757_184),
        ("gpt-oss-120b", 116_829_156_672),
        ("deepseek-v3", 671_026_404_352),
    ],
)
def test_the_best_known_figures(name: str, total: int) -> None:
    assert paramcalc.load(name).parameters.total == total


@pytest.mark.parametrize(
    ("name", "active"),
    [
        ("llama-3.1-8b", 8_030_261_248),  # without experts every parameter is active
        ("mixtral-8x7b", 12_879_925_248),
        ("mixtral-8x22b", 39_152_031_744),
        ("qwen3-30b-a3b", 3_353_032_704),
        ("qwen3-235b-a22b", 22_190_763_520),
        ("qwen3-coder-480b-a35b", 35_474_765_312),
        ("gpt-oss-20b", 4_187_440_704),
        ("gpt-oss-120b", 5_711_982_912),
        ("deepseek-v3", 37_552_282_624),
    ],
)
def test_active_parameters(name: str, active: int) -> None:
    assert paramcalc.load(name).parameters.active == active


def test_deepseek_stores_router_biases_beside_its_parameters() -> None:
    parameters = paramcalc.load("deepseek-v3").parameters
    assert parameters.buffers == 58 * 256
    assert parameters.total + parameters.buffers == 671_026_419_200


def test_gpt3_needs_about_350_gb_at_16_bits() -> None:
    assert paramcalc.load("gpt-3").parameters.total * 2 == pytest.approx(350e9, rel=0.01)


# --- models of which only a size is reported ---------------------------------------------------


@pytest.mark.parametrize("name", REPORTED)
def test_reported_sizes_say_what_they_are(name: str) -> None:
    reported = card(name)["reported"]
    assert set(reported) == {"low", "high", "status", "text"}
    low, high = reported["low"], reported["high"]
    if reported["status"] == "undisclosed":
        assert (low, high, reported["text"]) == (None, None, "not published")
    else:
        assert reported["status"] == "rumoured"
        assert low is not None
        assert high is None or low <= high


def test_the_reported_ones() -> None:
    ranges = {
        name: (card(name)["reported"]["low"], card(name)["reported"]["high"]) for name in REPORTED
    }
    assert ranges["gpt-4"] == (10**12, None)
    assert ranges["gpt-5"] == (1_700 * 10**9, 1_800 * 10**9)
    assert ranges["claude-3-opus"] == ranges["claude-3-haiku"] == (None, None)


@pytest.mark.parametrize("name", REPORTED)
def test_a_reported_model_is_never_called_exact(name: str) -> None:
    model = paramcalc.load(name)
    assert model.exactness == "reported"
    assert model.is_undisclosed == (card(name)["reported"]["status"] == "undisclosed")


# --- the whole ---------------------------------------------------------------------------------


def architectures() -> Iterator[str]:
    return (card(name)["architecture"] for name in COUNTED)


def test_the_catalogue_is_broad() -> None:
    assert len(NAMES) >= 700
    assert len(PROVEN) >= 560
    assert len(set(architectures())) >= 120
