"""A run opened for reading gives back each picture as it was drawn, beside its labels."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import shmtext
from shmtext import BalancedText, Output, RunConfig, StoredExample, Style, TextFile
from shmtext.draw.faces import bundled_fonts
from shmtext.draw.texts import MAX_CHARACTERS
from shmtext.engine import redraw

COLORS = {"font_colors": ("#ff0000", "#0000a0"), "background_colors": ("#ffffff",)}


def render(out: Path, image_format: Any, style: Style) -> None:
    config = RunConfig(
        corpus=BalancedText(character_frequency=10),
        style=style,
        output=Output(image_format=image_format),
    )
    shmtext.render(config, out, engine="serial")


@pytest.mark.parametrize("image_format", ["jpg", "png"])
@pytest.mark.parametrize("style", [Style(), Style(**COLORS)], ids=["gray", "colours"])
def test_pictures_are_those_that_other_readers_see(
    tmp_path: Path, image_format: str, style: Style
) -> None:
    render(tmp_path / "out", image_format, style)
    table = pq.read_table(tmp_path / "out/metadata.parquet").to_pylist()
    with shmtext.open(tmp_path / "out") as run:
        assert len(table) == len(run)
        for example, row in zip(run, table, strict=True):
            assert row == example.row
            with Image.open(tmp_path / "out" / row["file_name"]) as file:
                expected = np.array(file)
            assert (np.uint8, expected.shape) == (example.picture.dtype, example.picture.shape)
            # Two decoders of JPEG may round differently.
            tolerance = 3 if image_format == "jpg" else 0
            assert np.abs(expected.astype(int) - example.picture).max() <= tolerance
            assert (row["height_px"], row["width_px"]) == example.picture.shape[:2]


def test_by_position_and_in_order_are_the_same(tmp_path: Path) -> None:
    render(tmp_path, "png", Style())
    with shmtext.open(tmp_path) as run:
        in_order = list(run)
        for index in (0, 7, -1):
            picture, row = run[index]

            assert np.array_equal(in_order[index].picture, picture)
            assert in_order[index].row == row == run.row(index)
            assert (tmp_path / row["file_name"]).read_bytes() == run.read(index)
        with pytest.raises(IndexError):
            run[len(run)]
        assert len(run) == len(pickle.loads(pickle.dumps(run)))


@pytest.mark.parametrize("image_format", ["jpg", "png"])
@pytest.mark.parametrize(
    "style",
    [
        Style(font_sizes=(14, 30), **COLORS),
        Style(max_chars_per_line=6, font_sizes=(12,)),
        Style(max_chars_per_line=2),
    ],
    ids=["colours", "wrapped", "wrapped within words"],
)
def test_an_example_drawn_again_is_equal_to_what_is_stored(
    tmp_path: Path, image_format: str, style: Style
) -> None:
    render(tmp_path, image_format, style)
    with shmtext.open(tmp_path) as run:
        for index, (picture, _) in enumerate(run):
            assert np.array_equal(picture, run.render(index))
        assert np.array_equal(run[-1].picture, pickle.loads(pickle.dumps(run)).render(-1))


def test_an_example_with_other_fonts_is_drawn_again_once_these_are_given(tmp_path: Path) -> None:
    fonts = [tmp_path / "a" / "Same.ttf", tmp_path / "b" / "Same.ttf", tmp_path / "c" / "More.ttf"]
    for font, source in zip(fonts, sorted(bundled_fonts().glob("*.ttf")), strict=False):
        font.parent.mkdir()
        font.write_bytes(source.read_bytes())
    out = tmp_path / "out"
    render(out, "png", Style(fonts=(fonts[1], fonts[0]), font_sizes=(20, 24)))
    (renamed := tmp_path / "Renamed.ttf").write_bytes(fonts[0].read_bytes())
    with shmtext.open(out, fonts=[renamed, fonts[2], tmp_path / "b"]) as run:
        for index, (picture, _) in enumerate(run):
            assert np.array_equal(picture, run.render(index))
    with (
        shmtext.open(out, fonts=[fonts[2], fonts[0]]) as run,
        pytest.raises(shmtext.ShmtextError, match=r"made with Same\.ttf#\w+, which none of"),
    ):
        run.render(0)


def test_libraries_of_other_versions_draw_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(tmp_path, "png", Style())
    real = redraw.versions_of
    monkeypatch.setattr(redraw, "versions_of", lambda config: {**real(config), "pillow": "0"})
    with (
        shmtext.open(tmp_path) as run,
        pytest.raises(shmtext.ShmtextError, match=r"other versions .*pillow"),
    ):
        run.render(0)


def test_what_was_written_but_is_no_picture_is_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(tmp_path, "png", Style())
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    with (
        shmtext.open(tmp_path) as run,
        pytest.raises(shmtext.ShmtextError, match=r"images/00000/000000000\.png is not a picture"),
    ):
        run[0]


def test_an_interrupted_run_is_to_be_finished_first(tmp_path: Path) -> None:
    render(tmp_path, "png", Style())
    (tmp_path / "_SUCCESS.json").unlink()
    with pytest.raises(shmtext.ShmtextError, match="is not finished"):
        shmtext.open(tmp_path)


def test_fonts_are_known_by_their_content_and_keep_the_run_s_order(tmp_path: Path) -> None:
    sources = sorted(bundled_fonts().glob("*.ttf"))[:3]
    names = {"before": ("a.ttf", "b.ttf", "c.ttf"), "after": ("z.ttf", "c.ttf", "a.ttf")}
    for folder, files in names.items():
        (tmp_path / folder).mkdir()
        for name, source in zip(files, sources, strict=True):
            (tmp_path / folder / name).write_bytes(source.read_bytes())
    render(tmp_path / "out", "png", Style(fonts=(tmp_path / "before",)))
    for fonts in (tmp_path / "after", str(tmp_path / "after"), [tmp_path / "after"], ()):
        with shmtext.open(tmp_path / "out", fonts) as run:
            for index, (picture, _) in enumerate(run):
                assert np.array_equal(picture, run.render(index))


def test_a_label_that_wrapping_made_longer_than_any_text_is_drawn_again(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("a" * MAX_CHARACTERS + "\n")
    config = RunConfig(
        corpus=TextFile(tmp_path / "texts.txt"),
        style=Style(max_chars_per_line=100, font_sizes=(8,)),
    )
    shmtext.render(config, tmp_path / "out")
    with shmtext.open(tmp_path / "out") as run:
        picture, row = run[0]

        assert len(row["text"]) > MAX_CHARACTERS
        assert np.array_equal(picture, run.render(0))


def test_what_is_not_drawn_as_it_was_is_never_given_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(tmp_path, "png", Style())
    monkeypatch.setattr(redraw, "crc32", lambda _data: 0)
    with (
        shmtext.open(tmp_path) as run,
        pytest.raises(shmtext.ShmtextError, match="example 0 is not drawn as it was"),
    ):
        run.render(0)


def test_any_whole_number_is_an_index_and_nothing_else(tmp_path: Path) -> None:
    shmtext.render(RunConfig(max_images=300), tmp_path, engine="serial")
    with shmtext.open(tmp_path) as run:
        assert run.row(3) == run.row(np.uint8(3)) == run.row(np.int64(3))
        assert run.row(-1) == run.row(np.int8(-1))
        for wrong in (None, "1", 1.0):
            with pytest.raises(TypeError):
                run[wrong]  # type: ignore[index]


def test_a_run_that_was_closed_says_so(tmp_path: Path) -> None:
    render(tmp_path, "png", Style())
    run = shmtext.open(tmp_path)
    under_way = iter(run)
    next(under_way)
    run.close()
    for read in (lambda: run[0], lambda: run.read(0), lambda: list(run), lambda: next(under_way)):
        with pytest.raises(shmtext.ShmtextError, match="was closed: open it again"):
            read()


def test_a_child_forked_while_a_thread_reads_and_draws_can_do_both(tmp_path: Path) -> None:
    render(tmp_path, "png", Style())
    with shmtext.open(tmp_path) as run:
        run.render(0)
        with run._turn, run._stored._turn:
            pid = os.fork()
            if pid == 0:
                same = np.array_equal(run[1].picture, run.render(1))
                os._exit(0 if same else 1)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture(scope="module", params=["files", "tar", "parquet"])
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some three hundred pictures, in several shards, in each container."""
    out = tmp_path_factory.mktemp("stored") / "out"
    config = RunConfig(
        corpus=BalancedText(character_frequency=60), output=Output(container=request.param)
    )
    shmtext.render(config, out, engine="serial")
    return out


