from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from dataset_runs import PLAN, failing, open_fds, picture, record_of, render_shard, text
from hypothesis import given
from hypothesis import strategies as st

from shmtext.corpus.ragged import pack_texts
from shmtext.dataset.containers import CONTAINERS, open_container
from shmtext.dataset.containers.base import Room, StagedShard
from shmtext.dataset.folder import FileBytes, FreeSpace, OutputFolder
from shmtext.dataset.manifest import read_labels
from shmtext.dataset.plan import Plan
from shmtext.dataset.room import LABEL_BYTES, check_room
from shmtext.errors import ConfigError, DamageError, StorageError

SHARD = PLAN.shard(1)
FILES = open_container("files", PLAN.num_examples, "jpg")


def take(sink: StagedShard, **pictures: FileBytes) -> None:
    """One batch; an underscore stands for the dot of a name."""
    names = [name.replace("_", ".").encode() for name in pictures]
    sink.take(names, pack_texts("text" for _ in names), list(pictures.values()))


def test_pictures_appear_all_at_once(tmp_path: Path) -> None:
    array = np.arange(256, dtype=np.uint8)
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        FILES.stage(folder, SHARD) as sink,
    ):
        names = FILES.image_names(SHARD, np.array([160, 161]))
        sink.take(names, pack_texts(["a", "b"]), [b"bytes", array])
        assert not (tmp_path / "images").exists()
        sink.publish()

        images = tmp_path / "images" / "00001"
        assert (images / "000000160.jpg").read_bytes() == b"bytes"
        assert (images / "000000161.jpg").read_bytes() == array.tobytes()

    assert os.listdir(tmp_path / "_stage") == []


def test_nothing_remains_of_a_shard_that_was_not_published(tmp_path: Path) -> None:
    before = open_fds()
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        FILES.stage(folder, SHARD) as sink,
    ):
        take(sink, a_jpg=b"1")
        assert len(os.listdir(tmp_path / "_stage")) == 1

    assert os.listdir(tmp_path) == ["_stage"]
    assert os.listdir(tmp_path / "_stage") == []
    assert before == open_fds()


@pytest.mark.parametrize("leftover", ["folder", "empty folder", "file", "link"])
def test_an_uncommitted_leftover_is_replaced(tmp_path: Path, leftover: str) -> None:
    images, outside = tmp_path / "out" / "images" / "00001", tmp_path / "outside"
    images.parent.mkdir(parents=True)
    outside.mkdir()
    (outside / "theirs").touch()
    if leftover == "file":
        images.touch()
    elif leftover == "link":
        images.symlink_to(outside)
    else:
        images.mkdir()
        if leftover == "folder":
            (images / "old.jpg").touch()
    with (
        OutputFolder.open(tmp_path / "out", create=False) as folder,
        FILES.stage(folder, SHARD) as sink,
    ):
        take(sink, new_jpg=b"1")
        sink.publish()

    assert os.listdir(images) == ["new.jpg"]
    assert not images.is_symlink()
    assert os.listdir(outside) == ["theirs"]
    assert os.listdir(tmp_path / "out" / "_stage") == []


def test_two_workers_with_the_same_shard_do_not_meet(tmp_path: Path) -> None:
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        FILES.stage(folder, SHARD) as one,
        FILES.stage(folder, SHARD) as other,
    ):
        for sink in (one, other):
            take(sink, a_jpg=b"1")
            sink.publish()

    assert os.listdir(tmp_path / "images" / "00001") == ["a.jpg"]


def test_a_name_given_twice_is_refused_not_overwritten(tmp_path: Path) -> None:
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        FILES.stage(folder, SHARD) as sink,
    ):
        take(sink, a_jpg=b"1")
        with pytest.raises(StorageError, match=r"a\.jpg"):
            take(sink, a_jpg=b"2")


@pytest.mark.parametrize("function", ["open", "write", "close"])
def test_a_picture_that_cannot_be_written_raises(tmp_path: Path, function: str) -> None:
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        FILES.stage(folder, SHARD) as sink,
        failing(function, 1, errno.EDQUOT),
        pytest.raises(StorageError, match=r"images/00001/a\.jpg: the disk quota"),
    ):
        take(sink, a_jpg=b"1")


