"""Random configurations of any family, built by transformers and counted by paramcalc.

    python -m tools.oracle.differential [TYPE …] [-n 20] [--seed 0] [--class NAME] [--verbose]

For each model type (all that have an architecture file, unless some are named) configurations are
drawn, several keys changed at once, with the classes of the family in turn. transformers builds
each on the meta device in a forked child, under limits of time and memory; names, shapes, totals,
tied tensors, lookup tables, active parameters, buffers and both ends of the network are compared.
A configuration is given to paramcalc three times: as it was given to transformers (other keys
absent), as transformers saves it, and with every key written out. If one of the latter two
differs, transformers is asked again what it makes of that file: some forget what they were given.

Printed are the first difference of each family and a table. The same seed draws the same. A class
that an architecture file does not know (`no head`) is refused by paramcalc and no difference.
Ends with exit code 1 if something differs.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import json
import os
import random
import resource
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import transformers
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from paramcalc.catalogue.architectures import architecture_names, find_spec
from tools.oracle.comparison import differences
from tools.oracle.draw import draw, few_layers, plain, shallow
from tools.oracle.measured import build, measure
from tools.oracle.rows import rows
from tools.oracle.values import Tree

TRIES = 12
OUTCOMES = ("equal", "different", "no head", "not built")
GIB = 2**30


def main() -> int:
    """Compare the families that the command line names."""
    options = arguments()
    limits = options.seconds, options.memory * GIB
    found = {}
    for model_type in options.types or architecture_names():
        if model_type not in CONFIG_MAPPING:  # a type that models brought along themselves
            continue
        family = Family(model_type, options.class_name, limits)
        found[model_type] = compare(family, options.number, options.seed, options.verbose)
        print(line(model_type, found[model_type]), flush=True)
    equal = sum(counts["different"] == 0 < counts["equal"] for counts in found.values())
    print(f"\n{equal} of {len(found)} families equal")
    total: Counter[str] = sum(found.values(), Counter())
    print(line("all", total))
    return 1 if total["different"] else 0


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("types", nargs="*", metavar="TYPE", help="model types (default: all)")
    parser.add_argument("-n", "--number", type=int, default=20, help="configurations of each type")
    parser.add_argument("--seed", type=int, default=0, help="which ones are drawn")
    parser.add_argument("--class", dest="class_name", help="only this class")
    parser.add_argument("--seconds", type=int, default=60, help="the most that a child may take")
    parser.add_argument("--memory", type=int, default=12, help="GiB that a child may address")
    parser.add_argument("--verbose", action="store_true", help="print every difference")
    return parser.parse_args()


class Family:
    """A model type: its configuration class, its network classes, configurations to begin with."""

    def __init__(self, model_type: str, class_name: str | None, limits: tuple[int, int]) -> None:
        self.model_type = model_type
        self.config_class = CONFIG_MAPPING[model_type]
        self.limits = limits
        self.published = self.find_published()  # not in a child, which would read them again
        self.classes = [c for c in self.find_classes() if class_name in (None, c.__name__)]

    def find_classes(self) -> list[Any]:
        """Classes of the family's module for this type, and those of the automatic classes."""
        found = {cls.__name__: cls for cls in self.automatic()}
        module = self.config_class.__module__.replace("configuration_", "modeling_")
        if importlib.util.find_spec(module) is not None:
            own = [cls for cls in vars(importlib.import_module(module)).values() if is_network(cls)]
            own = [c for c in own if c.config_class is self.config_class and c.__module__ == module]
            public = [cls for cls in own if hasattr(transformers, cls.__name__)]
            found |= {cls.__name__: cls for cls in public or own}
        return [found[name] for name in sorted(found)]

    def automatic(self) -> Iterator[Any]:
        """The classes that stand for this type in mappings such as AutoModelForCausalLM's."""
        for mapping in vars(modeling_auto).values():
            if isinstance(mapping, dict) and self.model_type in mapping:
                names = mapping[self.model_type]
                for name in [names] if isinstance(names, str) else names:
                    cls = getattr(transformers, name, None)
                    if is_network(cls):
                        yield cls

    def example(self) -> Tree:
        """The small configuration that the architecture file gives."""
        found = find_spec(self.model_type).example
        return {key: value for key, value in found.items() if key != "architectures"}

    def drawn(self, rng: random.Random) -> Tree:
        """In a child: a configuration that transformers builds, and what it built."""
        error = "nothing tried"
        for attempt in range(TRIES):
            cls = rng.choice(self.classes)
            try:
                keys = draw(rng, self.config_class, self.start(rng, attempt))
                return {"class": cls.__name__, "keys": keys} | self.built(cls, keys)
            except Exception as problem:  # noqa: BLE001 - whatever a class raises
                error = f"{cls.__name__}: {type(problem).__name__}: {str(problem)[:150]}"
        return {"refused": error}

    def start(self, rng: random.Random, attempt: int) -> Tree:
        """A shallow default or published model, the file's example, or at last the default."""
        if attempt > TRIES - 3:
            return {}
        if self.published and rng.random() < 0.3:
            return shallow(rng.choice(self.published), rng)
        if rng.random() < 0.5:
            return self.example()
        return few_layers(plain(self.config_class()), rng)

    def find_published(self) -> list[Tree]:
        """Configurations of published models, without the keys that name their class."""
        found = [row for row in rows().get(self.model_type, []) if row.set == "published"]
        named = ("architectures", "model_type", "transformers_version")
        return [{k: v for k, v in row.configuration.items() if k not in named} for row in found]

    def built(self, cls: Any, keys: Tree) -> Tree:
        """In a child: what a class builds of some keys, and the two files that it would save."""
        # A copy: some classes write into what they are given.
        config = self.config_class(**json.loads(json.dumps(keys)))
        saved = json.loads(json.dumps(config.to_diff_dict(), default=str))
        full = plain(config)
        facts = measure(build(cls, config))
        if not facts["total"]:
            raise ValueError("nothing of one's own")
        return {"saved": saved, "full": full, "facts": facts}

    def of_file(self, class_name: str, tree: Tree) -> Tree:
        """In a child: what transformers makes of a file."""
        return measure(build(self.class_of(class_name), self.config_class.from_dict(tree)))

    def class_of(self, name: str) -> Any:
        """A class by its name."""
        return next(cls for cls in self.classes if cls.__name__ == name)

    def asked(self, question: Callable[[], Tree]) -> Tree:
        """The answer of a child to a question."""
        return in_child(question, *self.limits)


