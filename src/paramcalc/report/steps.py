"""The arithmetic of an answer, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from paramcalc.core.trace import Step
from paramcalc.report.page import COUNT, NAME, TEXT, Column, Row, Table


def step_table(steps: Sequence[Step]) -> Table:
    """A row a step: what, the formula, the same with its numbers, the result, the source."""
    return Table(
        [
            Column("label", "Step", NAME),
            Column("formula", "Formula", NAME),
            Column("values", "Values", TEXT, drop=4),
            Column("result", "Result", COUNT),
            Column("unit", "Unit", TEXT, drop=3),
            Column("exactness", "", TEXT, drop=2),
            Column("source", "Source", TEXT, drop=5),
        ],
        [
            Row(
                {
                    "label": step.label,
                    "formula": step.formula.replace("*", "×"),
                    "values": ", ".join(f"{k} = {v:,}" for k, v in step.values.items()),
                    "result": step.result,
                    "unit": step.unit,
                    "exactness": "" if step.exactness == "exact" else step.exactness,
                    "source": step.source,
                }
            )
            for step in steps
        ],
    )
