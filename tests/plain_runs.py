"""Ten plain runs, and the bytes they came to before: what no change of structure may touch.

``python tests/plain_runs.py`` writes ``plain_runs.json`` anew, with the versions of the libraries
that decide bytes beside the digests: do that at the commit before a change, with these versions.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from PIL import __version__ as pillow_version
from PIL import features

from shmtext import render
from shmtext.config import config_from_options
from shmtext.draw.encode import deflate_version

HELD = Path(__file__).with_suffix(".json")

TEXTS = (
    *(
        "AVATAR To Ty fi ffl Größe",
        "Te\u0301le\u0301phone cafe\u0301",
        "a\u0308o\u0308u\u0308 mixed with plain",
    ),
    *("שלום עולם", "مرحبا بالعالم", "हिन्दी में पाठ", "Ελληνικά και кириллица"),
    *(
        "two\nlines of text",
        "日本語のテキスト",
        "x" * 60,
        "fjord ~ [brackets] {and} |pipes|",
        "😀 not covered",
    ),
)

COLORS = {
    "font_colors": ["#102030", "navy", "#ffff00"],
    "background_colors": ["#f0e0d0", "#111111"],
    "min_contrast": 15,
}
GRAYS = {
    "font_colors": ["#000000", "#333333", "#ffffff"],
    "background_colors": ["#eeeeee", "#555555"],
    "min_contrast": 15,
}
"""All pairs of these are drawn that ever were: by default some no longer are."""

RUNS: dict[str, dict[str, Any]] = {
    "gray jpeg": {"character_frequency": 60},
    "gray png": {"character_frequency": 40, "image_format": "png", "seed": 1},
    "rgb jpeg": {"character_frequency": 40, "mode": "rgb", "jpeg_quality": 80},
    "rgb png": {"character_frequency": 40, "mode": "rgb", "image_format": "png"},
    "colours jpeg": {"character_frequency": 40, **COLORS, "font_sizes": [17, 33]},
    "one colour png": {
        "character_frequency": 30,
        "font_colors": ["#802010"],
        "image_format": "png",
    },
    "grays jpeg": {"character_frequency": 40, **GRAYS, "seed": 2**64 - 1},
    "wrapped png": {
        "character_frequency": 40,
        "max_chars_per_line": 7,
        "font_sizes": [12, 48],
        "image_format": "png",
    },
    "wrapped colours jpeg": {
        "character_frequency": 40,
        "max_chars_per_line": 9,
        "split_letters": True,
        **COLORS,
    },
    "shaped colours jpeg": {
        "texts": "texts.txt",
        "normalize": "none",  # some are decomposed
        **COLORS,
        "font_sizes": [24, 40],
    },
}


def versions() -> dict[str, str | None]:
    """Versions of what decides bytes."""
    return {
        "numpy": np.__version__,
        "pillow": pillow_version,
        "opencv": cv2.__version__,
        "pyarrow": pa.__version__,
        "deflate": deflate_version,
        **{name: features.version(name) for name in ("freetype2", "raqm", "harfbuzz", "fribidi")},
    }


def bytes_of(name: str, home: Path, engine: str = "serial") -> str:
    """Render one of the runs under ``home``; digest every file whose bytes the config decides."""
    options = {"layout": "basic", **RUNS[name]}
    if "texts" in options:
        path = home / str(options["texts"])
        lines = [f"{text} {number}" for number in range(20) for text in TEXTS if "\n" not in text]
        path.write_text("\n".join(lines), encoding="utf-8")
        options["texts"] = str(path)
    out = home / "out"
    render(config_from_options(options), out, 2, engine)  # type: ignore[arg-type]
    digest = hashlib.sha256()
    files = [*out.glob("images/*/*"), *out.glob("fragments/*.parquet")]
    files += [out / "metadata.parquet", out / "labels.csv", out / "skipped.parquet"]
    for path in sorted(path for path in files if path.exists()):
        digest.update(f"{path.relative_to(out)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    digests = {}
    for name in RUNS:
        with tempfile.TemporaryDirectory() as home:
            digests[name] = bytes_of(name, Path(home))
            print(name, digests[name], file=sys.stderr)
    HELD.write_text(json.dumps({"versions": versions(), "digests": digests}, indent=1) + "\n")


if __name__ == "__main__":
    main()
