"""Which tensors the classes of transformers' networks may own, read from their source.

A network that is built shows what its configuration asks for; the source shows what another one
would ask for too. Followed are ``__init__`` of a class, the methods of its own that it calls, and
the same methods of its bases where ``super()`` calls them.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import Any

from torch import nn
from transformers import modeling_utils

OWN = ("Parameter", "Buffer", "UninitializedParameter")
SHARED_CODE = ("activations", "pytorch_utils", "modeling_layers", "loss.loss_for_object_detection")
UNTOLD = "*"
"""A tensor whose name is computed."""


def module_classes() -> Iterator[type[nn.Module]]:
    """Every kind of module that the code of a network defines; modules that need more are left."""
    files = [name for name in SHARED_CODE if _imported(f"transformers.{name}")]
    models = importlib.import_module("transformers.models")
    for package in pkgutil.iter_modules(models.__path__):
        path = [f"{models.__path__[0]}/{package.name}"]
        files += [
            f"models.{package.name}.{file.name}"
            for file in pkgutil.iter_modules(path)
            if file.name.startswith("modeling_")
        ]
    for file in files:
        module = _imported(f"transformers.{file}")
        for value in vars(module).values() if module else ():
            if is_kind(value) and value.__module__ == module.__name__:
                yield value


def is_kind(value: object) -> bool:
    """A class of modules."""
    return inspect.isclass(value) and issubclass(value, nn.Module)


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def tensors_in_source(cls: type[nn.Module]) -> list[str]:
    """The names of tensors that a class may own by its source, in order."""
    found: dict[str, None] = {}
    for method in _running(cls):
        found |= dict.fromkeys(_assigned(method, cls))
    return list(found)


def is_open(cls: type) -> bool:
    """The class is one of a network: its source is read."""
    framework = cls.__module__.startswith(("torch.", "builtins", "transformers.modeling_utils"))
    return not framework and cls not in vars(modeling_utils).values()


def _running(cls: type[nn.Module]) -> Iterator[ast.FunctionDef]:
    """The methods that run when a module of a class is made."""
    mro = [one for one in cls.__mro__ if is_open(one)]
    wanted = [("__init__", 0)]
    seen: set[tuple[str, int]] = set()
    while wanted:
        name, start = wanted.pop()
        at = next((i for i in range(start, len(mro)) if name in _methods(mro[i])), None)
        if at is None or (name, at) in seen:
            continue
        seen.add((name, at))
        method = _methods(mro[at])[name]
        yield method
        for call in (node for node in ast.walk(method) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Attribute):
                on = call.func.value
                if isinstance(on, ast.Name) and on.id == "self":
                    wanted.append((call.func.attr, 0))
                elif isinstance(on, ast.Call) and ast.unparse(on.func) == "super":
                    wanted.append((call.func.attr, at + 1))
                elif isinstance(on, ast.Name) and call.func.attr == "__init__":
                    wanted += [
                        ("__init__", i) for i, one in enumerate(mro) if one.__name__ == on.id
                    ]


@cache
def _methods(cls: type) -> dict[str, ast.FunctionDef]:
    """The methods that a class itself defines."""
    found = _classes_of(cls.__module__).get(cls.__name__)
    body = found.body if found else []
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


@cache
def _classes_of(module: str) -> dict[str, ast.ClassDef]:
    try:
        text = inspect.getsource(importlib.import_module(module))
    except (OSError, TypeError):
        return {}
    return {node.name: node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)}


def _assigned(method: ast.FunctionDef, cls: type) -> Iterator[str]:
    """The names under which a method keeps parameters, and buffers that are stored."""
    local: set[str] = set()
    for node in ast.walk(method):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if _makes_tensor(node.value, local, cls):
                local |= {target.id for target in targets if isinstance(target, ast.Name)}
                yield from (name for target in targets for name in _own_name(target))
        elif isinstance(node, ast.Call):
            yield from _registered(node)


def _own_name(target: ast.expr) -> list[str]:
    if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
        return [target.attr]
    return []


def _makes_tensor(value: ast.expr, local: set[str], cls: type) -> bool:
    """The value is a parameter, one that a local name or a method of the class gives too."""
    if isinstance(value, ast.Name):
        return value.id in local
    if isinstance(value, ast.IfExp):
        return any(_makes_tensor(part, local, cls) for part in (value.body, value.orelse))
    if not isinstance(value, ast.Call):
        return False
    last = ast.unparse(value.func).rpartition(".")[2]
    if last in OWN:
        return not any(
            word.arg == "persistent" and _is_false(word.value) for word in value.keywords
        )
    if isinstance(value.func, ast.Attribute) and ast.unparse(value.func.value) == "self":
        made = next((_methods(one)[last] for one in cls.__mro__ if last in _methods(one)), None)
        if made is not None and made.returns is not None:
            return ast.unparse(made.returns).rpartition(".")[2] in OWN
    return False


def _registered(call: ast.Call) -> Iterator[str]:
    """What ``register_parameter``, ``register_buffer`` and ``setattr`` keep."""
    called = ast.unparse(call.func)
    if called == "setattr" and len(call.args) == 3 and ast.unparse(call.args[0]) == "self":
        made = call.args[2]
        if isinstance(made, ast.Call) and _makes_tensor(made, set(), object):
            yield _text(call.args[1])
    if called not in ("self.register_parameter", "self.register_buffer"):
        return
    given = {word.arg: word.value for word in call.keywords}
    first = given.get("name", call.args[0] if call.args else None)
    value = next(iter(call.args[1:]), given.get("tensor", given.get("param")))
    persistent = given.get("persistent", call.args[2] if len(call.args) > 2 else None)
    is_passing = persistent is not None and _is_false(persistent)
    is_nothing = isinstance(value, ast.Constant) and value.value is None
    if first is not None and not is_passing and not is_nothing:
        yield _text(first)


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def _text(value: ast.expr) -> str:
    return str(value.value) if isinstance(value, ast.Constant) else UNTOLD
