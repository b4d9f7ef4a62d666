"""`python3 -m arc_lrms_oar VERB …`: arguments in, exit code out, and nothing else."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NamedTuple

from arc_lrms_oar import entrypoint
from arc_lrms_oar.ending import guarded
from arc_lrms_oar.version import __version__

_PROGRAM = "python3 -m arc_lrms_oar"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb and gives its exit code; ends the process where the words are wrong."""
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    return guarded(arguments.verb, lambda: run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(_PROGRAM, description="The LRMS backend of ARC CE for OAR.")
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(required=True, metavar="VERB", title="verbs")
    for name, verb in _VERBS.items():
        about = f"{verb.text[0].upper()}{verb.text[1:]}."
        verb.prepare(name, verbs.add_parser(name, help=verb.text, description=about))
    return parser


def _submit(arguments: argparse.Namespace) -> int:
    return entrypoint.submit(arguments.config, arguments.grami)


def _cancel(arguments: argparse.Namespace) -> int:
    return entrypoint.cancel(arguments.config, arguments.target)


def _scan(arguments: argparse.Namespace) -> int:
    return entrypoint.scan(arguments.config, *arguments.control_dirs)


def _query(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.commands.query import query, table

    results = query(client_of(settings_of(arguments.config)), arguments.ids)
    if arguments.json:
        import json

        print(json.dumps([result._asdict() for result in results], indent=2))
    else:
        print(table(results))
    return 0


def _jobs(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.jobs import jobs
    from arc_lrms_oar.commands.connect import client_of, settings_of

    settings = settings_of(arguments.config)
    client = client_of(settings)
    return jobs(settings, client, arguments.state, arguments.watch, arguments.json)


def _explain(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.explain import explain
    from arc_lrms_oar.commands.connect import client_of, settings_of

    settings = settings_of(arguments.config)
    print(explain(settings, client_of(settings), arguments.id))
    return 0


def _translate(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.commands.translate_output import show

    return show(
        arguments.file,
        arguments.config,
        arguments.queue,
        arguments.language,
        arguments.json,
        arguments.script,
    )


def _info(arguments: argparse.Namespace) -> int:
    import gc
    import json

    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.info.provider import lrms_info, read_options
    from arc_lrms_oar.info.render import as_text

    # The process ends with its answer, and looking for garbage would take a sixth of its time.
    gc.disable()
    settings = settings_of(arguments.config)
    options = read_options(arguments.options, settings)
    found = lrms_info(settings, client_of(settings), options)
    print(json.dumps(found) if arguments.json else as_text(found))
    return 0


def _install(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.install import install, print_step

    install(arguments.lrms, arguments.arc_datadir, arguments.dry_run, print_step)
    return 0


def _uninstall(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.install import print_step
    from arc_lrms_oar.admin.uninstall import uninstall

    uninstall(arguments.arc_datadir, arguments.dry_run, print_step)
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from arc_lrms_oar.admin.doctor import doctor

    return doctor(arguments.config, arguments.user, arguments.probe, arguments.json)


class _Verb(NamedTuple):
    """One verb: what it does, in words and in code, and what its parser is to take."""

    text: str
    run: Callable[[argparse.Namespace], int]
    fill: Callable[[argparse.ArgumentParser], None]
    configured: bool = True

    def prepare(self, name: str, parser: argparse.ArgumentParser) -> None:
        self.fill(parser)
        if self.configured:
            parser.add_argument(
                "--config", metavar="FILE", help="ARC's configuration (default: this CE's)"
            )
        parser.set_defaults(verb=name, run=self.run)


def _submit_takes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("grami", metavar="GRAMI", help="A-REX's GRAMi file of the job")


def _cancel_takes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="GRAMI|ID")


def _scan_takes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("control_dirs", metavar="CONTROLDIR", nargs="+")


def _info_takes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--options", metavar="FILE", help="the provider's options, JSON; - is stdin"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, as the provider takes it")


def _query_takes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", metavar="ID", nargs="+", type=int)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _jobs_takes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state", metavar="S", help="a state of A-REX's or OAR's, trouble or failed"
    )
    parser.add_argument("--watch", action="store_true", help="refresh in place until q is pressed")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _explain_takes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="grid ID, its beginning, a job's URL, or OAR id")


def _translate_takes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="language", choices=("xrsl", "grami"))
    parser.add_argument("--queue", metavar="Q", help="as if this queue had been chosen")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--script", action="store_true", help="show the job script, too")
    parser.add_argument("file", metavar="FILE", help="xRSL or GRAMi; - is standard input")


def _install_takes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lrms", choices=("OAR", "SLURMPY"), default="OAR")
    _uninstall_takes(parser)


def _uninstall_takes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--arc-datadir", metavar="DIR", help="ARC's data directory")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")


def _doctor_takes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--probe", action="store_true", help="run a short job on each queue, too")
    parser.add_argument("--user", metavar="U", action="append", default=[], help="look as this one")
    parser.add_argument("--json", action="store_true", help="print JSON")


_VERBS = {
    "submit": _Verb("submit the job of a GRAMi file to OAR", _submit, _submit_takes),
    "cancel": _Verb("cancel the OAR job of a GRAMi file, or one by its id", _cancel, _cancel_takes),
    "scan": _Verb("report the ended jobs of control directories to A-REX", _scan, _scan_takes),
    "info": _Verb("show what A-REX's information provider publishes of OAR", _info, _info_takes),
    "query": _Verb("tell what OAR knows of jobs", _query, _query_takes),
    "jobs": _Verb("show every grid job with A-REX's side and OAR's", _jobs, _jobs_takes),
    "explain": _Verb("tell the story of one job from every source", _explain, _explain_takes),
    "translate": _Verb("show what would become of a job description", _translate, _translate_takes),
    "install": _Verb("put the scripts where ARC looks for them", _install, _install_takes, False),
    "uninstall": _Verb("undo what install has done", _uninstall, _uninstall_takes, False),
    "doctor": _Verb("look for what keeps jobs from running, and its cure", _doctor, _doctor_takes),
}
