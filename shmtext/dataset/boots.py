"""Which committed shards a power cut may have harmed, and where it is noted that they were not.

Pictures are not flushed to the disk one by one. What a host wrote before it was started anew is
therefore read once, every byte. What it wrote under its present start is in its memory or on the
disk; and so is what another host wrote, of whom no later start is known.

    .boot_checked            under which start of which host all its older shards were found whole
    .boot_checked.2-of-16    likewise, those of part 2/16
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.manifest import Manifest
from shmtext.dataset.sealed import check_types, seal, unseal
from shmtext.errors import DamageError
from shmtext.parts import names_by_part

BOOT_CHECKED = ".boot_checked"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Here:
    """The machine that looks at a folder."""

    host: str
    boot_id: str | None
    """See ``current_boot_id``; None where that can't be told: then nothing is older."""
    booted_s: float
    """Unix time of that start."""
    has_folder_alone: bool
    """No other machine writes to the file system that holds the folder: what was written there
    under another start, before this one, was written here, whatever the host was called. (In a
    container it may be called anew each time.)"""

    def wrote(self, manifest: Manifest) -> bool:
        """Whether this machine wrote a shard, under this start or another."""
        is_before = self.has_folder_alone and manifest.finished_at < self.booted_s
        return manifest.host == self.host or manifest.boot_id == self.boot_id or is_before


class Boots:
    """Starts of the hosts that wrote some shards, as far as their manifests tell."""

    def __init__(self, here: Here, manifests: Iterable[Manifest]) -> None:
        self._here = here
        self._last: dict[str, str | None] = {here.host: here.boot_id}
        """Of each host, the last that is known."""
        self._older: list[Manifest] = []
        in_time = sorted(manifests, key=lambda manifest: manifest.finished_at)
        for manifest in in_time:
            if not here.wrote(manifest):
                self._last[manifest.host] = manifest.boot_id
        self._older = [each for each in in_time if each.boot_id != self._last[self._host(each)]]

    def _host(self, manifest: Manifest) -> str:
        return self._here.host if self._here.wrote(manifest) else manifest.host

    def unchecked(self, folder: OutputFolder) -> set[int]:
        """Shards of earlier starts that were not found whole under the last one."""
        if not self._older:
            return set()
        of_parts = names_by_part(folder.list_names(), BOOT_CHECKED)
        notes = [(part, _read(folder, name)) for part, name in of_parts.items()]
        of_all = _read(folder, BOOT_CHECKED)
        return {
            each.shard
            for each in self._older
            if not self._is_last(each, of_all)
            and not any(self._is_last(each, boots) for part, boots in notes if each.shard in part)
        }

    def _is_last(self, manifest: Manifest, boots: Mapping[str, str | None]) -> bool:
        """Whether a note was made under the last start of the host that wrote a shard."""
        host = self._host(manifest)
        return host in boots and boots[host] == self._last[host]

    def note(self, folder: OutputFolder) -> None:
        """Note that the shards of earlier starts are whole; all there are, of the folder's part."""
        boots = {self._host(each): self._last[self._host(each)] for each in self._older}
        name = BOOT_CHECKED if folder.part is None else f"{BOOT_CHECKED}.{folder.part.name}"
        if boots and _read(folder, name) != boots:
            value = {"version": _VERSION, "boots": boots}
            folder.write_file(name, seal(value, readable=True), sync=False)
        if folder.part is None:
            for of_part in names_by_part(folder.list_names(), BOOT_CHECKED).values():
                folder.remove_file(of_part)


def _read(folder: OutputFolder, name: str) -> Mapping[str, str | None]:
    """Starts by host; a note that can't be read says nothing."""
    try:
        data = folder.read_file(name)
        if data is None:
            return {}
        value = unseal(data, name, _VERSION)
        check_types(name, value, {"version": int, "boots": dict})
    except DamageError:
        return {}
    boots: dict[str, str | None] = value["boots"]
    return boots
