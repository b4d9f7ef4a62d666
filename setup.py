"""What setup.cfg cannot express: README without the links that lead nowhere on a package index."""

import re
from pathlib import Path

from setuptools import setup

_IMAGE = re.compile(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n*")
_LINK = re.compile(r"\[([^]]+)\]\((?!https?:)([^)]+)\)")


def description() -> str:
    """README, in which the files beside it are named and not linked."""
    text = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    return _LINK.sub(_path, _IMAGE.sub("", text))


def _path(link: "re.Match[str]") -> str:
    text, path = link.groups()
    return f"`{path}`" if text == path else f"{text} (`{path}`)"


setup(long_description=description(), long_description_content_type="text/markdown")
