"""Choose the rows that test data/architectures from recorded manifests of transformers.

    python -m tools.oracle.select_architectures ORACLE tests/data/architectures.jsonl.gz

ORACLE is a folder with ``defaults.jsonl.gz``, ``real-public.jsonl.gz``, ``variants.jsonl.gz`` and
``derived_keys.json``: what transformers 5.23.0 builds on torch 2.13.0's meta device for default
configurations, for published ones, and for a small base with one key changed at a time.

Every type is kept, whether or not data/architectures has a file for it yet: the tests take the rows
of the files that they find. Written are three kinds of rows, one JSON document a line.

``mappings``: for each automatic class of transformers, the types whose default it builds.

``model``: a configuration, its counts and its stored tensors, in the layout of the published
checkpoint and with tied ones left out, as ``[pattern, shape, ranges]``; `set` is ``default`` or
``published``. A `checkpoint_total` says that published files hold more than transformers builds.

``family``: a base and, for every key changed, the total that follows, and the total with tied
tensors counted at each place. The base stands there twice, see `family`.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from tools.oracle.comparison import expanded

Row = dict[str, Any]


def main(oracle: Path, target: Path) -> None:
    """Write the chosen rows."""
    defaults = [row for row in read(oracle / "defaults.jsonl.gz") if row["ok"]]
    published = [row for row in read(oracle / "real-public.jsonl.gz") if row["ok"]]
    bases = [row for row in read(oracle / "variants.jsonl.gz") if "base" in row]
    derived = json.loads((oracle / "derived_keys.json").read_text())
    rows: list[Row] = [{"kind": "mappings", "types": mappings(defaults)}]
    rows += [model(row, "default") for row in defaults]
    rows += [model(row, "published") for row in published]
    rows += [family(row, derived) for row in bases]
    lines = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    target.write_bytes(gzip.compress(lines.encode(), mtime=0))
    print(f"{len(rows)} rows, {target.stat().st_size:,} bytes")


def read(path: Path) -> Iterator[Row]:
    """The rows of a recorded file."""
    with gzip.open(path, "rt") as lines:
        yield from map(json.loads, lines)


def mappings(defaults: list[Row]) -> dict[str, list[str]]:
    """The model types of each mapping, in the order of the file."""
    found: dict[str, dict[str, None]] = {}
    for row in defaults:
        found.setdefault(row["mapping"], {})[row["model_type"]] = None
    return {name: list(types) for name, types in found.items()}


def model(row: Row, chosen_from: str) -> Row:
    """The fields of a model that the tests compare."""
    stored = row.get("saved_manifest") or row["manifest"]
    return {
        "kind": "model",
        "set": chosen_from,
        "id": row["id"],
        "type": row["model_type"],
        "config": row["config"],
        "total": row["total_params"],
        "tied_twice": row["tied_twice_params"],
        "embedding": lookup_tables(row),
        "active": active(row),
        "active_no_input_embedding": row.get("active_params_no_input_emb"),
        "active_no_embedding": row.get("active_params_no_emb"),
        "buffers": row["persistent_buffers"]["elements"],
        "ends": ends(row),
        "checkpoint_total": row.get("checkpoint_total_params"),
        "tensors": [entry[:3] for entry in stored if not is_tied(entry)],
    }


def active(row: Row) -> int | None:
    """Parameters that run for a token; None where the number of experts that run was not found."""
    if row.get("moe") and "active_params" not in row:
        return None
    found: int | None = row.get("active_params", row["total_params"])
    return found


def lookup_tables(row: Row) -> int:
    """Elements of all lookup tables.

    Networks that see or hear call their first convolution an embedding. It was counted with the
    tables, and is taken out again.
    """
    return sum(map(prod, expanded(row["embedding_tables"]).values()))


def ends(row: Row) -> list[Any] | None:
    """Input table, output head (None without one), whether they are one; None without a table."""
    table, head = row.get("input_embedding_params"), row.get("output_embedding_params")
    if table is None or lookup_tables(row) != row["embedding_params"]:
        return None
    return [table, head, bool(row.get("output_tied_to_input"))]


def is_tied(entry: list[Any]) -> bool:
    """Whether an entry of a manifest is another name of a tensor."""
    return len(entry) > 3 and entry[3].startswith("=")


def family(row: Row, derived: Row) -> Row:
    """The base of a family and its variants, one key changed in each.

    ``given`` is what the framework was given, all other keys absent; ``full`` says every key except
    those that follow from others.
    """
    given = row.get("base_overrides", {})
    follow = {key for keys in (derived.get(row["model_type"]) or {}).values() for key in keys}
    full = {k: v for k, v in row["base_config"].items() if k in given or k not in follow}
    base = row["base"]["total_params"], row["base"]["tied_twice_params"]
    changed = [
        [v["key"], v["value"], v["total_params"], v["tied_twice_params"]] for v in row["variants"]
    ]
    unchanged = [
        [key, value, *base]
        for key in row["no_effect"]
        for value in alternatives(row["base_config"][key])
    ]
    name = {"model_type": row["model_type"], "architectures": [row["class"]]}
    return {
        "kind": "family",
        "type": row["model_type"],
        "given": name | given,
        "full": full | name,
        "variants": [[None, None, *base], *changed, *unchanged],
    }


def alternatives(value: object) -> list[object]:
    """The other values that the recorded variants tried for a key."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value * 2, value // 2] if value > 1 else [1 - value, 2]
    return [64] if value is None else []


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