def test_a_short_write_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:100]))
    data = bytes(range(256))
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        FILES.stage(folder, SHARD) as sink,
    ):
        take(sink, a_jpg=data)
        sink.publish()

    assert (tmp_path / "images/00001/a.jpg").read_bytes() == data


def test_a_batch_without_a_picture_for_each_name_is_refused(tmp_path: Path) -> None:
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        FILES.stage(folder, SHARD) as sink,
        pytest.raises(ValueError, match="shorter"),
    ):
        sink.take([b"a.jpg", b"b.jpg"], pack_texts(["a", "b"]), [b"1"])


# -- every container -------------------------------------------------------------------------------


@given(st.integers(1, 10**12), st.data())
def test_vectorised_names_are_the_plainly_formatted_ones(
    num_examples: int, data: st.DataObject
) -> None:
    plan, container = Plan(num_examples), open_container("files", num_examples, "png")
    shard = plan.shard(data.draw(st.integers(0, plan.num_shards - 1)))
    rows = data.draw(st.lists(st.integers(shard.start, shard.stop - 1), max_size=5))
    example_index = np.array(rows, np.int64)
    digits = max(9, len(str(num_examples - 1)))
    expected = [f"{i:0{digits}d}.png" for i in rows]

    assert [name.encode() for name in expected] == container.image_names(shard, example_index)
    paths = list(container.file_names(shard, example_index))
    assert [f"images/{shard.index:05d}/{name}" for name in expected] == paths


@pytest.mark.parametrize("name", CONTAINERS)
def test_names_of_a_shard_sort_like_its_examples(name: str) -> None:
    plan, container = Plan(2_000), open_container(name, 2_000, "jpg")
    shard = plan.shard(1)
    names = container.image_names(shard, np.arange(shard.start, shard.stop))

    assert sorted(names) == names


@pytest.mark.parametrize("name", CONTAINERS)
def test_examples_of_another_shard_have_no_name_in_this_one(name: str) -> None:
    container = open_container(name, 2_000, "jpg")

    with pytest.raises(IndexError, match="shard 0 holds examples 0 to 357"):
        container.image_names(Plan(2_000).shard(0), np.array([358]))


@pytest.mark.parametrize("extension", ["", "../x", "j pg", "é"])
def test_an_extension_that_is_no_plain_word_is_refused(extension: str) -> None:
    with pytest.raises(ConfigError, match="extension"):
        open_container("files", 1, extension)


def test_a_container_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ConfigError, match="one of files, got 'zip'"):
        open_container("zip", 1, "jpg")


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_was_committed_is_read_back_and_is_whole(tmp_path: Path, name: str) -> None:
    record = record_of(400, name)
    with OutputFolder.open(tmp_path, create=False) as folder:
        manifest = render_shard(folder, 1, record)
        rows = read_labels(folder, SHARD, manifest, record.schema)
        with record.container.opened(folder, SHARD) as read:
            for row in rows.to_pylist():
                assert picture(row["example_index"]) == read(row["file_name"])
                assert text(row["example_index"]) == row["text"]

        for checksums in (False, True):
            assert [] == list(record.container.check(folder, SHARD, rows, checksums))


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_picture_or_shard_that_is_gone_is_named(tmp_path: Path, name: str) -> None:
    container = open_container(name, PLAN.num_examples, "jpg")
    with OutputFolder.open(tmp_path, create=False) as folder:
        render_shard(folder, 1, record_of(400, name))
        with (
            container.opened(folder, SHARD) as read,
            pytest.raises(DamageError, match=r"images/00001/nobody\.jpg is missing"),
        ):
            read("images/00001/nobody.jpg")
        with (
            pytest.raises(DamageError, match="images/00000 is missing"),
            container.opened(folder, PLAN.shard(0)),
        ):
            pass


def test_a_picture_is_not_read_through_a_link(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        render_shard(folder, 1)
        path = tmp_path / "images/00001/000000161.jpg"
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
        with (
            FILES.opened(folder, SHARD) as read,
            pytest.raises(DamageError, match=r"000000161\.jpg is a link"),
        ):
            read("images/00001/000000161.jpg")


def test_files_take_an_inode_and_whole_blocks_each() -> None:
    assert Room(7, 0) == FILES.room(7, 0)
    assert Room(7, 7 * 4_096) == FILES.room(7, 1)
    assert Room(7, 7 * 8_192) == FILES.room(7, 4_097)


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
