"""A run's fonts: those given, or those that come along, read and tried out unless known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shmtext.draw.faces import (
    FontFile,
    Readings,
    Trial,
    bundled_fonts,
    choose_fonts,
    read_here,
    trust,
)
from shmtext.draw.reading import Reading
from shmtext.engine.known import known_fonts
from shmtext.engine.probe import read_apart, try_out

READ_APART = 32
"""So many files are read by the processes that try them out, one of which starts for 32 fonts."""


def fonts_of(
    paths: Sequence[Path], sizes_px: Sequence[int], *, skips_bad: bool
) -> tuple[tuple[FontFile, ...], str]:
    """Find, read and try out fonts at some sizes; none given: those that come with the package.

    Return them, and a line that names those left out, or nothing. Raises as ``choose_fonts`` does.
    """
    known = known_fonts()
    sizes_px = tuple(sorted(set(sizes_px)))
    trials: dict[str, Trial] = {}
    """By fonts' digests."""

    def read_unknown(files: Sequence[Path]) -> Readings:
        return read_here(files) if len(files) < READ_APART else read_apart(files, sizes_px)

    def read(files: Sequence[Path]) -> Readings:
        for reading in known.read(files, read_unknown):
            if sizes_px and isinstance(reading, Reading) and reading.drawn_px == sizes_px:
                trials.update((each.font.digest, Trial(blank=each.blank)) for each in reading.fonts)
            yield reading

    def tried(fonts: Sequence[FontFile]) -> Sequence[Trial]:
        left = [font for font in fonts if font.digest not in trials]
        found = known.try_out(left, lambda unknown: try_out(unknown, sizes_px), sizes_px)
        trials.update(zip((font.digest for font in left), found, strict=True))
        return [trials[font.digest] for font in fonts]

    if not paths:
        return choose_fonts([bundled_fonts()], trust, skips_bad=False, read=read)
    return choose_fonts(paths, tried, skips_bad=skips_bad, read=read)
