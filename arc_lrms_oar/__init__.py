"""The LRMS backend of ARC CE for the OAR batch scheduler.

The API mirrors ARC's `arc.lrms` backends. Each function imports what it needs when it is called,
so that importing the package costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from arc_lrms_oar.version import __version__

if TYPE_CHECKING:
    from arc_lrms_oar.commands.query import QueryResult

__all__ = [
    "Cancel",
    "Query",
    "Scan",
    "Submit",
    "__version__",
    "get_lrms_info",
    "get_lrms_options_schema",
]


def Submit(config: str, grami: str) -> str:
    """Submits the job of the GRAMi file at `grami`, writes its OAR id there and gives it.

    Raises `errors.OarLrmsError`; its text is a sentence for the grid user.
    """
    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.commands.submit import submit

    settings = settings_of(config)
    return str(submit(settings, client_of(settings), grami).job_id)


def Cancel(config: str, jobid: str) -> bool:
    """Cancels the OAR job of a GRAMi file, or one by its id; true also where it is gone already.

    Raises `errors.OarLrmsError` where OAR refuses.
    """
    from arc_lrms_oar.commands.cancel import cancel
    from arc_lrms_oar.commands.connect import client_of, settings_of

    settings = settings_of(config)
    return bool(cancel(settings, client_of(settings), str(jobid)))


def Scan(config: str, ctr_dirs: Sequence[str]) -> list[str]:
    """Reports the ended jobs of the control directories to A-REX and gives their grid IDs.

    Raises `errors.OarLrmsError`; nothing has changed where OAR could not be asked.
    """
    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.log import Log
    from arc_lrms_oar.scan.reconcile import scan

    settings = settings_of(config)
    return scan(settings, client_of(settings), ctr_dirs, Log("Scan", settings.log_level))


def Query(config: str, ids: Iterable[int]) -> list[QueryResult]:
    """State, exit code, times, nodes and reason of OAR jobs, in the order of `ids`.

    Raises `errors.OarLrmsError`.
    """
    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.commands.query import query

    return query(client_of(settings_of(config)), ids)


def get_lrms_info(options: dict[str, Any]) -> dict[str, Any]:
    """What A-REX's information provider publishes of OAR; raises `errors.OarLrmsError`."""
    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.info.provider import lrms_info

    settings = settings_of(None)
    return lrms_info(settings, client_of(settings), options)


def get_lrms_options_schema() -> dict[str, Any]:
    """The options that `get_lrms_info` takes, as ARC's InfoChecker describes them."""
    from arc_lrms_oar.info.provider import options_schema

    return options_schema()
