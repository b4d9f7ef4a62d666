"""The record of what install has put into ARC and what stood there before.

It is a folder in ARC's data directory: `ledger.json`, and the files that were replaced, each with
its mode, owner and times. Every step is on disk before the one that relies on it, so that whoever
is killed on the way can go on from where he was. Must not decide what is to be replaced.
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
_FILE = "ledger.json"


@dataclass
class Entry:
    """One place of ARC's: the name of the file kept from it ("" where there was none), the digest
    of that file, and the digests of all that install has ever put there.
    """

    kept: str = ""
    before: str = ""
    ours: list[str] = field(default_factory=list)


class Ledger:
    """The record that lies in the data directory `data_dir`; read when it is made."""

    def __init__(self, data_dir: str) -> None:
        self.folder = os.path.join(data_dir, FOLDER)
        self.entries = self._read()

    def _read(self) -> dict[str, Entry]:
        path = os.path.join(self.folder, _FILE)
        try:
            with open(path, encoding="utf-8") as file:
                rows = json.load(file)
            return {str(target): Entry(**row) for target, row in rows.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise SiteError(
                f"{path}: cannot be read ({error}); it tells what install has replaced, and the "
                f"files themselves are beside it"
            ) from None

    def save(self) -> None:
        """Puts the record on disk; raises OSError."""
        os.makedirs(self.folder, 0o755, exist_ok=True)
        rows = {target: asdict(entry) for target, entry in sorted(self.entries.items())}
        place(os.path.join(self.folder, _FILE), json.dumps(rows, indent=1).encode() + b"\n", 0o644)

    def kept_path(self, entry: Entry) -> str:
        """Where the file that `entry` has kept is."""
        return os.path.join(self.folder, entry.kept)

    def keep(self, target: str) -> None:
        """Notes what stands at `target`, if anything, and keeps a copy; raises OSError."""
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

    def note(self, target: str, content: bytes) -> None:
        """Notes that `content` is about to be put at `target`; raises OSError."""
        entry = self.entries.setdefault(target, Entry())
        digest = hashlib.sha256(content).hexdigest()
        if digest not in entry.ours:
            entry.ours.append(digest)
            self.save()

    def forget(self, target: str) -> None:
        """Drops the entry of `target` and what was kept for it; raises OSError."""
        entry = self.entries.pop(target)
        remove(aside_path(target))
        if entry.kept:
            remove(self.kept_path(entry))
        self.save()

    def close(self) -> None:
        """Takes the whole record away once nothing is in it; raises OSError."""
        if not self.entries and os.path.isdir(self.folder):
            shutil.rmtree(self.folder)


def digest_of(path: str) -> str:
    """A digest of the file or link at `path`; "" where there is none. Raises OSError."""
    if os.path.islink(path):
        return "link:" + os.readlink(path)
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return ""


def place(target: str, content: bytes, mode: int) -> None:
    """Writes `content` at `target`, whole or not at all; raises OSError."""
    atomic_write(target, content, mode, sync=True)


def copy(source: str, target: str) -> None:
    """Copies a file or link with mode, times and owner, whole or not at all; raises OSError."""
    aside = aside_path(target)
    remove(aside)
    shutil.copy2(source, aside, follow_symlinks=False)
    status = os.lstat(source)
    if os.geteuid() == 0:
        os.chown(aside, status.st_uid, status.st_gid, follow_symlinks=False)
    if not os.path.islink(aside):
        os.chmod(aside, status.st_mode & 0o7777)
        descriptor = os.open(aside, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    os.replace(aside, target)


def remove(path: str) -> None:
    """Removes a file that may be gone already; raises OSError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
