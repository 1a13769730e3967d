"""A run exported is the run, in each format: every picture and text, or named as left out."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from click.testing import CliRunner
from dataset_runs import PowerCut, failing, open_fds, power_cut
from export_readers import (
    READERS,
    coords,
    easyocr_csv,
    easyocr_cut,
    paddle_boxes,
)
from export_runs import AWKWARD, PLAIN, SCHEMA, Made, make_run, texts_of
from fault_runs import BAD_INPUT, DONE, run_here
from hypothesis import given
from hypothesis import strategies as st

import shmtext
from shmtext.cli.main import cli
from shmtext.dataset.columns import LabelSchema
from shmtext.dataset.containers import CONTAINERS
from shmtext.dataset.export import FORMATS
from shmtext.dataset.export.base import Asked, Options, escaped
from shmtext.dataset.export.lists import MISSING_VALUES, EasyOcr, GroundTruth, SynthTiger, Trdg
from shmtext.dataset.export.paddle import Paddle
from shmtext.dataset.export.picture_files import Picture, PictureFiles
from shmtext.dataset.export.record import RECORD
from shmtext.dataset.export.splits import Splits
from shmtext.dataset.folder import FreeSpace, OutputFolder
from shmtext.errors import ConfigError, DamageError, FolderError, StorageError

LINES = ("gt", "synthtiger", "paddle", "trdg", "tesstrain", "easyocr")
"""Formats whose labels are lines."""
SPLIT = "train=0.8,val=0.15,test=0.05"
SPLITS = ("train", "val", "test")


def is_held(to: str, text: str) -> bool:
    """Whether a format can hold a text as it is, as its readers have it."""
    if to not in LINES:
        return True
    if not text or any(c in text for c in "\n\r\0") or ("\t" in text and to in LINES[:3]):
        return False
    if to in ("tesstrain", "easyocr") and text.strip() != text:
        return False
    return to != "easyocr" or not (set(text) & set(',"') or text in MISSING_VALUES)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    """Return a run of 400 awkward texts, of which one shard has no pictures."""
    known: dict[Any, Made] = {}

    def make(container: str = "files", *, extension: str = "png") -> Made:
        key = (container, extension)
        if key not in known:
            known[key] = make_run(
                tmp_path_factory.mktemp("run") / "out",
                texts_of(400, PLAIN + AWKWARD),
                container=container,
                extension=extension,
                with_boxes=True,
                skipped=range(160, 320),
            )
        return known[key]

    return make


def files_of(dest: Path) -> dict[str, bytes]:
    """Every file of an export, but for locks."""
    return {
        str(path.relative_to(dest)): path.read_bytes()
        for path in sorted(dest.rglob("*"))
        if path.is_file() and path.name not in (".lock", ".workers.lock")
    }


def left_out(dest: Path) -> list[dict[str, Any]]:
    with suppress(FileNotFoundError):
        lines = (dest / "left_out.jsonl").read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines[:-1]]
    return []


# -- round trips -----------------------------------------------------------------------------------


def test_every_format_has_a_reader_here() -> None:
    assert list(FORMATS) == list(READERS)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("to", FORMATS)
def test_every_picture_comes_back_with_its_text_or_is_named(
    tmp_path: Path, made: Callable[..., Made], to: str, container: str
) -> None:
    source = made(container)
    summary = shmtext.export(source.out, to, tmp_path / "dest")
    held = [each for each in source.examples if is_held(to, each.text)]
    others = [each for each in source.examples if not is_held(to, each.text)]

    assert READERS[to](tmp_path / "dest", None) == [(each.text, each.data) for each in held]
    found = left_out(tmp_path / "dest")
    assert [(each.index, each.text) for each in others] == [
        (each["example_index"], each["text"]) for each in found
    ]
    assert summary.left_out == dict(Counter(each["reason"] for each in found))
    assert summary.num_images == {"train": len(held)}
    assert summary.image_bytes == sum(len(each.data) for each in held)
    assert summary.num_written == len(held)


@pytest.mark.parametrize("to", FORMATS)
def test_every_picture_is_in_the_split_that_its_number_says(
    tmp_path: Path, made: Callable[..., Made], to: str
) -> None:
    source = made("parquet", extension="jpg")
    summary = shmtext.export(source.out, to, tmp_path / "dest", split=SPLIT, split_seed=7)
    which = Splits.of(SPLIT, 7).which(rows_of([(each.index, "") for each in source.examples]))
    for number, split in enumerate(SPLITS):
        expected = [
            (each.text, each.data)
            for each, of in zip(source.examples, which.tolist(), strict=True)
            if of == number and is_held(to, each.text)
        ]

        assert READERS[to](tmp_path / "dest", split) == expected
        assert summary.num_images[split] == len(expected) > 0


@pytest.mark.parametrize("to", FORMATS)
def test_a_run_without_pictures_is_an_export_without_any(tmp_path: Path, to: str) -> None:
    source = make_run(tmp_path / "run", ["a", "b"], with_boxes=True, skipped=range(2))
    summary = shmtext.export(source.out, to, tmp_path / "dest", split={"a": 0.5, "b": "1/2"})

    assert summary.num_images == {"a": 0, "b": 0}
    for split in ("a", "b"):
        assert READERS[to](tmp_path / "dest", split) == []


def test_boxes_go_along_where_the_format_has_them(
    tmp_path: Path, made: Callable[..., Made]
) -> None:
    source = made()
    for to in ("paddle", "synthtiger", "doctr"):
        shmtext.export(source.out, to, tmp_path / to)
    held = [each for each in source.examples if is_held("gt", each.text)]

    assert list(coords(tmp_path / "synthtiger", None)) == [(each.data, each.boxes) for each in held]
    found = list(paddle_boxes(tmp_path / "paddle", None))
    assert [data for data, _ in found] == [each.data for each in held]
    for each, (_, boxes) in zip(held, found, strict=True):
        assert [box["transcription"] for box in boxes] == list(each.text)
        for box, (x0, y0, x1, y1) in zip(boxes, each.boxes, strict=True):
            assert box["points"] == [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
    folder = tmp_path / "doctr" / "train"
    detection = json.loads((folder / "det_labels.json").read_text())
    for each, (name, entry) in zip(source.examples, detection.items(), strict=True):
        assert (folder / "images" / name).read_bytes() == each.data
        assert entry["img_dimensions"] == [each.height_px, each.width_px]
        assert len(entry["polygons"]) == len(each.boxes)


def test_a_run_without_boxes_has_no_lists_of_them(tmp_path: Path) -> None:
    source = make_run(tmp_path / "run", PLAIN)
    for to in ("paddle", "synthtiger", "doctr"):
        shmtext.export(source.out, to, tmp_path / to)
    names = {path.name for path in tmp_path.rglob("*")}

    assert not names & {"det_gt_train.txt", "coords.txt", "det_labels.json"}
    with pytest.raises(ConfigError, match="coco is a format of boxes"):
        shmtext.export(source.out, "coco", tmp_path / "coco")
    assert not (tmp_path / "coco").exists()


# -- what formats can't hold -----------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_escaped_text_is_one_line_that_says_it_all(text: str) -> None:
    line = escaped(text)
    names = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}
    characters, parts = iter(line), []
    for character in characters:
        parts.append(names[next(characters)] if character == "\\" else character)

    assert not set(line) & set("\t\n\r")
    assert "".join(parts) == text


@pytest.mark.parametrize("to", LINES)
def test_texts_are_escaped_where_that_is_asked_for(
    tmp_path: Path, made: Callable[..., Made], to: str
) -> None:
    source = made()
    summary = shmtext.export(source.out, to, tmp_path / "dest", unfit="escape")
    held = [each for each in source.examples if is_held(to, escaped(each.text))]

    assert READERS[to](tmp_path / "dest", None) == [(escaped(e.text), e.data) for e in held]
    assert summary.num_escaped == sum(escaped(each.text) != each.text for each in held) > 0


def test_formats_that_hold_every_text_escape_none(
    tmp_path: Path, made: Callable[..., Made]
) -> None:
    source = made()
    summary = shmtext.export(source.out, "jsonl", tmp_path / "dest", unfit="escape")

    assert summary.num_escaped == 0
    assert READERS["jsonl"](tmp_path / "dest", None) == [(e.text, e.data) for e in source.examples]


def test_an_export_is_refused_where_that_is_asked_for(
    tmp_path: Path, made: Callable[..., Made]
) -> None:
    with pytest.raises(
        ConfigError, match=r"21 pictures: .* example 10, 'tab\\there0', holds a tab"
    ):
        shmtext.export(made().out, "gt", tmp_path / "dest", unfit="refuse")
    assert not (tmp_path / "dest").exists()
    source = make_run(tmp_path / "run", PLAIN)
    assert shmtext.export(source.out, "gt", tmp_path / "dest", unfit="refuse").left_out == {}


def test_both_readers_of_easyocr_read_what_is_written_for_both(
    tmp_path: Path, made: Callable[..., Made]
) -> None:
    source = made()
    shmtext.export(source.out, "easyocr", tmp_path / "either")
    assert easyocr_csv(tmp_path / "either", None) == easyocr_cut(tmp_path / "either", None)
    for quote, reader in (("never", easyocr_cut), ("csv", easyocr_csv)):
        shmtext.export(source.out, "easyocr", tmp_path / quote, easyocr_quote=quote)  # type: ignore[arg-type]
        found = reader(tmp_path / quote, None)

        assert {text for text, _ in found} >= {'a,"b"0', "comma,0", '"0'}
        assert all(source.by_text[text].data == data for text, data in found)


class Line(NamedTuple):
    """A format whose entries are lines, and the label that its reader finds in one."""

    format: Callable[[Asked], PictureFiles]
    label: Callable[[str], str]


LINE_READERS = {
    "gt": Line(GroundTruth, lambda line: line.strip("\n").split("\t")[1]),
    "synthtiger": Line(SynthTiger, lambda line: line.strip("\n").split("\t")[1]),
    "paddle": Line(Paddle, lambda line: line.strip("\n").split("\t")[1]),
    "trdg": Line(Trdg, lambda line: line.strip("\n").split(" ", 1)[1]),
    "easyocr": Line(EasyOcr, lambda line: re.split("^([^,]+),", line.strip())[2]),
    "easyocr csv": Line(EasyOcr, lambda line: next(csv.reader([line]))[1]),
}
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.text(
    "ab ,\"'\t\r\n\\\0\x85\u2028"
)


@pytest.mark.parametrize("name", LINE_READERS)
@given(text=ANY_TEXT)
def test_a_label_that_fits_is_read_as_it_is(name: str, text: str) -> None:
    line = LINE_READERS[name]
    form = line.format(Asked(Options(), "png", LabelSchema.of(SCHEMA)))
    if not form.why_unfit(text):
        entry = form.entries(Picture("train", "images/00000/000000000.png", text, {}, b""))[0]
        lines = io.TextIOWrapper(io.BytesIO(entry.encode()), encoding="utf-8").readlines()

        assert [line.label(each) for each in lines] == [text]


# -- splits ----------------------------------------------------------------------------------------


def rows_of(rows: list[tuple[int, str]]) -> pa.Table:
    indices, texts = zip(*rows, strict=True) if rows else ((), ())
    return pa.table(
        {"example_index": pa.array(indices, pa.int64()), "text": pa.array(texts, pa.string())}
    )


@given(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 2**40), min_size=1, max_size=30))
def test_a_split_depends_on_seed_and_number_alone(seed: int, numbers: set[int]) -> None:
    splits = Splits.of(SPLIT, seed)
    together = splits.which(rows_of([(number, "x") for number in sorted(numbers)]))
    alone = [int(splits.which(rows_of([(number, "y")]))[0]) for number in sorted(numbers)]

    assert together.tolist() == alone


def test_shares_are_met_and_seeds_differ() -> None:
    rows = rows_of([(i, str(i)) for i in range(20_000)])
    which = Splits.of(SPLIT).which(rows)
    counts = Counter(which.tolist())

    assert all(abs(counts[k] / 20_000 - share) < 0.01 for k, share in enumerate((0.8, 0.15, 0.05)))
    assert (which != Splits.of(SPLIT, 1).which(rows)).any()


def test_equal_texts_are_in_one_split_where_that_is_asked_for(tmp_path: Path) -> None:
    source = make_run(tmp_path / "run", [f"text {i % 100}" for i in range(400)])
    options = {"split": "train=0.5,val=0.5", "disjoint_texts": True}
    shmtext.export(source.out, "gt", tmp_path / "dest", **options)  # type: ignore[arg-type]
    train, val = (
        {text for text, _ in READERS["gt"](tmp_path / "dest", s)} for s in ("train", "val")
    )

    assert train | val == {each.text for each in source.examples}
    assert not train & val
    assert train
    assert val


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("train", "must be given as"),
        ("train=x,val=0.5", "must be a number"),
        ("train=0.5,val=0.4", "must come to 1, got 0.9"),
        ("a=0.5,a=0.5", "a name of its own"),
        ("../a=0.5,b=0.5", "must be a word"),
        ("a=1.5,b=-0.5", "above 0"),
        ("a=nan", "must be a number"),
    ],
)
def test_splits_that_make_no_sense_are_refused(tmp_path: Path, split: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        shmtext.export(tmp_path, "gt", tmp_path / "dest", split=split)


def test_shares_are_taken_by_their_digits() -> None:
    assert Splits.of({"a": 0.1, "b": 0.2, "c": 0.7}).shares[1] == ("b", Fraction(1, 5))


# -- folders ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", FORMATS)
def test_the_same_bytes_every_time(tmp_path: Path, made: Callable[..., Made], to: str) -> None:
    source = made()
    before = open_fds()
    for dest in ("a", "b"):
        shmtext.export(source.out, to, tmp_path / dest, split=SPLIT)

    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    hidden = {name for name in os.listdir(tmp_path / "a") if name[0] in "._"}
    assert hidden == {RECORD, ".lock", ".workers.lock"}
    assert before == open_fds()


@pytest.mark.parametrize("to", ["paddle", "easyocr", "imagefolder", "hf-parquet", "mds", "coco"])
def test_the_same_bytes_with_any_number_of_workers(
    tmp_path: Path, made: Callable[..., Made], to: str
) -> None:
    source = made()
    before = open_fds()
    for dest, workers in (("one", 1), ("two", 2)):
        shmtext.export(source.out, to, tmp_path / dest, split=SPLIT, workers=workers)

    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    assert before == open_fds()


@pytest.mark.parametrize("to", FORMATS)
def test_a_second_start_finds_everything_there(
    tmp_path: Path, made: Callable[..., Made], to: str
) -> None:
    first = shmtext.export(made().out, to, tmp_path / "dest")
    before = files_of(tmp_path / "dest")
    again = shmtext.export(made().out, to, tmp_path / "dest")

    assert again.num_written == 0
    assert (again.num_images, again.left_out) == (first.num_images, first.left_out)
    assert again.first_left_out == first.first_left_out
    assert files_of(tmp_path / "dest") == before


def test_another_run_format_or_option_is_refused(tmp_path: Path, made: Callable[..., Made]) -> None:
    dest = tmp_path / "dest"
    shmtext.export(made().out, "gt", dest)
    before = files_of(dest)
    other = make_run(tmp_path / "run", PLAIN)
    for out, to, options, message in (
        (made().out, "trdg", {}, 'format: "gt" in the folder, "trdg" asked for'),
        (made().out, "gt", {"unfit": "escape"}, "unfit"),
        (made().out, "gt", {"split": "a=1"}, "splits.shares"),
        (other.out, "gt", {}, "run"),
    ):
        with pytest.raises(FolderError, match=f"another export .*{message}"):
            shmtext.export(out, to, dest, **options)  # type: ignore[arg-type]

    assert files_of(dest) == before


def test_a_folder_that_holds_something_else_is_left_alone(
    tmp_path: Path, made: Callable[..., Made]
) -> None:
    (tmp_path / "dest").mkdir()
    (tmp_path / "dest" / "mine").write_text("mine")
    with pytest.raises(FolderError, match="is not empty"):
        shmtext.export(made().out, "gt", tmp_path / "dest")
    with pytest.raises(FolderError, match="is not empty"):
        shmtext.export(made().out, "gt", made().out)
    (tmp_path / "link").symlink_to(tmp_path / "dest")
    with pytest.raises(FolderError, match="is a link"):
        shmtext.export(made().out, "gt", tmp_path / "link")

    assert files_of(tmp_path / "dest") == {"mine": b"mine"}


def test_a_link_where_work_would_be_is_not_followed(
    tmp_path: Path, made: Callable[..., Made]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    for name in (".shmtext", "_stage"):
        dest = tmp_path / f"dest{name}"
        dest.mkdir()
        (dest / name).symlink_to(tmp_path / "elsewhere")
        shmtext.export(made().out, "lmdb", dest)

        assert not (dest / name).exists()
    assert os.listdir(tmp_path / "elsewhere") == []


def test_what_can_not_be_asked_for_is_refused(tmp_path: Path, made: Callable[..., Made]) -> None:
    for to, options, message in (
        ("csv", {}, "must be one of lmdb, paddle"),
        ("gt", {"unfit": "drop"}, "unfit must be"),
        ("easyocr", {"easyocr_quote": "yes"}, "easyocr_quote must be"),
        ("gt", {"workers": 0}, "workers must be"),
    ):
        with pytest.raises(ConfigError, match=message):
            shmtext.export(made().out, to, tmp_path / "dest", **options)  # type: ignore[arg-type]
    with pytest.raises(FolderError, match="there is no folder"):
        shmtext.export(tmp_path / "none", "gt", tmp_path / "dest")
    assert not (tmp_path / "dest").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_picture_that_is_not_what_was_committed_stops_the_export(
    tmp_path: Path, workers: int
) -> None:
    source = make_run(tmp_path / "run", texts_of(200))
    path = next((source.out / "images").rglob("*150.png"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DamageError, match=r"150\.png has other bytes"):
        shmtext.export(source.out, "webdataset", tmp_path / "dest", workers=workers)


def test_the_library_that_a_format_needs_is_named(
    tmp_path: Path, made: Callable[..., Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lmdb", None)
    with pytest.raises(ConfigError, match=r"pip install shmtext\[lmdb\]"):
        shmtext.export(made().out, "lmdb", tmp_path / "dest")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A run of one shard, whose pictures come to 60 MB."""
    out = tmp_path_factory.mktemp("large") / "out"
    return make_run(out, texts_of(60), with_boxes=True, padding=bytes(1_000_000))


