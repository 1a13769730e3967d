"""Texts with a look: their masks go through its effects, again until the text can be read.

Which effects an example has is drawn here, from streams of random words addressed by effect,
example and attempt. What effects do is known to ``shmtext.looks``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.looks import CLEAN, Look
from shmtext.config.ranges import Floats, unit
from shmtext.corpus.ranges import Ints
from shmtext.draw.batch import Batch, Colors, GlyphBoxes, Pixels
from shmtext.draw.draws import WORDS_PER_BLOCK, Stream, Words, words_of
from shmtext.draw.faces import Faces
from shmtext.draw.glyphs import FaceMetrics
from shmtext.draw.ink import Ink
from shmtext.draw.labels import effects_text
from shmtext.draw.moved import moved
from shmtext.draw.others import Asked, OtherLines
from shmtext.draw.raster import combine
from shmtext.draw.settings import RenderSettings
from shmtext.draw.strip import Strip
from shmtext.draw.texts import ShardTexts, Skip
from shmtext.looks.develop import Developed, Material, develop, widened_px
from shmtext.looks.drawing import Drawn, draw_effects, told
from shmtext.looks.effect import Draws, Effect, Kind, TextLines, Traits
from shmtext.looks.loading import load_own
from shmtext.looks.luminance import levels_of
from shmtext.looks.neighbours import NO_INK, OtherInk, OthersOf
from shmtext.looks.own import Mark, OwnBatch, OwnDrawn, Record

ATTEMPTS = 4
"""Drawings of an example until its text can be read; the last without what degrades it."""

COLUMNS_AT_ONCE = 8_192
"""Of masks whose strokes are measured: what is made of so many stays in a core's second cache."""

NO_CONTRAST = "cannot be read in the colours that its look has"


