"""Prepare a submission: everything between the GRAMi values and oarsub.

Runs stage 0 of the runtime environments, applies the settings of the queue, and builds the oarsub
request and the job script. Nothing is written and OAR is not asked: `commands.submit` does that,
and `commands.translate` shows the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from arc_lrms_oar import identity
from arc_lrms_oar.errors import GramiError, JobError
from arc_lrms_oar.job import grami, remote_paths, rte_overrides, rte_scripts, runtime_env, script
from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.ignored_attributes import ignored_by_oar, ignored_keys
from arc_lrms_oar.job.request import OarRequest, checkpoint_signal, make_request
from arc_lrms_oar.oar.dialect import Dialect
from arc_lrms_oar.settings import Settings


class Prepared(NamedTuple):
    """A job ready to be submitted: the request to OAR and the text of the job script.

    `shown` is the text without the user's values, for logs. `ignored` are lines "attribute: reason"
    about attributes without effect.
    """

    job: JobDescription
    request: OarRequest
    text: str
    shown: str
    ignored: list[str]


def check_site(settings: Settings) -> None:
    """Raise JobError for a site on which no job can run."""
    if not settings.shared_filesystem:
        raise JobError(
            "the site has shared_filesystem=no, but OAR brings no files to its nodes: "
            "the session directory must be on a file system that the nodes see"
        )


def without_postponement(
    request: OarRequest, dialect: Callable[[], Dialect]
) -> tuple[OarRequest, list[str]]:
    """Leave out an earliest start where OAR has none (OAR 3), with a line that says so.

    `dialect` is called only for a job with an earliest start, since it may have to ask OAR.

    The start is then the one that A-REX chooses, which keeps a job in ACCEPTED until its starttime
    (ARC 7.0 `grid-manager/jobs/JobsList.cpp`, ActJobAccepted).
    """
    postponed = [word for word in request.types if word.startswith("postpone=")]
    if not postponed or not dialect().refused_types(postponed):
        return request, []
    types = tuple(word for word in request.types if word not in postponed)
    line = "starttime: OAR 3 has no earliest start; A-REX delays jobs"
    return request._replace(types=types), [line]


def prepare(
    values: grami.Values,
    path: str,
    settings: Settings,
    script_path: str,
    now: float,
    user: identity.Identity,
) -> Prepared:
    """Prepare the job of the GRAMi `values`; `path` is their source, for error messages.

    Args:
        script_path: where the job script will be, as seen from this machine.
        now: the time of the submission, in seconds since 1970.
        user: the grid user, for the option `identity`.

    Raises OarLrmsError; its text is for the grid user.
    """
    queue_name = values.get("joboption_queue", "")
    stage_0 = runtime_env.run_stage_0(
        values, settings, path, lambda: _config_variables(settings, queue_name)
    )
    values = stage_0.values
    try:
        job = grami.describe(values, path)
    except GramiError as error:
        raise JobError(f"a runtime environment has changed the job: {error}") from None
    remote_sessiondir = settings.remote_sessiondir
    script_path = remote_paths.remote_path(script_path, job.session_dir, remote_sessiondir)
    job = remote_paths.with_remote_paths(job, remote_sessiondir)
    queue = settings.queue(job.queue or "")
    project, oar_queue = identity.choose(queue.identity, user)
    queue = queue._replace(project=project or queue.project, oar_queue=oar_queue or queue.oar_queue)
    queue = rte_overrides.for_one_job(queue, values)
    variables = stage_0.variables
    plan = script.NodePlan(
        gnu_time=variables.get("GNU_TIME", settings.gnu_time),
        nodename_command=variables.get("NODENAME", settings.nodename_command),
        scratch_dir=variables.get("RUNTIME_LOCAL_SCRATCH_DIR", settings.scratch_dir),
        shared_scratch=variables.get("RUNTIME_FRONTEND_SEES_NODE", settings.shared_scratch),
        move_tool=variables.get("RUNTIME_LOCAL_SCRATCH_MOVE_TOOL", settings.move_tool),
        multicore_scratch=bool(variables.get("RUNTIME_ENABLE_MULTICORE_SCRATCH")),
        benchmark=benchmark_of(values, settings),
        instance=variables.get("ACCOUNTING_WN_INSTANCE", ""),
        checkpoint_signal=checkpoint_signal(job, queue),
        usage_interval=settings.usage_interval,
        command=values.get("joboption_args", ""),
    )
    request = make_request(job, queue, script_path, now)
    rtes = rte_scripts.node_scripts(job.runtime_environments, settings.control_dir)
    text = script.build(job, rtes, plan)
    shown = script.build_shown(job, rtes, plan)
    ignored = [*ignored_keys(values), *ignored_by_oar(job, queue, now)]
    return Prepared(job, request, text, shown, ignored)


def benchmark_of(values: grami.Values, settings: Settings) -> str:
    """The benchmark of the job's queue for the accounting, as "NAME:VALUE"."""
    own = ":".join(values.get("joboption_benchmark", "").split())
    return own or settings.queue(values.get("joboption_queue", "")).benchmark


def _config_variables(settings: Settings, queue: str) -> Mapping[str, str]:
    if not settings.config_file:
        return {}
    # Only jobs with runtime environments need the file a second time.
    from arc_lrms_oar.arex.config import read_blocks
    from arc_lrms_oar.arex.shell_config import shell_variables

    return shell_variables(read_blocks(settings.config_file), queue)
