"""The names others script against, their arguments and defaults."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest
from fault_runs import HANG_S, environment

import shmtext

NAMES = {
    "BalancedText",
    "OpenedRun",
    "Output",
    "Renderer",
    "RunConfig",
    "RunStatus",
    "RunSummary",
    "ShmtextError",
    "StoredExample",
    "Style",
    "TextFile",
    "open",
    "render",
    "run_status",
    "verify",
}


def defaults(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def parameters(function: Any) -> dict[str, Any]:
    """Names of a function's arguments, and their defaults."""
    return {name: each.default for name, each in inspect.signature(function).parameters.items()}


def test_these_are_the_public_names() -> None:
    assert NAMES == set(shmtext.__all__)
    for name in NAMES:
        assert name in dir(shmtext)
        assert callable(getattr(shmtext, name))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'rendr'"):
        shmtext.rendr  # noqa: B018


def test_render_stays_the_function_whatever_is_imported() -> None:
    import shmtext.draw.faces  # noqa: PLC0415
    from shmtext import render  # noqa: PLC0415

    assert callable(render)
    assert shmtext.render is render
    assert inspect.isfunction(render)


def test_balanced_text_has_the_seed_program_s_defaults() -> None:
    assert {
        "letters": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "numbers": "0123456789",
        "space_freq": 1,
        "character_frequency": 1_000,
        "min_example_size": 5,
        "max_example_size": 20,
        "split_letters": False,
    } == defaults(shmtext.BalancedText())


def test_pictures_are_black_on_white_at_32_px_in_jpeg_files() -> None:
    style, output = shmtext.Style(), shmtext.Output()

    assert (("#000000",), ("#ffffff",), (32,)) == (
        style.font_colors,
        style.background_colors,
        style.font_sizes,
    )
    assert ("jpg", 95, "auto", "files") == (
        output.image_format,
        output.jpeg_quality,
        output.mode,
        output.container,
    )


def test_a_config_has_these_parts() -> None:
    config = shmtext.RunConfig()

    assert (shmtext.BalancedText(), shmtext.Style(), shmtext.Output()) == (
        config.corpus,
        config.style,
        config.output,
    )
    assert (None, 0) == (config.max_images, config.seed)


def test_a_text_file_has_a_path_and_perhaps_a_column() -> None:
    assert {"path": Path("a.csv"), "column": None} == defaults(shmtext.TextFile(Path("a.csv")))
    assert "word" == shmtext.TextFile(Path("a.csv"), column="word").column
    assert Path("a.csv") == shmtext.TextFile("a.csv").path  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        shmtext.BalancedText(),
        shmtext.TextFile(Path("a")),
        shmtext.Style(),
        shmtext.Output(),
        shmtext.RunConfig(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_settings_are_frozen_and_slotted(value: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, None)
    assert not hasattr(value, "__dict__")
    assert value == type(value)(**defaults(value))
    assert hash(value) == hash(type(value)(**defaults(value)))


def test_render_takes_a_config_and_a_folder() -> None:
    required = inspect.Parameter.empty

    assert {
        "config": required,
        "out": required,
        "workers": None,
        "engine": "auto",
        "resume": "auto",
    } == parameters(shmtext.render)


def test_a_renderer_takes_a_config_and_renders_into_folders() -> None:
    required = inspect.Parameter.empty
    made, rendering = parameters(shmtext.Renderer), parameters(shmtext.Renderer.render)

    assert ["config", "workers", "engine"] == list(made)[:3]
    assert (required, None, "auto") == (made["config"], made["workers"], made["engine"])
    assert ["self", "out", "max_images"] == list(rendering)[:3]
    assert None is rendering["max_images"]


def test_errors_have_one_base_and_each_an_exit_code() -> None:
    from shmtext import errors  # noqa: PLC0415

    codes = {
        name: int(each.exit_code)
        for name, each in vars(errors).items()
        if isinstance(each, type) and issubclass(each, shmtext.ShmtextError)
    }

    assert {
        "ShmtextError": 1,
        "ConfigError": 2,
        "InputError": 2,
        "FontError": 2,
        "FolderError": 2,
        "StorageError": 3,
        "DamageError": 3,
        "SharedMemoryError": 3,
        "RendererError": 2,
        "WorkersError": 3,
        "InterruptedRunError": 130,
    } == codes


def test_importing_the_package_imports_no_large_library() -> None:
    code = (
        "import sys, shmtext; "
        "print(sorted({'numpy', 'cv2', 'pyarrow', 'PIL', 'fontTools', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
        timeout=HANG_S,
    )

    assert "[]" == done.stdout.strip()


def test_the_version_is_a_version() -> None:
    assert all(part.isdigit() for part in shmtext.__version__.split("."))
