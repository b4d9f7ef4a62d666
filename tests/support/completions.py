"""Generates the shell completion of `arc-oar` with shtab, from the parser.

The files are static: completing a word starts no Python, and no command loads anything for it.
"""

from __future__ import annotations

import argparse

import shtab

from arc_lrms_oar import cli

# By metavar: what shtab offers for a value.
_FILE, _DIRECTORY = shtab.FILE, shtab.DIRECTORY
_USER = {"bash": "_shtab_users", "zsh": "_users", "fish": "(__fish_complete_users)"}
_VALUES = {
    "CONTROLDIR": _DIRECTORY,
    "DIR": _DIRECTORY,
    "FILE": _FILE,
    "GRAMI": _FILE,
    "GRAMI|ID": _FILE,
    "USER": _USER,
}
_PREAMBLE = {"bash": '_shtab_users() { compgen -u -- "$1"; }\n', "fish": "", "zsh": ""}
_FOLDER = "packaging/share"
PATHS = {
    "bash": f"{_FOLDER}/bash-completion/completions/arc-oar",
    "fish": f"{_FOLDER}/fish/vendor_completions.d/arc-oar.fish",
    "zsh": f"{_FOLDER}/zsh/site-functions/_arc-oar",
}


def completions() -> dict[str, str]:
    """The text of each file, by its path in the checkout."""
    return {path: _completion(shell) for shell, path in PATHS.items()}


def _completion(shell: str) -> str:
    table = cli.commands()
    parser = cli.parser(table, table)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                _offer_values(command)
                # shtab passes over commands without a line in argparse's own list of commands.
                line = action._ChoicesPseudoAction(name, (), table[name].summary)
                action._choices_actions.append(line)
    return shtab.complete(parser, shell, preamble=_PREAMBLE[shell]).rstrip("\n") + "\n"


def _offer_values(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if action.metavar in _VALUES:
            action.complete = _VALUES[str(action.metavar)]  # type: ignore[attr-defined]
