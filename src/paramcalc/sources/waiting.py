"""Work that may hang, done beside: whoever waits for it waits for a bounded time, and can leave.

Threads that do not keep the interpreter from ending do the work. A name server that does not
answer, or a server that sends a byte now and then, cannot hold anybody up beyond the limit.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from functools import partial
from threading import Event, Lock, Thread
from typing import TypeVar

from paramcalc.errors import ParamcalcError
from paramcalc.sources.progress import WATCH

AT_ONCE = 8
"""Files that are read side by side."""
MOST_SECONDS = 300.0
"""For one model, all files together."""
MOST_BYTES = 500_000_000
"""For one model: the largest headers of all are a twentieth of that."""

T = TypeVar("T")


class Limit:
    """Time and bytes that one task may take, counted over all of its threads."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + MOST_SECONDS
        self._bytes = 0
        self._lock = Lock()
        self._over = Event()

    def left(self) -> float:
        """Seconds; raises `ParamcalcError` if there are none."""
        seconds = self._ends - time.monotonic()
        if seconds <= 0 or self._over.is_set():
            raise _too_long()
        return seconds

    def stop(self) -> None:
        """Nobody waits any more: what still runs ends at its next look at the limit."""
        self._over.set()

    def took(self, count: int) -> None:
        """So many bytes have come."""
        self.left()
        with self._lock:
            self._bytes += count
        if self._bytes > MOST_BYTES:
            raise ParamcalcError(f"the headers take more than {MOST_BYTES:,} bytes")

    def pause(self, seconds: float) -> None:
        """Wait; raises `ParamcalcError` at once if there is less time than that."""
        if seconds > self.left():
            raise _too_long()
        self._over.wait(seconds)

    def done(self, work: Callable[[], T]) -> T:
        """What the work returns or raises, if it ends in time."""
        return self._result(_started(work))

    def _result(self, future: Future[T]) -> T:
        try:
            return future.result(self.left())
        except TimeoutError:
            raise _too_long() from None

    def in_order(self, names: Sequence[str], read: Callable[[str], T]) -> Iterator[T]:
        """What ``read`` returns for each name; some are read ahead, side by side."""
        watch = WATCH.get()
        with watch(len(names)) if watch else nullcontext(lambda: None) as advance:
            waiting: deque[Future[T]] = deque()
            for name in names:
                if len(waiting) == AT_ONCE:
                    yield self._result(waiting.popleft())
                    advance()
                waiting.append(_started(partial(read, name)))
            while waiting:
                yield self._result(waiting.popleft())
                advance()


def _started(work: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def _too_long() -> ParamcalcError:
    return ParamcalcError(
        f"reading the headers took longer than {MOST_SECONDS:g} seconds",
        "try again; a file that was downloaded before can be given by its path",
    )
