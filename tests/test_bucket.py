"""A run in a bucket is that of a folder, object for file, whatever befalls requests and writers.

Through a real client and a real server of S3's interface, with a proxy between them that does harm.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import multiprocessing
import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fault_runs import (
    BAD_INPUT,
    DONE,
    INTERRUPTED,
    STOPPED,
    Tree,
    finish,
    run,
    run_here,
    session_of,
    start,
    tree,
    until,
    with_limits,
)
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

import shmtext
from shmtext import errors
from shmtext.dataset import objects
from shmtext.dataset.bucket import BucketFolder
from shmtext.dataset.committed import open_committed
from shmtext.dataset.objects import ObjectStore
from shmtext.dataset.places import StoreUrl, run_place
from shmtext.dataset.sealed import seal
from shmtext.view.page import page_of
from shmtext.view.preview import samples_of

pytestmark = [pytest.mark.cloud, pytest.mark.usefixtures("no_segment_left")]
pytest.importorskip("obstore", reason="obstore is not installed")
pytest.importorskip("moto", reason="moto is not installed")

OPTIONS = ("--max-images", 1_500)
"""Five shards."""
SERIAL = ("--engine", "serial")
CONTAINERS = ("tar", "parquet")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server("bucket") as url:
        yield url


@pytest.fixture
def proxy(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """What runs find in their environment as the store's address. Retries end soon."""
    # Scratch folders are the test's own.
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("scratch")))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with fault_proxy(server) as made:
        for name, value in environment(made.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(objects, "FIRST_WAIT_S", 0.02)
        monkeypatch.setattr(objects, "RETRIES_S", 20.0)
        yield made


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    """A place of the test's own."""
    return f"s3://bucket/{re.sub('[^a-z0-9]+', '-', request.node.name)}"


def objects_of(url: str) -> Tree:
    """Digest of every object of a run, as ``tree`` has it of files."""
    with ObjectStore(StoreUrl.parse(url)) as store:
        found = {name: b"".join(store.get_pieces(name)) for name in store.sizes("")}
    return {
        name: hashlib.sha256(data).hexdigest()
        for name, data in sorted(found.items())
        if not (name.startswith("fragments/") and name.endswith(".json"))
    }


def names_of(url: str, folder: str = "fragments") -> list[str]:
    with ObjectStore(StoreUrl.parse(url)) as store:
        return store.names(folder)


def manifests_of(url: str) -> dict[str, bytes]:
    with ObjectStore(StoreUrl.parse(url)) as store:
        names = [name for name in store.sizes("fragments") if name.endswith(".json")]
        return {name: store.get(name) or b"" for name in names}


def nothing_here() -> bool:
    """Whether no scratch folder is left."""
    return not list(Path(tempfile.gettempdir()).glob("shmtext-b*"))


@pytest.mark.usefixtures("proxy")
def test_a_dry_run_puts_nothing_into_a_bucket_and_counts_what_is_there(url: str) -> None:
    asked = ("render", url, *OPTIONS, *SERIAL, "--container", "tar", "--json")
    found = json.loads(run_here(*asked, "--dry-run").expect(DONE).stdout)
    assert [] == names_of(url, "")
    assert (None, None, True) == (found["free_bytes"], found["free_files"], found["fits"])

    made = json.loads(run_here(*asked).expect(DONE).stdout)
    then = json.loads(run_here(*asked, "--dry-run").expect(DONE).stdout)
    assert url == then["folder"] == made["folder"]
    assert (made["num_images"], 0) == (then["num_examples"], then["num_missing"])
    assert nothing_here()


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("engine", ["serial", "threads", "processes"])
def test_a_run_in_a_bucket_is_that_of_a_folder_object_for_file(
    proxy: Proxy, url: str, undisturbed: Callable[..., Tree], container: str, engine: str
) -> None:
    options = (*OPTIONS, "--container", container)
    run_here("render", url, *options, "--engine", engine, "--workers", 2).expect(DONE, num_lines=0)
    again = run_here("render", url, *options, *SERIAL).expect(DONE, num_lines=0)

    assert objects_of(url) == undisturbed(*options)
    assert f"{url} is complete" in again.stdout
    assert f"load: shmtext.open('{url}')" in again.stdout
    assert nothing_here()
    assert not [each.query for each in proxy.requests("POST") if "delete" not in each.query]


@pytest.mark.usefixtures("proxy")
def test_each_command_reads_a_bucket(url: str, tmp_path: Path) -> None:
    options = (*OPTIONS, "--container", "tar")
    run_here("render", url, *options, *SERIAL).expect(DONE)
    local = tmp_path / "local"
    run_here("render", local, *options, *SERIAL).expect(DONE)

    assert f"{url}: finished" in run_here("status", url).expect(DONE).stdout
    run_here("verify", url, "--checksums").expect(DONE, num_lines=0)
    assert 'container = "tar"' in run("config", url).expect(DONE).stdout
    for out, dest in ((url, "a"), (local, "b")):
        run_here("export", out, "--to", "jsonl", tmp_path / dest, "--workers", 2).expect(DONE)
    exported = [tree(tmp_path / dest) for dest in ("a", "b")]
    assert {name: exported[0][name] for name in exported[0] if "images/" in name} == {
        name: exported[1][name] for name in exported[1] if "images/" in name
    }
    with shmtext.open(url) as run_there, shmtext.open(local) as run_local:
        assert len(run_there) == len(run_local) == 1_500
        for index in (0, 700, 1_499):
            (picture, row), (expected, labels) = run_there[index], run_local[index]
            assert (picture == expected).all()
            assert row == labels
            assert (run_there.render(index) == picture).all()
    assert nothing_here()


@pytest.mark.usefixtures("proxy")
def test_a_preview_of_a_bucket_is_that_of_a_folder(url: str, tmp_path: Path) -> None:
    for out in (url, tmp_path / "out"):
        run_here("render", out, *OPTIONS, *SERIAL, "--container", "tar").expect(DONE)
    of_bucket, of_folder = (samples_of(out, 40) for out in (url, tmp_path / "out"))

    assert 40 == len(of_bucket.pictures)
    for one, other in zip(of_bucket.pictures, of_folder.pictures, strict=True):
        assert (one.row, one.data) == (other.row, other.data)


@pytest.mark.usefixtures("proxy")
def test_a_report_of_a_bucket_is_that_of_a_folder(url: str, tmp_path: Path) -> None:
    pages = []
    for out in (url, tmp_path / "out"):
        run_here("render", out, *OPTIONS, *SERIAL, "--container", "tar").expect(DONE)
        with open_committed(run_place(out)) as committed:
            pages.append(page_of(committed, run_place(out), 40))
    of_bucket, of_folder = pages

    assert (of_folder.statistics, of_folder.toml) == (of_bucket.statistics, of_bucket.toml)
    assert ("Finished", url) == (of_bucket.state, of_bucket.name)
    for one, other in zip(of_bucket.cards, of_folder.cards, strict=True):
        assert (one.text, one.stored) == (other.text, other.stored)


@pytest.mark.usefixtures("proxy")
def test_what_is_not_there_or_not_finished_is_told_in_one_line(url: str, tmp_path: Path) -> None:
    run_here("render", url, *OPTIONS, "--container", "tar", *SERIAL, "--part", "0/2").expect(DONE)
    assert "not finished: run the same command" in run_here("status", url).expect(DONE).stdout
    export = ("--to", "jsonl", tmp_path / "export")
    for place, words in ((url, "is not finished"), (f"{url}-other", "holds no run|no run")):
        for command in (("export", place, *export), ("export", place, *export, "--workers", 2)):
            ended = run_here(*command)
            assert (ended.returncode, len(ended.stderr.splitlines())) == (BAD_INPUT, 1)
            assert re.search(words, ended.stderr)
        with pytest.raises(errors.FolderError, match=words):
            shmtext.open(place)
    for command in ("status", "verify", "join", "config"):
        ended = run_here(command, f"{url}-other")
        assert (ended.returncode, len(ended.stderr.splitlines())) == (BAD_INPUT, 1)
        ended = run_here(command, "s3://no-such-bucket/run")
        assert (ended.returncode, len(ended.stderr.splitlines())) == (STOPPED, 1)
        assert "there is no such bucket" in ended.stderr
    assert nothing_here()


def test_files_are_refused_and_nothing_is_written(proxy: Proxy, url: str) -> None:
    ended = run_here("render", url, *OPTIONS)

    ended.expect(BAD_INPUT, "would get an object for each picture", num_lines=1)
    assert proxy.requests("PUT") == []


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize("container", CONTAINERS)
def test_parts_and_killed_ones_join_to_the_run_of_one_machine(
    url: str, undisturbed: Callable[..., Tree], container: str
) -> None:
    options = (*OPTIONS, "--container", container)
    killed = start("render", url, *options, "--engine", "processes", "--workers", 1)
    until(lambda: killed.poll() is not None or any(".json" in n for n in names_of(url)))
    killed.kill()
    finish(killed)
    until(lambda: not session_of(killed))
    committed = manifests_of(url)
    missing = run_here("join", url)
    for part in ("1/3", "0/3", "2/3"):
        run_here("render", url, *options, *SERIAL, "--part", part).expect(DONE, num_lines=0)
    run_here("join", url).expect(DONE, num_lines=0)

    assert missing.returncode == STOPPED
    assert "of 5 shards are missing" in missing.stderr
    assert committed.items() <= manifests_of(url).items()
    assert objects_of(url) == undisturbed(*options)
    assert nothing_here()  # that of the killed one was swept


def test_writers_of_the_same_shards_race_and_each_is_committed_once(
    proxy: Proxy, url: str, undisturbed: Callable[..., Tree], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four whole runs at once, which meet at a barrier before each manifest they create."""
    options = (*OPTIONS, "--container", "tar")
    barrier = threading.Barrier(4, timeout=120)
    real = ObjectStore.create

    def create(store: ObjectStore, name: str, data: bytes) -> bytes:
        barrier.wait()
        return real(store, name, data)

    monkeypatch.setattr(ObjectStore, "create", create)
    config = shmtext.RunConfig(max_images=1_500, output=shmtext.Output(container="tar"))
    digests: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: digests.append(shmtext.render(config, url, engine="serial").digest)
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(digests) == 4
    assert len(set(digests)) == 1
    created = [each for each in proxy.requests("PUT") if "if-none-match" in each.headers]
    assert len(created) == 4 * (5 + 1)  # shards, and run.json
    assert objects_of(url) == undisturbed(*options)


@pytest.mark.usefixtures("proxy")
def test_two_configs_that_begin_at_once_one_is_refused_with_the_difference(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier = threading.Barrier(2, timeout=120)
    real = ObjectStore.create
    first = threading.local()

    def create(store: ObjectStore, name: str, data: bytes) -> bytes:
        if not hasattr(first, "is_over"):
            first.is_over = True
            barrier.wait()
        return real(store, name, data)

    monkeypatch.setattr(ObjectStore, "create", create)
    refused: list[str] = []

    def render(seed: int) -> None:
        config = shmtext.RunConfig(
            max_images=600, output=shmtext.Output(container="tar"), seed=seed
        )
        try:
            shmtext.render(config, url, engine="serial")
        except shmtext.ShmtextError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=render, args=(seed,)) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert re.search(r"seed: [01] in the folder, [01] asked for", refused[0])


@pytest.mark.usefixtures("proxy")
def test_a_shard_that_another_committed_with_other_bytes_is_an_error(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other is the first to create its manifest, after this one has looked what is there."""
    options = (*OPTIONS, "--container", "tar", *SERIAL, "--part", "0/5")
    run_here("render", url, *options).expect(DONE)
    ((name, data),) = manifests_of(url).items()
    other = json.loads(data)
    del other["checksum"]
    other["images_digest"] = "0" * 64
    with ObjectStore(StoreUrl.parse(url)) as store:
        store.delete([name])
    real = ObjectStore.create

    def create(store: ObjectStore, created: str, mine: bytes) -> bytes:
        if created == name:
            theirs = seal(other, readable=False)
            assert real(store, name, theirs) == theirs
        return real(store, created, mine)

    monkeypatch.setattr(ObjectStore, "create", create)
    ended = run_here("render", url, *options)

    assert ended.returncode == STOPPED, ended.stderr
    assert "with other pictures or labels" in ended.stderr
    assert manifests_of(url) == {}  # its objects may have been replaced


def test_nothing_that_another_has_committed_is_replaced(
    proxy: Proxy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other commits after this one has looked what is there, with a failure more, or fewer."""
    options = (*OPTIONS, "--container", "tar", *SERIAL, "--part", "0/5")
    run_here("render", url, *options).expect(DONE)
    ((name, data),) = manifests_of(url).items()
    for images_digest, code in (("0" * 64, STOPPED), (None, DONE)):
        other = json.loads(data)
        del other["checksum"]
        other["images_digest"] = images_digest or other["images_digest"]
        theirs = seal(other, readable=False)
        with ObjectStore(StoreUrl.parse(url)) as store:
            store.delete([name])
        with monkeypatch.context() as patch:
            patch.setattr(ObjectStore, "get", committing(name, theirs))
            proxy.clear()
            ended = run_here("render", url, *options)

        assert ended.returncode == code, ended.stderr
        assert manifests_of(url) == {name: theirs}
        assert proxy.requests("PUT", "*/images/*") == []


def committing(name: str, data: bytes) -> Callable[[ObjectStore, str], bytes | None]:
    """``ObjectStore.get`` with another that creates an object as soon as it is looked for."""
    real = ObjectStore.get

    def get(store: ObjectStore, asked: str) -> bytes | None:
        if asked == name:
            store.create(name, data)
        return real(store, asked)

    return get


@pytest.mark.usefixtures("proxy")
def test_a_joined_shard_that_another_committed_with_other_bytes_is_an_error(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_here("render", tmp_path / "a", *OPTIONS, "--container", "tar", *SERIAL).expect(DONE)
    name = "fragments/00002.json"
    other = json.loads((tmp_path / "a" / name).read_bytes())
    del other["checksum"]
    other["images_digest"] = "0" * 64
    real = ObjectStore.create

    def create(store: ObjectStore, created: str, mine: bytes) -> bytes:
        if created == name:
            theirs = seal(other, readable=False)
            assert real(store, name, theirs) == theirs
        return real(store, created, mine)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "create", create)
        ended = run_here("join", tmp_path / "a", "--into", url)
    assert ended.returncode == STOPPED
    assert "with other pictures or labels" in ended.stderr
    assert "_SUCCESS.json" not in names_of(url, "")
    with ObjectStore(StoreUrl.parse(url)) as store:
        store.put(name, b"{}")  # a manifest that is none
    run_here("join", tmp_path / "a", "--into", url).expect(DONE)
    run_here("verify", url, "--checksums").expect(DONE)


def test_what_is_damaged_or_in_files_is_not_joined_into_a_bucket(
    proxy: Proxy, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On the same disk, where files are linked in place of being copied.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run_here("render", tmp_path / "a", *OPTIONS, "--container", "tar", *SERIAL).expect(DONE)
    run_here("render", tmp_path / "b", *OPTIONS, *SERIAL).expect(DONE)
    pictures = tmp_path / "a/images/00003.tar"
    data = bytearray(pictures.read_bytes())
    data[600] ^= 1
    pictures.write_bytes(data)
    refused = run_here("join", tmp_path / "b", "--into", f"{url}-files")
    refused.expect(BAD_INPUT, "would get an object for each picture")
    assert proxy.requests("PUT") == []
    ended = run_here("join", tmp_path / "a", "--into", url)

    assert ended.returncode == STOPPED
    assert "damaged, and not joined: images/00003.tar" in ended.stderr
    assert "1 of 5 shards are missing" in ended.stderr


@pytest.mark.usefixtures("proxy")
def test_labels_that_a_look_at_sizes_took_for_whole_are_made_again(
    url: str, undisturbed: Callable[..., Tree]
) -> None:
    options = (*OPTIONS, "--container", "tar")
    run_here("render", url, *options, *SERIAL).expect(DONE)
    with ObjectStore(StoreUrl.parse(url)) as store:
        name = "fragments/00002.parquet"
        data = store.get(name) or b""
        store.put(name, data[:500] + bytes([data[500] ^ 1]) + data[501:])
        store.delete(["_SUCCESS.json"])
    assert run_here("render", url, *options, *SERIAL).returncode == STOPPED
    run_here("render", url, *options, *SERIAL).expect(DONE)

    assert objects_of(url) == undisturbed(*options)


@pytest.mark.usefixtures("proxy")
def test_a_part_takes_back_its_own_shards_alone(url: str, undisturbed: Callable[..., Tree]) -> None:
    """Another part may have rendered its own again by then, and here nothing waits for a turn."""
    options = (*OPTIONS, "--container", "tar")
    run_here("render", url, *options, *SERIAL).expect(DONE)
    with ObjectStore(StoreUrl.parse(url)) as store:
        store.delete(["images/00001.tar", "images/00002.tar"])
    assert run_here("verify", url).returncode == STOPPED
    run_here("render", url, *options, *SERIAL, "--part", "0/2").expect(DONE)
    left = manifests_of(url)
    run_here("render", url, *options, *SERIAL, "--part", "1/2").expect(DONE)
    run_here("join", url).expect(DONE, num_lines=0)

    assert "fragments/00001.json" in left
    assert objects_of(url) == undisturbed(*options)


def test_an_object_that_stands_for_a_folder_disturbs_nothing(proxy: Proxy, url: str) -> None:
    """Consoles make one with the name of the folder, and a slash."""
    options = (*OPTIONS, "--container", "tar", *SERIAL)
    assert names_of(url, "") == []
    (asked,) = proxy.requests()
    signed = {"authorization": asked.headers["authorization"], "content-length": "0"}

    def make(name: str) -> None:
        connection = http.client.HTTPConnection(urlsplit(proxy.url).netloc)
        connection.request("PUT", f"{url.removeprefix('s3:/')}{name}", headers=signed)
        assert connection.getresponse().status == 200
        connection.close()

    make("/")
    run_here("render", url, *options, "--part", "0/2").expect(DONE, num_lines=0)
    make("/images/")
    make("/fragments/")
    run_here("render", url, *options).expect(DONE, num_lines=0)
    run_here("verify", url, "--checksums").expect(DONE, num_lines=0)


def test_a_store_that_is_closed_lets_go_of_who_waits(proxy: Proxy, url: str) -> None:
    proxy.rule(Delay())
    store, failed = ObjectStore(StoreUrl.parse(url)), []

    def get() -> None:
        try:
            store.get("x")
        except errors.StorageError as error:
            failed.append(str(error))

    thread = threading.Thread(target=get)
    thread.start()
    until(proxy.requests)
    store.close()
    thread.join()
    with pytest.raises(errors.StorageError, match="was closed"):
        store.get("x")

    assert len(failed) == 1
    assert "was closed while it was in use" in failed[0]


def test_what_could_not_be_got_ahead_is_got_when_it_is_needed(proxy: Proxy, url: str) -> None:
    with BucketFolder.begin(StoreUrl.parse(url)) as folder:
        folder.write_file("x", b"abc", sync=True)
        proxy.rule(Refuse(403, "AccessDenied"), "GET", nth={0})
        folder.expect(["x"])
        until(lambda: proxy.requests("GET"))

        assert folder.read_file("x") == b"abc"


PASSING: dict[str, Fault] = {
    "dropped": Drop(),
    "dropped in the middle": Drop(after_bytes=100_000),
    "done, and the answer dropped": DropAnswer(),
    "500": Refuse(500, "InternalError"),
    "throttled": Refuse(503, "SlowDown"),
    "too many": Refuse(429, "SlowDown"),
    "request timeout": Refuse(400, "RequestTimeout"),
    "expired, and renewed": Refuse(400, "ExpiredToken"),
    "at odds with another": Refuse(409, "OperationAborted"),
    "slow": Delay(0.3),
    "cut short": Truncate(40),
    "trickling": Throttle(200_000),
}


@pytest.mark.parametrize("fault", PASSING)
def test_faults_that_pass_cost_time_alone(
    proxy: Proxy, url: str, undisturbed: Callable[..., Tree], fault: str
) -> None:
    """Each fault meets every third request of each kind, of a run, its resume and its reading."""
    options = (*OPTIONS, "--container", "tar")
    for method in ("PUT", "GET", "POST", "HEAD"):
        proxy.rule(PASSING[fault], method, nth=range(0, 10_000, 3))
    run_here("render", url, *options, *SERIAL, "--part", "0/2").expect(DONE, num_lines=0)
    run_here("render", url, *options, *SERIAL).expect(DONE, num_lines=0)
    run_here("verify", url, "--checksums").expect(DONE, num_lines=0)
    assert [each for each in proxy.requests() if each.fault is not None]
    proxy.clear()

    assert objects_of(url) == undisturbed(*options)


LASTING: dict[str, tuple[Fault, str]] = {
    "500": (Refuse(500, "InternalError"), "the store failed"),
    "throttled": (Refuse(503, "SlowDown"), "asks to slow down"),
    "expired": (Refuse(400, "ExpiredToken", "s3cr3t"), "credentials have expired: renew them"),
    "denied": (Refuse(403, "AccessDenied", "s3cr3t"), "access is denied"),
    "wrong key": (Refuse(403, "SignatureDoesNotMatch", "s3cr3t"), "secret key"),
    "wrong region": (Refuse(400, "AuthorizationHeaderMalformed"), "set AWS_REGION"),
    "no bucket": (Refuse(404, "NoSuchBucket"), "no such bucket"),
    "dropped": (Drop(), "no answer|nobody answers|the request failed"),
}


@pytest.mark.parametrize("fault", LASTING)
def test_faults_that_last_end_a_run_with_one_line_and_lose_nothing(
    proxy: Proxy,
    url: str,
    undisturbed: Callable[..., Tree],
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(objects, "RETRIES_S", 0.5)
    options = (*OPTIONS, "--container", "tar")
    harm, words = LASTING[fault]
    # From the third shard's pictures on.
    proxy.rule(harm, "PUT", "*/images/*", nth=range(2, 10_000))
    ended = run_here("render", url, *options, *SERIAL)
    proxy.clear()
    committed = manifests_of(url)

    assert ended.returncode == STOPPED, ended.stderr
    (line,) = [each for each in ended.stderr.splitlines() if "images/s" not in each]
    assert re.search(words, line)
    assert f"cannot write {url}/images/00002.tar" in line
    assert "everything committed is kept" in line
    for secret in ("s3cr3t", *environment("").values()):
        assert secret in ("", "true", "us-east-1") or secret not in ended.stderr
    assert len(committed) == 2
    run_here("render", url, *options, *SERIAL, "--resume", "must").expect(DONE)
    assert committed.items() <= manifests_of(url).items()
    assert objects_of(url) == undisturbed(*options)
    assert nothing_here()


@pytest.mark.usefixtures("proxy")
def test_what_is_missing_or_changed_is_found_and_made_again(
    url: str, undisturbed: Callable[..., Tree]
) -> None:
    options = (*OPTIONS, "--container", "tar")
    run_here("render", url, *options, *SERIAL).expect(DONE)
    with ObjectStore(StoreUrl.parse(url)) as store:
        data = store.get("images/00001.tar") or b""
        store.put("images/00001.tar", bytes([data[0] ^ 1]) + data[1:])
        store.delete(["images/00003.tar", "fragments/00002.parquet"])
    sizes = run_here("verify", url)
    every_byte = run_here("verify", url, "--checksums")

    assert (sizes.returncode, every_byte.returncode) == (STOPPED, STOPPED)
    assert "images/00003.tar: is missing" in sizes.stdout
    assert "images/00001.tar: has other bytes" in every_byte.stdout
    ended = run_here("render", url, *options, *SERIAL).expect(DONE)
    assert re.search(r"\b9\d\d rendered", ended.stdout)
    assert objects_of(url) == undisturbed(*options)


@pytest.mark.usefixtures("proxy")
def test_no_credential_is_in_any_object_or_line(url: str) -> None:
    options = (*OPTIONS, "--container", "tar")
    ended = run_here("render", url, *options, "--engine", "processes", "--workers", 2)
    ended.expect(DONE)
    with ObjectStore(StoreUrl.parse(url)) as store:
        everything = b"".join(b"".join(store.get_pieces(name)) for name in store.sizes(""))

    for secret in ("AKIAOFNOACCOUNT", "secret-of-no-account", "127.0.0.1"):
        assert secret.encode() not in everything
        assert secret not in ended.stdout + ended.stderr


@pytest.mark.usefixtures("proxy")
def test_a_folder_and_a_bucket_are_joined_either_way(
    url: str, tmp_path: Path, undisturbed: Callable[..., Tree]
) -> None:
    options = (*OPTIONS, "--container", "parquet")
    run_here("render", url, *options, *SERIAL, "--part", "0/2").expect(DONE)
    run_here("render", tmp_path / "a", *options, *SERIAL, "--part", "1/2").expect(DONE)
    run_here("join", url, tmp_path / "a", "--into", tmp_path / "out").expect(DONE, num_lines=0)
    run_here("join", url, tmp_path / "a", "--into", f"{url}-joined").expect(DONE, num_lines=0)

    assert tree(tmp_path / "out") == undisturbed(*options)
    assert objects_of(f"{url}-joined") == undisturbed(*options)


def test_ctrl_c_ends_a_run_that_waits_for_a_store(proxy: Proxy, url: str) -> None:
    proxy.rule(Delay(), "PUT", "*/images/*", nth=range(1, 10_000))
    main = start("render", url, *OPTIONS, "--container", "tar", *SERIAL)
    until(lambda: len(proxy.requests("PUT", "*/images/*")) >= 2 or main.poll() is not None)
    os.killpg(main.pid, signal.SIGINT)
    finish(main).expect(INTERRUPTED, "interrupted (SIGINT)")

    assert nothing_here()
    assert len(manifests_of(url)) == 1


def test_ctrl_c_ends_workers_that_wait_for_a_store(proxy: Proxy, url: str) -> None:
    proxy.rule(Delay(), "PUT", "*/images/*", nth=range(1, 10_000))
    options = (*OPTIONS, "--container", "tar", "--engine", "processes", "--workers", 2)
    main = start("render", url, *options, program=with_limits(drain_s=0.5))
    until(lambda: len(proxy.requests("PUT", "*/images/*")) >= 2 or main.poll() is not None)
    os.kill(main.pid, signal.SIGINT)
    finish(main).expect(INTERRUPTED, "interrupted (SIGINT)")

    assert nothing_here()
    assert len(manifests_of(url)) == 1


@pytest.mark.parametrize("command", ["verify", "join", "export"])
def test_ctrl_c_ends_what_reads_from_a_store(
    proxy: Proxy, url: str, command: str, tmp_path: Path
) -> None:
    run_here("render", url, *OPTIONS, "--container", "tar", *SERIAL).expect(DONE)
    if command == "join":
        with ObjectStore(StoreUrl.parse(url)) as store:
            store.delete(["_SUCCESS.json"])
    arguments = ("--to", "jsonl", tmp_path / "out", "--workers", 1) if command == "export" else ()
    proxy.clear()
    proxy.rule(Delay(), "GET", "*/0000*", nth=range(2, 10_000))
    main = start(command, url, *arguments)
    until(lambda: len(proxy.requests("GET", "*/0000*")) >= 3 or main.poll() is not None)
    os.killpg(main.pid, signal.SIGINT)
    finish(main).expect(INTERRUPTED)

    assert nothing_here()


def test_a_worker_whose_upload_takes_long_has_not_hung(
    proxy: Proxy, url: str, undisturbed: Callable[..., Tree]
) -> None:
    proxy.rule(Delay(6), "PUT", "*/images/*", nth={1})
    options = (*OPTIONS, "--container", "tar")
    workers = ("--engine", "processes", "--workers", 2)
    program = with_limits(hang_s=2, commit_s=2)
    finish(start("render", url, *options, *workers, program=program)).expect(DONE, num_lines=0)

    assert len(proxy.requests("PUT", "*/images/*")) == 5
    assert objects_of(url) == undisturbed(*options)


CREDENTIALS = """\
[other]
aws_access_key_id = AKIAOTHERACCOUNT
aws_secret_access_key = secret-of-another
[failing]
credential_process = false
[missing]
credential_process = /nowhere/program
[talking]
credential_process = echo s3cr3t
"""


def test_credentials_come_from_the_usual_files(
    proxy: Proxy, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    render = ("render", url, *OPTIONS, "--container", "tar", "--engine", "processes")
    ended = run_here(*render)
    assert (ended.returncode, proxy.requests()) == (BAD_INPUT, [])
    assert "there are no credentials" in ended.stderr
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(CREDENTIALS)
    for profile in ("unknown", "failing", "missing", "talking"):
        monkeypatch.setenv("AWS_PROFILE", profile)
        run_here(*render).expect(BAD_INPUT, "check AWS_PROFILE", num_lines=1)
    monkeypatch.setenv("AWS_PROFILE", "other")
    run_here(*render).expect(DONE, num_lines=0)

    signed = [each.headers["authorization"] for each in proxy.requests()]
    assert signed
    assert all("AKIAOTHERACCOUNT" in each for each in signed)


def test_a_reader_can_be_sent_to_a_process_that_is_spawned(proxy: Proxy, url: str) -> None:
    run_here("render", url, *OPTIONS, "--container", "tar", *SERIAL).expect(DONE)
    with shmtext.open(url) as opened:
        expected = [opened[index][0].tobytes() for index in (3, 1_400)]
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            found = list(pool.map(picture_of, [(opened, 3), (opened, 1_400)]))

    assert found == expected
    assert nothing_here()
    assert proxy.requests("GET", "*/images/*")


def picture_of(asked: tuple[shmtext.OpenedRun, int]) -> bytes:
    run, index = asked
    with run:
        return run[index][0].tobytes()


@pytest.mark.usefixtures("proxy")
def test_a_forked_child_is_told_that_it_can_not_read(url: str) -> None:
    run_here("render", url, *OPTIONS, "--container", "tar", *SERIAL).expect(DONE)
    code = f"""
import os, sys, shmtext
run = shmtext.open({url!r})
run[0]
if (child := os.fork()) == 0:
    try:
        run[1400]
    except shmtext.ShmtextError as error:
        print(error, flush=True)
    sys.exit()  # what is removed as Python ends is not the child's
os.waitpid(child, 0)
run[1400]  # and nobody closes it
"""
    ended = run(program=("-c", code))

    ended.expect(DONE, num_lines=0)
    assert "was opened before this process was forked" in ended.stdout
    assert nothing_here()


def test_a_file_url_is_a_folder(tmp_path: Path, undisturbed: Callable[..., Tree]) -> None:
    run_here("render", f"file://{tmp_path}/out", *OPTIONS, *SERIAL).expect(DONE)

    assert tree(tmp_path / "out") == undisturbed(*OPTIONS)


ENDS_WHILE_IT_IS_TOLD = """
import asyncio, gc, sys, threading, time
from shmtext.dataset.objects import ObjectStore
from shmtext.dataset.places import StoreUrl

tell = asyncio.SelectorEventLoop._write_to_self
def slowly(self):
    tell(self)
    if threading.current_thread() is not threading.main_thread():
        time.sleep(0.2)  # the answer is there, and its teller not yet gone: a processor is short
asyncio.SelectorEventLoop._write_to_self = slowly

# Python ends for longer.
gc.callbacks.append(lambda *_: time.sleep(0.5) if sys.is_finalizing() else None)

store = ObjectStore(StoreUrl.parse(sys.argv[1]))
print(len(store.get("labels.csv").splitlines()))
if sys.argv[2] == "closed":
    store.close()
"""


@pytest.mark.usefixtures("proxy")
def test_python_ends_when_the_library_s_threads_have_left_it(url: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(ENDS_WHILE_IT_IS_TOLD)
    run_here("render", url, "--max-images", 64, *SERIAL, "--container", "tar").expect(DONE)

    for how in ("closed", "left open"):
        ended = run(program=(str(tmp_path / "script.py"), url, how))
        assert "65" == ended.expect(DONE, num_lines=0).stdout.strip()


@pytest.mark.usefixtures("proxy")
def test_processes_that_write_one_run_at_once_all_end_well(
    url: str, undisturbed: Callable[..., Tree]
) -> None:
    options = (*OPTIONS, "--container", "parquet")
    started: list[subprocess.Popen[str]] = [
        start("render", url, *options, *SERIAL) for _ in range(3)
    ]
    for each in started:
        finish(each).expect(DONE)

    assert objects_of(url) == undisturbed(*options)
