from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import dataset_runs
import numpy as np
import pyarrow as pa
import pytest
from dataset_runs import (
    PLAN,
    failing,
    open_fds,
    output_bytes,
    picture,
    record_of,
    render_run,
    render_shard,
    text,
)
from hypothesis import given
from hypothesis import strategies as st
from stored import pictures, pictures_of, shard_path

from shmtext.corpus.ragged import pack_texts
from shmtext.dataset.check import check_run
from shmtext.dataset.containers import CONTAINERS, one_file, open_container
from shmtext.dataset.containers.base import CommittedPictures, Container, Room, StoredSum
from shmtext.dataset.containers.files import files_sum
from shmtext.dataset.folder import FileBytes, FreeSpace, OutputFolder
from shmtext.dataset.fragment import PictureRows, label_table
from shmtext.dataset.manifest import read_labels
from shmtext.dataset.plan import Plan
from shmtext.dataset.reading import StoredRun
from shmtext.dataset.record import write_record
from shmtext.dataset.room import LABEL_BYTES, check_room
from shmtext.errors import ConfigError, DamageError, StorageError

SHARD = PLAN.shard(1)
"""Examples 160 to 319."""
FILES = open_container("files", PLAN.num_examples, "jpg")
ONE_FILE = [name for name in CONTAINERS if name != "files"]
NAMED = ("000000160.jpg", "000000161.jpg", "000000300.jpg")
"""Names of the pictures that ``put`` makes, in order."""


@pytest.fixture(params=CONTAINERS)
def container(request: pytest.FixtureRequest) -> Container:
    return open_container(request.param, PLAN.num_examples, "jpg")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[OutputFolder]:
    with OutputFolder.open(tmp_path, create=False) as folder:
        yield folder


def rows_of(container: Container, data: Mapping[int, FileBytes]) -> pa.Table:
    """Label rows of some pictures, by their examples."""
    example_index = np.array(sorted(data), np.int64)
    rows = PictureRows(
        file_names=container.file_names(SHARD, example_index),
        texts=pack_texts(text(i) for i in example_index.tolist()),
        example_index=example_index,
        num_bytes=np.array([len(data[i]) for i in example_index.tolist()], np.int32),
        crc32=np.array([zlib.crc32(data[i]) for i in example_index.tolist()], np.uint32),
    )
    return label_table(rows, [])[0]


def put(
    folder: OutputFolder, container: Container, batches: Sequence[Mapping[int, FileBytes]]
) -> StoredSum | None:
    """Store pictures by their examples, a batch after the other."""
    all_of_them: dict[int, FileBytes] = {}
    with container.stage(folder, SHARD) as sink:
        for batch in batches:
            names = container.image_names(SHARD, np.array(list(batch), np.int64))
            sink.take(names, list(batch.values()))
            all_of_them |= batch
        return sink.publish(rows_of(container, all_of_them))


THREE = ({300: b"three" * 300, 160: b"one"}, {161: np.arange(200, dtype=np.uint8)})
STORED = dict(zip(NAMED, (b"one", bytes(range(200)), b"three" * 300), strict=True))


def stored(out: Path, container: Container) -> dict[str, bytes]:
    return pictures_of(out / container.shard_path(SHARD))


# -- staging and publishing ------------------------------------------------------------------------


def test_pictures_appear_all_at_once(
    folder: OutputFolder, tmp_path: Path, container: Container
) -> None:
    with container.stage(folder, SHARD) as sink:
        sink.take([b"000000160.jpg"], [b"bytes"])
        sink.take([b"000000161.jpg"], [np.arange(256, dtype=np.uint8)])
        assert not (tmp_path / "images").exists()
        sink.publish(rows_of(container, {160: b"bytes", 161: bytes(range(256))}))

        assert {"000000160.jpg": b"bytes", "000000161.jpg": bytes(range(256))} == stored(
            tmp_path, container
        )

    assert os.listdir(tmp_path / "_stage") == []


def test_batches_come_in_any_order_and_files_hold_examples_in_theirs(
    folder: OutputFolder, tmp_path: Path, container: Container
) -> None:
    put(folder, container, THREE)
    first = output_bytes(tmp_path)
    put(folder, container, [{i: batch[i]} for batch in reversed(THREE) for i in sorted(batch)])

    assert list(STORED.items()) == list(stored(tmp_path, container).items())
    assert first == output_bytes(tmp_path)


