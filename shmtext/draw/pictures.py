"""The room's front: texts of a shard in, pictures out, in batches.

``PictureMaker`` lives as long as a worker and holds what is worth keeping between shards: open
faces, the glyph atlas, colour ramps. What a picture looks like depends on its example alone, never
on what was drawn before it or beside it. Encoding, files and labels are other people's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ragged import RaggedTexts
from shmtext.corpus.ranges import Ints
from shmtext.draw import reference
from shmtext.draw.batch import Batch
from shmtext.draw.characters import CharacterTable
from shmtext.draw.compose import Composer, Composition, Group
from shmtext.draw.encode import takes_bgr
from shmtext.draw.faces import Faces, can_shape, has_ink
from shmtext.draw.glyphs import FaceMetrics
from shmtext.draw.settings import RenderSettings
from shmtext.draw.shaped_ink import ShapedInk
from shmtext.draw.texts import ShardTexts, Skip, cut_texts, describe_inkless, style_texts

MAX_SIDE_PX = 65_500
"""Longest side of a picture: what a JPEG can hold (libjpeg's JPEG_MAX_DIMENSION)."""

MAX_PIXELS = 1 << 26
"""Largest picture: 64 Mpx, 200 MB in colour while it is drawn."""

Coloring = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""Makes pictures of masks, shape ``(height, width)``, which it may overwrite."""


class PictureMaker:
    """Draws texts; keeps faces and glyphs between calls."""

    def __init__(self, settings: RenderSettings) -> None:
        self.settings = settings
        self.faces = Faces(settings.fonts, settings.style.font_sizes)
        self._metrics = FaceMetrics(self.faces)
        self._shaped_ink = ShapedInk(self.faces)
        self._has_unread_kerning = np.array([font.has_unread_kerning for font in settings.fonts])
        self._can_shape = can_shape()
        self._start_over()

    def _start_over(self) -> None:
        self._table = CharacterTable(self.settings.fonts)
        self._composer = Composer(self.faces, self._metrics, self._table)

    def prepare(self, texts: RaggedTexts, start: int) -> ShardTexts:
        """Wrap, check and style the texts of examples ``[start, start + len(texts))``."""
        if self._composer.is_over_wide:
            self._start_over()
        cut = cut_texts(texts, self.settings.style.max_chars_per_line)
        return style_texts(cut, start, self.settings, self._table, can_shape=self._can_shape)

    def draw(self, shard: ShardTexts, about_to_draw: Callable[[int], None]) -> Iterator[Batch]:
        """Draw every drawable text, in batches, in whatever order is fastest.

        ``about_to_draw`` is called with a text's position before anything that could crash on it.
        Texts that turn out not to be drawable are added to ``shard.skips``.
        """
        by_itself = shard.needs_shaping | self._has_unread_kerning[shard.styles.font_id]
        alone: list[int] = np.flatnonzero(shard.is_drawable & by_itself).tolist()
        together = np.flatnonzero(shard.is_drawable & ~by_itself)
        strides = self._metrics.stride[shard.face_id[together]]
        for stride in np.unique(strides).tolist():
            group = Group.gather(shard, together[strides == stride])
            try:
                composed = self._composer.lay_out(group, about_to_draw)
            except OSError:
                # A glyph that FreeType refuses: one by one finds the texts that have it.
                alone += group.positions.tolist()
                continue
            alone += group.positions[~composed.is_exact].tolist()
            wanted = composed.is_exact & ~_skip_too_large(shard, composed)
            for texts, masks in self._composer.draw(composed, wanted):
                positions = group.positions[texts]
                pair_ids = shard.styles.pair_id[positions]
                yield Batch(positions, self._color(composed, texts, masks, pair_ids))
        yield from self._draw_alone(shard, alone, about_to_draw)

    def _color(
        self, composed: Composition, texts: Ints, masks: NDArray[np.uint8], pair_ids: Ints
    ) -> list[NDArray[np.uint8]]:
        if len(self._colorings) == 1:
            return self._composer.cut(composed, texts, self._colorings[0](masks))
        cut = self._composer.cut(composed, texts, masks)
        pairs = zip(pair_ids.tolist(), cut, strict=True)
        return [self._colorings[pair_id](mask) for pair_id, mask in pairs]

    def draw_reference(self, shard: ShardTexts, position: int) -> NDArray[np.uint8] | Skip:
        """Draw one text the plain way, by Pillow alone."""
        face_id, is_shaped = int(shard.face_id[position]), bool(shard.needs_shaping[position])
        face = self.faces.get(face_id, shaping=is_shaped)
        trace = reference.trace_lines(shard.lines_of(position), face)
        reason = _why_too_large(trace.canvas.width_px, trace.canvas.height_px)
        if reason:
            return Skip(position, reason)
        masks = trace.masks()
        inkless = self._describe_inkless(shard, position, masks)
        if inkless:
            font, size_px = self.faces.font_and_size(face_id)
            return Skip(position, f"{inkless} in {font.name} at {size_px} px")
        mode = self.settings.mode
        colors = self.settings.color_pairs[int(shard.styles.pair_id[position])]
        picture = reference.paint(trace, masks, colors, mode)
        if mode == "rgb" and takes_bgr(self.settings.output):
            return np.ascontiguousarray(picture[:, :, ::-1])
        return picture

    def _describe_inkless(
        self, shard: ShardTexts, position: int, masks: Sequence[reference.Mask]
    ) -> str:
        """Say what of a text left no ink though its font has glyphs for it; empty if all did."""
        face_id, characters = int(shard.face_id[position]), shard.characters_of(position)
        is_shaped = bool(shard.needs_shaping[position])
        if is_shaped:
            inkless = self._shaped_ink.inkless(face_id, characters, self._table)
        else:
            inkless = self._composer.inkless(face_id, characters)
        if inkless.size:
            return describe_inkless(self._table, inkless)
        # What shaping makes of marks and syllables is up to the font; that it is something, is not.
        is_blank = is_shaped and not any(has_ink(mask.im) for mask in masks)
        return "leaves no ink" if is_blank else ""

    def _draw_alone(
        self,
        shard: ShardTexts,
        positions: list[int],
        about_to_draw: Callable[[int], None],
    ) -> Iterator[Batch]:
        for position in positions:
            about_to_draw(position)
            try:
                picture = self.draw_reference(shard, position)
            except OSError as error:
                # FreeType's errors come as OSError; no file is written here.
                shard.skips.append(Skip(position, f"cannot be drawn: {error}", failed=True))
                continue
            if isinstance(picture, Skip):
                shard.skips.append(picture)
            else:
                yield Batch(np.array([position]), [picture])

    @cached_property
    def _colorings(self) -> list[Coloring]:
        """How each colour pair is made of a mask."""
        mode, is_bgr = self.settings.mode, takes_bgr(self.settings.output)
        ramps = [reference.ramp(pair, mode) for pair in self.settings.color_pairs]
        return [_coloring(ramp, is_bgr=is_bgr) for ramp in ramps]


def _coloring(ramp: NDArray[np.uint8], *, is_bgr: bool) -> Coloring:
    """Return the function that sends a mask through a ramp, see ``reference.ramp``."""
    if ramp.ndim == 1:
        return _gray_coloring(ramp)
    if (ramp == ramp[:, :1]).all():
        # Gray ink in a colour picture: made gray, and tripled, in a third of the time.
        gray = _gray_coloring(np.ascontiguousarray(ramp[:, 0]))
        return lambda mask: cv2.cvtColor(gray(mask), cv2.COLOR_GRAY2BGR)  # type: ignore[return-value]
    color_map = np.ascontiguousarray(ramp[:, None, :: -1 if is_bgr else 1])
    return lambda mask: cv2.applyColorMap(mask, color_map)  # type: ignore[return-value]


def _gray_coloring(ramp: NDArray[np.uint8]) -> Coloring:
    if np.array_equal(ramp, np.arange(255, -1, -1)):  # black on white
        return lambda mask: cv2.bitwise_not(mask, dst=mask)  # type: ignore[return-value]
    return lambda mask: cv2.LUT(mask, ramp, dst=mask)  # type: ignore[return-value]


def _skip_too_large(shard: ShardTexts, composed: Composition) -> NDArray[np.bool_]:
    width, height = composed.width_px, composed.height_px
    too_large = (np.maximum(width, height) > MAX_SIDE_PX) | (width * height > MAX_PIXELS)
    too_large |= np.minimum(width, height) <= 0
    for text in np.flatnonzero(too_large & composed.is_exact).tolist():
        reason = _why_too_large(int(width[text]), int(height[text]))
        shard.skips.append(Skip(int(composed.group.positions[text]), reason))
    return too_large


def _why_too_large(width_px: int, height_px: int) -> str:
    """Why a picture of this size is not drawn; empty where it is."""
    if width_px <= 0 or height_px <= 0:
        return "leaves no room for a picture: its characters have no width"
    if max(width_px, height_px) > MAX_SIDE_PX or width_px * height_px > MAX_PIXELS:
        return (
            f"makes a picture of {width_px:,} x {height_px:,} px; at most {MAX_SIDE_PX:,} px a "
            f"side and {MAX_PIXELS:,} px in all can be stored"
        )
    return ""
