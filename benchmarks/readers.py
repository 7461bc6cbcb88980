"""What reading the header of a checkpoint adds to the command, in CPU milliseconds.

    .venv/bin/python benchmarks/readers.py -n 21

A safetensors header of 1,000 tensors, a GGUF header with a vocabulary of 150,000 entries, and an
index of 207,360 tensors in 60 files, which is as many as the largest published model has. Each is
read by a whole process of the command, paired with one that counts a bare size in the same
round; printed is the median of the differences. In process: the reading alone, without imports.

Ends with exit code 1 if a limit is broken.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

COMMAND = Path(sysconfig.get_path("scripts")) / "paramcalc"
TENSORS = 1_000
VOCABULARY = 150_000
LIMIT_MS = 50.0
LIMIT_OF_MANY_MS = 1_000.0
FILES, EXPERTS = 60, 384


def write_safetensors(path: Path) -> Path:
    """A file of 1,000 tensors in layers, with their usual names."""
    names = ("self_attn.q_proj", "self_attn.k_proj", "mlp.up_proj", "mlp.down_proj", "norm")
    shape = {"norm": (16,)}
    tensors = {
        f"model.layers.{layer}.{name}.weight": np.zeros(shape.get(name, (16, 16)), np.float16)
        for layer in range(TENSORS // len(names))
        for name in names
    }
    save_file(tensors, path, {"format": "pt"})
    return path


def write_gguf(path: Path) -> Path:
    """A small model with a large vocabulary: texts, scores and types."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(32)
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    writer.add_token_list([f"token{number}" for number in range(VOCABULARY)])
    writer.add_token_scores([0.0] * VOCABULARY)
    writer.add_token_types([1] * VOCABULARY)
    for layer in range(32):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.zeros((64, 64), np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_index(folder: Path) -> Path:
    """Experts of 60 layers, packed, with scales and shapes; no data, the files are sparse."""
    files: dict[str, str] = {}
    for layer in range(FILES):
        file = f"model-{layer + 1:05}-of-{FILES:05}.safetensors"
        entries, end = {}, 0
        for expert in range(EXPERTS):
            for name in ("gate_proj", "up_proj", "down_proj"):
                path = f"model.layers.{layer}.mlp.experts.{expert}.{name}.weight"
                parts = {"_packed": ("I32", [64, 8], 2048), "_scale": ("BF16", [64, 2], 256)}
                for part, (dtype, shape, size) in (parts | {"_shape": ("I64", [2], 16)}).items():
                    place = [end, end := end + size]
                    entries[path + part] = {"dtype": dtype, "shape": shape, "data_offsets": place}
        header = json.dumps(entries, separators=(",", ":")).encode()
        with (folder / file).open("wb") as out:
            out.write(len(header).to_bytes(8, "little") + header)
            out.truncate(8 + len(header) + end)
        files |= dict.fromkeys(entries, file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": files}, indent=2))
    return index


def process_ms(target: str) -> float:
    """User and system time of a whole process that counts a model."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, str(COMMAND), "count", target, "--json"],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def reading_ms(path: Path, rounds: int) -> float:
    """The reading alone."""
    import paramcalc

    taken = []
    for _ in range(rounds + 1):
        start = time.process_time()
        paramcalc.load(path)
        taken.append(1000 * (time.process_time() - start))
    return statistics.median(taken[1:])


def main() -> int:
    """Measure all; 1 if one is too slow."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("-n", "--runs", type=int, default=11, help="rounds (default 11)")
    rounds = max(1, parser.parse_args().runs)
    good = True
    with tempfile.TemporaryDirectory() as folder:
        files = [
            write_safetensors(Path(folder, "model.safetensors")),
            write_gguf(Path(folder, "model.gguf")),
            write_index(Path(folder)),
        ]
        print(f"{'':30}{'added ms':>10}{'alone ms':>10}{'limit':>8}")
        for path in files:
            process_ms(str(path))  # writes byte code
            pairs = [(process_ms(str(path)), process_ms("70b")) for _ in range(rounds)]
            added = statistics.median(with_file - without for with_file, without in pairs)
            limit = LIMIT_OF_MANY_MS if path.suffix == ".json" else LIMIT_MS
            good = good and added <= limit
            verdict = "ok" if added <= limit else "TOO SLOW"
            alone = reading_ms(path, rounds)
            print(f"{path.name:30}{added:10.1f}{alone:10.1f}{limit:8.0f}  {verdict}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
