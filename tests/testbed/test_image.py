"""The archive of `testbed image`, and what its entry point does before the daemons start."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from bed import image
from bed.container import add_hosts


@pytest.fixture
def archive(tmp_path: Path) -> dict[str, bytes]:
    """The files of an image whose root has one file."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_text("content\n")
    layer = tmp_path / "layer"
    diff_id = image.write_layer(root, layer)
    digest = f"sha256:{hashlib.sha256(layer.read_bytes()).hexdigest()}"
    config = image.configuration("trixie", "amd64", diff_id)
    image.write_image(tmp_path / "image.tar", config, layer, digest, "trixie")
    with tarfile.open(tmp_path / "image.tar") as opened:
        return {name: read(opened, name) for name in opened.getnames()}


def read(opened: tarfile.TarFile, name: str) -> bytes:
    content = opened.extractfile(name)
    assert content is not None
    return content.read()


def blob(archive: dict[str, bytes], digest: str) -> bytes:
    """The blob of this digest, which is checked."""
    content = archive[f"blobs/{digest.replace(':', '/')}"]
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == digest
    return content


def test_oci_layout(archive: dict[str, bytes]) -> None:
    assert json.loads(archive["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(archive["index.json"])["manifests"]
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == "trixie"
    manifest = json.loads(blob(archive, entry["digest"]))
    config = json.loads(blob(archive, manifest["config"]["digest"]))
    (layer,) = manifest["layers"]
    compressed = blob(archive, layer["digest"])
    assert layer["size"] == len(compressed)
    content = gzip.decompress(compressed)
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(content).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(content)) as root:
        assert read(root, "./file") == b"content\n"


def test_entry_point(archive: dict[str, bytes]) -> None:
    (saved,) = json.loads(archive["manifest.json"])
    assert saved["RepoTags"] == ["arc-oar-testbed:trixie"]
    config = json.loads(archive[saved["Config"]])
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    start = ["/usr/bin/python3", "/opt/arc_lrms_oar/testbed/container"]
    assert config["config"]["Entrypoint"] == start
    assert config["config"]["Cmd"] == ["demo"]


def test_hosts_of_a_container_get_the_names_once(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1\tlocalhost\n10.0.2.100\tcontainer\n")
    add_hosts(hosts)
    once = hosts.read_text()
    assert once.startswith("127.0.0.1\tlocalhost\n10.0.2.100\tcontainer\n")
    assert {"127.0.0.4 node4", "127.0.1.1 testbed.localdomain testbed"} <= set(once.splitlines())
    add_hosts(hosts)
    assert hosts.read_text() == once
