"""A model hub on this machine: the routes, redirects and refusals of the real one, over HTTP.

Two servers, as the hub and the network that holds its large files: the first answers questions and
sends to the second, on another origin. What goes wrong is said per path, request by request.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_CACHED = re.compile(r"/api/resolve-cache/models/([^/]+/[^/]+)/([^/]+)/(.+)")
_INFO = re.compile(r"/api/models/([^/]+/[^/]+)/revision/([^/?]+)(?:\?.*)?")
_BLOB = re.compile(r"/blobs/([^/]+/[^/]+)/(.+)")
_PACKED = gzip.compress(b"\0" * 50_000_000)
SMALL = (".json", ".md")


class Sparse:
    """A file that is larger than its bytes: the rest are zeros, which nobody should fetch."""

    def __init__(self, start: bytes, size: int) -> None:
        self.start = start
        self.size = size

    def __getitem__(self, part: slice) -> bytes:
        begin, end = part.start, min(part.stop, self.size)
        return (self.start[begin:end]).ljust(end - begin, b"\0")

    def __len__(self) -> int:
        return self.size


Content = bytes | Sparse
Fault = Callable[["Handler"], bool]
"""Answers in place of the server, or returns False."""


class Asked(NamedTuple):
    """One request as a server has seen it."""

    server: str
    path: str
    headers: dict[str, str]


class Hub:
    """What the servers hold, what they do wrong, and what they were asked."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, Content]] = {}
        self.faults: dict[str, list[Fault]] = {}
        """By the end of a path: one for each request, the last one for all that follow."""
        self.asked: list[Asked] = []
        self.sent = 0
        """Bytes of bodies."""
        self.gated: set[str] = set()
        self.private: set[str] = set()
        self.token = "hf_right"  # noqa: S105 - of no use elsewhere
        self.renamed: dict[str, str] = {}
        self.servers: dict[str, ThreadingHTTPServer] = {}
        self.ended = threading.Event()

    def url(self, server: str = "hub") -> str:
        return f"http://127.0.0.1:{self.servers[server].server_address[1]}"

    def add(self, repository: str, folder: Path) -> None:
        """A repository with the files of a folder."""
        self.files[repository] = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def paths(self, server: str | None = None) -> list[str]:
        return [one.path for one in self.asked if server in (None, one.server)]


class Server(ThreadingHTTPServer):
    """Says nothing of connections that somebody else has closed."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub
    name: str

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub = self.hub
        headers = {key.lower(): value for key, value in self.headers.items()}
        hub.asked.append(Asked(self.name, self.path, headers))
        try:
            if not self.broken():
                (self.answer_as_hub if self.name == "hub" else self.answer_as_store)()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def broken(self) -> bool:
        for ending, faults in self.hub.faults.items():
            if self.path.partition("?")[0].endswith(ending):
                fault = faults.pop(0) if len(faults) > 1 else faults[0]
                return fault(self)
        return False

    def answer_as_hub(self) -> None:
        for pattern, answer in (
            (_INFO, self.info),
            (_CACHED, self.cached),
            (_RESOLVE, self.resolve),
        ):
            found = pattern.fullmatch(self.path)
            if found:
                repository, revision, *file = found.groups()
                if repository in self.hub.renamed:
                    self.redirect(307, self.path.replace(repository, self.hub.renamed[repository]))
                elif self.allowed(repository, revision, is_file=bool(file)):
                    answer(repository, *file)
                return
        self.refuse(404, "")

    def allowed(self, repository: str, revision: str, *, is_file: bool) -> bool:
        hub, sent = self.hub, self.headers.get("authorization")
        if sent not in (None, f"Bearer {hub.token}"):
            self.refuse(401, "", "Invalid credentials in Authorization header")
        elif repository not in hub.files or (repository in hub.private and not sent):
            self.refuse(404 if sent else 401, "RepoNotFound" if sent else "")
        elif revision not in ("main", "v1%2E0", "v1.0", "refs%2Fpr%2F1", COMMIT):
            self.refuse(404, "RevisionNotFound")
        elif repository in hub.gated and is_file:
            self.refuse(403 if sent else 401, "GatedRepo")
        else:
            return True
        return False

    def info(self, repository: str) -> None:
        files = self.hub.files[repository]
        rows = [{"rfilename": path, "size": len(content)} for path, content in files.items()]
        about = {"id": repository, "sha": COMMIT, "siblings": rows, "private": False}
        body = json.dumps(about | {"cardData": {"license": "mit"}, "gated": False})
        self.send(200, body.encode(), {"Content-Type": "application/json"})

    def resolve(self, repository: str, file: str) -> None:
        if file not in self.hub.files[repository]:
            return self.refuse(404, "EntryNotFound")
        size = len(self.hub.files[repository][file])
        told = {"X-Repo-Commit": COMMIT, "ETag": f'"{file}-{size}"'}
        if file.endswith(SMALL):
            place = f"/api/resolve-cache/models/{repository}/{COMMIT}/{file}"
            return self.redirect(307, place, told)
        told |= {"X-Linked-Size": str(size), "X-Linked-ETag": f'"{file}-{size}"'}
        place = f"{self.hub.url('store')}/blobs/{repository}/{file}"
        return self.redirect(302, place, told)

    def cached(self, repository: str, file: str) -> None:
        self.part(self.hub.files[repository][file], file)

    def answer_as_store(self) -> None:
        found = _BLOB.fullmatch(self.path)
        assert found is not None, self.path
        self.part(self.hub.files[found[1]][found[2]], found[2])

    def part(self, content: Content, file: str) -> None:
        size = len(content)
        told = {"X-Repo-Commit": COMMIT, "ETag": f'"{file}-{size}"', "Accept-Ranges": "bytes"}
        begin, end = self.wanted(size)
        if begin is None:
            return self.send(200, content[0:size], told)
        if begin >= size:
            return self.send(416, b"", told | {"Content-Range": f"bytes */{size}"})
        told["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
        return self.send(206, content[begin:end], told)

    def wanted(self, size: int) -> tuple[int | None, int]:
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
        return (int(found[1]), min(int(found[2]) + 1, size)) if found else (None, size)

    def redirect(self, status: int, place: str, told: dict[str, str] | None = None) -> None:
        self.send(status, b"", {"Location": place} | (told or {}))

    def refuse(self, status: int, code: str, message: str = "") -> None:
        told = {"X-Error-Code": code} if code else {}
        self.send(status, b'{"error":"no"}', told | ({"X-Error-Message": message or code}))

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.put(body)

    def put(self, body: bytes) -> None:
        self.wfile.write(body)
        self.hub.sent += len(body)


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub and its store, each on a port of its own."""
    hub = Hub()
    threads = []
    for name in ("hub", "store"):
        handler: Any = type(name, (Handler,), {"hub": hub, "name": name})
        server = Server(("127.0.0.1", 0), handler)
        hub.servers[name] = server
        threads.append(threading.Thread(target=server.serve_forever, args=(0.01,)))
        threads[-1].start()
    try:
        yield hub
    finally:
        hub.ended.set()
        for one in hub.servers.values():
            one.shutdown()
            one.server_close()
        for thread in threads:
            thread.join()


