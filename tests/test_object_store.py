"""The store that tests write to is one, and the proxy before it does harm where it is told to."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fault_runs import until
from object_store import (
    Delay,
    Drop,
    DropAnswer,
    Fault,
    Proxy,
    Refuse,
    Throttle,
    Truncate,
    environment,
    fault_proxy,
    s3_server,
)

pytestmark = pytest.mark.cloud
obstore = pytest.importorskip("obstore", reason="obstore is not installed")
pytest.importorskip("moto", reason="moto is not installed")

BODY = bytes(range(256)) * 400


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server with a bucket."""
    with s3_server("bucket") as url:
        yield url


@pytest.fixture
def proxy(server: str) -> Iterator[Proxy]:
    """A proxy without rules."""
    with fault_proxy(server) as made:
        yield made


@pytest.fixture
def store(proxy: Proxy, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of the proxy that tries once, in a folder of the test's own."""
    for name, value in environment(proxy.url).items():
        monkeypatch.setenv(name, value)
    return client(request.node.name)


def client(folder: str, **options: Any) -> Any:
    """A client that finds everything in its environment, and tries once."""
    return obstore.store.S3Store(
        "bucket", prefix=folder, retry_config={"max_retries": 0}, **options
    )


def holds(store: Any, name: str) -> bool:
    """Whether the store has an object of that name."""
    return any(each["path"] == name for each in store.list().collect())


def refused(url: str) -> bool:
    """Whether nobody listens there."""
    address = urlsplit(url)
    with socket.socket() as connection:
        return connection.connect_ex((address.hostname, address.port)) != 0


def test_what_is_put_is_got_listed_and_deleted(store: Any, proxy: Proxy) -> None:
    store.put("a/b é", BODY)

    assert BODY == store.get("a/b é").bytes()
    assert BODY[7:11] == store.get_range("a/b é", start=7, length=4)
    assert len(BODY) == store.head("a/b é")["size"]
    assert ["a/b é"] == [each["path"] for each in store.list().collect()]
    store.delete("a/b é")
    assert not holds(store, "a/b é")
    assert ["PUT", "GET", "GET", "HEAD", "GET", "POST", "GET"] == [
        each.method for each in proxy.requests()
    ]
    assert 4 == len(proxy.requests(path="/bucket/*/a/b é"))


def test_of_twenty_that_create_an_object_one_does(store: Any) -> None:
    barrier, created = threading.Barrier(20), []

    def create(number: int) -> None:
        barrier.wait()
        try:
            store.put("one", bytes([number]), mode="create")
        except obstore.exceptions.AlreadyExistsError:
            return
        created.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert created == list(store.get("one").bytes())


@pytest.mark.parametrize(
    ("fault", "error", "words", "is_put"),
    [
        (Drop(), "GenericError", "error sending request", False),
        (Drop(after_bytes=1000), "GenericError", "error sending request", False),
        (DropAnswer(), "GenericError", "error sending request", True),
        (Refuse(503, "SlowDown"), "GenericError", "<Code>SlowDown</Code>", False),
        (Refuse(403, "AccessDenied"), "PermissionDeniedError", "<Code>AccessDenied</Code>", False),
    ],
    ids=["dropped", "dropped within", "answer dropped", "throttled", "forbidden"],
)
def test_a_put_that_meets_a_fault_fails_and_is_done_where_the_server_heard_it(
    store: Any, proxy: Proxy, fault: Fault, error: str, words: str, is_put: bool
) -> None:
    proxy.rule(fault, "PUT")

    with pytest.raises(getattr(obstore.exceptions, error), match=words):
        store.put("x", BODY)

    assert [fault] == [each.fault for each in proxy.requests()]
    assert holds(store, "x") is is_put


def test_a_put_whose_answer_does_not_come_is_done(
    store: Any, proxy: Proxy, request: pytest.FixtureRequest
) -> None:
    proxy.rule(Delay(), "PUT")
    impatient = client(request.node.name, client_options={"timeout": "100ms", "allow_http": True})

    with pytest.raises(obstore.exceptions.GenericError):
        impatient.put("x", BODY)

    until(lambda: holds(store, "x"))


def test_an_answer_that_is_late_or_slow_comes_whole(store: Any, proxy: Proxy) -> None:
    proxy.rule(Delay(0.01), "PUT")
    proxy.rule(Throttle(len(BODY) * 8), "GET")

    store.put("x", BODY)

    assert BODY == store.get("x").bytes()


def test_a_truncated_answer_announces_its_whole_length(proxy: Proxy, store: Any) -> None:
    store.put("x", BODY)
    proxy.rule(Truncate(1000), "GET")
    (put,) = proxy.requests()
    connection = http.client.HTTPConnection(urlsplit(proxy.url).netloc)
    try:
        signed = {"authorization": put.headers["authorization"]}
        connection.request("GET", put.path, headers=signed)
        answer = connection.getresponse()
        with pytest.raises(http.client.IncompleteRead) as raised:
            answer.read()
    finally:
        connection.close()

    assert BODY[:1000] == raised.value.partial
    assert len(BODY) - 1000 == raised.value.expected


def test_a_rule_counts_the_requests_that_match_and_the_first_of_two_holds(
    store: Any, proxy: Proxy
) -> None:
    proxy.rule(Refuse(403, "First"), "PUT", "*/manifests/*", nth={1})
    proxy.rule(Refuse(403, "Second"), "PUT", "*/manifests/*", nth={1, 2})

    def code(name: str) -> str:
        try:
            store.put(name, b"")
        except obstore.exceptions.PermissionDeniedError as error:
            return "First" if "First" in str(error) else "Second"
        return ""

    assert ["", "", "First", "Second", ""] == [
        code(name) for name in ("manifests/0", "x", "manifests/1", "manifests/2", "manifests/3")
    ]
    proxy.clear()
    assert [] == proxy.requests()
    assert "" == code("manifests/1")


@pytest.mark.usefixtures("store")  # for what it sets in the environment
def test_a_proxy_that_ends_lets_go_of_who_waits(server: str) -> None:
    failed = []

    def get() -> None:
        try:
            client("any", endpoint=ending.url).get("x")
        except (obstore.exceptions.BaseError, OSError) as error:
            failed.append(error)

    with fault_proxy(server) as ending:
        ending.rule(Delay())
        thread = threading.Thread(target=get)
        thread.start()
        until(ending.requests)
    thread.join()

    assert 1 == len(failed)
    assert refused(ending.url)


def test_a_server_ends_with_who_started_it() -> None:
    program = (
        "import signal, object_store\n"
        "with object_store.s3_server() as url:\n"
        "    print(url, flush=True)\n"
        "    signal.pause()\n"
    )
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=here, stdout=subprocess.PIPE
    ) as starter:
        assert starter.stdout is not None
        url = starter.stdout.readline().decode().strip()
        assert not refused(url)
        starter.send_signal(signal.SIGKILL)

    until(lambda: refused(url))
