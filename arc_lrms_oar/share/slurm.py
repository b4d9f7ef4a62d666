"""Takes the place of ARC 6's `arc/lrms/slurm.py`, so that `lrms = SLURMPY` means OAR.

ARC's own pySubmit, pyCancel, pyScanner and SLURMPYmod.pm call what stands here, and nothing of
`arc.lrms` is used in return: its configuration is a pickle in /tmp that root would trust. All ends
in the verbs that `lrms = OAR` has, too.

Source of the contract: ARC 6.10 and 6.17 `src/services/a-rex/lrms/arc/lrms/py*.py` and
`infoproviders/SLURMPYmod.pm`.
"""

from __future__ import annotations

import sys
from typing import Any

from arc_lrms_oar.arex.controldir import control_file
from arc_lrms_oar.entrypoint import run
from arc_lrms_oar.job import grami
from arc_lrms_oar.job.arcjob import from_arc

_ARC_6 = 6


def Submit(config: str, jobdesc: Any) -> str | None:
    """Submits the job of an `arc.JobDescription` and gives its OAR id, None where that failed.

    The description that pySubmit has made of the GRAMi file is not whole; it leads back to the
    file, into which the id goes as soon as it is known. What pySubmit then writes is the same line
    at the same place.
    """
    job = from_arc(jobdesc)
    if not (job.control_dir and job.grid_id):
        print(
            "The job description names no control directory and grid ID (joboption_controldir, "
            "joboption_gridid), so its GRAMi file cannot be found",
            file=sys.stderr,
        )
        return None
    path = control_file(job.control_dir, job.grid_id, "grami", _ARC_6)
    if run("submit", config, path) != 0:
        return None
    return str(grami.local_id(grami.read_values(path)))


def Cancel(config: str, jobid: str) -> bool:
    """Cancels the job of a GRAMi file, which is what A-REX gives, or one by its OAR id."""
    return run("cancel", config, jobid) == 0


def Scan(config: str, ctr_dirs: list[str]) -> None:
    """Reports the ended jobs of the control directories to A-REX."""
    run("scan", config, *ctr_dirs)


def get_lrms_options_schema() -> dict[str, Any]:
    """The options that `get_lrms_info` takes, as ARC's InfoChecker describes them."""
    from arc_lrms_oar.info.provider import options_schema

    return options_schema()


def get_lrms_info(options: dict[Any, Any]) -> dict[str, Any]:
    """What A-REX's information provider publishes of OAR.

    Raises OarLrmsError, at which the provider keeps its last document.
    """
    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.info.provider import lrms_info

    settings = settings_of(_provider_config())
    return lrms_info(settings, client_of(settings), _decoded(options))


def _provider_config() -> str | None:
    """The configuration of the provider, a Perl program inside which this runs."""
    with open("/proc/self/cmdline", "rb") as file:
        words = file.read().decode("utf-8", "surrogateescape").split("\0")
    if "--config" not in words[:-1]:
        return None
    return words[words.index("--config") + 1]


def _decoded(value: Any) -> Any:
    """Inline::Python gives Perl's strings as bytes."""
    if isinstance(value, dict):
        return {_decoded(key): _decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
