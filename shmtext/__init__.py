"""Labelled text pictures by the million, for training text recognisers.

    from shmtext import BalancedText, RunConfig, Style, render

    summary = render(RunConfig(corpus=BalancedText(character_frequency=100)), "out")

Names are imported when they are first used: ``import shmtext`` alone costs next to nothing, which
worker processes and ``--help`` are glad of.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shmtext.config import (
        BalancedText,
        DatasetColumn,
        Output,
        Page,
        RunConfig,
        Source,
        Style,
        Template,
        TextFile,
        Texts,
    )
    from shmtext.engine.dry_run import DryRun
    from shmtext.engine.export import ExportSummary, export
    from shmtext.engine.inspect import RunStatus, run_status, verify
    from shmtext.engine.join import join
    from shmtext.engine.logged import LoggingObserver
    from shmtext.engine.opened import OpenedRun, Selection, StoredExample
    from shmtext.engine.opened import open as open  # of no ``import *``: that would hide Python's
    from shmtext.engine.progress import Observer, Progress
    from shmtext.engine.renderer import Renderer, render, render_part
    from shmtext.engine.run import PartSummary, RunSummary
    from shmtext.errors import ShmtextError
    from shmtext.ring.batch import LeftOut, StreamBatch
    from shmtext.ring.stream import Stream, stream
    from shmtext.view.preview import preview
    from shmtext.view.report import report

__version__ = "0.1.0"

_HOMES = {
    **dict.fromkeys(("BalancedText", "Output", "Page", "RunConfig", "Style"), "config"),
    **dict.fromkeys(("DatasetColumn", "Source", "Template", "TextFile", "Texts"), "config"),
    **dict.fromkeys(("Renderer", "render", "render_part"), "engine.renderer"),
    **dict.fromkeys(("PartSummary", "RunSummary"), "engine.run"),
    "DryRun": "engine.dry_run",
    "join": "engine.join",
    "LoggingObserver": "engine.logged",
    **dict.fromkeys(("Observer", "Progress"), "engine.progress"),
    **dict.fromkeys(("ExportSummary", "export"), "engine.export"),
    **dict.fromkeys(("RunStatus", "run_status", "verify"), "engine.inspect"),
    **dict.fromkeys(("OpenedRun", "Selection", "StoredExample"), "engine.opened"),
    "open": "engine.opened",
    **dict.fromkeys(("LeftOut", "StreamBatch"), "ring.batch"),
    **dict.fromkeys(("Stream", "stream"), "ring.stream"),
    "preview": "view.preview",
    "report": "view.report",
    "ShmtextError": "errors",
}
"""Where each public name is."""

__all__ = [
    "BalancedText",
    "DatasetColumn",
    "DryRun",
    "ExportSummary",
    "LeftOut",
    "LoggingObserver",
    "Observer",
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
    "Stream",
    "StreamBatch",
    "Style",
    "Template",
    "TextFile",
    "Texts",
    "export",
    "join",
    "preview",
    "render",
    "render_part",
    "report",
    "run_status",
    "stream",
    "verify",
]


def _import(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'shmtext' has no attribute {name!r}")
    try:
        value = getattr(import_module(f"shmtext.{_HOMES[name]}"), name)
    except ImportError as error:
        if error.name != "cv2":
            raise
        from shmtext.opencv import explained  # noqa: PLC0415 - when all is lost

        raise ImportError(explained(error), name=error.name, path=error.path) from error
    globals()[name] = value
    return value


if not TYPE_CHECKING:  # to a type checker every name, whatever it is, would be there
    __getattr__ = _import


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
