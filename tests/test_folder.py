from __future__ import annotations

import errno
import os
import resource
import shutil
import stat
from pathlib import Path

import pytest
from dataset_runs import failing, open_fds

from shmtext.dataset import folder as folder_module
from shmtext.dataset.folder import OutputFolder, write_all
from shmtext.dataset.locks import lock
from shmtext.errors import DamageError, FolderError, StorageError
from shmtext.parts import Part


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_open_makes_the_folder_and_those_above_it(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path / "a" / "b" / "c", create=True) as folder:
        assert folder.list_names() == []


def test_open_closes_everything_it_opened(out: Path) -> None:
    before = open_fds()
    with OutputFolder.open(out, create=True) as folder:
        lock(folder)
        folder.write_file("a", b"1", sync=True)

    assert before == open_fds()


def test_a_missing_folder_is_not_made_when_it_should_exist(out: Path) -> None:
    with pytest.raises(FolderError, match="there is no folder"):
        OutputFolder.open(out, create=False)


def test_a_link_is_not_opened_as_the_folder(tmp_path: Path, out: Path) -> None:
    out.symlink_to(tmp_path)

    with pytest.raises(FolderError, match="is a link"):
        OutputFolder.open(out, create=True)


def test_a_file_is_not_opened_as_the_folder(out: Path) -> None:
    out.write_text("")

    with pytest.raises(FolderError, match="not a folder"):
        OutputFolder.open(out, create=True)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "", "a//b", "./a", "a/", "a\0"])
def test_names_that_could_leave_the_folder_are_refused(out: Path, name: str) -> None:
    with OutputFolder.open(out, create=True) as folder:
        with pytest.raises(FolderError, match="stay within"):
            folder.write_file(name, b"", sync=False)
        with pytest.raises(FolderError, match="stay within"):
            folder.read_file(name)


def test_written_bytes_are_read_back(out: Path) -> None:
    with OutputFolder.open(out, create=True) as folder:
        folder.make_folder("a/b")
        folder.write_file("a/b/c", b"old", sync=False)
        folder.write_file("a/b/c", b"new", sync=True)

        assert folder.read_file("a/b/c") == b"new"
        assert folder.read_file("a/b/d") is None
        assert folder.read_file("x/y") is None
        assert folder.list_names("a/b") == ["c"]
        assert folder.list_names("_stage") == []
        assert folder.remove_file("a/b/c")
        assert not folder.remove_file("a/b/c")


def test_files_are_not_writable_by_others_and_the_stage_is_private(out: Path) -> None:
    with OutputFolder.open(out, create=True) as folder:
        folder.write_file("a", b"", sync=False)

    assert stat.S_IMODE((out / "a").stat().st_mode) & 0o022 == 0
    assert stat.S_IMODE((out / "_stage").stat().st_mode) == 0o700


def test_links_inside_are_neither_written_through_nor_read_through(
    tmp_path: Path, out: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"theirs")
    with OutputFolder.open(out, create=True) as folder:
        (out / "images").symlink_to(outside)
        (out / "link").symlink_to(outside / "file")
        with pytest.raises(StorageError, match="link"):
            folder.write_file("images/file", b"ours", sync=False)
        with pytest.raises(StorageError, match="link"):
            folder.read_file("images/file")
        with pytest.raises(DamageError, match="link"):
            folder.read_file("link")
        folder.write_file("link", b"ours", sync=False)
        folder.remove_tree("images")

    assert (outside / "file").read_bytes() == b"theirs"
    assert (out / "link").read_bytes() == b"ours"
    assert not (out / "images").is_symlink()


def test_a_fifo_in_place_of_a_file_does_not_hold_up_the_reader(out: Path) -> None:
    with OutputFolder.open(out, create=True) as folder:
        os.mkfifo(out / "run.json")
        with pytest.raises(DamageError, match="not a regular file"):
            folder.read_file("run.json")


