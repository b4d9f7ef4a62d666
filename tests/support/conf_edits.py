"""Changes arc.conf as a cure of doctor asks for, where the cure names the line.

The form of a cure is described at `arc_lrms_oar.admin.findings.Finding`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

_BLOCK = re.compile(r"^\[(.*)\]$")


class Edit(NamedTuple):
    """The first change that a cure names, and where in the cure."""

    start: int
    function: Callable[..., str]
    words: tuple[str, ...]

    def apply(self, conf: str) -> str:
        return self.function(conf, *self.words)


def first_edit(cure: str) -> Edit | None:
    found = [
        Edit(match.start(), function, match.groups())
        for pattern, function in _EDITS.items()
        for match in re.finditer(pattern, cure)
    ]
    return min(found, key=lambda one: one.start, default=None)


def text_of(conf: str) -> list[str]:
    """The lines of an arc.conf without empty ones."""
    return [line for line in conf.splitlines() if line]


def _lines(conf: str) -> list[tuple[str, str, str]]:
    """Each line with its block, and the name of the option that it sets or ""."""
    found, block = [], ""
    for line in conf.splitlines():
        title = _BLOCK.match(line.strip())
        block = title[1] if title else block
        name, equals, _ = line.partition("=")
        found.append((line, block, name.strip() if equals and not title else ""))
    return found


def _set(conf: str, name: str, value: str, block: str) -> str:
    """Replace the option, or add it where the block begins."""
    kept = _remove(conf, name, block)
    title = f"[{block}]"
    assert f"\n{title}\n" in kept
    return kept.replace(f"\n{title}\n", f"\n{title}\n{name} = {value}\n")


def _remove(conf: str, name: str, block: str) -> str:
    return _text(line for line, at, option in _lines(conf) if (at, option) != (block, name))


def _rename(conf: str, name: str, other: str, block: str) -> str:
    return _text(
        line.replace(name, other, 1) if (at, option) == (block, name) else line
        for line, at, option in _lines(conf)
    )


def _move(conf: str, name: str, block: str) -> str:
    lines = [(line, at) for line, at, option in _lines(conf) if option == name and at != block]
    for line, at in lines:
        value = line.partition("=")[2].strip()
        conf = _set(_remove(conf, name, at), name, value, block)
    return conf


def _rename_block(conf: str, block: str, other: str) -> str:
    return conf.replace(f"\n[{block}]\n", f"\n[{other}]\n")


def _remove_block(conf: str, block: str) -> str:
    return _text(line for line, at, _ in _lines(conf) if at != block)


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


_EDITS: dict[str, Callable[..., str]] = {
    r"\bset (\w+) = (.+?) in \[(.+?)\]": _set,
    r"\bremove (\w+) from \[(.+?)\]": _remove,
    r"\brename (\w+) to (\w+) in \[(.+?)\]": _rename,
    r"\bmove (\w+) to \[(.+?)\]": _move,
    r"\brename the block \[(.+?)\] to \[(.+?)\]": _rename_block,
    r"\bremove the block \[(.+?)\]": _remove_block,
}
