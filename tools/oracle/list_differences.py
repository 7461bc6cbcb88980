"""Write the open entries of tests/data/known_differences.yaml anew.

    python -m tools.oracle.list_differences

Every row of every architecture is compared. Entries with `cause: open`, which stand at the end of
the file, are replaced by the rows that differ and are not explained above them. Rows that are
explained and turn out equal are printed; a person has to strike them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from paramcalc.catalogue.architectures import architecture_names
from tools.oracle.rows import DATA, OPEN, known, rows

FILE = DATA / "known_differences.yaml"
ENTRY = "\n- cause: open\n  differs: [{}]\n  reason: not yet exact\n  rows:\n{}"


def main() -> int:
    """Compare all, write the file, and say what is left to do."""
    found = {
        row.id: frozenset(row.differences())
        for name in architecture_names()
        for row in rows().get(name, [])
    }
    explained = {name: entry for name, entry in known().items() if entry.cause != OPEN}
    unexplained = {name: what for name, what in found.items() if what and name not in explained}
    text = FILE.read_text(encoding="utf-8").partition("\n- cause: open\n")[0]
    FILE.write_text(text.rstrip("\n") + "\n" + entries(unexplained), encoding="utf-8")
    wrong = [n for n, e in explained.items() if n in found and found[n] != e.differs]
    for name in wrong:
        print(f"{name} differs in {', '.join(sorted(found[name])) or 'nothing'} now")
    print(f"{len(found)} rows, {len(unexplained)} open, {len(explained)} explained")
    return 1 if wrong else 0


def entries(unexplained: Mapping[str, frozenset[str]]) -> str:
    """The rows that differ, those together that differ in the same things."""
    grouped: dict[str, list[str]] = {}
    for name, what in unexplained.items():
        grouped.setdefault(", ".join(sorted(what)), []).append(name)
    return "".join(
        ENTRY.format(what, "".join(f"    - {name}\n" for name in names))
        for what, names in sorted(grouped.items())
    )


if __name__ == "__main__":
    sys.exit(main())
