"""What the folder ``images`` of a run holds, looked at without the package: tar files by
``tarfile``, Parquet files by pyarrow.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pyarrow.parquet as pq

SUFFIXES = {"files": "", "tar": ".tar", "tar+json": ".tar", "parquet": ".parquet"}
"""Of the path that a shard's pictures have, in each container."""
TEXTS = (".txt", ".json")
"""What is in a tar file beside pictures."""


def shard_path(container: str, shard: int) -> str:
    """Where a shard's pictures are, from the output folder: a folder or a file."""
    return f"images/{shard:05d}{SUFFIXES[container]}"


def members(path: Path) -> dict[str, bytes]:
    """Everything that is in a tar file, in its order."""
    found = {}
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None, f"{member.name} is no file"
            found[member.name] = file.read()
    return found


def pictures_of(path: Path) -> dict[str, bytes]:
    """One shard's pictures by their names."""
    if path.is_dir():
        return {each.name: each.read_bytes() for each in sorted(path.iterdir())}
    if path.suffix == ".tar":
        return {name: data for name, data in members(path).items() if not name.endswith(TEXTS)}
    # From memory: Arrow's threads may let go of a file late, when descriptors are counted.
    images = pq.read_table(io.BytesIO(path.read_bytes()), columns=["image"])["image"].to_pylist()
    return {image["path"]: image["bytes"] for image in images}


def pictures(out: Path) -> dict[str, bytes]:
    """All pictures of a run by their names, whatever holds them."""
    found: dict[str, bytes] = {}
    for path in sorted(out.glob("images/*")):
        found |= pictures_of(path)
    return found
