"""Prometheus' programs from Debian's packages, unpacked in the cache: no service is started.

Installed packages would start their services, on a host that may have its own.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .layout import cache_dir, locked
from .messages import BedError, tail_of

_PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-node-exporter": "prometheus-node-exporter",
}


def program(name: str) -> Path:
    """The path of prometheus, promtool or prometheus-node-exporter; raises BedError."""
    installed = shutil.which(name)
    if installed:
        return Path(installed)
    if not shutil.which("apt-get"):
        raise BedError(f"no {name} here, and no apt-get to download it")
    package = _PACKAGES[name]
    folder = cache_dir() / "host" / package
    path = folder / "usr/bin" / name
    try:
        with locked(cache_dir() / ".prometheus.lock", f"downloading {package}"):
            if not path.exists():
                _unpack(package, folder)
    except OSError as error:
        raise BedError(f"{package} cannot be downloaded to {folder}: {error.strerror}") from None
    return path


def _unpack(package: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    download = ["apt-get", "-q", "download", package]
    # The package lists may be missing or outdated: update them if the download fails.
    for command in (download, ["apt-get", "-q", "update"], download):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if command is download and done.returncode == 0:
            break
    else:
        raise BedError(f"cannot download {package}", tail_of(done.stdout + done.stderr))
    (archive,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True)
    archive.unlink()
