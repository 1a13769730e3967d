"""Settings in tables within tables: TOML, messages, and TOML again, with settings made up here."""

from __future__ import annotations

import tomllib
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any

import pytest
from nested_settings import Blur, Look, LookingConfig, Looks, Noise

from shmtext import Output, Style
from shmtext.config import config_from_options, load_toml
from shmtext.config.fields import settings_of
from shmtext.config.options import config_options
from shmtext.config.writing import toml_of
from shmtext.errors import ConfigError


def read(folder: Path, text: str) -> LookingConfig:
    (folder / "run.toml").write_text(text, encoding="utf-8")
    config = config_from_options(load_toml(folder / "run.toml", LookingConfig), LookingConfig)
    assert isinstance(config, LookingConfig)
    return config


def test_nothing_given_is_the_default() -> None:
    assert LookingConfig() == config_from_options({}, LookingConfig)
    assert Blur(probability=0.5) == LookingConfig().scene.scan.blur


def test_a_table_changes_what_it_names_and_leaves_the_rest_as_it_is_there(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        """
        seed = 3
        font-sizes = [8]
        [scene.scan]
        papers = ["paper.png", "/abs.png"]
        stains = "red"
        [scene.scan.blur]
        sigma-px = [1, 2.5]
        [scene.scan.noise]
        """,
    )

    assert (
        LookingConfig(
            seed=3,
            style=Style(font_sizes=(8,)),
            scene=Looks(
                scan=Look(
                    blur=Blur(probability=0.5, sigma_px=(1, 2.5)),
                    noise=Noise(),
                    papers=(tmp_path / "paper.png", Path("/abs.png")),
                    stains=("#ff0000",),
                )
            ),
        )
        == config
    )


def test_a_part_of_several_classes_is_named_by_its_kind(tmp_path: Path) -> None:
    by_default = read(tmp_path, "[scene.scan.edge]\nlevels = 3").scene.scan.edge
    named = read(tmp_path, "[scene.scan.edge]\nkind = 'Blur'\nprobability = 1").scene.scan.edge

    assert (Noise(levels=3), Blur(probability=1)) == (by_default, named)


def test_false_takes_a_part_away_that_may_be_missing(tmp_path: Path) -> None:
    assert read(tmp_path, "[scene.scan]\nblur = false").scene.scan.blur is None


def test_inline_tables_are_tables(tmp_path: Path) -> None:
    config = read(tmp_path, "scene = {scan = {blur = {probability = 1}}}")

    assert Blur(probability=1) == config.scene.scan.blur


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[scene.scan.blur]\nsigma_px = [0.4, 11]",
            "[scene.scan.blur] sigma_px must be 0 to 10, got 11",
        ),
        (
            "[scene.scan.blur]\nsigma_px = [1]",
            "[scene.scan.blur] sigma_px must be a list of 2, got [1]",
        ),
        (
            "[scene.scan.blur]\nsigma_px = [2, 1]",
            "[scene.scan.blur] sigma_px must rise, got (2, 1)",
        ),
        (
            "[scene.scan.blur]\nprobability = true",
            "[scene.scan.blur] probability must be a number, got True",
        ),
        (
            "[scene.scan.noise]\nlevels = 256",
            "[scene.scan.noise] levels must be a whole number, 1 to 255, got 256",
        ),
        ("[scene.scan]\nstains = []", "[scene.scan] stains must hold at least one value, got none"),
        ("[scene.scan]\nstains = ['blu']", "[scene.scan] stains: a colour must be"),
        ("[scene.scan]\npapers = [1]", "[scene.scan] papers must be a path without NUL, got 1"),
        (
            "[scene.scan.edge]\nkind = 'Ink'",
            "scene.scan.edge.kind must be one of Blur, Noise, got 'Ink'",
        ),
        ("[scene.scan]\nedge = false", "[scene.scan] edge must be a Blur or Noise, got False"),
        ("[scene.scan]\nblur = 3", "[scene.scan] blur must be a Blur, got 3"),
        ("[scene]\nscan = 3", "[scene] scan must be a Look, got 3"),
        ("scene = 3", "scene must be a Looks, got 3"),
        (
            "[scene.scan.blur]\nsigma = 3",
            "unknown option 'scene.scan.blur.sigma' (did you mean scene.scan.blur.sigma_px?); "
            "known are: scene.scan.blur.probability, scene.scan.blur.sigma_px",
        ),
        ("[scene.scna]\n", "unknown option 'scene.scna' (did you mean scene.scan?)"),
        ("[scne]\n", "unknown option 'scne' (did you mean scene?); known are: letters, numbers"),
        ("[scene.scan.blur]\nsigma-px = 1\nsigma_px = 2", "sets scene.scan.blur.sigma_px twice"),
    ],
)
def test_messages_name_the_table(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


CONFIGS = [
    LookingConfig(),
    LookingConfig(seed=1, scene=Looks(scan=Look(noise=Noise(levels=7)))),
    LookingConfig(
        scene=Looks(scan=Look(blur=Blur(sigma_px=(0, 1e-7)), papers=(Path("/a b/ö.png"),))),
        output=Output(csv=False),
    ),
    LookingConfig(scene=Looks(scan=Look(blur=None, edge=Blur(probability=0.25)))),
]


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_a_config_written_reads_back(tmp_path: Path, config: LookingConfig) -> None:
    assert config == read(tmp_path, toml_of(config))


def test_parts_are_tables_and_those_that_are_not_there_are_false() -> None:
    scene: Any = tomllib.loads(toml_of(LookingConfig()))["scene"]
    assert {"probability": 0.5, "sigma_px": [0.4, 1]} == scene["scan"]["blur"]
    assert scene["scan"]["noise"] is False


def test_the_part_alone_has_a_name_among_the_options() -> None:
    parts = [name for name, option in config_options(LookingConfig).items() if option.part]

    assert ["scene"] == parts


@pytest.mark.parametrize(
    ("hint", "default"),
    [
        (int | str, 1),
        (tuple[Noise, ...], ()),
        (bytes, b""),
        (int | None, 1),
        (dict[str, int], None),
    ],
    ids=str,
)
def test_a_setting_of_which_toml_could_not_speak_is_no_setting(hint: Any, default: Any) -> None:
    kind = make_dataclass("Strange", [("strange", hint, default)])

    with pytest.raises(TypeError, match=r"no setting can be of type|TOML can't say None"):
        settings_of(kind)
