"""Textures: fields of grain, fibres and threads, made once in a process, and laid on layers.

A texture is made of two windows: one of a field of its pattern, as coarse as asked for, one of a
field of fine grain. Windows begin anywhere, each by itself, and fields go on at their edges where
they began; there are 6 * 10 ** 10 pairs of beginnings. Fields are made of integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import isqrt
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.ranges import Floats, unit
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import FIRST_OWN_WORD, Draws, Values
from shmtext.looks.fields import SPARE_PX, sides, window
from shmtext.looks.planes import cosine, sine
from shmtext.looks.sheet import Pixels, Sheet

Pattern = Literal["grain", "fibers", "mottled", "canvas", "plaster", "streaks"]
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)

SHAPE = (256, 1024)
"""Of a pattern's field, at its finest: lines of text are wide."""

GRAIN_SHAPE = (288, 832)
"""Of the field of grain: neither side is a multiple of the other's, so that a picture wider than
both does not repeat."""

MIDDLE = 64
"""Of each field. Levels run from 0 to 127, so that two fields can be added up."""
FIELD_SIGMA = 20
"""Of a pattern's field, in levels; what is beyond three of them is cut off."""
GRAIN_SIGMA = 10
SIGMA = 22.4
"""Of both together."""

WEIGHT_STEPS = 64
"""Weights of a texture are so many parts of one: their products with levels are exact."""

COARSE_FROM_PX = (1.5, 3)
"""Grain from which on fields are made twice as coarse, and again."""

UNIT = 1 << 12
"""Standard deviation of fields that are added up."""


def draw_texture(
    patterns: Sequence[Pattern], grain_px: Floats, draws: Draws
) -> dict[str, NDArray[Any]]:
    """Draw what ``lay`` is told of textures but their strength."""
    place = (unit(draws.word(FIRST_OWN_WORD)) * len(patterns)).astype(np.int64)
    number = np.array([PATTERNS.index(each) for each in patterns])
    coarse = sum((grain_px >= least).astype(np.int64) for least in COARSE_FROM_PX)
    field_at, grain_at = (
        (draws.word(FIRST_OWN_WORD + k) >> np.uint64(34)).astype(np.int64) for k in (1, 2)
    )
    return {
        "pattern": number[place],
        "grain_px": np.left_shift(1, coarse),
        "field_at": field_at,
        "grain_at": grain_at,
    }


def lay(
    sheet: Sheet, layer: Pixels, rows: Ints, values: Values, strength: tuple[Floats, Floats]
) -> None:
    """Add textures to cells of a layer.

    Their strength is a standard deviation, and what is added to all levels.
    """
    sigma, shift = strength
    weights = np.rint(sigma * (WEIGHT_STEPS / SIGMA)) / WEIGHT_STEPS
    added = np.rint(shift) - 2 * MIDDLE * weights
    drawn = (values[name] for name in ("pattern", "grain_px", "field_at", "grain_at"))
    lists = (each.tolist() for each in (*drawn, weights, added))
    for cell, pattern, grain_px, field_at, grain_at, weight, offset in zip(
        sheet.cells(layer, rows), *lists, strict=True
    ):
        height, width = cell.shape[:2]
        field = _window(_field(PATTERNS[pattern], grain_px), field_at, height, width)
        both = cv2.add(field, _window(_grain(), grain_at, height, width))
        if cell.ndim == 3:
            both = cv2.cvtColor(both, cv2.COLOR_GRAY2RGB)
        cv2.addWeighted(cell, 1, both, weight, offset, dst=cell)


