"""One shard is drawn, encoded, labelled and committed as a whole or not at all."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from drawing import ITALIC, SANS, draw, picture_maker
from PIL import Image
from records import record_of

from shmtext.config import Output
from shmtext.corpus.ragged import pack_texts
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.manifest import Manifest, read_manifest
from shmtext.dataset.plan import Plan
from shmtext.draw.pictures import PictureMaker
from shmtext.engine import to_dataset
from shmtext.engine.progress import ShardDone
from shmtext.engine.shards import COMMITTING, Watch, render_shard
from shmtext.engine.task import Task
from shmtext.engine.to_dataset import DatasetSink

TEXTS = [f"text {number} Äg" if number % 10 else "中" for number in range(100)]
"""Two shards; every tenth text has no font."""
PLAN = Plan(len(TEXTS))
SHARD = PLAN.shard(1)


@pytest.fixture
def maker() -> PictureMaker:
    return picture_maker([SANS, ITALIC], font_sizes=[12, 20], font_colors=["black", "red"])


@pytest.fixture
def sink(tmp_path: Path, maker: PictureMaker) -> Iterator[DatasetSink]:
    with OutputFolder.open(tmp_path, create=False) as folder:
        yield DatasetSink(folder, record_of(len(TEXTS), "png"), maker.settings, worker=3)


def render(sink: DatasetSink, **more: Any) -> Manifest:
    maker = PictureMaker(sink.settings)
    task = Task(SHARD, more.pop("excluded", {}))
    done = render_shard(maker, pack_texts(TEXTS), task, sink, Watch(**more))
    manifest = read_manifest(sink.folder, SHARD)
    assert manifest is not None
    assert ShardDone.of(manifest) == done
    return manifest


def rows(out: Path, name: str = "00001.parquet") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(out / "fragments" / name).to_pylist()
    return found


def test_a_shard_has_its_examples_in_order(tmp_path: Path, sink: DatasetSink) -> None:
    render(sink)
    drawn = [index for index in range(SHARD.start, SHARD.stop) if index % 10]

    assert drawn == [row["example_index"] for row in rows(tmp_path)]
    assert [TEXTS[index] for index in drawn] == [row["text"] for row in rows(tmp_path)]


def test_pictures_are_those_of_the_maker_and_rows_describe_them(
    tmp_path: Path, sink: DatasetSink
) -> None:
    render(sink)
    maker = picture_maker([SANS, ITALIC], font_sizes=[12, 20], font_colors=["black", "red"])
    drawing = draw(maker, TEXTS[SHARD.start : SHARD.stop], SHARD.start)

    for row in rows(tmp_path):
        data = (tmp_path / row["file_name"]).read_bytes()
        with Image.open(io.BytesIO(data)) as picture:
            expected = drawing.pictures[row["example_index"] - SHARD.start]
            assert np.array_equal(expected, np.array(picture))
            assert picture.size == (row["width_px"], row["height_px"])
        position = row["example_index"] - SHARD.start
        font, size_px = maker.faces.font_and_size(int(drawing.shard.face_id[position]))
        assert (font.name, size_px) == (row["font"], row["font_size_px"])
        colors = maker.settings.color_pairs[int(drawing.shard.styles.pair_id[position])]
        assert colors == (row["font_color"], row["background_color"])
        assert (len(data), zlib.crc32(data)) == (row["num_bytes"], row["crc32"])


def test_the_manifest_counts_and_names_who_rendered(tmp_path: Path, sink: DatasetSink) -> None:
    manifest = render(sink)
    num_skipped = sum(index % 10 == 0 for index in range(SHARD.start, SHARD.stop))
    assert (SHARD.num_examples - num_skipped, num_skipped, 0) == (
        manifest.num_rows,
        manifest.num_skipped,
        manifest.num_failed,
    )
    assert (3, sink.record.fingerprint) == (manifest.worker, manifest.fingerprint)
    assert (
        sum(path.stat().st_size for path in (tmp_path / "images").rglob("*.png"))
        == manifest.image_bytes
    )


def test_excluded_examples_have_failed_for_the_reason_given(
    tmp_path: Path, sink: DatasetSink
) -> None:
    manifest = render(sink, excluded={87: "ended its worker twice"})
    failed = [row for row in rows(tmp_path, "00001.skipped.parquet") if row["failed"]]

    assert 1 == manifest.num_failed == len(failed)
    assert (87, TEXTS[87], "ended its worker twice") == (
        failed[0]["example_index"],
        failed[0]["text"],
        failed[0]["reason"],
    )
    assert failed[0]["font"] in (SANS.name, ITALIC.name)
    assert failed[0]["font_size_px"] in (12, 20)
    assert 87 not in [row["example_index"] for row in rows(tmp_path)]


def test_excluding_an_example_changes_no_other(tmp_path: Path, sink: DatasetSink) -> None:
    render(sink)
    before = {path: path.read_bytes() for path in (tmp_path / "images").rglob("*.png")}
    render(sink, excluded={87: "crash"})
    after = {path: path.read_bytes() for path in (tmp_path / "images").rglob("*.png")}

    (gone,) = before.keys() - after.keys()
    assert "000000087.png" == gone.name
    assert all(before[path] == data for path, data in after.items())


def test_whoever_looks_on_is_told_every_example_before_it_is_encoded(sink: DatasetSink) -> None:
    told: list[int] = []
    counts: list[int] = []
    render(sink, about_to_draw=told.append, batch_done=counts.append)
    drawn = {index for index in range(SHARD.start, SHARD.stop) if index % 10}

    assert drawn == {index for index in told if index >= 0}
    assert COMMITTING == told[-1]
    assert sorted(counts) == counts
    assert len(drawn) == counts[-1]


def test_a_shard_that_is_abandoned_leaves_nothing(tmp_path: Path, sink: DatasetSink) -> None:
    class AbandonedError(Exception):
        pass

    def abandon(_num_images: int) -> None:
        raise AbandonedError

    with pytest.raises(AbandonedError):
        render(sink, batch_done=abandon)

    assert [] == [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_picture_that_cannot_be_encoded_has_failed_and_the_others_are_written(
    tmp_path: Path, sink: DatasetSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = [0]

    def encode(picture: np.ndarray) -> bytes:
        calls[0] += 1
        if calls[0] == 5:
            raise cv2.error("too much")
        return bytes(picture)

    monkeypatch.setattr(to_dataset, "encoder", lambda _output: encode)
    manifest = render(sink)
    failed = [row for row in rows(tmp_path, "00001.skipped.parquet") if row["failed"]]

    assert 1 == manifest.num_failed
    assert ["cannot be encoded: too much"] == [row["reason"] for row in failed]
    names = {path.name for path in (tmp_path / "images").rglob("*.png")}
    assert names == {Path(row["file_name"]).name for row in rows(tmp_path)}
    assert f"{failed[0]['example_index']:09d}.png" not in names


def test_a_shard_rendered_again_replaces_what_was_there(tmp_path: Path, sink: DatasetSink) -> None:
    first = render(sink)
    again = render(sink)

    assert (first.images_digest, first.num_rows) == (again.images_digest, again.num_rows)
    assert first.num_rows == len(list((tmp_path / "images").rglob("*.png")))


def test_jpeg_and_png_show_the_same_texts(tmp_path: Path) -> None:
    maker = picture_maker(output=Output(image_format="jpg"), font_sizes=[20])
    with OutputFolder.open(tmp_path, create=False) as folder:
        sink = DatasetSink(folder, record_of(len(TEXTS), "jpg"), maker.settings, worker=0)
        render_shard(maker, pack_texts(TEXTS), Task(PLAN.shard(0)), sink)

    drawing = draw(picture_maker(font_sizes=[20]), TEXTS[: PLAN.examples_per_shard])
    for row in rows(tmp_path, "00000.parquet"):
        with Image.open(tmp_path / row["file_name"]) as picture:
            exact = drawing.pictures[row["example_index"]].astype(int)
            assert abs(np.array(picture).astype(int) - exact).mean() < 3
