"""Samples of configs and of runs, and the sheet that shows them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from fault_runs import BAD_INPUT, DONE, FAILED_EXAMPLES, HANG_S, STOPPED, run, tree
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import shmtext
from shmtext import Output, RunConfig, Style
from shmtext.config import config_from_options
from shmtext.dataset.committed import StoredPicture
from shmtext.dataset.fragment import SkippedRow
from shmtext.dataset.manifest import manifest_name
from shmtext.draw.faces import bundled_fonts
from shmtext.engine.opened import decoded
from shmtext.errors import ConfigError, FolderError
from shmtext.view.captions import FIRST_FONT, MOST_CHARACTERS, Captions, caption_fonts
from shmtext.view.preview import samples_of, sheet_of
from shmtext.view.samples import Samples, spread
from shmtext.view.sheet import BOX_COLORS, MARGIN_PX, PAPER, WIDTH_PX, contact_sheet

TEXTS = ["Hamburg", "two\nlines", "price 12.50", "Größe", "日本", "x", "a\u200bb", "W" * 40]
FONTS = caption_fonts()
OF_A_RUN_ALONE = ("file_name", "num_bytes", "crc32")


def texts_in(folder: Path, texts: list[str]) -> str:
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps({"t": text}) + "\n" for text in texts), encoding="utf-8")
    return f"{path}::t"


def config_in(folder: Path, texts: list[str] = TEXTS, **options: object) -> RunConfig:
    return config_from_options({"texts": (texts_in(folder, texts),), **options})


def found_in(sheet: NDArray[np.uint8], part: NDArray[np.uint8]) -> tuple[int, int]:
    """Where a part of a sheet is, from its left and from its top; fails where it is nowhere."""
    distance = cv2.matchTemplate(sheet, part, cv2.TM_SQDIFF)
    _, _, (x, y), _ = cv2.minMaxLoc(distance)
    height, width = part.shape[:2]
    assert (sheet[y : y + height, x : x + width] == part).all()
    return x, y


def colored(picture: StoredPicture) -> NDArray[np.uint8]:
    pixels = decoded(picture.data, "picture")
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


# -- samples ---------------------------------------------------------------------------------------


@given(st.integers(0, 10**9), st.integers(1, 500), st.integers(1, 20))
def test_samples_are_spread_over_what_there_is(there: int, wanted: int, in_a_row: int) -> None:
    numbers = spread(there, wanted, in_a_row)

    assert numbers.size == min(there, wanted)
    assert (numbers >= 0).all()
    assert (np.diff(numbers) > 0).all()
    assert not numbers.size or (numbers[0] == 0 and numbers[-1] < there)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"look": ["mixed"], "boxes": "words", "column": ["effects"], "image_format": "png"},
        {"each_font": True, "max_images": 700},
        {"max_width_px": 120, "font_colors": ("red", "black"), "background_colors": ("white",)},
    ],
    ids=["plain", "looks", "each font", "colors"],
)
def test_samples_of_a_config_are_what_a_run_of_it_stores(
    tmp_path: Path, options: dict[str, object]
) -> None:
    config = config_in(tmp_path, TEXTS * 60, **options)
    samples = samples_of(config, 40)
    shmtext.render(config, tmp_path / "out", engine="serial")

    with shmtext.open(tmp_path / "out") as stored:
        rows = [stored.row(index) for index in range(len(stored))]
        places = {row["example_index"]: place for place, row in enumerate(rows)}
        assert len(samples.pictures) + samples.num_without == 40
        assert 5 < samples.num_without < 25
        for picture in samples.pictures:
            place = places[picture.row["example_index"]]
            wanted = {key: rows[place][key] for key in rows[place] if key not in OF_A_RUN_ALONE}
            assert picture.row == wanted
            assert picture.data == stored.read(place)
    table = pq.read_table(tmp_path / "out/skipped.parquet").to_pylist()
    skipped = {row["example_index"]: SkippedRow(**row) for row in table}
    assert 1 < len(samples.failures) <= samples.num_without
    assert all(each == skipped[each.example_index] for each in samples.failures)
    of_run = samples_of(tmp_path / "out", 40)
    assert of_run.num_without == len(skipped)
    assert all(each == skipped[each.example_index] for each in of_run.failures)


@pytest.mark.parametrize("period", [2, 3, 7, 10, 64])
@pytest.mark.parametrize("there", [640, 4_480, 10**6, 10**9])
def test_samples_follow_no_pattern_that_may_be_in_what_there_is(there: int, period: int) -> None:
    numbers = spread(there, 400)

    of_each = np.bincount(numbers % period, minlength=period)
    assert of_each.min() > 400 / period / 3
    gaps = np.diff(np.append(numbers, there))
    assert gaps.max() <= 4 * there / 400


def test_a_sheet_of_each_font_shows_all_fonts(tmp_path: Path) -> None:
    config = config_in(tmp_path, [f"text {number}" for number in range(64)], each_font=True)
    fonts = {each.row["font"] for each in samples_of(config, 64).pictures}
    assert 10 == len(fonts)


def test_a_large_corpus_is_read_no_further_than_its_beginning(tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    # What stands behind is not UTF-8: whoever reads it says so.
    lines.write_bytes(b"word\n" * 4_000_000 + b"\xff\n")
    samples = samples_of(config_from_options({"texts": (str(lines),)}), 64)

    assert 64 == len(samples.pictures)
    last = samples.pictures[-1].row["example_index"]
    assert 50_000 < last < 4_000_000
    assert samples.title.startswith("64 of the first ")


def test_a_run_is_sampled_while_it_is_under_way(tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = shmtext.render(config_in(tmp_path, TEXTS * 60), out, engine="serial")
    (out / "_SUCCESS.json").unlink()
    (out / manifest_name(1)).unlink()
    before = tree(out)

    samples = samples_of(out, 64)
    assert 64 == len(samples.pictures)
    status = shmtext.run_status(out)
    assert 0 < status.num_images < summary.num_images
    assert f"64 of {status.num_images:,} pictures" in samples.title
    num_done = status.num_images + status.num_skipped
    assert f"{num_done:,} of 480 examples done" in samples.title
    with_manifest = {each.row["file_name"].split("/")[1] for each in samples.pictures}
    assert "00001" not in with_manifest
    assert with_manifest >= {"00000", "00002"}
    assert before == tree(out)


@pytest.mark.parametrize("container", ["files", "tar", "tar+json", "parquet"])
def test_every_container_is_sampled(tmp_path: Path, container: str) -> None:
    config = config_in(tmp_path, TEXTS * 60, container=container)
    shmtext.render(config, tmp_path / "out", engine="serial")

    with shmtext.open(tmp_path / "out") as stored:
        wanted = {row["file_name"]: data for data, row in stored._stored}
    for picture in samples_of(tmp_path / "out", 30).pictures:
        assert picture.data == wanted[picture.row["file_name"]]


def test_a_picture_that_is_not_what_was_committed_is_told_among_the_failures(
    tmp_path: Path,
) -> None:
    shmtext.render(config_in(tmp_path, TEXTS * 20), tmp_path / "out", engine="serial")
    first = tmp_path / "out/images/00000/000000000.jpg"
    data = bytearray(first.read_bytes())
    data[-40] ^= 1
    first.write_bytes(data)

    samples = samples_of(tmp_path / "out", 64)
    assert 63 == len(samples.pictures)
    damaged = samples.failures[0]
    assert (0, "Hamburg", True) == (damaged.example_index, damaged.text, damaged.failed)
    assert "has other bytes than were committed" in damaged.reason


def test_a_shard_whose_labels_are_damaged_is_told_once(tmp_path: Path) -> None:
    shmtext.render(config_in(tmp_path, TEXTS * 60), tmp_path / "out", engine="serial")
    fragment = tmp_path / "out/fragments/00001.parquet"
    fragment.write_bytes(fragment.read_bytes()[:-1])

    samples = samples_of(tmp_path / "out", 64)
    assert 0 < len(samples.pictures) < 64
    assert 1 == sum("shard 1 is damaged" in each.reason for each in samples.failures)


def test_what_failed_stands_before_what_was_skipped(tmp_path: Path) -> None:
    wide = "W" * 9_000  # too large a picture for JPEG: tried, and refused
    texts = [*TEXTS * 60, wide]
    options = {"font_sizes": (9,), "image_format": "jpg"}
    config = config_in(tmp_path, texts, **options)
    shmtext.render(config, tmp_path / "out", engine="serial")
    status = shmtext.run_status(tmp_path / "out")

    failures = samples_of(tmp_path / "out", 4).failures
    assert 16 == len(failures)
    assert status.num_failed == sum(each.failed for each in failures)
    assert [each.failed for each in failures] == sorted((e.failed for e in failures), reverse=True)


def test_no_run_no_text_and_no_number_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="holds no run"):
        samples_of(tmp_path)
    for num_images in (0, -1, 1_001):
        with pytest.raises(ConfigError, match="must be 1 to 1,000"):
            samples_of(RunConfig(), num_images)


# -- captions --------------------------------------------------------------------------------------


def by_pillow(text: str, size_px: int) -> NDArray[np.uint8]:
    font = ImageFont.truetype(bundled_fonts() / FIRST_FONT, size_px)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (right + 20, bottom + 20), 255)
    ImageDraw.Draw(image).text((0, 0), text, font=font, fill=0)
    return np.asarray(image.crop((left, top, right, bottom)))


def ink_of(drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
    x, y, width, height = cv2.boundingRect(255 - drawn)
    return drawn[y : y + height, x : x + width]


@pytest.mark.parametrize("text", ["Hamburg", "Привет", "12,345"])
def test_captions_are_pillow_s_drawing_in_one_font(text: str) -> None:
    (drawn,) = Captions(FONTS, 13, 500).draw([text])

    assert np.array_equal(ink_of(drawn), ink_of(by_pillow(text, 13)))


@pytest.mark.parametrize(
    ("text", "spelled_out"),
    [
        ("日本 x", r"\u65e5\u672c x"),
        ("\u0301", r"\u0301"),  # a mark without a letter
        ("a\tb\x00", r"a\tb\x00"),
        ("\u200b", r"\u200b"),
    ],
)
def test_what_no_font_has_is_spelled_out(text: str, spelled_out: str) -> None:
    drawn, wanted = Captions(FONTS, 13, 500).draw([text, spelled_out])

    assert np.array_equal(drawn, wanted)


def test_captions_keep_lines_are_wrapped_and_cut() -> None:
    captions = Captions(FONTS, 13, 100)
    one, two, long, endless, none = captions.draw(["Hg", "Hg\nHg", "Hg " * 20, "Hg " * 9_000, "  "])

    assert len(two) == 2 * len(one)
    assert len(long) > 4 * len(one)
    assert long.shape[1] <= 100
    assert len(endless) <= MOST_CHARACTERS * len(one)
    assert 0 == none.size


# -- the sheet -------------------------------------------------------------------------------------


def sheet_and_samples(folder: Path, **options: object) -> tuple[NDArray[np.uint8], Samples]:
    samples = samples_of(config_in(folder, **options), 64)
    return contact_sheet(samples, FONTS), samples


def test_pictures_stand_row_after_row_as_they_are(tmp_path: Path) -> None:
    texts = [f"{number} pictures" for number in range(10, 50)]
    sheet, samples = sheet_and_samples(tmp_path, texts=texts)

    places = [found_in(sheet, colored(each)) for each in samples.pictures]
    assert 40 == len(places)
    rows = sorted({y for _, y in places})
    assert 4 < len(rows) < 20
    assert places == sorted(places, key=lambda place: (place[1], place[0]))
    taken = np.zeros(sheet.shape[:2], bool)
    for (x, y), each in zip(places, samples.pictures, strict=True):
        height, width = colored(each).shape[:2]
        assert not taken[y : y + height, x : x + width].any()
        taken[y : y + height, x : x + width] = True
    assert sheet.shape[1] == WIDTH_PX
    border = np.ones(sheet.shape[:2], bool)
    border[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX] = False
    assert (sheet[border] == PAPER).all()


def test_each_label_stands_beneath_its_picture_and_its_number_beneath_that(tmp_path: Path) -> None:
    samples = samples_of(config_in(tmp_path, ["Hamburg"]), 1)
    sheet = contact_sheet(samples, FONTS)
    (picture,) = samples.pictures
    x, y = found_in(sheet, colored(picture))
    below = sheet[y + colored(picture).shape[0] + 1 :, x - 1 :]

    label, number = (
        ink_of(Captions(FONTS, size_px, 500).draw([text])[0])
        for text, size_px in (("Hamburg", 13), ("0", 10))
    )
    label_at, number_at = (_ink_found(below, each) for each in (label, number))
    assert label_at < number_at


def _ink_found(sheet: NDArray[np.uint8], ink: NDArray[np.uint8]) -> int:
    """From what row on a caption is there, in whatever colour."""
    strength = np.abs(sheet.astype(int) - PAPER).max(axis=2)
    scale = strength.max()
    distance = cv2.matchTemplate(
        (strength * 255 // scale).astype(np.uint8), 255 - ink, cv2.TM_CCOEFF_NORMED
    )
    _, best, _, (_, y) = cv2.minMaxLoc(distance)
    assert best > 0.99
    return int(y)


def test_a_picture_too_wide_for_the_sheet_is_shown_smaller(tmp_path: Path) -> None:
    samples = samples_of(config_in(tmp_path, ["W" * 400], font_sizes=(40,)), 1)
    assert samples.pictures[0].row["width_px"] > 4 * WIDTH_PX
    sheet = contact_sheet(samples, FONTS)

    assert sheet.shape[1] == WIDTH_PX
    assert (sheet[:, -MARGIN_PX:] == PAPER).all()


@pytest.mark.parametrize("look", [(), ("photo",)], ids=["upright", "askew"])
def test_boxes_are_drawn_in_two_colors_in_turns(tmp_path: Path, look: tuple[str, ...]) -> None:
    options = {"look": list(look)} if look else {}
    sheet, samples = sheet_and_samples(tmp_path, texts=["one two three"], boxes="words", **options)
    boxes = samples.pictures[0].row["boxes"]

    assert 3 == len(boxes)
    for color in BOX_COLORS:
        assert (sheet == color).all(axis=2).sum() > 20
    without, _ = sheet_and_samples(tmp_path, texts=["one two three"], **options)
    assert not (without == BOX_COLORS[0]).all(axis=2).any()


def test_failures_stand_last_with_their_reasons() -> None:
    failures = (
        SkippedRow(7, "lost", "a.ttf", 32, "cannot be drawn: no", failed=True),
        SkippedRow(3, "gone", None, None, "no font covers U+4E2D", failed=False),
    )
    sheet = contact_sheet(Samples("title", (), failures, num_without=90), FONTS)

    captions = Captions(FONTS, 13, 900)
    lines = ["failed: cannot be drawn: no", "skipped: no font covers U+4E2D"]
    rows = [_ink_found(sheet, ink_of(drawn)) for drawn in captions.draw(lines)]
    assert rows == sorted(rows)
    (heading,) = Captions(FONTS, 16, 900).draw(["90 without a picture (the first 2 of them)"])
    assert _ink_found(sheet, ink_of(heading)) < rows[0]


def test_labels_of_a_run_are_drawn_in_fonts_that_are_given(tmp_path: Path) -> None:
    config = replace(
        RunConfig(), corpus=config_in(tmp_path, ["Hamburg"]).corpus, output=Output(csv=False)
    )
    shmtext.render(config, tmp_path / "out")
    font = bundled_fonts() / "Caladea-Regular.ttf"

    assert np.array_equal(
        shmtext.preview(tmp_path / "out"), shmtext.preview(tmp_path / "out", fonts=[font])
    )  # nothing that others lack
    assert np.array_equal(sheet_of(samples_of(tmp_path / "out")), shmtext.preview(tmp_path / "out"))


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("preview") / "out"
    shmtext.render(RunConfig(style=Style(font_sizes=(18,)), max_images=200), folder)
    before = tree(folder)
    yield folder
    assert before == tree(folder)


def test_the_command_writes_the_sheet_of_a_config(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    options = ("--look", "scan", "--max-images", 90, "--images", 17)
    said = run("preview", *options, "--output", sheet).expect(DONE, num_lines=0)

    assert f"{sheet}: 17 of 90 examples\n" == said.stdout
    config = config_from_options({"look": ["scan"], "max_images": 90})
    pixels = cv2.cvtColor(cv2.imread(str(sheet)), cv2.COLOR_BGR2RGB)
    assert np.array_equal(shmtext.preview(config, num_images=17), pixels)
    assert [sheet] == list(tmp_path.iterdir())


def test_the_command_takes_a_config_from_a_file_with_options_of_a_start(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("max_images = 5\nworkers = 2\n")
    sheet = tmp_path / "sheet.png"
    said = run("preview", "--config", tmp_path / "run.toml", "--output", sheet).expect(DONE)
    assert ": 5 of 5 examples" in said.stdout


def test_the_command_writes_the_sheet_of_a_run(tmp_path: Path, out: Path) -> None:
    sheet = tmp_path / "sheet.png"
    said = run("preview", out, "--output", sheet).expect(DONE, num_lines=0)

    assert f"{sheet}: {out}: 32 of 200 pictures, 200 of 200 examples done\n" == said.stdout
    pixels = cv2.cvtColor(cv2.imread(str(sheet)), cv2.COLOR_BGR2RGB)
    assert np.array_equal(shmtext.preview(out), pixels)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("OUT", "--look", "scan"), BAD_INPUT, "--look is of a config, and a run has its settings"),
        (("OUT", "--config", "x.toml"), BAD_INPUT, "--config is of a config"),
        (("nowhere",), BAD_INPUT, "nowhere"),
        (("--images", "0"), BAD_INPUT, "must be 1 to 1,000, got 0"),
        (("--output", "no/such/sheet.png"), STOPPED, "cannot write the sheet no/such/sheet.png"),
        (("--texts", "nowhere.txt"), BAD_INPUT, "nowhere.txt"),
        (("OUT", "--output", "OUT/sheet.png"), BAD_INPUT, "would be among the run's own files"),
        (("OUT", "--output", "OUT/images/00000/a.png"), BAD_INPUT, "the run's own files"),
        (("--output", "words.txt"), BAD_INPUT, "expected the name of a .png file"),
        (("--output", ""), BAD_INPUT, "expected the name of a .png file"),
        (("--output", f"{'x' * 300}.png"), STOPPED, "cannot write the sheet"),
        (("--output", f"{__file__}/x.png"), STOPPED, "cannot write the sheet"),
    ],
)
def test_what_can_t_be_previewed_is_one_line(
    out: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    given = [each.replace("OUT", str(out)) for each in arguments]
    run("preview", *given).expect(code, said, num_lines=1)


def test_a_sheet_is_not_put_into_the_run_that_is_the_current_folder(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(out)
    run("preview", ".").expect(BAD_INPUT, "choose another folder (--output)", num_lines=1)


def test_what_a_link_leads_to_is_written_and_a_pipe_is_written_into(
    tmp_path: Path, out: Path
) -> None:
    link, target, pipe = (tmp_path / name for name in ("link.png", "target.png", "pipe.png"))
    link.symlink_to(target)
    run("preview", out, "--output", link).expect(DONE)
    assert link.is_symlink()
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reading:
        run("preview", out, "--output", pipe).expect(DONE)
        assert target.read_bytes() == reading.communicate(timeout=HANG_S)[0]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_run_whose_name_is_no_utf_8_is_previewed(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(bytes(tmp_path / "bad") + b"\xff"))
    shmtext.render(RunConfig(max_images=5), folder)
    sheet = tmp_path / "sheet.png"

    said = run("preview", folder, "--output", sheet).expect(DONE, num_lines=0).stdout
    assert r"bad\udcff: 5 of 5 pictures" in said
    assert sheet.exists()


def test_a_config_none_of_whose_texts_can_be_drawn_has_a_sheet_of_reasons(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    (tmp_path / "texts.txt").write_text("日本\n")
    ended = run("preview", "--texts", tmp_path / "texts.txt", "--output", sheet)

    ended.expect(FAILED_EXAMPLES, "there is no picture to be shown", num_lines=1)
    assert sheet.stat().st_size > 1_000