def test_a_replaced_folder_is_noticed_and_not_written_to(tmp_path: Path, out: Path) -> None:
    with OutputFolder.open(out, create=True) as folder:
        folder.check_in_place()
        out.rename(tmp_path / "moved")
        with pytest.raises(StorageError, match="removed or replaced during the run"):
            folder.check_in_place()
        out.mkdir()
        with pytest.raises(StorageError, match="removed or replaced during the run"):
            folder.check_in_place()
        folder.write_file("a", b"", sync=False)

    assert list(out.iterdir()) == []


def test_writing_into_a_removed_folder_says_so(out: Path) -> None:
    with OutputFolder.open(out, create=True) as folder:
        out.rmdir()
        with pytest.raises(StorageError, match="removed or replaced during the run"):
            folder.write_file("a", b"", sync=False)


@pytest.mark.parametrize("function", ["open", "write", "fsync", "rename", "close"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE])
def test_a_failed_write_keeps_the_old_file_and_is_one_line(
    out: Path, function: str, code: int
) -> None:
    with OutputFolder.open(out, create=True) as folder:
        folder.write_file("a", b"old", sync=True)
        before = open_fds()
        with failing(function, 1, code), pytest.raises(StorageError) as caught:
            folder.write_file("a", b"new", sync=True)

        assert str(out) in str(caught.value)
        assert "run the same command again" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert folder.read_file("a") in (b"old", b"new")
        assert folder.list_names("_stage") == []
        assert before == open_fds()


def test_a_file_size_limit_is_a_storage_error(out: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with OutputFolder.open(out, create=True) as folder:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            with pytest.raises(StorageError, match="ulimit -f"):
                folder.write_file("a", bytes(2000), sync=False)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        assert folder.read_file("a") is None


def test_write_all_goes_on_after_a_short_write(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = os.write
    fd = os.open(tmp_path / "a", os.O_WRONLY | os.O_CREAT)
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:3]))
    write_all(fd, b"0123456789")
    os.close(fd)

    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_a_write_that_takes_nothing_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", lambda *_: 0)
    with pytest.raises(OSError, match="took no bytes"):
        write_all(1, b"x")


def test_a_writer_left_behind_by_an_error_cannot_write_into_a_later_file(out: Path) -> None:
    with OutputFolder.open(out, create=True) as folder:
        with pytest.raises(KeyError), folder.replace_file("a", sync=False) as left_behind:
            raise KeyError
        with folder.replace_file("b", sync=False) as file:
            with pytest.raises(ValueError, match="closed"):
                left_behind.write(b"old")
            file.write(b"new")

        assert folder.read_file("b") == b"new"


@pytest.mark.parametrize("there", ["nothing", "file", "folder", "link"])
def test_a_copy_takes_the_place_of_whatever_is_there(
    tmp_path: Path, out: Path, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "_COPY_BYTES", 7)
    (tmp_path / "theirs").mkdir()
    with OutputFolder.open(out, create=True) as folder:
        (out / "from").mkdir()
        (out / "from" / "a").write_bytes(bytes(range(100)))
        (out / "from" / "b").write_bytes(b"")
        for target in ("folder", "file"):
            if there == "file":
                (out / target).write_bytes(b"old")
            elif there == "folder":
                (out / target).mkdir()
                (out / target / "old").touch()
            elif there == "link":
                (out / target).symlink_to(tmp_path / "theirs")
        before = open_fds()
        folder.copy("from", "folder")
        folder.copy("from/a", "file")

        assert before == open_fds()
        assert folder.list_names("folder") == ["a", "b"]
        assert bytes(range(100)) == folder.read_file("folder/a") == folder.read_file("file")
        assert folder.read_file("folder/b") == b""
    assert list((tmp_path / "theirs").iterdir()) == []
    assert not (out / "folder").is_symlink()


def test_nothing_is_copied_from_behind_a_link(tmp_path: Path, out: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"theirs")
    with OutputFolder.open(out, create=True) as folder:
        (out / "from").mkdir()
        (out / "from" / "link").symlink_to(tmp_path / "theirs")
        with pytest.raises(DamageError, match="link"):
            folder.copy("from", "to")

        assert folder.list_names("to") == []