def test_what_is_said_of_a_shards_pictures_is_the_sum_of_their_file_or_files(
    folder: OutputFolder, tmp_path: Path, container: Container
) -> None:
    found = put(folder, container, THREE)
    path = tmp_path / container.shard_path(SHARD)
    if container.name == "files":
        files = sorted(path.iterdir())
        names = "\0".join(file.name for file in files).encode()
        expected = files_sum(names, [file.stat().st_size for file in files])
    else:
        expected = StoredSum(path.stat().st_size, zlib.crc32(path.read_bytes()))

    assert expected == found
    with folder.opened("images") as images_fd:
        assert container.is_in_place(images_fd, SHARD, expected)
        assert not container.is_in_place(images_fd, PLAN.shard(0), expected)


@pytest.mark.parametrize("container", [FILES])
def test_no_other_name_or_size_of_a_file_passes_for_it(
    folder: OutputFolder, tmp_path: Path, container: Container
) -> None:
    stored = put(folder, container, THREE)
    assert stored is not None
    path = tmp_path / container.shard_path(SHARD)
    files = sorted(path.iterdir())
    with folder.opened("images") as images_fd:
        for file in files:
            data = file.read_bytes()
            for other in (b"", data[:-1], data + b"1"):
                file.write_bytes(other)
                assert not container.is_in_place(images_fd, SHARD, stored)
            file.write_bytes(data)
            assert container.is_in_place(images_fd, SHARD, stored)
            for name in ("other.jpg", "x" * 200):
                renamed = file.rename(path / name)
                assert not container.is_in_place(images_fd, SHARD, stored)
                renamed.rename(file)
        os.mkfifo(path / "fifo")
        assert not container.is_in_place(images_fd, SHARD, stored)


@pytest.mark.parametrize("max_held_bytes", [0, 10, 1_000])
@pytest.mark.parametrize("name", ONE_FILE)
def test_pictures_that_wait_on_disk_come_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, max_held_bytes: int
) -> None:
    outs = [tmp_path / "in memory", tmp_path / "on disk"]
    before = open_fds()
    for out in outs:
        with OutputFolder.open(out, create=True) as folder:
            render_run(folder, record_of(400, name))
            assert not (out / "_stage").exists()
        monkeypatch.setattr(one_file, "MAX_HELD_BYTES", max_held_bytes)
    ours, theirs = map(output_bytes, outs)

    assert ours == theirs
    assert before == open_fds()


@pytest.mark.parametrize("max_held_bytes", [0, one_file.MAX_HELD_BYTES])
def test_nothing_remains_of_a_shard_that_was_not_published(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    container: Container,
    max_held_bytes: int,
) -> None:
    monkeypatch.setattr(one_file, "MAX_HELD_BYTES", max_held_bytes)
    before = open_fds()
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        container.stage(folder, SHARD) as sink,
    ):
        sink.take([b"000000160.jpg"], [b"1"])

    assert set(os.listdir(tmp_path)) <= {"_stage"}
    assert folder_is_empty(tmp_path / "_stage")
    assert before == open_fds()


def folder_is_empty(path: Path) -> bool:
    return not path.exists() or os.listdir(path) == []


@pytest.mark.parametrize("leftover", ["folder", "empty folder", "file", "link", "broken link"])
def test_an_uncommitted_leftover_is_replaced(
    tmp_path: Path, container: Container, leftover: str
) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside"
    path = out / container.shard_path(SHARD)
    path.parent.mkdir(parents=True)
    outside.mkdir()
    (outside / "theirs").touch()
    if leftover == "file":
        path.touch()
    elif leftover == "link":
        path.symlink_to(outside)
    elif leftover == "broken link":
        path.symlink_to(outside / "nobody")
    else:
        path.mkdir()
        if leftover == "folder":
            (path / "old.jpg").touch()
    with OutputFolder.open(out, create=False) as folder:
        put(folder, container, THREE)

    assert STORED == stored(out, container)
    assert not path.is_symlink()
    assert os.listdir(outside) == ["theirs"]
    assert os.listdir(out / "images") == [path.name]
    # A folder is not emptied while there are files to be made.
    waiting = [each.name for each in (out / "_stage").glob("*/*") if not each.parent.is_symlink()]
    assert (["old.jpg"] if leftover == "folder" else []) == waiting


