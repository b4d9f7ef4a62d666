"""Words that a user may choose to do harm with, wherever they end up: shell, SQL, options, text.

`CANARY` is a file that they try to make; it must never be there. `ALIKE` has the form of job types,
which a site may name as it likes: `oarsub -t` gets it word by word.
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
