"""A run's fonts: those given, or those that come along, read and tried out unless known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from shmtext.draw.faces import FontFile, Trial, bundled_fonts, choose_fonts, read_here, trust
from shmtext.draw.reading import Reading
from shmtext.engine.known import known_fonts
from shmtext.engine.probe import Drawn, read_apart, try_out
from shmtext.errors import FontError

READ_APART = 32
"""So many files are read by the processes that try them out, one of which starts for 32 fonts."""


def fonts_of(
    paths: Sequence[Path], sizes_px: Sequence[int], *, skips_bad: bool
) -> tuple[tuple[FontFile, ...], str]:
    """Find, read and try out fonts at some sizes; none given: those that come with the package.

    Return them, and a line that names those left out, or nothing. Raises as ``choose_fonts`` does.
    """
    known = known_fonts()
    drawn: dict[str, Drawn] = {}
    """What came of drawing with fonts that other processes have read."""

    def read_unknown(files: Sequence[Path]) -> Iterable[Reading | FontError]:
        if len(files) < READ_APART:
            return read_here(files)
        readings, by_digest = read_apart(files, sizes_px)
        drawn.update(by_digest)
        return readings

    def read(files: Sequence[Path]) -> Iterable[Reading | FontError]:
        return known.read(files, read_unknown)

    def tried(fonts: Sequence[FontFile]) -> Sequence[Trial]:
        return known.try_out(fonts, lambda unknown: try_out(unknown, sizes_px, drawn), sizes_px)

    if not paths:
        return choose_fonts([bundled_fonts()], trust, skips_bad=False, read=read)
    return choose_fonts(paths, tried, skips_bad=skips_bad, read=read)
