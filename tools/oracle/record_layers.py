"""Record what torch.nn's modules own, as the oracle of the layer kinds.

Every call is written as in a layer spec and built on the meta device, so nothing is computed and
nothing needs memory. Stored for each: its tensors in the order of ``state_dict``, with shape,
owning class, whether it is a parameter, and its number format if it keeps it when the module is
cast to half precision; or torch's message if torch refuses the call. Also stored: the signatures,
and which of torch's classes own no tensor.

The script stops if torch.nn exports a class that none of the tables below knows.

    python tools/oracle/record_layers.py tests/data/torch_layers.json.gz
"""

from __future__ import annotations

import ast
import gzip
import inspect
import itertools
import json
import sys
import typing
import warnings
from pathlib import Path
from typing import Any

import torch
from layer_calls import ACCEPTED, ARGUMENTS, BUILT_BUT_MEANT_BY_NOBODY, NOT_A_CALL, REFUSED
from torch import nn


def classes() -> dict[str, type[nn.Module]]:
    """Every module class that torch.nn exports, and the hidden one that attention is made of."""
    found = {
        name: value
        for name, value in sorted(vars(nn).items())
        if isinstance(value, type) and issubclass(value, nn.Module)
    }
    hidden = nn.modules.linear.NonDynamicallyQuantizableLinear
    return found | {hidden.__name__: hidden}


CLASSES = classes()


def build(call: str) -> nn.Module:
    """The module of a call, on the meta device."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = eval(call, {"__builtins__": {}}, CLASSES)  # noqa: S307 - the calls stand above
    return typing.cast("nn.Module", module)


def tensors(call: str) -> list[list[Any]]:
    """[name, shape, owning class, is it a parameter, number format if it keeps it]."""
    module = build(call).to(torch.float16)
    parameters = {name for name, _ in module.named_parameters()}
    rows = []
    for name, tensor in module.state_dict().items():
        owner = module.get_submodule(name.rpartition(".")[0])
        kept = None if tensor.dtype == torch.float16 else str(tensor.dtype).removeprefix("torch.")
        rows.append([name, list(tensor.shape), type(owner).__name__, name in parameters, kept])
    return rows


def refusal(call: str) -> str | None:
    """What torch says against the call, or None if it takes it."""
    try:
        build(call)
    except Exception as error:  # noqa: BLE001 - whatever torch says
        words = str(error).splitlines()[0].partition("{")[0]  # a set's order changes every time
        return f"{type(error).__name__}: {words}"
    return None


def calls(kind: str) -> list[str]:
    """The calls to record for a kind."""
    starts, options = ACCEPTED[kind]
    pairs = [
        pair for a, b in itertools.combinations(options, 2) for pair in itertools.product(a, b)
    ]
    extras: list[tuple[str, ...]] = [(), *((value,) for group in options for value in group)]
    extras += [*pairs, tuple(group[0] for group in options)]
    found: dict[str, Any] = {}
    for start in starts:
        for extra in extras:
            found[f"{kind}({', '.join(filter(None, (start, *extra)))})"] = None
    return [call for call in found if not is_given_twice(kind, call)]


def is_given_twice(kind: str, call: str) -> bool:
    """A start may already give an argument, by name or by position."""
    tree = typing.cast("ast.Call", ast.parse(call, mode="eval").body)
    given = [row[0] for row in signature(CLASSES[kind])[: len(tree.args)]]
    given += [keyword.arg for keyword in tree.keywords]
    return len(set(given)) < len(given)


def signature(cls: type[nn.Module]) -> list[list[str | None]]:
    """[name, kind of parameter, default as Python writes it]; a function's default is its name."""
    overloads = typing.get_overloads(cls.__init__)
    function = overloads[0] if overloads else cls.__init__
    rows: list[list[str | None]] = []
    for p in list(inspect.signature(function).parameters.values())[1:]:
        default = p.default.__name__ if inspect.isfunction(p.default) else p.default
        rows.append([p.name, p.kind.name, None if default is p.empty else repr(default)])
    return rows


def without_tensors() -> list[str]:
    """The other classes of torch.nn; stops at one that owns a tensor after all."""
    names = []
    for name in CLASSES:
        if name in ACCEPTED or name in NOT_A_CALL or name.startswith("Lazy"):
            continue
        for arguments in (ARGUMENTS.get(name, ""), "1"):
            if refusal(f"{name}({arguments})") is None:
                break
        else:
            sys.exit(f"{name}: say in ARGUMENTS how to build it")
        if build(f"{name}({arguments})").state_dict():
            sys.exit(f"{name} owns tensors: add it to ACCEPTED, and to the package")
        names.append(name)
    return names


def record() -> dict[str, Any]:
    """All that is stored."""
    refused = {call: refusal(call) for call in REFUSED.strip().splitlines()}
    taken = [call for call, words in refused.items() if words is None]
    doubtful = BUILT_BUT_MEANT_BY_NOBODY.strip().splitlines()
    taken += [f"{call}: {refusal(call)}" for call in doubtful if refusal(call)]
    if taken:
        sys.exit("in the wrong table:\n" + "\n".join(taken))
    return {
        "torch": torch.__version__.partition("+")[0],
        "signatures": {kind: signature(CLASSES[kind]) for kind in ACCEPTED},
        "accepted": {call: tensors(call) for kind in ACCEPTED for call in calls(kind)},
        "refused": refused,
        "doubtful": doubtful,
        "without_tensors": without_tensors(),
        "not_a_call": sorted(NOT_A_CALL),
        "lazy": [name for name in CLASSES if name.startswith("Lazy")],
    }


def main() -> None:
    """Write the file that is named on the command line."""
    path = Path(sys.argv[1])
    recorded = record()
    text = json.dumps(recorded, separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    kinds, cases = len(recorded["signatures"]), len(recorded["accepted"])
    print(f"{kinds} kinds, {cases} calls taken, {len(recorded['refused'])} refused")


if __name__ == "__main__":
    main()
