"""What setup.cfg cannot express.

README without the links that lead nowhere on a package index, and the files for /usr/share:
setuptools 53 replaces each - in the names of their directories.
"""

import re
from pathlib import Path

from setuptools import setup

_ROOT = Path(__file__).parent
_IMAGE = re.compile(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n*")
_LINK = re.compile(r"\[([^]]+)\]\((?!https?:)([^)]+)\)")


def description() -> str:
    """README, in which the files beside it are named and not linked."""
    text = (_ROOT / "README.md").read_text(encoding="utf-8")
    return _LINK.sub(_path, _IMAGE.sub("", text))


def _path(link: "re.Match[str]") -> str:
    text, path = link.groups()
    return f"`{path}`" if text == path else f"{text} (`{path}`)"


def data_files() -> "list[tuple[str, list[str]]]":
    """The man pages and the completion of shells, by directory."""
    files = (path.relative_to(_ROOT) for path in (_ROOT / "packaging/share").rglob("*"))
    return [
        (str(path.parent.relative_to("packaging")), [str(path)])
        for path in sorted(files)
        if (_ROOT / path).is_file()
    ]


setup(
    long_description=description(),
    long_description_content_type="text/markdown",
    data_files=data_files(),
)
