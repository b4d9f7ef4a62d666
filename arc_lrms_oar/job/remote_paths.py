"""Paths on the machine that runs OAR's commands, where that is another one (option remote_host).

Pure. Both machines see the same session directories, perhaps under different paths (option
remote_sessiondir). Paths outside the session directories are assumed to be the same on both.
"""

from __future__ import annotations

import posixpath

from arc_lrms_oar.job.description import JobDescription


def remote_path(path: str, session_dir: str, remote_sessiondir: str) -> str:
    """Return the remote path of the local `path` of the job with the local `session_dir`."""
    inside = path == session_dir or path.startswith(f"{session_dir}/")
    if not remote_sessiondir or not inside:
        return path
    name = posixpath.basename(session_dir)
    return posixpath.join(remote_sessiondir, name) + path[len(session_dir) :]


def with_remote_paths(job: JobDescription, remote_sessiondir: str) -> JobDescription:
    """Return `job` with remote paths in the fields that A-REX writes as absolute paths."""

    def path(value: str) -> str:
        return remote_path(value, job.session_dir, remote_sessiondir)

    return job._replace(
        stdin=job.stdin and path(job.stdin),
        stdout=job.stdout and path(job.stdout),
        stderr=job.stderr and path(job.stderr),
        session_dir=path(job.session_dir),
    )
