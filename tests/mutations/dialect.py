"""Mutations of the commands for each generation of OAR."""

from __future__ import annotations

from mutations.mutation import Mutation, in_file

_mutation = in_file("oar/dialect.py", "tests/oar/test_dialect.py")

MUTATIONS: tuple[Mutation, ...] = (
    _mutation(
        "a range includes a job too few",
        "last - first >= _LONG_RANGE",
        "last - first > _LONG_RANGE",
    ),
    _mutation("a list lacks its last job", "range(first, last + 1)", "range(first, last)"),
    _mutation("separators do not count", "len(word) + 4", "len(word)"),
    _mutation(
        "an argument is too long for Linux",
        "_ARGUMENT_LIMIT = 120_000",
        "_ARGUMENT_LIMIT = 200_000",
    ),
    _mutation(
        "the last jobs are left out", "    if size:\n        yield", "    if False:\n        yield"
    ),
    _mutation(
        "a second command repeats the first", "singles, betweens, size = [], [], 0", "size = 0"
    ),
    _mutation("conditions exclude one another", '" OR ".join', '" AND ".join'),
    _mutation(
        "failed jobs are not asked for",
        "f\"state IN ('Terminated','Error') AND",
        "f\"state IN ('Terminated') AND",
    ),
    _mutation("other users' jobs are admitted", "AND ({where})", "AND {where}"),
    _mutation(
        "a site's default format applies to records",
        'return ["oarstat", "--format", "2", "-J", "-f", *_each(ids)]',
        'return ["oarstat", "-J", "-f", *_each(ids)]',
    ),
    _mutation(
        "a site's default format applies to names",
        '"--format", "2", "-J", "--sql"',
        '"-J", "--sql"',
    ),
    _mutation("OAR 4 is asked like OAR 2", ") >= 3", ") == 3"),
    _mutation("OAR 10 is asked like OAR 2", 'int(version.split(".")[0])', "int(version[0])"),
    _mutation(
        "OAR 3 reports no events",
        'return ["oarstat", "-e", "-J", *_each(ids)]',
        "return None",
    ),
    _mutation("successors on OAR 3 are not found", '"resubmit_job_id"', '"job_id"'),
    _mutation(
        "resources on OAR 3 are not asked for",
        'return ["oarstat", "-p", "-J", *_each(ids)]',
        "return None",
    ),
)