def text(example: StoredExample) -> str:
    return str(example.row["text"])


SLICES = [slice(2), slice(5, 100, 7), slice(None, None, -1), slice(-3, None), slice(10**9, None)]


@pytest.mark.parametrize("part", SLICES, ids=str)
def test_a_slice_has_what_a_list_of_all_would_have(stored: Path, part: slice) -> None:
    with shmtext.open(stored) as run:
        texts = [row["text"] for _, row in run]
        chosen = run[part].map(text)

        assert texts[part] == list(chosen)
        assert texts[part] == [chosen[i] for i in range(len(chosen))]
        assert texts[part][1:] == list(chosen[1:])
        with pytest.raises(IndexError):
            chosen[len(chosen)]


def test_functions_are_done_one_after_the_other(stored: Path) -> None:
    with shmtext.open(stored) as run:
        lengths = run.map(text).map(len)

        assert len(run.row(7)["text"]) == lengths[7]


def test_shuffled_pictures_are_all_of_them_once(stored: Path) -> None:
    with shmtext.open(stored) as run:
        in_order = [row["example_index"] for _, row in run]
        shuffled = [row["example_index"] for _, row in run.shuffled(1)]

        assert in_order != shuffled
        assert in_order == sorted(shuffled)
        assert shuffled == [row["example_index"] for _, row in run.shuffled(1)]
        assert shuffled != [row["example_index"] for _, row in run.shuffled(2)]
        assert [run.row(i)["example_index"] for i in run.shuffled(1).positions[:9]] == shuffled[:9]


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_is_of_64_bits(stored: Path, seed: int) -> None:
    with shmtext.open(stored) as run, pytest.raises(shmtext.ShmtextError, match="seed must be"):
        run.shuffled(seed)


def test_a_pickled_selection_gives_the_same(stored: Path) -> None:
    with shmtext.open(stored) as run:
        selection = run.shuffled(3)[10:50].map(text)
        expected = list(selection)
        copy = pickle.loads(pickle.dumps(selection))

        assert expected == list(copy)
        copy.run.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_and_its_parent_read_on_side_by_side(stored: Path) -> None:
    with shmtext.open(stored) as run:
        selection = run.shuffled(4).map(text)
        expected = list(selection)
        child = os.fork()
        is_same = expected == list(selection)
        if child == 0:
            os._exit(0 if is_same else 1)
        assert is_same
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_picture_drawn_again_is_what_each_container_holds(stored: Path) -> None:
    with shmtext.open(stored) as run:
        for index in (0, len(run) // 2, -1):
            assert np.array_equal(run[index].picture, run.render(index))
