"""Parts of files from a model hub: redirects, retries and every bound on what a server may send.

The connection is that of ``huggingface_hub`` (its session, so its proxies and certificates, with
``requests`` in its versions below 1 and ``httpx`` or ``httpx2`` since). What is asked for is asked
here, because its own helpers read whatever a server sends, however much that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from paramcalc.errors import ParamcalcError
from paramcalc.sources import hub_library
from paramcalc.sources.hub_errors import BrokenError, Subject, broken, is_of_the_way, refused
from paramcalc.sources.waiting import Limit

MOST_REDIRECTS = 5
MOST_RETRIES = 3
BACKOFF_SECONDS = 0.5
"""Before the first retry; twice as much before each further one."""
LONGEST_WAIT_SECONDS = 30.0
"""A server that asks for a longer pause is not waited for."""
NOWHERE = "an unknown host"
_REDIRECTS = {301, 302, 303, 307, 308}
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", re.ASCII)
_NO_RANGE = re.compile(r"bytes \*/(\d{1,19})", re.ASCII)
_PORTS = {"http": 80, "https": 443}


class Part(NamedTuple):
    """Some bytes of a file, and how many it has in all."""

    data: bytes
    size: int


class Answer(NamedTuple):
    """What a server answers, before the first byte of the body is taken."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


class Client:
    """Asks one hub, within the limits of one task."""

    def __init__(self, endpoint: str, token: str | None, timeout: float, limit: Limit) -> None:
        if not endpoint.startswith(("http://", "https://")) or host_of(endpoint) == NOWHERE:
            raise ParamcalcError(
                "HF_ENDPOINT is no address of a hub", "it is written as https://huggingface.co"
            )
        self.endpoint = endpoint
        self.token = token
        self.timeout = timeout
        self.limit = limit

    @property
    def host(self) -> str:
        """The hub as a message calls it."""
        return host_of(self.endpoint)

    def part(self, path: str, subject: Subject, start: int, count: int) -> Part:
        """So many bytes of a file from ``start`` on, or all up to its end.

        Raises `ParamcalcError` for whatever goes wrong, after some retries where they may help.
        """
        return self.limit.done(partial(self._retried, path, subject, (start, count)))

    def document(self, path: str, subject: Subject, most_bytes: int) -> bytes:
        """A whole answer of the hub's, of no more than so many bytes."""
        wanted = partial(self._retried, path, subject, (0, most_bytes), ranged=False)
        return self.limit.done(wanted).data

    def _retried(
        self, path: str, subject: Subject, wanted: tuple[int, int], *, ranged: bool = True
    ) -> Part:
        attempt = 0
        while True:
            try:
                return self._followed(self.endpoint + path, subject, wanted, ranged=ranged)
            except BrokenError as problem:
                wait = problem.retry_after
                if wait is None:
                    wait = BACKOFF_SECONDS * 2**attempt
                attempt += 1
                if not problem.may_pass or attempt > MOST_RETRIES or wait > LONGEST_WAIT_SECONDS:
                    raise problem.error from None
                self.limit.pause(wait)

    def _followed(
        self, url: str, subject: Subject, wanted: tuple[int, int], *, ranged: bool
    ) -> Part:
        """The answer at the end of the redirects."""
        start, count = wanted
        for _ in range(MOST_REDIRECTS + 1):
            self.limit.left()
            with self._opened(url, f"bytes={start}-{start + count - 1}" if ranged else None) as got:
                if got.status not in _REDIRECTS:
                    return self._taken(got, subject, start, count)
                url = _target(url, got.headers.get("location"), subject)
        raise ParamcalcError(f"{subject.host} redirects `{subject}` in a circle")

    @contextmanager
    def _opened(self, url: str, wanted: str | None) -> Iterator[Answer]:
        """An answer whose body is still to come; it is dropped where the reading ends."""
        # Compressed bytes could unpack to any size, and a part of them is of no use.
        headers = {"accept-encoding": "identity", "user-agent": hub_library.user_agent()}
        if wanted:
            headers["range"] = wanted
        if self.token and _origin(url) == _origin(self.endpoint):
            headers["authorization"] = f"Bearer {self.token}"
        try:
            with _asked(hub_library.session(), url, headers, self.timeout) as answer:
                yield answer
        except (ParamcalcError, BrokenError):
            raise
        except Exception as error:
            # Of three libraries and of those below them, which have no type in common.
            if not is_of_the_way(error):
                raise
            raise broken(error, host_of(url)) from None

    def _taken(self, got: Answer, subject: Subject, start: int, count: int) -> Part:
        """The bytes asked for, and no more, whatever is sent."""
        if got.headers.get("content-encoding", "identity") != "identity":
            raise ParamcalcError(f"{subject.host} sends `{subject}` in another encoding than asked")
        if got.status == 206:
            end, size = _described(got, subject, start, count)
            data = self._body(got.chunks, end + 1 - start)
            if len(data) < end + 1 - start:
                raise BrokenError(_cut(subject))
            return Part(data, size)
        if got.status == 416:
            found = _NO_RANGE.fullmatch(got.headers.get("content-range", "bytes */0"))
            return Part(b"", int(found[1]) if found else 0)
        if got.status != 200:
            raise refused(got.status, got.headers, subject)
        data = self._body(got.chunks, count + 1)
        if start or len(data) > count:
            raise _too_much(subject, count)
        length = got.headers.get("content-length", "")
        if length.isdecimal() and len(length) < 20 and int(length) > len(data):
            raise BrokenError(_cut(subject))
        return Part(data, len(data))

    def _body(self, chunks: Iterator[bytes], most_bytes: int) -> bytes:
        """So many bytes at most; the rest is not waited for."""
        pieces: list[bytes] = []
        room = most_bytes
        for chunk in chunks:
            self.limit.took(len(chunk))
            pieces.append(chunk[:room])
            room -= len(pieces[-1])
            if not room:
                break
        return b"".join(pieces)