class Looker:
    """Gives a run's texts their looks; keeps random words for the shard at hand."""

    def __init__(
        self, settings: RenderSettings, faces: Faces, metrics: FaceMetrics, ink: Ink
    ) -> None:
        self._seed = settings.seed
        # Own effects alone are on clean pictures.
        self._looks = settings.config.look.looks or (Look(CLEAN),)
        self._own = [(load_own(source), Record()) for source in settings.own]
        is_plain = [not (look.effects or self._own) for look in self._looks]
        self._is_plain = np.array(is_plain)
        self._ink = ink
        self._photos = settings.photos
        self._faces = faces
        self._metrics = metrics
        self._is_vertical = settings.style.direction == "ttb"
        self._paper_of_pair, self._ink_of_pair = ink.ends
        self._tells = "effects" in settings.output.column
        papers, inks = settings.style.given_colors
        levels = (levels_of(ends).astype(np.float64) for ends in ink.ends)
        self._paper_levels, self._ink_levels = levels
        self._has_paper, self._has_ink = bool(papers), bool(inks)
        self._shard: ShardTexts | None = None
        self._words: dict[tuple[int, int, int], Words] = {}

    def batch(
        self, shard: ShardTexts, strips: Sequence[Strip], mark: Mark, lines: OtherLines
    ) -> Batch:
        """Make pictures of strips' texts, each of which has a look; ``lines`` draws what is near.

        Texts that can't be made readable, or that an own effect fails at, have none, and are added
        to ``shard.skips``. Those of a look without effects are as a run without a look has them.
        """
        if shard is not self._shard:
            self._shard, self._words = shard, {}
        positions = np.concatenate([strip.positions for strip in strips])
        is_plain = self._is_plain[shard.styles.look_id[positions]]
        pictures = self._plain_pictures(shard, strips)
        effects = dict.fromkeys(pictures, effects_text(0, ()))
        colors: list[Colors] = [(None, None)] * positions.size
        material = self._material(shard, strips)
        glyphs = _boxes(strips, positions)
        boxes: list[tuple[Ints, GlyphBoxes]] = []
        if glyphs is not None and pictures:
            plain = np.flatnonzero(is_plain)
            boxes.append((positions[plain], glyphs.take(plain)))
        left = np.flatnonzero(~is_plain)
        for attempt in range(ATTEMPTS):
            if not left.size:
                break
            taken = material.take(left)
            own = self._own_batch(positions[left], attempt, mark)
            drawn = self._draw(shard, positions[left], taken.traits, attempt)
            others_of = _others_of(shard, positions[left], lines, mark)
            developed = develop(taken, drawn, own, others_of)
            shard.skips.extend(Skip(at, why, failed=True) for at, why in own.faults.items())
            has_failed = np.isin(own.positions, list(own.faults))
            done = np.flatnonzero(developed.can_be_read & ~has_failed)
            pictures |= {int(left[at]): developed.pictures[at] for at in done.tolist()}
            for at, pair in self._colors(developed, drawn).items():
                colors[int(left[at])] = pair
            if glyphs is not None and done.size:
                wider = widened_px(taken.traits, drawn)[done]
                found = moved(glyphs.take(left[done]), developed.warp, done, wider)
                boxes.append((positions[left[done]], found))
            if self._tells:
                said = told(drawn, left.size)
                own.tell(said)
                effects |= {int(left[at]): effects_text(attempt, said[at]) for at in done.tolist()}
            left = left[~(developed.can_be_read | has_failed)]
        unreadable = positions[left].tolist()
        shard.skips.extend(Skip(each, NO_CONTRAST, failed=True) for each in unreadable)
        rows = sorted(pictures)
        made = positions[rows]
        glyphs = glyphs and GlyphBoxes.join(boxes, made)
        return Batch(
            positions=made,
            pictures=[pictures[row] for row in rows],
            glyphs=glyphs,
            effects=[effects[row] for row in rows] if self._tells else (),
            colors=[colors[row] for row in rows],
        )

    def _colors(self, developed: Developed, drawn: Sequence[Drawn]) -> dict[int, Colors]:
        """Colours that looks have drawn, by the examples' numbers, where a user gave none."""
        colors: dict[int, Colors] = {}
        for each in drawn:
            if each.effect.kind is Kind.COLOR:
                inks, papers = (
                    [None] * each.rows.size if is_given else _names_of(color)
                    for color, is_given in (
                        (developed.ink_color[each.rows], self._has_ink),
                        (developed.paper_color[each.rows], self._has_paper),
                    )
                )
                colors |= zip(each.rows.tolist(), zip(inks, papers, strict=True), strict=True)
        return colors

    def _plain_pictures(self, shard: ShardTexts, strips: Sequence[Strip]) -> dict[int, Pixels]:
        """Pictures of texts whose look has no effects, by their numbers."""
        pictures: dict[int, Pixels] = {}
        first = 0
        for strip in strips:
            pair_id = shard.styles.pair_id[strip.positions]
            rows = np.flatnonzero(self._is_plain[shard.styles.look_id[strip.positions]])
            if rows.size:
                # Ink uses masks up, those of texts with effects, too.
                copied = replace(strip, masks=strip.masks.copy())
                inked = self._ink.pictures(copied, pair_id)
                pictures |= {first + row: inked[row] for row in rows.tolist()}
            first += pair_id.size
        return pictures

    def _material(self, shard: ShardTexts, strips: Sequence[Strip]) -> Material:
        positions = np.concatenate([strip.positions for strip in strips])
        masks = [mask for strip in strips for mask in _masks(strip)]
        pair_id = shard.styles.pair_id[positions]
        traits = Traits(
            em_px=self._faces.sizes_px.reshape(-1)[shard.face_id[positions]].astype(np.float64),
            stroke_px=np.concatenate([stroke_px(strip) for strip in strips]),
            photos=self._photos,
            given_paper=self._paper_levels[pair_id] if self._has_paper else None,
            given_ink=self._ink_levels[pair_id] if self._has_ink else None,
            lines=self._text_lines(shard, strips),
        )
        return Material(
            masks=masks,
            ink=np.concatenate([ink_boxes_of(strip) for strip in strips]),
            traits=traits,
            paper_color=self._paper_of_pair[pair_id],
            ink_color=self._ink_of_pair[pair_id],
        )

    def _text_lines(self, shard: ShardTexts, strips: Sequence[Strip]) -> TextLines:
        """Where lines lie, but for ink above the ascent, which moves all of them down."""
        positions = np.concatenate([strip.positions for strip in strips])
        metrics, face_id = self._metrics, shard.face_id[positions]
        ascent_px, line_px = metrics.ascent_px[face_id], metrics.line_px[face_id]
        # Texts in several fonts are seldom, and each is another matter.
        for row in np.flatnonzero(np.isin(positions, list(shard.fonts))).tolist():
            size_id = shard.styles.size_id[positions[row]]
            faces = shard.fonts[int(positions[row])] * self._faces.num_sizes + size_id
            ascent_px[row] = metrics.ascent_px[faces].max()
            descent_px = (metrics.line_px - metrics.ascent_px)[faces].max()
            line_px[row] = ascent_px[row] + descent_px
        if shard.pages is not None:
            line_px = np.maximum(line_px + shard.pages.more_pitch_px[positions], 1)
        none = np.zeros_like(positions)
        tops = [
            none[: strip.positions.size] if strip.top_px is None else strip.top_px
            for strip in strips
        ]
        count = np.diff(shard.lines.text_lines)[positions]
        return TextLines(
            top_px=np.concatenate(tops),
            baseline_px=ascent_px.astype(np.float64),
            line_px=line_px.astype(np.float64),
            count=np.zeros_like(count) if self._is_vertical else count,
        )

    def _draw(
        self, shard: ShardTexts, positions: Ints, traits: Traits, attempt: int
    ) -> list[Drawn]:
        def draws_of(effect: type[Effect], rows: Ints) -> Draws:
            return _Words(self, effect.number, positions[rows], attempt)

        is_last = attempt == ATTEMPTS - 1
        look_id = shard.styles.look_id[positions]
        return draw_effects(self._looks, look_id, traits, draws_of, degrades=not is_last)

    def _own_batch(self, positions: Ints, attempt: int, mark: Mark) -> OwnBatch:
        """Which own effects some texts have: none in the last attempt, as they may degrade."""
        drawn = []
        for place, (effect, record) in enumerate(self._own if attempt < ATTEMPTS - 1 else ()):
            stream = Stream.OWN_EFFECTS + place
            given = self.block_of(stream, 0, positions, attempt)
            occurrence = self.block_of(stream, 1, positions, attempt)[:, 0]
            rows = np.flatnonzero(unit(occurrence) < effect.probability)
            drawn.append(OwnDrawn(effect, record, rows, given[rows]))
        return OwnBatch(drawn, positions, mark)

    def block_of(self, stream: int, block: int, positions: Ints, attempt: int) -> Words:
        """A block of words of some texts in a stream, kept with those of the shard's others."""
        assert self._shard is not None
        key = stream, block, attempt
        if key not in self._words:
            examples = self._shard.examples
            self._words[key] = words_of(self._seed, stream, examples, block, attempt=attempt)
        return self._words[key][positions]


