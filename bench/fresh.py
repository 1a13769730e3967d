"""A function called in a process of its own, so that no earlier measurement shows in its memory.

``call("bench.memory:trial", workers=2)`` runs ``trial(workers=2)`` and returns what it returns, as
JSON both ways. The process is ``python -m bench.fresh``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from typing import Any

from bench.places import environment

TIMEOUT_S = 3600


def call(target: str, **arguments: Any) -> Any:
    """Call ``module:function`` in a new process; raises ``RuntimeError`` with what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.fresh", target, json.dumps(arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{target} ended with exit code {done.returncode}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Answer one call."""
    target, arguments = sys.argv[1:]
    module, _, function = target.partition(":")
    result = getattr(import_module(module), function)(**json.loads(arguments))
    sys.stdout.write(f"\n{json.dumps(result)}\n")


if __name__ == "__main__":
    main()
