"""How long it takes to size every file type of GGUF for a model, in this process.

    .venv/bin/python benchmarks/recipes.py -n 11

Measured is the way from a model to the bytes of all its file types, with the recipes already
compiled: each tensor is converted, and its type chosen. Printed are the median of the rounds, for
each file type and in relation to counting the model, and once what compiling takes. Ends with exit
code 1 if a model takes longer than its limit.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import paramcalc
from paramcalc.catalogue import tables
from paramcalc.core.recipe import Recipe
from paramcalc.core.weights import weights_bytes

LIMITS_MS = {"llama-3.1-70b": 50.0, "deepseek-v3": 200.0}
"""For all file types together."""


def file_types() -> list[Recipe]:
    """Every recipe of llama.cpp."""
    found = []
    for name in tables.PRECISIONS.names():
        entry = tables.PRECISIONS.find(name)
        if entry is not None and entry.card.get("recipe") == "gguf":
            recipe = tables.precision(entry.name)
            if isinstance(recipe, Recipe):
                found.append(recipe)
    return found


def milliseconds(work: Callable[[], Any], rounds: int) -> float:
    """The median of some rounds; time of this process, for others may run beside it."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        found.append((time.process_time() - start) * 1000)
    return statistics.median(found)


def main() -> int:
    """Measure, print, and tell by the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=11, help="rounds")
    rounds = parser.parse_args().n
    start = time.process_time()
    recipes = file_types()
    compiling = (time.process_time() - start) * 1000
    print(f"{len(recipes)} file types, read and compiled in {compiling:.1f} ms")
    slow = False
    for name, limit in LIMITS_MS.items():
        model = paramcalc.load(name)
        found = milliseconds(partial(sizes, model, recipes), rounds)
        counting = milliseconds(partial(paramcalc.load, name), rounds)
        slow |= found > limit
        print(
            f"{name}: {found:.1f} ms (limit {limit:.0f}), {found / len(recipes):.2f} ms each, "
            f"{found / len(recipes) / counting:.1f} times a count ({counting:.1f} ms)"
        )
    return 1 if slow else 0


def sizes(model: paramcalc.Model, recipes: list[Recipe]) -> list[int]:
    """Bytes of the weights in every file type."""
    return [weights_bytes(model, recipe) for recipe in recipes]


if __name__ == "__main__":
    sys.exit(main())
