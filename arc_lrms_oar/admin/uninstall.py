"""The command `uninstall`: restores every file that install replaced, and removes those it added.

A file that was replaced since, for example by an upgrade of ARC, is left as it is: it is newer than
the backup. The command can be repeated, also after an interruption. It changes neither arc.conf nor
any file that install has not recorded.

Where a package of dpkg or rpm owns the scripts, its files and those that it needs are left to it.
It runs install for scripts that it cannot own, and uninstall for everything when it is removed.
"""

from __future__ import annotations

import os

from arc_lrms_oar.admin import arc_locations, install_record, package_owner, share_files
from arc_lrms_oar.admin.arc_locations import Arc
from arc_lrms_oar.admin.install import Report, write_error
from arc_lrms_oar.admin.install_record import InstallRecord
from arc_lrms_oar.admin.package_owner import Owner
from arc_lrms_oar.errors import SiteError


def uninstall(
    data_dir: str | None, dry_run: bool, report: Report, everything: bool = False
) -> None:
    """Undo what install has done.

    Args:
        data_dir: ARC's data directory; None to find it.
        dry_run: change nothing and report what would be done.
        report: is called with one line per step.
        everything: remove also what a package needs, since it is being removed.

    Raises:
        SiteError: a backup is damaged, or a file cannot be written.
    """
    arc = arc_locations.find_arc(data_dir)
    record = InstallRecord(arc.data_dir)
    empty = not record.entries
    would = "would " if dry_run else ""
    try:
        if not dry_run:
            record.move()
        packaged = package_owner.owners([*record.entries, *share_files.script_paths(arc)])
        needed = {} if everything else _needed(arc, packaged)
        for target in sorted(record.entries):
            if target in packaged:
                _leave(target, packaged[target], record, dry_run, report)
            elif target in needed:
                report(f"{would}leave {target}: the package {needed[target].package} needs it")
            else:
                _restore(target, record, dry_run, report)
        if not dry_run:
            record.close()
    except OSError as error:
        raise write_error(error) from None
    if empty:
        report(f"{arc.data_dir}: nothing is installed here")
        return
    report("Dry run: nothing was changed." if dry_run else "Uninstalled.")


def _needed(arc: Arc, packaged: dict[str, Owner]) -> dict[str, Owner]:
    """The scripts that install has added for a package, which owns the others."""
    owners = [packaged[path] for path in share_files.script_paths(arc) if path in packaged]
    return dict.fromkeys(share_files.script_paths_for_old_jobs(arc), owners[0]) if owners else {}


def _leave(target: str, owner: Owner, record: InstallRecord, dry_run: bool, report: Report) -> None:
    """Drop the entry of a file that a package of this project has replaced."""
    would = "would " if dry_run else ""
    report(f"{would}leave {target}: it belongs to the package {owner.package}")
    if not dry_run:
        record.drop(target)


def _restore(target: str, record: InstallRecord, dry_run: bool, report: Report) -> None:
    """Restore or remove one file, and drop its entry."""
    would = "would " if dry_run else ""
    entry = record.entries[target]
    digest = install_record.digest_of(target)
    backup = record.backup_path(entry)
    if not os.path.isdir(os.path.dirname(target)):
        report(f"{would}drop {target}: its directory is gone, perhaps by an upgrade of ARC")
    elif digest not in ["", entry.before, *entry.ours]:
        report(f"{would}keep {target}: it was replaced since, perhaps by an upgrade of ARC")
    elif entry.kept and not _is_restored(backup, target, digest == entry.before):
        if install_record.digest_of(backup) != entry.before:
            raise SiteError(
                f"{backup}: the backup of {target} is damaged or missing: install the file from "
                "ARC's package, and run uninstall again"
            )
        report(f"{would}restore {target}")
        if not dry_run:
            install_record.copy(backup, target)
    elif not entry.kept and digest:
        report(f"{would}remove {target}")
        if not dry_run:
            install_record.remove(target)
    if not dry_run:
        record.drop(target)


def _is_restored(backup: str, target: str, same_content: bool) -> bool:
    """Whether `target` equals its backup in mode, owner and time too.

    Without a backup an earlier, interrupted uninstall has restored the file.
    """
    if not same_content or not os.path.lexists(backup):
        return same_content
    old, new = os.lstat(backup), os.lstat(target)
    return (old.st_mode, old.st_uid, old.st_gid, old.st_mtime_ns) == (
        new.st_mode,
        new.st_uid,
        new.st_gid,
        new.st_mtime_ns,
    )
