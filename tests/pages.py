"""The pages: for users the README, and those under ``docs/`` in the order in which it has them; for
who changes the package how it is built.
"""

from __future__ import annotations

import re

from fault_runs import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
NAMES = re.findall(r"^\| \[[^\]]+\]\((docs/\S+?\.md)\) \|", README, re.M)
"""From the repository."""
PAGES = {name: (REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.md", *NAMES)}
ARCHITECTURE = "shmtext/ARCHITECTURE.md"
DESIGN = {
    str(path.relative_to(REPOSITORY)): path.read_text(encoding="utf-8")
    for path in (REPOSITORY / ARCHITECTURE, *sorted((REPOSITORY / "docs/design").iterdir()))
}
ALL = "\n".join(PAGES.values())
