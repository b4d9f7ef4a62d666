"""Read A-REX's GRAMi file into a `JobDescription`, and write the one line that A-REX reads back.

GRAMi is a list of shell assignments. A-REX writes values in single quotes, which may start in the
middle of a value and span lines, and a quote inside as '\\'' (ARC 6.17
`grid-manager/jobs/JobDescriptionHandler.cpp`, `write_grami`). The file is parsed here and never
given to a shell, so no value can run anything.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator, Mapping

from arc_lrms_oar import local_ids
from arc_lrms_oar.errors import GramiError
from arc_lrms_oar.job.description import JobDescription, RuntimeEnvironment
from arc_lrms_oar.safe_files import SAFE, open_regular, read_range

_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_BLANK = re.compile(r"[ \t\r]*(#[^\n]*)?(\n|$)")
_PLAIN = re.compile(r"[^'\"\\\n]+")
_TIME = re.compile("[0-9]{14}Z")
_ESCAPED = re.compile(r'\\([$`"\\\n])')

_LIMIT = 64 * 1024 * 1024
# What `append_local_id` writes for an OAR job.
_APPENDED = re.compile(rb"(?m)^joboption_jobid=([0-9]+)$")

Values = dict[str, str]


def read(path: str) -> JobDescription:
    """Read the job of the GRAMi file at `path`; raises GramiError."""
    return describe(read_values(path), path)


def read_values(path: str) -> Values:
    """Read all assignments of the GRAMi file at `path`, the last of each name.

    Raises GramiError.
    """
    return parse(read_text(path), path)


def read_text(path: str) -> str:
    """Read the text of the GRAMi file at `path`; bytes that are no UTF-8 become surrogates.

    Raises GramiError.
    """
    try:
        descriptor = open_regular(path)
        try:
            content = read_range(descriptor, 0, _LIMIT + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _cannot_read(path, error) from None
    if len(content) > _LIMIT:
        raise GramiError(f"{path}: the GRAMi file is larger than {_LIMIT >> 20} MB")
    return content.decode("utf-8", "surrogateescape")


def size(path: str) -> int:
    """Return the size in bytes, which each `append_local_id` increases; raises GramiError."""
    try:
        return os.stat(path).st_size
    except OSError as error:
        raise _cannot_read(path, error) from None


def parse(text: str, path: str) -> Values:
    """Split GRAMi text into assignments; raises GramiError, which names `path`, if malformed."""
    return {name: value for name, value, _, _ in _assignments(text, path)}


def without_local_id(text: str, path: str) -> str:
    """Return GRAMi text without the assignments of `joboption_jobid`.

    Such text inside of a quoted value stays. Of a malformed file the lines are removed that A-REX
    takes for an assignment (ARC 6.17 `JobDescriptionHandler::get_local_id`).
    """
    kept = []
    start = 0
    try:
        assignments = list(_assignments(text, path))
    except GramiError:
        return re.sub(r"(?m)^joboption_jobid=.*\n?", "", text)
    for name, _, first, end in assignments:
        if name == "joboption_jobid":
            kept.append(text[start:first])
            start = end
    return "".join(kept) + text[start:]


def _assignments(text: str, path: str) -> Iterator[tuple[str, str, int, int]]:
    """Yield name and value of each assignment, and where it starts and ends in the text."""
    position = 0
    while position < len(text):
        blank = _BLANK.match(text, position)
        if blank and blank.end() > position:
            position = blank.end()
            continue
        name = _NAME.match(text, position)
        if not name:
            raise _malformed(path, text, position, "expected NAME=value")
        start = position
        value, position = _value(text, name.end(), path)
        yield name[1], value, start, position


def _cannot_read(path: str, error: OSError) -> GramiError:
    return GramiError(f"{path}: cannot read the GRAMi file: {error.strerror}")


def _value(text: str, position: int, path: str) -> tuple[str, int]:
    parts = []
    while position < len(text) and text[position] != "\n":
        mark = text[position]
        if mark == "\\":
            parts.append(text[position + 1 : position + 2].replace("\n", ""))
            position += 2
        elif mark in "'\"":
            end = _closing(text, position, path)
            inner = text[position + 1 : end]
            parts.append(inner if mark == "'" else _ESCAPED.sub(_unescape, inner))
            position = end + 1
        else:
            plain = _PLAIN.match(text, position)
            position = plain.end() if plain else position + 1
            parts.append(plain[0] if plain else "")
    return "".join(parts), position + 1


def _unescape(match: re.Match[str]) -> str:
    return "" if match[1] == "\n" else match[1]


def _closing(text: str, position: int, path: str) -> int:
    mark = text[position]
    end = position + 1
    while end < len(text) and text[end] != mark:
        end += 2 if mark == '"' and text[end] == "\\" else 1
    if end >= len(text):
        raise _malformed(path, text, position, f"a {mark} is opened and never closed")
    return end


def _malformed(path: str, text: str, position: int, what: str) -> GramiError:
    line = text.count("\n", 0, position) + 1
    return GramiError(f"{path}, line {line}: malformed GRAMi file: {what}")


def describe(values: Mapping[str, str], path: str) -> JobDescription:
    """Make a JobDescription of GRAMi values; raises GramiError for a value that is wrong."""
    reader = _Reader(values, path)
    executable, *arguments = reader.series("arg_{}") or [""]
    if not executable:
        raise GramiError(f"{path}: no executable: joboption_arg_0 is missing or empty")
    count = reader.number("count")
    return JobDescription(
        executable=executable,
        arguments=tuple(arguments),
        name=reader.text("jobname"),
        environment=tuple(reader.pair(entry) for entry in reader.series("env_{}")),
        stdin=reader.text("stdin"),
        stdout=reader.text("stdout"),
        stderr=reader.text("stderr"),
        queue=reader.text("queue"),
        cpu_time=reader.number("cputime"),
        wall_time=reader.number("walltime"),
        memory=reader.number("memory"),
        virtual_memory=reader.number("virtualmemory"),
        disk=reader.number("disk"),
        count=count if count and count > 0 else 1,
        count_per_node=reader.positive("countpernode"),
        num_nodes=reader.positive("numnodes"),
        exclusive=values.get("joboption_exclusivenode", "").lower() in ("true", "yes"),
        runtime_environments=tuple(
            RuntimeEnvironment(name, tuple(reader.series(f"runtime_{index}_{{}}", first=1)))
            for index, name in enumerate(reader.series("runtime_{}"))
        ),
        start_time=reader.time("starttime"),
        priority=reader.number("priority"),
        project=reader.text("rsl_project"),
        node_properties=tuple(reader.series("nodeproperty_{}")),
        input_files=tuple(reader.series("inputfile_{}")),
        output_files=tuple(reader.series("outputfile_{}")),
        success_code=reader.number("arg_code"),
        grid_id=reader.text("gridid") or _grid_id_of(path),
        session_dir=reader.text("directory") or "",
        control_dir=reader.text("controldir") or "",
    )


def _grid_id_of(path: str) -> str:
    name = os.path.basename(path)
    return name[4:-6] if name.startswith("job.") and name.endswith(".grami") else ""


class _Reader:
    """Typed access to `joboption_*` values; an empty value counts as absent."""

    def __init__(self, values: Mapping[str, str], path: str) -> None:
        self.values = values
        self.path = path

    def text(self, name: str) -> str | None:
        return self.values.get(f"joboption_{name}") or None

    def series(self, pattern: str, first: int = 0) -> list[str]:
        found = []
        while f"joboption_{pattern.format(first)}" in self.values:
            found.append(self.values[f"joboption_{pattern.format(first)}"])
            first += 1
        return found

    def number(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise self._wrong(name, value, "a whole number")
        return int(value) if int(value) >= 0 else None

    def positive(self, name: str) -> int | None:
        return self.number(name) or None

    def time(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            if _TIME.fullmatch(value):
                # It takes 1.5 ms to load, and few jobs have a start time.
                import calendar

                return calendar.timegm(time.strptime(value, "%Y%m%d%H%M%SZ"))
        except ValueError:
            pass
        raise self._wrong(name, value, "a time as YYYYMMDDHHMMSSZ")

    def pair(self, entry: str) -> tuple[str, str]:
        name, _, value = entry.partition("=")
        return name, value

    def _wrong(self, name: str, value: str, right: str) -> GramiError:
        shown = value if len(value) < 60 else value[:57] + "..."
        return GramiError(f"{self.path}: joboption_{name}={shown!r} is wrong: it must be {right}")


def local_id(values: Mapping[str, str]) -> int | None:
    """Return the OAR job ID that an earlier submission has written, or None."""
    return local_ids.oar_job_id(written_id(values))


def is_unsubmitted(values: Mapping[str, str]) -> bool:
    """Return whether an earlier submission has failed and given the job up."""
    return local_ids.is_unsubmitted(written_id(values))


def written_id(values: Mapping[str, str]) -> str:
    """Return the local job ID that an earlier submission has written, of any form, or ""."""
    return values.get("joboption_jobid", "")


def append_local_id(path: str, local_id: int | str) -> None:
    """Append `joboption_jobid=ID` to the GRAMi file and flush it to disk.

    The submit script runs as the mapped user, who may append to the file but create none in the
    control directory. Raises GramiError where the file cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | SAFE)
        try:
            size = os.fstat(descriptor).st_size
            line = _line_break(os.pread(descriptor, 2, max(0, size - 2)))
            line += f"joboption_jobid={local_id}\n".encode()
            try:
                # On an almost full disk only the first digits might be written.
                if os.write(descriptor, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
    except OSError as error:
        raise GramiError(f"{path}: cannot write the job ID {local_id}: {error.strerror}") from None


def appended_id(end: bytes) -> int | None:
    """Return the OAR job ID that `append_local_id` has written last; `end` is the file's end."""
    written = _APPENDED.findall(end)
    return local_ids.oar_job_id(written[-1].decode()) if written else None


def _line_break(end: bytes) -> bytes:
    """Return what to write before a new line, after `end`; a backslash takes one newline."""
    missing = b"\n" if end and not end.endswith(b"\n") else b""
    return missing + b"\n" if (end + missing).endswith(b"\\\n") else missing
