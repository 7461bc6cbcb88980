"""What pydantic finds wrong, in the words of the house and with the path in the document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from paramcalc.catalogue.schemas import RULE, VALUE
from paramcalc.core.functions import type_name
from paramcalc.core.layers.checks import show
from paramcalc.errors import Problem, did_you_mean, shorten

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Location = Sequence[int | str]


def findings(
    model: type[BaseModel], tree: Any, path: tuple[str, ...] = (), owner: str = "the document"
) -> list[Problem]:
    """All that is wrong with a tree that stands at ``path`` and is called ``owner``."""
    try:
        model.model_validate(tree)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
        problems = [_problem(model, tree, path, owner, detail) for detail in details]
        # In the order of the document, not of the model.
        order = list(tree) if isinstance(tree, Mapping) else []
        return sorted(problems, key=lambda p: [order.index(k) for k in p.path[len(path) :][:1]])
    return []


def _problem(
    model: type[BaseModel], tree: Any, path: tuple[str, ...], owner: str, detail: ErrorDetails
) -> Problem:
    kind, value = detail["type"], detail["input"]
    keys = _keys(tree, detail["loc"])
    name = f"`{shorten(keys[-1])}`" if keys else owner
    if kind == "missing":
        key = str(detail["loc"][-1])
        described = _fields(model, detail["loc"]).get(key)
        hint = f"`{key}`: {_phrase(described)}" if described else None
        return Problem(f"{name} lacks `{key}`", hint, (*path, *keys), in_key=True)
    if kind == "extra_forbidden":
        what = "section" if not path and len(keys) == 1 else "key"
        hint = did_you_mean(keys[-1], _fields(model, detail["loc"]))
        return Problem(f"unknown {what} {name}", hint, (*path, *keys), in_key=True)
    if keys and keys[-1].isdecimal() and len(keys) > 1:
        name = f"an entry of `{shorten(keys[-2])}`"
    message = _message(kind, name, value, detail)
    hint = "write it in quotes, so that it is a text" if _lacks_quotes(kind, value) else None
    if kind == "literal_error" and isinstance(value, str):
        hint = did_you_mean(value, _choices(detail))
    return Problem(message, hint, (*path, *keys))


def _keys(tree: Any, location: Location) -> tuple[str, ...]:
    """The keys of the document among pydantic's path, which also names members of unions."""
    keys: list[str] = []
    for part in location:
        known = part in tree if isinstance(tree, Mapping) else isinstance(part, int)
        if known and isinstance(tree, (Mapping, list)):
            tree = tree[part]  # type: ignore[index]
            keys.append(str(part))
    return tuple(keys)


def _fields(model: type[BaseModel], location: Location) -> Mapping[str, str | None]:
    """The keys, with what they mean, that may stand where ``location`` ends."""
    annotation: Any = model
    for part in location[:-1]:
        for candidate in _models(annotation):
            field = _by_key(candidate).get(str(part))
            if field is not None:
                annotation = field.annotation
                break
    found = next(_models(annotation), model)
    return {key: field.description for key, field in _by_key(found).items()}


def _by_key(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in a type: ``dict[str, Patch | None]`` holds ``Patch``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _phrase(description: str) -> str:
    """A description as a phrase: lower case, without its full stop."""
    text = " ".join(description.split()).rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


_EXPECTED: Mapping[str, str] = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "`true` or `false`",
    "string_type": "a text",
    "string_unicode": "a text of whole characters",
    "list_type": "a list",
    "dict_type": "a mapping of names",
    "model_type": "a mapping of names",
}

_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
}


def _message(kind: str, name: str, value: Any, detail: ErrorDetails) -> str:
    if kind == RULE:
        return detail["msg"]
    if kind == VALUE:
        return f"{name} {detail['msg']}"
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"{name} must be {words} {detail['ctx'][key]:,}, found {show(value)}"
    if kind == "too_short":
        return f"{name} is empty"
    if kind == "literal_error":
        listed = [f"`{choice}`" for choice in _choices(detail)]
        return f"{name} must be {', '.join(listed[:-1])} or {listed[-1]}, found {_found(value)}"
    return f"{name} must be {_EXPECTED.get(kind, 'of another kind')}, found {_found(value)}"


def _choices(detail: ErrorDetails) -> list[str]:
    """The words of a `Literal`, which pydantic gives as one text: ``'float', 'integer' or …``."""
    return str(detail["ctx"]["expected"]).split("'")[1::2]


def _found(value: Any) -> str:
    if value is None:
        return "nothing (null)"
    if isinstance(value, str):
        return f"`{shorten(value)}`" if value else "an empty text"
    if isinstance(value, bool):
        return "true" if value else "false"
    return show(value) if isinstance(value, (int, float)) else type_name(value)


def _lacks_quotes(kind: str, value: Any) -> bool:
    return kind == "string_type" and isinstance(value, (int, float))
