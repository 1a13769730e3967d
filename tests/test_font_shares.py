"""Fonts are drawn as often as ``font_share`` says, and not at all where that is 0."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shmtext
from shmtext.config import RunConfig, Style, TextFile
from shmtext.config.shares import FontShare, FontShareKind, share_of
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.record import require_record
from shmtext.draw.faces import FontFile, bundled_fonts, read_fonts, trust
from shmtext.draw.shares import fonts_with_share, shares_of
from shmtext.engine.identity import config_of
from shmtext.engine.recorded import recorded_settings
from shmtext.errors import ConfigError, FolderError, FontError

NAMES = ["Caladea-Regular.ttf", "Comfortaa-Regular.ttf", "DejaVuSans.ttf"]


@pytest.fixture(scope="module")
def fonts() -> tuple[FontFile, ...]:
    return read_fonts([bundled_fonts() / name for name in NAMES], trust)


def test_the_first_glob_that_matches_says_the_share() -> None:
    shares = [FontShare("Lora-B*", 5), FontShare("Lora*", 3), FontShare("Lora-Bold*", 9)]

    assert [5, 3, 1] == [share_of(f"{name}.ttf", shares) for name in ("Lora-Bold", "Lora", "lora")]


@given(st.text().filter(lambda name: "\0" not in name and name), st.floats(0, 1e6))
def test_any_name_can_be_given_a_share(name: str, share: float) -> None:
    spelled = FontShare.of_name(name, share).plain()

    assert FontShareKind().take("font_share", spelled) == spelled
    assert FontShare.parse(spelled).matches(name)
    assert FontShare.parse(spelled).share == share


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("Lora", "font_share must be GLOB=SHARE, as in 'Lora*=3', got 'Lora'"),
        ("=3", "font_share must be GLOB=SHARE"),
        ("Lora=often", "font_share must be GLOB=SHARE"),
        ("Lora=-1", "the share of font_share 'Lora=-1' must be 0 to 1,000,000, got -1"),
        ("Lora=nan", "must be 0 to 1,000,000, got nan"),
        (3, "font_share must be GLOB=SHARE"),
    ],
)
def test_what_is_no_share_is_refused(asked: Any, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        Style(font_share=asked)

    assert message in str(refusal.value)


def test_a_glob_that_matches_no_font_is_refused_with_the_names_there_are(
    fonts: tuple[FontFile, ...],
) -> None:
    with pytest.raises(ConfigError) as refusal:
        fonts_with_share(fonts, ["Caladea*=2", "caladea*=0"])

    assert f"font_share 'caladea*=0' matches no font; there are: {', '.join(NAMES)}" == str(
        refusal.value
    )


def test_a_run_needs_a_font_with_a_share(fonts: tuple[FontFile, ...]) -> None:
    with pytest.raises(FontError, match="no font is left: font_share gives each of them 0"):
        fonts_with_share(fonts, ["*=0"])


def test_equal_shares_are_as_none(fonts: tuple[FontFile, ...]) -> None:
    assert shares_of(fonts, []) is None
    assert shares_of(fonts, ["*=7"]) is None
    assert fonts == fonts_with_share(fonts, ["Caladea*=7"])


# -- runs ---------------------------------------------------------------------------------------

TEXTS = [f"word {number}" for number in range(400)]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("\n".join(TEXTS), encoding="utf-8")
    return RunConfig(corpus=TextFile(path), style=Style(font_sizes=(16,)))


def asking(config: RunConfig, *font_share: str) -> RunConfig:
    return replace(config, style=replace(config.style, font_share=font_share))


def fonts_in(out: Path) -> Counter[str]:
    with shmtext.open(out) as run:
        return Counter(run.row(index)["font"] for index in range(len(run)))


def test_a_run_draws_fonts_by_their_shares(config: RunConfig, tmp_path: Path) -> None:
    shmtext.render(asking(config, "Caladea*=12", "Roboto*=0", "*=0.4"), tmp_path / "out")
    found = fonts_in(tmp_path / "out")

    assert not any(name.startswith("Roboto") for name in found)
    assert found["Caladea-Regular.ttf"] > 200
    with shmtext.open(tmp_path / "out") as run:
        for index in (0, 57, len(run) - 1):
            assert (run.render(index) == run[index].picture).all()


def test_fonts_without_a_share_are_as_if_not_given(config: RunConfig, tmp_path: Path) -> None:
    some = tuple(sorted(bundled_fonts().glob("*.ttf")))
    rest = tuple(font for font in some if font.name != "Caladea-Regular.ttf")
    given = replace(config, style=replace(config.style, fonts=rest))
    one = shmtext.render(asking(config, "Caladea-Regular.ttf=0"), tmp_path / "one")
    other = shmtext.render(given, tmp_path / "other")

    assert one.digest == other.digest
    # The same run: it is found whole.
    assert 0 == shmtext.render(given, tmp_path / "one").num_rendered


def test_globs_that_come_to_the_same_shares_are_the_same_run(
    config: RunConfig, tmp_path: Path
) -> None:
    whole = shmtext.render(asking(config, "Caladea*=2"), tmp_path)
    again = shmtext.render(asking(config, "Cal*=2", "*=1"), tmp_path)

    assert whole.num_rendered == len(TEXTS)
    assert 0 == again.num_rendered
    with pytest.raises(FolderError, match="font_shares"):
        shmtext.render(asking(config, "Caladea*=3"), tmp_path)


def test_a_run_s_record_tells_its_shares(config: RunConfig, tmp_path: Path) -> None:
    shmtext.render(asking(config, "Caladea*=2", "*Mono*=0"), tmp_path)
    with OutputFolder.open(tmp_path, create=False) as folder:
        identity = require_record(folder).identity
    recorded = config_of(identity).style.font_share

    assert set(identity["fonts"]) == {each.rpartition("=")[0] for each in recorded}
    assert "Caladea-Regular.ttf=2" in recorded
    assert recorded == recorded_settings(tmp_path).config.style.font_share
    assert 0 == shmtext.render(asking(config, *recorded, "*=0"), tmp_path).num_rendered
