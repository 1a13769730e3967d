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
    output_bytes,
    picture,
    power_cut,
    record_of,
    render_run,
    render_shard,
    text,
)

from shmtext.dataset import merge as merge_module
from shmtext.dataset.check import check_run
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.fragment import SKIPPED
from shmtext.dataset.manifest import uncommit
from shmtext.dataset.merge import merge_labels, read_success, remove_success
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
        result = merge_labels(folder, record, csv=False)

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
