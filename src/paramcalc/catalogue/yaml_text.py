"""Trees as YAML text that `paramcalc.catalogue.strict_yaml` reads back as they are.

Mappings in block style, lists on one line, as the data files have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# What other readers of YAML take for text as well.
_PLAIN = re.compile(r"[A-Za-z_](?:[\w $./+*()=<>%,'\[\]-]|:(?=/))*(?<! )", re.ASCII)
_KEY = re.compile(
    r"[A-Za-z_$0-9][\w$.-]*(?:\[[\w +*,:-]*\])?(?: if [\w +*%<>=!()\[\],-]+)?", re.ASCII
)
_NOT_TEXT = frozenset(["true", "false", "null", "none", "yes", "no", "on", "off", "y", "n"])
_ENDS_A_LIST = re.compile(r"[\[\],]")
_STEP = "  "


def written(tree: Mapping[str, Any]) -> str:
    r"""A mapping as YAML, with a newline at its end.

    >>> written({"llama": {"hidden_size": 8, "kinds": ["full", "1e9"], "norm": None}})
    'llama:\n  hidden_size: 8\n  kinds: [full, "1e9"]\n  norm: null\n'
    """
    return "\n".join(_lines(tree, "")) + "\n"


def _lines(tree: Mapping[str, Any], lead: str) -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield f"{lead}{key_text(str(key))}:"
            yield from _lines(value, lead + _STEP)
        else:
            yield f"{lead}{key_text(str(key))}: {_flow(value)}"


def key_text(key: str) -> str:
    """A key: plain where it is a name, a number or one of the language's, else in quotes."""
    is_octal = key[:1] == "0" and key[1:2].isdigit()
    if _KEY.fullmatch(key) and key.lower() not in _NOT_TEXT and not is_octal:
        return key
    return _quoted(key)


def _flow(value: Any, *, in_list: bool = False) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        inner = (f"{_quoted(str(key))}: {_flow(one, in_list=True)}" for key, one in value.items())
        return f"{{{', '.join(inner)}}}"
    if isinstance(value, str):
        return _text(value, in_list=in_list)
    if isinstance(value, Sequence):
        return f"[{', '.join(_flow(one, in_list=True) for one in value)}]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(int(value))
    text = repr(float(value))
    return text if "." in text else text.replace("e", ".0e")


def _text(text: str, *, in_list: bool) -> str:
    """A text, in quotes where it looks like something else."""
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT
    if not is_plain or (in_list and _ENDS_A_LIST.search(text)):
        return _quoted(text)
    return text


def _quoted(text: str) -> str:
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\U{code:08x}"
