"""The answer of ``check``: what each file is, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paramcalc.errors import Problem
from paramcalc.report.page import COUNT, NAME, TEXT, Column, Page, Row, Table
from paramcalc.report.records import Record
from paramcalc.units import plural

if TYPE_CHECKING:
    from paramcalc.catalogue.check import Checked


def record(checked: Checked) -> Record:
    """The document of ``check``: one result a file."""
    return {
        "file": checked.file,
        "kind": checked.kind,
        "entries": checked.entries,
        "valid": checked.is_valid,
        "problems": [_problem(problem) for problem in checked.problems],
    }


def _problem(problem: Problem) -> Record:
    place = problem.place
    return {
        "message": problem.message,
        "hint": problem.hint,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "path": list(problem.path),
    }


def page(found: Sequence[Checked]) -> Page:
    """A row a file, then each problem with its line."""
    columns = [
        Column("file", "File", NAME),
        Column("kind", "Kind", TEXT, drop=1),
        Column("entries", "Entries", COUNT, drop=2),
        Column("problems", "Problems", COUNT),
    ]
    rows = [
        Row(
            {
                "file": one.file,
                "kind": one.kind,
                "entries": one.entries,
                "problems": len(one.problems),
            }
        )
        for one in found
    ]
    total = sum(len(one.problems) for one in found)
    verdict = f"{plural(total, 'problem')} found" if total else "everything is valid"
    return Page(
        tables=[Table(columns, rows)],
        excerpts=[str(problem) for one in found for problem in one.problems],
        verdict=(verdict, not total),
    )
