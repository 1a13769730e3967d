from __future__ import annotations

import csv
import errno
import json
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_runs import (
    PLAN,
    RECORD,
    SWEPT,
    PowerCut,
    failing,
    is_skipped,
    merge,
    open_fds,
    output_bytes,
    picture,
    power_cut,
    record_of,
    render_run,
    render_shard,
    text,
)
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from shmtext.dataset import merge as merge_module
from shmtext.dataset.check import check_run
from shmtext.dataset.folder import OutputFolder, StagedFile
from shmtext.dataset.fragment import SKIPPED
from shmtext.dataset.manifest import committed_shards, uncommit
from shmtext.dataset.merge import LabelMerge, merge_labels, read_success, remove_success
from shmtext.errors import DamageError, StorageError

DRAWN = [i for i in range(PLAN.num_examples) if not is_skipped(i)]
SMALL = record_of(60)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    with OutputFolder.open(tmp_path / "out", create=True) as folder:
        render_run(folder)
    return tmp_path / "out"


def test_the_label_table_is_the_fragments_in_order(out: Path) -> None:
    table = pq.ParquetFile(out / "metadata.parquet", page_checksum_verification=True).read()
    fragments = [pq.read_table(out / f"fragments/{shard:05d}.parquet") for shard in range(3)]

    assert table.schema.equals(RECORD.schema.arrow)
    assert table.equals(pa.concat_tables(fragments))
    assert table["example_index"].to_pylist() == DRAWN
    assert [text(i) for i in DRAWN] == table["text"].to_pylist()
    assert [picture(i) for i in DRAWN] == [
        (out / name).read_bytes() for name in table["file_name"].to_pylist()
    ]


