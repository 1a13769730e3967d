"""With ``each_font`` every text is drawn in every font: example i is text i // F in font i % F."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shmtext
from shmtext.config import Output, RunConfig, Style, TextFile
from shmtext.config.looks import LooksKind
from shmtext.corpus.ragged import pack_texts
from shmtext.draw.examples import Examples, num_texts_of
from shmtext.engine.recorded import recorded_settings
from shmtext.errors import ConfigError

OTHERS = ("[!CD]*=0",)
FONTS = ["Caladea-Regular.ttf", "Comfortaa-Regular.ttf", "DejaVuSans.ttf", "DejaVuSerif-Bold.ttf"]
"""Those left of the fonts that come along."""
TEXTS = [f"word {number}" if number % 7 else f"Жизнь {number}" for number in range(40)]
"""One in seven is not covered by the first font."""


def config_of(folder: Path, texts: Sequence[str] = TEXTS, **style: Any) -> RunConfig:
    path = folder / "texts.txt"
    path.write_text("\n".join(texts), encoding="utf-8")
    asked = {"each_font": True, "font_share": OTHERS, "font_sizes": (16,), **style}
    return RunConfig(corpus=TextFile(path), style=Style(**asked), output=Output(image_format="png"))


def rows_of(out: Path, table: str = "metadata.parquet") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / table).to_pylist()
    return rows


# -- arithmetic ---------------------------------------------------------------------------------


@given(st.lists(st.text("ab", max_size=3), max_size=9), st.integers(1, 4), st.data())
def test_examples_have_the_texts_that_a_list_of_all_has(
    texts: list[str], num_per_text: int, data: st.DataObject
) -> None:
    spelled_out = [text for text in texts for _ in range(num_per_text)]
    num = data.draw(st.integers(0, len(spelled_out)))
    examples = Examples(pack_texts(texts), num_per_text, len(spelled_out)).first(num)
    some = data.draw(st.lists(st.integers(0, num - 1))) if num else []

    assert len(examples) == num
    assert [examples[each] for each in range(num)] == spelled_out[:num]
    assert examples.take(np.array(some, np.int64)).strings() == [spelled_out[i] for i in some]
    assert examples.take(np.arange(num)).strings() == spelled_out[:num]
    assert len(examples.texts) == num_texts_of(num, num_per_text)


def test_shares_are_refused_beside_it() -> None:
    Style(each_font=True, font_share=("a*=0",))
    with pytest.raises(ConfigError, match="each_font draws every font equally often"):
        Style(each_font=True, font_share=("a*=2",))


# -- runs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", ["files", "tar", "tar+json", "parquet"])
def test_every_text_is_drawn_in_every_font_that_covers_it(container: Any, tmp_path: Path) -> None:
    config = config_of(tmp_path)
    config = replace(config, output=replace(config.output, container=container))
    out = tmp_path / "out"
    summary = shmtext.render(config, out)
    found = {row["example_index"]: (row["text"], row["font"]) for row in rows_of(out)}
    skipped = {row["example_index"]: row for row in rows_of(out, "skipped.parquet")}

    assert summary.num_images + summary.num_skipped == len(TEXTS) * len(FONTS)
    for example in range(len(TEXTS) * len(FONTS)):
        text, font = TEXTS[example // len(FONTS)], FONTS[example % len(FONTS)]
        if text.startswith("word") or font != FONTS[0]:
            assert found[example] == (text, font)
        else:
            assert skipped[example]["text"] == text
            reason: str = skipped[example]["reason"]
            assert reason.startswith(f"{FONTS[0]} does not cover U+0416 Ж, U+0437 з")
    assert shmtext.verify(out, checksums=True).whole
    with shmtext.open(out) as run:
        for index in (0, 1, 2, 3, 77, len(run) - 1):
            assert np.array_equal(run.render(index), run[index].picture)


def test_a_text_in_a_font_is_drawn_as_in_a_run_of_that_font(tmp_path: Path) -> None:
    shmtext.render(config_of(tmp_path), tmp_path / "out")
    drawn = {(row["text"], row["font"]): row["crc32"] for row in rows_of(tmp_path / "out")}
    for font in FONTS[1:]:
        alone = config_of(tmp_path, each_font=False, font_share=(f"{font}=1", "*=0"))
        shmtext.render(alone, tmp_path / font)
        for row in rows_of(tmp_path / font):
            assert drawn[row["text"], font] == row["crc32"]


def test_workers_don_t_matter_and_what_is_missing_is_drawn_again(tmp_path: Path) -> None:
    config = config_of(tmp_path, font_sizes=(16, 18), font_colors=("black", "navy"))
    one = shmtext.render(config, tmp_path / "one", engine="serial")
    other = shmtext.render(config, tmp_path / "other", workers=2, engine="processes")
    for picture in sorted((tmp_path / "one").glob("images/00001/*"))[:3]:
        picture.unlink()
    shmtext.verify(tmp_path / "one")
    again = shmtext.render(config, tmp_path / "one", workers=1, engine="processes")

    assert one.digest == other.digest == again.digest
    assert 0 < again.num_rendered < one.num_images
    assert recorded_settings(tmp_path / "one").config.style.each_font
    with pytest.raises(shmtext.errors.FolderError, match="each_font"):
        shmtext.render(
            replace(config, style=replace(config.style, each_font=False)), tmp_path / "one"
        )


@pytest.mark.parametrize("num", [1, 5, 8, 159, 160, 1_000])
def test_the_first_examples_may_end_within_a_text(num: int, tmp_path: Path) -> None:
    config = config_of(tmp_path)
    limited = shmtext.render(replace(config, max_images=num), tmp_path / "limited")
    with shmtext.Renderer(config) as renderer:
        asked = renderer.render(tmp_path / "asked", max_images=num)
    # Texts that no example is of have no say.
    fewer = config_of(tmp_path, TEXTS[: num_texts_of(num, len(FONTS))])
    again = shmtext.render(replace(fewer, max_images=num), tmp_path / "asked")

    assert limited.num_images + limited.num_skipped == min(num, 160)
    assert limited.digest == asked.digest == again.digest
    assert 0 == again.num_rendered


@pytest.mark.parametrize("fallback", ["text", "character"])
def test_with_fallback_a_font_draws_what_it_has_and_others_the_rest(
    fallback: str, tmp_path: Path
) -> None:
    texts = ["word", "Жa", "Ж Ж", "中"]
    shmtext.render(config_of(tmp_path, texts, fallback=fallback), tmp_path / "out")
    found = {row["example_index"]: row for row in rows_of(tmp_path / "out")}
    reasons = {
        row["example_index"]: row["reason"] for row in rows_of(tmp_path / "out", "skipped.parquet")
    }

    assert [*range(8), 9, 10, 11] == sorted(found)
    assert all(row["font"] == FONTS[example % 4] for example, row in found.items())
    assert "Comfortaa-Regular.ttf" == found[4]["further_fonts"]
    assert not any(found[example]["further_fonts"] for example in found if example != 4)
    assert f"{FONTS[0]} does not cover U+0416 Ж" == reasons[8]
    assert [f"{font} does not cover U+4E2D 中" for font in FONTS] == [
        reasons[example] for example in range(12, 16)
    ]
    with shmtext.open(tmp_path / "out") as run:
        assert np.array_equal(run.render(4), run[4].picture)


def test_looks_show_lines_of_the_examples_before(tmp_path: Path) -> None:
    config = replace(config_of(tmp_path), look=LooksKind().take("look", ["receipt"]))
    one = shmtext.render(config, tmp_path / "one", engine="serial")
    other = shmtext.render(config, tmp_path / "other", workers=2, engine="processes")

    assert one.digest == other.digest
    with shmtext.open(tmp_path / "one") as run:
        for index in range(0, len(run), 9):
            assert np.array_equal(run.render(index), run[index].picture)


# -- streams ------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 1])
def test_a_stream_s_first_epoch_is_a_run(workers: int, tmp_path: Path) -> None:
    config = config_of(tmp_path, font_colors=("black", "navy"))
    shmtext.render(config, tmp_path / "out")
    pictures = {}
    with shmtext.open(tmp_path / "out") as run:
        for example in run:
            pictures[example.row["example_index"]] = example
    found = []
    with shmtext.stream(
        config, 11, (40, 200), fit="keep", workers=workers, shuffle=False, bucket=None
    ) as stream:
        assert stream.num_examples == len(pictures)
        while len(found) < len(pictures):
            batch = next(stream)
            for row in range(len(batch)):
                index = int(batch.indices[row])
                if len(found) < len(pictures):
                    found.append(index)
                    example = pictures[index]
                    height, width = example.picture.shape[:2]
                    assert np.array_equal(batch.images[row][:height, :width], example.picture)
                    assert batch.texts[row] == example.row["text"]
        assert [each.index for each in stream.left_out] == [
            example for example in range(160) if example not in pictures
        ]

    assert found == sorted(pictures)


def test_a_shuffled_stream_has_every_text_in_every_font_in_each_epoch(tmp_path: Path) -> None:
    config = config_of(tmp_path, TEXTS[:20])
    with shmtext.stream(config, 10, (40, 200), fit="keep", workers=0) as stream:
        num = stream.num_examples
        assert 0 == num % 7
        indices = [int(index) for _ in range(num // 7) for index in next(stream).indices]
    epochs = [sorted(indices[start : start + num]) for start in range(0, len(indices), num)]

    assert epochs[0] == [each for each in range(80) if TEXTS[each // 4][0] == "w" or each % 4]


def test_the_fonts_of_a_shuffled_stream_are_those_of_the_examples(tmp_path: Path) -> None:
    config = config_of(tmp_path, ["same"] * 6)
    shmtext.render(config, tmp_path / "out")
    with shmtext.open(tmp_path / "out") as run:
        pictures = {example.row["font"]: example.picture for example in run}
    with shmtext.stream(config, 8, (40, 200), fit="keep", workers=0) as stream:
        batches = [next(stream).copy() for _ in range(6)]
    for batch in batches:
        for index, image in zip(batch.indices.tolist(), batch.images, strict=True):
            picture = pictures[FONTS[index % 4]]
            height, width = picture.shape
            assert np.array_equal(image[:height, :width], picture)
