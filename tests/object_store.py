"""A local S3 server in a process of its own, and a proxy before it that harms requests by rule.

The server is moto's: it keeps objects in memory and looks at no signature. The proxy is threads of
this process: a test gives it rules while clients run, in this process or in others, and reads what
was asked. Which client it is, and what its store is called, is not known here.
"""

from __future__ import annotations

import http.client
import logging
import math
import socket
import subprocess
import sys
import threading
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}
"""Headers that speak of one connection: each side of the proxy has its own."""

THROTTLED_S = 0.05
"""How long a throttled answer waits between its pieces."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection ends without an answer; the server hears nothing of the request."""

    after_bytes: int = 0
    """So much of the request's body is read before."""


@dataclass(frozen=True, slots=True)
class DropAnswer:
    """The server does what it is asked; the connection ends in place of its answer."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """An error in S3's XML; the server hears nothing of the request."""

    status: int
    code: str
    """As S3 has it: SlowDown, ExpiredToken, ..."""
    message: str = "refused by a rule"


@dataclass(frozen=True, slots=True)
class Delay:
    """The server does what it is asked; its answer comes so much later, or never."""

    seconds: float = math.inf


@dataclass(frozen=True, slots=True)
class Truncate:
    """The connection ends after so much of the answer's body, which was announced in full."""

    after_bytes: int


@dataclass(frozen=True, slots=True)
class Throttle:
    """The answer's body comes so fast."""

    bytes_per_s: float


Fault = Drop | DropAnswer | Refuse | Delay | Truncate | Throttle


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked, whatever became of it."""

    method: str
    path: str
    """``/bucket/key`` as people write it, without what comes after ``?``."""
    query: str
    headers: dict[str, str]
    """By names in lower case."""
    fault: Fault | None


@dataclass(slots=True)
class _Rule:
    fault: Fault
    method: str
    path: str
    nth: Container[int] | None
    num_matched: int = 0

    def meets(self, method: str, path: str) -> bool:
        """Whether the fault is this request's, the next that comes."""
        if not (fnmatchcase(method, self.method) and fnmatchcase(path, self.path)):
            return False
        number = self.num_matched
        self.num_matched += 1
        return self.nth is None or number in self.nth


