"""Tensors of one module as the call of torch.nn that makes just these."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from paramcalc.core.expression import parse_call
from paramcalc.core.layers import EMBEDDING_KINDS, KINDS, NORM_KINDS, expand_call
from paramcalc.errors import ParamcalcError

Shape = tuple[int, ...]


class Leaf(NamedTuple):
    """One tensor of a module, with all that tells it from others."""

    shape: Shape
    kind: str
    trained: bool
    dtype: str | None
    call: str | None
    """The call that made it, as text."""


def call_text(
    kind: str, arguments: Sequence[Any], keywords: Mapping[str, Any], signature: Callable[..., Any]
) -> str:
    """A call as it is written; what is the default anyway is left out.

    >>> call_text("Linear", [8, 4], {"bias": True}, KINDS["Linear"])
    'Linear(8, 4)'
    """
    usual = _defaults(signature)
    texts = [_value(value) for value in arguments]
    texts += [
        f"{name}={_value(value)}"
        for name, value in keywords.items()
        if name not in usual or usual[name] is inspect.Parameter.empty or usual[name] != value
    ]
    return f"{kind}({', '.join(texts)})"


def _defaults(signature: Callable[..., Any]) -> Mapping[str, Any]:
    return {name: one.default for name, one in inspect.signature(signature).parameters.items()}


def _value(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_value, value))}]"
    return repr(int(value)) if type(value) is not bool and isinstance(value, int) else repr(value)


def raw(leaf: Leaf) -> str:
    """A tensor on its own."""
    sizes = [str(int(size)) for size in leaf.shape]
    if not leaf.trained:
        sizes += [f"dtype={leaf.dtype!r}"] if leaf.dtype else []
        return f"Buffer({', '.join(sizes)})"
    # What a table and a norm count as does not follow from their shape.
    named = leaf.kind in EMBEDDING_KINDS or leaf.kind in NORM_KINDS
    sizes += [f"kind={leaf.kind!r}"] if named else []
    return f"Parameter({', '.join(sizes)})"


def layer(tensors: Mapping[str, Leaf]) -> str | None:
    """The call that makes a module's tensors, names, shapes and all; None if there is none."""
    calls = {leaf.call for leaf in tensors.values()}
    known: list[str | None] = list(calls) if len(calls) == 1 else []
    for text in [*known, *_guesses(tensors)]:
        if text and _made_by(text) == {name: leaf[:4] for name, leaf in tensors.items()}:
            return text
    # Nothing tells what its tensors belong to, but they look like those of the most usual layer.
    if all(leaf.kind == "Parameter" and not leaf.call for leaf in tensors.values()):
        likely = {name: leaf._replace(kind="Linear") for name, leaf in tensors.items()}
        return layer(likely)
    return None


@lru_cache(maxsize=4096)
def _made_by(text: str) -> Mapping[str, Any]:
    """What a call makes: name → shape, kind, trained, dtype."""
    call = parse_call(text)
    try:
        slots = expand_call(call.name, *call.evaluate({}))
    except ParamcalcError:
        return {}
    return {one.name: (one.shape, one.kind, one.trained, one.dtype) for one in slots if one.name}


def _guesses(tensors: Mapping[str, Leaf]) -> Iterator[str | None]:
    kinds = {leaf.kind for leaf in tensors.values()}
    weight = tensors.get("weight")
    if len(kinds) != 1 or weight is None:
        return
    (kind,) = kinds
    sizes = [int(size) for size in weight.shape]
    bias = "" if "bias" in tensors else ", bias=False"
    if kind in _WRITTEN and len(sizes) == _WRITTEN[kind][0]:
        yield f"{kind}({_WRITTEN[kind][1](sizes)}{bias if _WRITTEN[kind][2] else ''})"
    elif kind in NORM_KINDS:
        shape = str(sizes[0]) if len(sizes) == 1 else str(sizes)
        yield from (f"{kind}({shape})", f"{kind}({shape}{bias})")
        yield f"{kind}({shape}, track_running_stats=False{bias})"
        yield f"{kind}({shape}, affine=True)"
    elif kind.startswith("Conv") and kind in KINDS:
        yield _convolution(kind, sizes) + f"{bias})"


def _convolution(kind: str, sizes: Sequence[int]) -> str:
    """Groups and strides are not in the tensors; a depthwise kernel is told by its one channel."""
    first, second, *kernel = sizes if len(sizes) > 2 else [*sizes, 1, 1]
    same = len(set(kernel)) == 1
    shown = str(kernel[0]) if same else str(kernel)
    if kind.startswith("ConvTranspose"):
        return f"{kind}({first}, {second}, {shown}"
    if second == 1 and first > 1:
        return f"{kind}({first}, {first}, {shown}, groups={first}"
    return f"{kind}({second}, {first}, {shown}"


_Write = Callable[[Sequence[int]], str]
_WRITTEN: Mapping[str, tuple[int, _Write, bool]] = {
    # Dimensions of its weight, its arguments, and whether it may have a bias.
    "Linear": (2, lambda s: f"{s[1]}, {s[0]}", True),
    "NonDynamicallyQuantizableLinear": (2, lambda s: f"{s[1]}, {s[0]}", True),
    "Bilinear": (3, lambda s: f"{s[1]}, {s[2]}, {s[0]}", True),
    "Conv1D": (2, lambda s: f"{s[1]}, {s[0]}", False),
    "Embedding": (2, lambda s: f"{s[0]}, {s[1]}", False),
    "EmbeddingBag": (2, lambda s: f"{s[0]}, {s[1]}", False),
    "PReLU": (1, lambda s: f"{s[0]}", False),
}
