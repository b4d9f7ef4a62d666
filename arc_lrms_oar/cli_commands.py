"""Arguments and run function of each command of the table in `arc_lrms_oar.cli`.

Every run function imports what it needs when it is called, so that `--help` and the other commands
do not pay for it. The work itself is in `commands`, `scan`, `info` and `admin`.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from arc_lrms_oar import entrypoint

if TYPE_CHECKING:
    from arc_lrms_oar.admin.job_selection import Selection


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


def query_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "ids",
        metavar="ID",
        nargs="+",
        help="OAR job ID, or grid job ID in any form that `explain` takes",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def query(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.job_query import query_jobs
    from arc_lrms_oar.commands.connect import client_of, settings_of

    settings = settings_of(arguments.config)
    return query_jobs(settings, client_of(settings), arguments.ids, arguments.json)


def _owner_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", metavar="USERS", default="", help="only of these mapped users")
    parser.add_argument("--queue", metavar="QUEUES", default="", help="only of these ARC queues")
    parser.add_argument(
        "--vo", metavar="VOS", default="", help="only of these virtual organisations"
    )
    parser.add_argument(
        "--dn",
        metavar="PATTERN",
        default="",
        help="only of grid users whose distinguished name matches the pattern, such as '*CN=Ann*'",
    )


def filter_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that select jobs; `selection_of` reads them."""
    parser.add_argument(
        "ids", metavar="ID", nargs="*", help="grid job ID, its first characters, or OAR job ID"
    )
    parser.add_argument(
        "--state",
        metavar="STATES",
        default="",
        help="only jobs in these states of A-REX or OAR, jobs with a problem (problem), or failed "
        "jobs (failed); separated by commas, as all lists",
    )
    _owner_arguments(parser)
    parser.add_argument(
        "--name", metavar="PATTERN", default="", help="only jobs whose name matches the pattern"
    )
    parser.add_argument(
        "--older",
        metavar="AGE",
        default="",
        help="only jobs that have been in their state of A-REX for this time (90s, 30m, 2h, 7d, "
        "1w) or longer",
    )
    parser.add_argument(
        "--newer", metavar="AGE", default="", help="only jobs that have been for this time or less"
    )


def selection_of(arguments: argparse.Namespace) -> Selection:
    """The jobs that the options of `filter_arguments` select."""
    from arc_lrms_oar.admin.job_selection import selection

    return selection(
        states=arguments.state,
        users=arguments.user,
        queues=arguments.queue,
        vos=arguments.vo,
        dn=arguments.dn,
        name=arguments.name,
        older=arguments.older,
        newer=arguments.newer,
        ids=arguments.ids,
    )


def jobs_arguments(parser: argparse.ArgumentParser) -> None:
    filter_arguments(parser)
    parser.add_argument(
        "--sort",
        metavar="FIELDS",
        default="",
        help="sort by these fields (default: problems first, then the oldest jobs in progress, "
        "then the newest ended jobs)",
    )
    parser.add_argument("--reverse", action="store_true", help="sort in the reverse order")
    parser.add_argument(
        "--fields",
        metavar="FIELDS",
        default="",
        help="show these fields: job_id, arex_state, state, user, queue, cores, wall_time, used, "
        "requested, start, since, age, name, vo, dn, problem, failed, note, grid_job_id (default: "
        "those that fit)",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="list all ended jobs in a table; without it and a filter, the newest 100",
    )
    parser.add_argument("--watch", action="store_true", help="refresh until q is pressed")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print CSV instead of a table")
    form.add_argument("--json", action="store_true", help="print JSON instead of a table")


def jobs(arguments: argparse.Namespace) -> int:
    import gc

    from arc_lrms_oar.admin.job_fields import parse_fields
    from arc_lrms_oar.admin.job_output import CSV, JSON, TABLE, Listing
    from arc_lrms_oar.admin.jobs import jobs
    from arc_lrms_oar.commands.connect import client_of, settings_of

    if not arguments.watch:
        # See docs/performance.md.
        gc.disable()
    listing = Listing(
        selection=selection_of(arguments),
        fields=parse_fields("--fields", arguments.fields),
        sort=parse_fields("--sort", arguments.sort),
        reverse=arguments.reverse,
        form=JSON if arguments.json else CSV if arguments.csv else TABLE,
        everything=arguments.all,
    )
    settings = settings_of(arguments.config)
    return jobs(settings, client_of(settings), listing, arguments.watch)


