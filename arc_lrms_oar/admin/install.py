"""Install: puts this package's scripts where ARC looks for them, and keeps what was there.

Can be repeated at any time: after an upgrade of ARC that has put its own file back, after one of
this package, and after having been killed half-way. Each file is noted, kept and replaced in that
order. Must not touch arc.conf and must not start or stop anything.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from arc_lrms_oar.admin import arc_locations, install_record
from arc_lrms_oar.admin.install_record import Ledger
from arc_lrms_oar.admin.share_files import Piece, pieces, stands
from arc_lrms_oar.errors import SiteError

Say = Callable[[str], None]

_UMASK = 0o022


def install(lrms: str, data_dir: str | None, dry_run: bool, say: Say) -> None:
    """Installs for `lrms` (OAR or SLURMPY) and tells each step by `say`.

    With `dry_run` nothing is changed and the steps are those that would be taken. Raises SiteError.
    """
    arc = arc_locations.find_arc(data_dir)
    version = f"ARC {arc.version}" if arc.version else "ARC"
    say(f"{version}: data directory {arc.data_dir} (told by {arc.told_by})")
    _check_import()
    wanted = pieces(lrms, arc)
    before = os.umask(_UMASK)
    try:
        _compile(dry_run, say)
        record = Ledger(arc.data_dir)
        changed = [_put(piece, record, dry_run, say) for piece in wanted]
    except OSError as error:
        raise cannot_write(error) from None
    finally:
        os.umask(before)
    if dry_run:
        say("This was a dry run: nothing has been changed.")
    elif any(changed):
        say(f"Next: lrms = {lrms} in the block [lrms] of arc.conf, restart A-REX, then run doctor.")
    else:
        say("Everything was in its place already.")


def _check_import() -> None:
    """A-REX's scripts must find the package, or every job would fail from now on."""
    seen = arc_locations.package_seen_by_scripts()
    if os.path.realpath(arc_locations.PACKAGE_FOLDER) == seen:
        return
    python = arc_locations.system_python()
    finds = f"finds another copy, {seen}" if seen else "does not find this package"
    raise SiteError(
        f"{python}, which A-REX's scripts run, {finds}: put {arc_locations.PACKAGE_FOLDER} "
        f"where it looks (`{python} -m pip install .`, or copy the folder into its site-packages "
        f"or dist-packages), and run install with {python}"
    )


def _compile(dry_run: bool, say: Say) -> None:
    """Bytecode for the package: submit runs as users who may not write it beside the source."""
    folder = arc_locations.PACKAGE_FOLDER
    if dry_run or not os.access(folder, os.W_OK):
        return
    compile_all = [arc_locations.system_python(), "-m", "compileall", "-q", folder]
    done = subprocess.run(compile_all, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        said = (done.stdout or done.stderr).decode("utf-8", "replace").strip()
        say(f"warning: {folder} could not be compiled, submissions will be slower: {said[:200]}")
    # Those that the umask of another verb has made are closed to the jobs' users.
    for place, _, names in os.walk(folder):
        if os.path.basename(place) == "__pycache__":
            os.chmod(place, 0o755)
            for name in names:
                os.chmod(os.path.join(place, name), 0o644)


def _put(piece: Piece, record: Ledger, dry_run: bool, say: Say) -> bool:
    """Brings one file into its place; tells whether there was something to do."""
    would = "would " if dry_run else ""
    target = piece.target
    known = record.entries.get(target)
    if os.path.isdir(target) and not os.path.islink(target):
        raise SiteError(f"{target} is a directory where a file is to be put: move it away")
    now = install_record.digest_of(target)
    foreign = now != "" and (known is None or now not in [*known.ours, known.before])
    if foreign:
        whose = "what stood there" if known is None else "what an upgrade has put there"
        say(f"{would}keep   {target}: {whose}, in {record.folder}")
        if not dry_run:
            record.keep(target)
    if not dry_run:
        record.note(target, piece.content)
    if stands(piece):
        say(f"in place {target}")
        return False
    say(f"{would}put    {target}")
    if not dry_run:
        install_record.place(target, piece.content, piece.mode)
    return True


def cannot_write(error: OSError) -> SiteError:
    """What to tell of a file that could not be written."""
    cure = "free some space" if error.errno == 28 else "run this as the owner of ARC's files (root)"
    return SiteError(
        f"{error.filename}: {error.strerror}: nothing is lost; {cure}, and run it again"
    )


def print_step(line: str) -> None:
    """Prints one step at once, so that it is seen before the next is tried."""
    print(line, file=sys.stdout, flush=True)
