"""Write a root with the package as a container image, for hosts that are no Debian.

The archive is an OCI image layout that also has the older index of `docker save`, so that `podman
load`, every `docker load` and skopeo read it. The daemons run in the container itself: see
`container`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

from . import arcconf, build, package, roots
from .layout import CHECKOUT, CHECKOUT_INSIDE, state_dir
from .messages import BedError, Progress, tail_of
from .namespace import PATH_INSIDE, Namespace
from .suites import HOST, Suite

NAME = "arc-oar-testbed"
ENTRY = f"{CHECKOUT_INSIDE}/testbed/container"
# What of the checkout the image has.
PARTS = ("arc_lrms_oar", "testbed", "tests/support")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MEDIA = "application/vnd.oci.image"
_CHUNK = 1 << 20


def write(suite: Suite, output: Path, progress: Progress) -> str:
    """Write the image of a suite; returns a line about its use."""
    root = roots.ensure_root(suite, progress)
    directory = state_dir(f".image-{suite.name}")
    inside = Namespace(directory)
    directory.mkdir(parents=True, exist_ok=True)
    inside.boot(root, build.HOSTNAME, overlay=True, own_net=True, die_with_caller=True)
    try:
        progress(f"package in a copy of {root.name}")
        _fill(inside, suite, progress)
        progress(f"image: {output}")
        _write_archive(inside, suite, output)
    finally:
        inside.kill()
        inside.delete_files()
    return (
        f"{output}: {output.stat().st_size >> 20} MB; use: podman load -i {output.name} && "
        f"podman run --rm -it {NAME}:{suite.name}"
    )


def _fill(inside: Namespace, suite: Suite, progress: Progress) -> None:
    """Put into the root what `up` adds to it."""
    target = inside.path(CHECKOUT_INSIDE)
    without = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in PARTS:
        shutil.copytree(CHECKOUT / name, target / name, ignore=without, symlinks=True)
    package.install(inside, CHECKOUT, "copy", progress)
    conf = arcconf.render(arcconf.read_template(arcconf.DEFAULT_TEMPLATE))
    inside.path("/etc/arc.conf").write_text(conf)
    inside.path("/etc/testbed-suite").write_text(f"{suite.name}\n")


def _write_archive(inside: Namespace, suite: Suite, output: Path) -> None:
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".image-") as folder:
        layer = Path(folder, "layer")
        diff_id = write_layer(inside.path("/"), layer)
        digest = _digest(layer)
        machine = inside.run(["uname", "-m"]).stdout.decode().strip()
        config = configuration(suite.name, ARCHITECTURES.get(machine, machine), diff_id)
        partial = Path(folder, "image")
        write_image(partial, config, layer, digest, suite.name)
        partial.replace(output)


def write_layer(root: Path, layer: Path) -> str:
    """Write the files below `root`, without its mounts, as a compressed layer.

    Returns:
        The digest of the layer before it is compressed.
    """
    tar = ["tar", "--one-file-system", "--numeric-owner", "-C", f"{root}/", "-cf", "-", "."]
    uncompressed = hashlib.sha256()
    with subprocess.Popen(tar, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        if process.stdout is None or process.stderr is None:
            raise BedError("tar has no standard output")
        with gzip.GzipFile(layer, "wb", compresslevel=1, mtime=0) as compressed:
            while chunk := process.stdout.read(_CHUNK):
                uncompressed.update(chunk)
                compressed.write(chunk)
        errors = process.stderr.read().decode(errors="replace")
    if process.returncode != 0:
        raise BedError("cannot read the root", tail_of(errors))
    return f"sha256:{uncompressed.hexdigest()}"


def configuration(suite: str, architecture: str, diff_id: str) -> dict[str, Any]:
    """The configuration of the image (OCI image specification 1.0, config.md)."""
    return {
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Hostname": HOST,
            "Entrypoint": ["/usr/bin/python3", ENTRY],
            "Cmd": ["demo"],
            "Env": [f"PATH={PATH_INSIDE}", "LANG=C.UTF-8"],
            "WorkingDir": "/root",
            "Labels": {"org.opencontainers.image.title": f"{NAME}, Debian {suite}"},
        },
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created_by": "testbed image"}],
    }


def write_image(output: Path, config: dict[str, Any], layer: Path, digest: str, tag: str) -> None:
    """Write the archive: one layer with this digest, and the files that describe it."""
    config_blob = json.dumps(config).encode()
    layer_size = layer.stat().st_size
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_MEDIA}.manifest.v1+json",
        "config": _descriptor("config.v1+json", config_blob),
        "layers": [
            {
                "mediaType": f"{_MEDIA}.layer.v1.tar+gzip",
                "digest": digest,
                "size": layer_size,
            }
        ],
    }
    manifest_blob = json.dumps(manifest).encode()
    names = {
        "org.opencontainers.image.ref.name": tag,
        "io.containerd.image.name": f"docker.io/library/{NAME}:{tag}",
    }
    entry = {**_descriptor("manifest.v1+json", manifest_blob), "annotations": names}
    index = {"schemaVersion": 2, "manifests": [entry]}
    blobs = [config_blob, manifest_blob]
    saved = {
        "Config": _blob_path(_digest_of(config_blob)),
        "RepoTags": [f"{NAME}:{tag}"],
        "Layers": [_blob_path(digest)],
    }
    with tarfile.open(output, "w", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        _add(archive, "index.json", json.dumps(index).encode())
        _add(archive, "manifest.json", json.dumps([saved]).encode())
        for blob in blobs:
            _add(archive, _blob_path(_digest_of(blob)), blob)
        member = tarfile.TarInfo(_blob_path(digest))
        member.size = layer_size
        with layer.open("rb") as content:
            archive.addfile(member, content)


def _descriptor(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": f"{_MEDIA}.{kind}", "digest": _digest_of(blob), "size": len(blob)}


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, BytesIO(content))


def _blob_path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK):
            found.update(chunk)
    return f"sha256:{found.hexdigest()}"
