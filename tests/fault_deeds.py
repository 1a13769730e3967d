"""What the state machine and the soak share: damage of every kind, and what it leaves sound.

``fault_runs.py`` has what every fault test needs. Nothing here runs the program.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fault_runs import Tree, tree, write_shim

DAMAGEABLE = {
    "picture": "images/**/*",  # one, or all of a shard
    "label fragment": "fragments/?????.parquet",
    "skipped fragment": "fragments/?????.skipped.parquet",
    "manifest": "fragments/*.json",
    "run.json": "run.json",
    "_SUCCESS.json": "_SUCCESS.json",
    "metadata.parquet": "metadata.parquet",
    "labels.csv": "labels.csv",
    "skipped.parquet": "skipped.parquet",
    "_damaged.json": "_damaged.json",
}


# -- harm to one file ------------------------------------------------------------------------------


def truncate(path: Path, _other: Path, choice: random.Random) -> None:
    # By half at least: a JSON file that has lost its last line break only is still whole.
    os.truncate(path, choice.randrange(1, max(2, path.stat().st_size // 2)))


def empty(path: Path, _other: Path, _choice: random.Random) -> None:
    os.truncate(path, 0)


def flip_bit(path: Path, _other: Path, choice: random.Random) -> None:
    data = bytearray(path.read_bytes())
    if data:
        data[choice.randrange(len(data))] ^= 1 << choice.randrange(8)
    path.write_bytes(data)


def delete(path: Path, _other: Path, _choice: random.Random) -> None:
    path.unlink()


def swap(path: Path, other: Path, _choice: random.Random) -> None:
    ours, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(ours)


def replace_by_link(path: Path, _other: Path, choice: random.Random) -> None:
    """The bytes are still there, but elsewhere: somebody could change them."""
    elsewhere = path.with_name(f".moved-{choice.getrandbits(32):08x}")
    for above in path.parents:
        if above.name == "images":  # pictures' folders hold nothing else
            elsewhere = above.parent / elsewhere.name
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


HARMS: dict[str, Callable[[Path, Path, random.Random], None]] = {
    "truncated": truncate,
    "emptied": empty,
    "bit-flipped": flip_bit,
    "deleted": delete,
    "swapped": swap,
    "replaced by a link": replace_by_link,
}


# -- a folder under attack -------------------------------------------------------------------------


@dataclass(slots=True)
class Victim:
    """A run's folder, what it must come to, and which of its manifests were tampered with."""

    out: Path
    expected: Tree
    num_rows: Mapping[int, int]
    """How many pictures the uninterrupted run has in each shard."""
    tampered: set[tuple[str, bytes]] = field(default_factory=set)

    def damage(self, kind: str, harm: str, choice: random.Random) -> bool:
        """Harm one file of a kind; False where there is none, or nothing to swap it with.

        Those harmed before are left alone: the same harm done again might mend them.
        """
        files = [each for each in sorted(self.out.glob(DAMAGEABLE[kind])) if self.is_intact(each)]
        if not files:
            return False
        path = choice.choice(files)
        others = [each for each in files if each.read_bytes() != path.read_bytes()]
        if harm == "swapped" and not others:
            return False
        other = choice.choice(others or files)
        HARMS[harm](path, other, choice)
        if kind == "manifest":
            self.tampered |= {
                (each.name, each.read_bytes())
                for each in (path, other)
                if each.exists() and (each == path or harm == "swapped")
            }
        return True

    def is_intact(self, path: Path) -> bool:
        """Whether a file is as a run wrote it."""
        if not is_file(path):
            return False
        if path.suffix == ".json" and path.parent.name == "fragments":
            return (path.name, path.read_bytes()) not in self.tampered
        expected = self.expected.get(str(path.relative_to(self.out)))
        return expected is None or sha256(path) == expected

    def litter(self, choice: random.Random) -> None:
        """Leave what a killed run leaves in its stage, a note that leads nowhere, and a picture of
        nobody's in a shard that is a folder.
        """
        left = self.out / "_stage" / f"00000.{choice.getrandbits(32):08x}" / "images"
        left.mkdir(parents=True, exist_ok=True)
        (left / "000000000.jpg").write_bytes(b"cut sho")
        (left.parents[1] / "run.json.0123abcd").write_bytes(b"")
        note = self.out / ".boot_checked"
        note.unlink(missing_ok=True)
        note.symlink_to(left)
        (left.parents[1] / "00000.tar.0123abcd").write_bytes(b"cut sho")
        shards = sorted(path for path in self.out.glob("images/*") if path.is_dir())
        if shards:
            (choice.choice(shards) / "stray.jpg").write_bytes(b"stray")

    def sound(self) -> dict[int, bytes]:
        """Manifests of the shards that are committed with every byte as it should be."""
        hashes = {shard: self._hashes(shard) for shard in self._committed()}
        return {
            int(shard): data
            for shard, data in self._committed().items()
            if (f"{shard}.json", data) not in self.tampered
            and hashes[shard] == {k: v for k, v in self.expected.items() if is_of(k, shard)}
        }

    def committed(self) -> set[int]:
        """Shards with a manifest, sound or not."""
        return {int(path.stem) for path in self.out.glob("fragments/*.json")}

    def shards(self) -> set[int]:
        """Shards of the uninterrupted run."""
        return set(self.num_rows)

    def num_images(self, shards: set[int] | None = None) -> int:
        """Pictures that the uninterrupted run has, in some shards or all."""
        return sum(
            num_rows
            for shard, num_rows in self.num_rows.items()
            if shards is None or shard in shards
        )

    def has_record(self) -> bool:
        """Whether ``run.json`` is what it should be."""
        path = self.out / "run.json"
        return is_file(path) and sha256(path) == self.expected["run.json"]

    def is_as_expected(self) -> bool:
        """Whether every file is what the uninterrupted run came to, and no other is there.

        Marks that damage was found are no damage.
        """
        found = tree(self.out)
        found.pop("_damaged.json", None)
        return found == self.expected and not any(map(os.path.islink, self.files()))

    def files(self) -> list[Path]:
        """Everything that has a name without a dot."""
        return [path for path in self.out.rglob("*") if not path.name.startswith(".")]

    def _committed(self) -> dict[str, bytes]:
        paths = filter(is_file, sorted(self.out.glob("fragments/*.json")))
        return {path.stem: path.read_bytes() for path in paths}

    def _hashes(self, shard: str) -> Tree:
        names = (f"images/{shard}/*", f"images/{shard}.*", f"fragments/{shard}.*parquet")
        paths = [path for name in names for path in self.out.glob(name)]
        return {
            str(path.relative_to(self.out)): sha256(path) if is_file(path) else "no file"
            for path in paths
        }