def is_network(value: Any) -> bool:
    """A class that is built, not a base of others."""
    return (
        inspect.isclass(value)
        and issubclass(value, transformers.PreTrainedModel)
        and "pretrained" not in value.__name__.lower()
    )


def in_child(question: Callable[[], Tree], seconds: int, memory: int) -> Tree:
    """What a function returns in a forked child, or `refused` if it does not come back."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        answer_and_end(question, writer, seconds, memory)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if not answer:
        return {"refused": f"the child ended without an answer (status {status})"}
    found: Tree = json.loads(answer)
    return found


def answer_and_end(question: Callable[[], Tree], writer: int, seconds: int, memory: int) -> None:
    """Answer through a pipe and leave, whatever happens."""
    try:
        signal.alarm(seconds)
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        answer = question()
    except BaseException as error:  # noqa: BLE001 - a child must not go on as its parent
        answer = {"refused": f"{type(error).__name__}: {str(error)[:150]}"}
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(json.dumps(answer).encode())
    os._exit(0)


def compare(family: Family, number: int, seed: int, verbose: bool) -> Counter[str]:
    """Compare some configurations of a family; prints what differs."""
    counts: Counter[str] = Counter()
    for index in range(number):
        rng = random.Random(f"{seed} {family.model_type} {index}")
        drawn = family.asked(partial(family.drawn, rng))
        found = [] if "refused" in drawn else list(wrong(family, drawn))
        outcome = outcome_of(drawn, found)
        counts[outcome] += 1
        if outcome == "different" and (verbose or counts[outcome] == 1):
            show(f"{family.model_type} {drawn['class']} #{index}", drawn["keys"], found)
        elif outcome == "not built" and (verbose or counts[outcome] == number):
            print(f"  {family.model_type} not built: {drawn['refused']}")
        elif outcome == "no head" and (verbose or counts[outcome] == 1):
            print(f"  {family.model_type} has no head for {drawn['class']}")
    return counts


Wrong = list[tuple[str, dict[str, str]]]


def outcome_of(drawn: Tree, found: Wrong) -> str:
    """One of `OUTCOMES`."""
    refused = found[0][1].get("refused", "") if found else ""
    if "refused" in drawn:
        return "not built"
    if refused.startswith("no head for the class"):
        return "no head"
    return "different" if found else "equal"


def show(name: str, keys: Tree, found: Wrong) -> None:
    """Print the first difference of a configuration."""
    kind, texts = found[0]
    print(f"  {name} {kind} {json.dumps(keys)}")
    for what, text in texts.items():
        print(f"    {what}: {text}")


def wrong(family: Family, drawn: Tree) -> Iterator[tuple[str, dict[str, str]]]:
    """The ways to write a configuration that paramcalc reads differently, and what differs."""
    name = {"model_type": family.model_type, "architectures": [drawn["class"]]}
    for kind in ("keys", "saved", "full"):
        found = differences(drawn[kind] | name, shapes_as_tuples(drawn["facts"]))
        if found and kind != "keys":
            question = partial(family.of_file, drawn["class"], drawn[kind])
            again = family.asked(question)
            found = (
                {}
                if "refused" in again
                else differences(drawn[kind] | name, shapes_as_tuples(again))
            )
        if found:
            yield kind, found


def shapes_as_tuples(facts: Tree) -> Tree:
    """Facts as they were before they went through the pipe."""
    tensors = {name: tuple(shape) for name, shape in facts["tensors"].items()}
    return facts | {"tensors": tensors}


def line(name: str, counts: Counter[str]) -> str:
    """A row of the table."""
    verdict = "DIFFERS" if counts["different"] else "equal" if counts["equal"] else "none built"
    cells = "".join(f"  {outcome} {counts[outcome]:5}" for outcome in OUTCOMES)
    return f"{name:36} {verdict:10}{cells}"


if __name__ == "__main__":
    sys.exit(main())
