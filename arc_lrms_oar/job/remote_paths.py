"""Where things stand on the machine with OAR's commands, if that is another one.

Pure. Both machines see the same session directories, that one perhaps under another path (option
remote_sessiondir); what lies outside of them is taken to be at the same place.
"""

from __future__ import annotations

import posixpath

from arc_lrms_oar.job.description import JobDescription


def there(path: str, session_dir: str, remote_sessiondir: str) -> str:
    """The path there of `path` here, for the job whose session directory is `session_dir` here."""
    inside = path == session_dir or path.startswith(f"{session_dir}/")
    if not remote_sessiondir or not inside:
        return path
    name = posixpath.basename(session_dir)
    return posixpath.join(remote_sessiondir, name) + path[len(session_dir) :]


def moved(job: JobDescription, remote_sessiondir: str) -> JobDescription:
    """`job` with the paths that it has there, in the fields that A-REX writes as absolute paths."""

    def path(value: str) -> str:
        return there(value, job.session_dir, remote_sessiondir)

    return job._replace(
        stdin=job.stdin and path(job.stdin),
        stdout=job.stdout and path(job.stdout),
        stderr=job.stderr and path(job.stderr),
        session_dir=path(job.session_dir),
    )