@pytest.mark.parametrize("to", FORMATS)
def test_no_more_than_a_few_pictures_are_in_memory(tmp_path: Path, large: Made, to: str) -> None:
    shmtext.export(large.out, to, tmp_path / "imports")
    tracemalloc.start()
    try:
        shmtext.export(large.out, to, tmp_path / "dest")
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak_bytes < 20_000_000


# -- cut short -------------------------------------------------------------------------------------

NUM_CUTS = 12


def moments(count: int) -> Iterator[int]:
    """Some of so many changes of the disk: the first, the last, and some between."""
    yield from sorted({1 + (count - 1) * k // (NUM_CUTS - 1) for k in range(NUM_CUTS)})


@pytest.mark.parametrize("to", FORMATS)
def test_an_export_cut_short_anywhere_goes_on_to_the_same_bytes(
    tmp_path: Path, made: Callable[..., Made], to: str
) -> None:
    source = made("tar")
    with power_cut(10**9) as calls:
        shmtext.export(source.out, to, tmp_path / "whole", split=SPLIT)
    expected = files_of(tmp_path / "whole")
    for at in moments(calls[0]):
        dest = tmp_path / f"cut-{at}"
        with suppress(PowerCut), power_cut(at):
            shmtext.export(source.out, to, dest, split=SPLIT)
        shmtext.export(source.out, to, dest, split=SPLIT)

        assert files_of(dest) == expected, at


@pytest.mark.parametrize("to", FORMATS)
def test_an_export_cut_short_again_and_again_comes_to_the_same_bytes(
    tmp_path: Path, made: Callable[..., Made], to: str
) -> None:
    source = made("tar")
    shmtext.export(source.out, to, tmp_path / "whole", split=SPLIT)
    expected = files_of(tmp_path / "whole")
    at = 5
    while True:
        at = at * 5 // 4 + 1
        with suppress(PowerCut), power_cut(at):
            shmtext.export(source.out, to, tmp_path / "dest", split=SPLIT)
            break

    assert files_of(tmp_path / "dest") == expected


@pytest.mark.parametrize("function", ["open", "write", "rename", "mkdir"])
@pytest.mark.parametrize("to", ["gt", "webdataset", "mds", "imagefolder"])
def test_a_storage_that_fails_is_one_error_and_can_be_continued(
    tmp_path: Path, made: Callable[..., Made], to: str, function: str
) -> None:
    source = made("parquet")
    with failing(function, 10**9) as calls:
        shmtext.export(source.out, to, tmp_path / "whole")
    expected = files_of(tmp_path / "whole")
    for at in moments(calls[0]):
        dest = tmp_path / f"{function}-{at}"
        with suppress(StorageError, FolderError, FileNotFoundError), failing(function, at):
            shmtext.export(source.out, to, dest)
        shmtext.export(source.out, to, dest)

        assert files_of(dest) == expected, at


@pytest.mark.parametrize("to", ["gt", "lmdb"])
def test_a_device_without_room_is_told_before_anything_is_written(
    tmp_path: Path, made: Callable[..., Made], monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    monkeypatch.setattr(OutputFolder, "free_space", lambda _: FreeSpace(100_000, 10_000))
    with pytest.raises(StorageError, match=r"more are needed for 240 images, 0 MB are free"):
        shmtext.export(made().out, to, tmp_path / "dest")
    monkeypatch.undo()
    shmtext.export(made().out, to, tmp_path / "dest")


def test_what_another_boot_has_left_is_written_again(
    tmp_path: Path, made: Callable[..., Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    from shmtext.dataset.export import base  # noqa: PLC0415

    for to in ("gt", "lmdb"):
        dest = tmp_path / to
        with suppress(PowerCut), power_cut(60):
            shmtext.export(made().out, to, dest)
        monkeypatch.setattr(base, "current_boot_id", lambda: "another")
        held = [each for each in made().examples if is_held(to, each.text)]

        assert shmtext.export(made().out, to, dest).num_written == len(held)
        assert len(READERS[to](dest, None)) == len(held)
        assert not (dest / ".shmtext").exists()


# -- the command -----------------------------------------------------------------------------------


def test_the_command_says_what_was_written_what_was_not_and_what_loads_it(
    tmp_path: Path, made: Callable[..., Made]
) -> None:
    dest = tmp_path / "dest"
    command = ("export", made().out, "--to", "gt", dest, "--split", "train=0.5,val=0.5")
    lines = run_here(*command).expect(DONE, num_lines=0).stdout.splitlines()

    assert lines[0].startswith(f"219 images (0.0 MB) as gt in {dest}, in ")
    assert lines[1].startswith("train: ")
    assert f"14 left out, whose text holds a line break: see {dest / 'left_out.jsonl'}" in lines
    assert "  example 10: 'tab\\there0'" in lines
    assert lines[-1].startswith("load: create_lmdb_dataset.py ")
    again = run_here(*command).expect(DONE, num_lines=0).stdout
    assert again.startswith(f"{dest} is complete: 219 images were there already\n")
    run_here(*command, "--unfit", "escape").expect(BAD_INPUT, "another export", num_lines=1)


def test_the_command_refuses_what_it_does_not_know(
    tmp_path: Path, made: Callable[..., Made]
) -> None:
    for options, message in (
        (("--to", "csv"), "must be one of lmdb, paddle"),
        (("--to", "gt", "--unfit", "drop"), "must be one of skip, escape, refuse"),
        (("--to", "gt", "--split", "a=1,b=1"), "the shares of splits must come to 1"),
        (("--to", "gt", "--workers", "0"), "workers must be at least 1"),
    ):
        run_here("export", made().out, tmp_path / "dest", *options).expect(
            BAD_INPUT, message, num_lines=1
        )
    assert not (tmp_path / "dest").exists()


def test_the_command_s_help_names_every_format() -> None:
    text = " ".join(CliRunner().invoke(cli, ["export", "--help"]).output.split())

    assert all(f" {name}" in text for name in FORMATS)


def test_an_observer_sees_every_picture_done(tmp_path: Path, made: Callable[..., Made]) -> None:
    seen = []
    observer = SimpleNamespace(note=None, progress=seen.append)
    for workers in (1, 2):
        shmtext.export(
            made().out, "gt", tmp_path / str(workers), workers=workers, observer=observer
        )

        assert seen[-1].num_done == seen[-1].num_examples == len(made().examples)
        assert seen[-1].num_skipped == 21
