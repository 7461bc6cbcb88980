"""The parameters of a recipe in its name: ``gptq-4bit-g32``, ``pruned-0.3``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paramcalc.errors import ParamcalcError, shorten

_MOST = 10**6
"""Larger than any number of bits or of weights that share a scale."""
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
_NUMBER = re.compile(r"-?[0-9]{1,6}(?:\.[0-9]{1,3})?")


def given(card: Mapping[str, Any], words: Sequence[str], name: str) -> dict[str, Any]:
    """The parameters that the words of a name set: ``4bit``, ``g32``, ``imatrix``."""
    values: dict[str, Any] = {}
    forms = {key: one for key, one in card.get("parameters", {}).items() if one.get("form")}
    for word in _joined(words):
        found = ((key, _value(one, word)) for key, one in forms.items())
        key, value = next((pair for pair in found if pair[1] is not None), (None, None))
        if key is None:
            known = ", ".join(map(_form_text, forms.values()))
            hint = f"it takes {known}" if known else "it takes no parameters"
            raise ParamcalcError(f"`{shorten(name)}`: what is `{shorten(word)}`?", hint)
        _check_value(name, key, value, forms[key])
        values[key] = value
    return values


def _joined(words: Sequence[str]) -> Iterator[str]:
    """The words with those put together again that a minus has cut: ``g``, ``1`` is ``g-1``."""
    before = ""
    for word in words:
        if before and word.isdecimal():
            yield f"{before}-{word}"
            before = ""
            continue
        if before:
            yield before
        before = word if word.isalpha() else ""
        if not before:
            yield word
    if before:
        yield before


def _form_text(parameter: Mapping[str, Any]) -> str:
    """How a parameter is written, in words."""
    words = [one for one in parameter.get("choices", ()) if isinstance(one, str)]
    texts = [str(parameter["form"]).replace("{}", one) for one in words or ["…"]]
    return ", ".join("a number" if text == "…" else text for text in texts)


def _check_value(name: str, key: str, value: Any, parameter: Mapping[str, Any]) -> None:
    """The value is one of the choices, and lies where it must."""
    choices, between = parameter.get("choices"), parameter.get("between")
    if choices and value not in choices:
        listed = ", ".join(map(str, choices))
        raise ParamcalcError(f"`{shorten(name)}`: `{key}` is one of {listed}")
    if between and not between[0] < value < between[1]:
        low, high = between
        raise ParamcalcError(f"`{shorten(name)}`: `{key}` lies between {low} and {high}")


def _value(parameter: Mapping[str, Any], word: str) -> int | float | bool | str | None:
    """What a word says of a parameter: None if it is about another one."""
    form = str(parameter["form"])
    if "{}" not in form:
        return True if word.lower() == form else None
    words = [one for one in parameter.get("choices", ()) if isinstance(one, str)]
    if words:
        return next((one for one in words if form.format(one) == word.lower()), None)
    before, _, after = form.partition("{}")
    number = word.lower().removeprefix(before).removesuffix(after)
    if f"{before}{number}{after}" != word.lower() or not _NUMBER.fullmatch(number):
        return None
    return float(number) if "." in number else int(number)


def check_section(values: Mapping[str, Any], parameters: Mapping[str, Mapping[str, Any]]) -> None:
    """What a configuration sets is of the kind of the parameter's default, and no absurd number."""
    for key, value in values.items():
        default = parameters.get(key, {}).get("default")
        if (kind := _KINDS.get(type(default))) is None:
            continue
        whole_for_float = isinstance(default, float) and type(value) is int
        if type(value) is not type(default) and not whole_for_float:
            raise ParamcalcError(f"`{key}` must be {kind}, found {shorten(repr(value))}")
        low, high = _limits(parameters[key])
        if isinstance(value, (int, float)) and not low <= value <= high:
            found = shorten(str(value))
            raise ParamcalcError(f"`{key}` must lie between {low} and {high}, found {found}")


def _limits(parameter: Mapping[str, Any]) -> tuple[float, float]:
    """Of its choices the outer ones: a file may hold what nobody can ask for by a name."""
    choices = [one for one in parameter.get("choices", ()) if not isinstance(one, str)]
    low, high = parameter.get("between") or (-1, _MOST)
    return (min(choices), max(choices)) if choices else (low, high)


def spelled(template: str, values: Mapping[str, Any]) -> str:
    """The whole name of a recipe: ``gptq-{bits}bit-g{group}``."""
    for key, value in values.items():
        template = template.replace(f"{{{key}}}", str(value))
    return template