def _bulk_arguments(parser: argparse.ArgumentParser, verb: str) -> None:
    filter_arguments(parser)
    parser.add_argument("--all", action="store_true", help=f"{verb} all jobs, without a filter")
    parser.add_argument("--dry-run", action="store_true", help="list the jobs, change nothing")
    parser.add_argument(
        "--confirm",
        metavar="N",
        type=int,
        help="do it without a question if exactly N jobs match",
    )


def hold_arguments(parser: argparse.ArgumentParser) -> None:
    _bulk_arguments(parser, "hold")
    parser.add_argument(
        "--running", action="store_true", help="suspend running jobs as well (root or oar only)"
    )


def resume_arguments(parser: argparse.ArgumentParser) -> None:
    _bulk_arguments(parser, "resume")


def cancel_arguments(parser: argparse.ArgumentParser) -> None:
    _bulk_arguments(parser, "cancel")


def hold(arguments: argparse.Namespace) -> int:
    return _bulk("hold", arguments)


def resume(arguments: argparse.Namespace) -> int:
    return _bulk("resume", arguments)


def cancel(arguments: argparse.Namespace) -> int:
    # What A-REX's script gets is the path of a GRAMi file: job.ID.grami of ARC 6, grami of ARC 7.
    if len(arguments.ids) == 1 and arguments.ids[0].endswith(("/grami", ".grami")):
        return entrypoint.cancel(arguments.config, arguments.ids[0])
    return _bulk("cancel", arguments)


def _bulk(name: str, arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.bulk import Request, act
    from arc_lrms_oar.commands.connect import client_of, settings_of

    request = Request(
        selection=selection_of(arguments),
        everything=arguments.all,
        running=getattr(arguments, "running", False),
        dry_run=arguments.dry_run,
        confirmed=arguments.confirm,
    )
    settings = settings_of(arguments.config)
    return act(settings, client_of(settings), name, request)


def drain_arguments(parser: argparse.ArgumentParser) -> None:
    change = parser.add_mutually_exclusive_group()
    change.add_argument(
        "--start", action="store_true", help="let A-REX refuse new jobs, by its sessiondir options"
    )
    change.add_argument("--stop", action="store_true", help="let A-REX accept new jobs again")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the changed lines, change nothing"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def drain(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.drain import change, show

    if arguments.start or arguments.stop:
        return change(arguments.config, arguments.start, arguments.dry_run)
    return show(arguments.config, arguments.json)


def report_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since",
        metavar="AGE",
        default="1d",
        help="count the jobs that have ended since then: 90s, 30m, 2h, 7d, 1w (default: 1d)",
    )
    parser.add_argument(
        "--by",
        metavar="KEYS",
        default="",
        help="count them by these together: day, vo, user, queue, reason, dn; separated by commas "
        "(default: by each of day, vo, user, queue and reason)",
    )
    _owner_arguments(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print CSV instead of tables")
    form.add_argument("--json", action="store_true", help="print JSON instead of tables")


def report(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.job_selection import parse_age, selection
    from arc_lrms_oar.admin.report import parse_keys, report
    from arc_lrms_oar.commands.connect import client_of, settings_of

    age = parse_age("--since", arguments.since)
    keys = parse_keys(arguments.by)
    chosen = selection(
        users=arguments.user, queues=arguments.queue, vos=arguments.vo, dn=arguments.dn
    )
    form = "json" if arguments.json else "csv" if arguments.csv else "table"
    settings = settings_of(arguments.config)
    return report(settings, client_of(settings), age, chosen, keys, form)


def explain_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "id",
        metavar="ID",
        help="grid job ID, its first characters, a URL or path that holds it, or an OAR job ID",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def explain(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.explain import explain
    from arc_lrms_oar.commands.connect import client_of, settings_of

    settings = settings_of(arguments.config)
    print(explain(settings, client_of(settings), arguments.id, arguments.json))
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
    uninstall_arguments(parser)


def install(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.install import install, print_step

    install(arguments.lrms, arguments.arc_datadir, arguments.dry_run, print_step)
    return 0


def uninstall_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--arc-datadir", metavar="DIR", help="ARC's data directory (default: detected)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the steps, change nothing")


def uninstall(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.install import print_step
    from arc_lrms_oar.admin.uninstall import uninstall

    uninstall(arguments.arc_datadir, arguments.dry_run, print_step)
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
