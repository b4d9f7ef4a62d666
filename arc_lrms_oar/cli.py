"""The command line for people, `arc-oar COMMAND …`: arguments in, exit status out.

A copied package has no script arc-oar; `python3 -m arc_lrms_oar` always works.

Only the chosen command is imported. The scripts that A-REX starts do not come through here; see
`arc_lrms_oar.entrypoint`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple

from arc_lrms_oar import cli_commands, cli_job_commands, entrypoint
from arc_lrms_oar.version import __version__

SCRIPT = "arc-oar"
_MODULE = "python3 -m arc_lrms_oar"
_ASKS = "Lists the jobs and asks for their number before it does anything."
_EXIT_STATUS = "Exit status: 0 on success, 1 on failure, 2 on invalid arguments."


class Command(NamedTuple):
    """One command: its line in the help, its arguments, and the function that runs it.

    `only_prints` marks a command that changes nothing. `has_config` adds the option --config.
    """

    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    only_prints: bool = False
    has_config: bool = True
    description: str = ""


def commands() -> dict[str, Command]:
    """All commands by name, in the order of the help."""
    return {
        # What A-REX does with each job. Its scripts call the same functions.
        "submit": Command(
            "Submit the job of a GRAMi file to OAR",
            cli_commands.submit_arguments,
            cli_commands.submit,
            description="Prints nothing on success and writes the OAR job ID into the GRAMi file. "
            "On failure the first line printed is the reason, as the grid user reads it.",
        ),
        "scan": Command(
            "Report ended jobs to A-REX",
            cli_commands.scan_arguments,
            cli_commands.scan,
            description="Runs one cycle over the given control directories. Changes nothing if OAR "
            "is unavailable.",
        ),
        # What A-REX publishes, and what OAR reports.
        "info": Command(
            "Print what A-REX's information provider publishes about OAR",
            cli_commands.info_arguments,
            cli_commands.info,
            only_prints=True,
        ),
        "query": Command(
            "Print state, exit code and reason of OAR jobs",
            cli_job_commands.query_arguments,
            cli_job_commands.query,
            only_prints=True,
        ),
        # For the admin: the jobs.
        "jobs": Command(
            "List all grid jobs with their state in A-REX and in OAR",
            cli_job_commands.jobs_arguments,
            cli_job_commands.jobs,
            only_prints=True,
        ),
        "explain": Command(
            "Show everything known about one job",
            cli_job_commands.explain_arguments,
            cli_job_commands.explain,
            only_prints=True,
            description="Prints the request, the oarsub command line, the events in A-REX and in "
            "OAR, the outcome, the files of the job and what to do.",
        ),
        "report": Command(
            "Count the jobs that have ended by day, VO, user, queue and reason",
            cli_job_commands.report_arguments,
            cli_job_commands.report,
            only_prints=True,
            description="Reads the control directory, A-REX's accounting and, for the reasons of "
            "failed jobs whose files A-REX has removed, OAR.",
        ),
        "hold": Command(
            "Keep waiting jobs from being started, by oarhold",
            cli_job_commands.hold_arguments,
            partial(cli_job_commands.bulk, "hold"),
            description=_ASKS,
        ),
        "resume": Command(
            "Release held and suspended jobs, by oarresume",
            partial(cli_job_commands.bulk_arguments, "resume"),
            partial(cli_job_commands.bulk, "resume"),
            description=_ASKS,
        ),
        "cancel": Command(
            "Cancel grid jobs through A-REX",
            partial(cli_job_commands.bulk_arguments, "cancel"),
            cli_job_commands.cancel,
            description=f"{_ASKS} A-REX gets the same request as from the job's user. With the "
            "path of a GRAMi file this command deletes the OAR job of that file without a "
            "question, as A-REX's script cancel-OAR-job does.",
        ),
        "drain": Command(
            "Show whether A-REX drains and which jobs are left; start or stop draining",
            cli_job_commands.drain_arguments,
            cli_job_commands.drain,
            description="A-REX that drains refuses new jobs, publishes that, and goes on with "
            "those that it has. It has to be restarted after --start and --stop.",
        ),
        "translate": Command(
            "Show the oarsub command line for a job description",
            cli_commands.translate_arguments,
            cli_commands.translate,
            only_prints=True,
            description="Uses the arc.conf that an administrator edits, and not that of the "
            "running A-REX. Exits with 1 if this CE would refuse the job: its queue or a runtime "
            "environment is missing, or it requests more cores than OAR has, where OAR is at hand.",
        ),
        # For the admin: the installation.
        "install": Command(
            "Install the scripts into ARC's data directory",
            cli_commands.install_arguments,
            cli_commands.install,
            has_config=False,
            description="Files that are replaced are kept; `uninstall` restores them.",
        ),
        "uninstall": Command(
            "Restore every file that install replaced",
            cli_commands.uninstall_arguments,
            cli_commands.uninstall,
            has_config=False,
        ),
        "doctor": Command(
            "Check the installation and print how to fix what is wrong",
            cli_commands.doctor_arguments,
            cli_commands.doctor,
            only_prints=True,
        ),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names and return its exit status.

    Raises SystemExit on invalid arguments (status 2), after --help and after --version.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    table = commands()
    started_by_script = os.path.basename(sys.argv[0]) == SCRIPT
    program = SCRIPT if started_by_script else _MODULE
    arguments = parser(table, words[:1], program).parse_args(words)
    command = table[arguments.command]
    return entrypoint.guarded(
        arguments.command, lambda: command.run(arguments), command.only_prints
    )


def parser(
    table: dict[str, Command], complete: Collection[str], program: str = SCRIPT
) -> argparse.ArgumentParser:
    """The parser of all commands; only those of `complete` get their arguments."""
    listed = "".join(f"  {name:<11}{command.summary}\n" for name, command in table.items())
    top = argparse.ArgumentParser(
        program,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="LRMS backend of ARC CE for the OAR batch scheduler.",
        epilog=f"commands:\n{listed}\nRun `{program} COMMAND --help` for one command.",
    )
    top.add_argument("--version", action="version", version=__version__)
    subparsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in table.items():
        about = f"{command.summary}. {command.description}".rstrip()
        subparser = subparsers.add_parser(name, description=about, epilog=_EXIT_STATUS)
        if name in complete:
            command.add_arguments(subparser)
            if command.has_config:
                subparser.add_argument(
                    "--config",
                    metavar="FILE",
                    help="ARC's configuration file (default: $ARC_CONFIG, else the file that the "
                    "running A-REX uses, else /etc/arc.conf)",
                )
    return top
