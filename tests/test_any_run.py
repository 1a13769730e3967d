"""Of any run, whatever its script, layout and page: its labels, pictures and boxes are true.

A label is the text that is drawn, boxes hold their ink, no picture depends on workers or shards,
and every row can be drawn again.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shmtext
from shmtext.config import config_from_options

WORDS = (
    *("The", "quick", "brøwn", "fox,", "Žluťoučký", "AVATAR", "fi", "e\u0301te\u0301", "12.50"),
    *("Ελληνικά", "Привет", "мир", "שלום", "עולם", "سلام", "عليكم", "№5", "co-op"),
)
NOWHERE = ("漢字", "a\u200bb", "\U0001f600")
"""Of these no bundled font, or no font at all, has all: they are skipped."""

texts = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)
    | st.sampled_from(NOWHERE),
    min_size=1,
    max_size=12,
)
pages = st.fixed_dictionaries(
    {
        "align": st.sampled_from(["start", "center", "right", "justify"]),
        "margin": st.sampled_from(["0", "3", "10% 2"]),
        "letter_spacing": st.sampled_from(["0", "1.5"]),
        "line_spacing": st.sampled_from(["0", "-15%", "6"]),
        "layout": st.sampled_from(["full", "basic"]),
        "fallback": st.sampled_from(["none", "text", "character"]),
        "boxes": st.sampled_from(["characters", "words"]),
    }
)
sizes = st.sampled_from(
    [
        {"font_sizes": [14, 23]},
        {"height": [30]},
        {"min_width": 120, "font_sizes": [18]},
        {"width": 400, "font_sizes": [18]},
    ]
)
wraps = st.sampled_from([{}, {"max_width_px": 110}, {"max_chars_per_line": 9}])
fonts = st.sampled_from([{}, {"each_font": True, "font_share": ["[!DL]*=0"]}])


@given(texts, pages, sizes, wraps, fonts)
@settings(max_examples=25)
def test_what_a_run_says_of_its_pictures_is_true(
    lines: list[str],
    page: dict[str, Any],
    size: dict[str, Any],
    wrap: dict[str, Any],
    font: dict[str, Any],
) -> None:
    options = {**page, **size, **wrap, **font, "image_format": "png"}
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder, "texts.txt"), Path(folder, "out")
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        config = config_from_options({"texts": str(file), **options})
        summary = shmtext.render(config, out, engine="serial")
        num_per_text = 4 if font else 1
        assert num_per_text * len(lines) == summary.num_images + summary.num_skipped
        if not summary.num_images:
            assert set(lines) <= set(NOWHERE) or size
            return
        with shmtext.open(out) as run:
            for index, (picture, row) in enumerate(run):
                drawn = shmtext_text(lines[row["example_index"] // num_per_text])
                assert without_spaces(drawn) == without_spaces(row["text"])
                assert wrap or drawn == row["text"]
                assert (row["height_px"], row["width_px"]) == picture.shape
                assert np.array_equal(picture, run.render(index))
                check_boxes(picture, row)
        assert shmtext.verify(out, checksums=True).whole


def shmtext_text(line: str) -> str:
    """A line of a file as it is drawn: in its normal form."""
    return line.replace("e\u0301", "é")


def without_spaces(text: str) -> str:
    return "".join(text.split())


def check_boxes(picture: np.ndarray[Any, np.dtype[np.uint8]], row: dict[str, Any]) -> None:
    """Each box has ink, all ink is in boxes, and each stands for other characters of the label."""
    inside = np.zeros_like(picture, np.bool_)
    for (left, top, right, bottom), (first, stop) in zip(
        row["boxes"], row["box_characters"], strict=True
    ):
        assert picture[top:bottom, left:right].min() < 255
        assert row["text"][first:stop].strip()
        inside[top:bottom, left:right] = True
    assert picture[~inside].min(initial=255) == 255
    spans = sorted(map(tuple, row["box_characters"]))
    assert all(stop <= first for (_, stop), (first, _) in itertools.pairwise(spans))


@pytest.mark.parametrize("page", [{"max_width_px": 120, "align": "justify"}, {"height": 28}])
def test_no_picture_depends_on_who_draws_it(tmp_path: Path, page: dict[str, Any]) -> None:
    file = tmp_path / "texts.txt"
    lines = [" ".join(WORDS[at : at + 6]) for at in range(len(WORDS))] * 12
    file.write_text("\n".join(lines), encoding="utf-8")
    config = config_from_options({"texts": str(file), "fallback": "text", **page})
    digests = set()
    for number, how in enumerate(
        ({"engine": "serial"}, {"engine": "threads", "workers": 3}, {"workers": 2})
    ):
        shmtext.render(config, tmp_path / str(number), **how)
        with shmtext.open(tmp_path / str(number)) as run:
            rows = [(run.read(at), run.row(at)["text"]) for at in range(len(run))]
        digests.add(hash(tuple(rows)))
    assert len(digests) == 1
