"""The record of the files that install put into ARC, with backups of those it replaced.

It is a directory: `ledger.json`, and the replaced files with their mode, owner and times. For an
ARC below /usr, which may be read-only, it is `/var/lib/arc-lrms-oar`; else it is in ARC's data
directory, where version 0.1.0 always had it. Every step is on disk before the step that relies on
it, so an interrupted installation can be continued.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field

from arc_lrms_oar.errors import SiteError
from arc_lrms_oar.files import aside_path, atomic_write

FOLDER = "arc_lrms_oar"
SYSTEM = "/usr/"
SYSTEM_FOLDER = "/var/lib/arc-lrms-oar"
_FILE = "ledger.json"


@dataclass
class Entry:
    """One target path.

    `kept` is the name of the backup ("" if the target did not exist), `before` the backup's digest,
    and `ours` has the digests of everything that install has put there. These are the keys of
    `ledger.json`.
    """

    kept: str = ""
    before: str = ""
    ours: list[str] = field(default_factory=list)


class InstallRecord:
    """The record for the ARC with the data directory `data_dir`, read when it is created."""

    def __init__(self, data_dir: str) -> None:
        self._former_folder = os.path.join(data_dir, FOLDER)
        below_usr = data_dir.startswith(SYSTEM)
        self.folder = SYSTEM_FOLDER if below_usr else self._former_folder
        self.entries = self._read(self.folder) or self._read(self._former_folder)

    def _read(self, folder: str) -> dict[str, Entry]:
        path = os.path.join(folder, _FILE)
        try:
            with open(path, encoding="utf-8") as file:
                rows = json.load(file)
            return {str(target): Entry(**row) for target, row in rows.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise SiteError(
                f"{path}: not readable ({error}); it lists the files that install replaced; their "
                "backups are in the same directory"
            ) from None

    def move(self) -> None:
        """Move the record of version 0.1.0 to where it belongs; raises OSError."""
        former = self._former_folder
        if former == self.folder or not os.path.isdir(former):
            return
        if os.path.exists(os.path.join(former, _FILE)):
            os.makedirs(self.folder, 0o755, exist_ok=True)
            for entry in self.entries.values():
                source = os.path.join(former, entry.kept)
                if entry.kept and os.path.lexists(source):
                    copy(source, self.backup_path(entry))
            self.save()
        shutil.rmtree(former)

    def save(self) -> None:
        """Write the record to disk; raises OSError."""
        os.makedirs(self.folder, 0o755, exist_ok=True)
        rows = {target: asdict(entry) for target, entry in sorted(self.entries.items())}
        text = json.dumps(rows, indent=1) + "\n"
        write_file(os.path.join(self.folder, _FILE), text.encode(), 0o644)

    def backup_path(self, entry: Entry) -> str:
        """The path of the entry's backup."""
        return os.path.join(self.folder, entry.kept)

    def back_up(self, target: str) -> None:
        """Record the file at `target`, if there is one, and back it up; raises OSError."""
        entry = self.entries.setdefault(target, Entry())
        digest = digest_of(target)
        if digest:
            os.makedirs(self.folder, 0o755, exist_ok=True)
            kept = f"{os.path.basename(target)}.{digest[:12]}"
            copy(target, os.path.join(self.folder, kept))
            old, entry.kept, entry.before = entry.kept, kept, digest
            self.save()
            if old not in ("", kept):
                remove(os.path.join(self.folder, old))

    def add(self, target: str, content: bytes) -> None:
        """Record that `content` is about to be written to `target`; raises OSError."""
        entry = self.entries.setdefault(target, Entry())
        digest = hashlib.sha256(content).hexdigest()
        if digest not in entry.ours:
            entry.ours.append(digest)
            self.save()

    def drop(self, target: str) -> None:
        """Remove the entry of `target` and its backup; raises OSError."""
        entry = self.entries.pop(target)
        remove(aside_path(target))
        if entry.kept:
            remove(self.backup_path(entry))
        self.save()

    def close(self) -> None:
        """Remove the record's directory if it has no entries; raises OSError."""
        if not self.entries and os.path.isdir(self.folder):
            shutil.rmtree(self.folder)


def digest_of(path: str) -> str:
    """A digest of the file or link at `path`, or "" if there is none; raises OSError."""
    if os.path.islink(path):
        return "link:" + os.readlink(path)
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return ""


def write_file(target: str, content: bytes, mode: int) -> None:
    """Write `content` to `target` atomically; raises OSError."""
    atomic_write(target, content, mode, sync=True)


def copy(source: str, target: str) -> None:
    """Copy a file or link with mode, times and owner, atomically; raises OSError."""
    temporary = aside_path(target)
    remove(temporary)
    shutil.copy2(source, temporary, follow_symlinks=False)
    status = os.lstat(source)
    if os.geteuid() == 0:
        os.chown(temporary, status.st_uid, status.st_gid, follow_symlinks=False)
    if not os.path.islink(temporary):
        os.chmod(temporary, status.st_mode & 0o7777)
        descriptor = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    os.replace(temporary, target)


def remove(path: str) -> None:
    """Remove a file if it exists; raises OSError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