@pytest.mark.parametrize("leftover", ["folder", "file", "link", "nothing"])
def test_a_shard_without_pictures_leaves_none_from_before(
    folder: OutputFolder, tmp_path: Path, container: Container, leftover: str
) -> None:
    path = tmp_path / container.shard_path(SHARD)
    path.parent.mkdir()
    if leftover == "folder":
        path.mkdir()
        (path / "old.jpg").touch()
    elif leftover == "file":
        path.touch()
    elif leftover == "link":
        path.symlink_to("nobody")
    stored = put(folder, container, [])
    committed = CommittedPictures(rows_of(container, {}), stored, checksums=True)

    assert stored == (StoredSum(0, 0) if container.name == "files" else None)
    assert not path.is_symlink()
    assert not path.is_file()
    assert pictures(tmp_path) == {}
    assert [] == list(container.check(folder, SHARD, committed))


def test_a_run_without_any_picture_is_whole_and_read_back(
    folder: OutputFolder, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_runs, "is_skipped", lambda _index: True)
    record = record_of(400, container.name)
    write_record(folder, record)
    render_run(folder, record)

    assert check_run(folder, record, checksums=True).whole
    with StoredRun(folder.path) as run:
        assert [] == list(run)
        assert [] == list(run.pictures(0, run.shard_rows(0)))


def test_two_workers_with_the_same_shard_do_not_meet(
    folder: OutputFolder, tmp_path: Path, container: Container
) -> None:
    with container.stage(folder, SHARD) as one, container.stage(folder, SHARD) as other:
        for sink in (one, other):
            sink.take([b"000000160.jpg"], [b"1"])
        for sink in (one, other):
            sink.publish(rows_of(container, {160: b"1"}))

    assert {"000000160.jpg": b"1"} == stored(tmp_path, container)
    # The folder that came first waits there to be deleted.
    assert (container.name == "files") == len(os.listdir(tmp_path / "_stage"))


@pytest.mark.parametrize("max_held_bytes", [0, one_file.MAX_HELD_BYTES])
def test_a_name_given_twice_is_refused_not_overwritten(
    folder: OutputFolder,
    container: Container,
    monkeypatch: pytest.MonkeyPatch,
    max_held_bytes: int,
) -> None:
    monkeypatch.setattr(one_file, "MAX_HELD_BYTES", max_held_bytes)
    with container.stage(folder, SHARD) as sink:
        sink.take([b"000000160.jpg"], [b"1"])
        with pytest.raises((StorageError, ValueError), match=r"000000160\.jpg"):
            sink.take([b"000000160.jpg"], [b"2"])


@pytest.mark.parametrize("function", ["open", "write", "close"])
@pytest.mark.parametrize("max_held_bytes", [0, one_file.MAX_HELD_BYTES])
def test_a_picture_that_cannot_be_written_raises_and_names_its_shard(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    container: Container,
    function: str,
    max_held_bytes: int,
) -> None:
    monkeypatch.setattr(one_file, "MAX_HELD_BYTES", max_held_bytes)
    before = open_fds()
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        container.stage(folder, SHARD) as sink,
        pytest.raises(StorageError, match=rf"{container.shard_path(SHARD)}.*: the disk quota"),
        failing(function, 1, errno.EDQUOT),
    ):
        sink.take([b"000000160.jpg"], [b"1"])
        sink.publish(rows_of(container, {160: b"1"}))

    assert folder_is_empty(tmp_path / "images")
    assert folder_is_empty(tmp_path / "_stage")
    assert before == open_fds()


def test_a_short_write_is_completed(
    folder: OutputFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    container: Container,
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:100]))
    put(folder, container, THREE)

    assert STORED == stored(tmp_path, container)


def test_a_batch_without_a_picture_for_each_name_is_refused(
    folder: OutputFolder, container: Container
) -> None:
    with (
        container.stage(folder, SHARD) as sink,
        pytest.raises(ValueError, match="shorter"),
    ):
        sink.take([b"000000160.jpg", b"000000161.jpg"], [b"1"])


