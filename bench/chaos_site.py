"""Prepare a bed for a chaos run: disks that can be filled, a clock that can jump.

* The control and the session directory and PostgreSQL's data become small file systems in memory.
* PostgreSQL keeps what it has committed when it is killed.
* OAR's clock is that of its database: `get_date` of OAR/IO.pm asks for current_timestamp (OAR 2.5
  and 2.6). It is changed to add the seconds in a table. The kernel's clock cannot be set for a bed
  alone: time namespaces have a boot-time clock of their own, but no date (time_namespaces(7)).
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from bed import Bed, BedError
from bed.arcconf import CONTROLDIR, DEFAULT_TEMPLATE, SESSIONDIR
from chaos_jobs import NOTES
from load_oar import Oar

DISKS = {"control": CONTROLDIR, "session": SESSIONDIR, "database": "/var/lib/postgresql"}
_MB = 160
# What writes to the disks, in the order in which it can be stopped.
_WRITERS = ("arex", "oar", "postgres")
_DATE = "EXTRACT(EPOCH FROM current_timestamp)"
_JUMPED = f"{_DATE} + (SELECT seconds FROM chaos_clock)"
_OAR_MODULE = "/usr/share/perl5/OAR/IO.pm"
_OAR_CONF = "/etc/oar/oar.conf"
_SETTINGS = """[queue:besteffort]

[queue:idempotent]

[custom:oar]
lost_cycles = 3
lost_time = 60

[custom:oar/besteffort]
types = besteffort

[custom:oar/idempotent]
oar_queue = default
types = idempotent
"""


def prepare(bed: Bed, cores: int = 0) -> None:
    """Prepare a running bed that has had no jobs and is stopped after the run.

    Its nodes get `cores` cores in total, if they have fewer.
    """
    for name in _WRITERS:
        bed.service(name, "stop")
    _make_disks(bed)
    bed.service("postgres", "start")
    _commit_durably(bed)
    bed.run(["install", "-d", "-m", "1777", NOTES])
    Oar(bed).have_cores(cores)
    _make_clock(bed)
    with bed.path(_OAR_CONF).open("a") as conf:
        conf.write('\nWALLTIME_CHANGE_ENABLED="yes"\n')
    bed.service("oar", "start")
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as template:
        text = DEFAULT_TEMPLATE.read_text()
        template.write(text[: text.index("[custom:oar]")] + _SETTINGS)
        template.flush()
        bed.reconf(Path(template.name))


def set_clock(bed: Bed, seconds: int) -> None:
    """Let OAR's clock be `seconds` ahead of the true time."""
    Oar(bed).sql(f"UPDATE chaos_clock SET seconds = {seconds}")


def _make_disks(bed: Bed) -> None:
    """Mount empty file systems that have only what the daemons need to start."""
    kept = f"{CONTROLDIR}/dhparam.pem", f"{DISKS['database']}/."
    for path in DISKS.values():
        keep = " ".join(one for one in kept if one.startswith(f"{path}/"))
        script = f"""
new=$(mktemp -d)
mount -t tmpfs -o size={_MB}m,mode=755 tmpfs $new
[ -z '{keep}' ] || cp -a {keep} $new
mount --bind $new {path}
umount $new
rmdir $new
"""
        bed.run(["sh", "-e"], input=script)


def _commit_durably(bed: Bed) -> None:
    """Let a commit be in the kernel's hands before it is answered, as on a site.

    The testbed does not do that, for speed: a killed PostgreSQL then loses what it has committed.
    """
    Oar(bed).sql("ALTER SYSTEM SET synchronous_commit = on")
    Oar(bed).sql("SELECT pg_reload_conf()")


def _make_clock(bed: Bed) -> None:
    Oar(bed).sql(
        "DROP TABLE IF EXISTS chaos_clock; CREATE TABLE chaos_clock (seconds integer);"
        "INSERT INTO chaos_clock VALUES (0); GRANT SELECT ON chaos_clock TO public"
    )
    module = bed.path(_OAR_MODULE)
    text = module.read_text(errors="surrogateescape")
    text, changes = re.subn(f'(?i)"select {re.escape(_DATE)}"', f'"select {_JUMPED}"', text)
    if changes != 1:
        raise BedError(f"{_OAR_MODULE} reads the date in another way than OAR 2.5 and 2.6")
    module.write_text(text, errors="surrogateescape")
