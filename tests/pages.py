"""The pages for users: the README, and those under ``docs/`` in the order in which it has them."""

from __future__ import annotations

import re

from fault_runs import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
NAMES = re.findall(r"^\| \[[^\]]+\]\((docs/\S+?\.md)\) \|", README, re.M)
"""From the repository."""
PAGES = {name: (REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.md", *NAMES)}
ALL = "\n".join(PAGES.values())
