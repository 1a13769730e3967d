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
    "DatasetColumn",
    "DryRun",
    "ExportSummary",
    "LeftOut",
    "LoggingObserver",
    "Observer",
    "Stream",
    "StreamBatch",
    "stream",
    "OpenedRun",
    "Output",
    "Page",
    "PartSummary",
    "Progress",
    "Renderer",
    "RunConfig",
    "RunStatus",
    "RunSummary",
    "Selection",
    "ShmtextError",
    "Source",
    "StoredExample",
    "Style",
    "Template",
    "TextFile",
    "Texts",
    "export",
    "join",
    "preview",
    "open",
    "render",
    "render_part",
    "report",
    "run_status",
    "verify",
}


def defaults(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def test_these_are_the_public_names() -> None:
    # Not ``open``: whoever imports all names means Python's own.
    assert NAMES - {"open"} == set(shmtext.__all__)
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


def test_a_text_file_has_a_path_and_perhaps_a_column() -> None:
    assert {"path": Path("a.csv"), "column": None} == defaults(shmtext.TextFile(Path("a.csv")))
    assert "word" == shmtext.TextFile(Path("a.csv"), column="word").column
    assert Path("a.csv") == shmtext.TextFile("a.csv").path  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        shmtext.BalancedText(),
        shmtext.TextFile(Path("a")),
        shmtext.Texts(Path("a")),
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


def test_render_takes_config_folder_workers_and_engine_in_this_order(tmp_path: Path) -> None:
    config = shmtext.RunConfig(max_images=3)
    first = shmtext.render(config, tmp_path / "out", 1, "serial")
    again = shmtext.render(config, tmp_path / "out", resume="must")

    assert (3, 3) == (first.num_images, first.num_rendered)
    assert (3, 0) == (again.num_images, again.num_rendered)
    assert first.digest == again.digest


def test_a_renderer_takes_the_same_and_renders_into_folders(tmp_path: Path) -> None:
    config = shmtext.RunConfig(max_images=5)
    with shmtext.Renderer(config, 1, "serial") as renderer:
        assert [5, 2] == [
            renderer.render(tmp_path / "all").num_images,
            renderer.render(str(tmp_path / "some"), 2).num_images,
        ]


def test_a_config_of_defaults_draws_black_on_white_at_32_px_into_jpeg_files(tmp_path: Path) -> None:
    summary = shmtext.render(shmtext.RunConfig(max_images=3), tmp_path)
    with shmtext.open(tmp_path) as run:
        for picture, row in run:
            colors = row["font_color"], row["background_color"]
            assert ("#000000", "#ffffff", 32) == (*colors, row["font_size_px"])
            assert (2, ".jpg") == (picture.ndim, Path(row["file_name"]).suffix)
            assert len(row["text"]) >= 5
    assert summary.folder == tmp_path


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
        "VersionError": 2,
        "MissingShardsError": 3,
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
