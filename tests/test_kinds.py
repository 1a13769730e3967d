"""What stands in a font's place is named from its first bytes."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from drawing import BUNDLED

from shmtext.draw.faces import read_fonts
from shmtext.draw.kinds import HEAD_BYTES, foreign_kind
from shmtext.errors import FontError


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("font.ttf", b"x")
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("font.ttf"))
    return buffer.getvalue()


EOT_HEAD = bytes(8) + b"\1\0\2\0" + bytes(22) + b"LP" + bytes(100)

KINDS = {
    b"": "an empty file",
    bytes(4_000): "not a font: it begins with zeros",
    b"wOFF\0\1\0\0": "a damaged web font",
    b"\x10\x20" + EOT_HEAD[2:]: "a web font (.eot)",
    b"\x80\x01\x10\0\0\0%!PS-AdobeFont-1.0": "a Type 1 font (.pfb)",
    b"%!PS-AdobeFont-1.0: Utopia": "a Type 1 font (.pfa)",
    b"StartFontMetrics 2.0": "a file of metrics (.afm)",
    b"\0\0\1\0\0\5\0\0": "a Mac font suitcase (.dfont)",
    b"\0\5\x16\7\0\2\0\0Mac OS X": "Mac metadata (AppleDouble)",
    b"\1fcp\7\0\0\0": "a bitmap font without outlines (.pcf)",
    b"STARTFONT 2.1\n": "a bitmap font without outlines (.bdf)",
    b"SplineFontDB: 3.2": "a source of FontForge",
    gzip.compress(b"STARTFONT"): "an archive or compressed file (gzip)",
    zipped(): "an archive or compressed file (zip)",
    tarred(): "an archive or compressed file (tar)",
    b"7z\xbc\xaf\x27\x1c": "an archive or compressed file (7z)",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n": "a Git LFS pointer",
    b"/annex/objects/SHA256E-s1--0.ttf\n": "a git-annex pointer",
    b"\n<!DOCTYPE html>\n<title>Not found": "an HTML page",
    b"\xef\xbb\xbf<HTML lang=en>": "an HTML page",
    b'<?xml version="1.0"?><!DOCTYPE html>': "an HTML page",
    b'<?xml version="1.0"?>\n<svg xmlns=""><font/>': "an SVG font",
    b'<?xml version="1.0"?>\n<ttFont sfntVersion="OTTO">': "a dump of a font (.ttx)",
    b'<?xml version="1.0"?>\n<Error>AccessDenied</Error>': "an XML file",
}


@pytest.mark.parametrize(("content", "kind"), KINDS.items(), ids=KINDS.values())
def test_a_file_that_is_no_font_is_called_what_it_is(
    tmp_path: Path, content: bytes, kind: str
) -> None:
    path = tmp_path / "file.ttf"
    path.write_bytes(content)
    with pytest.raises(FontError) as caught:
        read_fonts([path])

    assert f"{path} is {kind}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("head", [b"\0\1\0\0", b"OTTO", b"true", b"ttcf", b"wOFF", b"wOF2"])
def test_what_may_be_a_font_is_left_to_its_parser(head: bytes) -> None:
    assert "" == foreign_kind(head + b"\0\x10" * 500)


def test_bundled_fonts_are_no_foreign_kind() -> None:
    assert {""} == {foreign_kind(path.read_bytes()[:HEAD_BYTES]) for path in BUNDLED}
