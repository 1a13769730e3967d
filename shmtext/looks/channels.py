"""Channels: pictures in gray and in colour made of one another."""

from __future__ import annotations

import cv2
import numpy as np

from shmtext.looks.sheet import Pixels


def in_gray(picture: Pixels) -> Pixels:
    """The luminance of a picture; the picture itself where it has no colour."""
    if picture.ndim == 2:
        return picture
    gray = np.empty(picture.shape[:2], np.uint8)
    cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY, dst=gray)
    return gray


def for_channels(layer: Pixels, picture: Pixels) -> Pixels:
    """A layer of one channel, for each channel of a picture."""
    if picture.ndim == 2:
        return layer
    colored = np.empty((*layer.shape, 3), np.uint8)
    cv2.cvtColor(layer, cv2.COLOR_GRAY2RGB, dst=colored)
    return colored
