"""The arithmetic of an answer: each step with its formula, the numbers in it, and the result."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from paramcalc.core.model import EXACT
from paramcalc.core.trace import Step
from paramcalc.report.page import COUNT, NAME, TEXT, Column, Row, Table

_NAME = re.compile(r"[A-Za-z_]\w*")
_MOST_TERMS = 4
"""A sum of more terms, each a step above, is written with their numbers alone."""


class Written(NamedTuple):
    """A step for a person: a label, a result, and lines that stand below."""

    label: str
    result: str
    below: Sequence[str] = ()


def written(steps: Sequence[Step]) -> list[Written]:
    """The steps as text, each said once: the same cache serves every precision."""
    found: list[Written] = []
    seen: list[Step] = []
    told = ""
    for step in steps:
        if step in seen:
            continue
        seen.append(step)
        sources = [f"source: {step.source}"] if step.source not in ("", told) else []
        told = step.source or told
        label = step.label if step.exactness == EXACT else f"{step.label} ({step.exactness})"
        found.append(Written(label, f"{step.result:,}", [*_formulas(step), *sources]))
    return found


def heading(steps: Sequence[Step]) -> tuple[str, str]:
    """What stands above the labels and above the results."""
    units = dict.fromkeys(step.unit for step in steps if step.unit)
    return "Step", "Result" if len(units) != 1 else next(iter(units)).capitalize()


def _formulas(step: Step) -> list[str]:
    """The formula, then the same with its numbers; one line where they do not differ."""
    formula = step.formula.replace("**", "^").replace("*", "×")
    numbers = _NAME.sub(lambda name: _number(step, name[0]), formula)
    if numbers == formula:
        return [] if formula.replace(",", "") == str(step.result) else [formula]
    terms = formula.split(" + ")
    is_long = len(terms) > _MOST_TERMS and all(_NAME.fullmatch(term) for term in terms)
    return [f"= {numbers}"] if is_long else [formula, f"= {numbers}"]


def _number(step: Step, name: str) -> str:
    value = step.values.get(name)
    if value is None:
        return name
    # Between the arguments of a function another comma would mislead.
    return str(value) if "," in step.formula or value < 10_000 else f"{value:,}"


def step_table(steps: Sequence[Step]) -> Table:
    """A row a step: what, the formula, its values, the result, the source."""
    return Table(
        [
            Column("label", "Step", NAME),
            Column("formula", "Formula", TEXT),
            Column("values", "Values", TEXT),
            Column("result", "Result", COUNT),
            Column("unit", "Unit", TEXT),
            Column("exactness", "", TEXT),
            Column("source", "Source", TEXT),
        ],
        [
            Row(
                {
                    "label": step.label,
                    "formula": step.formula.replace("**", "^").replace("*", "×"),
                    "values": ", ".join(f"{k} = {v:,}" for k, v in step.values.items()),
                    "result": step.result,
                    "unit": step.unit,
                    "exactness": "" if step.exactness == EXACT else step.exactness,
                    "source": step.source,
                }
            )
            for step in steps
        ],
    )
