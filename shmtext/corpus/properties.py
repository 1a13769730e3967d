"""What Unicode says of characters where text may be cut, as bits, for arrays of code points.

The data are uniseg's: pure Python, 11 MB, and it passes Unicode's own tests of boundaries. ICU
would be four times as large, and other libraries have the clusters alone. Its walk over a text
takes 70 µs a character, so only its tables are used, each character looked up once; the rules
are in ``breaks.py``.
"""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint64]

NUM_CODE_POINTS = 0x110000


def _numbered(names: str) -> dict[str, np.uint64]:
    return {name: np.uint64(1 << place) for place, name in enumerate(names.split())}


LINE_BIT = _numbered(
    "BK CR LF NL SP ZW WJ GL CM ZWJ BA BB HY B2 CB CL CP EX SY IS IN NS OP QU PO PR NU ID EB EM "
    "H2 H3 JL JV JT RI AL HL AK AS AP VF VI EDGE WIDE INITIAL FINAL DOTTED_CIRCLE HYPHEN RESERVED"
)
"""Line_Break classes as UAX 14's first rule leaves them; before and after a text (``EDGE``);
what rules ask beside: East Asian width, quotation marks that open or close, U+25CC, U+2010, and
code points kept free for emoji."""

CLUSTER_BIT = _numbered(
    "Other CR LF Control Extend ZWJ Regional_Indicator Prepend SpacingMark L V T LV LVT "
    "CONSONANT LINKER IN_CONJUNCT PICTOGRAPH MARK SPACE EDGE"
)
"""Grapheme_Cluster_Break classes; Indic_Conjunct_Break (``IN_CONJUNCT`` is its Extend);
Extended_Pictographic; marks of any category; U+0020; before a text."""

# Entries are filled in when a character is first met; an empty one is zero, which no character's
# is. The memory of what is never met is never touched. Two threads would write the same.
_LINE = np.zeros(NUM_CODE_POINTS, np.uint64)
_CLUSTER = np.zeros(NUM_CODE_POINTS, np.uint64)
_KIND = np.zeros(NUM_CODE_POINTS, np.uint8)

_MET, _OFFERS_BREAKS, _JOINS = np.uint8(1), np.uint8(2), np.uint8(4)

_RESOLVED = {"AI": "AL", "SG": "AL", "XX": "AL", "SA": "AL", "CJ": "NS"}
_TEXTWRAP_CLASSES = ("AL", "HL", "NU", "GL", "WJ", "CM", "ZWJ")
_ALONE = ("Other", "Control", "CR", "LF")


def line_bits(codes: NDArray[np.uint32]) -> Bits:
    """Bits of ``LINE_BIT`` of each code point."""
    _meet(codes)
    return _LINE.take(codes)


def cluster_bits(codes: NDArray[np.uint32]) -> Bits:
    """Bits of ``CLUSTER_BIT`` of each code point."""
    _meet(codes)
    return _CLUSTER.take(codes)


def offers_breaks(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which characters UAX 14 may break beside where ``textwrap`` does not.

    All but ASCII's, letters and digits of scripts that put spaces between words, glue, and marks.
    """
    _meet(codes)
    offers: NDArray[np.bool_] = (_KIND.take(codes) & _OFFERS_BREAKS) != 0
    return offers


def complex_places(codes: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Places of characters that may join others in a cluster, or that offer breaks."""
    places = np.flatnonzero(_KIND.take(codes) != _MET)
    if places.size == 0:
        return places
    is_complex: NDArray[np.bool_] = _meet(codes[places]) != _MET
    return places[is_complex]


def _meet(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Look up all characters that were never met; return the kind of each code point."""
    kinds: NDArray[np.uint8] = _KIND.take(codes)
    if kinds.all():
        return kinds
    for code in np.unique(codes[kinds == 0]).tolist():
        line, cluster = _line_names(chr(code)), _cluster_names(chr(code))
        _LINE[code] = sum(int(LINE_BIT[name]) for name in line)
        _CLUSTER[code] = sum(int(CLUSTER_BIT[name]) for name in cluster)
        kind = _MET
        if code >= 0x80 and not line & {*_TEXTWRAP_CLASSES}:
            kind |= _OFFERS_BREAKS
        if "MARK" in cluster or not cluster & {*_ALONE}:
            kind |= _JOINS
        _KIND[code] = kind
    return _KIND.take(codes)


def _line_names(character: str) -> set[str]:
    # 50 ms, and texts of ASCII need none of it.
    from uniseg.emoji import extended_pictographic  # noqa: PLC0415
    from uniseg.linebreak import line_break  # noqa: PLC0415

    name, category = line_break(character).value, unicodedata.category(character)
    if name == "SA" and category in ("Mn", "Mc"):
        name = "CM"
    names = {_RESOLVED.get(name, name)}
    asked = {
        "WIDE": unicodedata.east_asian_width(character) in ("F", "W", "H"),
        "INITIAL": category == "Pi",
        "FINAL": category == "Pf",
        "DOTTED_CIRCLE": character == "\u25cc",
        "HYPHEN": character == "\u2010",
        "RESERVED": category == "Cn" and extended_pictographic(character),
    }
    return names | {name for name, holds in asked.items() if holds}


def _cluster_names(character: str) -> set[str]:
    from uniseg.derived import indic_conjunct_break  # noqa: PLC0415
    from uniseg.emoji import extended_pictographic  # noqa: PLC0415
    from uniseg.graphemecluster import grapheme_cluster_break  # noqa: PLC0415

    conjunct = {"Consonant": "CONSONANT", "Linker": "LINKER", "Extend": "IN_CONJUNCT"}
    asked = {
        conjunct.get(indic_conjunct_break(character).value, ""): True,
        "PICTOGRAPH": extended_pictographic(character),
        "MARK": unicodedata.category(character).startswith("M"),
        "SPACE": character == " ",
    }
    names = {name for name, holds in asked.items() if name and holds}
    return names | {grapheme_cluster_break(character).value}
