"""What a file is that stands in a font's place: named from its first bytes, with a way out.

Fonts proper are left to their parsers; nothing of a file is read here but what it begins with.
"""

from __future__ import annotations

HEAD_BYTES = 1_024
"""As much of a file as ``foreign_kind`` looks at."""

NO_OUTLINES = "a bitmap font without outlines ({})"
PACKED = "an archive or compressed file ({}): unpack it"

BEGINNINGS = (
    (b"\x80\x01", "a Type 1 font (.pfb): convert it to .otf"),
    (b"%!PS-AdobeFont", "a Type 1 font (.pfa): convert it to .otf"),
    (b"%!FontType", "a Type 1 font (.pfa): convert it to .otf"),
    (b"StartFontMetrics", "a file of metrics (.afm), without the font itself"),
    (b"\x00\x00\x01\x00\x00", "a Mac font suitcase (.dfont): extract its .ttf"),
    (b"\x00\x05\x16\x07", "Mac metadata (AppleDouble), not the font itself"),
    (b"\x01fcp", NO_OUTLINES.format(".pcf")),
    (b"STARTFONT", NO_OUTLINES.format(".bdf")),
    (b"MZ", NO_OUTLINES.format(".fon, or another program of Windows")),
    (b"\x72\xb5\x4a\x86", NO_OUTLINES.format(".psf")),
    (b"\x36\x04", NO_OUTLINES.format(".psf")),
    (b"SplineFontDB", "a source of FontForge (.sfd): generate a .ttf or .otf from it"),
    (b"PK\x03\x04", PACKED.format("zip")),
    (b"\x1f\x8b", PACKED.format("gzip")),
    (b"BZh", PACKED.format("bzip2")),
    (b"\xfd7zXZ\x00", PACKED.format("xz")),
    (b"\x28\xb5\x2f\xfd", PACKED.format("zstd")),
    (b"7z\xbc\xaf\x27\x1c", PACKED.format("7z")),
    (b"Rar!", PACKED.format("rar")),
    (b"version https://git-lfs", "a Git LFS pointer, not the font itself: run `git lfs pull`"),
    (b"/annex/objects/", "a git-annex pointer, not the font itself: run `git annex get`"),
    (b"%PDF", "a PDF document"),
)
"""How files begin, and what they are."""

MARKUP = (
    (b"<!doctype html", "an HTML page, not the font itself: download the file again"),
    (b"<html", "an HTML page, not the font itself: download the file again"),
    (b"<ttfont", "a dump of a font (.ttx): make a font of it with `ttx`"),
    (b"<svg", "an SVG font or drawing: convert it to .ttf"),
    (b"<?xml", "an XML file"),
)
"""What is found near the beginning of markup, in letters of either case; the first one counts."""


def foreign_kind(head: bytes) -> str:
    """Say what a file that begins with ``head`` is; empty if it may be a font.

    >>> foreign_kind(b"%PDF-1.7"), foreign_kind(b"OTTO")
    ('a PDF document', '')
    """
    if not head:
        return "an empty file"
    if not any(head):
        return "not a font: it begins with zeros"
    # The header's magic number, after sizes and flags (Embedded OpenType, W3C submission).
    if head[34:36] == b"LP" and head[8:12] in (b"\0\0\1\0", b"\1\0\2\0", b"\2\0\2\0"):
        return "a web font (.eot): use the .ttf or .otf that it was made from"
    if head[257:262] == b"ustar":
        return PACKED.format("tar")
    for beginning, kind in BEGINNINGS:
        if head.startswith(beginning):
            return kind
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<"):
        return next((kind for mark, kind in MARKUP if mark in text), "")
    return ""
