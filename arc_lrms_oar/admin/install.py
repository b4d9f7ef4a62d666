"""The command `install`: copies this package's scripts into ARC, and keeps what they replace.

It can be repeated at any time: after an upgrade of ARC that restored its own file, after an
upgrade of this package, and after an interrupted installation. Each file is recorded, backed up and
replaced, in this order. Files that belong to a package of dpkg or rpm are left to it. It does not
change arc.conf and does not start or stop anything.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from arc_lrms_oar import process
from arc_lrms_oar.admin import arc_locations, install_record, package_owner
from arc_lrms_oar.admin.install_record import InstallRecord
from arc_lrms_oar.admin.package_owner import Owner
from arc_lrms_oar.admin.share_files import ShareFile, files_to_install, is_installed
from arc_lrms_oar.errors import SiteError

Report = Callable[[str], None]

_UMASK = 0o022
# Seconds; it takes 2 s on a slow machine.
_COMPILE_TIMEOUT = 300


def install(lrms: str, data_dir: str | None, dry_run: bool, report: Report) -> None:
    """Install the scripts.

    Args:
        lrms: OAR or SLURMPY.
        data_dir: ARC's data directory; None to find it.
        dry_run: change nothing and report what would be done.
        report: is called with one line per step.

    Raises:
        SiteError: ARC or the package is incomplete, or a file cannot be written.
    """
    arc = arc_locations.find_arc(data_dir)
    version = f"ARC {arc.version}" if arc.version else "ARC"
    report(f"{version}: data directory {arc.data_dir} (from {arc.source})")
    _check_import()
    files = files_to_install(lrms, arc)
    before = os.umask(_UMASK)
    try:
        _compile(dry_run, report)
        record = InstallRecord(arc.data_dir)
        if not dry_run:
            record.move()
        packaged = package_owner.owners(file.target for file in files)
        changed = []
        for file in files:
            if file.target in packaged:
                report(_packaged(file, packaged[file.target]))
            else:
                changed.append(_install_file(file, record, dry_run, report))
    except OSError as error:
        raise write_error(error) from None
    finally:
        os.umask(before)
    if dry_run:
        report("Dry run: nothing was changed.")
    elif any(changed):
        report(f"Next: set lrms = {lrms} in [lrms] of arc.conf, run doctor, and restart A-REX.")
    else:
        report("Everything is already installed.")


def _packaged(file: ShareFile, owner: Owner) -> str:
    if is_installed(file):
        return f"unchanged {file.target}: it belongs to the package {owner.package}"
    return f"warning: {file.target} was changed; restore it with: {owner.reinstall}"


def _check_import() -> None:
    """Raise SiteError if A-REX's scripts would not find this package: every job would fail."""
    seen = arc_locations.package_seen_by_scripts()
    if os.path.realpath(arc_locations.PACKAGE_FOLDER) == seen:
        return
    python = arc_locations.system_python()
    if seen:
        raise SiteError(
            f"{python}, which A-REX's scripts run, finds {seen}, and this is another copy, "
            f"{arc_locations.PACKAGE_FOLDER}: run `cd / && {python} -m arc_lrms_oar install`"
        )
    raise SiteError(
        f"{python}, which A-REX's scripts run, does not find this package: copy "
        f"{arc_locations.PACKAGE_FOLDER} to its site-packages or dist-packages directory (or "
        f"`{python} -m pip install .`), and run `cd / && {python} -m arc_lrms_oar install`"
    )


def _compile(dry_run: bool, report: Report) -> None:
    """Compile the package: submit runs as users who may not write bytecode beside the source."""
    folder = arc_locations.PACKAGE_FOLDER
    if dry_run or not os.access(folder, os.W_OK):
        return
    compile_all = [arc_locations.system_python(), "-m", "compileall", "-q", folder]
    done = process.run(compile_all, _COMPILE_TIMEOUT, os.environ)
    if done.status != 0:
        output = (done.stdout or done.stderr).decode("utf-8", "replace").strip()
        report(f"warning: cannot compile {folder}, submissions will be slower: {output[:200]}")
    # A-REX's umask 077 makes bytecode that the jobs' users cannot read.
    for directory, _, names in os.walk(folder):
        if os.path.basename(directory) == "__pycache__":
            os.chmod(directory, 0o755)
            for name in names:
                os.chmod(os.path.join(directory, name), 0o644)


def _install_file(file: ShareFile, record: InstallRecord, dry_run: bool, report: Report) -> bool:
    """Install one file; returns whether it had to be changed."""
    would = "would " if dry_run else ""
    target = file.target
    entry = record.entries.get(target)
    if os.path.isdir(target) and not os.path.islink(target):
        raise SiteError(f"{target} is a directory, expected a file: move it away")
    digest = install_record.digest_of(target)
    foreign = digest != "" and (entry is None or digest not in [*entry.ours, entry.before])
    if foreign:
        origin = "the existing file" if entry is None else "the file of an upgrade"
        report(f"{would}back up {target}: {origin}, to {record.folder}")
        if not dry_run:
            record.back_up(target)
    if not dry_run:
        record.add(target, file.content)
    if is_installed(file):
        report(f"unchanged {target}")
        return False
    report(f"{would}install {target}")
    if not dry_run:
        install_record.write_file(target, file.content, file.mode)
    return True


def write_error(error: OSError) -> SiteError:
    """The error to report for a file that cannot be written."""
    cure = "free some space" if error.errno == 28 else "run this as the owner of ARC's files (root)"
    return SiteError(f"{error.filename}: {error.strerror}: {cure}, and run it again")


def print_step(line: str) -> None:
    """Print one step at once, before the next one starts."""
    print(line, file=sys.stdout, flush=True)