@pytest.mark.parametrize("leftover", ["nothing", "a shard", "a copy that was cut short"])
def test_where_images_are_a_mount_of_their_own_pictures_are_copied_there_and_renamed(
    tmp_path: Path, container: Container, leftover: str
) -> None:
    path = tmp_path / container.shard_path(SHARD)
    with OutputFolder.open(tmp_path, create=False) as folder:
        if leftover != "nothing":
            put(folder, container, [{160: b"of before"}])
        if leftover == "a copy that was cut short":
            path.rename(path.with_name(f".{path.name}"))
        before = open_fds()
        with across_devices():
            found = put(folder, container, THREE)
        committed = CommittedPictures(rows_of(container, flat(THREE)), found, checksums=True)

        assert STORED == stored(tmp_path, container)
        assert [] == list(container.check(folder, SHARD, committed))
        assert os.listdir(tmp_path / "images") == [path.name]
        assert os.listdir(tmp_path / "_stage") == []
        assert before == open_fds()


def flat(batches: Sequence[Mapping[int, FileBytes]]) -> dict[int, FileBytes]:
    return {i: data for batch in batches for i, data in batch.items()}


@contextmanager
def across_devices() -> Iterator[None]:
    """Let renames from one folder to another fail, as between devices."""
    real = os.rename

    def rename(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        if os.fstat(src_dir_fd).st_ino != os.fstat(dst_dir_fd).st_ino:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        real(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rename", rename)
        yield


# -- names -----------------------------------------------------------------------------------------


@given(st.integers(1, 10**12), st.sampled_from(sorted(CONTAINERS)), st.data())
def test_vectorised_names_are_the_plainly_formatted_ones(
    num_examples: int, name: str, data: st.DataObject
) -> None:
    plan, container = Plan(num_examples), open_container(name, num_examples, "png")
    shard = plan.shard(data.draw(st.integers(0, plan.num_shards - 1)))
    rows = data.draw(st.lists(st.integers(shard.start, shard.stop - 1), max_size=5))
    example_index = np.array(rows, np.int64)
    digits = max(9, len(str(num_examples - 1)))
    expected = [f"{i:0{digits}d}.png" for i in rows]

    assert [name.encode() for name in expected] == container.image_names(shard, example_index)
    paths = list(container.file_names(shard, example_index))
    assert [f"{shard_path(name, shard.index)}/{each}" for each in expected] == paths


def test_names_of_a_shard_sort_like_its_examples(container: Container) -> None:
    names = container.image_names(SHARD, np.arange(SHARD.start, SHARD.stop))

    assert sorted(names) == names


def test_examples_of_another_shard_have_no_name_in_this_one(container: Container) -> None:
    with pytest.raises(IndexError, match="shard 0 holds examples 0 to 159"):
        container.image_names(PLAN.shard(0), np.array([160]))


@pytest.mark.parametrize("extension", ["", "../x", "j pg", "é"])
def test_an_extension_that_is_no_plain_word_is_refused(extension: str) -> None:
    with pytest.raises(ConfigError, match="extension"):
        open_container("files", 1, extension)


def test_a_container_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"one of files, tar, tar\+json, parquet, got 'zip'"):
        open_container("zip", 1, "jpg")


def test_a_container_is_known_by_the_name_it_is_chosen_by() -> None:
    for name in CONTAINERS:
        container = open_container(name, 1, "png")

        assert (name, "png") == (container.name, container.extension)


# -- reading ---------------------------------------------------------------------------------------


def test_what_was_committed_is_read_back_and_is_whole(
    folder: OutputFolder, container: Container
) -> None:
    record = record_of(400, container.name)
    manifest = render_shard(folder, 1, record)
    rows = read_labels(folder, SHARD, manifest, record.schema)
    with container.opened(folder, SHARD) as read:
        expected = [picture(i) for i in rows["example_index"].to_pylist()]
        names = rows["file_name"].to_pylist()

        assert expected == list(read(names))
        assert expected[::-1] == [bytes(read([name])[0]) for name in reversed(names)]
        assert [] == list(read([]))
    assert [text(i) for i in rows["example_index"].to_pylist()] == rows["text"].to_pylist()

    for checksums in (False, True):
        committed = CommittedPictures(rows, manifest.stored, checksums)
        assert [] == list(container.check(folder, SHARD, committed))


def test_a_picture_or_shard_that_is_gone_is_named(
    folder: OutputFolder, container: Container
) -> None:
    render_shard(folder, 1, record_of(400, container.name))
    path = container.shard_path(SHARD)
    # That of a skipped example, of another shard's, of another format, of nobody.
    for name in ("000000190.jpg", "000000000.jpg", "000000161.png", "nobody.jpg", "1"):
        with (
            container.opened(folder, SHARD) as read,
            pytest.raises(DamageError, match=rf"{path}/{name} is missing"),
        ):
            read([f"{path}/000000160.jpg", f"{path}/{name}"])
    with (
        pytest.raises(DamageError, match=rf"{container.shard_path(PLAN.shard(0))} is missing"),
        container.opened(folder, PLAN.shard(0)),
    ):
        pass


def test_pictures_are_the_same_in_every_container(tmp_path: Path) -> None:
    found = {}
    for name in CONTAINERS:
        with OutputFolder.open(tmp_path / name, create=True) as folder:
            render_run(folder, record_of(400, name))
        found[name] = pictures(tmp_path / name)

    assert all(each == found["files"] for each in found.values())
    assert picture(160) == found["files"]["000000160.jpg"]
    assert len(found["files"]) == 389


def test_a_picture_is_not_read_through_a_link(folder: OutputFolder, tmp_path: Path) -> None:
    render_shard(folder, 1)
    path = tmp_path / "images/00001/000000161.jpg"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with (
        FILES.opened(folder, SHARD) as read,
        pytest.raises(DamageError, match=r"000000161\.jpg is a link"),
    ):
        read(["images/00001/000000161.jpg"])


@pytest.mark.parametrize("name", ONE_FILE)
@pytest.mark.parametrize("instead", ["link", "folder", "fifo"])
def test_a_shards_file_is_read_from_nothing_but_a_file(
    folder: OutputFolder, tmp_path: Path, name: str, instead: str
) -> None:
    container = open_container(name, PLAN.num_examples, "jpg")
    put(folder, container, THREE)
    path = tmp_path / container.shard_path(SHARD)
    path.rename(tmp_path / "elsewhere")
    if instead == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif instead == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    before = open_fds()
    with (
        pytest.raises(DamageError, match=rf"{path.name} is (a link|not a regular file)"),
        container.opened(folder, SHARD),
    ):
        pass

    assert before == open_fds()


# -- room ------------------------------------------------------------------------------------------


def test_files_take_an_inode_and_whole_blocks_each() -> None:
    assert Room(7, 0) == FILES.room(7, 0)
    assert Room(7, 7 * 4_096) == FILES.room(7, 1)
    assert Room(7, 7 * 8_192) == FILES.room(7, 4_097)


@pytest.mark.parametrize("name", ONE_FILE)
def test_one_file_takes_an_inode_a_shard_and_bytes_once_their_number_is_known(name: str) -> None:
    container = open_container(name, PLAN.num_examples, "jpg")

    assert Room(0, 0) == container.room(0, 0)
    assert Room(3, 0) == container.room(400, 0)
    assert Room(1, 0) == container.room(7, 0)


def test_the_room_for_a_run_is_about_what_it_takes(tmp_path: Path, container: Container) -> None:
    examples = range(SHARD.start, SHARD.stop)
    pictures_ = {i: bytes(3_000) for i in examples}
    with OutputFolder.open(tmp_path, create=False) as folder:
        put(folder, container, [pictures_])
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    # Of a file to each picture, the rest of its last block is lost.
    block = 4_096 if container.name == "files" else 1
    num_bytes = sum(-(-path.stat().st_size // block) * block for path in files)
    room = container.room(len(examples), 3_000)

    assert len(files) == room.num_inodes
    assert num_bytes <= room.num_bytes <= 1.1 * num_bytes


@pytest.mark.parametrize(
    ("free", "says"),
    [
        (FreeSpace(10**9, 6), "7 more files do not fit .* 6 inodes left"),
        (FreeSpace(7 * (4_096 + LABEL_BYTES) - 1, 7), "0 MB more are needed for 7 images"),
        (FreeSpace(7 * (4_096 + LABEL_BYTES), 7), None),
    ],
)
def test_a_device_too_small_is_refused_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: FreeSpace, says: str | None
) -> None:
    monkeypatch.setattr(OutputFolder, "free_space", lambda _folder: free)
    with OutputFolder.open(tmp_path, create=False) as folder:
        if says is None:
            check_room(folder, FILES, 7, 4_000)
            return
        with pytest.raises(StorageError, match=says):
            check_room(folder, FILES, 7, 4_000)
