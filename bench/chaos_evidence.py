"""Store a chaos run in a directory, with the logs and databases of the bed if anything is wrong."""

from __future__ import annotations

from pathlib import Path

from bed import Bed
from bed.arcconf import CONTROLDIR
from chaos_jobs import NOTES
from chaos_saved import Saved


def save(bed: Bed, saved: Saved, folder: Path) -> None:
    """Write the records, and what is needed to find out what went wrong if anything did."""
    folder.mkdir(parents=True, exist_ok=True)
    saved.store(folder / "records.json")
    if any(not one.excuse for one in saved.findings()):
        (folder / "evidence.tar.gz").write_bytes(_evidence(bed))


def _evidence(bed: Bed) -> bytes:
    """Return a tar archive of what is needed to find out what went wrong."""
    dump = bed.run(["pg_dump", "-d", "oar"], user="postgres").stdout
    bed.run(["tee", "/var/log/arc/oar.sql"], input=dump)
    paths = [path.lstrip("/") for path in ("/var/log/arc", "/var/log/oar.log", CONTROLDIR, NOTES)]
    tar = ["tar", "-cz", "--warning=none", "--exclude=*.fifo", "-C", "/", *paths]
    return bed.run_bytes(tar, check=False, timeout=300).stdout
