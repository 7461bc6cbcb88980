"""What a model costs in memory: exact where it can be, and honest where it cannot.

>>> import paramcalc
>>> paramcalc.load("llama-3.1-8b").parameters.total
8030261248
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paramcalc._version import __version__

if TYPE_CHECKING:
    from paramcalc.api import fit, load, lora, memory
    from paramcalc.core.fit import Device, Fit
    from paramcalc.core.lora import Adapter
    from paramcalc.core.memory import Memory
    from paramcalc.core.model import Model, Parameters, Tensor, TensorGroup
    from paramcalc.core.trace import Step
    from paramcalc.errors import ParamcalcError

__all__ = [
    "Adapter",
    "Device",
    "Fit",
    "Memory",
    "Model",
    "ParamcalcError",
    "Parameters",
    "Step",
    "Tensor",
    "TensorGroup",
    "__version__",
    "fit",
    "load",
    "lora",
    "memory",
]

_HOME = {
    "fit": "api",
    "load": "api",
    "lora": "api",
    "memory": "api",
    "Adapter": "core.lora",
    "Device": "core.fit",
    "Fit": "core.fit",
    "Memory": "core.memory",
    "Model": "core.model",
    "Parameters": "core.model",
    "Tensor": "core.model",
    "TensorGroup": "core.model",
    "Step": "core.trace",
    "ParamcalcError": "errors",
}


def __getattr__(name: str) -> Any:
    # Loaded when first used: `paramcalc --version` and completion need none of it.
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'paramcalc' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"paramcalc.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
