"""MkDocs hooks of the manual: pages from elsewhere in the repository, links, checks.

MkDocs calls the functions `on_…` (https://www.mkdocs.org/dev-guide/plugins/#events).
"""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
# Documents that are not in docs/, with their place in the manual.
_OUTSIDE = {
    "SECURITY.md": "repository/security.md",
    "CHANGELOG.md": "repository/changelog.md",
    "tests/FAULTS.md": "repository/faults.md",
    "testbed/README.md": "repository/testbed.md",
    "bench/README.md": "repository/bench.md",
    "bench/scan.svg": "repository/scan.svg",
}
_PLACES = {place: path for path, place in _OUTSIDE.items()}
_LINK = re.compile(r"\[([^]]+)\]\((?![a-z]+:)([^)\s#]+)(#[^)\s]*)?\)")
# What a page must not load from another host.
_LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
_PLAIN_LINKS = {"canonical", "next", "prev"}


def on_files(files: Any, config: Any) -> Any:
    """Add the documents that are not in docs/."""
    for path, place in _OUTSIDE.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Adapt links to the manual, and remove the class of code blocks (see CONTRIBUTING.md).

    A link to a file of the repository that has no page becomes the path of the file.
    """
    place = page.file.src_uri
    source = Path(_PLACES.get(place, f"docs/{place}"))

    def link(found: re.Match[str]) -> str:
        text, target, anchor = found[1], found[2], found[3] or ""
        path = os.path.normpath(source.parent / target)
        if path in _OUTSIDE:
            there = _OUTSIDE[path]
        elif path.startswith("docs/") and path.endswith((".md", ".svg", ".png")):
            there = path.removeprefix("docs/")
        elif (ROOT / path).exists():
            return f"`{path}`" if text in (path, target) else f"{text} (`{path}`)"
        else:
            return found[0]
        return f"[{text}]({os.path.relpath(there, os.path.dirname(place) or '.')}{anchor})"

    markdown = _LINK.sub(link, markdown)
    return re.sub(r"^( *```\w+) [\w. ]+$", r"\1", markdown, flags=re.M)


def on_post_build(config: Any) -> None:
    """Fail if a page loads anything from another host.

    The theme's page for missing addresses is removed: it loads its style from the server's root.
    """
    site = Path(config["site_dir"])
    (site / "404.html").unlink(missing_ok=True)
    for page in sorted(site.rglob("*.html")):
        reader = _Loaded()
        reader.feed(page.read_text(encoding="utf-8"))
        if reader.elsewhere:
            raise PluginError(f"{page} loads {', '.join(sorted(reader.elsewhere))}")


class _Loaded(HTMLParser):
    """Collects the addresses on other hosts from which a page loads something."""

    def __init__(self) -> None:
        super().__init__()
        self.elsewhere: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        address = values.get(_LOADED.get(tag, ""), "") or ""
        if re.match(r"(https?:)?//", address) and values.get("rel") not in _PLAIN_LINKS:
            self.elsewhere.add(address)
