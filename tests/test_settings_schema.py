"""The JSON Schema of settings: valid, and of one mind with what reads them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from nested_settings import LookingConfig

from shmtext import RunConfig
from shmtext.config import Start, config_from_options, load_toml
from shmtext.config.options import config_options, start_options
from shmtext.config.writing import json_schema, toml_of
from shmtext.errors import ConfigError

jsonschema = pytest.importorskip("jsonschema")


def schema(root: type[RunConfig] = RunConfig) -> Any:
    return json.loads(json.dumps(json_schema(root)))


def validator() -> Any:
    return jsonschema.Draft202012Validator(schema(LookingConfig))


@pytest.mark.parametrize("root", [RunConfig, LookingConfig])
def test_the_schema_is_one_of_2020_12(root: type[RunConfig]) -> None:
    found = schema(root)

    assert "https://json-schema.org/draft/2020-12/schema" == found["$schema"]
    jsonschema.Draft202012Validator.check_schema(found)


def test_every_option_is_described_with_its_default() -> None:
    properties = schema()["properties"]

    for name, option in {**config_options(), **start_options()}.items():
        assert option.setting.about.help in properties[name]["description"]
        assert properties[name] == properties[option.table or name].get("properties", {}).get(
            name, properties[name]
        )
    assert {"minimum": 1, "maximum": 100, "default": 95, "type": "integer"}.items() <= properties[
        "jpeg_quality"
    ].items()
    assert ["auto", "gray", "rgb"] == properties["mode"]["enum"]
    assert {"start", "corpus", "style", "output"} <= set(properties)


def test_the_defaults_are_settings() -> None:
    validator().validate(tomllib.loads(toml_of(LookingConfig(), Start())))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "font_sizes = 32",
        "font_sizes = [32, 1000]",
        "seed = 9223372036854775807",
        "space_freq = 0.5",
        "fonts = []",
        "[style]\nfont_colors = 'red'\n[output]\ncsv = false\n[corpus]\ntexts = 'a::b'",
        "[start]\nworkers = 3",
        "[scene.scan.blur]\nsigma_px = [0.4, 1]",
        "[scene.scan]\nnoise = {}",
        "[scene.scan]\nblur = false",
        "[scene.scan.edge]\nkind = 'Blur'\nprobability = 0.5",
        "look = 'scan'",
        "look = ['scan', 'clean=0.5']",
        "[look.scan.blur]\nsigma_px = {log = [0.5, 1]}",
        "[look.scan]\nshare = 2\nblur = false",
        "[look]\nscan = 0.5",
    ],
)
def test_what_it_takes_is_read(tmp_path: Path, text: str) -> None:
    validator().validate(tomllib.loads(text))
    assert_read(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "font_sizes = []",
        "font_sizes = [0]",
        "font_sizes = [1001]",
        "font_sizes = ['8']",
        "font_size = 3",
        "seed = -1",
        "seed = true",
        "space_freq = 1000001",
        "letters = 3",
        "csv = 'no'",
        "image_format = 'gif'",
        "fonts = ['']",
        "style = 3",
        "[style]\nseed = 3",
        "[start]\nworkers = 0",
        "[scene.scan.blur]\nsigma_px = [0.4]",
        "[scene.scan.blur]\nsigma_px = [0.4, 11]",
        "[scene.scan.blur]\nsigma = 1",
        "[scene.scan.noise]\nlevels = 0",
        "[scene.scan]\nedge = false",
        "[scene.scan.edge]\nkind = 'Noise'\nprobability = 0.5",
        "look = 3",
        "look = ['']",
        "[look.scan]\nshare = -1",
        "[look.scan.blur]\nsigma_px = [0.5]",
        "[look.scan.blur]\nsigma_px = {log = [0.5, 1, 2]}",
        "[look.scan.blur]\nsigma_px = {normal = [0.5, 1]}",
    ],
)
def test_what_it_refuses_is_refused(tmp_path: Path, text: str) -> None:
    assert not validator().is_valid(tomllib.loads(text))
    with pytest.raises(ConfigError):
        assert_read(tmp_path, text)


def assert_read(folder: Path, text: str) -> None:
    (folder / "run.toml").write_text(text)
    options = load_toml(folder / "run.toml", LookingConfig)
    start = {name: options.pop(name) for name in start_options() if name in options}
    Start(**start)
    config_from_options(options, LookingConfig)
