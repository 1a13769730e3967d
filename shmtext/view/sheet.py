"""A contact sheet: pictures at their own size, row after row, each over its label and number.

Boxes are drawn where rows have them. Examples without a picture stand last, with their reasons.
What is shown, and where the sheet goes, is other people's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.dataset.committed import StoredPicture
from shmtext.dataset.fragment import SkippedRow
from shmtext.draw.batch import Pixels
from shmtext.draw.faces import FontFile
from shmtext.engine.opened import decoded
from shmtext.view.captions import Captions, cut
from shmtext.view.samples import Samples

WIDTH_PX = 1_200
MIN_WIDTH_PX = 320
MARGIN_PX = 24
GAP_X_PX, GAP_Y_PX = 18, 16
"""Between cells."""
CAPTION_GAP_PX = 4
MOST_HEIGHT_PX = 1_000
"""Of a picture; higher ones are shown smaller, as those are that are wider than the sheet."""

TITLE_PX, LABEL_PX, NUMBER_PX = 16, 13, 10
"""Sizes of captions' fonts."""
LABEL_STEP_PX = 240
"""Labels are wrapped where they are wider than their picture, or than this where that is less."""

MOST_OF_FAILURE = 60
"""Characters of a text that has no picture: often ones that have to be spelled out."""

PAPER = (236, 236, 239)
"""Neither white nor black: where pictures end is to be seen."""
FRAME = (208, 208, 214)
INK, FAINT, ALARM = (32, 32, 36), (104, 104, 112), (176, 32, 32)
BOX_COLORS = ((214, 36, 116), (24, 108, 224))
"""In turns: neighbours' boxes touch."""

Color = tuple[int, int, int]


def contact_sheet(
    samples: Samples, fonts: tuple[FontFile, ...], width_px: int = WIDTH_PX
) -> Pixels:
    """Draw a sheet, red, green, blue, ``(height, width_px, 3)``, with captions in ``fonts``.

    ``width_px`` is ``MIN_WIDTH_PX`` or more.
    """
    sheet = _Sheet(fonts, width_px - 2 * MARGIN_PX)
    bands = [sheet.title(samples.title), *sheet.rows(samples.pictures), *sheet.failures(samples)]
    inner = _stacked(bands, GAP_Y_PX, sheet.width_px)
    outer = _paper(len(inner) + 2 * MARGIN_PX, sheet.width_px + 2 * MARGIN_PX)
    outer[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX] = inner
    return outer


