"""The command as the shell starts it: pipes, signals, closed streams, terminals, locales."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "paramcalc"]
BASH = shutil.which("bash") or "bash"
BARE = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PYTHONPATH")}
pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")


def started(
    arguments: Sequence[str], environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=BARE | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


def in_bash(script: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A script in which `paramcalc` is the command."""
    command = " ".join(COMMAND)
    return subprocess.run(
        [BASH, "-c", f'paramcalc() {{ {command} "$@"; }}\n{script}'],
        env=BARE,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["count", "llama-3.1-8b", "--json"], 0),
        (["fit", "llama-3.1-8b", "--gpu", "24gb", "-q"], 0),
        (["fit", "70b", "--gpu", "24gb"], 1),
        (["fit", "70b", "--gpu", "24gb", "--exit-zero"], 0),
        (["count", "no-such-model"], 2),
        (["fit", "70b"], 2),
        ([], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int) -> None:
    assert started(arguments).returncode == code


def test_in_a_script() -> None:
    script = """
    paramcalc fit llama-3.1-8b -g 24gb -q && echo deploy
    paramcalc fit 70b -g 24gb -q || echo "no: $?"
    paramcalc fit 70b -g 24 -q 2>/dev/null || echo "no answer: $?"
    """
    assert in_bash(script).stdout == "deploy\nno: 1\nno answer: 2\n"


# --- a reader that goes away ----------------------------------------------------------------------


@pytest.mark.parametrize("unbuffered", ["", "PYTHONUNBUFFERED=1 "])
def test_head(unbuffered: str) -> None:
    # 45,395 lines: far more than a pipe holds.
    found = in_bash(
        f"{unbuffered}paramcalc count deepseek-v3 --by tensor --expand | head -1;"
        " echo ${PIPESTATUS[0]}"
    )
    assert found.stdout == "deepseek-v3 · deepseek_v3 · exact\n141\n"
    assert found.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["count", "7b"],
        ["count", "7b", "--json"],
        ["fit", "70b", "-g", "24gb"],
    ],
)
def test_a_reader_that_was_never_there(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        found = subprocess.run(
            [*COMMAND, *arguments],
            env=BARE,
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert found.returncode == 141
    assert found.stderr == b""


def test_nobody_reads_the_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        found = subprocess.run(
            [*COMMAND, "count", "no-such-model"],
            env=BARE,
            stdout=subprocess.PIPE,
            stderr=writing,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert (found.returncode, found.stdout) == (2, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["count 7b", "count 7b --json", "--help", "--version"])
def test_a_full_disk(command: str) -> None:
    found = in_bash(f"paramcalc {command} > /dev/full; echo $?")
    assert found.stdout == "2\n"
    assert found.stderr == "error: cannot write the answer: no space left on device\n"


def test_closed_streams() -> None:
    found = in_bash("paramcalc count 7b >&-; echo $?")
    assert found.stdout == "2\n"
    assert found.stderr.startswith("error: standard output is closed\nhint: ")
    assert in_bash("paramcalc fit 7b -g 80gb -q >&- 2>&-; echo $?").stdout == "0\n"
    assert in_bash("paramcalc count no-such-model 2>&-; echo $?").stdout == "2\n"


# --- standard input -------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["count -", "check -"])
def test_standard_input_that_is_closed(command: str) -> None:
    found = in_bash(f"paramcalc {command} <&-")
    assert "standard input is closed" in found.stdout + found.stderr
    assert found.returncode == 2
    assert "Traceback" not in found.stderr


def test_standard_input_that_is_empty() -> None:
    found = started(["count", "-"])
    assert (found.returncode, found.stdout) == (2, b"")
    assert b"`standard input` is empty" in found.stderr


def test_standard_input_without_an_end_is_not_read_to_it() -> None:
    found = in_bash("ulimit -v 2000000; yes 'fc: Linear(1, 1)' | paramcalc count -")
    assert (found.returncode, found.stdout) == (2, "")
    assert "is larger than" in found.stderr


# --- signals --------------------------------------------------------------------------------------


def test_control_c() -> None:
    process = subprocess.Popen(
        [*COMMAND, "count", "-"],
        env=BARE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(1)  # it waits for a spec by now
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (stdout, stderr) == (b"", b"")


# --- memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bomb", "a: &a [x,x,x,x,x,x,x,x,x]\n" * 1 + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n"
            for n in range(20)
        )),
        ("power", "fc: Linear(9**9**9**9, 1)\n"),
        ("text", "fc: Linear('a' * 10**12, 1)\n"),
        ("list", "fc: Linear(len([1] * 10**12), 1)\n"),
        ("layers", "layers[10**15]:\n  fc: Linear(1, 1)\n"),
        ("nested", "a[10**5]:\n  b[10**5]:\n    fc: Linear(i + 1, 1)\n"),
        ("brackets", "a: " + "[" * 1_000_000 + "\n"),
        ("keys", "".join(f"k{n}: Linear(1, 1)\n" for n in range(300_000))),
    ],
)  # fmt: skip
def test_no_spec_takes_much_time_or_memory(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.yaml").write_text(content)
    start = time.perf_counter()
    found = in_bash(f"ulimit -v 2000000; paramcalc count {name}.yaml", tmp_path)
    assert time.perf_counter() - start < 60
    assert found.returncode in (0, 2)
    assert "Traceback" not in found.stderr
    assert "a bug in" not in found.stderr


def test_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(100_000_000_000)
    found = in_bash("ulimit -v 2000000; paramcalc count large.yaml", tmp_path)
    assert (found.returncode, found.stdout) == (2, "")
    assert "is larger than" in found.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("fc: Linear(1, 1)\n")
    (tmp_path / "spec.yaml").chmod(0)
    found = in_bash("paramcalc count spec.yaml", tmp_path)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == "error: cannot read `spec.yaml`: permission denied\n"


# --- terminals ------------------------------------------------------------------------------------


def on_terminal(
    arguments: Sequence[str], environment: dict[str, str], columns: int = 80
) -> tuple[int, str]:
    """Exit code and output of a command that has a terminal of its own."""
    import fcntl
    import pty
    import struct
    import termios

    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - the command itself
        os.execve(sys.executable, [*COMMAND, *arguments], BARE | environment)  # noqa: S606
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    output = _everything(lambda: os.read(terminal, 65536))
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), output.decode().replace("\r\n", "\n")


