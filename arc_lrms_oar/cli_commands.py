"""Arguments and run function of each command of the table in `arc_lrms_oar.cli`.

Every run function imports what it needs when it is called, so that `--help` and the other commands
do not pay for it. The work itself is in `commands`, `scan`, `info` and `admin`. The commands for an
administrator's view of the jobs are in `cli_job_commands`.
"""

from __future__ import annotations

import argparse

from arc_lrms_oar import entrypoint


def submit_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("grami", metavar="GRAMI", help="path of the GRAMi file of the job")


def submit(arguments: argparse.Namespace) -> int:
    return entrypoint.submit(arguments.config, arguments.grami)


def scan_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "control_dirs", metavar="CONTROLDIR", nargs="+", help="A-REX's control directory"
    )


def scan(arguments: argparse.Namespace) -> int:
    return entrypoint.scan(arguments.config, *arguments.control_dirs)


def info_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--options",
        metavar="FILE",
        help="JSON file with the options of ARC's information provider, - for standard input "
        "(default: all queues of arc.conf and all grid jobs that are in OAR)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, as OARmod.pm reads it")


def info(arguments: argparse.Namespace) -> int:
    import gc
    import json

    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.info.options import read_options
    from arc_lrms_oar.info.provider import lrms_info
    from arc_lrms_oar.info.render import as_text

    # See docs/performance.md.
    gc.disable()
    settings = settings_of(arguments.config)
    options = read_options(arguments.options, settings)
    asked_by_arex = arguments.options is not None
    found = lrms_info(settings, client_of(settings), options, metrics=asked_by_arex)
    print(json.dumps(found) if arguments.json else as_text(found))
    return 0


def translate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="language",
        choices=("xrsl", "grami"),
        help="language of FILE (default: detected)",
    )
    parser.add_argument("--queue", metavar="QUEUE", help="translate for this queue of ARC")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--script", action="store_true", help="print the job script as well")
    parser.add_argument(
        "file", metavar="FILE", help="job description in xRSL or GRAMi, - for standard input"
    )


def translate(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.translation import show

    return show(
        arguments.file,
        arguments.config,
        arguments.queue,
        arguments.language,
        arguments.json,
        arguments.script,
    )


def install_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lrms",
        choices=("OAR", "SLURMPY"),
        default="OAR",
        help="value of lrms in arc.conf; SLURMPY replaces ARC 6's slurm.py (default: OAR)",
    )
    _installation_arguments(parser)


def install(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.install import install, print_step

    install(arguments.lrms, arguments.arc_datadir, arguments.dry_run, print_step)
    return 0


def _installation_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--arc-datadir", metavar="DIR", help="ARC's data directory (default: detected)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the steps, change nothing")


def uninstall_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--all",
        action="store_true",
        help="also the scripts that an installed .deb or .rpm needs; its removal does this",
    )
    _installation_arguments(parser)


def uninstall(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.install import print_step
    from arc_lrms_oar.admin.uninstall import uninstall

    uninstall(arguments.arc_datadir, arguments.dry_run, print_step, arguments.all)
    return 0


def doctor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--probe", action="store_true", help="also run a short job on each queue")
    parser.add_argument(
        "--user",
        metavar="USER",
        action="append",
        default=[],
        help="check as this mapped user; may be repeated (default: the users in arc.conf)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def doctor(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.doctor import doctor

    return doctor(arguments.config, arguments.user, arguments.probe, arguments.json)
