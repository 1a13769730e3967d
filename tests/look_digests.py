"""Digests of pictures and boxes by effect and by preset, printed: what other processors must print.

python tests/look_digests.py [NAME ...]
"""

from __future__ import annotations

import hashlib
import json
import sys

from looks import draw, in_two_fonts, maker, only

from shmtext.config.looks import CLEAN, look_names
from shmtext.engine.libraries import adapt_libraries
from shmtext.looks.registry import BY_NAME

TEXTS = [f"Quick {number} brown fox" * (1 + number % 2) for number in range(8)]


def digest(look: object, mode: str) -> str:
    """Of all that a few texts come to."""
    found = hashlib.sha256()
    made = maker(look, mode=mode, sizes=(18, 32))  # type: ignore[arg-type]
    pictures, boxes = draw(in_two_fonts(made, with_boxes=True), TEXTS)
    for example in sorted(pictures):
        found.update(pictures[example].tobytes())
        found.update(boxes[example].corners.tobytes())
    return found.hexdigest()


def main() -> None:
    adapt_libraries()
    names = sys.argv[1:]
    looks = {name: only(**{name: {}}) for name in BY_NAME}
    # Other ink goes through the text's warp; alone, neither has any.
    room = {f"{side}_px": [20, 20] for side in ("left", "top", "right", "bottom")}
    moved = {name: {} for name in ("neighbours", "border", "underline", "rotation", "wave")}
    looks["other ink, moved"] = only(margins=room, **moved)
    presets = {f"preset {name}": [name] for name in look_names() if name != CLEAN}
    digests = {
        f"{name} {mode}": digest(look, mode)
        for name, look in {**looks, **presets}.items()
        for mode in ("gray", "rgb")
        if not names or name in names
    }
    print(json.dumps(digests))


if __name__ == "__main__":
    main()
