"""A shard that another folder has committed, brought into this one: linked, or copied.

Which folders these are, and that both are of the same run, is for the caller to see to.
"""

from __future__ import annotations

import os
import socket
from dataclasses import replace

from shmtext.dataset.check import check_shard
from shmtext.dataset.containers.moving import put_in_place
from shmtext.dataset.damage import Damage
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.manifest import (
    FRAGMENTS,
    Manifest,
    current_boot_id,
    equal_manifest,
    labels_name,
    make_way,
    skipped_name,
    write_manifest,
)
from shmtext.dataset.record import RunRecord


def bring_shard(
    source: OutputFolder, folder: OutputFolder, record: RunRecord, manifest: Manifest
) -> list[Damage]:
    """Commit a shard of ``source`` in ``folder``, too; what is wrong with it, if it is not whole.

    Files are linked where both folders are on one file system that has links, else copied, and
    what is copied is read back. Raises ``StorageError``.
    """
    shard = record.plan.shard(manifest.shard)
    target = record.container.shard_path(shard)
    staged = f"{folder.stage}/{shard.name}.{os.urandom(4).hex()}"
    brought = folder.bring(source, target, staged)
    folder.make_folder(FRAGMENTS)
    there = make_way(folder, shard, record.fingerprint)
    if there is not None:
        equal_manifest(there, manifest.content)
        return []
    if brought == "nothing":
        folder.set_aside(target)
    else:
        put_in_place(folder, staged, target)
    for name in (labels_name(shard.index), skipped_name(shard.index)):
        data = source.read_file(name)
        if data is None:
            folder.remove_file(name)
        else:
            folder.write_file(name, data, sync=False)
    is_copied = brought == "copies" or (folder.is_durable and brought != "nothing")
    damages = check_shard(folder, record, manifest, checksums=is_copied)
    if damages:
        return damages
    if is_copied:
        # A power cut here may harm these files, whatever becomes of the host that rendered them.
        manifest = replace(manifest, host=socket.gethostname(), boot_id=current_boot_id())
    write_manifest(folder, manifest)
    return []
