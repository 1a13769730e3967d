"""Transforms of albumentations as effects. The library is an extra, imported for them alone.

A transform's randomness is seeded by an example's random words each time it is used; what it makes
of them is the library's, whose version is a part of what a run is.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shmtext.config.kinds import unknown_option
from shmtext.config.own import ALBUMENTATIONS, AskedEffect
from shmtext.errors import ConfigError
from shmtext.looks.sheet import Pixels

TRIAL_SHAPE = 48, 160
"""Of the picture that each transform is tried on before a run."""


@dataclass(frozen=True, slots=True)
class Transform:
    """A transform, made with its arguments."""

    name: str
    probability: float
    moves_ink: bool
    """Whether it may: it changes masks and boxes, too, if it is given any."""
    transform: Any

    def apply(self, picture: Pixels, mask: Pixels, words: NDArray[np.uint64]) -> object:
        """Seed it and use it; ``mask`` goes the same way as the ink."""
        self.transform.set_random_seed(int(words[0]))
        if not self.moves_ink:
            return self.transform(image=picture)["image"]
        made = self.transform(image=picture, mask=mask)
        moved = np.asarray(made["mask"])
        if moved.shape == mask.shape:
            mask[...] = moved
        return made["image"]


def load_transform(asked: AskedEffect, *, is_colored: bool) -> Transform:
    """Make a transform and try it out.

    Raises ``ConfigError`` where the library is missing, or it can't be made, or is of no use for
    pictures of uint8 whose size stays.
    """
    library = _library(asked)
    name = asked.call.partition("(")[0]
    kind = getattr(library, name, None)
    bases = library.ImageOnlyTransform, library.DualTransform
    if not inspect.isclass(kind) or not issubclass(kind, bases) or kind in bases:
        known = [
            each
            for each, value in vars(library).items()
            if inspect.isclass(value) and issubclass(value, bases) and value not in bases
        ]
        raise unknown_option(name, sorted(known), what="transform of albumentations")
    made = _made(kind, asked)
    transform = Transform(
        name=asked.name,
        probability=asked.probability,
        moves_ink=issubclass(kind, library.DualTransform),
        transform=made,
    )
    _try_out(transform, is_colored=is_colored)
    return transform


def _made(kind: Any, asked: AskedEffect) -> Any:
    by_place, by_name = asked.arguments
    try:
        # The library only warns of arguments that it does not know, or drops them.
        bound = inspect.signature(kind).bind(*by_place, **by_name)
        # It is drawn elsewhere how often it occurs, unless the transform is told to.
        bound.arguments.setdefault("p", 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return kind(*bound.args, **bound.kwargs)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"effect {asked.name}: {_one_line(error)}") from error


def _library(asked: AskedEffect) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            library = importlib.import_module(ALBUMENTATIONS)
    except ImportError as error:
        raise ConfigError(
            f"effect {asked.name} needs albumentations ({error}): pip install "
            "'shmtext[albumentations]'"
        ) from error
    if not hasattr(library.BasicTransform, "set_random_seed"):
        raise ConfigError(
            f"effect {asked.name} needs albumentations 2.0 or later, here is {library.__version__}"
        )
    return library


def _try_out(transform: Transform, *, is_colored: bool) -> None:
    shape = (*TRIAL_SHAPE, 3) if is_colored else TRIAL_SHAPE
    picture = np.full(shape, 255, np.uint8)
    picture[12:36, 20:140:8] = 0
    mask = np.zeros(TRIAL_SHAPE, np.uint8)
    mask[12:36, 20:140:8] = 255
    what = "in colour" if is_colored else "gray"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = transform.apply(picture, mask, np.zeros(4, np.uint64))
    except Exception as error:
        raise ConfigError(
            f"effect {transform.name} is of no use for pictures that are {what}: "
            f"{type(error).__name__}: {_one_line(error)}"
        ) from error
    if not isinstance(result, np.ndarray) or (result.dtype, result.shape) != (np.uint8, shape):
        raise ConfigError(
            f"effect {transform.name} must leave pictures as large as they are, and of uint8"
        )


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return "; ".join(line for line in lines if line and not line.startswith("For further"))