def _names_of(colors: Pixels) -> list[str]:
    """Colours, ``(num, 3)`` in red, green, blue or ``(num, 1)`` in gray, each as ``#rrggbb``."""
    digits = np.broadcast_to(colors, (len(colors), 3)).tobytes().hex()
    return [f"#{digits[at : at + 6]}" for at in range(0, len(digits), 6)]


def _masks(strip: Strip) -> list[Pixels]:
    """Masks of a strip's texts, patches among them; each has its rows end to end.

    A strip's rows are some 32 KB apart, which a cache's few places at such distances do not hold:
    effects that read a mask's rows again would take half as long again.
    """
    for patch in strip.patches:
        rows = slice(patch.top, patch.top + patch.mask.shape[0])
        under = strip.masks[rows, patch.left : patch.left + patch.mask.shape[1]]
        under[...] = combine(under, patch.mask)
    return [np.ascontiguousarray(mask) for mask in strip.cells.cut(strip.masks)]


def _boxes(strips: Sequence[Strip], positions: Ints) -> GlyphBoxes | None:
    """Boxes of all strips' texts, in their order; None where there are none."""
    boxes = [(strip.positions, strip.boxes) for strip in strips if strip.boxes is not None]
    return GlyphBoxes.join(boxes, positions) if boxes else None


