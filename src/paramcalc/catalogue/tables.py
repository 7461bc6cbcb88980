"""Number formats, devices and engines, looked up by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from paramcalc.catalogue.table import Entry, Table, normal
from paramcalc.core.fit import Device
from paramcalc.core.functions import type_name
from paramcalc.core.inference import Engine
from paramcalc.core.precision import Format
from paramcalc.errors import ParamcalcError, shorten
from paramcalc.units import parse_bytes, starts_with_number

if TYPE_CHECKING:
    from paramcalc.core.weights import Precision

PRECISIONS = Table("precisions.yaml")
HARDWARE = Table("hardware.yaml")
ENGINES = Table("engines.yaml")

MIB = 1024**2
_RULE_OF_THUMB = "rule_of_thumb"


def _named(what: str, name: object) -> str:
    if isinstance(name, str):
        return name
    raise ParamcalcError(f"a {what} is given by its name, not by {type_name(name)}")


def _find(table: Table, name: str, what: str, listed: str) -> Entry:
    entry = table.find(_named(what, name))
    if entry is None:
        found = [f"`{near}`" for near in table.similar(name)]
        hint = f"did you mean {' or '.join(found)}?" if found else f"`paramcalc list {listed}`"
        raise ParamcalcError(f"no {what} named `{shorten(name)}`", hint)
    return entry


def precision(name: str) -> Precision:
    """The recipe, or the number format, called ``name`` (or an alias of it).

    A recipe's parameters may follow its name (``gptq-4bit-g32``), and a YAML file holds a mix of
    one's own.
    """
    entry = PRECISIONS.find(_named("precision", name))
    if entry is not None and "recipe" not in entry.card:
        return _format(entry)
    from paramcalc.catalogue import recipes

    if entry is not None:
        made = recipes.recipe(entry, number_format)
        return made._replace(plain=_format(entry)) if "block_numel" in entry.card else made
    found = recipes.find(name, PRECISIONS, number_format)
    return found or _format(_find(PRECISIONS, name, "precision", "precisions"))


@lru_cache(maxsize=256)
def number_format(name: str) -> Format:
    """The number format called ``name``: what one tensor, or a cache, is stored in."""
    entry = _find(PRECISIONS, name, "precision", "precisions")
    if "block_numel" not in entry.card:
        # BF16 is a file type of GGUF, bf16 the format of its matrices.
        entry = PRECISIONS.find(name.lower()) or entry
    if "block_numel" not in entry.card:
        hint = "a cache, or a single tensor, takes a number format such as `q8_0`"
        raise ParamcalcError(f"`{entry.name}` is a recipe for whole models", hint)
    return _format(entry)


def _format(entry: Entry) -> Format:
    card = entry.card
    return Format(
        entry.name,
        card["block_numel"],
        card["block_bytes"],
        str(card.get("source", "")),
        str(card.get("description", "")),
        card.get("kind") == "block",
    )


def ladder(name: str) -> list[str]:
    """The names of the precisions that an answer shows when none is asked for."""
    found: list[str] = PRECISIONS.section("_ladders", name)[name]
    return found


def recipe_names() -> list[str]:
    """The names of all recipes."""
    cards = ((name, PRECISIONS.find(name)) for name in PRECISIONS.names())
    return [name for name, entry in cards if entry and "recipe" in entry.card]


def device(text: str) -> Device:
    """A named device, or one given by its size: ``24gb``, ``24GiB``, ``25769803776``.

    A size as makers print it counts in powers of two: 24 GB is 24 GiB.
    """
    # "4090" is a name, "24gb" a size, and "409" the beginning of neither.
    if starts_with_number(_named("GPU", text)) and normal(text) not in HARDWARE.spellings():
        return Device(text, parse_bytes(text, card=True), "as given")
    entry = _find(HARDWARE, text, "GPU", "gpus")
    size = entry.card["memory_mib"] * MIB
    return Device(entry.name, size, " ".join(str(entry.card["source"]).split()), dict(entry.card))


def engine(name: str | None = None) -> Engine:
    """An inference engine's constants; without a name, the default one's."""
    if name is None:
        name = next(n for n in ENGINES.names() if _engine_card(n).get("default"))
    entry = _find(ENGINES, name, "engine", "engines")
    runtime = entry.card.get("runtime")
    if not isinstance(runtime, Mapping):
        raise ParamcalcError(f"no engine named `{shorten(name)}`", "`paramcalc list engines`")
    source = " ".join(str(entry.card["source"]).split())
    return Engine(entry.name, runtime["low"], runtime["mid"], runtime["high"], source)


def _engine_card(name: str) -> Mapping[str, Any]:
    entry = ENGINES.find(name)
    return entry.card if entry else {}


class RuleOfThumb(NamedTuple):
    """Percent of the weights that KV cache, activations and runtime typically add."""

    low: int
    high: int
    source: str


def rule_of_thumb() -> RuleOfThumb:
    """What is added where nothing but a size is known."""
    card = _engine_card(_RULE_OF_THUMB)
    return RuleOfThumb(card["low"], card["high"], " ".join(str(card["source"]).split()))
