"""The grid user's identity, and the rules that map it to an OAR project and queue.

The rules are in arc.conf (option `identity`), one per line: `voms /atlas/Role=pilot ->
project=pilots oar_queue=pilot`. The identity comes from A-REX's `.local` file. Pure. The Unix
account is not chosen here: A-REX's own `[mapping]` does that before it calls a backend.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

# Compiled on first use, by `re`.
_RULE = r"(voms|vo|subject|claim|authgroup)\s+(\S(?:.*\S)?)\s+->\s+(\S.*)"
_VALUE = r"(?a)(project|oar_queue)=((?:[A-Za-z0-9_]|\{vo\}|\{role\})(?:[\w.-]|\{vo\}|\{role\})*)"
_RIGHT = (
    "voms FQAN, vo NAME, subject NAME, claim NAME=VALUE or authgroup NAME (a * matches anything), "
    "then -> project=NAME oar_queue=NAME, or one of them"
)


class Identity(NamedTuple):
    """The names of a grid user: FQANs are without capability, claims are NAME=VALUE.

    `authgroups` are those of arc.conf that the user matches, in A-REX's order.
    """

    subject: str = ""
    vos: tuple[str, ...] = ()
    fqans: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    authgroups: tuple[str, ...] = ()


class Rule(NamedTuple):
    """A rule: a user with a name of `kind` that matches `pattern` gets the project and queue."""

    kind: str
    pattern: str
    project: str = ""
    oar_queue: str = ""


def rules(value: str) -> tuple[Rule, ...]:
    """Parse the rules, one per line; raises ValueError with the expected form."""
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


def from_local(local: Mapping[str, Sequence[str]]) -> Identity:
    """Return the identity in the lines of `.local`, given as each key with its values in order.

    A VO is the one that A-REX found by its own configuration, or the first part of a FQAN (ARC 6.17
    and 7.0 `src/services/a-rex/job.cpp`, `files/ControlFileContent.cpp`). ARC before 7.2 does not
    record authgroups.
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
    vos = list(dict.fromkeys(filter(None, vos)))
    return Identity(subject, tuple(vos), fqans, tuple(claims), tuple(local.get("auth", ())))


def choose(table: Sequence[Rule], user: Identity) -> tuple[str, str]:
    """Return project and OAR queue of the first rule that matches; "" for one that it omits.

    `{vo}` and `{role}` in them are replaced by those of the name that matched, or by "".
    """
    for rule in table:
        for name in _names(rule.kind, user):
            if _matches(rule.pattern, name):
                vo, role = (name, "") if rule.kind == "vo" else (_vo(name), _role(name))
                project, queue = (
                    _safe_name(text.replace("{vo}", vo).replace("{role}", role))
                    for text in (rule.project, rule.oar_queue)
                )
                return project, queue
    return "", ""


def _names(kind: str, user: Identity) -> Iterator[str]:
    kinds = {
        "subject": (user.subject,),
        "vo": user.vos,
        "voms": user.fqans,
        "claim": user.claims,
        "authgroup": user.authgroups,
    }
    return filter(None, kinds[kind])


def _matches(pattern: str, name: str) -> bool:
    """Match a pattern with `*`: the first occurrence of each part is the right one."""
    first, *others = pattern.split("*")
    if not others or not name.startswith(first):
        return name == pattern
    *inner, last = others
    start = len(first)
    for part in inner:
        found = name.find(part, start)
        if found < 0:
            return False
        start = found + len(part)
    return name.endswith(last) and start + len(last) <= len(name)


def _short(fqan: str) -> str:
    return re.sub(r"/Capability=.*|/Role=NULL(?=/|$)", "", fqan)


def _vo(fqan: str) -> str:
    match = re.match(r"/([^/=]+)(/|$)", fqan)
    return match[1] if match else ""


def _role(fqan: str) -> str:
    match = re.search(r"/Role=([^/]+)", fqan)
    return match[1] if match else ""


def _safe_name(text: str) -> str:
    """Reduce the parts that the user chose to the alphabet that is safe in OAR's SQL."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("_.-")[:100]
