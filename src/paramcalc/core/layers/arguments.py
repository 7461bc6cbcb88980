"""What is wrong with a call. Read only when something is, so it may take its time."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

from paramcalc.core.layers.plain import NOT_A_CALL, WITHOUT_TENSORS
from paramcalc.core.layers.slot import Kind
from paramcalc.errors import ParamcalcError, did_you_mean, nearest, shorten


def unknown_kind(kind: str, known: Mapping[str, Kind]) -> ParamcalcError:
    """The error for a name that is no layer kind."""
    name = shorten(kind)
    if kind in NOT_A_CALL:
        return ParamcalcError(f"`{name}` is not a layer of its own", NOT_A_CALL[kind])
    eager = kind.removeprefix("Lazy")
    if eager in known:
        hint = f"write `{signature(eager, known[eager])}`"
        return ParamcalcError(f"the sizes of `{name}` are known only when it runs", hint)
    spelled = {word.lower(): word for word in (*known, *WITHOUT_TENSORS)}
    lower = kind.lower()
    near = [spelled[word] for word in ([lower] if lower in spelled else nearest(lower, spelled))]
    return ParamcalcError(f"unknown layer kind `{name}`", did_you_mean_one_of(near))


def did_you_mean_one_of(words: Sequence[str]) -> str | None:
    """The hint that names the words, best first."""
    quoted = [f"`{word}`" for word in words]
    if len(quoted) < 2:
        return f"did you mean {quoted[0]}?" if quoted else None
    return f"did you mean {', '.join(quoted[:-1])} or {quoted[-1]}?"


def wrong_arguments(
    kind: str, layer: Kind, args: Sequence[object], kwargs: Mapping[str, object], error: TypeError
) -> ParamcalcError:
    """The error for arguments that do not fit the kind's signature."""
    parameters = inspect.signature(layer).parameters.values()
    named = {p.name: p for p in parameters if p.kind is not p.VAR_POSITIONAL}
    ordered = [name for name, p in named.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    by_position = ordered[: len(args)]
    takes = f"`{signature(kind, layer)}`"
    hint = f"it is {takes}"
    if unknown := [name for name in kwargs if name not in named]:
        near = did_you_mean(unknown[0], named)
        if near:
            hint = f"{near.removesuffix('?')} in {takes}?"
        return ParamcalcError(f"`{kind}` has no argument `{shorten(unknown[0])}`", hint)
    if len(args) > len(ordered) and len(named) == len(parameters):
        message = f"`{kind}` takes at most {len(ordered)} arguments by position, not {len(args)}"
        return ParamcalcError(message, hint)
    if twice := [name for name in by_position if name in kwargs]:
        return ParamcalcError(f"`{kind}` is given `{twice[0]}` twice", hint)
    given = {*by_position, *kwargs}
    if missing := [n for n, p in named.items() if p.default is p.empty and n not in given]:
        listed = ", ".join(f"`{name}`" for name in missing)
        return ParamcalcError(f"`{kind}` lacks {listed}", hint)
    return ParamcalcError(f"`{kind}` cannot take these arguments: {error}", hint)


def signature(kind: str, layer: Kind) -> str:
    """How a call of the kind is written: ``Linear(in_features, out_features, bias=True)``."""
    parts: list[str] = []
    for name, p in inspect.signature(layer).parameters.items():
        if name.startswith("_"):  # torch's own back doors
            continue
        if p.kind is p.KEYWORD_ONLY and not any(part.startswith("*") for part in parts):
            parts.append("*")
        star = "*" if p.kind is p.VAR_POSITIONAL else ""
        parts.append(f"{star}{name}" if p.default is p.empty else f"{name}={p.default!r}")
    return f"{kind}({', '.join(parts)})"
