"""What decides a run's bytes: its identity, kept in ``run.json`` and hashed to the fingerprint.

Every field of the config is part of it, but for those that ``LEFT_OUT`` names, with the reason: a
field that nobody thought of must not let two runs mix in one folder. What is at its default is not
spelled out, so that a field that comes later leaves the runs of before as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unicodedata import unidata_version

from PIL import features

from shmtext.config import Output, RunConfig, Style, TextFile
from shmtext.config.fields import settings_of
from shmtext.config.reading import build
from shmtext.corpus.ragged import RaggedTexts
from shmtext.draw.encode import FILE_FORMATS, opencv_version
from shmtext.errors import ConfigError, FolderError

OUTPUT_FORMAT = 5
"""Goes up when the same settings and versions of libraries come to other bytes, and when a default
changes: it is part of every identity that does not spell it out."""


BESIDE_SETTINGS = {
    *("format", "corpus_sha256", "num_examples", "fonts", "font_order", "mode", "versions")
}
"""Keys of an identity that are no settings."""

UNKNOWN_TEXTS = TextFile(Path("texts"))
"""In place of a file of texts of which only the content is known."""


def corpus_digest(texts: RaggedTexts) -> str:
    """SHA-256 over the seams and bytes of the texts that a run takes."""
    digest = hashlib.sha256(texts.offsets)
    digest.update(texts.values)
    return digest.hexdigest()


def _always(_config: RunConfig) -> bool:
    return True


def _without_jpeg(config: RunConfig) -> bool:
    return config.output.image_format != "jpg"


LEFT_OUT: dict[type, dict[str, Callable[[RunConfig], bool]]] = {
    # In its place stands what a text file says: ``corpus_sha256``. Where it lies does not matter.
    TextFile: {"path": _always, "column": _always},
    # Likewise: the content of those fonts that are used.
    Style: {"fonts": _always, "skip_bad_fonts": _always},
    Output: {
        # In its place stands what it comes to: ``auto`` and ``gray`` may be the same.
        "mode": _always,
        "jpeg_quality": _without_jpeg,
        # Beside the label table, and made anew from it whenever it is asked for.
        "csv": _always,
    },
    # ``num_examples`` is what it comes to.
    RunConfig: {"max_images": _always},
}
"""Fields of settings that do not decide a byte by themselves, and in which runs they do not."""


def identity_of(
    config: RunConfig, fonts: Mapping[str, str], corpus_sha256: str, num_examples: int
) -> dict[str, Any]:
    """Everything that decides a run's bytes, as JSON.

    ``fonts`` are digests by name, in the order in which fonts are asked for what others lack.
    """
    asked = {"font_order": list(fonts)} if config.style.fallback != "none" else {}
    return _deciding(config, type(config)(), config) | {
        "format": OUTPUT_FORMAT,
        "corpus_sha256": corpus_sha256,
        "num_examples": num_examples,
        "fonts": fonts,
        "mode": config.picture_mode,
        "versions": versions_of(config),
        **asked,
    }


def config_of(identity: Mapping[str, Any]) -> RunConfig:
    """The config that an identity is of, with ``max_images`` as many as the run has examples.

    Paths are not known: it has the fonts that come with the package, and texts ``UNKNOWN_TEXTS``
    where they are from a file. Raises ``FolderError`` if another version of this program wrote it.
    """
    found = identity.get("format")
    if found != OUTPUT_FORMAT:
        raise FolderError(
            f"the run's settings are of format {found!r}, this shmtext knows {OUTPUT_FORMAT}: use "
            "the version that wrote them"
        )
    values = {key: value for key, value in identity.items() if key not in BESIDE_SETTINGS}
    try:
        values["output"] = {**values.get("output", {}), "mode": identity["mode"]}
        if values.get("corpus", {}).get("kind") == TextFile.__name__:
            values["corpus"] = UNKNOWN_TEXTS
        config: RunConfig = build(RunConfig, {**values, "max_images": identity["num_examples"]})
    except (ConfigError, KeyError, TypeError, AttributeError) as error:
        raise FolderError(
            f"the run's settings are not known to this shmtext ({error}): use the version that "
            "wrote them"
        ) from error
    return config


def spelled_out(settings: object) -> dict[str, Any]:
    """Every field with its value, parts as objects: what an identity's missing keys stand for."""
    values: dict[str, Any] = {"kind": type(settings).__name__}
    for name in settings_of(type(settings)):
        value = getattr(settings, name)
        values[name] = spelled_out(value) if is_dataclass(value) else value
    return values


def _deciding(settings: object, base: object, config: RunConfig) -> dict[str, Any]:
    """Fields that decide bytes and are not as in ``base``, or, without it, not at their default."""
    left_out = {
        name
        for kind, names in LEFT_OUT.items()
        if isinstance(settings, kind)
        for name, is_left_out in names.items()
        if is_left_out(config)
    }
    values: dict[str, Any] = {}
    for name, each in settings_of(type(settings)).items():
        value = getattr(settings, name)
        default = each.default if base is None else getattr(base, name)
        if name in left_out:
            continue
        if not is_dataclass(value):
            if value != default:
                values[name] = value
        elif type(value) is not type(default):
            values[name] = {"kind": type(value).__name__, **_deciding(value, None, config)}
        elif deciding := _deciding(value, default, config):
            values[name] = deciding
    return values


def versions_of(config: RunConfig) -> dict[str, str | None]:
    """Versions of everything that has a say in the output's bytes, on this machine."""
    return {
        "numpy": version("numpy"),
        "pillow": version("pillow"),
        "freetype": features.version("freetype2"),
        "uharfbuzz": version("uharfbuzz"),
        "python-bidi": version("python-bidi"),
        "uniseg": version("uniseg"),
        "opencv": opencv_version(),
        "deflate": None,
        "pyarrow": version("pyarrow"),
        "unicode": unidata_version,
        **FILE_FORMATS[config.output.image_format].versions,
    }
