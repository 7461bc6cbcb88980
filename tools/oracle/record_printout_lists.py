"""Record what the kinds of modules in transformers hold that a print-out does not show.

Every class of every network is read (``module_sources.py``), and every class of every model type
is built small, on the meta device: what a module owns there and its source does not tell is added.
Written are kinds that own nothing but the modules in them, kinds that print themselves like one of
torch.nn, kinds that own raw parameters or stored buffers, and kinds whose modules share tensors.
Kinds with a rule of their own in ``data/printout.yaml`` stand there; the tool tells if a rule says
less than the class holds. At last all that was built is printed and read again with the new lists:
a count that passes for exact and is another one than PyTorch's is an error.

    python -m tools.oracle.record_printout_lists data/printout_lists.yaml
"""

from __future__ import annotations

import sys
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from torch import nn
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from paramcalc.catalogue.architectures import architecture_names
from paramcalc.catalogue.rules import rules
from paramcalc.core.layers import KINDS, WITHOUT_TENSORS, expand_call
from paramcalc.core.layers.plain import NOT_A_CALL
from paramcalc.core.model import EXACT
from paramcalc.errors import ParamcalcError
from paramcalc.sources import printout_kinds
from paramcalc.sources.printout import model_from_printout
from paramcalc.sources.printout_text import arguments_of
from tools.oracle.differential import Family
from tools.oracle.measured import build
from tools.oracle.module_sources import module_classes, tensors_in_source

LIMITS = 0, 0  # of children, of which there are none here
OF_TORCH = {*KINDS, *WITHOUT_TENSORS, *NOT_A_CALL}
"""Names that torch.nn gives to its own classes: read as those, whatever prints them."""
FEWEST_FAMILIES = 3
"""Of how many families a last word must be to stand for kinds that hold nothing."""
MOST_HOLDERS = 0.2
"""The largest part of the kinds with a last word that hold something all the same."""

HEADER = """\
# What the kinds of modules in transformers hold that print(model) does not show. Made by
# tools/oracle/record_printout_lists.py from the source of all classes and from networks that were
# built; kinds whose tensors can be told from what is printed stand in printout.yaml instead.
#
# without_tensors         kinds that own nothing but the modules in them: single `kinds`, and those
#                         that begin with one of `families` and whose last word is one of `endings`
# like                    subclasses of a kind of torch.nn that print themselves like it
# hidden                  kinds that own these tensors, of sizes that are not printed; some of them
#                         only where the configuration asks for it
# shares                  kinds whose modules share tensors, which are printed at each place
"""


class Lists(NamedTuple):
    """What is recorded, by kind."""

    plain: list[str]
    like: dict[str, list[str]]
    hidden: dict[tuple[str, ...], list[str]]
    shares: list[str]


class Built(NamedTuple):
    """A network that was built: its class, what is printed, and how many parameters it has."""

    name: str
    text: str
    total: int
    is_tied: bool
    """Something shares the memory of a table."""
    shares: bool
    """Any two tensors share their memory."""


class Seen:
    """All that is known of the kinds: tensors by kind, the kind of torch.nn that each is."""

    def __init__(self) -> None:
        self.tensors: dict[str, dict[str, None]] = defaultdict(dict)
        self.like: dict[str, str] = {}
        self.bases: set[str] = set()
        self.shares: set[str] = set()
        self.ties: dict[str, list[str]] = {}
        self.tables: set[str] = set()
        self.families: set[str] = set()
        self.built: list[Built] = []

    def read(self, cls: type[nn.Module]) -> None:
        """A class, from its source."""
        name = cls.__name__
        if name in OF_TORCH:
            return
        self.tensors[name] |= dict.fromkeys(tensors_in_source(cls))
        base: Any = next(one for one in cls.__mro__ if one.__module__.startswith("torch."))
        if base.__name__ in KINDS:
            self.bases.add(name)
            if cls.extra_repr is base.extra_repr and cls.__repr__ is base.__repr__:
                self.like[name] = base.__name__
        ties = getattr(cls, "_tied_weights_keys", None)
        if isinstance(ties, dict):
            self.ties[name] = list(ties.values())
        if name.endswith("PreTrainedModel"):
            self.families.add(name.removesuffix("PreTrainedModel"))

    def look(self, model: nn.Module) -> None:
        """A network that was built, and all modules in it."""
        stored = set(model.state_dict())
        for path, module in model.named_modules():
            kind = type(module).__name__
            if isinstance(module, nn.Embedding):
                self.tables.add(path.rpartition(".")[2])
            if kind in OF_TORCH or type(module).__module__.startswith("torch."):
                continue
            own = [name for name, _ in module.named_parameters(recurse=False)]
            own += [
                name
                for name, _ in module.named_buffers(recurse=False)
                if f"{path}.{name}".lstrip(".") in stored
            ]
            if kind not in self.bases:
                self.tensors[kind] |= dict.fromkeys(own)
            elif kind in self.like and not is_like(module, own, self.like[kind]):
                print(f"{kind} prints itself like {self.like.pop(kind)} and holds something else")
                self.tensors[kind] |= dict.fromkeys(own)
        self.shares |= set(sharing(model))
        total = sum(parameter.numel() for parameter in model.parameters())
        twice = len(list(model.named_parameters(remove_duplicate=False)))
        shares = twice > len(list(model.parameters()))
        one = Built(type(model).__name__, str(model), total, is_tied(model), shares)
        self.built.append(one)

    def sharing_by_source(self, kind: str) -> set[str]:
        """The kind, if its class says that it shares more than tables and biases of heads."""
        sources = (one.removesuffix(".weight") for one in self.ties[kind])
        other = (one for one in sources if not one.endswith(".bias"))
        return {kind} if any(one.rpartition(".")[2] not in self.tables for one in other) else set()