# --- what goes wrong -----------------------------------------------------------------------------


def fine(_: Handler) -> bool:
    return False


def status(number: int, code: str = "", **headers: str) -> Fault:
    def fault(handler: Handler) -> bool:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.send(number, b"", told | ({"X-Error-Code": code} if code else {}))
        return True

    return fault


def redirected(place: str) -> Fault:
    def fault(handler: Handler) -> bool:
        handler.redirect(302, place)
        return True

    return fault


def cut(handler: Handler) -> bool:
    """Say that there is more than is sent."""
    handler.send_response(206)
    handler.send_header("Content-Range", "bytes 0-131071/9000000")
    handler.send_header("Content-Length", "131072")
    handler.end_headers()
    handler.put(b"\0" * 100)
    handler.close_connection = True
    return True


def closed(handler: Handler) -> bool:
    """Close the connection without an answer."""
    handler.close_connection = True
    return True


def silent(handler: Handler) -> bool:
    """Never answer."""
    handler.hub.ended.wait(20)
    handler.close_connection = True
    return True


def dripping(handler: Handler) -> bool:
    """A byte of a header now and then: no read ever takes long."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    handler.wfile.flush()
    while not handler.hub.ended.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()
    handler.close_connection = True
    return True


def slow(handler: Handler) -> bool:
    """Right, but a little at a time."""
    write = handler.wfile.write

    def later(data: Any) -> int:
        for at in range(0, len(data), 2000):
            write(data[at : at + 2000])
            time.sleep(0.01)
        return len(data)

    handler.wfile.write = later  # type: ignore[method-assign]
    return False


def whole(handler: Handler) -> bool:
    """All of the file, whatever part is asked for."""
    del handler.headers["range"]
    return False


def endless(handler: Handler) -> bool:
    """A body in chunks, without a length and without an end."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while not handler.hub.ended.is_set():
        handler.put(b"10000\r\n" + b"\0" * 65536 + b"\r\n")
    return True


def more(handler: Handler) -> bool:
    """More bytes than the part has that was asked for and announced."""
    handler.send_response(206)
    handler.send_header("Content-Range", "bytes 0-131071/900000000")
    handler.send_header("Connection", "close")
    handler.end_headers()
    while not handler.hub.ended.is_set():
        handler.put(b"\0" * 65536)
    return True


def elsewhere(handler: Handler) -> bool:
    """Another part than was asked for."""
    body = b"\0" * 131072
    handler.send(206, body, {"Content-Range": f"bytes 9-{len(body) + 8}/9000000"})
    return True


def packed(handler: Handler) -> bool:
    """A few bytes that unpack to many."""
    handler.send(200, _PACKED, {"Content-Encoding": "gzip"})
    return True
