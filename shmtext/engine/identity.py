"""What decides a run's bytes: its identity, kept in ``run.json`` and hashed to the fingerprint.

Every field of the config is part of it, but for those that ``LEFT_OUT`` names, with the reason: a
field that nobody thought of must not let two runs mix in one folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import version
from typing import Any
from unicodedata import unidata_version

from PIL import features

from shmtext.config import BalancedText, ImageFormat, Output, RunConfig, Style, TextFile
from shmtext.corpus.ragged import RaggedTexts
from shmtext.draw.encode import FILE_FORMATS, opencv_version
from shmtext.draw.faces import can_shape

OUTPUT_FORMAT = 2
"""Goes up when the same settings and versions of libraries come to other bytes."""


def corpus_digest(texts: RaggedTexts) -> str:
    """SHA-256 over the seams and bytes of the texts that a run takes."""
    digest = hashlib.sha256(texts.offsets)
    digest.update(texts.values)
    return digest.hexdigest()


LEFT_OUT: dict[type, frozenset[str]] = {
    # In its place stands what a text file says: ``corpus_sha256``. Where it lies does not matter.
    TextFile: frozenset({"path", "column"}),
    # Likewise: the content of those fonts that are used.
    Style: frozenset({"fonts", "skip_bad_fonts"}),
    # The parts stand for themselves; ``num_examples`` is what ``max_images`` comes to.
    RunConfig: frozenset({"corpus", "style", "output", "max_images"}),
}
"""Fields of settings that do not decide a byte by themselves."""


def identity_of(
    config: RunConfig, fonts: Mapping[str, str], corpus_sha256: str, num_examples: int
) -> dict[str, Any]:
    """Everything that decides a run's bytes, as JSON. ``fonts`` are digests by name."""
    parts = {**_deciding(config), **_deciding(config.style), **_deciding(config.output)}
    return parts | {
        "format": OUTPUT_FORMAT,
        "corpus": {"kind": type(config.corpus).__name__, **_deciding(config.corpus)},
        "corpus_sha256": corpus_sha256,
        "num_examples": num_examples,
        "fonts": fonts,
        # What it comes to: ``auto`` and ``gray`` may be the same.
        "mode": config.picture_mode,
        "versions": _versions(config.output.image_format),
    }


def _deciding(settings: BalancedText | TextFile | Style | Output | RunConfig) -> dict[str, Any]:
    left_out = {
        name for kind, names in LEFT_OUT.items() if isinstance(settings, kind) for name in names
    }
    names = [each.name for each in fields(settings) if each.name not in left_out]
    return {name: getattr(settings, name) for name in names}


def _versions(image_format: ImageFormat) -> dict[str, str | None]:
    """Versions of everything that has a say in the output's bytes."""
    return {
        "numpy": version("numpy"),
        "pillow": version("pillow"),
        "freetype": features.version("freetype2"),
        # Without FriBiDi there is no shaping, and texts that need it are skipped.
        "raqm": features.version("raqm") if can_shape() else None,
        "harfbuzz": features.version("harfbuzz") if can_shape() else None,
        "fribidi": features.version("fribidi") if can_shape() else None,
        "opencv": opencv_version(),
        "deflate": None,
        "pyarrow": version("pyarrow"),
        "unicode": unidata_version,
        **FILE_FORMATS[image_format].versions,
    }
