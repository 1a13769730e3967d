"""Looks on other processors: the same pictures and boxes, whatever features libraries may use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from fault_runs import HANG_S
from test_processors import available, is_wide, limited

SCRIPT = Path(__file__).with_name("look_digests.py")


def digests(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT)],
        env=environment_with(environment),
        stdout=subprocess.PIPE,
        text=True,
    )


def environment_with(more: dict[str, str]) -> dict[str, str]:
    import os  # noqa: PLC0415 - what this process was started with

    return {**os.environ, **more}


def test_effects_and_presets_come_out_alike_on_every_processor() -> None:
    opencv, numpy = available()
    processors = {
        "this one": {},
        "of 256 bits": limited([*filter(is_wide, opencv)], [*filter(is_wide, numpy)], "AVX2"),
        "as plain as can be": limited(opencv, numpy, "NONE"),
    }
    running = {name: digests(environment) for name, environment in processors.items()}
    found = {
        name: json.loads(process.communicate(timeout=HANG_S)[0])
        for name, process in running.items()
    }

    for name in processors:
        different = [each for each in found[name] if found[name][each] != found["this one"][each]]
        assert not different, f"{name}: {different}"