def test_the_csv_gives_back_every_text_with_its_commas_quotes_and_newlines(out: Path) -> None:
    with open(out / "labels.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)

    assert header == ["filename", "label"]
    assert [text(i) for i in DRAWN] == [label for _, label in rows]
    assert all((out / name).is_file() for name, _ in rows)


def test_skipped_rows_are_gathered(out: Path) -> None:
    table = pq.read_table(out / "skipped.parquet")

    assert table.schema.equals(SKIPPED)
    assert [i for i in range(400) if is_skipped(i)] == table["example_index"].to_pylist()


def test_success_says_what_was_made_and_the_stage_is_gone(out: Path) -> None:
    with OutputFolder.open(out, create=False) as folder:
        success = read_success(folder)

    assert success is not None
    assert success.num_images == len(DRAWN)
    assert success.num_skipped + success.num_failed == 400 - len(DRAWN)
    assert success.image_bytes == sum(len(picture(i)) for i in DRAWN)
    assert {"metadata.parquet", "labels.csv", "skipped.parquet"} == set(success.files)
    assert not (out / "_stage").exists()
    assert (out / "fragments" / "00002.parquet").exists()


def test_nothing_in_the_success_file_differs_between_equal_runs(tmp_path: Path, out: Path) -> None:
    with OutputFolder.open(tmp_path / "other", create=True) as folder:
        for index in (2, 0, 1):
            render_shard(folder, index)
        merge(folder)

    assert output_bytes(out) == output_bytes(tmp_path / "other")


def test_the_bytes_do_not_depend_on_how_many_rows_a_shard_has_left_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_module, "ROWS_PER_GROUP", 64)
    with OutputFolder.open(tmp_path, create=False) as folder:
        render_run(folder)
    file = pq.ParquetFile(tmp_path / "metadata.parquet")
    groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]

    assert [64] * (len(DRAWN) // 64) + [len(DRAWN) % 64] == groups
    assert file.read()["example_index"].to_pylist() == DRAWN


def test_without_csv_and_skipped_rows_none_are_left_from_before(tmp_path: Path) -> None:
    record = record_of(5)
    with OutputFolder.open(tmp_path, create=False) as folder:
        for stale in ("labels.csv", "skipped.parquet"):
            folder.write_file(stale, b"stale", sync=False)
        render_shard(folder, 0, record)
        result = merge_labels(folder, record, csv_header=None)

    assert list(result.files) == ["metadata.parquet"]
    assert not (tmp_path / "labels.csv").exists()
    assert not (tmp_path / "skipped.parquet").exists()


def test_a_run_with_a_missing_shard_is_not_merged(out: Path) -> None:
    with OutputFolder.open(out, create=False) as folder:
        uncommit(folder, 1)
        with pytest.raises(DamageError, match=r"shard 1 is not committed \(1 are not\)"):
            merge(folder)


def flip(data: bytes) -> bytes:
    return data[:50] + bytes([data[50] ^ 1]) + data[51:]


@pytest.mark.parametrize("damage", [flip, lambda d: d[:-1], lambda _: b"", None])
@pytest.mark.parametrize("name", ["00001.parquet", "00001.skipped.parquet"])
def test_a_damaged_fragment_stops_the_merge_and_names_its_shard(
    out: Path, name: str, damage: Callable[[bytes], bytes] | None
) -> None:
    path = out / "fragments" / name
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    with OutputFolder.open(out, create=False) as folder:
        with pytest.raises(DamageError, match=f"shard 1 is damaged: fragments/{name}"):
            merge(folder)
        assert read_success(folder) is None


def test_removing_success_twice_is_no_error(out: Path) -> None:
    with OutputFolder.open(out, create=False) as folder:
        remove_success(folder)
        remove_success(folder)

        assert read_success(folder) is None


@pytest.mark.parametrize("value", [b"", b"{}", b'{"files":{"a":1}}'])
def test_a_damaged_success_file_is_damage(out: Path, value: bytes) -> None:
    (out / "_SUCCESS.json").write_bytes(value)
    with OutputFolder.open(out, create=False) as folder, pytest.raises(DamageError):
        read_success(folder)


def assert_unfinished_or_whole(folder: OutputFolder, whole: dict[str, bytes]) -> None:
    if read_success(folder) is not None:
        assert check_run(folder, SMALL, checksums=True).whole
        assert output_bytes(folder.path) == whole


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("function", [*SWEPT, "power"])
def test_wherever_a_merge_stops_the_run_is_unfinished_or_whole(
    tmp_path: Path, function: str, again: bool
) -> None:
    with OutputFolder.open(tmp_path / "whole", create=True) as folder:
        render_run(folder, SMALL)
    whole = output_bytes(tmp_path / "whole")
    with OutputFolder.open(tmp_path / "out", create=True) as folder:
        render_shard(folder, 0, SMALL)
        for k in count(1):
            if not again:
                remove_success(folder)
            stop = power_cut(k) if function == "power" else failing(function, k, errno.EIO)
            with stop as calls, suppress(StorageError, PowerCut):
                merge(folder, SMALL)
            assert_unfinished_or_whole(folder, whole)
            merge(folder, SMALL)
            assert whole == output_bytes(tmp_path / "out")
            if calls[0] < k:
                break

    assert k > 3


def test_success_is_json_a_person_can_read(out: Path) -> None:
    value = json.loads((out / "_SUCCESS.json").read_text())

    assert value["num_images"] == len(DRAWN)
    assert os.path.getsize(out / "labels.csv") == value["files"]["labels.csv"]["num_bytes"]


# -- while a run goes on ---------------------------------------------------------------------------


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups of so few rows that some are written long before the end."""
    monkeypatch.setattr(merge_module, "ROWS_PER_GROUP", 60)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All shards of a run of six, committed and not merged."""
    out = tmp_path_factory.mktemp("many") / "out"
    with OutputFolder.open(out, create=True) as folder:
        for shard in SIX.plan.shards():
            render_shard(folder, shard.index, SIX)
    return out


SIX = record_of(2_000)
"""Shards of 358 examples, the last of 210."""


@given(st.permutations(range(6)), st.lists(st.integers(0, 3), min_size=6, max_size=6))
@settings(max_examples=20, deadline=None, phases=(Phase.explicit, Phase.generate))
def test_the_bytes_are_those_of_one_merge_whatever_the_order_of_commits_and_calls(
    many: Path, order: list[int], num_calls: list[int]
) -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        OutputFolder.open(many, create=False) as folder,
    ):
        patch.setattr(merge_module, "ROWS_PER_GROUP", 200)
        result = merge(folder, SIX)
        whole = output_bytes(many)
        with LabelMerge(folder, SIX, csv_header="filename,label") as under_way:
            for shard, calls in zip(order, num_calls, strict=True):
                under_way.committed(shard)
                for _ in range(calls):
                    under_way.advance()
            assert result == under_way.finish()

    assert whole == output_bytes(many)


def test_shards_are_merged_one_a_call_and_in_order(many: Path) -> None:
    with (
        OutputFolder.open(many, create=False) as folder,
        LabelMerge(folder, SIX, csv_header="filename,label") as under_way,
    ):
        under_way.committed(1)
        assert not under_way.advance()
        under_way.committed(0)
        assert [True, True, False] == [under_way.advance() for _ in range(3)]
        under_way.committed(2)
        assert [True, False] == [under_way.advance() for _ in range(2)]


