"""LRMS backend of ARC CE for the OAR batch scheduler.

`Submit`, `Cancel`, `Scan`, `get_lrms_info` and `get_lrms_options_schema` have the names and
arguments of ARC 6's Python backends (ARC 6.17 `src/services/a-rex/lrms/arc/lrms/slurm.py`); `Query`
is an addition. All of them raise subclasses of `OarLrmsError`; the text of each is one line.

`config` is always the path of arc.conf or of the runtime configuration that A-REX makes of it.

Functions, results and errors are imported on first use, so importing the package costs nothing.

An older Python gets one sentence, so this file must compile on Python 3.6: no future annotations.
"""

import sys

if sys.version_info < (3, 9):  # noqa: UP036 - an older Python runs this too
    _found = f"{sys.executable} is {sys.version.split()[0]}"
    _error = f"arc_lrms_oar: Python 3.9 or later is required, and {_found}"
    # With `python3 -m arc_lrms_oar` there is nobody who could catch an ImportError.
    raise SystemExit(_error) if sys.argv[:1] == ["-m"] else ImportError(_error)

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from arc_lrms_oar.version import __version__

if TYPE_CHECKING:
    from arc_lrms_oar.commands.cancel import CancelOutcome, CancelResult
    from arc_lrms_oar.commands.query import QueryResult
    from arc_lrms_oar.errors import (
        ConfigError,
        ControlDirError,
        GramiError,
        JobError,
        OarAnswerError,
        OarLrmsError,
        OarRefused,
        OarUnavailable,
        SiteError,
    )

__all__ = [
    "Cancel",
    "CancelOutcome",
    "CancelResult",
    "ConfigError",
    "ControlDirError",
    "GramiError",
    "JobError",
    "OarAnswerError",
    "OarLrmsError",
    "OarRefused",
    "OarUnavailable",
    "Query",
    "QueryResult",
    "Scan",
    "SiteError",
    "Submit",
    "__version__",
    "get_lrms_info",
    "get_lrms_options_schema",
]

_MODULES = {
    "CancelOutcome": "arc_lrms_oar.commands.cancel",
    "CancelResult": "arc_lrms_oar.commands.cancel",
    "QueryResult": "arc_lrms_oar.commands.query",
}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import a result type or an error class on first use."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        return getattr(importlib.import_module(_MODULES.get(name, "arc_lrms_oar.errors")), name)


def Submit(config: str, grami: str) -> str:
    """Submit the job of a GRAMi file to OAR and write its OAR job ID into that file.

    Idempotent: if the job has been submitted before, or a submission was interrupted, it returns
    the ID of the existing OAR job. While OAR is unavailable it retries for up to
    `submit_budget` seconds (option of arc.conf).

    Args:
        config: Path of the configuration file.
        grami: Path of the GRAMi file that A-REX wrote, `job.ID.grami` in the control directory of
            ARC 6, `jobs/…/grami` in that of ARC 7.

    Returns:
        The OAR job ID, in decimal digits.

    Raises:
        JobError: The job cannot run here; the text is written for the grid user.
        OarRefused: OAR or an admission rule refused the job; the text has OAR's reason.
        OarUnavailable: OAR did not answer.
        GramiError: The GRAMi file is missing, unreadable or malformed.
        ConfigError: The configuration is unreadable or wrong.
    """
    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.commands.submit import submit

    settings = settings_of(config)
    return str(submit(settings, client_of(settings), grami).job_id)


def Cancel(config: str, jobid: str) -> "CancelResult":
    """Delete the OAR job of a grid job.

    Args:
        config: Path of the configuration file.
        jobid: Path of the GRAMi file of the job (A-REX passes this), or an OAR job ID.

    Returns:
        The result; its `outcome` is one of CANCELLED (OAR is deleting the job), GONE (the job
        had ended, or OAR has no such job) and NOT_YET (OAR is unavailable, and `Scan` deletes the
        job later if A-REX is cancelling it).

    Raises:
        OarRefused: OAR refuses to delete a job that has not ended.
        GramiError: The GRAMi file cannot be read, or has no OAR job ID.
        ConfigError: The configuration is unreadable or wrong.
    """
    from arc_lrms_oar.commands.cancel import cancel
    from arc_lrms_oar.commands.connect import client_of, settings_of

    settings = settings_of(config)
    return cancel(settings, client_of(settings), str(jobid))


def Scan(config: str, ctr_dirs: Sequence[str]) -> list[str]:
    """Run one scan cycle: report the ended jobs of the control directories to A-REX.

    For each ended job it completes the diag file and the accounting, copies OAR's output to
    `errors`, writes `lrms_done` (exit code and reason) and wakes A-REX. Log lines go to stderr.

    Args:
        config: Path of the configuration file.
        ctr_dirs: A-REX's control directories.

    Returns:
        The grid job IDs of the reported jobs.

    Raises:
        OarUnavailable: OAR did not answer; nothing was changed.
        ControlDirError: A path is no control directory.
        ConfigError: The configuration is unreadable or wrong.
    """
    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.log import Log
    from arc_lrms_oar.scan.reconcile import scan

    settings = settings_of(config)
    return scan(settings, client_of(settings), ctr_dirs, Log("Scan", settings.log_level))


def Query(config: str, ids: Iterable[int]) -> "list[QueryResult]":
    """Ask OAR for the state and the outcome of jobs, with a fixed number of commands.

    Args:
        config: Path of the configuration file.
        ids: OAR job IDs.

    Returns:
        One result for each ID, in the same order; times are seconds since 1970. The state is
        "unknown" for a job that OAR does not know.

    Raises:
        OarUnavailable: OAR did not answer.
        ConfigError: The configuration is unreadable or wrong.
    """
    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.commands.query import query

    return query(client_of(settings_of(config)), ids)


def get_lrms_info(options: dict[Any, Any], config: "str | None" = None) -> dict[str, Any]:
    """Collect what A-REX's information provider publishes about OAR.

    Args:
        options: The options of ARC's provider, see `get_lrms_options_schema`; bytes are decoded,
            since Inline::Python passes Perl's strings as bytes.
        config: Path of the configuration file; None for the one that this CE uses ($ARC_CONFIG,
            else A-REX's runtime configuration, else /etc/arc.conf). ARC passes only `options`.

    Returns:
        The keys cluster, queues, jobs and nodes, as `infoproviders/LRMSInfo.pm` of ARC 6.17 and
        7.0 describes them: times in seconds, memory in the units of that schema.

    Raises:
        OarUnavailable: OAR did not answer; the provider must keep its last document.
        ConfigError: The options or the configuration are wrong.
    """
    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.info.provider import lrms_info

    settings = settings_of(config)
    return lrms_info(settings, client_of(settings), options, metrics=True)


def get_lrms_options_schema() -> dict[str, Any]:
    """Describe the options of `get_lrms_info` for ARC's `infoproviders/InfoChecker.pm`.

    Returns:
        The schema: `queues` with the users of each queue, and `jobs`, a list of OAR job IDs.
    """
    from arc_lrms_oar.info.options import options_schema

    return options_schema()
