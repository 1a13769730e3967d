"""What decides a run's bytes: its identity, kept in ``run.json`` and hashed to the fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any
from unicodedata import unidata_version

from PIL import features

from shmtext.config import BalancedText, RunConfig
from shmtext.corpus.ragged import RaggedTexts
from shmtext.render.encode import deflate_version, opencv_version
from shmtext.render.faces import can_shape

OUTPUT_FORMAT = 1
"""Goes up when the same settings and versions of libraries come to other bytes."""


def corpus_digest(texts: RaggedTexts) -> str:
    """SHA-256 over the seams and bytes of the texts that a run takes."""
    digest = hashlib.sha256(texts.offsets)
    digest.update(texts.values)
    return digest.hexdigest()


def identity_of(
    config: RunConfig, fonts: Mapping[str, str], corpus_sha256: str, num_examples: int
) -> dict[str, Any]:
    """Everything that decides a run's bytes, as JSON. ``fonts`` are digests by name."""
    style, source = config.style, config.corpus
    return {
        "format": OUTPUT_FORMAT,
        # Where a file of texts lies does not matter, only what it says.
        "corpus": asdict(source) if isinstance(source, BalancedText) else {"kind": "texts"},
        "corpus_sha256": corpus_sha256,
        "num_examples": num_examples,
        "fonts": fonts,
        "font_sizes": style.font_sizes,
        "font_colors": style.font_colors,
        "background_colors": style.background_colors,
        "max_chars_per_line": style.max_chars_per_line,
        **asdict(config.output),
        "mode": config.picture_mode,
        "seed": config.seed,
        "versions": _versions(config.output.image_format),
    }


def _versions(image_format: str) -> dict[str, str | None]:
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
        "deflate": deflate_version if image_format == "png" else None,
        "pyarrow": version("pyarrow"),
        "unicode": unidata_version,
    }
