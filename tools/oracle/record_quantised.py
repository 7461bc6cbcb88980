"""Record which tensors the quantising libraries store for small models.

    python -m tools.oracle.record_quantised bnb rows/

Each library has an environment of its own, so each is asked alone and writes a file of rows;
`--join` makes the data of the tests of all such files.

    python -m tools.oracle.record_quantised --join rows/ tests/data/quantized.jsonl.gz
"""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FRAMEWORKS = ("torch", "transformers")


def main(library: str, folder: Path) -> None:
    """Ask one library all its cases."""
    module = importlib.import_module(f"tools.oracle.quantisers.{library}")
    asked = versions(module.PACKAGE)
    known = {"library": module.PACKAGE, "versions": asked}
    with (folder / "-".join((library, *asked.values(), "rows.jsonl"))).open("w") as file:
        for case in module.cases():
            row = known | case.row()
            print(library, row["model"], row["options"], row.get("refused", row.get("bytes")))
            file.write(json.dumps(row) + "\n")
            file.flush()


def versions(package: str) -> dict[str, str]:
    """Of the library and of the frameworks that it stands on."""
    found = {}
    for name in dict.fromkeys((package, *FRAMEWORKS)):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def join(folder: Path, target: Path) -> None:
    """One file of all rows, but those that a library refused for another reason than a shape."""
    rows: list[str] = []
    for path in sorted(folder.glob("*.jsonl")):
        rows += [line for line in path.read_text().splitlines() if is_kept(json.loads(line))]
    target.write_bytes(gzip.compress("\n".join(rows).encode() + b"\n", mtime=0))
    print(len(rows), "rows,", target.stat().st_size, "bytes")


def is_kept(row: Any) -> bool:
    """A layout, or that the library has none for this shape."""
    return any(word in row.get("refused", "divid divis") for word in ("divid", "divis"))


if __name__ == "__main__":
    if sys.argv[1] == "--join":
        join(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(sys.argv[1], Path(sys.argv[2]))
