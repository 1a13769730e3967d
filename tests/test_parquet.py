"""Parquet shards hold pictures and label rows as any reader of Parquet, and Hugging Face's, read
them.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_runs import PLAN, RECORD, drawn_of, failing, picture, record_of, render_shard
from hypothesis import given
from hypothesis import strategies as st

from shmtext.dataset.containers import one_file
from shmtext.dataset.containers.one_file import Scratch
from shmtext.dataset.containers.parquet import IMAGE, image_array, parquet_writer, with_image
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.manifest import read_labels
from shmtext.dataset.summed import SummedFile
from shmtext.errors import DamageError, StorageError

RUN = record_of(400, "parquet")
SHARD = PLAN.shard(1)
DRAWN = drawn_of(SHARD)
PATH = "images/00001.parquet"


def file_of(out: Path) -> pq.ParquetFile:
    return pq.ParquetFile(io.BytesIO((out / PATH).read_bytes()))


def test_any_reader_finds_pictures_beside_all_label_columns(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        manifest = render_shard(folder, 1, RUN)
        rows = read_labels(folder, SHARD, manifest, RUN.schema)
    table = file_of(tmp_path).read()

    assert ["image", *RUN.schema.arrow.names] == table.column_names
    assert table.drop_columns("image").cast(rows.schema).equals(rows)
    assert [{"bytes": picture(i), "path": f"{i:09d}.jpg"} for i in DRAWN] == table[
        "image"
    ].to_pylist()
    table.validate(full=True)


def test_the_schema_says_what_hugging_face_takes_for_pictures(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        render_shard(folder, 1, RUN)
    schema = file_of(tmp_path).schema_arrow

    assert {"info": {"features": {"image": {"_type": "Image"}}}} == json.loads(
        schema.metadata[b"huggingface"]
    )
    assert pa.struct([("bytes", pa.binary()), ("path", pa.string())]) == schema.field("image").type
    assert schema.remove_metadata().equals(pa.schema([IMAGE, *RUN.schema.arrow]))


@pytest.mark.parametrize(("piece_bytes", "piece_rows"), [(1, 1_000), (10_000, 7), (500, 1_000)])
def test_row_groups_are_bounded_in_rows_and_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece_bytes: int, piece_rows: int
) -> None:
    monkeypatch.setattr(one_file, "PIECE_BYTES", piece_bytes)
    monkeypatch.setattr(one_file, "MAX_PIECE_ROWS", piece_rows)
    with OutputFolder.open(tmp_path, create=False) as folder:
        render_shard(folder, 1, RUN)
        with RUN.container.opened(folder, SHARD) as read:
            names = [f"{PATH}/{i:09d}.jpg" for i in DRAWN]
            assert [picture(i) for i in DRAWN] == read(names)
            assert [picture(i) for i in reversed(DRAWN)] == read(names[::-1])
    file = file_of(tmp_path)
    groups = [file.read_row_group(i).to_pylist() for i in range(file.num_row_groups)]

    assert DRAWN == [row["example_index"] for group in groups for row in group]
    for group in groups:
        assert len(group) <= piece_rows
        assert len(group) == 1 or sum(row["num_bytes"] for row in group) <= piece_bytes


def test_pictures_stand_in_the_file_as_they_are(tmp_path: Path) -> None:
    """They are compressed already, and no dictionary is made of them."""
    with OutputFolder.open(tmp_path, create=False) as folder:
        render_shard(folder, 1, RUN)
    group = file_of(tmp_path).metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    found = {column.path_in_schema: column for column in columns}

    assert found["image.bytes"].compression == "UNCOMPRESSED"
    assert found["text"].compression == "SNAPPY"
    assert not any(column.has_dictionary_page for column in columns)
    assert picture(160) in (tmp_path / PATH).read_bytes()


@given(st.lists(st.binary(max_size=50), max_size=20), st.booleans())
def test_the_column_of_pictures_is_the_one_arrow_makes_of_python_objects(
    data: list[bytes], as_arrays: bool
) -> None:
    names = [f"{i}.jpg" for i in range(len(data))]
    given_ = [np.frombuffer(each, np.uint8) for each in data] if as_arrays else data
    found = image_array([name.encode() for name in names], given_, Scratch())
    rows = [{"bytes": each, "path": name} for each, name in zip(data, names, strict=True)]

    assert found.equals(pa.array(rows, IMAGE.type))
    found.validate(full=True)


def test_a_writer_that_an_error_left_behind_writes_nothing_more(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        file = folder.stage_file("a")
        try:
            summed = SummedFile(file, lambda _data: None)
            with (
                pytest.raises(KeyError),
                parquet_writer(summed, with_image(RECORD.schema.arrow)),
            ):
                num_bytes = summed.num_bytes
                raise KeyError
            assert num_bytes == summed.num_bytes
        finally:
            file.discard()


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_write_that_fails_within_arrow_names_the_shard_s_file(tmp_path: Path, at: int) -> None:
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        failing("write", at),
        pytest.raises(StorageError, match=rf"{PATH}: no space"),
    ):
        render_shard(folder, 1, RUN)


# -- damage ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shard_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("parquet")
    with OutputFolder.open(out, create=False) as folder:
        render_shard(folder, 1, RUN)
    return (out / PATH).read_bytes()


def read_all(data: bytes, out: Path) -> list[bytes | None]:
    """Pictures of a shard's file with these bytes; None for one that is said to be damaged."""
    (out / PATH).parent.mkdir(parents=True, exist_ok=True)
    (out / PATH).write_bytes(data)
    found: list[bytes | None] = []
    with OutputFolder.open(out, create=False) as folder:
        try:
            with RUN.container.opened(folder, SHARD) as read:
                for i in DRAWN:
                    try:
                        found += read([f"{PATH}/{i:09d}.jpg"])
                    except DamageError:
                        found.append(None)
        except DamageError:
            found = [None] * len(DRAWN)
    return found


@given(data=st.data())
def test_whatever_bit_is_flipped_pictures_are_read_or_it_is_damage(
    shard_file: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whoever asks holds what is read against its checksum: other bytes may come."""
    anywhere = st.integers(0, len(shard_file) - 1)
    at = data.draw(anywhere | st.integers(-footer_bytes(shard_file), -1))
    flipped = bytearray(shard_file)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))

    assert len(DRAWN) == len(read_all(flipped, tmp_path_factory.getbasetemp() / "flipped"))


@pytest.mark.parametrize("name", [b"bytes", b"file_name", b"example_index", b"num_bytes"])
def test_a_name_of_a_column_that_is_no_text_any_more_is_damage(
    shard_file: bytes, tmp_path: Path, name: bytes
) -> None:
    at = shard_file.index(name, len(shard_file) - footer_bytes(shard_file))
    data = shard_file[:at] + b"\xff" + shard_file[at + 1 :]

    assert [None] * len(DRAWN) == read_all(data, tmp_path)


def footer_bytes(data: bytes) -> int:
    """Of the end of a Parquet file that says where all else is."""
    return int.from_bytes(data[-8:-4], "little") + 8


@pytest.mark.parametrize("num_bytes", [0, 3, 4, 1_000, -1, -8])
def test_a_file_cut_short_is_damage(shard_file: bytes, tmp_path: Path, num_bytes: int) -> None:
    assert [None] * len(DRAWN) == read_all(shard_file[:num_bytes], tmp_path)
