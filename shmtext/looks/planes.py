"""Homographies of planes, many at once, and the angles that they are made of.

Arithmetic is that of IEEE floats, one operation at a time: matrix products of a library, and its
sines, differ between processors.
"""

from __future__ import annotations

import numpy as np

from shmtext.config.ranges import Floats


def matrices(num: int, **entries: Floats | float) -> Floats:
    """Make homographies from entries by name, ``xx xy x yx yy y zx zy``; others are the identity's.

    ``xy`` is what a step along y adds to x. Shape ``(num, 3, 3)``.
    """
    result = np.zeros((num, 3, 3))
    result[:, [0, 1, 2], [0, 1, 2]] = 1
    places = {"xx": (0, 0), "xy": (0, 1), "x": (0, 2), "yx": (1, 0), "yy": (1, 1), "y": (1, 2)}
    places |= {"zx": (2, 0), "zy": (2, 1)}
    for name, value in entries.items():
        result[:, places[name][0], places[name][1]] = value
    return result


def compose(after: Floats, before: Floats) -> Floats:
    """Multiply matrices, shape ``(num, 3, 3)``: first ``before`` is done, then ``after``."""
    result: Floats = (
        after[:, :, 0, None] * before[:, 0, None, :]
        + after[:, :, 1, None] * before[:, 1, None, :]
        + after[:, :, 2, None] * before[:, 2, None, :]
    )
    return result


def inverse(matrix: Floats) -> Floats:
    """Invert homographies, shape ``(num, 3, 3)``, up to a factor: their adjugates."""
    a, b, c, d, e, f, g, h, i = np.moveaxis(matrix.reshape(-1, 9), 1, 0)
    rows = [
        *(e * i - f * h, c * h - b * i, b * f - c * e),
        *(f * g - d * i, a * i - c * g, c * d - a * f),
        *(d * h - e * g, b * g - a * h, a * e - b * d),
    ]
    return np.stack(rows, axis=1).reshape(-1, 3, 3)


def project(matrix: Floats, points: Floats) -> Floats:
    """Map points, ``(num, num_points, 2)``, through homographies, ``(num, 3, 3)``."""
    x, y = points[..., 0], points[..., 1]
    by_x, by_y, start = (matrix[:, :, axis, None] for axis in range(3))
    result = np.empty(points.shape)
    for axis in range(2):
        result[..., axis] = by_x[:, axis] * x + by_y[:, axis] * y + start[:, axis]
    result /= (by_x[:, 2] * x + by_y[:, 2] * y + start[:, 2])[..., None]
    return result


def to_quadrilateral(box: Floats, corners: Floats) -> Floats:
    """The homographies that take upright boxes to quadrilaterals, ``(num, 3, 3)``.

    ``box`` is left, top, right, bottom, ``(num, 4)``; ``corners``, ``(num, 4, 2)``, begin with the
    upper left and go clockwise (Heckbert, Fundamentals of Texture Mapping, 1989).
    """
    num = len(box)
    x, y = np.moveaxis(corners, -1, 0)
    x_1, y_1, x_2, y_2 = (a[:, k] - a[:, 2] for k in (1, 3) for a in (x, y))
    x_sum, y_sum = (a[:, 0] - a[:, 1] + a[:, 2] - a[:, 3] for a in (x, y))
    area = x_1 * y_2 - x_2 * y_1
    zx = (x_sum * y_2 - x_2 * y_sum) / area
    zy = (x_1 * y_sum - x_sum * y_1) / area
    of_square = matrices(
        num,
        xx=x[:, 1] - x[:, 0] + zx * x[:, 1],
        xy=x[:, 3] - x[:, 0] + zy * x[:, 3],
        x=x[:, 0],
        yx=y[:, 1] - y[:, 0] + zx * y[:, 1],
        yy=y[:, 3] - y[:, 0] + zy * y[:, 3],
        y=y[:, 0],
        zx=zx,
        zy=zy,
    )
    left, top, right, bottom = box.T
    width, height = right - left, bottom - top
    to_square = matrices(num, xx=1 / width, x=-left / width, yy=1 / height, y=-top / height)
    return compose(of_square, to_square)


def sine(turns: Floats) -> Floats:
    """The sine of an angle in full turns, within 1e-6, from sums and products alone.

    A Taylor series to the eleventh power, on the quarter turns around zero.
    """
    turns = turns - np.floor(turns + 0.5)  # -0.5 to 0.5
    turns = np.where(np.abs(turns) > 0.25, np.copysign(0.5, turns) - turns, turns)
    angle = turns * (2 * np.pi)
    square = angle * angle
    series = np.ones_like(angle)
    for power in (11, 9, 7, 5, 3):
        series = 1 - square * (1 / (power * (power - 1))) * series
    return angle * series


def cosine(turns: Floats) -> Floats:
    """The cosine likewise."""
    return sine(turns + 0.25)


def slope(degrees: Floats) -> Floats:
    """The tangent of an angle, below 90 degrees either way."""
    return sine(degrees / 360) / cosine(degrees / 360)
