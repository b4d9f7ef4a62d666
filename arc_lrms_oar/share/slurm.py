"""Replaces ARC 6's `arc/lrms/slurm.py`, so that `lrms = SLURMPY` runs jobs on OAR.

ARC's own pySubmit, pyCancel, pyScanner and SLURMPYmod.pm call the functions below. Nothing of
`arc.lrms` is used in return: its configuration is a pickle in /tmp that root would trust.

Source of the contract: ARC 6.10 and 6.17 `src/services/a-rex/lrms/arc/lrms/py*.py` and
`infoproviders/SLURMPYmod.pm`.
"""

import importlib
import sys
import time
from typing import Any

_TRIES = 15

# An upgrade replaces the package file by file, so it may be whole a second later.
for attempt in range(1, _TRIES + 1):
    try:
        import arc_lrms_oar
        from arc_lrms_oar.arex.controldir import control_file
        from arc_lrms_oar.entrypoint import run
        from arc_lrms_oar.job import grami
        from arc_lrms_oar.job.arcjob import from_arc

        break
    except Exception:
        if attempt == _TRIES:
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "arc_lrms_oar"]:
            del sys.modules[name]
        time.sleep(1)
        importlib.invalidate_caches()

_ARC_6 = 6

get_lrms_options_schema = arc_lrms_oar.get_lrms_options_schema


def Submit(config: str, jobdesc: Any) -> "str | None":
    """Submit the job of an `arc.JobDescription`. Returns its local job ID, None on failure.

    pySubmit's description is incomplete, so the GRAMi file that it was made of is read instead.
    The local job ID is written there at once; pySubmit then writes the same line again. A failed
    submission has one, too, by which scan reports it.
    """
    job = from_arc(jobdesc)
    if not (job.control_dir and job.grid_id):
        print(
            "The job description has no control directory or grid job ID (joboption_controldir, "
            "joboption_gridid), so its GRAMi file cannot be found",
            file=sys.stderr,
        )
        return None
    path = control_file(job.control_dir, job.grid_id, "grami", _ARC_6)
    if run("submit", config, path) != 0:
        return None
    return grami.written_id(grami.read_values(path))


def Cancel(config: str, jobid: str) -> bool:
    """Cancel the job of a GRAMi file, which A-REX passes, or an OAR job ID."""
    return run("cancel", config, jobid) == 0


def Scan(config: str, ctr_dirs: list[str]) -> None:
    """Report the ended jobs of the control directories to A-REX."""
    run("scan", config, *ctr_dirs)


def get_lrms_info(options: dict[Any, Any]) -> dict[str, Any]:
    """Collect what A-REX's information provider publishes about OAR.

    Raises OarLrmsError, on which the provider keeps its last document.
    """
    return arc_lrms_oar.get_lrms_info(options, _provider_config())


def _provider_config() -> "str | None":
    """The value of --config on the command line of the provider, the Perl process that runs this.

    SLURMPYmod.pm does not pass it on.
    """
    with open("/proc/self/cmdline", "rb") as file:
        words = file.read().decode("utf-8", "surrogateescape").split("\0")
    if "--config" not in words[:-1]:
        return None
    return words[words.index("--config") + 1]