@dataclass(slots=True)
class Proxy:
    """Passes requests on to a server, but for what its rules say. Made by ``fault_proxy``."""

    upstream: str
    """The server's host and port."""
    url: str = ""
    """Where clients find the proxy."""
    closing: threading.Event = field(default_factory=threading.Event)
    """Set when nothing is to be waited for any longer."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _rules: list[_Rule] = field(default_factory=list)
    _requests: list[Request] = field(default_factory=list)

    def rule(
        self, fault: Fault, method: str = "*", path: str = "*", *, nth: Container[int] | None = None
    ) -> None:
        """Let requests meet ``fault``.

        ``method`` and ``path`` (``/bucket/key``) are patterns as in ``fnmatch``: ``*`` stands for
        slashes, too. Of requests that match, ``nth`` holds the numbers, from 0 on, of those that
        meet the fault; None is all. Of several faults of one request, that of the first rule holds.
        """
        with self._lock:
            self._rules.append(_Rule(fault, method, path, nth))

    def clear(self) -> None:
        """Forget all rules and requests."""
        with self._lock:
            self._rules.clear()
            self._requests.clear()

    def requests(self, method: str = "*", path: str = "*") -> list[Request]:
        """What was asked since ``clear``, in the order of arrival; patterns as in ``rule``."""
        with self._lock:
            return [
                each
                for each in self._requests
                if fnmatchcase(each.method, method) and fnmatchcase(each.path, path)
            ]

    def admit(self, method: str, target: str, headers: dict[str, str]) -> Fault | None:
        """Note a request, and return the fault it meets."""
        parts = urlsplit(target)
        path = unquote(parts.path)
        with self._lock:
            # Every rule counts every request, whichever rule holds.
            faults = [rule.fault for rule in self._rules if rule.meets(method, path)]
            fault = faults[0] if faults else None
            self._requests.append(Request(method, path, parts.query, headers, fault))
        return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # short answers would wait 40 ms for an acknowledgement
    server: _Server

    def handle(self) -> None:
        # Clients close connections whenever they like: nobody is left to answer.
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Say nothing: tests ask the proxy."""

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        fault = self.server.proxy.admit(self.command, self.path, headers)
        length = int(headers.get("content-length", 0))
        if isinstance(fault, Drop):
            self.rfile.read(min(fault.after_bytes, length))
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if len(body) < length:  # the client is gone
            self.close_connection = True
            return
        if isinstance(fault, Refuse):
            self._refuse(fault)
            return
        connection = http.client.HTTPConnection(self.server.proxy.upstream)
        try:
            passed = {name: value for name, value in headers.items() if name not in HOP_BY_HOP}
            connection.request(self.command, self.path, body or None, passed)
            with connection.getresponse() as answer:
                # It is read whole before any of it is sent: what is slow is never the server.
                self._answer(answer, answer.read(), fault)
        finally:
            connection.close()

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815  the names that are looked for

    def _answer(self, answer: http.client.HTTPResponse, body: bytes, fault: Fault | None) -> None:
        if isinstance(fault, DropAnswer) or (isinstance(fault, Delay) and self._closes(fault)):
            self.close_connection = True
            return
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        # An answer to HEAD announces a body that does not come.
        announced = answer.getheader("content-length") if self.command == "HEAD" else len(body)
        self.send_header("content-length", str(announced or 0))
        self.end_headers()
        if isinstance(fault, Truncate):
            body = body[: fault.after_bytes]
            self.close_connection = True
        if isinstance(fault, Throttle):
            self._trickle(body, max(1, round(fault.bytes_per_s * THROTTLED_S)))
        else:
            self.wfile.write(body)

    def _closes(self, delay: Delay) -> bool:
        """Wait; whether the proxy closes meanwhile."""
        return self.server.proxy.closing.wait(None if math.isinf(delay.seconds) else delay.seconds)

    def _trickle(self, body: bytes, piece_bytes: int) -> None:
        for start in range(0, len(body), piece_bytes):
            self.wfile.write(body[start : start + piece_bytes])
            if self.server.proxy.closing.wait(THROTTLED_S):
                self.close_connection = True
                return

    def _refuse(self, fault: Refuse) -> None:
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{fault.code}</Code>'
            f"<Message>{fault.message}</Message><RequestId>0</RequestId></Error>"
        ).encode()
        self.send_response_only(fault.status)
        self.send_header("content-type", "application/xml")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # all end with the proxy
    request_queue_size = 128

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy
        self.connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End all connections: clients keep them for requests to come."""
        for connection in list(self.connections):
            with suppress(OSError):  # it has ended
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def fault_proxy(url: str) -> Iterator[Proxy]:
    """Stand before the server at ``url``, without any rule at first."""
    proxy = Proxy(urlsplit(url).netloc)
    with _Server(proxy) as server:
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
            proxy.closing.set()
            server.hang_up()


@contextmanager
def s3_server(*buckets: str) -> Iterator[str]:
    """Start a server that has these ``buckets``, all empty; give its URL.

    However the caller's process ends, the server ends with it: it waits for the end of its input.
    Of several that create one object at a time, one does.
    """
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().decode().strip()
            assert url, "the server did not start: standard error says why"
            for bucket in buckets:
                _make_bucket(url, bucket)
            yield url
        finally:
            process.stdin.close()


def environment(url: str) -> dict[str, str]:
    """What clients of the server or proxy at ``url`` find in their environment."""
    return {
        "AWS_ACCESS_KEY_ID": "AKIAOFNOACCOUNT",
        "AWS_SECRET_ACCESS_KEY": "secret-of-no-account",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "AWS_ALLOW_HTTP": "true",
    }


def _make_bucket(url: str, bucket: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    try:
        connection.request("PUT", f"/{bucket}")
        assert connection.getresponse().status == http.client.OK, bucket
    finally:
        connection.close()


def _serve() -> None:
    # What imports this module may be without them.
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = DomainDispatcherApplication(create_backend_app)
    turn = threading.Lock()

    def in_turn(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        # Moto looks for an object and then puts it, without a lock: two could both create it.
        with turn:
            return list(application(environ, start_response))

    server = make_server("127.0.0.1", 0, in_turn, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _serve()
