"""Choose the rows that test data/architectures from recorded manifests of transformers.

    python select_architectures.py ORACLE tests/data/architectures.jsonl.gz

ORACLE is a folder with ``defaults.jsonl.gz``, ``real-public.jsonl.gz``, ``variants.jsonl.gz`` and
``derived_keys.json``: what transformers 5.23.0 builds on torch 2.13.0's meta device for default
configurations, for published ones, and for a small base with one key changed at a time.

Written are two kinds of rows. A model has its configuration, its counts and its stored tensors, in
the layout of the published checkpoint and with tied ones left out, as ``[pattern, shape, ranges]``.
A family has its base and, for every key changed, the total that follows.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TYPES = {
    *("llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe", "gemma", "gemma2"),
    *("gemma3_text", "deepseek_v3", "gpt_oss", "gpt2", "openai-gpt", "gpt_neox", "mamba"),
    *("bert", "t5"),
}

Row = dict[str, Any]


def main(oracle: Path, target: Path) -> None:
    """Write the chosen rows, one JSON document a line."""
    rows = [model(row) for row in read(oracle / "defaults.jsonl.gz")]
    rows += [model(row) for row in read(oracle / "real-public.jsonl.gz")]
    derived = json.loads((oracle / "derived_keys.json").read_text())
    rows += [family(row, derived) for row in read(oracle / "variants.jsonl.gz")]
    lines = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    target.write_bytes(gzip.compress(lines.encode(), mtime=0))


def read(path: Path) -> Iterator[Row]:
    """The rows of our types that the framework could build."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            row = json.loads(line)
            if row.get("model_type") in TYPES and row.get("ok", "base" in row):
                yield row


def model(row: Row) -> Row:
    """The fields of a model that the tests compare."""
    stored = row.get("saved_manifest") or row["manifest"]
    total = row["total_params"]
    return {
        "kind": "model",
        "id": row["id"],
        "config": row["config"],
        "total": total,
        "checkpoint_total": row.get("checkpoint_total_params", total),
        "active": row.get("active_params", total),
        "embedding": row["embedding_params"],
        "buffers": row["persistent_buffers"]["elements"],
        "ends": [row.get("input_embedding_params"), row.get("output_embedding_params")],
        "tied_ends": bool(row.get("output_tied_to_input")),
        "tensors": [entry[:3] for entry in stored if not is_tied(entry)],
    }


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
        "id": row["model_type"],
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