class _Sheet:
    """Draws the bands of a sheet, red, green, blue, each at most ``width_px`` wide."""

    def __init__(self, fonts: tuple[FontFile, ...], width_px: int) -> None:
        self.width_px = width_px
        self._fonts = fonts
        self._captions: dict[tuple[int, int], Captions] = {}

    def title(self, title: str) -> Pixels:
        """What the samples are of."""
        return self._text([title], TITLE_PX, INK)[0]

    def rows(self, pictures: Sequence[StoredPicture]) -> Iterator[Pixels]:
        """Cells side by side, as many as there is room for, in their order."""
        row: list[Pixels] = []
        used_px = 0
        for cell in self._cells(pictures):
            if row and used_px + cell.shape[1] > self.width_px:
                yield _side_by_side(row)
                row, used_px = [], 0
            row.append(cell)
            used_px += cell.shape[1] + GAP_X_PX
        if row:
            yield _side_by_side(row)

    def failures(self, samples: Samples) -> Iterator[Pixels]:
        """Examples without a picture, each with what was to be drawn, and why it was not."""
        failures = samples.failures
        if not failures:
            return
        num, of_all = len(failures), samples.num_without
        more = f" (the first {num:,} of them)" if num < of_all else ""
        yield self._text([f"{of_all:,} without a picture{more}"], TITLE_PX, INK)[0]
        what = [f"{each.example_index:,}   {_line(each)}" for each in failures]
        why = [_reason(each) for each in failures]
        labels = self._text(what, LABEL_PX, INK)
        reasons = [
            self._text([reason], LABEL_PX, ALARM if each.failed else FAINT)[0]
            for each, reason in zip(failures, why, strict=True)
        ]
        for pair in zip(labels, reasons, strict=True):
            yield _stacked(pair, CAPTION_GAP_PX)

    def _cells(self, pictures: Sequence[StoredPicture]) -> Iterator[Pixels]:
        shown = [self._shown(each) for each in pictures]
        labels = self._labels(pictures, [each.shape[1] for each in shown])
        numbers = self._text(
            [f"{each.row['example_index']:,}" for each in pictures], NUMBER_PX, FAINT
        )
        for parts in zip(shown, labels, numbers, strict=True):
            yield _stacked(parts, CAPTION_GAP_PX)

    def _shown(self, picture: StoredPicture) -> Pixels:
        """A picture with its boxes, no larger than there is room for."""
        row = picture.row
        pixels = decoded(picture.data, f"example {row['example_index']}")
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        if row.get("boxes"):
            pixels = _boxed(pixels, row["boxes"])
        height_px, width_px = pixels.shape[:2]
        scale = min((self.width_px - 2) / width_px, MOST_HEIGHT_PX / height_px)
        if scale < 1:
            size = max(int(width_px * scale), 1), max(int(height_px * scale), 1)
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        return _framed(pixels)

    def _labels(self, pictures: Sequence[StoredPicture], widths_px: Sequence[int]) -> list[Pixels]:
        """Labels, those of pictures of like width at once."""
        steps = [max(width_px // LABEL_STEP_PX, 1) * LABEL_STEP_PX for width_px in widths_px]
        labels: dict[int, Pixels] = {}
        for step in set(steps):
            of_step = [at for at, each in enumerate(steps) if each == step]
            texts = [pictures[at].row["text"] for at in of_step]
            labels.update(zip(of_step, self._text(texts, LABEL_PX, INK, step), strict=True))
        return [labels[at] for at in range(len(pictures))]

    def _text(
        self, texts: Sequence[str], size_px: int, color: Color, width_px: int | None = None
    ) -> list[Pixels]:
        key = size_px, min(width_px or self.width_px, self.width_px)
        if key not in self._captions:
            self._captions[key] = Captions(self._fonts, *key)
        return [_inked(drawn, color) for drawn in self._captions[key].draw(texts)]


def _line(failure: SkippedRow) -> str:
    return cut(failure.text.replace("\n", " "), MOST_OF_FAILURE)


def _reason(failure: SkippedRow) -> str:
    return f"{'failed' if failure.failed else 'skipped'}: {failure.reason}"


def _boxed(pixels: Pixels, boxes: Sequence[Sequence[int]]) -> Pixels:
    """A picture with outlines of boxes, of two corners or of four."""
    lined = pixels.copy()
    for number, box in enumerate(boxes):
        color = BOX_COLORS[number % len(BOX_COLORS)]
        if len(box) == 4:
            # A box ends behind its last pixel.
            cv2.rectangle(lined, (box[0], box[1]), (box[2] - 1, box[3] - 1), color)
        else:
            cv2.polylines(lined, [np.array(box, np.int32).reshape(-1, 1, 2)], True, color)
    return lined


def _framed(pixels: Pixels) -> Pixels:
    """A picture with a pixel around it: where one as light as the sheet ends is to be seen."""
    height_px, width_px = pixels.shape[:2]
    framed = np.full((height_px + 2, width_px + 2, 3), FRAME, np.uint8)
    framed[1:-1, 1:-1] = pixels
    return framed


def _inked(drawn: Pixels, color: Color) -> Pixels:
    """Black on white as a color on the sheet's paper."""
    ink = 255 - drawn[..., None].astype(np.int32)
    paper = np.array(PAPER)
    inked: Pixels = (paper + ink * (np.array(color) - paper) // 255).astype(np.uint8)
    return inked


def _paper(height_px: int, width_px: int) -> NDArray[np.uint8]:
    return np.full((height_px, width_px, 3), PAPER, np.uint8)


def _stacked(parts: Sequence[Pixels], gap_px: int, width_px: int = 0) -> Pixels:
    """Parts below one another, flush left."""
    width_px = max(width_px, *(part.shape[1] for part in parts))
    stacked = _paper(sum(len(part) + gap_px for part in parts) - gap_px, width_px)
    top = 0
    for part in parts:
        stacked[top : top + len(part), : part.shape[1]] = part
        top += len(part) + gap_px
    return stacked


def _side_by_side(parts: Sequence[Pixels]) -> Pixels:
    """Parts beside one another, their upper edges at one height."""
    width_px = sum(part.shape[1] + GAP_X_PX for part in parts) - GAP_X_PX
    row = _paper(max(map(len, parts)), width_px)
    left = 0
    for part in parts:
        row[: len(part), left : left + part.shape[1]] = part
        left += part.shape[1] + GAP_X_PX
    return row
