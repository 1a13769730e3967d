from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dataset_runs import is_skipped, open_fds, picture, record_of, render_run, render_shard, text
from stored import shard_path

from shmtext.dataset import merge as merge_module
from shmtext.dataset import reading
from shmtext.dataset.containers import CONTAINERS
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.reading import StoredRun
from shmtext.dataset.record import write_record
from shmtext.errors import DamageError, FolderError

DRAWN = [i for i in range(400) if not is_skipped(i)]


@pytest.fixture(scope="module", params=CONTAINERS)
def container(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def whole(container: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run") / "out", container)


def make_run(out: Path, container: str) -> Path:
    """A run whose label table has a row group for each 64 pictures."""
    with pytest.MonkeyPatch.context() as patch, OutputFolder.open(out, create=True) as folder:
        patch.setattr(merge_module, "ROWS_PER_GROUP", 64)
        record = record_of(400, container)
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


def assert_only_200_is_damaged(out: Path, name: str) -> None:
    index = DRAWN.index(200)
    with StoredRun(out) as run:
        with pytest.raises(DamageError, match=rf"{name} .*shmtext verify OUT --checksums"):
            run.read(index)
        assert picture(201) == run.read(index + 1)
        in_order = iter(run)
        assert DRAWN[:index] == [next(in_order)[1]["example_index"] for _ in range(index)]
        with pytest.raises(DamageError, match=name):
            next(in_order)
        with pytest.raises(DamageError, match=rf"{name} .*shmtext verify OUT --checksums"):
            list(run.pictures(1, run.shard_rows(1)))
        assert [picture(i) for i in DRAWN if i < 160] == [
            data for found in run.pictures(0, run.shard_rows(0)) for data in found.data
        ]


def test_a_picture_that_is_not_what_was_committed_is_named(out: Path, container: str) -> None:
    path = out / shard_path(container, 1)
    file = path / "000000200.jpg" if path.is_dir() else path
    data = file.read_bytes()
    last = data.index(picture(200)) + len(picture(200)) - 1
    file.write_bytes(data[:last] + b"?" + data[last + 1 :])

    assert_only_200_is_damaged(out, rf"{shard_path(container, 1)}/000000200\.jpg")


@pytest.mark.parametrize("damage", [cut, Path.unlink])
def test_a_picture_whose_file_is_cut_or_gone_is_named(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    make_run(tmp_path, "files")
    damage(tmp_path / "images/00001/000000200.jpg")

    assert_only_200_is_damaged(tmp_path, r"images/00001/000000200\.jpg")


def remove_all(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def cut_in_two(path: Path) -> None:
    for file in path.iterdir() if path.is_dir() else [path]:
        os.truncate(file, file.stat().st_size // 2)


@pytest.mark.parametrize("damage", [remove_all, cut_in_two])
def test_a_shard_that_is_gone_is_named_and_others_are_read(
    out: Path, container: str, damage: Callable[[Path], None]
) -> None:
    damage(out / shard_path(container, 1))
    name = shard_path(container, 1)
    with StoredRun(out) as run:
        for i in (160, 200, 319):
            with pytest.raises(DamageError, match=rf"{name}.*shmtext verify OUT --checksums"):
                run.read(DRAWN.index(i))
        with pytest.raises(DamageError, match=rf"{name}.*shmtext verify OUT --checksums"):
            list(run.pictures(1, run.shard_rows(1)))
        for i in (159, 320):
            assert picture(i) == run.read(DRAWN.index(i))


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_shards_rows_and_pictures_are_those_that_were_committed(
    run: StoredRun, index: int
) -> None:
    shard = run.record.plan.shard(index)
    drawn = [i for i in DRAWN if shard.start <= i < shard.stop]
    rows = run.shard_rows(index)
    found = list(run.pictures(index, rows.slice(3)))

    assert drawn == rows["example_index"].to_pylist()
    assert [f"{i:09d}.jpg" for i in drawn[3:]] == [name for each in found for name in each.names]
    assert [picture(i) for i in drawn[3:]] == [data for each in found for data in each.data]
    assert [text(i) for i in drawn[3:]] == [
        value for each in found for value in each.rows["text"].to_pylist()
    ]


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
