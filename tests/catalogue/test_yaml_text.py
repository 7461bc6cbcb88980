"""What is written as YAML is read back as it was, by our reader and by PyYAML's own."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paramcalc.catalogue import strict_yaml
from paramcalc.catalogue.yaml_text import written

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["yes", "null", "1e9", "010", "12:30:00", "2024-07-23", "~", "- a", "a: b", "a #b", "", " a"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4))
def test_it_is_read_back(tree: dict[str, Any]) -> None:
    assert strict_yaml.load(written(tree), "text") == tree


@given(st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=4))
def test_text_is_text_to_everybody(tree: dict[str, str]) -> None:
    found = yaml.safe_load(written(tree))

    assert {str(key): value for key, value in found.items()} == tree


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("layers[12]", "layers[12]: 1\n"),
        ("layers[3:61]", "layers[3:61]: 1\n"),
        ("blocks[j in 6] if i % 4 != 3", "blocks[j in 6] if i % 4 != 3: 1\n"),
        ("$cache if i in [0, 4]", "$cache if i in [0, 4]: 1\n"),
        ("0", "0: 1\n"),
        ("007", '"007": 1\n'),
        ("no", '"no": 1\n'),
        ("a: b", '"a: b": 1\n'),
    ],
)
def test_keys_of_the_language_need_no_quotes(key: str, line: str) -> None:
    assert written({key: 1}) == line
    assert strict_yaml.load(line, "text") == {key: 1}
