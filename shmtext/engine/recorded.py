"""The settings of the run in a folder, as far as its ``run.json`` tells them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from shmtext.config import RunConfig, Texts
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.merge import SUCCESS, csv_header
from shmtext.dataset.opening import open_folder
from shmtext.dataset.places import run_place
from shmtext.dataset.record import RunRecord, require_record
from shmtext.engine.fonts import fonts_of
from shmtext.engine.identity import PHOTOGRAPHS, config_of


@dataclass(frozen=True, slots=True)
class RecordedSettings:
    """The config of a run, but for paths, of which a run keeps none."""

    config: RunConfig
    unknown: Mapping[str, str]
    """Options whose values are not known, with what is known of them."""


def recorded_settings(out: str | os.PathLike[str]) -> RecordedSettings:
    """The settings of the run in ``out``. Raises ``FolderError`` where there is none."""
    with open_folder(run_place(out), create=False) as folder:
        return recorded_settings_in(folder, require_record(folder))


def recorded_settings_in(folder: OutputFolder, record: RunRecord) -> RecordedSettings:
    """Those of the run in a folder that is open."""
    names = folder.list_names()
    header = csv_header(folder)
    identity = record.identity
    config = config_of(identity)
    if SUCCESS in names:  # no part of the identity, but the folder shows it
        output = replace(config.output, csv=header is not None)
        if header is not None:
            output = replace(output, csv_columns=header)
        config = replace(config, output=output)
    unknown: dict[str, str] = {}
    if SUCCESS not in names:
        unknown["csv"] = "whether there will be a labels.csv is known when the run has finished"
    fonts = identity.get("fonts", {})
    if fonts != _bundled_digests():
        found = ", ".join(map(repr, sorted(fonts)))
        unknown["fonts"] = f"no paths are recorded; give those of {found}"
    if isinstance(config.corpus, Texts):
        unknown["texts"] = (
            "no path is recorded; give what the texts came from, of which the run took "
            f"{record.plan.num_examples:,}"
        )
    if photos := identity.get(PHOTOGRAPHS):
        unknown["backgrounds"] = (
            f"no path is recorded; give the folder that held {photos['num_pictures']:,} pictures"
        )
    return RecordedSettings(config, unknown)


def _bundled_digests() -> dict[str, str]:
    fonts, _ = fonts_of((), (), skips_bad=False)
    return {font.name: font.sha256 for font in fonts}
