"""The same bytes on every processor: whatever codes its features let the libraries choose from.

Other processors are feigned by telling OpenCV, numpy and Arrow to leave alone what this one has.
Two can't be told. isal's level 0 was measured, with a CPUID that lies, to write the same bytes with
and without AVX, AVX2 and AVX-512. OpenCV's IPP makes no picture at all.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from fault_runs import DONE, REPOSITORY, finish, run, start, write_shim

from shmtext import RunConfig, render
from shmtext.config import Engine
from shmtext.engine import inprocess, libraries

FEATURES = """
import cv2, numpy._core._multiarray_umath as umath, pyarrow
def opencv_features():
    return [each[1:] for each in cv2.getCPUFeaturesLine().split()
            if each.startswith("*") and not each.endswith("?")]
def numpy_features():
    return [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__[name]]
features = [opencv_features(), numpy_features(), pyarrow.runtime_info().simd_level]
"""
"""What the libraries of a process may choose from, beyond what their builds take for granted."""

RENDER = f"""
import json, sys
from pathlib import Path
{FEATURES}
from plain_runs import RUNS, bytes_of
digests = {{}}
for name in RUNS:
    home = Path(sys.argv[1], name)
    home.mkdir()
    digests[name] = bytes_of(name, home)
print(json.dumps([features, digests]))
"""


def available() -> tuple[list[str], list[str]]:
    """Features that OpenCV and numpy use on this machine."""
    code = f"import json; {FEATURES.strip()}\nprint(json.dumps(features[:2]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    opencv, numpy = json.loads(done.stdout)
    return opencv, numpy


def limited(opencv: list[str], numpy: list[str], arrow: str) -> dict[str, str]:
    """An environment in which libraries leave these features alone. Each is one they know."""
    return {
        "OPENCV_CPU_DISABLE": ",".join(opencv),
        "NPY_DISABLE_CPU_FEATURES": " ".join(numpy),
        "ARROW_USER_SIMD_LEVEL": arrow,
    }


def is_wide(feature: str) -> bool:
    """Whether it is of the 512 bits that a processor with AVX2 may lack."""
    return "512" in feature or feature == "X86_V4"


def test_plain_runs_have_the_same_bytes_on_every_processor(tmp_path: Path) -> None:
    opencv, numpy = available()
    wide_opencv, wide_numpy = filter(is_wide, opencv), filter(is_wide, numpy)
    processors = {
        "this one": {},
        "of 256 bits": limited([*wide_opencv], [*wide_numpy], "AVX2"),
        "as plain as can be": limited(opencv, numpy, "NONE"),
    }
    paths = {name: tmp_path / name for name in processors}
    processes = {}
    for name, env in processors.items():
        paths[name].mkdir()
        env = {**env, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}"}
        processes[name] = start(paths[name], program=("-c", RENDER), env=env)
    ended = {name: finish(process).expect(DONE) for name, process in processes.items()}
    features, digests = {}, {}
    for name, each in ended.items():
        features[name], digests[name] = json.loads(each.stdout)

    assert [opencv, numpy] == features["this one"][:2]
    assert not any(map(is_wide, [*features["of 256 bits"][0], *features["of 256 bits"][1]]))
    assert [[], [], "none"] == features["as plain as can be"]
    for name, found in digests.items():
        differing = [run for run in found if found[run] != digests["this one"][run]]
        assert [] == differing, f"on a processor {name}"


@pytest.mark.parametrize("engine", ["serial", "threads"])
def test_pictures_are_made_without_ipp_and_pool_in_a_user_s_process_and_that_stays_as_it_was(
    out: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    seen = set()
    real = inprocess.render_shard

    def look(*arguments: object) -> object:
        seen.add((cv2.ipp.useIPP(), cv2.getNumThreads()))
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(inprocess, "render_shard", look)
    num_threads = cv2.getNumThreads()
    cv2.setNumThreads(3)
    was = cv2.ipp.useIPP(), cv2.getNumThreads()
    try:
        render(RunConfig(max_images=100), out, 2, engine)

        assert seen == {(False, 1)}
        assert was == (cv2.ipp.useIPP(), cv2.getNumThreads())
    finally:
        cv2.setNumThreads(num_threads)


def test_the_pool_comes_back_with_the_last_that_did_without_after_an_error_too() -> None:
    num_threads = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        with pytest.raises(ValueError, match="enough"), libraries.without_pool():
            with libraries.without_pool():
                pass
            assert cv2.getNumThreads() == 1
            raise ValueError("enough")

        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(num_threads)


def test_ipp_comes_back_after_an_error_too() -> None:
    was_used = cv2.ipp.useIPP()
    with pytest.raises(ValueError, match="enough"), libraries.without_ipp():
        raise ValueError("enough")

    assert was_used == cv2.ipp.useIPP()


def test_no_picture_is_made_with_ipp_in_a_worker(out: Path, tmp_path: Path) -> None:
    shim = write_shim(
        tmp_path / "shim",
        f"""
        if IS_WORKER:
            @after_import("shmtext.engine.service")
            def look(module):
                import cv2
                real = module.render_shard

                def render_shard(*arguments):
                    with open({str(tmp_path / "seen")!r}, "a") as seen:
                        seen.write(f"{{cv2.ipp.useIPP()}}\\n")
                    return real(*arguments)

                module.render_shard = render_shard
        """,
    )
    options = ("--max-images", 100, "--engine", "processes", "--workers", 1)
    run("render", out, *options, shims=[shim]).expect(DONE)

    assert {"False"} == set((tmp_path / "seen").read_text().split())