def _window(field: Pixels, at: int, height: int, width: int) -> Pixels:
    """A part of a field, which goes on without end."""
    num_rows, num_columns = sides(field)
    return window(field, at % num_rows, at // num_rows % num_columns, (height, width))


@cache
def _field(pattern: Pattern, grain_px: int) -> Pixels:
    """A pattern's field, as levels around ``MIDDLE``."""
    if grain_px > 1:
        return _twice_as_coarse(_field(pattern, grain_px // 2))
    makers = {
        "grain": _fine_field,
        "fibers": _fiber_field,
        "mottled": _mottled_field,
        "canvas": _canvas_field,
        "plaster": _plaster_field,
        "streaks": _streak_field,
    }
    return _finished(makers[pattern](), FIELD_SIGMA)


@cache
def _grain() -> Pixels:
    return _finished(
        _sum((_noise(11, GRAIN_SHAPE), 2), (_octave(12, 2, GRAIN_SHAPE), 1)), GRAIN_SIGMA
    )


def _finished(field: Ints, sigma: int) -> Pixels:
    """Bring a field to levels."""
    levels = MIDDLE + (_even(field) * sigma + UNIT // 2) // UNIT
    return _going_on(np.clip(levels, 0, 2 * MIDDLE - 1).astype(np.uint8))


def _twice_as_coarse(field: Pixels) -> Pixels:
    once = field[: -SPARE_PX[0], : -SPARE_PX[1]]
    # Two of its pixels beyond the edges, so that it goes on when it has grown, too.
    wider = cv2.copyMakeBorder(once, 2, 2, 2, 2, cv2.BORDER_WRAP)
    grown = cv2.resize(wider, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    return _going_on(grown[4:-4, 4:-4])


def _going_on(levels: NDArray[Any]) -> Pixels:
    """Let a field go on for as long as it has spare."""
    field: Pixels = np.asarray(
        cv2.copyMakeBorder(levels, 0, SPARE_PX[0], 0, SPARE_PX[1], cv2.BORDER_WRAP)
    )
    field.setflags(write=False)
    return field


def _fine_field() -> Ints:
    return _sum((_noise(1, SHAPE), 2), (_octave(2, 2, SHAPE), 3))


def _fiber_field() -> Ints:
    fine = _sum((_noise(5, SHAPE), 1), (_octave(6, 4, SHAPE), 1))
    return _sum((_fibers(3, 2400, 1), 2), (_fibers(4, 1400, -1), 2), (fine, 1))


def _mottled_field() -> Ints:
    # Nothing coarser: what is as large as letters looks like clouds.
    return _sum((_octave(7, 2, SHAPE), 1), (_octave(8, 4, SHAPE), 2), (_octave(9, 8, SHAPE), 2))


def _canvas_field() -> Ints:
    """Threads over and under each other, every one of its own strength."""
    num_rows, num_columns = SHAPE
    y, x = np.arange(num_rows)[:, None], np.arange(num_columns)
    thread = np.array([0, 3, 4, 3], np.int64)  # A thread's relief: four pixels from gap to gap.
    is_over = ((y // 4 + x // 4) % 2).astype(np.int64)
    weave = UNIT * np.where(
        is_over, 2 * thread[y % 4] + thread[x % 4], thread[y % 4] + 2 * thread[x % 4]
    )
    across = _noise(21, (num_rows // 4, 1)).repeat(4, axis=0)
    down = _noise(22, (1, num_columns // 4)).repeat(4, axis=1)
    threads = np.where(is_over, across, down)
    return _sum((weave, 3), (threads, 1), (_octave(23, 2, SHAPE), 2))


def _plaster_field() -> Ints:
    """A rough wall, lit from the upper left."""
    height = _sum(
        (_octave(31, 2, SHAPE), 1), (_octave(32, 4, SHAPE), 2), (_octave(33, 8, SHAPE), 4)
    )
    lit = height - np.roll(height, (1, 1), axis=(0, 1))
    return _sum((lit, 3), (_octave(34, 4, SHAPE), 1))


def _streak_field() -> Ints:
    """Board, wood, brushed metal: what was drawn along one way."""
    long = _smoothed(_noise(41, SHAPE), 1, 64)
    short = _smoothed(_noise(42, SHAPE), 2, 16)
    return _sum((long, 2), (short, 2), (_noise(43, SHAPE), 1))


def _noise(key: int, shape: tuple[int, int]) -> Ints:
    """A field of numbers each by itself, of the bell curve of four dice."""
    raw = np.random.Philox(key=np.array([42, key], np.uint64)).random_raw(shape[0] * shape[1])
    dice = sum((raw >> np.uint64(bits)) & np.uint64(0xFFFF) for bits in (0, 16, 32, 48))
    return np.asarray(dice).astype(np.int64).reshape(shape) - 2 * 0xFFFF


def _octave(key: int, size: int, shape: tuple[int, int]) -> Ints:
    """Smooth noise, whose waves are some pixels wide."""
    coarse = _noise(key, (shape[0] // size, shape[1] // size))
    return _smoothed(coarse.repeat(size, axis=0).repeat(size, axis=1), size, size)


def _fibers(key: int, num: int, level: int) -> Ints:
    """Fibres strewn over a field, which bend as they go."""
    num_steps = 28
    raw = np.random.Philox(key=np.array([42, key], np.uint64)).random_raw(4 * num).reshape(4, num)
    y, x, turn, bend = ((each >> np.uint64(40)).astype(np.float64) / 2**24 for each in raw)
    y, x, bend = y * SHAPE[0], x * SHAPE[1], (bend - 0.5) / 64
    field = np.zeros(SHAPE, np.int64)
    for _ in range(num_steps):
        at = np.floor(y).astype(np.int64) % SHAPE[0], np.floor(x).astype(np.int64) % SHAPE[1]
        field[at] = 1
        y, x, turn = y + sine(turn), x + cosine(turn), turn + bend
    return level * _smoothed(UNIT * field, 1, 2)


def _smoothed(field: Ints, down: int, across: int) -> Ints:
    """Means over a box, twice; a field goes on at its edges where it began.

    Sizes are powers of two: sums of twice as many are two of those there are.
    """
    for axis, size in ((0, down), (1, across)) * 2:
        doublings = size.bit_length() - 1
        for doubling in range(doublings):
            field = field + np.roll(field, 1 << doubling, axis=axis)
        field = field >> doublings
    return field


def _sum(*parts: tuple[Ints, int]) -> Ints:
    """Fields of one standard deviation, each with its weight."""
    first, *others = (_even(field) * weight for field, weight in parts)
    return sum(others, start=first)


def _even(field: Ints) -> Ints:
    """Move and stretch a field to a mean of zero and a standard deviation of ``UNIT``."""
    field = field - int(field.sum()) // field.size
    deviation = isqrt(int((field * field).sum()) // field.size)
    return field * UNIT // deviation
