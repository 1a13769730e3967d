"""Examples of a recorded run drawn again, from what its ``run.json`` and label rows tell.

Fonts are not in a run's folder: those that come with the package are found again, others have to be
given. Where a picture is stored, and what it looked like, is not known here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from shmtext.canonical import differences
from shmtext.corpus.ragged import pack_texts
from shmtext.dataset.folder import FileBytes
from shmtext.dataset.reading import LabelRow
from shmtext.dataset.record import RunRecord
from shmtext.draw.faces import FontFile, bundled_fonts, choose_fonts, trust
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.engine.example import render_example
from shmtext.engine.identity import config_of, versions_of
from shmtext.engine.libraries import without_ipp
from shmtext.engine.probe import try_out
from shmtext.errors import FolderError, FontError


@dataclass(frozen=True, slots=True, eq=False)
class Redrawing:
    """What draws the examples of one run again."""

    maker: PictureMaker

    @classmethod
    def of(cls, record: RunRecord, fonts: Sequence[str | os.PathLike[str]]) -> Redrawing:
        """Find the run's fonts among ``fonts``, or among those that come with the package.

        Raises ``FontError`` where one is missing, and ``FolderError`` where this machine has other
        versions of what decides pictures.
        """
        config = config_of(record.identity)
        changed = differences(versions_of(config), record.identity["versions"])
        if changed:
            raise FolderError(
                f"the run was made with other versions ({'; '.join(changed)}): its examples would "
                "not be drawn as they were; install those versions to draw them again"
            )
        # Of a label row, every line stands already where it was wrapped.
        style = replace(config.style, max_chars_per_line=None)
        chosen = _chosen_fonts(
            record.identity["fonts"], [Path(font) for font in fonts], style.font_sizes
        )
        settings = RenderSettings.of(replace(config, style=style), chosen)
        return cls(PictureMaker(settings))

    def draw(self, row: LabelRow) -> FileBytes:
        """The encoded picture of a label row's example."""
        text = pack_texts([row["text"]])
        with without_ipp():
            data = render_example(self.maker, text, row["example_index"])
        if data is None:
            raise FolderError(
                f"example {row['example_index']} can't be drawn again: its label row is not of "
                "this run"
            )
        return data


def _chosen_fonts(
    recorded: Mapping[str, str], paths: Sequence[Path], sizes_px: Sequence[int]
) -> tuple[FontFile, ...]:
    """The fonts with the recorded digests, under their recorded names and in the run's order."""
    found, _ = choose_fonts(
        paths or [bundled_fonts()],
        partial(try_out, sizes_px=sizes_px) if paths else trust,
        skips_bad=True,
    )
    names = {sha256: name for name, sha256 in recorded.items()}
    chosen = [replace(font, name=names[font.sha256]) for font in found if font.sha256 in names]
    missing = sorted(set(names) - {font.sha256 for font in chosen}, key=names.__getitem__)
    if missing:
        raise FontError(
            f"the run was made with {', '.join(names[each] for each in missing)}, which "
            f"{'none of the fonts given is' if paths else 'does not come with the package'}: give "
            "its fonts to draw its examples again (fonts=[...])"
        )
    return tuple(chosen)
