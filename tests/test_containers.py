from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from dataset_runs import PLAN, failing, open_fds

from shmtext.dataset.containers import FilesShard
from shmtext.dataset.folder import OutputFolder
from shmtext.errors import StorageError

SHARD = PLAN.shard(1)


def test_pictures_appear_all_at_once(tmp_path: Path) -> None:
    array = np.arange(256, dtype=np.uint8)
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        FilesShard(folder, PLAN, SHARD) as sink,
    ):
        sink.add(b"000000160.jpg", b"bytes")
        sink.add(b"000000161.jpg", array)
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
        FilesShard(folder, PLAN, SHARD) as sink,
    ):
        sink.add(b"a.jpg", b"1")
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
        FilesShard(folder, PLAN, SHARD) as sink,
    ):
        sink.add(b"new.jpg", b"1")
        sink.publish()

    assert os.listdir(images) == ["new.jpg"]
    assert not images.is_symlink()
    assert os.listdir(outside) == ["theirs"]
    assert os.listdir(tmp_path / "out" / "_stage") == []


def test_two_workers_with_the_same_shard_do_not_meet(tmp_path: Path) -> None:
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        FilesShard(folder, PLAN, SHARD) as one,
        FilesShard(folder, PLAN, SHARD) as other,
    ):
        for sink in (one, other):
            sink.add(b"a.jpg", b"1")
            sink.publish()

    assert os.listdir(tmp_path / "images" / "00001") == ["a.jpg"]


def test_a_name_given_twice_is_refused_not_overwritten(tmp_path: Path) -> None:
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        FilesShard(folder, PLAN, SHARD) as sink,
    ):
        sink.add(b"a.jpg", b"1")
        with pytest.raises(StorageError, match=r"a\.jpg"):
            sink.add(b"a.jpg", b"2")


@pytest.mark.parametrize("function", ["open", "write", "close"])
def test_a_picture_that_cannot_be_written_raises(tmp_path: Path, function: str) -> None:
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        FilesShard(folder, PLAN, SHARD) as sink,
        failing(function, 1, errno.EDQUOT),
        pytest.raises(StorageError, match=r"images/00001/a\.jpg: the disk quota"),
    ):
        sink.add(b"a.jpg", b"1")


def test_a_short_write_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:100]))
    data = bytes(range(256))
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        FilesShard(folder, PLAN, SHARD) as sink,
    ):
        sink.add(b"a.jpg", data)
        sink.publish()

    assert (tmp_path / "images/00001/a.jpg").read_bytes() == data
