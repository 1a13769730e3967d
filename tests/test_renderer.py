"""Whole runs in Python: what lands on disk is true, and the same however it came about."""

from __future__ import annotations

import csv
import errno
import gc
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import traceback
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from drawing import BUNDLED, ITALIC, SANS, needs_raqm, plain_picture
from fault_runs import HANG_S, SHM, environment, tree
from PIL import Image, ImageFont

from shmtext import BalancedText, Output, Renderer, RunConfig, RunSummary, Style, TextFile, render
from shmtext.dataset.check import check_shards
from shmtext.dataset.damage import Damage
from shmtext.engine import checking, resume
from shmtext.engine.progress import Progress
from shmtext.engine.task import ShardQueue, Task
from shmtext.errors import (
    ConfigError,
    FolderError,
    FontError,
    InputError,
    InterruptedRunError,
    StorageError,
)

TINY = RunConfig(
    corpus=BalancedText(letters="abcdefgh", numbers="0123", character_frequency=250),
    style=Style(fonts=(SANS,), font_sizes=(16,)),
    output=Output(image_format="png"),
)
"""Some 280 examples in 3 shards."""
GOLDEN_DIGESTS = {
    "basic": "0879c8bef4549f19956723e2c72336e110de2b90fd07ad269c235c8baa0d7af6",
    "full": "a4e7b53980af435d952ac34d1c3799b50132c7d5e199a02198a9c817491ad5b8",
}
"""By layout. That of layout basic is from before there was another."""
ENGINES = [("serial", 1), ("threads", 2), ("processes", 1), ("processes", 2), ("processes", 3)]


def rows_of(out: Path, name: str = "metadata.parquet") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / name).to_pylist()
    return rows


def pixels_digest(out: Path) -> str:
    """Digest of labels and *decoded* pixels: no encoder has a say in it."""
    digest = hashlib.sha256()
    for row in rows_of(out):
        with Image.open(out / row["file_name"]) as picture:
            digest.update(repr((row["text"], row["example_index"], picture.size)).encode())
            digest.update(picture.tobytes())
    return digest.hexdigest()


def text_run(tmp_path: Path, texts: list[str], **settings: Any) -> RunConfig:
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return RunConfig(corpus=TextFile(path), **settings)


