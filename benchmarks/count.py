"""How long `count` takes for a configuration, for every architecture, in this process.

    .venv/bin/python benchmarks/count.py -n 21

Two configurations of each: the `example` of its file, and its defaults (where it has them), as a
network of full size. Measured is the way from a configuration to all counts, with the file already
read and compiled, as in a library that counts many; the median of the rounds. Printed are the
slowest and the median of all. Ends with exit code 1 if that median is over the limit.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import Any

import paramcalc
from paramcalc.catalogue.architectures import architecture_names, find_spec

LIMIT_MS = 5.0
SHOWN = 10


def configurations() -> dict[str, dict[str, Any]]:
    """A configuration by name, for those that can be counted."""
    found: dict[str, dict[str, Any]] = {}
    for name in architecture_names():
        for kind, keys in (("example", find_spec(name).example), ("defaults", {})):
            configuration = {**keys, "model_type": name}
            if is_countable(configuration):
                found[f"{name} {kind}"] = configuration
    return found


def is_countable(configuration: dict[str, Any]) -> bool:
    """Some architectures have no defaults for all of their sizes."""
    try:
        paramcalc.load(configuration)
    except paramcalc.ParamcalcError:
        return False
    return True


def milliseconds(configuration: dict[str, Any], rounds: int) -> float:
    """The median time to count a configuration; each time one that was not met before."""
    taken = []
    for number in range(rounds):
        fresh = {**configuration, "_name_or_path": f"benchmark-{number}"}
        start = time.perf_counter()
        _ = paramcalc.load(fresh).parameters.total
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


def main() -> int:
    """Measure all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("-n", "--runs", type=int, default=11, help="rounds (default 11)")
    rounds = max(1, parser.parse_args().runs)
    taken = {name: milliseconds(c, rounds) for name, c in configurations().items()}
    if not taken:
        parser.error("no architecture can be counted")
    print(f"{len(taken)} configurations, milliseconds, medians of {rounds} rounds\n")
    for name in sorted(taken, key=lambda name: -taken[name])[:SHOWN]:
        print(f"{name:44}{taken[name]:8.2f}")
    typical = statistics.median(taken.values())
    verdict = "ok" if typical <= LIMIT_MS else "TOO SLOW"
    print(f"\n{'median':44}{typical:8.2f}   limit {LIMIT_MS:.0f}, {verdict}")
    return 0 if typical <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
