"""What every reader of strangers' files must keep to: our own error, soon, and in little memory."""

from __future__ import annotations

import os
import time
import tracemalloc
from pathlib import Path

import pytest

import paramcalc

SECONDS = 10.0  # a fraction of one where nothing else runs; this catches what never ends
MEGABYTES = 100


def refused(path: Path) -> str:
    """The message that a file is refused with, soon."""
    start = time.process_time()
    with pytest.raises(paramcalc.ParamcalcError) as caught:
        paramcalc.load(path)
    assert time.process_time() - start < SECONDS
    message = str(caught.value)
    assert len(message) < 1_000
    assert message.replace("\n", "").isprintable()
    return message


def read_or_refused(path: Path) -> paramcalc.Model | None:
    """The model, or None if it is refused; anything else is a bug."""
    try:
        return paramcalc.load(path)
    except paramcalc.ParamcalcError:
        return None


def megabytes_for(path: Path) -> float:
    """The most memory that reading a file takes on top of what was there."""
    tracemalloc.start()
    try:
        read_or_refused(path)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


has_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
