"""Layout ``full`` draws what Pillow draws with Raqm: the whole canvas, in many fonts and scripts.

A sample of what ``exact_run.py`` measures at large (see ``README.md``), with few words a script.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from drawing import BUNDLED
from exact_run import compare
from exact_texts import words_of_tests
from PIL import features

FONTS = Path("/usr/share/fonts")
PACKAGED = {
    "fonts-hosny-amiri": "opentype/fonts-hosny-amiri/Amiri-Regular.ttf",
    "fonts-lohit-deva": "truetype/lohit-devanagari/Lohit-Devanagari.ttf",
    "fonts-lohit-beng-bengali": "truetype/lohit-bengali/Lohit-Bengali.ttf",
    "fonts-lohit-taml": "truetype/lohit-tamil/Lohit-Tamil.ttf",
    "fonts-smc-manjari": "opentype/malayalam/Manjari-Regular.otf",
    "fonts-tlwg-garuda-ttf": "truetype/tlwg/Garuda.ttf",
    "fonts-khmeros": "truetype/khmeros/KhmerOS.ttf",
    "fonts-sil-padauk": "truetype/padauk/Padauk-Regular.ttf",
    "fonts-kacst-one": "truetype/kacst-one/KacstOne.ttf",
    "culmus": "truetype/culmus/FrankRuehlCLM-Medium.?tf",
    "fonts-cantarell": "opentype/cantarell/Cantarell-[RV]*.otf",
    "fonts-alee": "truetype/alee/Bandal.ttf",
    "fonts-dejavu-core": "truetype/dejavu/DejaVuSans-Bold.ttf",
}
"""Debian's packages, each small, and a font of each: scripts that are shaped in different ways,
fonts that place marks and fonts that leave it to HarfBuzz, outlines of both kinds. What two are
called, and are, differs between releases."""

NUM_BUNDLED, NUM_PACKAGED = 60, 70
"""Texts a font."""

WORDS = words_of_tests()

HAS_RAQM = features.check("raqm") and features.check("fribidi")
pytestmark = pytest.mark.skipif(not HAS_RAQM, reason="Pillow finds no Raqm or no FriBiDi")


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_texts_in_a_bundled_font_are_raqm_s(path: Path) -> None:
    check(path, NUM_BUNDLED)


@pytest.mark.parametrize("package", PACKAGED)
def test_texts_in_a_font_of_debian_s_are_raqm_s(package: str) -> None:
    paths = list(FONTS.glob(PACKAGED[package]))
    if not paths:
        pytest.skip(f"no TTF or OTF file of the package {package} here")

    (path,) = paths
    check(path, NUM_PACKAGED)


def check(path: Path, num_texts: int) -> None:
    row = compare(path, WORDS, seed=0, num_texts=num_texts)

    assert [] == row["differ"]
    assert row["texts"] == row["equal"] > num_texts * 3 / 4
