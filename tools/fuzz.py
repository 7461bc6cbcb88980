"""Feeds broken files to the readers: each is read, or refused with our own error, soon.

    python tools/fuzz.py gguf --seconds 120
    python tools/fuzz.py spec --atheris corpus/

Kinds: safetensors, index, gguf, config, spec, printout, rules. Files begin as good ones of their
kind and are mutated: bytes and numbers changed, pieces doubled, cut and exchanged. What ends in
anything but `ParamcalcError`, or takes more than two seconds of CPU, is written to
`fuzz-KIND-N.bin`, and its traceback is shown. With `--atheris` (where it is installed) mutations
are guided by coverage.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import struct
import sys
import tarfile
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST_SECONDS = 2.0
DATA_BYTES = 2**36
NAMES = {
    "safetensors": "model.safetensors",
    "index": "model.safetensors.index.json",
    "gguf": "model.gguf",
    "config": "config.json",
    "spec": "spec.yaml",
    "printout": "print.txt",
    "rules": "gguf.yaml",
}
TOKENS = [
    *(b"{", b"}", b"[", b"]", b"(", b")", b'"', b"'", b":", b",", b"\n", b"  ", b"\0", b"\xff"),
    *(b"null", b"-1", b"0", b"1e999", b"9" * 30, b"18446744073709551615", b"true", b"__metadata__"),
    *(b"layers[9]", b" if i % 2 == 0", b"$active", b"$cache", b"{}", b"\\u0061", b"Linear(1, 2)"),
]


def seeds(kind: str) -> list[bytes]:
    """Good files of a kind."""
    if kind == "safetensors":
        return [_safetensors(count) for count in (1, 3, 12)]
    if kind == "index":
        files = {f"layers.{n}.w": f"part-{n % 2}.safetensors" for n in range(6)}
        return [json.dumps({"metadata": {"total_size": 1}, "weight_map": files}).encode()]
    if kind == "gguf":
        with tarfile.open(ROOT / "tests" / "data" / "gguf_headers.tar.xz") as archive:
            members = [entry for entry in archive if entry.name.endswith(".gguf")]
            found = sorted(members, key=lambda entry: entry.size)[:4]
            return [file.read() for entry in found if (file := archive.extractfile(entry))]
    if kind == "config":
        from tools.oracle.rows import rows

        published = [row for family in list(rows().values())[::9] for row in family[:1]]
        return [json.dumps(dict(row.configuration)).encode() for row in published]
    if kind == "printout":
        import gzip

        path = ROOT / "tests" / "data" / "printouts.json.gz"
        recorded = json.loads(gzip.decompress(path.read_bytes()))
        return [row["text"].encode() for row in recorded["families"][::16]]
    if kind == "rules":
        return [(ROOT / "data" / f"{name}.yaml").read_bytes() for name in ("gguf", "containers")]
    specs = (ROOT / "tests" / "specs" / "positive").glob("*.yaml")
    return [path.read_bytes() for path in sorted(specs)]


def _safetensors(count: int) -> bytes:
    entries = {
        f"layers.{n}.weight": {"dtype": "F16", "shape": [2, 2], "data_offsets": [8 * n, 8 * n + 8]}
        for n in range(count)
    }
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header + bytes(8 * count)


def mutated(chance: random.Random, good: Sequence[bytes]) -> bytes:
    """A file with one to six things changed."""
    data = bytearray(chance.choice(good))
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 1, 4, 8, 30, 200)))
        change: Callable[[], bytes] = chance.choice(
            (
                lambda: bytes([chance.randrange(256)]),
                lambda: chance.choice(TOKENS),
                lambda at=at, end=end: bytes(data[at:end]) * 2,
                lambda: b"",
                lambda: struct.pack("<Q", chance.choice((0, 1, 2**31, 2**32, 2**63, 2**64 - 1))),
                lambda: struct.pack("<I", chance.choice((0, 1, 8, 9, 255, 2**31, 2**32 - 1))),
                lambda: _piece(chance, good),
            )
        )
        data[at : chance.choice((at, end))] = change()
    return bytes(data)


def _piece(chance: random.Random, good: Sequence[bytes]) -> bytes:
    other = chance.choice(good)
    at = chance.randrange(len(other) + 1)
    return other[at : at + chance.choice((4, 16, 64))]


class Target:
    """Reads what it is given as a file of one kind, in a folder of its own."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.path = folder / NAMES[kind]
        for number in range(2 if kind == "index" else 0):
            (folder / f"part-{number}.safetensors").write_bytes(_safetensors(3))

    def __call__(self, data: bytes) -> None:
        """Anything but our own error goes through; so does one that comes too late."""
        from paramcalc import ParamcalcError, load
        from paramcalc.catalogue.check import check_file
        from paramcalc.core.writing.document import document_of

        self.path.write_bytes(data)
        if self.kind == "gguf":  # the data, which are not read, take no room
            os.truncate(self.path, len(data) + DATA_BYTES)
        start = time.process_time()
        try:
            if self.kind in ("spec", "config", "rules"):
                check_file(str(self.path))
            if self.kind != "rules":
                document_of(load(self.path))
        except ParamcalcError as error:
            if not all(problem.message for problem in error.problems):
                raise AssertionError("an error without a message") from error
        taken = time.process_time() - start
        if taken > MOST_SECONDS:
            raise TimeoutError(f"{taken:.1f} seconds")


def mutate(kind: str, seconds: float, seed: int) -> int:
    """Mutate until the time is over; the number of findings."""
    chance, good, tried = random.Random(seed), seeds(kind), 0
    found: dict[tuple[str, str, int | None], int] = {}
    with tempfile.TemporaryDirectory() as folder:
        target, end = Target(kind, Path(folder)), time.monotonic() + seconds
        while time.monotonic() < end:
            data = mutated(chance, good)
            tried += 1
            try:
                target(data)
            except (Exception, RecursionError) as error:  # noqa: BLE001, whatever it is
                last = traceback.extract_tb(error.__traceback__)[-1]
                place = (type(error).__name__, last.filename, last.lineno)
                if place not in found:
                    found[place] = len(found)
                    Path(f"fuzz-{kind}-{found[place]}.bin").write_bytes(data)
                    traceback.print_exc()
    print(f"{kind}: {tried:,} files, {len(found)} findings")
    return len(found)


def guided(kind: str, corpus: Path) -> None:
    """Mutations that find new paths are kept; never ends by itself."""
    import atheris

    with atheris.instrument_imports(include=["paramcalc"]):
        import paramcalc.sources.load  # noqa: F401, instrumented here
    corpus.mkdir(parents=True, exist_ok=True)
    for number, good in enumerate(seeds(kind)):
        (corpus / f"seed-{number}").write_bytes(good)
    with tempfile.TemporaryDirectory() as folder:
        atheris.Setup([sys.argv[0], str(corpus), "-rss_limit_mb=2048"], Target(kind, Path(folder)))
        atheris.Fuzz()


def main() -> int:
    """Run one of both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("kind", choices=NAMES)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--atheris", type=Path, metavar="FOLDER", help="the corpus")
    options = parser.parse_args()
    if options.atheris:
        guided(options.kind, options.atheris)
    return 1 if mutate(options.kind, options.seconds, options.seed) else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
