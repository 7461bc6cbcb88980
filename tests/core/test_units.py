"""Sizes as people write and read them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paramcalc
from paramcalc.errors import ParamcalcError
from paramcalc.units import (
    parse_bytes,
    parse_count,
    parse_percent,
    parse_range,
    parse_tokens,
    plural,
    short_bytes,
    short_count,
    starts_with_number,
)

GB, GIB = 10**9, 2**30


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("70b", 70 * 10**9),
        ("7B", 7 * 10**9),
        ("350m", 350 * 10**6),
        ("350M", 350 * 10**6),
        ("1.5b", 1_500_000_000),
        ("1.50b", 1_500_000_000),
        ("0.5B", 500_000_000),
        ("125k", 125_000),
        ("1t", 10**12),
        ("1.8T", 1_800_000_000_000),
        (" 7b ", 7 * 10**9),
        ("0b", 0),
        ("0.000000001b", 1),
        ("007b", 7 * 10**9),
        # no sizes: names, other numbers, fractions of a parameter
        ("70", None),
        ("b", None),
        ("", None),
        ("7bb", None),
        ("7 b 8", None),
        ("7,000m", None),
        ("-1b", None),
        ("+1b", None),
        (".5b", None),
        ("5.b", None),
        ("1e9b", None),
        ("1e99", None),
        ("0x7b", None),
        ("7gb", None),
        ("7b-instruct", None),
        ("llama-7b", None),
        ("1.0000000001k", None),
        ("9" * 1000 + "b", None),
        ("7.5.5b", None),
        ("\N{ARABIC-INDIC DIGIT SEVEN}b", None),
        ("\N{SUPERSCRIPT TWO}b", None),
        ("7\N{LATIN SMALL LETTER LONG S}", None),
    ],
)
def test_parse_count(text: str, count: int | None) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0b", "a model of 0b has no parameters"),
        ("0.0b", "a model of 0.0b has no parameters"),
        ("999999999999999t", "`999999999999999t` is larger than any model can be"),
        ("-1b", "no model named `-1b`"),
        ("1e99", "no model named `1e99`"),
        ("1.5", "no model named `1.5`"),
        ("9" * 1000 + "b", f"no model named `{'9' * 59}…`"),
        ("7b" * 500, f"no model named `{('7b' * 500)[:59]}…`"),
    ],
)
def test_absurd_sizes_are_refused(text: str, message: str) -> None:
    with pytest.raises(ParamcalcError) as caught:
        paramcalc.load(text)
    assert str(caught.value).partition("\n")[0] == message


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("7b..14b", 7 * GB, 14 * GB),
        ("..14b", 0, 14 * GB),
        ("70b..", 70 * GB, 10**18),
        ("10b", 9 * GB, 11 * GB),
        (" 7b .. 8b ", 7 * GB, 8 * GB),
    ],
)
def test_parse_range(text: str, low: int, high: int) -> None:
    assert parse_range(text) == (low, high)


@pytest.mark.parametrize("text", ["", "..", " .. ", "7", "a..b", "7b..8", "7b..8b..9b", "-1b.."])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ParamcalcError) as caught:
        parse_range(text)
    assert str(caught.value) == f"`{text}` is no range of sizes\nhint: write `7b..14b` or `7b`"


@pytest.mark.parametrize(
    ("text", "size", "on_a_card"),
    [
        # decimal units are powers of ten, as printed on a card powers of two
        ("24gb", 24 * GB, 24 * GIB),
        ("24GB", 24 * GB, 24 * GIB),
        ("24g", 24 * GB, 24 * GIB),
        ("24 GB", 24 * GB, 24 * GIB),
        ("24GiB", 24 * GIB, 24 * GIB),
        ("24gib", 24 * GIB, 24 * GIB),
        ("24Gi", 24 * GIB, 24 * GIB),
        ("1.5gb", 1_500_000_000, 1_610_612_736),
        ("512mb", 512 * 10**6, 512 * 2**20),
        ("512MiB", 512 * 2**20, 512 * 2**20),
        ("64kb", 64_000, 65_536),
        ("2tb", 2 * 10**12, 2 * 2**40),
        ("1000b", 1000, 1000),
        ("1B", 1, 1),
        ("25769803776", 25_769_803_776, 25_769_803_776),
        ("1000000", 1_000_000, 1_000_000),
        (" 24gb ", 24 * GB, 24 * GIB),
    ],
)
def test_parse_bytes(text: str, size: int, on_a_card: int) -> None:
    assert parse_bytes(text) == size
    assert parse_bytes(text, card=True) == on_a_card


WITH_UNIT = "hint: write it with a unit: `24gb`, `24GiB`, or the bytes"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("24", "`24` has no unit\nhint: did you mean `24gb`?"),
        ("0.5", "`0.5` has no unit\nhint: did you mean `0.5gb`?"),
        ("999999", "`999999` has no unit\nhint: did you mean `999999gb`?"),
        ("", f"`` is no size\n{WITH_UNIT}"),
        ("gb", f"`gb` is no size\n{WITH_UNIT}"),
        ("24pb", f"`24pb` is no size\n{WITH_UNIT}"),
        ("24 gigabytes", f"`24 gigabytes` is no size\n{WITH_UNIT}"),
        ("-24gb", f"`-24gb` is no size\n{WITH_UNIT}"),
        ("1e9b", f"`1e9b` is no size\n{WITH_UNIT}"),
        ("nan", f"`nan` is no size\n{WITH_UNIT}"),
        ("0gb", f"`0gb` is no sensible size\n{WITH_UNIT}"),
        ("0.5b", f"`0.5b` is no sensible size\n{WITH_UNIT}"),
        ("999999999999999tb", f"`999999999999999tb` is no sensible size\n{WITH_UNIT}"),
        ("9" * 1000 + "gb", f"`{'9' * 59}…` is no size\n{WITH_UNIT}"),
        ("\x1b[31m", f"`?[31m` is no size\n{WITH_UNIT}"),
    ],
)
def test_what_is_no_size(text: str, message: str) -> None:
    with pytest.raises(ParamcalcError) as caught:
        parse_bytes(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("1", 1),
        ("8192", 8192),
        ("8,192", 8192),
        ("8_192", 8192),
        ("32k", 32_768),  # as context lengths are named: 32 * 1024
        ("32K", 32_768),
        ("128 k", 131_072),
        ("1m", 1_048_576),
        ("10M", 10_485_760),
        (" 4096 ", 4096),
        ("1000000000000", 10**12),
    ],
)
def test_parse_tokens(text: str, tokens: int) -> None:
    assert parse_tokens(text) == tokens


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "a context of 0 tokens is out of range\nhint: 1 to 1,000,000,000,000"),
        ("0k", "a context of 0k tokens is out of range\nhint: 1 to 1,000,000,000,000"),
        (
            "1000000000001",
            "a context of 1000000000001 tokens is out of range\nhint: 1 to 1,000,000,000,000",
        ),
        ("-1", "`-1` is no number of tokens\nhint: write `8192` or `32k` (32,768)"),
        ("1.5k", "`1.5k` is no number of tokens\nhint: write `8192` or `32k` (32,768)"),
        ("k", "`k` is no number of tokens\nhint: write `8192` or `32k` (32,768)"),
        ("", "`` is no number of tokens\nhint: write `8192` or `32k` (32,768)"),
        ("1e6", "`1e6` is no number of tokens\nhint: write `8192` or `32k` (32,768)"),
        ("32g", "`32g` is no number of tokens\nhint: write `8192` or `32k` (32,768)"),
        ("9" * 500, f"`{'9' * 59}…` is no number of tokens\nhint: write `8192` or `32k` (32,768)"),
    ],
)
def test_what_is_no_number_of_tokens(text: str, message: str) -> None:
    with pytest.raises(ParamcalcError) as caught:
        parse_tokens(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "percent"),
    [
        ("20%", Fraction(20)),
        ("0%", Fraction(0)),
        ("12.5%", Fraction(25, 2)),
        ("0.1 %", Fraction(1, 10)),
        ("100%", Fraction(100)),
        (" 5% ", Fraction(5)),
    ],
)
def test_parse_percent(text: str, percent: Fraction) -> None:
    assert parse_percent(text) == percent


@pytest.mark.parametrize("text", ["20", "0.2", "-20%", "%", "", "1e2%", "20%%", "10000%", "a%"])
def test_what_is_no_percentage(text: str) -> None:
    with pytest.raises(ParamcalcError) as caught:
        parse_percent(text)
    assert str(caught.value) == f"`{text}` is no percentage\nhint: write `20%`"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (1, "1"),
        (999, "999"),
        (1000, "1.00 K"),
        (1_001_000, "1.00 M"),
        (8_030_261_248, "8.03 B"),
        (70_553_706_496, "70.6 B"),
        (671_026_404_352, "671 B"),
        (124_439_808, "124 M"),
        (999_499_999, "999 M"),
        (999_950_000, "1.00 B"),  # and not 1000 M
        (1_800_000_000_000, "1.80 T"),
        (12_340, "12.3 K"),
    ],
)
def test_short_count(count: int, text: str) -> None:
    assert short_count(count) == text


@pytest.mark.parametrize(
    ("size", "text", "in_gib"),
    [
        (28_000_000_000, "28.00 GB", "26.08 GiB"),
        (140_000_000_000, "140.0 GB", "130.4 GiB"),
        (280_000_000_000, "280.0 GB", "260.8 GiB"),
        (16_060_522_496, "16.06 GB", "14.96 GiB"),
        (436_207_616, "0.44 GB", "0.41 GiB"),  # aligned with its neighbours
        (42_949_672_960, "42.95 GB", "40.00 GiB"),
        (99_994_000_000, "99.99 GB", "93.13 GiB"),
        (99_996_000_000, "100.0 GB", "93.13 GiB"),
        (2_684_105_676_800, "2,684.1 GB", "2,499.8 GiB"),
        (20_000_000, "20.0 MB", "19.1 MiB"),
        (1_001_000, "1.0 MB", "977.5 KiB"),
        (4_004, "4.0 KB", "3.9 KiB"),
        (220, "220 B", "220 B"),
        (0, "0 B", "0 B"),
        (-28_000_000_000, "-28.00 GB", "-26.08 GiB"),
    ],
)
def test_short_bytes(size: int, text: str, in_gib: str) -> None:
    assert short_bytes(size) == text
    assert short_bytes(size, gib=True) == in_gib


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 tokens"), (1, "1 token"), (2, "2 tokens"), (8192, "8,192 tokens")]
)
def test_plural(number: int, text: str) -> None:
    assert plural(number, "token") == text


def test_what_starts_like_a_number() -> None:
    assert [
        text for text in ("24gb", "-1", "+1", ".5", " 4090") if not starts_with_number(text)
    ] == []
    assert not any(map(starts_with_number, ["rtx-4090", "", "a1", "\N{SUPERSCRIPT TWO}"]))


# --- laws ----------------------------------------------------------------------------------------

quick = settings(max_examples=300, deadline=None, derandomize=True)


@quick
@given(st.integers(1, 10**15))
def test_what_is_printed_of_a_size_can_be_read_again(size: int) -> None:
    for text in (short_bytes(size), short_bytes(size, gib=True)):
        number, unit = text.split()
        last_place = Fraction(1, 10 ** len(number.partition(".")[2]))
        read = parse_bytes(text.replace(",", ""))
        one = parse_bytes(f"1{unit}")
        assert abs(read - size) <= last_place * one / 2 + 1


@quick
@given(st.integers(1000, 10**15))
def test_what_is_printed_of_a_count_can_be_read_again(count: int) -> None:
    read = parse_count(short_count(count).replace(" ", ""))
    assert read is not None
    assert abs(read - count) * 200 <= count  # three digits, rounded


@quick
@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_a_larger_count_is_never_printed_smaller(one: int, two: int) -> None:
    small, large = sorted((one, two))

    def shown(count: int) -> int:
        return parse_count(short_count(count).replace(" ", "")) or count

    assert shown(small) <= shown(large)


@quick
@given(st.integers(1, 10**9), st.sampled_from(["k", "m", "b", "t"]))
def test_whole_counts_are_exact(number: int, unit: str) -> None:
    scale = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}[unit]
    assert parse_count(f"{number}{unit}") == number * scale
    assert parse_count(f"{number}.0{unit.upper()}") == number * scale


@quick
@given(st.text(max_size=30) | st.text("0123456789.gGmMkKiIbBtT%,_ -+e", max_size=12))
def test_random_text_raises_nothing_else(text: str) -> None:
    assert parse_count(text) is None or isinstance(parse_count(text), int)
    starts_with_number(text)
    for parse in (parse_bytes, parse_tokens, parse_percent, parse_range):
        try:
            parse(text)
        except ParamcalcError as error:
            str(error)  # which must not fail either
