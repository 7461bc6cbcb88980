"""How fast the command starts, as ratios that hold on any machine.

    .venv/bin/python benchmarks/startup.py -n 21

Processes: user + system CPU time of a whole process (wait4), each against a baseline that runs in
the same round, one after the other (A B A B …), so that a busy machine slows both. Printed is the
median of the rounds' ratios. The commands run under the interpreter that runs this file, on a
pseudo-terminal of 100 columns, as a person sees them.

In process: counting a large model from its configuration, and finding one model in the catalogue
of today and in one grown to 1,000 entries.

Ends with exit code 1 if a limit is broken.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import itertools
import json
import os
import pty
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMAND = Path(sysconfig.get_path("scripts")) / "paramcalc"
MODEL = "llama-3.1-8b"
GROWN_ENTRIES = 1_000

BARE = "bare interpreter"
TYPER = "import typer"
RICH = "import typer and rich"
FILE_TYPES = 1.8
"""Where an answer chooses the type of every tensor for seven file types of GGUF: 12 to 15 ms."""

# The configuration of DeepSeek-V3, as far as it decides shapes.
LARGE_CONFIG = {
    "architectures": ["DeepseekV3ForCausalLM"],
    "model_type": "deepseek_v3",
    "attention_bias": False,
    "first_k_dense_replace": 3,
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "kv_lora_rank": 512,
    "max_position_embeddings": 163840,
    "moe_intermediate_size": 2048,
    "moe_layer_freq": 1,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "num_attention_heads": 128,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 61,
    "num_key_value_heads": 128,
    "q_lora_rank": 1536,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "tie_word_embeddings": False,
    "topk_method": "noaux_tc",
    "v_head_dim": 128,
    "vocab_size": 129280,
}
LARGE_TOTAL = 671_026_404_352
LARGE_LIMIT_MS = 5.0
GROWN_LIMIT = 2.0


@dataclass(frozen=True, slots=True)
class Case:
    """A process to measure: arguments, the baseline that it is compared with, the highest ratio."""

    name: str
    arguments: tuple[str, ...]
    baseline: str | None = None
    limit: float | None = None
    exit_code: int = 0
    environment: tuple[tuple[str, str], ...] = ()


def python(code: str) -> tuple[str, ...]:
    """Arguments that run some code under this interpreter."""
    return (sys.executable, "-c", code)


def command(*arguments: str) -> tuple[str, ...]:
    """Arguments that run the installed command under this interpreter."""
    return (sys.executable, str(COMMAND), *arguments)


TAB = (
    ("_PARAMCALC_COMPLETE", "complete_bash"),
    ("COMP_WORDS", "paramcalc co"),
    ("COMP_CWORD", "1"),
)

CASES = [
    Case(BARE, python("pass")),
    Case(TYPER, python("import typer")),
    Case(RICH, python("import typer, rich.table, rich.console")),
    Case("--version", command("--version"), BARE, 4.0),
    Case("completion, Tab pressed", command(), TYPER, 1.2, environment=TAB),
    Case("count, JSON", command("count", MODEL, "--json"), TYPER, 1.4),
    Case("count, JSON, bare size", command("count", "70b", "--json"), TYPER, 1.4),
    Case("memory, JSON", command("memory", MODEL, "--json"), TYPER, FILE_TYPES),
    Case("memory, JSON, bare size", command("memory", "70b", "--json"), TYPER, 1.4),
    Case("fit, JSON", command("fit", MODEL, "--gpu", "24gb", "--json"), TYPER, FILE_TYPES),
    Case("fit, JSON, bare size", command("fit", "70b", "-g", "24gb", "--json"), TYPER, 1.4, 1),
    Case("count", command("count", MODEL), RICH, 1.3),
    Case("count, bare size", command("count", "70b"), RICH, 1.3),
    Case("memory", command("memory", MODEL), RICH, 1.5),
    Case("memory, bare size", command("memory", "70b"), RICH, 1.3),
    Case("fit", command("fit", MODEL, "--gpu", "24gb"), RICH, 1.5),
    Case("fit, bare size", command("fit", "70b", "--gpu", "24gb"), RICH, 1.3, 1),
]


class FailedError(Exception):
    """A measured process did not do what it was started for."""


def environment(extra: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Ours without what changes an answer's form, and a terminal of a known width."""
    dropped = {"NO_COLOR", "FORCE_COLOR", "PARAMCALC_DATA"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", **dict(extra)}


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, list[bytes]]]:
    """A pseudo-terminal to write to, and what was written once it is closed."""
    master, slave = pty.openpty()
    written: list[bytes] = []

    def drain() -> None:
        # Reading fails, on Linux, as soon as nobody holds the other end.
        with contextlib.suppress(OSError):
            while block := os.read(master, 65_536):
                written.append(block)

    reader = threading.Thread(target=drain)
    reader.start()
    try:
        yield slave, written
    finally:
        os.close(slave)
        reader.join()
        os.close(master)