def is_of(name: str, shard: str) -> bool:
    """Whether a name from a tree is a shard's."""
    return name.startswith((f"images/{shard}/", f"images/{shard}.", f"fragments/{shard}."))


def is_file(path: Path) -> bool:
    """Whether it is a file itself, and not a link to one."""
    return path.is_file() and not path.is_symlink()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def num_rows(manifest: bytes) -> int:
    """Pictures that a manifest, as its writer left it, vouches for."""
    return int(json.loads(manifest)["num_rows"])


def num_rows_of(out: Path) -> dict[int, int]:
    """How many pictures a run has in each shard."""
    return {int(path.stem): num_rows(path.read_bytes()) for path in out.glob("fragments/*.json")}


# -- death at a step -------------------------------------------------------------------------------

_STEPS = {"create": 24, "rename": 24, "remove": 24}
STEPS = {"files": _STEPS | {"create": 700}, "tar": _STEPS, "parquet": _STEPS}
"""Kinds of change to a folder, and up to which of them a death is worth trying, by container."""


def death_shim(folder: Path, who: str, step: str, number: int) -> Path:
    """Let the main process, or the first worker that gets so far, be killed before a change.

    Counted are the changes that it makes to a folder, of one kind, from its stage on.
    """
    return write_shim(
        folder,
        f"""
        left = {number}
        is_counting = False

        def look(event, arguments):
            global left, is_counting
            if event == "os.mkdir" and arguments[0] == "_stage":
                is_counting = True
            elif is_counting and (
                event == {"os.rename" if step == "rename" else "os.remove"!r}
                if {step!r} != "create"
                else event == "open" and arguments[2] & os.O_CREAT
            ):
                left -= 1
                if left == 0 and ({who!r} == "main" or once({str(folder / "died")!r})):
                    os.kill(os.getpid(), signal.SIGKILL)

        if not IS_PROBE and IS_WORKER == ({who!r} == "worker"):
            sys.addaudithook(look)
        """,
    )
