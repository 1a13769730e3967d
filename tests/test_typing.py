"""What a type checker knows of the installed package: a user's script is checked against it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from fault_runs import HANG_S

USER = """
import shmtext
from shmtext import BalancedText, Renderer, RunConfig, RunSummary, Style, render, run_status

config = RunConfig(corpus=BalancedText(letters="ab"), style=Style(font_sizes=(24, 32)))
summary: RunSummary = render(config, "out", workers=2)
images: int = summary.num_images
reveal_type(shmtext.render(config, "out"))
reveal_type(Renderer(config).render("out"))
reveal_type(run_status("out").finished)
render(config, 7)
render(config, "out", workers="two")
render(config, "out", engine="fibers")
RunConfig(seed="one")
Style(font_sizes="24")
summary.num_pictures
shmtext.drwa
from shmtext import drwa
"""

FOUND = """
8: note: Revealed type is "shmtext.engine.run.RunSummary"
9: note: Revealed type is "shmtext.engine.run.RunSummary"
10: note: Revealed type is "bool"
11: error: [arg-type]
12: error: [arg-type]
13: error: [arg-type]
14: error: [arg-type]
15: error: [arg-type]
16: error: [attr-defined]
17: error: [attr-defined]
18: error: [attr-defined]
"""


def test_a_user_s_script_is_checked_against_the_types_of_the_installed_package(
    tmp_path: Path,
) -> None:
    (tmp_path / "user.py").write_text(USER)
    environment = {name: value for name, value in os.environ.items() if name != "MYPYPATH"}
    said = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", "cache", "user.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
        timeout=HANG_S,
    )
    lines = re.findall(r"^user\.py:(\d+: )(note: .*|error: )(?:.*(\[.*\]))?$", said.stdout, re.M)

    assert FOUND.strip().splitlines() == ["".join(line) for line in lines], said.stdout
    assert "" == said.stderr
