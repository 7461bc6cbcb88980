"""Write docs/architectures.md: which architectures there are, and how exact each is.

    python -m tools.make_architecture_table

Made of the files in data/architectures, of the recorded rows of transformers and of the list of
rows that are known to differ; nothing is counted, since the tests prove that list complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from paramcalc.catalogue.architectures import architecture_names, architecture_source
from paramcalc.core.document import resolve
from tools.oracle.rows import OPEN, SETS, known, rows, types_of_mappings

TARGET = Path(__file__).parents[1] / "docs" / "architectures.md"

MAPPINGS = {
    "causal language models": ("MODEL_FOR_CAUSAL_LM_MAPPING",),
    "masked language models": ("MODEL_FOR_MASKED_LM_MAPPING",),
    "sequence to sequence": ("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING",),
    "images and text, multimodal": (
        "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING",
        "MODEL_FOR_MULTIMODAL_LM_MAPPING",
    ),
    "speech": ("MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING",),
    "image classification": ("MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING",),
    "other base models": ("MODEL_MAPPING",),
}

INTRODUCTION = """\
# Architectures

Made by `python -m tools.make_architecture_table`; do not edit.

Each file in `data/architectures` is compared with what transformers 5.23.0 builds on torch
2.13.0's meta device: name and shape of every stored tensor, total, lookup tables, active
parameters, buffers, tied tensors and both ends of the network.

* **default**: the configuration class with nothing said, for each automatic class of the type.
* **published**: configurations as published.
* **changed**: one key changed at a time, given alone and with all other keys written out; total,
  and total with tied tensors at every place.

“12 of 13” rows are equal. An architecture is **exact** if every row is equal, or if
`tests/data/known_differences.yaml` says why the file is right and the recorded row is not what is
meant; such rows are not counted as equal. *open*: a row differs and the file is to blame.
*no rows*: nothing was recorded for the type; where it takes all from a relative, that one's rows
stand for it.
"""

MAPPING_HEADING = """
## By what transformers builds them for

Of the types whose default configuration transformers builds.

| | types | described | exact | every row equal |
|---|---:|---:|---:|---:|
"""

TABLE_HEADING = """
## All architectures

| `model_type` | | default | published | changed | extends | classes |
|---|---|---:|---:|---:|---|---|
"""


class Standing(NamedTuple):
    """How a type compares: its verdict, and [equal, all] rows by set."""

    verdict: str
    counts: Mapping[str, tuple[int, int]]


def table() -> str:
    """The whole document."""
    standings = {name: standing(name) for name in architecture_names()}
    return "".join(
        [
            INTRODUCTION,
            MAPPING_HEADING,
            *mapping_lines(standings),
            TABLE_HEADING,
            *(line(name, found) for name, found in standings.items()),
        ]
    )


def standing(model_type: str) -> Standing:
    """How the rows of a type compare."""
    there, equal = Counter[str](), Counter[str]()
    verdict = "exact"
    for row in rows().get(model_type, []):
        there[row.set] += 1
        listed = known().get(row.id)
        equal[row.set] += listed is None
        if listed and listed.cause == OPEN:
            verdict = "open"
    return Standing(
        verdict if there else "no rows", {name: (equal[name], there[name]) for name in SETS}
    )


def mapping_lines(standings: Mapping[str, Standing]) -> Iterator[str]:
    """A line for each purpose: types, those that have a file, those that are exact."""
    everything: set[str] = set()
    by_mapping = types_of_mappings()
    for title, names in MAPPINGS.items():
        types = {model_type for name in names for model_type in by_mapping[name]}
        everything |= types
        yield mapping_line(title, types, standings)
    yield mapping_line("**all types**", everything, standings)


def mapping_line(title: str, types: set[str], standings: Mapping[str, Standing]) -> str:
    """One line of the table of purposes."""
    described = types & set(standings)
    exact = sum(standings[name].verdict == "exact" for name in described)
    equal = sum(all_rows_equal(standings[name]) for name in described)
    cells = [title, len(types), len(described), f"{exact} of {len(types)}", equal]
    return f"| {' | '.join(map(str, cells))} |\n"


def all_rows_equal(found: Standing) -> bool:
    """Whether there are rows and not even an explained one differs."""
    return found.verdict == "exact" and all(
        equal == rows_ for equal, rows_ in found.counts.values()
    )


def line(model_type: str, found: Standing) -> str:
    """One line of the table of architectures."""
    cells = [f"{equal} of {all_}" if all_ else "" for equal, all_ in found.counts.values()]
    tree = architecture_source(model_type).tree
    parent = tree.get("extends")
    cells = [
        f"`{model_type}`",
        found.verdict,
        *cells,
        f"`{parent}`" if parent else "",
        ", ".join(f"`{name}`" for name in classes(tree)),
    ]
    return f"| {' | '.join(cells)} |\n"


def classes(tree: Mapping[str, Any]) -> list[str]:
    """The classes that a file knows, with those of the relatives that it extends."""
    merged = resolve(tree, lambda name: architecture_source(name).tree)
    heads = merged.get("heads")
    known_heads = heads if isinstance(heads, Mapping) else {}
    return [str(name) for name, head in known_heads.items() if head is not None]


def main() -> None:
    """Write the document."""
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    main()
