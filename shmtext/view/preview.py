"""A contact sheet of a config, before a run, or of a run, during and after it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shmtext.config import RunConfig
from shmtext.dataset.places import run_place
from shmtext.draw.faces import FontFile
from shmtext.engine.fonts import fonts_of
from shmtext.engine.progress import Observer, Silent
from shmtext.view.captions import caption_fonts
from shmtext.view.of_config import samples_of_config
from shmtext.view.of_run import samples_of_run
from shmtext.view.samples import Samples, Wanted
from shmtext.view.sheet import WIDTH_PX, contact_sheet

AnyPath = str | os.PathLike[str]

NUM_IMAGES = 32
NUM_FAILURES = 16
"""Examples without a picture that a sheet names."""


def samples_of(
    of: RunConfig | AnyPath, num_images: int = NUM_IMAGES, observer: Observer | None = None
) -> Samples:
    """Samples of a config, or of the run in a folder or bucket, for a sheet."""
    wanted = Wanted(num_images, NUM_FAILURES)
    if isinstance(of, RunConfig):
        return samples_of_config(of, wanted, observer or Silent())
    return samples_of_run(run_place(of), wanted)


def sheet_of(
    samples: Samples, fonts: Sequence[AnyPath] = (), width_px: int = WIDTH_PX
) -> NDArray[np.uint8]:
    """Draw a sheet of samples; ``fonts``, files and folders, are for labels that others lack."""
    more: tuple[FontFile, ...] = samples.fonts
    if fonts:
        given, _ = fonts_of([Path(each) for each in fonts], (), skips_bad=False)
        more = (*more, *given)
    return contact_sheet(samples, caption_fonts(more), width_px)


def preview(
    of: RunConfig | AnyPath, *, num_images: int = NUM_IMAGES, fonts: Sequence[AnyPath] = ()
) -> NDArray[np.uint8]:
    """A contact sheet of a config, before anything is made, or of the run in a folder or bucket,
    finished or not.

    ``of`` is a config, or where the run is; ``num_images`` are 1 to 1,000. ``fonts``, files and
    folders, draw labels that the fonts of the package lack; those of a config are among them.
    Returns red, green, blue, shape ``(height, 1200, 3)``. Raises ``FolderError`` where there is no
    run, and what reading a config's fonts, texts and photographs raises.
    """
    return sheet_of(samples_of(of, num_images), fonts)