def is_like(module: nn.Module, own: list[str], kind: str) -> bool:
    """A module owns what a layer of this kind owns with the arguments that are printed."""
    slots = expand_call(kind, *arguments_of(module.extra_repr()))
    shapes = {name: tuple(getattr(module, name).shape) for name in own}
    return {slot.name: slot.shape for slot in slots} == shapes


def main(target: Path) -> int:
    """Write the file that is named on the command line."""
    seen = Seen()
    for cls in module_classes():
        seen.read(cls)
    for one in sorted(set(CONFIG_MAPPING)):
        build_all(one, seen)
    write(target, seen)
    sharing_otherwise = {one.name for one in checked(seen) if one.shares}
    if sharing_otherwise:  # a table with one head of several, say
        seen.shares |= sharing_otherwise
        write(target, seen)
    return 1 if checked(seen) else 0


def build_all(model_type: str, seen: Seen) -> None:
    """Every class of a model type, from the example of its architecture file or the default."""
    try:
        family = Family(model_type, None, LIMITS)
    except Exception as error:  # noqa: BLE001 - a module that needs another package
        print(f"{model_type}: {error!r:.150}")
        return
    starts = [family.example()] if model_type in architecture_names() else []
    for cls in family.classes:
        problem: Exception | None = None
        for keys in [*starts, {}]:
            try:
                seen.look(build(cls, family.config_class(**keys)))
                problem = None
                break
            except Exception as error:  # noqa: BLE001 - whatever a class raises
                problem = error
        if problem is not None:
            print(f"{model_type} {cls.__name__} not built: {problem!r:.150}", flush=True)


def is_tied(model: nn.Module) -> bool:
    """Whether something shares the memory of a table."""
    places = Counter(id(one) for _, one in model.named_parameters(remove_duplicate=False))
    tables = (module for module in model.modules() if isinstance(module, nn.Embedding))
    return any(places[id(table.weight)] > 1 for table in tables)


def sharing(model: nn.Module) -> Iterator[str]:
    """The kinds around modules that share tensors, other than those of tables and their heads."""
    places: dict[int, list[str]] = {}
    for path, parameter in model.named_parameters(remove_duplicate=False):
        places.setdefault(id(parameter), []).append(path)
    modules = dict(model.named_modules(remove_duplicate=False))
    for paths in places.values():
        owners = [modules[path.rpartition(".")[0]] for path in paths]
        if len(paths) == 1 or any(is_told(owner, paths) for owner in owners):
            continue
        at = common(paths)
        while type(modules[at]).__name__ in NOT_A_CALL:
            at = at.rpartition(".")[0]
        yield type(modules[at]).__name__


def is_told(owner: nn.Module, paths: list[str]) -> bool:
    """A table, which heads and other tables share, or a bias of which a rule says so."""
    rule = printout_kinds.known().written.get(type(owner).__name__)
    last = {path.rpartition(".")[2] for path in paths}
    return isinstance(owner, nn.Embedding) or bool(rule and last & set(rule.untied))


def common(paths: list[str]) -> str:
    """The path of the innermost module around all of these."""
    parts = [path.split(".")[:-1] for path in paths]
    same = 0
    while all(len(one) > same and one[same] == parts[0][same] for one in parts):
        same += 1
    return ".".join(parts[0][:same])


