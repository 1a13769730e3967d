"""Label columns of what was drawn: one entry each, whatever its kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawing import ITALIC, SANS, picture_maker

import shmtext
from shmtext import RunConfig, Style, render, verify
from shmtext.columns import ColumnSpec
from shmtext.corpus.ragged import pack_texts
from shmtext.draw import labels
from shmtext.draw.batch import GlyphBoxes
from shmtext.draw.labels import LABELS, Drawn, Label, Lists
from shmtext.draw.pictures import PictureMaker

TEXTS = ["ab", "a b", "b", "abc", "i"] * 20


def lists_of_boxes(rows: Drawn) -> Lists:
    assert rows.glyphs is not None
    corners = rows.glyphs.corners[:, [0, 2]].reshape(-1, 4)
    return Lists(corners.astype(np.int16), rows.glyphs.seams)


def drawn(maker: PictureMaker) -> Drawn:
    texts = maker.prepare(pack_texts(TEXTS), 0)
    size_px = np.zeros((2, len(TEXTS)), np.int32)
    boxes = []
    for batch in maker.draw(texts, lambda _position: None):
        size_px[:, batch.positions] = np.array([each.shape[:2] for each in batch.pictures]).T
        if batch.glyphs is not None:
            boxes.append((batch.positions, batch.glyphs))
    glyphs = GlyphBoxes.join(boxes, np.arange(len(TEXTS))) if boxes else None
    further = [texts.further_fonts(position) for position in range(len(TEXTS))]
    labels = texts.labels(np.arange(len(TEXTS)))
    return Drawn(maker.settings, texts.styles, size_px[1], size_px[0], further, labels, glyphs)


def test_every_column_says_of_each_picture_what_was_drawn() -> None:
    maker = picture_maker([SANS, ITALIC], font_sizes=[12, 20], font_colors=["black", "red"])
    rows = drawn(maker)
    columns = {label.spec.name: label.column(rows) for label in LABELS if not label.needs_boxes}

    def value(name: str, row: int) -> object:
        column = columns[name]
        found = column.values[row].item()
        return found if column.choices is None else column.choices[found]

    for row in range(len(TEXTS)):
        font, size_px = maker.faces.font_and_size(
            int(rows.styles.font_id[row] * 2 + rows.styles.size_id[row])
        )
        colors = maker.settings.color_pairs[int(rows.styles.pair_id[row])]
        assert (font.name, size_px) == (value("font", row), value("font_size_px", row))
        assert colors == (value("font_color", row), value("background_color", row))
        size = value("width_px", row), value("height_px", row)
        assert size == (rows.width_px[row], rows.height_px[row])
        assert value("further_fonts", row) == ""
        assert columns["effects"].values[:13].tobytes() == b'{"attempt":0,'


def test_a_column_of_boxes_is_one_entry() -> None:
    plain = picture_maker([SANS, ITALIC], font_sizes=[12, 20])
    maker = PictureMaker(plain.settings, with_boxes=True)
    rows = drawn(maker)
    column = Label(ColumnSpec("ink", "list<int16[4]>", "of characters, px"), lists_of_boxes).column(
        rows
    )

    assert column.offsets is not None
    num_characters = [len(text.replace(" ", "")) for text in TEXTS]
    assert num_characters == np.diff(column.offsets).tolist()
    for row, (start, stop) in enumerate(zip(column.offsets, column.offsets[1:], strict=False)):
        left, top, right, bottom = column.values[start:stop].T
        assert (left < right).all()
        assert (top < bottom).all()
        assert right.max() <= rows.width_px[row]
        assert bottom.max() <= rows.height_px[row]
        assert (np.diff(left) > 0).all()


def test_boxes_of_several_batches_join_in_any_order() -> None:
    def boxes(*texts: int) -> GlyphBoxes:
        """Let text ``n`` have ``n`` boxes, in clusters ``10 n``, ``10 n + 1`` and so on."""
        cluster = [10 * text + each for text in texts for each in range(text)]
        seams = np.concatenate([[0], np.cumsum(texts)])
        corners = np.repeat(np.array(cluster, np.float32), 8).reshape(-1, 4, 2)
        return GlyphBoxes(seams, np.array(cluster, np.int64), corners)

    parts = [(np.array([3, 0, 2]), boxes(3, 0, 2)), (np.array([1]), boxes(1))]
    joined = GlyphBoxes.join(parts, np.array([2, 0, 1, 3]))

    assert [0, 2, 2, 3, 6] == joined.seams.tolist()
    assert [20, 21, 10, 30, 31, 32] == joined.cluster.tolist()
    assert (joined.corners == joined.cluster[:, None, None]).all()


@pytest.mark.parametrize("label", LABELS, ids=lambda label: label.spec.name)
def test_every_column_says_what_it_is(label: Label) -> None:
    assert label.spec.about


def test_a_run_has_the_columns_that_its_settings_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ColumnSpec("ink", "list<int16[4]>", "of characters, px")
    wanted = Label(spec, lists_of_boxes, lambda settings: settings.seed == 1, needs_boxes=True)
    monkeypatch.setattr(labels, "LABELS", (*LABELS, wanted))
    for seed, engine in ((0, "serial"), (1, "serial"), (1, "threads")):
        out = tmp_path / f"{seed}-{engine}"
        # Without ligatures, whose letters share a box.
        style = Style(font_sizes=(12, 20), layout="basic")
        config = RunConfig(seed=seed, max_images=200, style=style)
        render(config, out, 2, engine)  # type: ignore[arg-type]
        assert verify(out, checksums=True).whole
        with shmtext.open(out) as run:
            for _, row in run:
                assert (seed == 1) == ("ink" in row)
                num_boxes = len(row.get("ink", row["text"].replace(" ", "")))
                assert len(row["text"].replace(" ", "")) == num_boxes