def _others_of(shard: ShardTexts, positions: Ints, lines: OtherLines, mark: Mark) -> OthersOf:
    """Who draws lines of examples before those at the positions; the first has none."""

    def others_of(rows: Ints, places: Floats) -> list[OtherInk]:
        inks = [NO_INK] * rows.size
        example = shard.examples[positions[rows]]
        which = np.flatnonzero(example > 0)
        if shard.first_lines_of is None or not which.size:
            return inks
        asked = Asked(
            position=positions[rows[which]],
            face_id=shard.face_id[positions[rows[which]]],
            example=np.floor(places[which] * example[which]).astype(np.int64),
        )
        drawn = lines.draw(asked, shard.first_lines_of, mark)
        for at, ink in zip(which.tolist(), drawn, strict=True):
            inks[at] = ink
        return inks

    return others_of


@dataclass(frozen=True, slots=True, eq=False)
class _Words:
    """An effect's words of some texts."""

    looker: Looker
    effect: int
    positions: Ints
    attempt: int

    def word(self, number: int) -> NDArray[np.uint64]:
        block, place = divmod(number, WORDS_PER_BLOCK)
        stream = Stream.EFFECTS + self.effect
        return self.looker.block_of(stream, block, self.positions, self.attempt)[:, place]


def stroke_px(strip: Strip) -> Floats:
    """About how wide most strokes of each text are."""
    return _stroke_px(strip.masks, np.append(strip.cells.left, strip.cells.right[-1:]))


def _stroke_px(masks: Pixels, seams: Ints) -> Floats:
    """Twice the area of ink over its edge's length, of masks side by side; blank around each.

    Steps of coverage along both axes come to 1.2 of an edge's length, about: to 1 where it is
    upright, to 4 / pi where it takes all directions.
    """
    left, last = seams[:-1], seams[1:] - 1
    if min(masks.shape) == 1:
        # OpenCV has nothing to say of no pixels, which is how many steps there are between one.
        masks = np.pad(masks, (0, 1))
    area, across, down = _area_and_steps(masks)
    steps = down + masks[0] + masks[-1]
    steps[1:] += across[:-1]
    steps[left[1:]] -= across[last[:-1]]
    steps[left] += area[left]
    steps[last] += area[last]
    ink, edge = (np.add.reduceat(each[: seams[-1]], left) for each in (area, steps))
    width: Floats = np.maximum(2 * ink / np.maximum(edge / 1.2, 1), 1)
    return width


def _area_and_steps(masks: Pixels) -> NDArray[np.int32]:
    """Of each column its levels' sum, that of the steps to the next, and down, ``(3, num)``."""
    sums = np.zeros((3, 1, masks.shape[1]), np.int32)
    for first in range(0, masks.shape[1] - 1, COLUMNS_AT_ONCE):
        # One more, which the next begin with, too.
        here = masks[:, first : first + COLUMNS_AT_ONCE + 1]
        beside = cv2.absdiff(here[:, 1:], here[:, :-1])
        for of_layer, layer in zip(
            sums, (here, beside, cv2.absdiff(here[1:], here[:-1])), strict=True
        ):
            to = of_layer[:, first : first + layer.shape[1]]
            cv2.reduce(layer, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S, dst=to)
    return sums[:, 0]


def ink_boxes_of(strip: Strip) -> Floats:
    """Left, top, right, bottom of each text's ink in its mask; zeros where is none."""
    cells = strip.cells
    masks = strip.masks[:, : cells.right[-1]]
    has_ink = np.not_equal(np.bitwise_or.reduceat(masks, cells.left, axis=1), 0)
    inked = np.append(np.flatnonzero(masks.max(axis=0) > 0), masks.shape[1])
    left = inked[np.searchsorted(inked, cells.left)]
    right = inked[np.searchsorted(inked, cells.right) - 1] + 1
    top, bottom = has_ink.argmax(axis=0), len(masks) - has_ink[::-1].argmax(axis=0)
    sides = left - cells.left, top - cells.top, right - cells.left, bottom - cells.top
    box = np.stack(sides, axis=1).astype(np.float64)
    box[~np.logical_or.reduce(has_ink, axis=0)] = 0
    return box
