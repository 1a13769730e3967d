"""What to do where OpenCV can't be loaded: its wheels overwrite each other's files, and some need
libraries of a desktop (libGL). One of them alone does for pictures without windows.
"""

from __future__ import annotations

OTHER_OPENCVS = {"opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"}
"""Distributions whose files lie in the same folder as those of opencv-python-headless."""


def explained(error: ImportError) -> str:
    """Say in a line what went wrong, and which commands leave that one."""
    from importlib.metadata import distributions  # noqa: PLC0415 - when all is lost

    names = {distribution.name.lower().replace("_", "-") for distribution in distributions()}
    others = " ".join(sorted(names & OTHER_OPENCVS))
    remove = f"pip uninstall -y {others} && " if others else ""
    return (
        f"OpenCV can't be loaded ({error}): {remove}pip install --force-reinstall --no-deps "
        "opencv-python-headless"
    )
