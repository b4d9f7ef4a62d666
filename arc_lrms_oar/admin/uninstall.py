"""Uninstall: gives ARC back what install has replaced, and takes away what it has added.

What somebody else, such as an upgrade of ARC, has put over one of our files meanwhile stays: it is
newer than what was kept. Can be repeated, also after having been killed half-way. Must not touch a
file that install has not noted, nor arc.conf.
"""

from __future__ import annotations

import os

from arc_lrms_oar.admin import arc_locations, install_record
from arc_lrms_oar.admin.install import Say, cannot_write
from arc_lrms_oar.admin.install_record import Entry, Ledger
from arc_lrms_oar.errors import SiteError


def uninstall(data_dir: str | None, dry_run: bool, say: Say) -> None:
    """Undoes all that install has done and tells each step by `say`.

    With `dry_run` nothing is changed. Raises SiteError.
    """
    arc = arc_locations.find_arc(data_dir)
    record = Ledger(arc.data_dir)
    empty = not record.entries
    try:
        for target in sorted(record.entries):
            _give_back(target, record, dry_run, say)
        if not dry_run:
            record.close()
    except OSError as error:
        raise cannot_write(error) from None
    if empty:
        say(f"{arc.data_dir}: nothing is installed here")
        return
    say("This was a dry run: nothing has been changed." if dry_run else "Uninstalled.")


def _give_back(target: str, record: Ledger, dry_run: bool, say: Say) -> None:
    """One file is as it was before install, or as somebody has made it since."""
    would = "would " if dry_run else ""
    entry = record.entries[target]
    now = install_record.digest_of(target)
    if now not in ["", entry.before, *entry.ours]:
        say(f"{would}leave   {target}: it has been replaced since, by an upgrade of ARC perhaps")
    elif entry.kept and not _given_back(record.kept_path(entry), target, now == entry.before):
        _check_kept(record, entry, target)
        say(f"{would}restore {target}")
        if not dry_run:
            install_record.copy(record.kept_path(entry), target)
    elif not entry.kept and now:
        say(f"{would}remove  {target}")
        if not dry_run:
            install_record.remove(target)
    if not dry_run:
        record.forget(target)


def _given_back(kept: str, target: str, same: bool) -> bool:
    """Whether all is as it was; where what was kept is gone too, somebody was killed since."""
    if not same or not os.path.lexists(kept):
        return same
    old, new = os.lstat(kept), os.lstat(target)
    return (old.st_mode, old.st_uid, old.st_gid, old.st_mtime_ns) == (
        new.st_mode,
        new.st_uid,
        new.st_gid,
        new.st_mtime_ns,
    )


def _check_kept(record: Ledger, entry: Entry, target: str) -> None:
    """Raises SiteError rather than giving back something else than what was there."""
    if install_record.digest_of(record.kept_path(entry)) != entry.before:
        raise SiteError(
            f"{record.kept_path(entry)}: what was kept of {target} is damaged or gone; get it from "
            "ARC's package, then run uninstall again"
        )
