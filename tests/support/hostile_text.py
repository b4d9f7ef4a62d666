"""Texts with which a user may attack shells, SQL, options and terminals.

They try to create the file `CANARY`, which must never exist. `ALIKE` has the form of job types,
which a site chooses freely: `oarsub -t` gets each of its words.
"""

from __future__ import annotations

CANARY = "/tmp/arc-oar-canary"
ALIKE = "key=value joboption_jobid=1 joboption_oar_types=besteffort"

WORDS = (
    f"'; touch {CANARY}; '",
    f'"; touch {CANARY}; "',
    f"$(touch {CANARY})",
    f"`touch {CANARY}`",
    f"\\'; touch {CANARY} #",
    f"'\"'\"$(touch {CANARY})",
    f"x\ntouch {CANARY}\n",
    f"x\rtouch {CANARY}\r",
    f"| touch {CANARY} &",
    f"${{IFS:-$(touch {CANARY})}}",
    f"a[$(touch {CANARY})]",
    "'; DROP TABLE jobs; --",
    "' OR '1'='1",
    "\\' OR 1=1 --",
    "--notify=exec:/bin/touch " + CANARY,
    "-t",
    "--",
    "-S #OAR -q admin",
    "line\u2028separator\u2029paragraph\x85next",
    "\x1b[31mred\x07 {[/tmp]} [red]",
    "bytes \udcff\udc80\udcfe are no UTF-8",
    "../../../../etc/passwd\n/etc/shadow",
    "%jobid% %s %n {count} {0} ${HOME} ~root * ?",
    ALIKE,
)
LONG = "'" + "x" * 100_000 + f"$(touch {CANARY})"
