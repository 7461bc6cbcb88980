"""The entry point: exit codes, and errors as a person wants them."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

OK, NO, USAGE, BUG, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 70, 130, 141
_COMPLETION = "_PARAMCALC_COMPLETE"


def run() -> NoReturn:
    """Run the command line of this process and end it."""
    # A command allocates much and drops little: the collector would only walk over it.
    gc.disable()
    code = main(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # closed by whoever started the process
                stream.flush()
        except (OSError, ValueError):
            code = code or PIPE_CLOSED
    # Everything is written: taking a few hundred modules down in order is a sixth of the time.
    os._exit(code)


def main(arguments: Sequence[str]) -> int:
    """Run one command; the result is its exit code."""
    try:
        if list(arguments) in (["--version"], ["-V"]):
            # Answered before anything is imported.
            from paramcalc import __version__

            print(f"paramcalc {__version__}", flush=True)  # noqa: T201 - the answer
            return OK
        return _dispatch(list(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return PIPE_CLOSED
    except Exception as error:  # noqa: BLE001 - whatever else happens is told in one way
        return _report(error, list(arguments))


def _dispatch(arguments: list[str]) -> int:
    from paramcalc.cli.app import command

    if _COMPLETION in os.environ:
        command(completing=True)(prog_name="paramcalc")
        return OK
    if any("/" in argument for argument in arguments):
        from paramcalc.cli.progress import watched  # only where there may be files to wait for

        watched()
    root = command()
    with root.make_context("paramcalc", arguments) as context:
        result = root.invoke(context)
    return result if isinstance(result, int) else OK


def _report(error: Exception, arguments: list[str]) -> int:
    from paramcalc.errors import ParamcalcError

    # Typer's own exceptions are told by what they carry: newer versions bring click with them.
    kind = type(error).__name__
    if kind in ("Exit", "NoArgsIsHelpError"):
        shown = getattr(error, "format_message", None)
        if kind == "NoArgsIsHelpError" and shown:
            _say(shown())
            return USAGE
        return int(getattr(error, "exit_code", OK))
    if kind == "Abort":
        return INTERRUPTED
    if "--debug" in arguments:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, ParamcalcError):
        for problem in error.problems:
            _say(f"error: {problem}")
        return USAGE
    if hasattr(error, "format_message"):
        _say(_usage(error, arguments))
        return USAGE
    if isinstance(error, OSError):
        _say(f"error: cannot write the answer: {(error.strerror or str(error)).lower()}")
        return USAGE
    _say(f"error: a bug in paramcalc: {kind}: {error}\nhint: --debug shows where")
    return BUG


def _usage(error: Exception, arguments: list[str]) -> str:
    """A wrong option or argument, in the words of the other errors."""
    from paramcalc.cli.app import COMMANDS

    message = str(error.format_message())  # type: ignore[attr-defined]
    message = (message[:1].lower() + message[1:]).rstrip(".")
    command = "".join(f" {word}" for word in arguments[:1] if word in COMMANDS)
    return f"error: {message}\nhint: `paramcalc{command} --help` shows how it is written"


def _say(text: str) -> None:
    """Write to standard error, whatever characters it can show, if there is one."""
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    with suppress(OSError, AttributeError):  # closed, or its reader has gone: the code tells
        sys.stderr.write(text.encode(encoding, "replace").decode(encoding).rstrip("\n") + "\n")
