"""Examples of a recorded run drawn again, from what its ``run.json`` and label rows tell.

Fonts are not in a run's folder: those that come with the package are found again, others have to be
given, and so have photographs. Where a picture is stored, and what it looked like, is not known
here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shmtext.canonical import differences
from shmtext.checksums import crc32
from shmtext.config import RunConfig
from shmtext.corpus.ragged import pack_texts
from shmtext.corpus.ranges import Ints
from shmtext.dataset.reading import LabelRow, StoredRun
from shmtext.draw.examples import asked_fonts
from shmtext.draw.faces import FontFile, file_name_of, tell_apart
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.draw.texts import first_lines
from shmtext.engine.backgrounds import photos_again
from shmtext.engine.example import render_example
from shmtext.engine.fonts import fonts_of
from shmtext.engine.identity import OWN_EFFECTS, PHOTOGRAPHS, config_of, versions_of
from shmtext.engine.libraries import without_ipp
from shmtext.errors import ConfigError, DamageError, FolderError, FontError
from shmtext.looks.photos import Photos

OWN_ADVICE = "to draw its examples again, work in the folder that has what it was made with"


@dataclass(frozen=True, slots=True, eq=False)
class Redrawing:
    """What draws the examples of one run again."""

    maker: PictureMaker
    stored: StoredRun

    @classmethod
    def of(
        cls, stored: StoredRun, fonts: Sequence[Path], backgrounds: Path | None = None
    ) -> Redrawing:
        """Find the run's fonts among ``fonts``, or among those that come with the package, and its
        photographs in the folder ``backgrounds``.

        Raises ``FontError`` where a font is missing, ``InputError`` where the photographs are, and
        ``FolderError`` where this machine has other versions of what decides pictures, or other
        effects than the run's own.
        """
        record = stored.record
        config = config_of(record.identity)
        changed = differences(versions_of(config), record.identity["versions"])
        if changed:
            raise FolderError(
                f"the run was made with other versions ({'; '.join(changed)}): its examples would "
                "not be drawn as they were; install those versions to draw them again"
            )
        chosen = _chosen_fonts(record.identity["fonts"], fonts, config.trial_sizes_px)
        order = record.identity.get("font_order", [])
        rank = {name: place for place, name in enumerate(order)}
        chosen = tuple(replace(font, rank=rank.get(font.name, 0)) for font in chosen)
        photos = photos_again(record.identity.get(PHOTOGRAPHS), backgrounds, config)
        settings = _settings(config, chosen, photos)
        _check_own(settings, record.identity.get(OWN_EFFECTS, []))
        return cls(PictureMaker(settings), stored)

    def draw(self, row: LabelRow) -> bytes:
        """The encoded picture of a label row's example; ``DamageError`` if it isn't what it was."""
        example: int = row["example_index"]
        with without_ipp():
            label = pack_texts([row["text"]])
            texts = self.maker.prepare_labels(label, example, self._lines_of)
            data = render_example(self.maker, texts, example)
        if data is None or crc32(data) != row["crc32"]:
            raise DamageError(
                f"example {example} is not drawn as it was: its label row is not of this run, or "
                "something that no version tells has changed"
            )
        return bytes(data)

    def _lines_of(self, examples: Ints) -> tuple[NDArray[np.uint32], Ints]:
        return first_lines(pack_texts(map(self._first_line, examples.tolist())), None)

    def _first_line(self, example: int) -> str:
        label = self.stored.label(example)
        if label is not None:
            return label.partition("\n")[0]
        # It has not been wrapped yet.
        text = pack_texts([self.stored.skipped_text(example)])
        of_example = np.array([example])
        fonts = asked_fonts(of_example, self.maker.settings)
        codes, _ = self.maker.first_lines(text, of_example, fonts)
        return codes.tobytes().decode("utf-32-le")


def _settings(
    config: RunConfig, fonts: tuple[FontFile, ...], photos: Photos | None
) -> RenderSettings:
    try:
        return RenderSettings.of(config, fonts, photos)
    except ConfigError as error:
        raise FolderError(f"the run has effects of its own ({error}): {OWN_ADVICE}") from error


def _check_own(settings: RenderSettings, effects: Sequence[Mapping[str, str]]) -> None:
    """Raise ``FolderError`` unless the run's own effects are those that were recorded."""
    for source, recorded in zip(settings.own, effects, strict=True):
        if source.recorded() != recorded:
            raise FolderError(
                f"the run has an effect of its own, {source.asked.name}, and {source.path} is not "
                f"the file that it was made with: {OWN_ADVICE}"
            )


def _chosen_fonts(
    recorded: Mapping[str, str], paths: Sequence[Path], sizes_px: Sequence[int]
) -> tuple[FontFile, ...]:
    """The fonts with the recorded digests, under their recorded names and in the run's order."""
    found, _ = fonts_of(paths, sizes_px, skips_bad=True)
    names = {digest: name for name, digest in recorded.items()}
    if set(names) - {font.digest for font in found}:
        # Another font of a file may have been given, or one at another place on its axes.
        path_of = {font.sha256: font.path for font in found}
        asked = {digest: digest.partition("@")[0].partition("#")[0] for digest in names}
        again = [
            Path(path_of[sha] + digest.removeprefix(sha))
            for digest, sha in asked.items()
            if sha in path_of
        ]
        if again:
            found, _ = fonts_of(again, sizes_px, skips_bad=True)
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
    # Another font of a name may not have been drawn: what tells them apart stays all the same.
    return tuple(replace(font, name=names[font.digest]) for font in tell_apart(chosen))
