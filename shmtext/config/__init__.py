"""Settings: what a run is, where that is said, and how it is read and written.

``settings.py`` declares every setting once; all else is generated from there. Nothing here opens a
text or a font, and no library but Pillow's colours is imported.
"""

from __future__ import annotations

from shmtext.canonical import canonical_json, differences, fingerprint
from shmtext.config.colors import parse_color
from shmtext.config.kinds import check_choice, count
from shmtext.config.page import Page
from shmtext.config.reading import config_from_options, load_toml
from shmtext.config.settings import (
    MAX_CHARACTERS,
    MAX_FONT_SIZE_PX,
    MAX_SEED,
    MAX_WORKERS,
    BalancedText,
    Engine,
    ImageFormat,
    Mode,
    Output,
    RayCluster,
    Resume,
    RunConfig,
    Start,
    Style,
)
from shmtext.config.texts import DatasetColumn, Source, Template, TextFile, Texts

__all__ = [
    "MAX_CHARACTERS",
    "MAX_FONT_SIZE_PX",
    "MAX_SEED",
    "MAX_WORKERS",
    "BalancedText",
    "DatasetColumn",
    "Engine",
    "ImageFormat",
    "Mode",
    "Output",
    "Page",
    "RayCluster",
    "Resume",
    "RunConfig",
    "Source",
    "Start",
    "Style",
    "Template",
    "TextFile",
    "Texts",
    "canonical_json",
    "check_choice",
    "config_from_options",
    "count",
    "differences",
    "fingerprint",
    "load_toml",
    "parse_color",
]
