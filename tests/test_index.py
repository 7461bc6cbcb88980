"""data/models.index.json is what tools/index_models.py makes of the catalogue today."""

from pathlib import Path

from tools.index_models import INDEX, index


def test_the_index_is_fresh() -> None:
    stored = Path(INDEX).read_text("utf-8")
    assert stored == index(), "run python tools/index_models.py"
