from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dataset_runs import is_skipped, open_fds, picture, record_of, render_run, render_shard, text

from shmtext.dataset import merge as merge_module
from shmtext.dataset import reading
from shmtext.dataset.containers import CONTAINERS
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.reading import StoredRun
from shmtext.dataset.record import write_record
from shmtext.errors import DamageError, FolderError

DRAWN = [i for i in range(400) if not is_skipped(i)]


@pytest.fixture(scope="module", params=CONTAINERS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose label table has a row group for each 64 pictures."""
    out = tmp_path_factory.mktemp("run") / "out"
    with pytest.MonkeyPatch.context() as patch, OutputFolder.open(out, create=True) as folder:
        patch.setattr(merge_module, "ROWS_PER_GROUP", 64)
        record = record_of(400, request.param)
        write_record(folder, record)
        render_run(folder, record)
    return out


@pytest.fixture
def run(whole: Path) -> Iterator[StoredRun]:
    with StoredRun(whole) as run:
        yield run


@pytest.fixture
def out(tmp_path: Path, whole: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "out"))


def test_pictures_come_in_order_with_their_rows(run: StoredRun) -> None:
    found = list(run)

    assert len(DRAWN) == len(run) == len(found)
    assert [(picture(i), i, text(i)) for i in DRAWN] == [
        (data, row["example_index"], row["text"]) for data, row in found
    ]


def test_any_picture_is_the_one_that_comes_there_in_order(run: StoredRun) -> None:
    in_order = list(run)
    for index in (0, 63, 64, 128, 200, 388, 0, -1, -389):
        data, row = in_order[index]

        assert (data, row) == (run.read(index), run.row(index))


def test_a_row_has_every_column_of_the_run(run: StoredRun) -> None:
    row = run.row(3)

    assert list(row) == [column.name for column in run.record.schema.columns]
    assert row["boxes"] == [[3, 4, 5, 6], [3, 4, 5, 6]]


@pytest.mark.parametrize("index", [389, -390, 10**12])
def test_there_is_nothing_beyond_the_last(run: StoredRun, index: int) -> None:
    with pytest.raises(IndexError, match=f"holds 389 pictures, got index {index}"):
        run.read(index)


def test_two_iterations_do_not_disturb_each_other(run: StoredRun) -> None:
    assert all(one == other for one, other in zip(run, run, strict=True))


def test_one_picture_costs_one_row_group_at_most(
    run: StoredRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    table = run._table._file
    real = table.read_row_group
    monkeypatch.setattr(
        table, "read_row_group", lambda i, **more: groups.append(i) or real(i, **more)
    )
    for index in (70, 71, 300, 72):
        run.row(index)

    assert [1, 4] == groups


def test_row_groups_are_held_within_bounds(run: StoredRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_HELD_BYTES", 1)
    rows = [run.row(index) for index in (0, 100, 200, 0)]

    assert rows[0] == rows[3]
    assert 1 == len(run._table._held)


def test_nothing_stays_open(whole: Path) -> None:
    before = open_fds()
    with StoredRun(whole) as run:
        run.read(0)
        run.read(-1)
        next(iter(run))
    run.close()

    assert before == open_fds()


def test_a_pickled_run_opens_the_same_folder(run: StoredRun) -> None:
    with pickle.loads(pickle.dumps(run)) as other:
        assert run.read(100) == other.read(100)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_reads_on_with_what_was_open(run: StoredRun) -> None:
    run.read(0)
    pid = os.fork()
    if pid == 0:
        is_right = False
        try:
            is_right = all(picture(DRAWN[i]) == run.read(i) for i in (5, 300, 388, 5))
        finally:
            os._exit(0 if is_right else 1)
    assert picture(DRAWN[100]) == run.read(100)

    assert (pid, 0) == os.waitpid(pid, 0)


def test_an_unfinished_run_is_refused_with_what_to_do(tmp_path: Path) -> None:
    record = record_of(400)
    with OutputFolder.open(tmp_path, create=False) as folder:
        with pytest.raises(FolderError, match="holds no run"):
            StoredRun(tmp_path)
        write_record(folder, record)
        render_shard(folder, 0, record)
    with pytest.raises(FolderError, match="not finished: run the command that rendered it again"):
        StoredRun(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="there is no folder"):
        StoredRun(tmp_path / "nowhere")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
def test_a_picture_that_is_not_what_was_committed_is_named(
    out: Path, damage: Callable[[Path], None]
) -> None:
    name = "images/00001/000000200.jpg"
    damage(out / name)
    index = DRAWN.index(200)
    with StoredRun(out) as run:
        with pytest.raises(DamageError, match=rf"{name} .*shmtext verify OUT --checksums"):
            run.read(index)
        assert picture(201) == run.read(index + 1)
        in_order = iter(run)
        assert DRAWN[:index] == [next(in_order)[1]["example_index"] for _ in range(index)]
        with pytest.raises(DamageError, match=name):
            next(in_order)


@pytest.mark.parametrize("damage", [cut, lambda path: path.write_bytes(b""), Path.unlink])
def test_a_damaged_label_table_is_named(out: Path, damage: Callable[[Path], None]) -> None:
    damage(out / "metadata.parquet")
    with pytest.raises(DamageError, match=r"metadata\.parquet is (damaged|missing)"):
        StoredRun(out)


def test_the_label_table_of_another_run_is_not_taken_for_this_one_s(out: Path) -> None:
    shutil.copy(out / "fragments/00001.parquet", out / "metadata.parquet")
    with pytest.raises(DamageError, match="rows are not those that were written"):
        StoredRun(out)


def test_a_flipped_bit_in_the_label_table_is_damage(out: Path) -> None:
    path = out / "metadata.parquet"
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    with StoredRun(out) as run:
        with pytest.raises(DamageError, match=r"metadata\.parquet is damaged"):
            run.row(0)
        with pytest.raises(DamageError, match=r"metadata\.parquet is damaged"):
            list(run)