def lines(num: int, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    alphabet = "abcdefgh ÄÖé0123"
    return ["x" + "".join(rng.choices(alphabet, k=rng.randint(1, 12))) for _ in range(num)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of ``TINY`` that nobody changes."""
    out = tmp_path_factory.mktemp("tiny") / "out"
    render(TINY, out, engine="serial")
    return out


# -- the same bytes, whoever renders -----------------------------------------------------------


@pytest.mark.parametrize("layout", GOLDEN_DIGESTS)
def test_the_pictures_and_labels_of_the_tiny_run_are_these(tmp_path: Path, layout: Any) -> None:
    """Another digest is another dataset under the same settings, unless FreeType changed."""
    render(replace(TINY, style=replace(TINY.style, layout=layout)), tmp_path / "out")

    assert GOLDEN_DIGESTS[layout] == pixels_digest(tmp_path / "out")


@pytest.mark.parametrize(("engine", "workers"), ENGINES)
def test_every_engine_and_number_of_workers_writes_the_same_bytes(
    tmp_path: Path, tiny: Path, engine: Any, workers: int
) -> None:
    render(TINY, tmp_path / "out", workers=workers, engine=engine)

    assert tree(tiny) == tree(tmp_path / "out")


@pytest.mark.parametrize("engine", ["serial", "threads"])
def test_what_was_deleted_is_rendered_again_to_the_same_bytes(tmp_path: Path, engine: Any) -> None:
    out = tmp_path / "out"
    with Renderer(TINY, workers=2, engine=engine) as renderer:
        first = renderer.render(out)
        before = tree(out)
        (out / "fragments" / "00001.json").unlink()
        (out / "_SUCCESS.json").unlink()
        again = renderer.render(out)

    assert before == tree(out)
    assert (first.num_images, first.digest) == (again.num_images, again.digest)
    assert 0 < again.num_rendered < first.num_rendered == first.num_images


def test_a_finished_run_is_not_rendered_again(tmp_path: Path) -> None:
    first = render(TINY, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    again = render(TINY, tmp_path)

    assert 0 == again.num_rendered
    assert (first.num_images, first.digest, first.image_bytes) == (
        again.num_images,
        again.digest,
        again.image_bytes,
    )
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}


def test_another_number_of_workers_and_engine_continue_a_run(tmp_path: Path, tiny: Path) -> None:
    render(TINY, tmp_path, engine="serial")
    for name in ("fragments/00000.json", "fragments/00002.json", "_SUCCESS.json"):
        (tmp_path / name).unlink()
    render(TINY, tmp_path, workers=3, engine="processes")

    assert tree(tiny) == tree(tmp_path)


def test_other_seeds_draw_other_pictures(tmp_path: Path, tiny: Path) -> None:
    render(replace(TINY, seed=1), tmp_path)

    assert pixels_digest(tiny) != pixels_digest(tmp_path)


def test_the_first_images_are_those_of_the_full_run(tmp_path: Path, tiny: Path) -> None:
    with Renderer(TINY, engine="serial") as renderer:
        summary = renderer.render(tmp_path, max_images=70)
    first, full = rows_of(tmp_path), rows_of(tiny)

    assert 70 == summary.num_images == len(first)
    for row, whole in zip(first, full, strict=False):
        ours, theirs = tmp_path / row.pop("file_name"), tiny / whole.pop("file_name")
        assert row == whole
        assert theirs.name == ours.name
        assert theirs.read_bytes() == ours.read_bytes()


# -- one renderer, several runs ----------------------------------------------------------------


@pytest.mark.parametrize(("engine", "workers"), [("serial", 1), ("threads", 2), ("processes", 2)])
def test_a_renderer_serves_several_folders(tmp_path: Path, engine: Any, workers: int) -> None:
    with Renderer(TINY, workers=workers, engine=engine) as renderer:
        full = renderer.render(tmp_path / "full")
        part = renderer.render(tmp_path / "part", max_images=15)
        again = renderer.render(tmp_path / "again")
        more = renderer.render(tmp_path / "more", max_images=10**9)

    assert (full.digest, full.num_images) == (again.digest, again.num_images)
    assert tree(tmp_path / "full") == tree(tmp_path / "again") == tree(tmp_path / "more")
    assert 15 == part.num_images == len(rows_of(tmp_path / "part"))
    assert more.digest == full.digest


def test_a_renderer_with_workers_finishes_what_it_began_in_the_same_folder(tmp_path: Path) -> None:
    with Renderer(TINY, workers=1, engine="processes") as renderer:
        first = renderer.render(tmp_path)
        (tmp_path / "fragments" / "00001.json").unlink()
        (tmp_path / "_SUCCESS.json").unlink()
        again = renderer.render(tmp_path)

    assert first.digest == again.digest
    assert 0 < again.num_rendered < first.num_rendered


def test_an_idle_renderer_keeps_nobody_from_its_folders(tmp_path: Path) -> None:
    with Renderer(TINY, workers=1, engine="processes") as renderer:
        first = renderer.render(tmp_path)

        assert first.digest == render(TINY, tmp_path, engine="serial").digest


def test_workers_stay_from_run_to_run_and_go_with_the_renderer(tmp_path: Path) -> None:
    def workers() -> set[int]:
        children = psutil.Process().children()
        return {child.pid for child in children if "spawn_main" in " ".join(child.cmdline())}

    with Renderer(TINY, workers=2, engine="processes") as renderer:
        renderer.render(tmp_path / "a")
        first = workers()
        renderer.render(tmp_path / "b")
        second = workers()

    assert 2 == len(first)
    assert first == second
    assert set() == workers()


def own_segments() -> set[str]:
    """Names of segments that this process holds open."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith(f"{SHM}/smt_"):
            found.add(target)
    return found


def test_segments_go_with_the_renderer(tmp_path: Path) -> None:
    assert set() == own_segments()
    with Renderer(TINY, workers=1, engine="processes") as renderer:
        renderer.render(tmp_path / "a")
        held = own_segments()

    assert len(held) == 2, "one for the corpus, one for the workers' counters"
    assert set() == own_segments()
    assert not any(Path(name).exists() for name in held)


def test_a_renderer_that_never_renders_holds_nothing() -> None:
    with Renderer(TINY, workers=2, engine="processes"):
        assert set() == own_segments()


def test_a_closed_renderer_may_be_closed_again(tmp_path: Path) -> None:
    renderer = Renderer(TINY, engine="serial")
    renderer.render(tmp_path)
    renderer.close()
    renderer.close()


def test_the_same_renderer_goes_on_after_a_run_that_was_refused(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "theirs.txt").touch()
    with Renderer(TINY, engine="serial") as renderer:
        with pytest.raises(FolderError, match="not empty"):
            renderer.render(tmp_path / "full")

        assert renderer.render(tmp_path / "new").num_images > 0


# -- what the tables say -----------------------------------------------------------------------

SCHEMA = pa.schema(
    {
        "file_name": pa.string(),
        "text": pa.string(),
        "example_index": pa.int64(),
        "width_px": pa.int32(),
        "height_px": pa.int32(),
        "font": pa.string(),
        "font_size_px": pa.int32(),
        "font_color": pa.string(),
        "background_color": pa.string(),
        "num_bytes": pa.int32(),
        "crc32": pa.uint32(),
    }
)

VARIED: dict[str, Any] = {
    "style": Style(
        fonts=(SANS, ITALIC),
        font_sizes=(12, 30),
        font_colors=("navy", "#203040"),
        background_colors=("white", "1,2,3"),
    )
}


def test_label_rows_are_true(tmp_path: Path) -> None:
    texts = lines(200)
    config = text_run(tmp_path, texts, **VARIED)
    summary = render(config, tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "metadata.parquet")
    rows = table.to_pylist()

    assert SCHEMA == table.schema
    assert texts == [row["text"] for row in rows]
    assert list(range(200)) == [row["example_index"] for row in rows]
    for row in rows:
        data = (tmp_path / "out" / row["file_name"]).read_bytes()
        assert (zlib.crc32(data), len(data)) == (row["crc32"], row["num_bytes"])
        with Image.open(tmp_path / "out" / row["file_name"]) as picture:
            picture.load()
            assert (row["width_px"], row["height_px"]) == picture.size
            assert ("JPEG", "RGB") == (picture.format, picture.mode)
    assert sum(row["num_bytes"] for row in rows) == summary.image_bytes
    assert {SANS.name, ITALIC.name} == {row["font"] for row in rows}
    assert {12, 30} == {row["font_size_px"] for row in rows}
    assert {"#000080", "#203040"} == {row["font_color"] for row in rows}
    assert {"#ffffff", "#010203"} == {row["background_color"] for row in rows}


@pytest.mark.parametrize("layout", ["basic", pytest.param("full", marks=needs_raqm)])
def test_a_picture_is_drawn_in_the_style_of_its_row(tmp_path: Path, layout: Any) -> None:
    varied = VARIED | {"style": replace(VARIED["style"], layout=layout)}
    config = text_run(tmp_path, lines(80), output=Output(image_format="png"), **varied)
    render(config, tmp_path / "out")
    engine = ImageFont.Layout.RAQM if layout == "full" else ImageFont.Layout.BASIC
    for row in rows_of(tmp_path / "out"):
        path = {SANS.name: SANS, ITALIC.name: ITALIC}[row["font"]]
        face = ImageFont.truetype(path, row["font_size_px"], layout_engine=engine)
        colors = row["font_color"], row["background_color"]
        with Image.open(tmp_path / "out" / row["file_name"]) as picture:
            drawn = np.array(picture)
        assert np.array_equal(plain_picture(row["text"].split("\n"), face, colors, "rgb"), drawn)


def test_every_file_is_named_by_a_row_and_by_one_only(tiny: Path) -> None:
    names = [row["file_name"] for row in rows_of(tiny)]

    assert len(names) == len(set(names))
    assert set(names) == {str(path.relative_to(tiny)) for path in tiny.rglob("*.png")}
    assert sorted(names) == names


def test_the_label_tables_pages_have_checksums(tmp_path: Path) -> None:
    render(TINY, tmp_path)
    path = tmp_path / "metadata.parquet"
    data = bytearray(path.read_bytes())
    at = data.find(b"abc"[:1], 200)
    data[at] ^= 0x04
    path.write_bytes(data)

    with pytest.raises(OSError, match=r"(?i)crc|checksum"):
        pq.ParquetFile(path, page_checksum_verification=True).read()


def test_fragments_end_to_end_are_the_label_table(tiny: Path) -> None:
    fragments = sorted((tiny / "fragments").glob("[0-9]*[0-9].parquet"))

    assert 3 == len(fragments)
    assert rows_of(tiny) == [row for path in fragments for row in rows_of(path.parent, path.name)]


def test_the_csv_has_file_names_and_labels(tmp_path: Path) -> None:
    texts = ['a,"b"', "plain", "Größe: 42 €", "'=1", "x  y"]
    render(text_run(tmp_path, texts), tmp_path / "out")
    with (tmp_path / "out" / "labels.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.reader(file))

    assert ["filename", "label"] == table[0]
    assert [[row["file_name"], row["text"]] for row in rows_of(tmp_path / "out")] == table[1:]
    assert texts == [label for _, label in table[1:]]


def test_without_csv_there_is_none(tmp_path: Path) -> None:
    render(text_run(tmp_path, ["a"], output=Output(csv=False)), tmp_path / "out")

    assert not (tmp_path / "out" / "labels.csv").exists()


def test_wrapped_texts_are_labelled_with_their_lines(tmp_path: Path) -> None:
    config = text_run(tmp_path, ["one two three", "a"], style=Style(max_chars_per_line=5))
    render(config, tmp_path / "out")

    assert ["one\ntwo\nthree", "a"] == [row["text"] for row in rows_of(tmp_path / "out")]
    with (tmp_path / "out" / "labels.csv").open(encoding="utf-8", newline="") as file:
        assert ["one\ntwo\nthree", "a"] == [row[1] for row in csv.reader(file)][1:]


def test_texts_no_font_covers_are_skipped_with_their_reason(tmp_path: Path) -> None:
    texts = ["plain", "中文", "Größe", "😀😀", "fine"]
    style = Style(fonts=(ITALIC,))
    summary = render(text_run(tmp_path, texts, style=style), tmp_path / "out")

    assert (3, 2, 0) == (summary.num_images, summary.num_skipped, summary.num_failed)
    assert ["plain", "Größe", "fine"] == [row["text"] for row in rows_of(tmp_path / "out")]
    assert [0, 2, 4] == [row["example_index"] for row in rows_of(tmp_path / "out")]
    skipped = rows_of(tmp_path / "out", "skipped.parquet")
    assert [
        {
            "example_index": 1,
            "text": "中文",
            "font": None,
            "font_size_px": None,
            "reason": "no font covers U+4E2D 中, U+6587 文",
            "failed": False,
        },
        {
            "example_index": 3,
            "text": "😀😀",
            "font": None,
            "font_size_px": None,
            "reason": "no font covers U+1F600 😀",
            "failed": False,
        },
    ] == skipped


def test_a_run_of_texts_that_are_all_skipped_finishes(tmp_path: Path) -> None:
    config = text_run(tmp_path, ["中文", "中"], style=Style(fonts=(ITALIC,)))
    summary = render(config, tmp_path / "out")

    assert (0, 2) == (summary.num_images, summary.num_skipped)
    assert [] == rows_of(tmp_path / "out")
    assert 0 == render(config, tmp_path / "out").num_rendered


@pytest.mark.parametrize(
    ("image_format", "mode", "expected"),
    [("jpg", "auto", "L"), ("png", "auto", "L"), ("jpg", "rgb", "RGB"), ("png", "rgb", "RGB")],
)
def test_gray_colours_make_gray_pictures_unless_rgb_is_asked_for(
    tmp_path: Path, image_format: Any, mode: Any, expected: str
) -> None:
    output = Output(image_format=image_format, mode=mode)
    render(text_run(tmp_path, ["abc"], output=output), tmp_path / "out")
    with Image.open(tmp_path / "out" / f"images/00000/000000000.{image_format}") as picture:
        assert expected == picture.mode


def test_success_and_record_tell_of_the_run(tiny: Path) -> None:
    success = json.loads((tiny / "_SUCCESS.json").read_text())
    record = json.loads((tiny / "run.json").read_text())

    assert len(rows_of(tiny)) == success["num_images"]
    assert record["fingerprint"] == success["fingerprint"]
    assert len(rows_of(tiny)) == record["num_examples"]
    for name, file in success["files"].items():
        data = (tiny / name).read_bytes()
        assert {"num_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} == file


def test_nothing_is_left_on_stage(tiny: Path) -> None:
    names = {path.name for path in tiny.iterdir() if path.name[0] != "."}

    assert {
        "images",
        "fragments",
        "metadata.parquet",
        "labels.csv",
        "run.json",
        "_SUCCESS.json",
    } == names


# -- resume ------------------------------------------------------------------------------------


def test_resume_never_refuses_a_folder_with_a_run(tmp_path: Path) -> None:
    render(TINY, tmp_path, resume="never")

    with pytest.raises(FolderError, match="holds a run, and resume is 'never'"):
        render(TINY, tmp_path, resume="never")


def test_resume_must_refuses_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="there is no folder"):
        render(TINY, tmp_path / "out", resume="must")
    assert not (tmp_path / "out").exists()
    with pytest.raises(FolderError, match="holds no run to resume"):
        render(TINY, tmp_path, resume="must")
    render(TINY, tmp_path)
    assert 0 == render(TINY, tmp_path, resume="must").num_rendered


def test_other_settings_are_refused_key_by_key(tmp_path: Path) -> None:
    render(TINY, tmp_path)
    before = tree(tmp_path)
    other = RunConfig(
        corpus=TINY.corpus, style=Style(fonts=(SANS,), font_sizes=(17,)), output=Output(), seed=3
    )
    with pytest.raises(FolderError) as caught:
        render(other, tmp_path)
    message = str(caught.value)

    for part in (
        "font_sizes: [16] in the folder, [17] asked for",
        'image_format: "png" in the folder, "jpg" asked for',
        "seed: 0 in the folder, 3 asked for",
        "choose another folder",
    ):
        assert part in message
    assert "\n" not in message
    assert before == tree(tmp_path)


def test_another_font_under_the_same_name_is_refused(tmp_path: Path) -> None:
    font = tmp_path / "font.ttf"
    config = RunConfig(corpus=TINY.corpus, style=Style(fonts=(font,)))
    font.write_bytes(SANS.read_bytes())
    render(config, tmp_path / "out")
    font.write_bytes(ITALIC.read_bytes())

    with pytest.raises(FolderError, match=r"fonts\.font\.ttf: .* in the folder"):
        render(config, tmp_path / "out")


def test_changed_texts_are_refused(tmp_path: Path) -> None:
    render(text_run(tmp_path, ["one", "two"]), tmp_path / "out")

    with pytest.raises(FolderError, match="corpus_sha256: "):
        render(text_run(tmp_path, ["one", "2wo"]), tmp_path / "out")


def test_a_file_of_texts_may_move_between_starts(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    first = render(text_run(tmp_path, ["one", "two"]), tmp_path / "out")
    again = render(text_run(tmp_path / "elsewhere", ["one", "two"]), tmp_path / "out")

    assert (first.digest, 0) == (again.digest, again.num_rendered)


def test_a_damaged_picture_is_rendered_again(tmp_path: Path) -> None:
    first = render(TINY, tmp_path)
    before = tree(tmp_path)
    picture = next(iter(sorted(tmp_path.rglob("*.png"))))
    picture.write_bytes(picture.read_bytes()[:-1])
    again = render(TINY, tmp_path)

    assert before == tree(tmp_path)
    assert 0 < again.num_rendered < first.num_rendered


# -- refusals and observers --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"engine": "gpu"}, "engine must be one of auto, processes, threads, serial, got 'gpu'"),
        ({"workers": 0}, "workers must be a whole number, 1 to 1,000, got 0"),
        ({"workers": 1.5}, "workers must be a whole number, 1 to 1,000, got 1.5"),
        ({"workers": 1_001}, "workers must be a whole number, 1 to 1,000, got 1001"),
        ({"workers": True}, "workers must be a whole number, 1 to 1,000, got True"),
    ],
)
def test_wrong_run_settings_are_refused(settings: Any, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Renderer(TINY, **settings)

    assert expected == str(caught.value)


@pytest.mark.parametrize("max_images", [0, -1, 1.5, True, "3"])
def test_a_wrong_number_of_images_is_refused(tmp_path: Path, max_images: Any) -> None:
    with (
        Renderer(TINY) as renderer,
        pytest.raises(ConfigError, match="max_images must be a whole number, 1 or more, got "),
    ):
        renderer.render(tmp_path / "out", max_images=max_images)
    assert not (tmp_path / "out").exists()


def test_a_wrong_resume_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="resume must be one of auto, never, must, got 'yes'"):
        render(TINY, tmp_path, resume="yes")  # type: ignore[arg-type]


def test_a_corpus_that_comes_to_nothing_is_refused(tmp_path: Path) -> None:
    corpus = BalancedText(letters="ab", numbers="", character_frequency=1, space_freq=0)

    with pytest.raises(InputError, match="the corpus comes to no example: raise"):
        render(RunConfig(corpus=corpus), tmp_path)


@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_missing_inputs_are_refused(tmp_path: Path, engine: Any) -> None:
    with pytest.raises(InputError, match=r"none\.txt"):
        render(RunConfig(corpus=TextFile(tmp_path / "none.txt")), tmp_path / "a", engine=engine)
    no_font = RunConfig(style=Style(fonts=(tmp_path / "none.ttf",)))
    with pytest.raises(FontError, match=r"none\.ttf"):
        render(no_font, tmp_path / "b", engine=engine)
    assert set() == own_segments()


@pytest.fixture
def merges_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "rename", no_room)


@pytest.mark.usefixtures("merges_fail")
def test_a_run_that_fails_at_its_end_leaves_no_segment_to_the_garbage_collector(
    tmp_path: Path,
) -> None:
    gc.disable()
    try:
        with pytest.raises(StorageError, match=r"metadata\.parquet"):
            render(TINY, tmp_path / "out", workers=1, engine="processes")
        assert set() == own_segments()
    finally:
        gc.enable()


@pytest.mark.usefixtures("merges_fail")
def test_a_failing_run_leaves_alone_what_its_caller_is_handling(tmp_path: Path) -> None:
    def callers_function() -> None:
        local = tmp_path  # seen in a debugger later
        raise ValueError(local)

    with pytest.raises(StorageError) as caught:
        try:
            callers_function()
        except ValueError:
            render(TINY, tmp_path / "out", engine="serial")

    chain = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert f"local = {tmp_path!r}" in "".join(chain.format())


class Watcher:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.seen: list[Progress] = []

    def note(self, line: str) -> None:
        self.notes.append(line)

    def progress(self, progress: Progress) -> None:
        self.seen.append(progress)


@pytest.mark.parametrize("container", ["files", "tar"])
def test_workers_look_at_every_byte_and_leave_what_is_not_whole_to_the_main_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: str
) -> None:
    left: list[int] = []

    def noted(*arguments: Any) -> list[Damage]:
        left.extend(manifest.shard for manifest in arguments[2])
        return check_shards(*arguments)

    watcher = Watcher()
    config = replace(TINY, output=replace(TINY.output, container=container))
    with Renderer(config, workers=2, engine="processes", observer=watcher) as renderer:
        summary = renderer.render(tmp_path)
        before = tree(tmp_path)
        path = sorted((tmp_path / "images").glob("00001*"))[0]
        path = sorted(path.iterdir())[0] if path.is_dir() else path
        path.write_bytes(bytes(path.stat().st_size))
        monkeypatch.setattr(checking, "MANY_PICTURES", 0)
        monkeypatch.setattr(checking, "check_shards", noted)
        monkeypatch.setattr(resume, "current_boot_id", lambda: "of another start")
        again = renderer.render(tmp_path)

    assert [1] == left
    assert 0 < again.num_rendered < summary.num_images
    assert 1 == len(watcher.notes)
    assert "has other bytes" in watcher.notes[0]
    assert tree(tmp_path) == before


