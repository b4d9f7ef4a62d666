"""The Debian mirror: read from the apt configuration of this host, which is not changed."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .messages import BedError

MIRROR_ENV = "ARC_OAR_TESTBED_MIRROR"
CODENAMES = frozenset(["buster", "bullseye", "bookworm", "trixie", "forky", "sid"])
NICKNAMES = frozenset(["oldoldstable", "oldstable", "stable", "testing", "unstable"])

# debootstrap supports these, or `resolve` converts them.
USABLE = ("http://", "https://", "mirror+file:/")

PASSED_ON = re.compile(
    r"Acquire::(?:Check-Date|Check-Valid-Until|ForceIPv4|ForceIPv6|Max-FutureTime|Retries"
    r"|(?:http|https)::.+)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Source:
    uri: str
    suite: str
    components: tuple[str, ...]


def parse_deb822(text: str) -> Iterator[Source]:
    """Yield the enabled `deb` sources of a .sources file."""
    for paragraph in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                fields[name] = f"{fields.get(name, '')} {line.strip()}"
            elif ":" in line:
                key, _, value = line.partition(":")
                name = key.strip().lower()
                fields[name] = value.strip()
        if fields.get("enabled", "yes").lower() in ("no", "false", "0", "off"):
            continue
        if "deb" not in fields.get("types", "").split():
            continue
        components = tuple(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(uri, suite, components)


def parse_one_line(text: str) -> Iterator[Source]:
    """Yield the `deb` lines of a .list file."""
    for raw in text.splitlines():
        line = re.sub(r"^\s*deb\s+\[[^]]*\]", "deb ", raw.split("#", 1)[0])
        words = line.split()
        if len(words) >= 3 and words[0] == "deb":
            yield Source(words[1], words[2], tuple(words[3:]))


def choose(sources: Iterable[Source]) -> str | None:
    """Return the URI of a complete Debian archive, not of updates or other projects."""
    for source in sources:
        if not source.uri.startswith(USABLE):
            continue
        if source.suite in CODENAMES | NICKNAMES and "main" in source.components:
            return source.uri.rstrip("/")
    return None


def read_sources(etc_apt: Path = Path("/etc/apt")) -> Iterator[Source]:
    folder = etc_apt / "sources.list.d"
    for path in [etc_apt / "sources.list", *sorted(folder.glob("*.list"))]:
        if path.is_file():
            yield from parse_one_line(path.read_text(errors="replace"))
    for path in sorted(folder.glob("*.sources")):
        yield from parse_deb822(path.read_text(errors="replace"))


def resolve(uri: str) -> str:
    """Replace `mirror+file:` (Debian's cloud images) by its first mirror, for debootstrap."""
    match = re.match(r"mirror\+file:(/.*)", uri)
    if not match:
        return uri
    for line in Path(re.sub("^/+", "/", match[1])).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            return line.split()[0].rstrip("/")
    raise BedError(f"no mirror is listed in the file of apt's source {uri}")


def parse_apt_config(dump: str) -> dict[str, str]:
    """Return the settings of `apt-config dump` about proxies, certificates and dates."""
    found = re.findall(r'^(\S+) "(.*)";$', dump, re.MULTILINE)
    return {name: value for name, value in found if value and PASSED_ON.fullmatch(name)}


def debian_mirror() -> str:
    uri = os.environ.get(MIRROR_ENV) or choose(read_sources())
    if not uri:
        raise BedError(
            "no Debian archive is configured in /etc/apt (a `deb` source with a Debian suite and "
            f"component main): set {MIRROR_ENV} to the URI of one"
        )
    return resolve(uri)


def apt_settings() -> dict[str, str]:
    done = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    return parse_apt_config(done.stdout)
