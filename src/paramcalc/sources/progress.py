"""Who is told how far a long piece of work has come. Nobody, unless a program asks for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar

Advance = Callable[[], None]
Watch = Callable[[int], AbstractContextManager[Advance]]
"""From the number of steps to what is to be called after each of them."""

WATCH: ContextVar[Watch | None] = ContextVar("WATCH", default=None)
