"""A machine with nothing but Python: what the libraries ask of it, and what is said when one fails.

``.ci/run`` runs the README's first command in bare Debian systems; this can be seen anywhere.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from fault_runs import BAD_INPUT, HANG_S, environment, run

C_LIBRARY = {"ld-linux", "libc", "libdl", "libm", "libpthread", "libresolv", "librt", "libutil"}
COMPILERS = {"libgcc_s", "libstdc++", "libgomp"}
PYTHON = {
    *("libbz2", "libcrypto", "libexpat", "libffi", "liblzma", "libpython3", "libssl", "libuuid"),
    *("libmpdec", "libncursesw", "libreadline", "libsqlite3", "libtinfo", "libz", "libzstd"),
}
OPTIONAL = {"libfribidi"}
"""Loaded by Pillow where it is; no run asks it for anything."""

RENDER_AND_LIST_LIBRARIES = """
import sys
from shmtext import BalancedText, RunConfig, cli, render

render(RunConfig(corpus=BalancedText(character_frequency=2)), sys.argv[1])
files = {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
ours = (sys.prefix, sys.base_prefix + "/lib/python")
print(*(file for file in files if not file.startswith(ours)), sep="\\n")
"""

REINSTALL = "pip install --force-reinstall --no-deps opencv-python-headless"


def test_nothing_of_the_system_is_loaded_but_what_python_and_compiled_code_need(out: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", RENDER_AND_LIST_LIBRARIES, str(out)],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
        timeout=HANG_S,
    ).stdout
    names = {re.split(r"\.so|[-.]\d|-x86|-aarch", Path(line).name)[0] for line in said.split()}

    assert {"libc", "libm"} <= names
    assert set() == names - C_LIBRARY - COMPILERS - PYTHON - OPTIONAL


def broken_opencv(folder: Path, code: str, *others: str) -> Path:
    """A folder that, before all others in the path, has this as OpenCV, and other distributions."""
    (folder / "cv2").mkdir(parents=True)
    (folder / "cv2" / "__init__.py").write_text(code)
    for other in others:
        metadata = folder / f"{other.replace('-', '_')}-5.0.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {other}\nVersion: 5.0.0\n"
        )
    return folder


@pytest.mark.parametrize("other", ["opencv-python", "opencv-contrib-python"])
def test_a_wheel_that_overwrote_opencv_is_named_with_the_remedy(
    tmp_path: Path, out: Path, other: str
) -> None:
    missing = "libxcb.so.1: cannot open shared object file"
    shim = broken_opencv(tmp_path / "shim", f"raise ImportError({missing!r}, name='cv2')", other)
    ended = run("render", out, shims=[shim])

    remedy = f"pip uninstall -y {other} && {REINSTALL}"
    ended.expect(BAD_INPUT, f"({missing}): {remedy}\n", num_lines=1)
    assert not out.exists()


def test_python_is_told_the_remedy_as_well(tmp_path: Path) -> None:
    code = "raise ImportError('libGL.so.1: cannot open shared object file', name='cv2')"
    shim = broken_opencv(tmp_path / "shim", code, "opencv-python")
    script = "import shmtext; shmtext.render"
    said = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=environment(shims=[shim]),
        timeout=HANG_S,
    )

    assert 1 == said.returncode
    remedy = f"pip uninstall -y opencv-python && {REINSTALL}"
    last = said.stderr.splitlines()[-1]
    what = "libGL.so.1: cannot open shared object file"
    assert f"ImportError: OpenCV can't be loaded ({what}): {remedy}" == last


@pytest.mark.parametrize(
    "code", ["", "raise ModuleNotFoundError(name='cv2')"], ids=["folder-without-files", "no-folder"]
)
def test_an_opencv_that_was_taken_away_with_another_is_to_be_installed_again(
    tmp_path: Path, out: Path, code: str
) -> None:
    ended = run("render", out, shims=[broken_opencv(tmp_path / "shim", code)])

    ended.expect(BAD_INPUT, "OpenCV can't be loaded", f": {REINSTALL}\n", num_lines=1)


def test_another_library_of_the_system_that_is_missing_is_named(tmp_path: Path, out: Path) -> None:
    shim = tmp_path / "shim" / "pyarrow"
    shim.mkdir(parents=True)
    (shim / "__init__.py").write_text("raise ImportError('libstdc++.so.6: no such file')")
    ended = run("render", out, shims=[shim.parent])

    ended.expect(BAD_INPUT, "(libstdc++.so.6: no such file): install the package", num_lines=1)