def test_ctrl_c_ends_a_check_by_workers_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupting(ShardQueue):
        def take(self) -> Task | None:
            signal.raise_signal(signal.SIGINT)
            return super().take()

    with Renderer(TINY, workers=2, engine="processes") as renderer:
        renderer.render(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(checking, "MANY_PICTURES", 0)
            patch.setattr(checking, "ShardQueue", Interrupting)
            with pytest.raises(InterruptedRunError):
                renderer.render(tmp_path)

        assert 0 == renderer.render(tmp_path).num_rendered


@pytest.mark.parametrize("engine", ["serial", "threads", "processes"])
def test_progress_goes_up_to_the_whole(tmp_path: Path, engine: Any) -> None:
    watcher = Watcher()
    with Renderer(TINY, workers=2, engine=engine, observer=watcher) as renderer:
        summary = renderer.render(tmp_path)
    done = [progress.num_done for progress in watcher.seen]

    assert [] == watcher.notes
    assert {summary.num_images} == {progress.num_examples for progress in watcher.seen}
    assert done[-1] == summary.num_images


def test_progress_of_a_resumed_run_counts_what_was_there(tmp_path: Path) -> None:
    render(TINY, tmp_path, engine="serial")
    (tmp_path / "fragments" / "00001.json").unlink()
    (tmp_path / "_SUCCESS.json").unlink()
    watcher = Watcher()
    with Renderer(TINY, engine="serial", observer=watcher) as renderer:
        summary = renderer.render(tmp_path)

    last = watcher.seen[-1]
    assert summary.num_images - summary.num_rendered == last.num_resumed
    assert summary.num_images == last.num_done


def test_a_summary_adds_up(tmp_path: Path) -> None:
    summary = render(TINY, tmp_path)
    sizes = [path.stat().st_size for path in tmp_path.rglob("*.png")]

    assert isinstance(summary, RunSummary)
    assert tmp_path == summary.folder
    assert len(sizes) == summary.num_images == summary.num_rendered
    assert sum(sizes) == summary.image_bytes
    assert summary.images_per_s == summary.num_rendered / summary.elapsed_s


def test_a_small_run_is_rendered_without_starting_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr("shmtext.engine.supervisor.Workers.__init__", refuse)
    config = RunConfig(corpus=BalancedText(character_frequency=10))

    assert render(config, tmp_path).num_images > 0


# -- where it is called from -------------------------------------------------------------------

SCRIPT = """
import sys
from shmtext import BalancedText, RunConfig, render
config = RunConfig(corpus=BalancedText(letters="abcdefgh", numbers="", character_frequency=40))
print(render(config, sys.argv[-1], workers=1, engine="processes").num_images)
"""

THREADED = f"""
import threading
def work():
{"".join(f"    {line}" + chr(10) for line in SCRIPT.strip().splitlines())}
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def run_python(
    arguments: list[object], stdin: str = "", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
        cwd=cwd,
        env=environment(),
    )


@pytest.mark.parametrize(
    ("how", "script"),
    [("file", SCRIPT), ("stdin", SCRIPT), ("-c", THREADED), ("stdin", THREADED)],
    ids=["script", "stdin", "-c and a thread", "stdin and a thread"],
)
def test_processes_start_from_anywhere_without_a_main_guard(
    tmp_path: Path, how: str, script: str
) -> None:
    out = tmp_path / "out"
    if how == "file":
        (tmp_path / "script.py").write_text(script)
        done = run_python([tmp_path / "script.py", out], cwd=tmp_path)
    elif how == "stdin":
        done = run_python(["-", out], stdin=script, cwd=tmp_path)
    else:
        done = run_python(["-c", script, out], cwd=tmp_path)

    assert (0, "") == (done.returncode, done.stderr)
    assert len(rows_of(out)) == int(done.stdout)


def test_a_run_in_a_thread_of_this_process_leaves_signals_alone(tmp_path: Path) -> None:
    summaries: list[RunSummary] = []
    thread = threading.Thread(
        target=lambda: summaries.append(render(TINY, tmp_path, workers=1, engine="processes"))
    )
    thread.start()
    thread.join(60)

    assert not thread.is_alive()
    assert summaries[0].num_images == len(rows_of(tmp_path))


def test_signal_handlers_are_put_back(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    render(TINY, tmp_path, workers=1, engine="processes")

    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert not {signal.SIGINT, signal.SIGTERM} & signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_the_environment_is_put_back(tmp_path: Path) -> None:
    before = dict(os.environ)
    main = sys.modules["__main__"]
    render(TINY, tmp_path, workers=1, engine="processes")

    assert before == dict(os.environ)
    assert main is sys.modules["__main__"]


def test_the_default_config_uses_every_bundled_font(tmp_path: Path) -> None:
    config = RunConfig(corpus=BalancedText(character_frequency=60))
    render(config, tmp_path)

    assert {path.name for path in BUNDLED} == {row["font"] for row in rows_of(tmp_path)}


def test_a_finished_run_that_lost_a_manifest_is_not_taken_for_complete(tmp_path: Path) -> None:
    out = tmp_path / "out"
    whole = render(RunConfig(max_images=20), out, engine="serial")
    (out / "fragments" / "00000.json").unlink()
    shutil.rmtree(out / "images")

    again = render(RunConfig(max_images=20), out, engine="serial")

    assert (20, whole.digest) == (again.num_rendered, again.digest)