def lists(seen: Seen) -> Lists:
    """The kinds, sorted into what they hold; those with a rule of their own are left out."""
    shares = sorted(seen.shares.union(*map(seen.sharing_by_source, seen.ties)))
    found = Lists([], defaultdict(list), defaultdict(list), shares)
    for kind in sorted(seen.tensors):
        own = list(seen.tensors[kind])
        rule = printout_kinds.known().written.get(kind)
        if rule is not None:
            held = {*rule.tensors, *rule.buffers, *rule.untied, *rule.hidden}
            left = [name for name in own if name not in held]
            if left and not rule.like:
                print(f"the rule for {kind} does not name {', '.join(left)}")
        elif kind in seen.like and not own:
            found.like[seen.like[kind]].append(kind)
        elif kind in seen.bases:
            found.hidden[tuple(dict.fromkeys(["weight", *own]))].append(kind)
        elif not own:
            found.plain.append(kind)
        elif not covered(kind, own):
            found.hidden[tuple(own)].append(kind)
    return found


def covered(kind: str, own: list[str]) -> bool:
    """A rule for kinds with such a name says all."""
    rule = printout_kinds.rule_by_pattern(kind)
    return rule is not None and set(own) <= {*rule.tensors, *rule.buffers, *rule.hidden}


def endings(plain: list[str], holders: set[str], families: tuple[str, ...]) -> set[str]:
    """Last words that say that a kind holds nothing, in families that are known."""
    of: dict[str, set[str]] = defaultdict(set)
    count: Counter[str | None] = Counter(map(printout_kinds.last_word, plain))
    holding: Counter[str | None] = Counter(map(printout_kinds.last_word, holders))
    for kind in plain:
        family = max((one for one in families if kind.startswith(one)), key=len, default=None)
        word = printout_kinds.last_word(kind)
        if family and word:
            of[word].add(family)
    return {
        word
        for word, found in of.items()
        if len(found) >= FEWEST_FAMILIES
        and holding[word] <= MOST_HOLDERS * (count[word] + holding[word])
    }


def write(target: Path, seen: Seen) -> None:
    """The lists as YAML; equal lists make equal files."""
    found = lists(seen)
    families = tuple(sorted(seen.families - {""}))
    holders = set(seen.tensors) - set(found.plain)
    words = endings(found.plain, holders, families)
    single = [
        kind
        for kind in found.plain
        if not (kind.startswith(families) and printout_kinds.last_word(kind) in words)
        or printout_kinds.rule_by_pattern(kind)
    ]
    lines = [
        HEADER,
        f"source: transformers {transformers.__version__}, all classes of its networks",
    ]
    lines += [f"torch: {torch.__version__.partition('+')[0]}", "", "without_tensors:"]
    for key, names in (("kinds", single), ("endings", sorted(words)), ("families", families)):
        lines += [f"  {key}: [", wrapped(names, "    "), "  ]"]
    lines += ["", "like:"]
    for kind, names in sorted(found.like.items()):
        lines += [f"  {kind}: [", wrapped(names, "    "), "  ]"]
    lines += ["", "hidden:"]
    ordered = sorted(found.hidden.items(), key=lambda item: (-len(item[1]), item[0]))
    for tensors, names in ordered:
        lines += [f"  - tensors: [{', '.join(map(quoted, tensors))}]"]
        lines += ["    kinds: [", wrapped(names, "      "), "    ]"]
    lines += ["", "shares: [", wrapped(found.shares, "  "), "]"]
    target.write_text("\n".join(lines) + "\n")


def wrapped(names: Any, indent: str) -> str:
    """Names in lines that are not too long."""
    text = ", ".join(map(quoted, names))
    return textwrap.fill(
        text, 100, initial_indent=indent, subsequent_indent=indent, break_long_words=False
    )


def quoted(name: str) -> str:
    """A name as YAML has it: words that are truths, and marks, in quotes."""
    plain = name.replace("_", "").isalnum() and name.lower() not in (
        "y",
        "n",
        "yes",
        "no",
        "on",
        "off",
    )
    return name if plain else f"'{name}'"


def checked(seen: Seen) -> list[Built]:
    """The networks whose print-outs pass for exact and are not; prints how all came out."""
    for cached in (rules, printout_kinds.known, printout_kinds.rule_of, printout_kinds.is_plain):
        cached.cache_clear()
    false = []
    for are_told in (False, True):
        found: Counter[str] = Counter()
        for one in seen.built:
            outcome = verdict(one, one.is_tied if are_told else None)
            found[outcome] += 1
            if outcome == "falsely exact":
                false.append(one)
        print(f"ties {'' if are_told else 'not '}told: {dict(sorted(found.items()))}")
    print("falsely exact:", ", ".join(sorted({one.name for one in false})) or "none")
    return false


def verdict(one: Built, tied: bool | None) -> str:
    """How a print-out comes out."""
    try:
        model = model_from_printout(one.text, one.name, tied=tied)
    except ParamcalcError:
        return "refused"
    is_equal = model.parameters.total == one.total
    if model.exactness == EXACT:
        return "exact" if is_equal else "falsely exact"
    return "equal but estimated" if is_equal else "different but estimated"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
