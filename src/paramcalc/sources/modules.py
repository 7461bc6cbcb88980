"""A live PyTorch module or a tree of JAX arrays, by what they can do: neither library is imported.

Nothing of a tensor is read but its name, shape, number format and identity, so a module on the
meta device will do, and ``jax.eval_shape`` in place of arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any

from paramcalc.core.grouping import StoredTensor, grouped, template_of
from paramcalc.core.layers import KINDS
from paramcalc.core.model import ESTIMATED, EXACT, Model, TensorGroup, Tied
from paramcalc.errors import ParamcalcError, shorten
from paramcalc.sources.printout_kinds import rule_of

DEEPEST_TREE = 100
_WHOLE_NUMBERS = ("int", "uint", "bool")
_COLLECTION = "params"
"""The collection of a Flax variable tree that is trained."""
_LEAVES = {"embedding": "Embedding", "scale": "LayerNorm"}
"""Names of arrays in Flax that tell the layer."""


def is_module(target: object) -> bool:
    """It behaves like a PyTorch module."""
    methods = ("named_parameters", "named_buffers", "named_modules", "state_dict")
    return not isinstance(target, type) and all(callable(getattr(target, m, None)) for m in methods)


def is_tree(target: Mapping[Any, Any]) -> bool:
    """It is a nested mapping whose first leaf is an array."""
    found: Any = target
    for _ in range(DEEPEST_TREE):
        if not isinstance(found, (Mapping, list, tuple)) or not found:
            break
        found = next(iter(found.values() if isinstance(found, Mapping) else found))
    return is_array(found)


def is_array(value: object) -> bool:
    """It has a shape and a number format."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def model_from_module(module: Any) -> Model:
    """The tensors of a PyTorch module: parameters, and the buffers that a checkpoint holds."""
    try:
        stored = set(module.state_dict())
        kinds = {name: kind_of(type(one)) for name, one in _all(module.named_modules)}
        found = [(name, tensor, True) for name, tensor in _all(module.named_parameters)]
        found += [
            (name, tensor, False) for name, tensor in _all(module.named_buffers) if name in stored
        ]
        tensors = [
            (name, tensor, trained, kinds.get(name.rpartition(".")[0], "Parameter"))
            for name, tensor, trained in found
        ]
        return _model(type(module).__name__, "PyTorch module", tensors)
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise ParamcalcError(
            f"cannot read the module: {shorten(str(error), 100)}",
            "a lazy module must have run once",
        ) from None


def model_from_arrays(tree: Mapping[Any, Any]) -> Model:
    """The arrays of a JAX or Flax parameter tree."""
    collections = {str(key) for key in tree}
    has_collections = _COLLECTION in collections and all(
        isinstance(value, Mapping) for value in tree.values()
    )
    tensors = []
    for path, array in _leaves(tree, ()):
        trained = not has_collections or path[0] == _COLLECTION
        name = ".".join(path[1:] if has_collections and trained else path)
        tensors.append((name, array, trained, _LEAVES.get(path[-1], "Parameter")))
    return _model("parameters", "parameter tree", tensors)


def _all(method: Any) -> Iterable[tuple[str, Any]]:
    return list(method(remove_duplicate=False))


def kind_of(cls: type[object]) -> str:
    """The kind of layer: torch's own among the classes that it derives from, or a known one."""
    own = next((base.__name__ for base in cls.__mro__ if base.__name__ in KINDS), None)
    rule = rule_of(cls.__name__)
    return own or (rule and (rule.kind or rule.like)) or cls.__name__


def _leaves(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if len(path) > DEEPEST_TREE:
        raise ParamcalcError("the tree of parameters is nested too deep")
    if is_array(tree):
        yield path, tree
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves(value, (*path, str(key)))
    elif isinstance(tree, (list, tuple)):
        for number, value in enumerate(tree):
            yield from _leaves(value, (*path, str(number)))
    elif tree is not None:
        raise ParamcalcError(
            f"`{shorten('.'.join(path))}` is no array but {type(tree).__name__}",
            "give a tree of arrays: nested dictionaries",
        )


def _model(name: str, what: str, tensors: Iterable[tuple[str, Any, bool, str]]) -> Model:
    first: dict[int, str] = {}
    rows: list[StoredTensor] = []
    ties: dict[tuple[str, str], int] = {}
    packed = 0
    for path, tensor, trained, kind in tensors:
        shape = tuple(int(size) for size in tensor.shape)
        target = first.setdefault(id(tensor), path)
        if target != path:
            pair = template_of(path)[0], template_of(target)[0]
            ties[pair] = ties.get(pair, 0) + prod(shape)
            continue
        dtype = str(tensor.dtype).removeprefix("torch.")
        is_whole = dtype.startswith(_WHOLE_NUMBERS)
        packed += trained and is_whole
        rows.append(StoredTensor(path, shape, dtype if is_whole else "", 0, kind, trained))
    if not rows:
        raise ParamcalcError(f"the {what} has no tensors")
    notes = [f"{packed:,} packed tensors are counted as they are stored"] if packed else []
    return Model(
        name,
        tuple(_plain(group) for group in grouped(rows)),
        ties=tuple(Tied(*pair, numel) for pair, numel in ties.items()),
        exactness=ESTIMATED if packed else EXACT,
        source="; ".join([what, *notes]),
    )


def _plain(group: TensorGroup) -> TensorGroup:
    """Not a tensor of a file; whole numbers keep their format."""
    dtype = group.stored_type if group.stored_type == "int64" and not group.trained else None
    return group._replace(stored_type=None, stored_bytes=None, dtype=dtype)
