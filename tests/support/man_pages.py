"""Generates the man pages: arc-oar(1) from the parser, arc-oar.conf(5) from the table of options.

They do not depend on the version of Python, as argparse's own layout of a help text does.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator

from arc_lrms_oar import cli
from arc_lrms_oar.options import OPTIONS, SSH_BLOCK, SSH_OPTIONS, Option

_FOLDER = "packaging/share/man"
COMMANDS_PATH = f"{_FOLDER}/man1/arc-oar.1"
OPTIONS_PATH = f"{_FOLDER}/man5/arc-oar.conf.5"
_SUMMARY = "LRMS backend of ARC CE for the OAR batch scheduler"
# Where the .deb and the .rpm have the manual.
_MANUAL = (".PP", "The manual begins with", ".IR /usr/share/doc/arc\\-lrms\\-oar/docs/index.md .")
_FILES = (
    ("/etc/arc.conf", "ARC's configuration, with the blocks of arc-oar.conf(5)."),
    (
        "/var/lib/arc-lrms-oar",
        "What install has put into an ARC below /usr, and the files that it replaced.",
    ),
)
_ENVIRONMENT = (("ARC_CONFIG", "The configuration file, if there is no --config."),)


def man_pages() -> dict[str, str]:
    """The text of each man page, by its path in the checkout."""
    return {COMMANDS_PATH: _commands_page(), OPTIONS_PATH: _options_page()}


def _commands_page() -> str:
    table = cli.commands()
    top = cli.parser(table, table)
    (commands,) = (a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    lines = [
        *_head("ARC-OAR", 1, "arc-oar", _SUMMARY),
        ".SH SYNOPSIS",
        *(line for name in table for line in _synopsis(name, commands.choices[name])),
        ".br",
        r".B arc\-oar \-\-help\fR | \fB\-\-version",
        ".SH DESCRIPTION",
        _text(
            "A-REX runs its jobs on OAR through submit, cancel, scan and info, which it starts "
            "itself. The other commands are for the administrator of the CE. Where the package is "
            "copied and has no script arc-oar, `python3 -m arc_lrms_oar` takes the same arguments."
        ),
        ".SH COMMANDS",
    ]
    for name in table:
        lines += _command(name, commands.choices[name])
    lines += [
        ".SH EXIT STATUS",
        *_list([("0", "Success."), ("1", "Failure, with a line on standard error.")]),
        *_list([("2", "Invalid arguments.")]),
        ".PP",
        _text("doctor: 0 no problem, 1 warnings, 2 failures."),
        ".SH ENVIRONMENT",
        *_list(_ENVIRONMENT),
        ".SH FILES",
        *_list(_FILES),
        ".SH SEE ALSO",
        ".BR arc\\-oar.conf (5),",
        ".BR arcctl (1),",
        ".BR oarsub (1),",
        ".BR oarstat (1)",
        *_MANUAL,
    ]
    return "\n".join(lines) + "\n"


def _synopsis(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    words = [rf"\fBarc\-oar {name}\fR"]
    for action in _own(parser):
        if action.option_strings:
            value = rf" {_value(action)}" if action.nargs != 0 else ""
            words.append(rf"[{_bold(action.option_strings[-1])}{value}]")
        else:
            words.append(_arguments(action))
    yield ".br"
    yield " ".join(words)


def _arguments(action: argparse.Action) -> str:
    if action.nargs == "*":
        return f"[{_value(action)} ...]"
    return _value(action) + (" ..." if action.nargs == "+" else "")


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f".SS {name}"
    yield _text(parser.description or "")
    yield from _list(
        (
            ", ".join(map(_bold, action.option_strings)) + (f" {_value(action)}" * takes_value)
            if action.option_strings
            else _value(action),
            _sentence(action.help or ""),
        )
        for action in _own(parser)
        for takes_value in [action.nargs != 0]
    )


def _own(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Arguments first, then options, without --help."""
    actions = [a for a in parser._actions if not isinstance(a, argparse._HelpAction)]
    return sorted(actions, key=lambda action: bool(action.option_strings))


def _options_page() -> str:
    lines = [
        *_head("ARC-OAR.CONF", 5, "arc-oar.conf", f"options of the {_SUMMARY}"),
        ".SH DESCRIPTION",
        _text(
            "These options are in the block [custom:oar] of ARC's configuration file, "
            "/etc/arc.conf. Those marked (per queue) may also be in [custom:oar/QUEUE], for one "
            "queue of ARC. Those marked (RTE) can be set for one job by a runtime environment, as "
            "joboption_oar_NAME without the oar_ of oar_queue."
        ),
        ".PP",
        _text(
            f"ARC 6's own block [{SSH_BLOCK}] is read as well, with {', '.join(SSH_OPTIONS)}; "
            "[custom:oar] has precedence."
        ),
        ".SH OPTIONS",
        *_list((_option(option), _meaning(option)) for option in OPTIONS),
        ".SH EXAMPLE",
        ".nf",
        "[lrms]",
        "lrms = OAR",
        "",
        "[queue:default]",
        "",
        "[custom:oar]",
        "default_walltime = 1:00:00",
        "",
        "[custom:oar/default]",
        "oar_queue = grid",
        ".fi",
        ".SH SEE ALSO",
        ".BR arc\\-oar (1),",
        ".BR oarsub (1)",
        *_MANUAL,
    ]
    return "\n".join(lines) + "\n"


def _option(option: Option) -> str:
    marks = [
        name for name, is_set in (("per queue", option.per_queue), ("RTE", option.by_rte)) if is_set
    ]
    scope = f" ({', '.join(marks)})" if marks else ""
    return rf"{_bold(option.name)} = \fI{_escape(option.type.name)}\fR{scope}"


def _meaning(option: Option) -> str:
    default = f" Default: {option.default}." if option.default else ""
    return f"{option.meaning}.{default}"


def _head(title: str, section: int, name: str, summary: str) -> list[str]:
    return [
        r".\" Generated by tests/generate.",
        f'.TH {title} {section} "" "arc_lrms_oar"',
        ".SH NAME",
        rf"{_escape(name)} \- {_escape(summary)}",
    ]


def _list(entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Tags, already formatted or plain, each with its text."""
    for tag, text in entries:
        yield ".TP"
        yield tag if tag.startswith("\\") else _bold(tag)
        yield _text(text)


def _value(action: argparse.Action) -> str:
    if action.choices:
        return "{" + "|".join(rf"\fB{_escape(str(one))}\fR" for one in action.choices) + "}"
    return rf"\fI{_escape(str(action.metavar))}\fR"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _bold(text: str) -> str:
    return rf"\fB{_escape(text)}\fR"


def _text(text: str) -> str:
    """One line of text; code between backquotes is bold."""
    return re.sub(r"`([^`]*)`", r"\\fB\1\\fR", _escape(text)).strip()


def _escape(text: str) -> str:
    """A line of plain text in roff: no control line, and each `-` can be copied."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return escaped if not escaped.startswith(".") else r"\&" + escaped
