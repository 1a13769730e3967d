"""Bends: what takes lines of text that are straight to ones that are not.

Three, each of which may be none: elastic, where points move as in soft rubber; then an arc of a
circle, whose radii letters stand on; then a wave, which moves columns up and down. They are done in
a plane whose origin is the middle of the text, x to the right, y down, in pixels.

Pictures are read backwards, many points at a time, in float32; points of boxes go forwards.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats
from shmtext.corpus.ranges import Ints
from shmtext.looks.planes import sine

Float32s = NDArray[np.float32]

FIELD_KEY = 0x656C6173746963
"""Of the random words that the field is made of; it decides bytes."""

STEP_BITS = 6
STEPS = 1 << STEP_BITS
"""Places of the field to a bump, along either axis: text of 64 px reads one a pixel or so."""

FIELD_BUMPS = 8, 128
FIELD_SIDES = FIELD_BUMPS[0] * STEPS, FIELD_BUMPS[1] * STEPS
FIELD_PLACES = FIELD_SIDES[0] * FIELD_SIDES[1]

FIELD_MAX = 127
"""Level of a field that stands for the farthest that points are moved."""

SINE_STEPS = 4096

LEAST_CURVATURE = 1e-9
"""Of an arc: the longest lines there are rise by a tenth of a pixel. Beside zero, none is less."""

TINY = np.float32(1e-6)


@dataclass(slots=True, eq=False)
class Bends:
    """The bends of a batch; effects set them. Arrays have one length, that of the batch."""

    elastic_px: Floats
    """How far points are moved along either axis, at most."""
    elastic_length_px: Floats
    """From the middle of a bump to that of the next."""
    elastic_at: Ints
    """The places in the field that moves along x and along y begin at, ``(num, 2)``."""
    curvature: Floats
    """Of the arc, one over its radius in pixels; above zero the text's middle is its highest."""
    wave_px: Floats
    """How far columns are moved, at most."""
    wave_length_px: Floats
    wave_phase: Floats
    """At the text's middle, in turns."""

    @classmethod
    def none(cls, num: int) -> Self:
        """Leave texts straight."""
        zeros, ones = np.zeros(num), np.ones(num)
        return cls(
            elastic_px=zeros.copy(),
            elastic_length_px=ones.copy(),
            elastic_at=np.zeros((num, 2), np.int64),
            curvature=zeros.copy(),
            wave_px=zeros.copy(),
            wave_length_px=ones.copy(),
            wave_phase=zeros.copy(),
        )

    def take(self, rows: Ints) -> Self:
        """Those of some examples, in that order."""
        return type(self)(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})

    def undo(self, rows: Ints) -> None:
        """Leave some texts straight."""
        self.elastic_px[rows] = self.curvature[rows] = self.wave_px[rows] = 0

    @property
    def is_bent(self) -> NDArray[np.bool_]:
        """Which texts are not straight, ``(num,)``."""
        is_bent: NDArray[np.bool_] = self.kinds > 0
        return is_bent

    @property
    def kinds(self) -> Ints:
        """Which bends texts have, a bit for each, ``(num,)``."""
        kinds: Ints = (self.elastic_px != 0) * 1 + (self.curvature != 0) * 2
        kinds += (self.wave_px != 0) * 4
        return kinds

    def sag_px(self, rows: Ints, step_px: Floats) -> Floats:
        """How far curves leave the straight between points ``step_px`` apart, at most; ``(num,)``.

        An eighth of the step's square times the second derivative; that of the field, a quadratic
        spline of values from -1 to 1, is at most 4.
        """
        elastic, wave = self.elastic_px[rows], np.abs(self.wave_px[rows])
        bumps = step_px / self.elastic_length_px[rows]
        waves = step_px * (2 * np.pi) / self.wave_length_px[rows]
        sag: Floats = step_px * step_px * np.abs(self.curvature[rows]) / 8
        sag += elastic * np.minimum(bumps * bumps / 2, 2)
        sag += wave * np.minimum(waves * waves / 8, 2)
        return sag

    def forth(self, rows: Ints, points: Floats) -> Floats:
        """Where bends take points, ``(num, num_points, 2)``, of straight texts ``rows``."""
        x, y = points[..., 0].copy(), points[..., 1].copy()
        some = np.flatnonzero(self.elastic_px[rows])
        if some.size:
            x[some], y[some] = self._without_elastic(rows[some], x[some], y[some])
        some = np.flatnonzero(self.curvature[rows])
        if some.size:
            x[some], y[some] = _to_arc(x[some], y[some], self.curvature[rows[some]][:, None])
        some = np.flatnonzero(self.wave_px[rows])
        if some.size:
            of = rows[some]
            turns = x[some] / self.wave_length_px[of][:, None] + self.wave_phase[of][:, None]
            y[some] += self.wave_px[of][:, None] * sine(turns)
        return np.stack([x, y], axis=-1)

    def _without_elastic(self, rows: Ints, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Solve for the points that elastic reads given ones from.

        A field's slope is at most 0.2 along an axis, so that each step leaves less than half of
        the error: at most a tenth of a pixel after these.
        """
        per_px = STEPS / self.elastic_length_px[rows][:, None]
        most = self.elastic_px[rows][:, None] / FIELD_MAX
        at = self.elastic_at[rows][:, None]
        found_x, found_y = x, y
        for _ in range(4):
            along_x, along_y = _field_at(found_x * per_px, found_y * per_px, at)
            found_x, found_y = x - along_x * most, y - along_y * most
        return found_x, found_y

    def back(self, rows: Ints, x: Float32s, y: Float32s) -> None:
        """Take points of bent texts to where they were on straight ones, in place.

        Shape ``(num_lines, num_columns)``; ``rows`` are the texts of columns, which are all of one
        of ``kinds``.
        """
        if self.wave_px[rows[0]]:
            per_px = (SINE_STEPS / self.wave_length_px[rows]).astype(np.float32)
            which = x * per_px
            which += (SINE_STEPS * self.wave_phase[rows]).astype(np.float32)
            places = np.rint(which, out=which).astype(np.int32)
            places &= SINE_STEPS - 1
            y -= self.wave_px[rows].astype(np.float32) * _sines().take(places)
        if self.curvature[rows[0]]:
            x[...], y[...] = _from_arc(x, y, self.curvature[rows].astype(np.float32))
        if self.elastic_px[rows[0]]:
            per_px = (STEPS / self.elastic_length_px[rows]).astype(np.float32)
            most = (self.elastic_px[rows] / FIELD_MAX).astype(np.float32)
            along_x, along_y = _field_at(x * per_px, y * per_px, self.elastic_at[rows])
            x += along_x * most
            y += along_y * most


def _to_arc(x: Floats, y: Floats, curvature: Floats) -> tuple[Floats, Floats]:
    """Lay points on circles that touch the x axis at the origin: x is the way along it."""
    turns = x * curvature / (2 * np.pi)
    half = sine(turns / 2)
    fall = 2 * half * half  # one less the cosine, and exact where that is small
    return (1 - curvature * y) * sine(turns) / curvature, y * (1 - fall) + fall / curvature


def _from_arc(x: Float32s, y: Float32s, curvature: Float32s) -> tuple[Float32s, Float32s]:
    """The way back, in forms that stay exact where the radius is huge."""
    across, down = x * curvature, 1 - y * curvature
    radius = across * across
    radius += down * down
    np.sqrt(radius, out=radius)
    height = x * x
    height += y * y
    height *= -curvature
    height += 2 * y
    height /= 1 + radius
    # The angle is halved twice, as tangents have it, before the series.
    down += radius
    half = np.divide(across, np.maximum(down, TINY, out=down), out=across)
    square = half * half
    square += 1
    np.sqrt(square, out=square)
    square += 1
    quarter = np.divide(half, square, out=half)
    np.multiply(quarter, quarter, out=square)
    series = square * np.float32(-1 / 9)
    for power in (7, 5, 3):
        series += np.float32(1 / power)
        series *= square
        np.negative(series, out=series)
    series += 1
    series *= quarter
    series *= 4 / curvature
    return series, height


def _field_at(x: NDArray[Any], y: NDArray[Any], at: Ints) -> list[NDArray[np.int8]]:
    """Levels of the field along x and along y, at points in its steps from where texts begin.

    The field's rows lie end to end, and its last joins its first. Who leaves a row comes to the
    next: a step no larger than those from row to row anywhere.
    """
    place = np.rint(y).astype(np.int32)
    place *= FIELD_SIDES[1]
    place += np.rint(x).astype(np.int32)
    start = at.astype(np.int32)
    return [_field().take((place + start[..., axis]) & (FIELD_PLACES - 1)) for axis in (0, 1)]


@cache
def _field() -> NDArray[np.int8]:
    """A field of bumps without seams, end to end: quadratic splines through random heights."""
    rows, columns = FIELD_BUMPS
    words = np.random.Philox(key=FIELD_KEY).random_raw(rows * columns)
    heights = (words >> np.uint64(40)).astype(np.int64) % (2 * FIELD_MAX + 1) - FIELD_MAX
    smooth = _smooth(_smooth(heights.reshape(rows, columns)).T).T
    field = smooth.astype(np.int8).ravel()
    field.setflags(write=False)
    return field


def _smooth(heights: Ints) -> Ints:
    """Draw each row as a spline, ``STEPS`` places to a height: means of means of its steps.

    At a place a height counts as often as its steps are in both: thrice a quadratic in the place.
    """
    place = np.arange(STEPS, dtype=np.int32)
    last = place * (place - 1) // 2
    first = (STEPS - place) * (STEPS - place + 1) // 2
    line = np.zeros((*heights.shape, STEPS), np.int32)
    for ahead, weight in enumerate((first, STEPS**2 - first - last, last)):
        line += np.roll(heights, -ahead, axis=1).astype(np.int32)[..., None] * weight
    line >>= 2 * STEP_BITS
    return line.reshape(len(heights), -1).astype(np.int64)


@cache
def _sines() -> Float32s:
    """A wave's period."""
    sines = sine(np.arange(SINE_STEPS) / SINE_STEPS).astype(np.float32)
    sines.setflags(write=False)
    return sines
