"""Where a run is: a folder of this machine, or a place in a bucket that a URL names.

Nothing is opened or looked at here.
"""

from __future__ import annotations

import os
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias
from urllib.parse import quote, unquote, urlsplit

from shmtext.errors import ConfigError, FolderError

SCHEMES = ("s3", "gs", "az")

_OF_BUCKETS = frozenset(string.ascii_letters + string.digits + "-._")

_ESCAPES = {ord(each): quote(each) for each in "%?#"}
"""Of a URL, for characters that have a meaning there; others are left to be read."""


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """Where a run is in a bucket: scheme, bucket, and a prefix that all its names begin with."""

    scheme: str
    bucket: str
    prefix: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``s3://bucket/prefix``. Raises ``ConfigError``, without the text: it may be secret.

        >>> str(StoreUrl.parse("s3://words/runs/1/"))
        's3://words/runs/1'
        """
        try:
            parts = urlsplit(text)
        except ValueError:
            raise ConfigError("this is no URL: expected such as s3://BUCKET/PREFIX") from None
        if parts.scheme not in SCHEMES:
            known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
            raise ConfigError(f"a URL of a run begins with one of {known} or file://")
        # A secret key may hold a slash, and then begins what looks like a path.
        if set(parts.netloc) - _OF_BUCKETS or parts.query or parts.fragment:
            raise ConfigError(
                "a URL of a run is SCHEME://BUCKET/PREFIX and holds no user, password, ? or #: "
                "credentials are taken from the environment or from the usual files"
            )
        path = parts.path.removeprefix("/").removesuffix("/")
        names = [unquote(name) for name in path.split("/")]
        if not parts.netloc or any(name in ("", ".", "..") for name in names):
            raise ConfigError(
                f"expected {parts.scheme}://BUCKET/PREFIX, with a prefix of the run's own, without "
                "empty names, . and .."
            )
        return cls(parts.scheme, parts.netloc, "/".join(names))

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.prefix.translate(_ESCAPES)}"

    def __truediv__(self, name: str) -> str:
        return f"{self}/{name}"

    def __fspath__(self) -> str:
        return str(self)


def is_url(text: str) -> bool:
    """Whether a place is named by a URL, and not by a path."""
    return "://" in text


def folder_of(text: str) -> Path | None:
    """The folder that a ``file://`` URL names; None for any other."""
    scheme, _, _ = text.partition("://")
    if scheme.lower() != "file":
        return None
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise ConfigError(
            f"a file URL names a folder of this machine, file:///FOLDER, got {text!r}"
        )
    return Path(unquote(parts.path))


RunPlace: TypeAlias = Path | StoreUrl
"""Where a run is."""


def run_place(out: str | os.PathLike[str]) -> RunPlace:
    """The place that a caller names: the path of a folder, or a URL in a bucket.

    Raises ``FolderError`` for what names none, and ``ConfigError`` for a URL that can't be used.
    """
    if isinstance(out, StoreUrl):
        return out
    if isinstance(out, str) and is_url(out):
        return folder_of(out) or StoreUrl.parse(out)
    return folder_path(out)


def folder_path(out: str | os.PathLike[str]) -> Path:
    """The path of a folder of this machine; ``FolderError`` for what names none."""
    try:
        name = os.fspath(out)
    except TypeError:
        name = None
    if not isinstance(name, str) or not name or "\0" in name:
        raise FolderError(f"the output folder must be a path without NUL, got {out!r}")
    if name.startswith(tuple(f"{scheme}:/" for scheme in SCHEMES)):
        # With one slash: what pathlib makes of a URL. It may hold a secret.
        raise FolderError(
            "expected a folder of this machine, got the URL of a bucket (where one may stand, it "
            "is text with two slashes, s3://BUCKET/PREFIX)"
        )
    return Path(name)
