"""Who the grid user is, and which OAR project and queue that gives his jobs.

The rules stand in arc.conf (option `identity`), one a line: `voms /atlas/Role=pilot ->
project=pilots oar_queue=pilot`. What a user is known by stands in A-REX's `.local` file. Pure. The
Unix account is not chosen here: A-REX's own `[mapping]` does that, before any backend is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

# They are compiled where there are rules.
_RULE = r"(voms|vo|subject|claim)\s+(\S(?:.*\S)?)\s+->\s+(\S.*)"
_VALUE = r"(?a)(project|oar_queue)=((?:[A-Za-z0-9_]|\{vo\}|\{role\})(?:[\w.-]|\{vo\}|\{role\})*)"
_RIGHT = (
    "voms FQAN, vo NAME, subject NAME or claim NAME=VALUE (a * stands for anything), then "
    "-> project=NAME oar_queue=NAME, or one of them"
)


class Identity(NamedTuple):
    """What A-REX knows of a grid user: FQANs without capability, and claims as name=value."""

    subject: str = ""
    vos: tuple[str, ...] = ()
    fqans: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()


class Rule(NamedTuple):
    """What a user gets one of whose names, of one kind, is as `pattern` says."""

    kind: str
    pattern: str
    project: str = ""
    oar_queue: str = ""


def rules(value: str) -> tuple[Rule, ...]:
    """The rules in `value`, one a line; raises ValueError with what would be right."""
    found = []
    for line in filter(None, map(str.strip, value.split("\n"))):
        rule = re.fullmatch(_RULE, line)
        if not rule:
            raise ValueError(_RIGHT)
        given = {}
        for word in rule[3].split():
            pair = re.fullmatch(_VALUE, word)
            if not pair or pair[1] in given:
                raise ValueError(_RIGHT)
            given[pair[1]] = pair[2]
        found.append(Rule(rule[1], rule[2], **given))
    return tuple(found)


def of_local(local: Mapping[str, Sequence[str]]) -> Identity:
    """Who the user is, by the lines of `.local`, each key with its values in order.

    A VO is one that A-REX has found by its own configuration, or the first part of a FQAN (ARC
    6.17 and 7.0 `src/services/a-rex/job.cpp`, `files/ControlFileContent.cpp`).
    """
    fqans = tuple(_short(text) for text in local.get("voms", ()))
    vos = [*local.get("localvo", ()), *(_vo(fqan) for fqan in fqans)]
    claims = [
        f"{key[len('tokenclaim.') :]}={value}"
        for key, values in local.items()
        if key.startswith("tokenclaim.")
        for value in values
    ]
    subject = "".join(local.get("subject", ())[-1:])
    return Identity(subject, tuple(dict.fromkeys(filter(None, vos))), fqans, tuple(claims))


def choose(table: Sequence[Rule], who: Identity) -> tuple[str, str]:
    """Project and OAR queue by the first rule that is about `who`; "" for what it does not give.

    `{vo}` and `{role}` in them are those of the name that the rule was met by, else empty.
    """
    for rule in table:
        for name in _names(rule.kind, who):
            if _like(rule.pattern, name):
                vo, role = (name, "") if rule.kind == "vo" else (_vo(name), _role(name))
                project, queue = (
                    _word(text.replace("{vo}", vo).replace("{role}", role))
                    for text in (rule.project, rule.oar_queue)
                )
                return project, queue
    return "", ""


def _names(kind: str, who: Identity) -> Iterator[str]:
    kinds = {"subject": (who.subject,), "vo": who.vos, "voms": who.fqans, "claim": who.claims}
    return filter(None, kinds[kind])


def _like(pattern: str, name: str) -> bool:
    """Each part of the pattern at its first place is right, so nothing has to be tried twice."""
    first, *others = pattern.split("*")
    if not others or not name.startswith(first):
        return name == pattern
    *inner, last = others
    place = len(first)
    for part in inner:
        found = name.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return name.endswith(last) and place + len(last) <= len(name)


def _short(fqan: str) -> str:
    return re.sub(r"/Capability=.*|/Role=NULL(?=/|$)", "", fqan)


def _vo(fqan: str) -> str:
    match = re.match(r"/([^/=]+)(/|$)", fqan)
    return match[1] if match else ""


def _role(fqan: str) -> str:
    match = re.search(r"/Role=([^/]+)", fqan)
    return match[1] if match else ""


def _word(text: str) -> str:
    """The user's own words in it are reduced to what OAR can hold in its SQL."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("_.-")[:100]