def _everything(read: Callable[[], bytes]) -> bytes:
    output = b""
    while True:
        try:
            part = read()
        except OSError as error:  # how a terminal says that its program has ended
            if error.errno != errno.EIO:
                raise
            return output
        if not part:
            return output
        output += part


FIT = ["fit", "70b", "--gpu", "24gb"]


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm-256color", "NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_a_terminal(environment: dict[str, str], coloured: bool) -> None:
    code, shown = on_terminal(FIT, environment)
    assert code == 1
    assert ("\x1b[" in shown) == coloured
    assert "✗ does not fit" in shown


@pytest.mark.parametrize("columns", [30, 40, 72, 120])
@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_the_width_of_the_terminal_is_kept(columns: int, term: str) -> None:
    _, shown = on_terminal(FIT, {"TERM": term, "NO_COLOR": "1"}, columns)
    assert max(len(line) for line in shown.split("\n")) <= columns
    assert "140.0 GB" in shown or columns == 30
    assert "38.3 GB" in shown


def test_a_terminal_shows_bars_and_a_pipe_does_not() -> None:
    _, shown = on_terminal(["count", "llama-3.1-8b"], {"TERM": "xterm", "NO_COLOR": "1"})
    assert "█" in shown
    assert "█" not in started(["count", "llama-3.1-8b"]).stdout.decode()


def test_standard_input_that_is_a_terminal() -> None:
    code, shown = on_terminal(["count", "-"], {"TERM": "xterm"})
    assert code == 2
    assert shown.startswith("error: standard input is a terminal\nhint: ")


def test_a_pipe_has_no_width() -> None:
    shown = started(["count", "deepseek-v3", "--by", "tensor"]).stdout.decode()
    assert "model.layers.3-60.mlp.experts.0-255.gate_proj.weight " in shown
    assert "\x1b" not in shown


# --- locales --------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_any_encoding_of_the_output(encoding: str) -> None:
    found = started(FIT, {"PYTHONIOENCODING": encoding})
    shown = found.stdout.decode(encoding)
    assert found.returncode == 1
    assert found.stderr == b""
    assert "140.0 GB" in shown
    mark = "✗" if encoding == "utf-8" else "x"
    assert f"{mark} does not fit" in shown


def test_an_error_in_ascii() -> None:
    found = started(["count", "café"], {"PYTHONIOENCODING": "ascii"})
    assert found.returncode == 2
    assert found.stderr.startswith(b"error: no model named `caf?`")


def test_the_c_locale() -> None:
    found = started(FIT, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert found.returncode == 1
    assert b"does not fit" in found.stdout
    found = started(["list", "models", "--json"], {"LC_ALL": "C", "PYTHONUTF8": "0"})
    assert found.returncode == 0