def cpu_seconds(case: Case) -> float:
    """User and system time of one process, from its start to its end."""
    with terminal() as (slave, written):
        pid = os.posix_spawn(
            case.arguments[0],
            case.arguments,
            environment(case.environment),
            file_actions=[(os.POSIX_SPAWN_DUP2, slave, descriptor) for descriptor in (0, 1, 2)],
        )
        _, status, usage = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != case.exit_code:
        said = b"".join(written).decode(errors="replace").strip()
        raise FailedError(f"exit code {code} instead of {case.exit_code}: {said[-300:]}")
    return usage.ru_utime + usage.ru_stime


def runnable(cases: list[Case]) -> tuple[list[Case], dict[str, str]]:
    """The cases that work, each run once, which also writes byte code; and why others do not."""
    works, failures = [], {}
    for case in cases:
        try:
            cpu_seconds(case)
            works.append(case)
        except (FailedError, OSError) as error:
            failures[case.name] = str(error)
    return works, failures


def measure(cases: list[Case], rounds: int) -> dict[str, list[float]]:
    """Seconds of each case in each round."""
    seconds: dict[str, list[float]] = {case.name: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            seconds[case.name].append(cpu_seconds(case))
    return seconds


def median_ratio(seconds: list[float], baseline: list[float]) -> float:
    """The median over the rounds of how much longer one took than the other."""
    return statistics.median(one / other for one, other in zip(seconds, baseline, strict=True))


def verdict(value: float, limit: float) -> str:
    """Whether a limit holds, in words."""
    return "ok" if value <= limit else "TOO SLOW"


def show_processes(rounds: int) -> bool:
    """Print a line for each process; true if all keep to their limits."""
    cases, failures = runnable(CASES)
    seconds = measure(cases, rounds)
    print(f"CPU of whole processes, medians of {rounds} rounds, {sys.version.split()[0]}\n")
    print(f"{'':26}{'ms':>7}{'ratio':>8}{'limit':>8}")
    good = not failures
    for case in cases:
        milliseconds = statistics.median(seconds[case.name]) * 1000
        line = f"{case.name[:26]:26}{milliseconds:7.0f}"
        if case.baseline is not None and case.limit is not None:
            ratio = median_ratio(seconds[case.name], seconds[case.baseline])
            good = good and ratio <= case.limit
            line += f"{ratio:8.2f}{case.limit:8.1f}  {verdict(ratio, case.limit):8}"
            line += f"  of {case.baseline}"
        print(line)
    for name, reason in failures.items():
        print(f"{name}: not measured, {reason}")
    return good


def show_counting(rounds: int) -> bool:
    """Print how long a large model takes in this process; true if it keeps to its limit."""
    import paramcalc

    taken = []
    for number in range(rounds + 1):
        # A configuration not met before, so that no cache can answer.
        config = {**LARGE_CONFIG, "_name_or_path": f"benchmark-{number}"}
        start = time.perf_counter()
        total = paramcalc.load(config).parameters.total
        taken.append((time.perf_counter() - start) * 1000)
        if total != LARGE_TOTAL:
            raise FailedError(f"counted {total:,} instead of {LARGE_TOTAL:,} parameters")
    first, typical = taken[0], statistics.median(taken[1:])
    print(
        f"\nDeepSeek-V3 from its config: {typical:.2f} ms (limit {LARGE_LIMIT_MS:.0f} ms, ", end=""
    )
    print(f"{verdict(typical, LARGE_LIMIT_MS)}); {first:.1f} ms the first time, with imports")
    return typical <= LARGE_LIMIT_MS


def entries_of(text: str) -> list[str]:
    """A data file cut at its top-level keys, without what stands before the first."""
    lines = text.splitlines(keepends=True)
    starts = [
        number
        for number, line in enumerate(lines)
        if line.strip() and line[0] not in " #\t" and ":" in line
    ]
    return [
        "".join(lines[start:end])
        for start, end in itertools.pairwise([*starts, len(lines)])
        if not lines[start].startswith("_")
    ]


def grown(text: str, count: int) -> str:
    """A catalogue with `count` entries: today's, and copies under other names."""
    entries = entries_of(text)
    added = []
    for number, entry in zip(range(count - len(entries)), itertools.cycle(entries), strict=False):
        body = "".join(
            line
            for line in entry.splitlines(keepends=True)
            if not line.startswith(("  aliases:", "  hub:"))
        )
        added.append(f"grown-{number}-{body}")
    return "\n".join([text, *added])


# Times the look-up alone: imports are done, the model itself was not asked for before.
LOOK_UP = """
import json, sys, time
import paramcalc
paramcalc.load("70b")
start = time.process_time()
paramcalc.load(sys.argv[1])
print(json.dumps(time.process_time() - start))
"""


def look_up_seconds(folder: Path) -> float:
    """CPU time of finding one model, in a fresh process with its catalogue in `folder`."""
    finished = subprocess.run(
        [sys.executable, "-c", LOOK_UP, MODEL],
        env={**os.environ, "PARAMCALC_DATA": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise FailedError(finished.stderr.strip()[-300:])
    return float(json.loads(finished.stdout))


def show_look_up(rounds: int) -> bool:
    """Print how a catalogue's size changes a look-up; true if it hardly does."""
    text = (ROOT / "data" / "models.yaml").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        today, large = Path(scratch, "today"), Path(scratch, "large")
        for folder, content in ((today, text), (large, grown(text, GROWN_ENTRIES))):
            folder.mkdir()
            (folder / "models.yaml").write_text(content, encoding="utf-8")
        pairs = [(look_up_seconds(today), look_up_seconds(large)) for _ in range(rounds)]
    small = statistics.median(pair[0] for pair in pairs) * 1000
    grew = statistics.median(pair[1] for pair in pairs) * 1000
    ratio = statistics.median(other / one for one, other in pairs)
    print(f"{MODEL} looked up among {len(entries_of(text))} entries: {small:.2f} ms, ", end="")
    print(f"among {GROWN_ENTRIES:,}: {grew:.2f} ms; ratio {ratio:.2f} ", end="")
    print(f"(limit {GROWN_LIMIT:.1f}, {verdict(ratio, GROWN_LIMIT)})")
    return ratio <= GROWN_LIMIT


def main() -> int:
    """Measure everything that works and say what does not."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("-n", "--runs", type=int, default=11, help="rounds (default 11)")
    rounds = max(1, parser.parse_args().runs)
    if not COMMAND.exists():
        parser.error(f"{COMMAND} does not exist; install the package into this environment first")
    # An edited module without bytecode is compiled at each start; users have it from the install.
    compileall.compile_dir(Path(__file__).parents[1] / "src", quiet=1)
    good = True
    for show in (show_processes, show_counting, show_look_up):
        try:
            good = show(rounds) and good
        except (FailedError, OSError, AttributeError) as error:
            print(f"{show.__name__}: {error}")
            good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
