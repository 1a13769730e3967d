"""Examples of a recorded run drawn again, from what its ``run.json`` and label rows tell.

Fonts are not in a run's folder: those that come with the package are found again, others have to be
given. Where a picture is stored, and what it looked like, is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from shmtext.canonical import differences
from shmtext.corpus.ragged import pack_texts
from shmtext.dataset.reading import LabelRow
from shmtext.dataset.record import RunRecord
from shmtext.draw.encode import crc32
from shmtext.draw.faces import (
    FontFile,
    bundled_fonts,
    choose_fonts,
    file_name_of,
    tell_apart,
    trust,
)
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.engine.example import render_example
from shmtext.engine.identity import config_of, versions_of
from shmtext.engine.libraries import without_ipp
from shmtext.engine.probe import try_out
from shmtext.errors import DamageError, FolderError, FontError


@dataclass(frozen=True, slots=True, eq=False)
class Redrawing:
    """What draws the examples of one run again."""

    maker: PictureMaker

    @classmethod
    def of(cls, record: RunRecord, fonts: Sequence[Path]) -> Redrawing:
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
        chosen = _chosen_fonts(record.identity["fonts"], fonts, config.style.font_sizes)
        order = record.identity.get("font_order", [])
        rank = {name: place for place, name in enumerate(order)}
        chosen = tuple(replace(font, rank=rank.get(font.name, 0)) for font in chosen)
        return cls(PictureMaker(RenderSettings.of(config, chosen)))

    def draw(self, row: LabelRow) -> bytes:
        """The encoded picture of a label row's example; ``DamageError`` if it isn't what it was."""
        example: int = row["example_index"]
        with without_ipp():
            texts = self.maker.prepare_labels(pack_texts([row["text"]]), example)
            data = render_example(self.maker, texts, example)
        if data is None or crc32(data) != row["crc32"]:
            raise DamageError(
                f"example {example} is not drawn as it was: its label row is not of this run, or "
                "something that no version tells has changed"
            )
        return bytes(data)


def _chosen_fonts(
    recorded: Mapping[str, str], paths: Sequence[Path], sizes_px: Sequence[int]
) -> tuple[FontFile, ...]:
    """The fonts with the recorded digests, under their recorded names and in the run's order."""
    found, _ = choose_fonts(
        paths or [bundled_fonts()],
        partial(try_out, sizes_px=sizes_px) if paths else trust,
        skips_bad=True,
    )
    names = {digest: name for name, digest in recorded.items()}
    if set(names) - {font.digest for font in found}:
        # A file may have been given at another place on its axes.
        path_of = {font.sha256: font.path for font in found}
        asked = [digest.partition("@") for digest in names]
        again = [Path(path_of[sha] + at + axes) for sha, at, axes in asked if sha in path_of]
        found, _ = choose_fonts(again, partial(try_out, sizes_px=sizes_px), skips_bad=True)
    chosen = [
        replace(font, name=file_name_of(names[font.digest], font.sha256))
        for font in found
        if font.digest in names
    ]
    missing = sorted(set(names) - {font.digest for font in chosen}, key=names.__getitem__)
    if missing:
        raise FontError(
            f"the run was made with {', '.join(names[each] for each in missing)}, which "
            f"{'none of the fonts given is' if paths else 'does not come with the package'}: give "
            "its fonts to draw its examples again (fonts=[...])"
        )
    return tell_apart(chosen)