def test_a_file_is_renamed_over_a_file_and_not_over_a_folder(out: Path) -> None:
    with OutputFolder.open(out, create=True) as folder:
        folder.write_file("a", b"new", sync=False)
        folder.write_file("b", b"old", sync=False)
        folder.rename("a", "b")
        assert (folder.read_file("a"), folder.read_file("b")) == (None, b"new")
        folder.make_folder("c/d")
        with pytest.raises(IsADirectoryError):
            folder.rename("b", "c")
        folder.rename("b", "c/e")

        assert folder.list_names("c") == ["d", "e"]


def test_a_nameless_file_is_read_and_written_and_gone_when_it_is_closed(out: Path) -> None:
    with OutputFolder.open(out, create=True) as folder:
        before = open_fds()
        fd = folder.nameless_file()
        assert folder.list_names("_stage") == []
        write_all(fd, b"0123456789")

        assert os.pread(fd, 4, 3) == b"3456"
        assert os.fstat(fd).st_nlink == 0
        os.close(fd)
        assert before == open_fds()


@pytest.mark.parametrize(
    ("function", "at"), [("open", 1), ("open", 2), ("unlink", 1), ("close", 1)]
)
def test_a_nameless_file_that_could_not_be_made_leaves_no_descriptor(
    out: Path, function: str, at: int
) -> None:
    with OutputFolder.open(out, create=True) as folder:
        folder.make_folder("_stage")
        before = open_fds()
        with failing(function, at, errno.EIO), pytest.raises(OSError, match="Input/output"):
            folder.nameless_file()

        assert before == open_fds()


def test_free_space_is_counted_in_bytes_and_inodes(out: Path) -> None:
    with OutputFolder.open(out, create=True) as folder:
        space = folder.free_space()

    assert space.num_bytes > 0
    assert space.num_inodes > 0


def test_a_stage_keeps_what_is_in_it_and_is_a_folder(out: Path) -> None:
    with OutputFolder.open(out, create=True) as folder:
        folder.begin_stage()
        (out / "_stage/left").mkdir()
        folder.begin_stage()
        assert ["left"] == os.listdir(out / "_stage")
        shutil.rmtree(out / "_stage")
        (out / "_stage").touch()
        folder.begin_stage()
        assert [] == os.listdir(out / "_stage")
        (out / "_stage").rmdir()
        (out / "_stage").symlink_to(out)
        folder.begin_stage()
        assert not (out / "_stage").is_symlink()
        assert [] == os.listdir(out / "_stage")


def test_the_stage_of_a_part_is_put_in_place_and_ended_beside_those_of_others(out: Path) -> None:
    with (
        OutputFolder.open(out, create=True, part=Part(0, 2)) as one,
        OutputFolder.open(out, create=True, part=Part(1, 2)) as other,
    ):
        assert not other.begin_stage()
        assert other.begin_stage()
        (out / other.stage / "kept").touch()
        (out / one.stage).symlink_to(out)
        assert not one.begin_stage()
        assert not (out / one.stage).is_symlink()
        one.write_file("a", b"1", sync=True)
        one.end_stage()

        assert (out / "a").read_bytes() == b"1"
        assert [path.name for path in (out / "_stage").rglob("*")] == [
            other.stage.rpartition("/")[2],
            "kept",
        ]


def test_a_new_file_takes_nothings_place(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    with OutputFolder.open(out, create=True) as folder:
        for _ in range(2):
            assert folder.write_new_file("a", b"first")
            assert not folder.write_new_file("a", b"second")
            assert folder.read_file("a") == b"first"
            assert folder.list_names("_stage") == []
            folder.remove_file("a")
            monkeypatch.setattr(os, "link", refuse)  # as on file systems without links


def test_what_is_set_aside_waits_in_the_stage(out: Path) -> None:
    with OutputFolder.open(out, create=True) as folder:
        folder.begin_stage()
        (out / "images").mkdir()
        (out / "images/old").touch()
        folder.set_aside("images")
        folder.set_aside("images")  # there is none any more

        assert not (out / "images").exists()
        assert ["old"] == [each.name for each in (out / "_stage").glob("*/*")]
        with failing("rename", 1, errno.EXDEV):
            (out / "images").mkdir()
            folder.set_aside("images")
        assert not (out / "images").exists()