@pytest.mark.usefixtures("small_groups")
def test_nothing_remains_of_a_merge_that_was_not_finished(out: Path) -> None:
    before, fds = output_bytes(out), open_fds()
    with OutputFolder.open(out, create=False) as folder:
        with LabelMerge(folder, RECORD, csv_header="filename,label") as under_way:
            under_way.committed(0)
            assert under_way.advance()
            assert len(os.listdir(out / "_stage")) == 2  # metadata.parquet, labels.csv

        assert os.listdir(out / "_stage") == []
        assert read_success(folder) is not None
    assert before == output_bytes(out)
    assert fds == open_fds()


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("function", [*SWEPT, "unlink"])
def test_whichever_call_fails_once_the_run_ends_well_or_says_it_with_all_commits_kept(
    tmp_path: Path, function: str
) -> None:
    with OutputFolder.open(tmp_path / "whole", create=True) as folder:
        render_run(folder, SMALL_BUT_SEVERAL)
    whole = output_bytes(tmp_path / "whole")
    fds = open_fds()
    num_failed = 0
    with OutputFolder.open(tmp_path / "out", create=True) as folder:
        for shard in SMALL_BUT_SEVERAL.plan.shards():
            render_shard(folder, shard.index, SMALL_BUT_SEVERAL)
    for k in count(1):
        with OutputFolder.open(tmp_path / "out", create=False) as folder:
            for name in ("_SUCCESS.json", "metadata.parquet", "labels.csv", "skipped.parquet"):
                folder.remove_file(name)
            with (
                failing(function, k, errno.ENOSPC) as calls,
                suppress(StorageError),
                LabelMerge(folder, SMALL_BUT_SEVERAL, csv_header="filename,label") as under_way,
            ):
                for shard in SMALL_BUT_SEVERAL.plan.shards():
                    under_way.committed(shard.index)
                    under_way.advance()  # raises nothing
                try:
                    under_way.finish()
                except StorageError:
                    num_failed += 1
                    raise
                assert whole == output_bytes(tmp_path / "out")
            manifests, damages = committed_shards(
                folder, SMALL_BUT_SEVERAL.plan, SMALL_BUT_SEVERAL.fingerprint
            )
            assert (2, []) == (len(manifests), damages)
            merge(folder, SMALL_BUT_SEVERAL)
        assert whole == output_bytes(tmp_path / "out")
        if calls[0] < k:
            break

    assert num_failed or function == "unlink"
    assert fds == open_fds()


@pytest.mark.usefixtures("small_groups")
def test_a_disk_that_fills_up_and_stays_full_is_said_at_the_end_with_all_commits_kept(
    out: Path,
) -> None:
    def fail(_file: StagedFile, _data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = output_bytes(out)
    with OutputFolder.open(out, create=False) as folder:
        with (
            pytest.MonkeyPatch.context() as patch,
            LabelMerge(folder, RECORD, csv_header="filename,label") as under_way,
        ):
            under_way.committed(0)
            assert under_way.advance()
            patch.setattr(StagedFile, "write", fail)
            for shard in (1, 2):
                under_way.committed(shard)
                assert not under_way.advance()
            assert os.listdir(out / "_stage") == []  # room for the pictures that are still to come
            with pytest.raises(StorageError, match="no space or no inodes left"):
                under_way.finish()
        assert read_success(folder) is None
        assert 3 == len(committed_shards(folder, PLAN, RECORD.fingerprint)[0])
        merge(folder)
        folder.remove_tree("_stage")

    assert before == output_bytes(out)


SMALL_BUT_SEVERAL = record_of(150)
"""Two shards: 98 and 52."""


@pytest.mark.parametrize("name", ["00000.parquet", "00000.skipped.parquet"])
def test_a_fragment_damaged_during_the_run_is_said_at_its_end(out: Path, name: str) -> None:
    path = out / "fragments" / name
    path.write_bytes(flip(path.read_bytes()))
    with (
        OutputFolder.open(out, create=False) as folder,
        LabelMerge(folder, RECORD, csv_header="filename,label") as under_way,
    ):
        for shard in range(3):
            under_way.committed(shard)
            assert not under_way.advance()
        with pytest.raises(DamageError, match=f"shard 0 is damaged: fragments/{name}"):
            under_way.finish()
        assert read_success(folder) is None


def test_a_shard_that_was_taken_back_is_waited_for(out: Path) -> None:
    with (
        OutputFolder.open(out, create=False) as folder,
        LabelMerge(folder, RECORD, csv_header="filename,label") as under_way,
    ):
        before = output_bytes(out)
        under_way.committed(0)
        uncommit(folder, 0)
        assert not under_way.advance()
        with pytest.raises(DamageError, match=r"shard 0 is not committed \(1 are not\)"):
            under_way.finish()
        render_shard(folder, 0)
        assert under_way.advance()
        under_way.finish()

    assert before == output_bytes(out)
