"""What ``bench learn`` is made of, but for PyTorch: sets that are read, scores, texts, sheets."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pages import PAGES
from PIL import Image

from bench.__main__ import main
from bench.learning.scores import score
from bench.learning.sets import (
    HEIGHT_PX,
    LETTERS,
    WIDTH_PX,
    Pictures,
    make_set,
    normal,
    read_set,
    without,
)
from bench.learning.sheet import misread_sheet
from bench.learning.texts import MAX_LENGTH, RECIPES, texts
from bench.places import ONE_FONT, environment
from shmtext import render
from shmtext.config import RunConfig, config_from_options

PAGE = PAGES["docs/texts.md"]

LABELS = [("0.png", "Exit 24"), ("b/1.png", "Total:  €12.50"), ("2.png", '"O, no"'), ("3.png", "ñ")]
SIZES_PX = [(20, 40), (64, 64), (32, 900), (32, 32)]
READ = ("exit 24", "total: 12.50", '"o, no"')
"""Of the last nothing is left that a recogniser could say."""


def encoded() -> list[bytes]:
    rng = np.random.default_rng(0)
    found = []
    for size in SIZES_PX:
        _, data = cv2.imencode(".png", rng.integers(0, 256, size, np.uint8))
        found.append(data.tobytes())
    return found


def put_pictures(folder: Path) -> None:
    (folder / "b").mkdir()
    for (name, _), data in zip(LABELS, encoded(), strict=True):
        (folder / name).write_bytes(data)


def as_gt(folder: Path) -> Path:
    put_pictures(folder)
    lines = "".join(f"{name}\t{text}\n" for name, text in LABELS)
    (folder / "gt.txt").write_text(lines, encoding="utf-8")
    return folder


def as_tsv(folder: Path) -> Path:
    as_gt(folder)
    (folder / "gt.txt").rename(folder / "labels.tsv")
    return folder


def as_csv(folder: Path) -> Path:
    put_pictures(folder)
    lines = "".join('{},"{}"\r\n'.format(name, text.replace('"', '""')) for name, text in LABELS)
    (folder / "labels.csv").write_text(f"filename,label\r\n{lines}", encoding="utf-8")
    return folder


def as_metadata(folder: Path) -> Path:
    put_pictures(folder)
    names, labels = zip(*LABELS, strict=True)
    pq.write_table(pa.table({"file_name": names, "text": labels}), folder / "metadata.parquet")
    return folder


def as_parquet(folder: Path) -> Path:
    labels = [text for _, text in LABELS]
    pq.write_table(pa.table({"image": encoded(), "text": labels}), folder / "a.parquet")
    return folder / "a.parquet"


def as_hugging_face(folder: Path) -> Path:
    images = [{"bytes": data, "path": None} for data in encoded()]
    labels = [text for _, text in LABELS]
    pq.write_table(pa.table({"label": labels, "image": images}), folder / "a.parquet")
    return folder / "a.parquet"


@pytest.mark.parametrize("write", [as_gt, as_tsv, as_csv, as_metadata, as_parquet, as_hugging_face])
def test_a_set_reads_the_same_from_whatever_holds_it(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    found = read_set(write(tmp_path))

    assert found.texts == READ
    assert found.widths_px.tolist() == [64, 32, WIDTH_PX]
    for data, encoded_, width in zip(found.data, encoded(), found.widths_px, strict=False):
        with Image.open(io.BytesIO(encoded_)) as picture:
            gray = np.asarray(picture)
        how = cv2.INTER_AREA if picture.height > HEIGHT_PX else cv2.INTER_LINEAR
        wanted = cv2.resize(gray, (int(width), HEIGHT_PX), interpolation=how)
        assert (data[:, :width] == wanted).all()
        assert (data[:, width:] == wanted[:, -1:]).all()


def test_the_first_pictures_with_texts_are_taken(tmp_path: Path) -> None:
    assert READ[:2] == read_set(as_gt(tmp_path), limit=2).texts


def test_a_set_is_the_same_after_saving(tmp_path: Path) -> None:
    held = read_set(as_gt(tmp_path))
    held.save(tmp_path / "set.npz")
    again = Pictures.load(tmp_path / "set.npz")

    assert (again.data == held.data).all()
    assert (again.widths_px == held.widths_px).all()
    assert again.texts == held.texts


def test_pictures_without_a_text_to_say_are_left_out() -> None:
    data = np.arange(3 * 32 * 16, dtype=np.uint8).reshape(3, 32, 16)
    found = Pictures.of(data, np.array([16, 9, 8]), ["Exit 24", "ñ", "Total:  €1"])

    assert ("exit 24", "total: 1") == found.texts
    assert (data[[0, 2]] == found.data).all()
    assert [16, 8] == found.widths_px.tolist()
    taken = found.take(np.array([1, 0]))
    assert ("total: 1", "exit 24") == taken.texts
    assert (data[[2, 0]] == taken.data).all()
    with pytest.raises(click.ClickException, match="no text has letters"):
        Pictures.of(data, np.array([16, 9, 8]), ["ñ", "", " "])


def no_labels(folder: Path) -> Path:
    return folder


def no_picture(folder: Path) -> Path:
    as_gt(folder)
    (folder / "2.png").unlink()
    return folder


def not_a_picture(folder: Path) -> Path:
    as_gt(folder)
    (folder / "2.png").write_bytes(b"GIF89a")
    return folder


def no_text(folder: Path) -> Path:
    as_gt(folder)
    (folder / "gt.txt").write_text("0.png\t\n2.png\tñ\n", encoding="utf-8")
    return folder


def no_parquet(folder: Path) -> Path:
    (folder / "a.parquet").write_bytes(b"no")
    return folder / "a.parquet"


def no_columns(folder: Path) -> Path:
    pq.write_table(pa.table({"img": [b""], "text": [""]}), folder / "a.parquet")
    return folder / "a.parquet"


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (no_labels, "expected a file of labels, one of metadata.parquet"),
        (no_picture, "2.png: No such file"),
        (not_a_picture, "2.png is no picture"),
        (no_text, "no picture has a text"),
        (no_parquet, "expected a folder with labels or a Parquet file"),
        (no_columns, "expected columns image and text (or label), found img, text"),
    ],
)
def test_what_is_no_set_is_told_in_one_line(
    tmp_path: Path, write: Callable[[Path], Path], said: str
) -> None:
    with pytest.raises(click.ClickException) as caught:
        read_set(write(tmp_path))

    assert said in caught.value.message
    assert "\n" not in caught.value.message


# -- runs of this project -----------------------------------------------------------------------


def test_a_runs_examples_become_a_set_each_once_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"Exit {number * 37 % 100}" for number in range(40)]
    (tmp_path / "texts.txt").write_text("\n".join(["ñ", *lines]), encoding="utf-8")
    config = config_from_options({"texts": str(tmp_path / "texts.txt"), "look": ["scan"]})

    made = make_set(config)

    assert tuple(line.lower() for line in lines) == made.pictures.texts
    assert (40, HEIGHT_PX, WIDTH_PX) == made.pictures.data.shape
    assert 0 < made.cpu_us
    for batch_rows in (7, 41, 100):
        monkeypatch.setattr("bench.learning.sets.BATCH_ROWS", batch_rows)
        again = make_set(config).pictures
        assert made.pictures.texts == again.texts
        assert (made.pictures.data == again.data).all()


def test_a_run_is_the_set_of_its_files_but_for_what_encoding_and_scaling_lose(
    tmp_path: Path,
) -> None:
    # As high as a set is, and narrower.
    sizes = {"font_sizes": [26], "min_example_size": 2, "max_example_size": 5}
    fonts = {"fonts": [str(ONE_FONT)], "image_format": "png", "mode": "gray"}
    config = config_from_options({**sizes, **fonts, "max_images": 40})
    render(config, tmp_path / "run")

    made, read = make_set(config).pictures, read_set(tmp_path / "run")

    assert read.texts == made.texts
    assert (read.widths_px == made.widths_px).all()
    assert (read.data == made.data).all()


def test_a_run_without_any_text_to_learn_is_refused(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("ñ\n", encoding="utf-8")

    with pytest.raises(click.ClickException, match="no text has letters"):
        make_set(config_from_options({"texts": str(tmp_path / "texts.txt")}))


def effects_of(config: RunConfig) -> dict[str, set[str]]:
    return {look.name: {each.name() for each in look.effects} for look in config.look.looks}


def test_effects_are_left_out_by_name_and_by_kind() -> None:
    whole = config_from_options({"look": ["mixed"]})
    less = without(whole, ["colors", "geometry"])

    gone = {"colors"} | {
        effect.name()
        for look in whole.look.looks
        for effect in look.effects
        if effect.kind.value == "geometry"
    }
    assert {"margins", "rotation"} < gone
    assert {name: its - gone for name, its in effects_of(whole).items()} == effects_of(less)
    assert [look.share for look in whole.look.looks] == [look.share for look in less.look.looks]


def test_what_no_look_has_can_not_be_left_out() -> None:
    with pytest.raises(click.ClickException, match="'rotatoin'"):
        without(config_from_options({"look": ["photo"]}), ["rotatoin"])


# -- scores -------------------------------------------------------------------------------------


def slow_edits(one: str, other: str) -> int:
    """By its definition."""
    if not one or not other:
        return len(one) + len(other)
    return min(
        slow_edits(one[1:], other) + 1,
        slow_edits(one, other[1:]) + 1,
        slow_edits(one[1:], other[1:]) + (one[0] != other[0]),
    )


SHORT = st.text("ab.-", min_size=1, max_size=5)


@given(st.lists(st.tuples(SHORT, SHORT), min_size=1, max_size=5))
def test_scores_are_shares_of_what_is_there(pairs: list[tuple[str, str]]) -> None:
    said, true = zip(*pairs, strict=True)
    found = score(said, true)

    num_letters = sum(map(len, true))
    assert 100 * sum(slow_edits(*pair) for pair in pairs) / num_letters == found.cer
    assert 100 * sum(read == text for read, text in pairs) / len(pairs) == found.full
    assert 0 <= found.word <= 100


def test_a_word_is_its_letters_and_digits_and_spaces_never_count() -> None:
    found = score(["no.1-a", "to tal", "...", "x"], ["no 1a", "total", "!", "y"])

    assert 100 * 2 / 3 == found.word
    assert 25 == found.full


# -- texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", RECIPES)
def test_texts_are_the_same_every_time_and_fit(recipe: str) -> None:
    pytest.importorskip("wordfreq", reason="the extra learn is not installed")
    found = list(texts(recipe, 500))

    assert found == list(texts(recipe, 500))
    assert found[:100] == list(texts(recipe, 100))
    assert found != list(texts(recipe, 500, seed=1))
    assert all(0 < len(text) <= MAX_LENGTH and text == text.strip() for text in found)
    assert all(text.isascii() and text.isprintable() for text in found)
    # What can't be said is rare: the slash of dates and the like is in the alphabet.
    assert all(normal(text) == text.lower() for text in found)


def test_the_recipe_of_the_readme_runs_as_printed(tmp_path: Path) -> None:
    pytest.importorskip("wordfreq", reason="the extra learn is not installed")
    (block,) = re.findall(r"^```\n(python -m bench\.learning\.texts .*?)```", PAGE, re.M | re.S)
    assert block.count(" 100000 ") == 1
    commands = block.replace(" 100000 ", " 100 ")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = environment() | {"PATH": path}
    subprocess.run(["bash", "-ec", commands], cwd=tmp_path, env=env, check=True, timeout=120)

    table = pq.read_table(tmp_path / "words" / "metadata.parquet", columns=["text", "look"])
    assert (tmp_path / "words.txt").read_text("utf-8").splitlines() == table["text"].to_pylist()
    assert {"photo"} == {*table["look"].to_pylist()}


def test_letters_of_the_recogniser_are_each_one() -> None:
    assert len({*LETTERS}) == len(LETTERS)


# -- what is shown ------------------------------------------------------------------------------


def test_what_was_read_right_is_on_no_sheet(tmp_path: Path) -> None:
    held = read_set(as_gt(tmp_path))
    right = misread_sheet(held, list(held.texts), "a")
    wrong = misread_sheet(held, ["exit 24", "total", "no"], "a")

    assert wrong.height > right.height or len(wrong.getcolors(1 << 16) or ()) > len(
        right.getcolors(1 << 16) or ()
    )


@pytest.mark.parametrize("value", ["iiit5k", "=a", "iiit5k=", "iiit5k=missing", "own=."])
def test_real_sets_without_names_or_paths_are_refused(value: str) -> None:
    result = CliRunner().invoke(main, ["learn", "--quick", "--real", value])

    assert 2 == result.exit_code
    assert "--real" in result.output
