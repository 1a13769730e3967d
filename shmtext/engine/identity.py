"""What decides a run's bytes: its identity, kept in ``run.json`` and hashed to the fingerprint.

Every field of the config is part of it, but for those that ``LEFT_OUT`` names, with the reason: a
field that nobody thought of must not let two runs mix in one folder. What is at its default is not
spelled out, so that a field that comes later leaves the runs of before as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unicodedata import unidata_version

from PIL import features

from shmtext.config import Output, RunConfig, Source, Style, TextFile, Texts
from shmtext.config.building import build
from shmtext.config.fields import settings_of
from shmtext.config.kinds import part_of, plain
from shmtext.config.own import AskedEffect
from shmtext.config.shares import FontShare
from shmtext.corpus.ragged import RaggedTexts
from shmtext.draw.encode import FILE_FORMATS, opencv_version
from shmtext.draw.freetype import is_reached
from shmtext.draw.settings import RenderSettings
from shmtext.errors import ConfigError, FolderError

OUTPUT_FORMAT = 7
"""Goes up when the same settings and versions of libraries come to other bytes, and when a default
changes: it is part of every identity that does not spell it out."""


PHOTOGRAPHS = "photographs"
"""Key of what is known of a run's backgrounds, where it has some."""
OWN_EFFECTS = "effects"
"""Key of what is known of the user's own effects, likewise."""
FONT_SHARES = "font_shares"
"""Key of how often each font is drawn, by name, where that differs."""

BESIDE_SETTINGS = {
    *("format", "corpus_sha256", "num_examples", "fonts", "font_order", "mode", "versions"),
    *(OWN_EFFECTS, PHOTOGRAPHS, FONT_SHARES),
}
"""Keys of an identity that are no settings."""

UNKNOWN_TEXTS = (Source(TextFile(Path("texts"))),)
"""In place of sources of texts of which only the content is known."""


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
    # In their place stands what they say: ``corpus_sha256``. Where they lie does not matter.
    Texts: {"sources": _always},
    # Likewise: the content of those fonts that are used.
    Style: {
        "fonts": _always,
        "skip_bad_fonts": _always,
        # In its place stands what it comes to: ``fonts`` that have a share, and ``font_shares``.
        "font_share": _always,
    },
    Output: {
        # In its place stands what it comes to: ``auto`` and ``gray`` may be the same.
        "mode": _always,
        "jpeg_quality": _without_jpeg,
        # Beside the label table, and made anew from it whenever it is asked for.
        "csv": _always,
        "csv_columns": _always,
    },
    RunConfig: {
        # ``num_examples`` is what it comes to.
        "max_images": _always,
        # In its place stand ``effects``, with the content of their files.
        "effect": _always,
        # In its place stands what the pictures there look like: ``photographs``.
        "backgrounds": _always,
    },
}
"""Fields of settings that do not decide a byte by themselves, and in which runs they do not."""


def identity_of(
    config: RunConfig,
    fonts: Mapping[str, str],
    corpus_sha256: str,
    num_examples: int,
    beside: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Everything that decides a run's bytes, as JSON.

    ``fonts`` are digests by name, in the order in which fonts are asked for what others lack.
    ``beside`` is what ``beside_settings`` tells.
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
        **beside,
    }


def beside_settings(settings: RenderSettings) -> dict[str, Any]:
    """What tells apart the files that settings name, and what globs of fonts come to."""
    beside: dict[str, Any] = {}
    if settings.font_shares is not None:
        names = (font.name for font in settings.fonts)
        beside[FONT_SHARES] = dict(zip(names, settings.font_shares.tolist(), strict=True))
    if settings.own:
        beside[OWN_EFFECTS] = [source.recorded() for source in settings.own]
    if settings.photos is not None:
        beside[PHOTOGRAPHS] = settings.photos.table.identity
    return beside


def config_of(identity: Mapping[str, Any]) -> RunConfig:
    """The config that an identity is of, with ``max_images`` as many as the run has examples.

    Paths are not known: it has the fonts that come with the package, files of own effects in the
    current folder, and sources ``UNKNOWN_TEXTS`` of texts that were read. Raises ``FolderError``
    if another version of this program wrote it.
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
        if values.get("corpus", {}).get("kind") == Texts.__name__:
            values["corpus"] = {**values["corpus"], "sources": UNKNOWN_TEXTS}
        if shares := identity.get(FONT_SHARES):
            asked = [FontShare.of_name(name, share).plain() for name, share in shares.items()]
            values["style"] = {**values.get("style", {}), "font_share": asked}
        values["effect"] = [each["effect"] for each in identity.get("effects", ())]
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
    for name, each in settings_of(type(settings)).items():
        value = getattr(settings, name)
        is_part = part_of(each.kind) is not None and value is not None
        values[name] = spelled_out(value) if is_part else plain(value)
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
        if part_of(each.kind) is None or value is None:
            if value != default:
                values[name] = plain(value)
        elif type(value) is not type(default):
            values[name] = {"kind": type(value).__name__, **_deciding(value, None, config)}
        elif deciding := _deciding(value, default, config):
            values[name] = deciding
    return values


def versions_of(config: RunConfig) -> dict[str, str | None]:
    """Versions of everything that has a say in the output's bytes, on this machine."""
    return {
        **drawing_versions(config),
        "deflate": None,
        "pyarrow": version("pyarrow"),
        **FILE_FORMATS[config.output.image_format].versions,
    }


def drawing_versions(config: RunConfig) -> dict[str, str | None]:
    """Versions of everything that has a say in pixels, before these are encoded."""
    return {
        "numpy": version("numpy"),
        "pillow": version("pillow"),
        # Through Pillow the sides of a few glyphs can't be told to the pixel.
        "freetype": f"{features.version('freetype2')}{'' if is_reached() else ' through Pillow'}",
        "uharfbuzz": version("uharfbuzz"),
        "python-bidi": version("python-bidi"),
        "uniseg": version("uniseg"),
        "opencv": opencv_version(),
        "unicode": unidata_version,
        **_versions_of_transforms(config),
        **{
            f"effect {effect.name()}": str(effect.version)
            for look in config.look.looks
            for effect in look.effects
        },
    }


def _versions_of_transforms(config: RunConfig) -> dict[str, str | None]:
    """Of albumentations and of its arithmetic, where there are transforms of it."""
    if not any(AskedEffect.parse(effect).is_transform for effect in config.effect):
        return {}
    versions: dict[str, str | None] = {}
    for name in ("albumentations", "albucore"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return versions
