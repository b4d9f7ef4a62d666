"""Citations of docs/internals: the cited file and heading exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CITATION = re.compile(r"docs/internals/(\w+\.md)#([\w-]+)")
LINK = re.compile(r"\]\((\w+\.md)(?:#([\w-]+))?\)")


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, by GitHub's rule."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def text_files() -> list[Path]:
    """All files that git tracks or would track."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    if not listed:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def test_every_cited_heading_exists() -> None:
    citations = [
        (path, *found)
        for path in text_files()
        for found in CITATION.findall(path.read_text("utf-8", "replace"))
    ]
    assert len(citations) > 5
    missing = [
        f"{path.relative_to(ROOT)}: {document}#{anchor}"
        for path, document, anchor in citations
        if anchor not in anchors(ROOT / "docs/internals" / document)
    ]
    assert missing == []


@pytest.mark.parametrize("document", sorted((ROOT / "docs/internals").glob("*.md")), ids=str)
def test_links_between_the_documents(document: Path) -> None:
    for name, anchor in LINK.findall(document.read_text()):
        assert (document.parent / name).exists()
        assert not anchor or anchor in anchors(document.parent / name), f"{name}#{anchor}"


def test_private_notes_are_not_cited() -> None:
    """The facts were once notes outside of the repository, cited by these names."""
    names = ("FIELD-" + "NOTES", "OAR-" + "REFERENCE", "TESTBED-" + "NOTES", "OAR3-" + "LIVE")
    cited = [
        path
        for path in text_files()
        if any(name in path.read_text("utf-8", "replace") for name in names)
    ]
    assert cited == []


def test_headings_are_unique() -> None:
    for document in (ROOT / "docs/internals").glob("*.md"):
        headings = re.findall(r"^#+ (.+)$", document.read_text(), re.M)
        assert len(headings) == len(set(headings)), document
