"""Whether a shard is whole, told from as little as can be read: a glance at many shards.

Fragments are compared by their bytes, unparsed, pictures by names and sizes. A glance finds nothing
out about a shard that is not as it was committed: what is wrong with that is ``check.py``'s to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from shmtext.checksums import crc32
from shmtext.dataset.containers.base import IMAGES
from shmtext.dataset.folder import OutputFolder, read_at
from shmtext.dataset.manifest import FRAGMENTS, Manifest, labels_name, skipped_name
from shmtext.dataset.record import RunRecord
from shmtext.errors import DamageError


@dataclass(frozen=True, slots=True, eq=False)
class Glance:
    """Folders held open for many glances. May be used by several threads."""

    record: RunRecord
    fragments_fd: int
    images_fd: int
    fragments: frozenset[str]
    """What there is in their folder."""

    def is_whole(self, manifest: Manifest) -> bool:
        """Whether a shard's files are those that were committed; False says nothing."""
        stored = manifest.stored
        if stored is None:
            return False
        if not self._has(
            labels_name(manifest.shard), manifest.fragment_bytes, manifest.fragment_crc32
        ):
            return False
        skipped = skipped_name(manifest.shard)
        if manifest.skipped_bytes is None or manifest.skipped_crc32 is None:
            if skipped.removeprefix(f"{FRAGMENTS}/") in self.fragments:
                return False
        elif not self._has(skipped, manifest.skipped_bytes, manifest.skipped_crc32):
            return False
        shard = self.record.plan.shard(manifest.shard)
        return self.record.container.is_in_place(self.images_fd, shard, stored)

    def _has(self, name: str, num_bytes: int, wanted_crc32: int) -> bool:
        try:
            data = read_at(self.fragments_fd, name.removeprefix(f"{FRAGMENTS}/"))
        except (OSError, DamageError):
            return False
        return len(data) == num_bytes and crc32(data) == wanted_crc32


@dataclass(frozen=True, slots=True, eq=False)
class SizesGlance:
    """The sizes of all objects of a run in a bucket, of which none is ever there in part."""

    record: RunRecord
    sizes: Mapping[str, int]

    def is_whole(self, manifest: Manifest) -> bool:
        """Whether a shard's objects are there, of the sizes that were committed."""
        shard = self.record.plan.shard(manifest.shard)
        wanted = {
            labels_name(shard.index): manifest.fragment_bytes,
            skipped_name(shard.index): manifest.skipped_bytes,
            self.record.container.shard_path(shard): manifest.stored_bytes,
        }
        return all(self.sizes.get(name) == num_bytes for name, num_bytes in wanted.items())


@contextmanager
def glancing(folder: OutputFolder, record: RunRecord) -> Iterator[Glance | SizesGlance | None]:
    """Hold the folders of a run open, or list them; None where one is not there to be opened."""
    fragments = folder.sizes(FRAGMENTS)
    if fragments is not None:
        yield SizesGlance(record, fragments | (folder.sizes(IMAGES) or {}))
        return
    with ExitStack() as stack:
        try:
            fragments_fd = stack.enter_context(folder.opened(FRAGMENTS))
            images_fd = stack.enter_context(folder.opened(IMAGES))
        except OSError:
            yield None
            return
        names = frozenset(folder.list_names(FRAGMENTS))
        yield Glance(record, fragments_fd, images_fd, names)
