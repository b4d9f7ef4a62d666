"""Arguments and run function of the commands that show jobs to an administrator or act on them.

As in `cli_commands`, every run function imports what it needs when it is called.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from arc_lrms_oar import entrypoint

if TYPE_CHECKING:
    from arc_lrms_oar.admin.job_selection import Selection


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
        "--newer",
        metavar="AGE",
        default="",
        help="only jobs that have been in it for this time or less",
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

    from arc_lrms_oar.admin.job_fields import FIELDS
    from arc_lrms_oar.admin.job_output import CSV, JSON, TABLE, Listing
    from arc_lrms_oar.admin.job_selection import parse_names
    from arc_lrms_oar.admin.jobs import jobs
    from arc_lrms_oar.commands.connect import client_of, settings_of

    if not arguments.watch:
        # See docs/performance.md.
        gc.disable()
    listing = Listing(
        selection=selection_of(arguments),
        fields=parse_names("--fields", arguments.fields, FIELDS),
        sort=parse_names("--sort", arguments.sort, FIELDS),
        reverse=arguments.reverse,
        form=JSON if arguments.json else CSV if arguments.csv else TABLE,
        everything=arguments.all,
    )
    settings = settings_of(arguments.config)
    return jobs(settings, client_of(settings), listing, arguments.watch)


def bulk_arguments(verb: str, parser: argparse.ArgumentParser) -> None:
    """The arguments of hold, resume and cancel."""
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
    bulk_arguments("hold", parser)
    parser.add_argument(
        "--running",
        action="store_true",
        help="suspend running jobs as well (root or oar only; not with OAR 3)",
    )


def cancel(arguments: argparse.Namespace) -> int:
    # What A-REX's script gets is the path of a GRAMi file: job.ID.grami of ARC 6, grami of ARC 7.
    if len(arguments.ids) == 1 and arguments.ids[0].endswith(("/grami", ".grami")):
        return entrypoint.cancel(arguments.config, arguments.ids[0])
    return bulk("cancel", arguments)


def bulk(name: str, arguments: argparse.Namespace) -> int:
    """Hold, resume or cancel the selected jobs."""
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
    from arc_lrms_oar.admin.job_selection import parse_age, parse_names, selection
    from arc_lrms_oar.admin.report import KEYS, report
    from arc_lrms_oar.commands.connect import client_of, settings_of

    age = parse_age("--since", arguments.since)
    keys = parse_names("--by", arguments.by, KEYS)
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
