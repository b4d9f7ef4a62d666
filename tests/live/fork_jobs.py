"""The jobs that run through `lrms = fork` and through this backend, with their input files."""

from __future__ import annotations

from bed.grid import rsl_string, shell, xrsl

ENV_FILE = "environment"
ENV = f"env -0 >{ENV_FILE}; "
KEEP_ENV = f'(outputfiles=("{ENV_FILE}" ""))'
KEEP_ALL = '(outputfiles=("/" ""))'
ODD = ("  two  blanks ", 'a "quote"', "it's", "$HOME `id` $(id)", "back\\slash", "")
LATIN_1 = "#!/bin/sh\nprintf 'caf\\351\\n'; printf x >\"$(printf 'f\\351')\"\n"
ALL_BYTES = (
    '#!/bin/sh\ni=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %o $i)"; i=$((i+1)); done\n'
)
RTES = {
    "ACCOUNTING": """\
if [ "$1" = 1 ]; then
    ACCOUNTING_BENCHMARK=HEPSPEC:12.3
    ACCOUNTING_WN_INSTANCE=large
    export ACCOUNTING_BENCHMARK ACCOUNTING_WN_INSTANCE
    echo "sitekey=sitevalue" >>"$RUNTIME_JOB_DIAG"
fi
""",
    # Overwrites GRID_GLOBAL_JOBID of a job with one variable of its own.
    "ENVIRONMENT": '[ "$1" != 0 ] || export joboption_env_1=RTE_SAYS=hello\n',
    "FAILS0": '[ "$1" != 0 ]\n',
    "FAILS1": '[ "$1" != 1 ]\n',
    "FAILS2": '[ "$1" != 2 ]\n',
    "EXITS1": '[ "$1" != 1 ] || exit 7\n',
    "RESULT2": '[ "$1" != 2 ] || RESULT=9\n',
}


def with_rte(name: str, script: str = "echo ran") -> tuple[str, dict[str, str]]:
    return shell(script, f'(runtimeenvironment="TEST/{name}")'), {}


def program(text: str, *arguments: str, **attributes: str) -> tuple[str, dict[str, str]]:
    """A job whose executable is a script of this text."""
    return xrsl("run.sh", *arguments, **attributes), {"run.sh": text}


JOBS: dict[str, tuple[str, dict[str, str]]] = {
    # How jobs end.
    "success": (shell(f"{ENV}echo hello; echo oops >&2; umask", KEEP_ENV), {}),
    "exit 1": (shell("exit 1"), {}),
    "exit 3": (shell("echo partial; exit 3"), {}),
    "exit 126": (shell("exit 126"), {}),
    "exit 127": (shell("no-such-command"), {}),
    "exit 255": (shell("exit 255"), {}),
    # In separate scripts, because fork's job script replaces $$ in an argument by its own PID.
    "signal 9": program("#!/bin/sh\nkill -9 $$\n"),
    "signal 15": program("#!/bin/sh\nkill $$\n"),
    "signal 11": program("#!/bin/sh\nulimit -c 0; kill -11 $$\n"),
    "missing": (xrsl("/nonexistent/program"), {}),
    "directory": (xrsl("/tmp"), {}),
    "interpreter": program("#!/no/such/shell\n"),
    "without interpreter": program("echo ran\n"),
    "cancelled": (shell("echo started; sleep 300"), {}),
    "wall time": (shell("sleep 150", walltime="1 minute"), {}),
    "detached": (shell("setsid sleep 20 >/dev/null 2>&1 & echo done"), {}),
    # Environment and arguments.
    "environment": (
        shell(ENV, KEEP_ENV + f'(environment=("ODD" {rsl_string(ODD[1])})("EMPTY" ""))'),
        {},
    ),
    "lines": (shell(ENV, KEEP_ENV + '(environment=("LINES" "one\ntwo")("UMLAUT" "\u00e4"))'), {}),
    "overrides": (shell(ENV, KEEP_ENV + '(environment=("HOME" "/x")("TMPDIR" "/y"))'), {}),
    "arguments": (xrsl("show.sh", *ODD), {"show.sh": '#!/bin/sh\nprintf "%s\\0" "$@"\n'}),
    "parallel": (shell(f"{ENV}true", KEEP_ENV + "(count=4)(countpernode=2)"), {}),
    "queue": (shell(f"{ENV}true", KEEP_ENV + '(jobname="a b/c")(priority=7)', queue="long"), {}),
    # Streams.
    "join": (shell("echo one; echo two >&2", stderr="", extra="(join=yes)"), {}),
    "all bytes": program(ALL_BYTES),
    "latin 1": (xrsl("run.sh", extra=KEEP_ALL), {"run.sh": LATIN_1}),
    "huge": (shell("head -c 20000000 /dev/zero"), {}),
    "closed": (shell("exec >&- 2>&-; echo lost; echo kept >file", '(outputfiles=("file" ""))'), {}),
    "no streams": (shell("echo lost; echo lost >&2", stdout="", stderr=""), {}),
    "below": (shell("echo deep", KEEP_ALL, stdout="a/b/out.txt", stderr="a/err.txt"), {}),
    "no input": (shell("wc -c"), {}),
    "empty input": (xrsl("/usr/bin/wc", "-c", stdin="in"), {"in": ""}),
    # Files.
    "files": (
        xrsl(
            "run.sh",
            extra='(inputfiles=("data.txt" ""))(outputfiles=("deep/result.txt" ""))'
            '(stdin="data.txt")',
        ),
        {
            "run.sh": "#!/bin/sh\nread line\nmkdir deep\necho $line >deep/result.txt\necho >junk\n",
            "data.txt": "some input\n",
        },
    ),
    "keep": (shell("mkdir -p a/b; echo 1 >a/b/c; ln -s c a/b/l", KEEP_ALL), {}),
    "list": (shell("echo a >a; echo b >b; echo a >names", '(outputfiles=("@names" ""))'), {}),
    "no output": (shell("true", '(outputfiles=("never" ""))'), {}),
    "locked": (shell("mkdir d; echo x >d/f; chmod 0 d; chmod 500 .", KEEP_ALL), {}),
    "scratch": (
        shell(f"{ENV}cat data.txt; echo junk >junk", KEEP_ENV)
        + '(inputfiles=("data.txt" ""))(runtimeenvironment="TEST/SCRATCH")',
        {"data.txt": "some input\n"},
    ),
    "own diag": (shell('echo exitcode=0 >>"$HOME.diag"; exit 3'), {}),
    "no diag": (shell('rm -f "$HOME.diag"; exit 3'), {}),
    # Runtime environments; test_rtes runs those that ARC ships.
    "options": (
        shell(f'{ENV}echo "$RTE_SAYS"', KEEP_ENV + '(runtimeenvironment="TEST/OPTIONS" "a b" "c")'),
        {},
    ),
    "accounting": with_rte("ACCOUNTING"),
    "rte environment": (
        shell(
            f"{ENV}true",
            KEEP_ENV + '(environment=("OWN" "x"))(runtimeenvironment="TEST/ENVIRONMENT")',
        ),
        {},
    ),
    "stage 0 fails": with_rte("FAILS0"),
    "stage 1 fails": with_rte("FAILS1"),
    "stage 2 fails": with_rte("FAILS2"),
    "stage 1 exits": with_rte("EXITS1"),
    "stage 2 sets result": with_rte("RESULT2"),
    # Needs all slots of OAR, so it is deleted while it waits.
    "cancelled early": (shell("sleep 300", "(count=8)"), {}),
}
