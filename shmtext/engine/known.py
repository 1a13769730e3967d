"""What reading and trying out fonts came to, kept by their content in the user's cache folder.

    ~/.cache/shmtext/fonts/0123...   SHA-256 of what follows and of what it is about; then that

A name stands for a font's content and for the versions of all that has a say in what is read of it:
who has others finds nothing, and nothing is trusted that is not whole. Files appear whole, by a
rename, so that any number of runs may share the folder. It is no more than a help: where it can't
be read, written or made, fonts are read as if it were empty. What can't be used is not kept. How
fonts are read is ``reading.py``'s, how they are tried out ``probe.py``'s.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import get_ident
from unicodedata import unidata_version

from PIL import features
from platformdirs import user_cache_path

from shmtext.draw.faces import FontFile, Read, Trial, TryOut
from shmtext.draw.reading import Reading
from shmtext.draw.reading_bytes import reading_of, to_bytes
from shmtext.draw.stored import HEADS
from shmtext.engine.machine import default_num_workers
from shmtext.errors import FontError

MOST_BYTES = 256 << 20
"""Of all files together: some 30,000 fonts. Beyond that the oldest go, a quarter of all."""

FORMAT = 1
"""Of the files; goes up with them."""

FILES_PER_THREAD = 100
"""Fewer are hashed before it pays that another thread helps."""

_DIGEST_BYTES = 32


class KnownFonts:
    """A folder of what is known of fonts, which need not be there; without one nothing is known."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._has_grown = False
        self._is_writable = True
        """Until the disk is full, or the folder is found to be someone else's."""

    def read(self, files: Sequence[Path], read: Read) -> Iterable[Reading | FontError]:
        """Read files, those of unknown content by ``read``; see ``Read``."""
        found: dict[Path, Reading | FontError] = {}
        for path, sha256 in zip(files, _digests_of(files), strict=True):
            known = self._get(f"read {sha256}") if sha256 else None
            if known is not None:
                found[path] = reading_of(known).at(path)
        unknown = [path for path in files if path not in found]
        with closing(read(unknown)) as readings:
            for path, reading in zip(unknown, readings, strict=True):
                found[path] = reading
                if not isinstance(reading, FontError) and not reading.faults:
                    self._put(f"read {reading.fonts[0].font.sha256}", to_bytes(reading))
        self._trim()
        return [found[path] for path in files]

    def try_out(
        self, fonts: Sequence[FontFile], try_out: TryOut, sizes_px: Sequence[int]
    ) -> Sequence[Trial]:
        """Try fonts out at some sizes, unknown ones by ``try_out``; see ``TryOut``."""
        sizes = " ".join(map(str, sorted(set(sizes_px))))
        found: dict[str, Trial] = {}
        for font in fonts:
            known = self._get(f"draw {font.digest} {sizes}")
            if known is not None:
                found[font.digest] = Trial(blank=json.loads(known))
        unknown = [font for font in fonts if font.digest not in found]
        if unknown:
            for font, trial in zip(unknown, try_out(unknown), strict=True):
                found[font.digest] = trial
                if not trial.fault:
                    self._put(f"draw {font.digest} {sizes}", json.dumps(list(trial.blank)).encode())
            self._trim()
        return [found[font.digest] for font in fonts]

    def _get(self, key: str) -> bytes | None:
        """What is kept by a key, if it is there and whole."""
        if self._folder is None:
            return None
        about = f"{key} {_versions()}".encode()
        try:
            with open(self._folder / _name(about), "rb", opener=_opener) as file:
                data = file.read()
        except OSError:
            return None
        payload = data[_DIGEST_BYTES:]
        return payload if data[:_DIGEST_BYTES] == _checksum(about, payload) else None

    def _put(self, key: str, payload: bytes) -> None:
        """Keep something by a key, if that can be."""
        if self._folder is None or not self._is_writable:
            return
        about = f"{key} {_versions()}".encode()
        path = self._folder / _name(about)
        part = path.with_name(f"{path.name}.{os.getpid()}.{get_ident()}")
        try:
            if not self._has_grown:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(part, "wb") as file:
                file.write(_checksum(about, payload) + payload)
            os.replace(part, path)
            self._has_grown = True
        except OSError:
            self._is_writable = False
        finally:
            # It is there if that failed, or was interrupted.
            with suppress(OSError):
                os.unlink(part)

    def _trim(self) -> None:
        """Remove the oldest files where there are too many, after something was written."""
        if self._folder is None or not self._has_grown:
            return
        self._has_grown = False
        with suppress(OSError), os.scandir(self._folder) as scan:
            kept = []
            for entry in scan:
                with suppress(OSError):  # another run may have removed it
                    status = entry.stat(follow_symlinks=False)
                    kept.append((status.st_mtime_ns, status.st_size, entry.path))
            num_bytes = sum(size for _, size, _ in kept)
            if num_bytes <= MOST_BYTES:
                return
            for _, size, path in sorted(kept):
                if num_bytes <= 3 * MOST_BYTES // 4:
                    break
                num_bytes -= size
                with suppress(OSError):
                    os.unlink(path)


def known_fonts() -> KnownFonts:
    """What this user's runs know: ``shmtext/fonts`` in ``XDG_CACHE_HOME``, or in ``~/.cache``."""
    folder = user_cache_path("shmtext") / "fonts"
    # Of a user without a home it is relative.
    return KnownFonts(folder if folder.is_absolute() else None)


def _name(about: bytes) -> str:
    return hashlib.sha256(about).hexdigest()


def _checksum(about: bytes, payload: bytes) -> bytes:
    return hashlib.sha256(about + b"\n" + payload).digest()


def _digests_of(files: Sequence[Path]) -> list[str]:
    """``_digest_of`` of each; many are shared out among threads, as hashing lets others go on."""
    num_threads = min(default_num_workers(), len(files) // FILES_PER_THREAD)
    if num_threads < 2:
        return list(map(_digest_of, files))
    digests = [""] * len(files)

    def hash_part(first: int) -> None:
        digests[first::num_threads] = map(_digest_of, files[first::num_threads])

    with ThreadPoolExecutor(num_threads) as pool:
        list(pool.map(hash_part, range(num_threads)))
    return digests


def _digest_of(path: Path) -> str:
    """SHA-256 of a file that may be a font; nothing where that can't be told."""
    try:
        with open(path, "rb", opener=_opener) as file:
            if not file.read(4).startswith(HEADS):
                return ""  # it may have any size
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _opener(path: str, flags: int) -> int:
    # A pipe that nobody writes to would be waited for; what is no file can't be read then.
    return os.open(path, flags | os.O_NONBLOCK)


@cache
def _versions() -> str:
    """Versions of all that has a say in what is read of a font, on this machine."""
    draw = Path(__file__).parents[1] / "draw"
    # Of the code that reads, by its text: a number would be forgotten.
    code = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(draw.glob("*.py"))))
    libraries = {name: version(name) for name in ("fonttools", "pillow", "uharfbuzz")}
    return json.dumps(
        {
            "format": FORMAT,
            "code": code.hexdigest(),
            "freetype": features.version("freetype2"),
            "unicode": unidata_version,
            **libraries,
        }
    )
