"""What was read of a font file, as bytes: for other processes, and to be kept.

    8 bytes   length of the JSON that follows, little-endian
    JSON      of each font its values, the lengths of its arrays, and what it can be
    arrays    of each font, one after the other, little-endian

Where the file lies is not part of it: ``Reading.at`` fills that in.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shmtext.draw.font_file import FontFile
from shmtext.draw.instances import Axis, Design, Instance
from shmtext.draw.reading import ReadFont, Reading

_ARRAYS = (
    ("code_points", "<u4"),
    ("doubtful", "<u4"),
    ("kern_pairs", "<u4"),
    ("kern_entries", "<u4"),
)
_VALUES = (
    *("sha256", "has_unread_kerning", "num_glyphs", "ascent_em", "descent_em"),
    *("number", "is_packed"),
)
_HEADER = struct.Struct("<Q")


def to_bytes(reading: Reading) -> bytes:
    """Return what ``reading_of`` makes an equal reading of."""
    arrays = [
        [np.ascontiguousarray(getattr(each.font, name), kind).ravel() for name, kind in _ARRAYS]
        for each in reading.fonts
    ]
    described = {
        "num_fonts": reading.num_fonts,
        "faults": reading.faults,
        "drawn_px": reading.drawn_px,
        "fonts": [
            {
                **{name: getattr(each.font, name) for name in _VALUES},
                "lengths": [array.size for array in own],
                "axes": [
                    (axis.tag, axis.low, axis.default, axis.high) for axis in each.design.axes
                ],
                "instances": [(made.name, dict(made.values)) for made in each.design.instances],
                "fixed": each.fixed,
                "inked": each.inked,
                "blank": each.blank,
            }
            for each, own in zip(reading.fonts, arrays, strict=True)
        ],
    }
    head = json.dumps(described).encode()
    return b"".join(
        [_HEADER.pack(len(head)), head, *(each.tobytes() for own in arrays for each in own)]
    )


def reading_of(data: bytes) -> Reading:
    """Turn ``to_bytes`` round. Its bytes must be whole: see ``known.py``."""
    (length,) = _HEADER.unpack_from(data)
    at = _HEADER.size + length
    described = json.loads(data[_HEADER.size : at])
    fonts = []
    for each in described["fonts"]:
        arrays = {}
        for (name, kind), num in zip(_ARRAYS, each["lengths"], strict=True):
            arrays[name] = np.frombuffer(data, kind, num, at)
            at += arrays[name].nbytes
        fonts.append(_font_of(each, arrays))
    faults = tuple((number, fault) for number, fault in described["faults"])
    return Reading(tuple(fonts), described["num_fonts"], faults, tuple(described["drawn_px"]))


def _font_of(described: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> ReadFont:
    font = FontFile(
        path="",
        name="",
        code_points=arrays["code_points"].astype(np.uint32),
        doubtful=arrays["doubtful"].astype(np.uint32),
        kern_pairs=arrays["kern_pairs"].astype(np.uint32).reshape(-1, 2),
        kern_entries=arrays["kern_entries"].astype(np.int64),
        rank=0,
        **{name: described[name] for name in _VALUES},
    )
    axes = tuple(Axis(*each) for each in described["axes"])
    instances = tuple(Instance(name, values) for name, values in described["instances"])
    inked, blank = tuple(described["inked"]), tuple(described["blank"])
    return ReadFont(font, Design(axes, instances), described["fixed"], inked, blank)