@contextmanager
def _asked(session: Any, url: str, headers: Mapping[str, str], timeout: float) -> Iterator[Answer]:
    """Ask, with either kind of session."""
    if callable(getattr(session, "stream", None)):
        with session.stream(
            "GET", url, headers=headers, follow_redirects=False, timeout=timeout
        ) as got:
            yield Answer(got.status_code, got.headers, got.iter_raw())
    else:
        with session.get(
            url, headers=headers, allow_redirects=False, stream=True, timeout=timeout
        ) as got:
            yield Answer(got.status_code, got.headers, got.raw.stream(1 << 16, False))


def _described(got: Answer, subject: Subject, start: int, count: int) -> tuple[int, int]:
    """Last byte and size of the file, as an answer with a part of it says."""
    found = _RANGE.fullmatch(got.headers.get("content-range", ""))
    if found:
        begin, end, size = map(int, found.groups())
        # As much as was asked for, or up to the end of the file.
        if begin == start and end == min(start + count, size) - 1 and begin <= end:
            return end, size
    raise ParamcalcError(
        f"{subject.host} answers with another part of `{subject}` than was asked for"
    )


def _too_much(subject: Subject, count: int) -> ParamcalcError:
    if subject.file is None:
        return ParamcalcError(f"what {subject.host} says of `{subject}` is over {count:,} bytes")
    return ParamcalcError(
        f"{subject.host} sends all of `{subject}` where a part was asked for",
        "weights are not downloaded; another HF_ENDPOINT may know range requests",
    )


def _cut(subject: Subject) -> ParamcalcError:
    return ParamcalcError(
        f"the connection to {subject.host} breaks off in `{subject}`", "try again"
    )


def _target(url: str, location: str | None, subject: Subject) -> str:
    """Where a redirect leads, if that is a place to go to."""
    try:
        found = urljoin(url, location or "")
        before, after = urlsplit(url).scheme, urlsplit(found).scheme
        if location and _origin(found)[1] and after in ("https", before):
            return found
    except ValueError:
        pass
    raise ParamcalcError(f"{subject.host} redirects `{subject}` to no address that can be used")


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: to no other a token may go."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)


def host_of(url: str) -> str:
    """Host and port of an address, without a name or a password in it.

    >>> host_of("https://me:secret@mirror.example:8443/hub")
    'mirror.example:8443'
    """
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.hostname}{port}" if parts.hostname else NOWHERE
    except ValueError:
        return NOWHERE
