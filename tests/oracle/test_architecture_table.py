"""docs/architectures.md says what the files and the recorded rows say."""

from __future__ import annotations

from tools.make_architecture_table import TARGET, table


def test_the_table_is_up_to_date() -> None:
    made = table()

    assert TARGET.read_text(encoding="utf-8") == made, (
        "run `python -m tools.make_architecture_table`"
    )
