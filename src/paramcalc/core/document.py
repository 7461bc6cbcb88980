"""A spec as it is written: a plain tree of dictionaries, merged over those that it extends.

The tree comes from YAML (or JSON, or Python); nothing here knows of files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from paramcalc.errors import ParamcalcError, Problem, did_you_mean, shorten

SECTIONS = (
    "source",
    "example",
    "context",
    "config",
    "let",
    "blocks",
    "modules",
    "tied",
    "heads",
    "extends",
    "root",
    "rename",
    "embeddings",
    "mtp",
    "mix",
)
Document = Mapping[str, Any]
_NO_REMOVALS = (("config",), ("heads",), ("mtp",))
"""In these a null is a default, and an instruction for later."""


def is_document(tree: Document) -> bool:
    """A document has sections; any other mapping is a tree of modules by itself."""
    return isinstance(tree.get("modules"), Mapping) or isinstance(tree.get("extends"), str)


def merge(base: Document, patch: Document) -> dict[str, Any]:
    """``base`` with ``patch`` laid over it: mappings merge, ``key: null`` removes.

    >>> merge({"a": {"x": 1, "y": 2}}, {"a": {"x": None, "z": 3}})
    {'a': {'y': 2, 'z': 3}}
    """
    merged = dict(base)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def resolve(document: Document, read: Callable[[str], Document]) -> dict[str, Any]:
    """``document`` merged over those that it extends; ``read`` finds one by its name."""
    merged: dict[str, Any] = {}
    for link in reversed(_links(document, read)):
        problems = list(_removed_in_vain(merged, link)) if merged else []
        if problems:
            raise ParamcalcError(problems)
        merged = _over(merged, link)
    return merged


def _links(document: Document, read: Callable[[str], Document]) -> list[Document]:
    """The document, the one that it extends, and so on."""
    links: list[Document] = [document]
    seen: list[str] = []
    while (name := links[-1].get("extends")) is not None:
        if not isinstance(name, str):
            raise ParamcalcError("`extends` takes one name").at(("extends",))
        if name in seen:
            circle = " -> ".join([*seen[seen.index(name) :], name])
            raise ParamcalcError(f"`extends` goes in a circle: {circle}").at(("extends",))
        seen.append(name)
        try:
            links.append(read(name))
        except ParamcalcError as error:
            raise (error.at(("extends",)) if len(links) == 1 else error) from None
    return links


def _over(base: Document, link: Document) -> dict[str, Any]:
    """A document over what it extends, section by section."""
    merged = dict(base)
    for section, value in link.items():
        old = merged.get(section)
        if section == "extends":
            continue
        if value is None:
            merged.pop(section, None)
        elif not isinstance(value, Mapping) or not isinstance(old, Mapping):
            merged[section] = value
        elif section == "config":
            # Here null is a default like any other; a field that is not wanted does no harm.
            merged[section] = {**old, **value}
        elif section == "heads":
            merged[section] = _patches(old, value)
        elif section == "mtp":
            merged[section] = _one_after_the_other(old, value)
        elif section in ("let", "blocks"):
            merged[section] = merge(_under_new_keys(old, value), value)
        else:
            merged[section] = merge(old, value)
    return merged


def _patches(base: Document, heads: Document) -> dict[str, Any]:
    """Heads over heads. Each is a patch itself: what one removes, the other cannot bring back."""
    merged = dict(base)
    for pattern, head in heads.items():
        if head is None:
            merged.pop(pattern, None)
        else:
            merged[pattern] = _one_after_the_other(merged.get(pattern), head)
    return merged


def _one_after_the_other(first: Any, second: Any) -> Any:
    if not isinstance(first, Mapping) or not isinstance(second, Mapping):
        return second
    both = {key: _one_after_the_other(first.get(key), value) for key, value in second.items()}
    return {**first, **both}


def bare_name(key: str) -> str:
    """A name without its parameters: ``dim`` of ``dim(s)``."""
    return str(key).partition("(")[0].strip()


def _under_new_keys(base: Document, patch: Document) -> dict[str, Any]:
    """``ffn(width)`` is the same block as ``ffn(width, bias)``, which gives it new parameters."""
    new = {bare_name(key): key for key in patch}
    return {new.get(bare_name(key), key): old for key, old in base.items()}


def _removed_in_vain(
    base: Document, patch: Document, path: tuple[str, ...] = ()
) -> Iterator[Problem]:
    """``key: null`` where there is no such key: misspelt, as a rule."""
    for key, value in patch.items():
        here, old = (*path, str(key)), base.get(key)
        if here in _NO_REMOVALS:
            continue
        if value is None and key not in base:
            hint = did_you_mean(str(key), map(str, base))
            message = f"there is no `{shorten(str(key))}` to remove"
            yield Problem(message, hint, here, in_key=True)
        elif isinstance(value, Mapping) and isinstance(old, Mapping):
            known = _under_new_keys(old, value) if here in (("let",), ("blocks",)) else old
            yield from _removed_in_vain(known, value, here)


def with_head(document: Document, class_name: str | None, *, mtp: bool = False) -> dict[str, Any]:
    """The document as the class ``class_name`` has it (see ``heads:`` in the language).

    ``mtp``: with the layers that predict further tokens, which published files hold and the
    class leaves out.
    """
    plain = {key: value for key, value in document.items() if key not in ("heads", "mtp")}
    if mtp and isinstance(document.get("mtp"), Mapping):
        plain = merge(plain, document["mtp"])
    pattern = head_pattern(document, class_name)
    return plain if pattern is None else merge(plain, document["heads"][pattern])


def head_pattern(document: Document, class_name: str | None) -> str | None:
    """The pattern of the head for a class: its exact name, or the longest ``*Ending``."""
    heads = document.get("heads")
    if heads is None:
        return None
    if not isinstance(heads, Mapping):
        raise ParamcalcError("`heads` is a mapping of class names").at(("heads",), in_key=True)
    if class_name is None:
        return None
    endings = [key for key in map(str, heads) if class_name.endswith(key[1:]) and key[:1] == "*"]
    found = class_name if class_name in heads else max(endings, key=len, default=None)
    if found is None:
        known = ", ".join(f"`{shorten(str(pattern))}`" for pattern in heads)
        raise ParamcalcError(
            f"no head for the class `{shorten(class_name)}`",
            did_you_mean(class_name, map(str, heads)) or f"known classes: {known}",
        ).at(("heads",), in_key=True)
    if not isinstance(heads[found], Mapping):
        raise ParamcalcError(
            f"the head `{shorten(found)}` is a mapping of sections",
            "write `{}` if the class adds nothing",
        ).at(("heads", found), in_key=True)
    return found
