"""Option parsers like those of the real commands: Perl's Getopt::Long (2.x), Python's click (3).

Each command passes in its own options as a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_INTEGER = re.compile(r"[-+]?\d+\Z")


class Parsed:
    """All values in order, under the first name of the option; the value of a flag is ""."""

    def __init__(self) -> None:
        self.options: dict[str, list[str]] = {}
        self.arguments: list[str] = []
        self.errors: list[str] = []

    def has(self, name: str) -> bool:
        return name in self.options

    def all(self, name: str) -> list[str]:
        return self.options.get(name, [])

    def last(self, name: str) -> str | None:
        values = self.options.get(name)
        return values[-1] if values else None

    def add(self, name: str, value: str) -> None:
        self.options.setdefault(name, []).append(value)


class Option:
    """`kind`: "" is a flag, "s" and "i" require a value, ":s" and ":i" take one if it fits."""

    def __init__(self, name: str, kind: str, spellings: str) -> None:
        self.name = name
        self.kind = kind
        self.spellings = spellings


def table(spec: Mapping[str, str]) -> dict[str, Option]:
    """Return the options of a spec such as {"job|j": ":i"} by each spelling ("-j", "--job")."""
    found = {}
    for names, kind in spec.items():
        dashed = [("-" if len(name) == 1 else "--") + name for name in names.split("|")]
        shown = " / ".join(f"'{d}'" for d in sorted(dashed, key=len))
        found.update(dict.fromkeys(dashed, Option(names.split("|")[0], kind, shown)))
    return found


class PerlParser:
    """Getopt::Long with gnu_getopt: bundled short options, options anywhere, unique prefixes."""

    def __init__(self, args: Sequence[str], options: Mapping[str, Option]) -> None:
        self._args = args
        self._options = options
        self._at = 0
        self._parsed = Parsed()

    def parse(self) -> Parsed:
        while self._at < len(self._args):
            word = self._args[self._at]
            self._at += 1
            if word == "--":
                self._parsed.arguments += self._args[self._at :]
                break
            if word.startswith("--"):
                self._long(word)
            elif word.startswith("-") and len(word) > 1:
                self._bundle(word[1:])
            else:
                self._parsed.arguments.append(word)
        return self._parsed

    def _long(self, word: str) -> None:
        name, equals, value = word.partition("=")
        if name not in self._options:
            fits = {self._options[n].name: n for n in self._options if n.startswith(name)}
            if len(fits) != 1:
                self._parsed.errors.append(
                    f"Option {name[2:]} is ambiguous" if fits else f"Unknown option: {name[2:]}"
                )
                return
            name = next(iter(fits.values()))
        self._take(name, value if equals else None)

    def _bundle(self, letters: str) -> None:
        while letters:
            name, letters = "-" + letters[0], letters[1:]
            if name not in self._options:
                self._parsed.errors.append(f"Unknown option: {name[1:]}")
                continue
            kind = self._options[name].kind
            if not kind:
                self._take(name, None)
                continue
            fits = kind != ":i" or _INTEGER.match(letters)
            self._take(name, letters if letters and fits else None)
            if fits:
                return

    def _take(self, name: str, value: str | None) -> None:
        option = self._options[name]
        if not option.kind:
            self._parsed.add(option.name, "")
            return
        following = self._args[self._at] if self._at < len(self._args) else None
        if value is None and following is not None and self._accepts(option.kind, following):
            value = following
            self._at += 1
        if value is None:
            if not option.kind.startswith(":"):
                self._parsed.errors.append(f"Option {name.lstrip('-')} requires an argument")
                return
            value = "0" if option.kind == ":i" else ""
        if option.kind.endswith("i") and not _INTEGER.match(value):
            self._parsed.errors.append(
                f'Value "{value}" invalid for option {name.lstrip("-")} (number expected)'
            )
            return
        self._parsed.add(option.name, value)

    @staticmethod
    def _accepts(kind: str, following: str) -> bool:
        if kind == ":i":
            return bool(_INTEGER.match(following))
        if kind == ":s":
            return not following.startswith("-")
        return True


class ClickParser:
    """click: options anywhere, no abbreviations; stops at the first error."""

    def __init__(self, args: Sequence[str], options: Mapping[str, Option]) -> None:
        self._args = args
        self._options = options
        self._at = 0
        self._parsed = Parsed()

    def parse(self) -> Parsed:
        while self._at < len(self._args) and not self._parsed.errors:
            word = self._args[self._at]
            self._at += 1
            if word == "--":
                self._parsed.arguments += self._args[self._at :]
                break
            if word.startswith("--"):
                name, equals, value = word.partition("=")
                self._one(name, value if equals else None)
            elif word.startswith("-") and len(word) > 1:
                self._bundle(word[1:])
            else:
                self._parsed.arguments.append(word)
        return self._parsed

    def _bundle(self, letters: str) -> None:
        while letters and not self._parsed.errors:
            name, letters = "-" + letters[0], letters[1:]
            if name in self._options and self._options[name].kind:
                self._one(name, letters or None)
                return
            self._one(name, None)

    def _one(self, name: str, value: str | None) -> None:
        option = self._options.get(name)
        if option is None:
            self._parsed.errors.append(f"No such option: {name}")
            return
        if not option.kind:
            self._parsed.add(option.name, "")
            return
        if value is None:
            if self._at >= len(self._args):
                self._parsed.errors.append(f"Option '{name}' requires an argument.")
                return
            value = self._args[self._at]
            self._at += 1
        if option.kind == "i" and not _INTEGER.match(value):
            self._parsed.errors.append(
                f"Invalid value for {option.spellings}: '{value}' is not a valid integer."
            )
            return
        self._parsed.add(option.name, value)
