"""doctor's checks of OAR's resources against what arc.conf names: levels, properties, counts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any, Union

from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.info.slots import Slots
from arc_lrms_oar.oar import server
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.options import OPTIONS
from arc_lrms_oar.settings import QueueSettings, Settings

_LEVELS = ("node_level", "core_level", "gpu_level", "memory_property")
# What OAR allows as levels of -l if oar.conf does not say (docs/internals/oar3.md#resource-levels).
_DEFAULT_LABELS = "resource_id,network_address,cpu,core"
_LABELS = r"(?m)^\s*HIERARCHY_LABELS\s*=\s*[\"']?([^\"'\n#]+)"
_LEVEL_OF_RESOURCES = r"/([A-Za-z_]\w*)="
# oarsub itself replaces this word by network_address.
_NODES = "nodes"
# PostgreSQL and MySQL about a condition that names an unknown column.
_UNKNOWN_COLUMN = r"""column "(\w+)" does not exist|Unknown column '(\w+)' in"""

Rows = list[dict[str, Any]]
# The resources that fulfil each condition in arc.conf, or OAR's error.
Matching = dict[str, Union[Rows, OarUnavailable]]


def matching_resources(settings: Settings, client: OarClient) -> Matching:
    """Ask OAR for the resources that fulfil each condition in arc.conf."""
    found: Matching = {}
    for condition in {queue.properties for _, queue, _ in _blocks(settings)} - {""}:
        try:
            found[condition] = list(client.resources(condition))
        except OarUnavailable as error:
            found[condition] = error
    return found


def check_resources(
    settings: Settings, client: OarClient, rows: Rows, matching: Matching
) -> tuple[list[Finding], set[str]]:
    """Check OAR's resources, given as `rows`, against the settings of all queues.

    Returns:
        The findings, and the ARC queues for which OAR refuses all jobs: it lacks the level, or no
        resource fulfils the condition.
    """
    usable = [row for row in rows if row.get("type", "default") == "default"]
    alive = sum(row.get("state") == "Alive" for row in usable)
    text = f"{alive} of {len(usable)} are Alive"
    if alive:
        found = [ok("resources", text)]
    else:
        states = ", ".join(f"'{state}'" for state in sorted({str(row["state"]) for row in usable}))
        cure = (
            "find out why with `oarnodes -s`, for no job can start; when the nodes are well, run: "
            f'oarnodesetting -s Alive --sql "state IN ({states})"'
        )
        found = [fail("resources", text, cure)]
    if not usable:
        return found, set()
    slots = Slots(usable, settings, time.time())
    sizes = {len(node.slots) for node in slots.nodes.values()}
    known = {name for row in rows for name in row}
    labels = _hierarchy_labels(settings) if client.dialect.generation == 3 else None
    wrong = []
    conditions = set()
    for block, queue, options in _blocks(settings):
        wrong += list(_check_levels(block, queue, options, usable, known, labels))
        if "cores_per_node" in options:
            wrong += list(_check_cores_per_node(block, queue, sizes))
        if "properties" in options:
            refused = list(_check_properties(block, queue, matching))
            wrong += refused
            conditions |= {queue.properties for _ in refused}
    wrong += list(_check_cpu_level(settings, known))
    if not wrong:
        wrong = [ok("resource levels", "OAR has every property that arc.conf names")]
    unfit = {
        name
        for name, queue in settings.queues.items()
        if queue.properties in conditions or not _has_levels(queue, known, labels)
    }
    return [*found, *wrong], unfit


def _has_levels(queue: QueueSettings, known: set[str], labels: set[str] | None) -> bool:
    """Whether OAR has the levels of each job of the queue; not each one requests memory."""
    levels = _named_levels(queue, set(QueueSettings._fields))
    names = {name for option, name in levels if option != "memory_property"}
    return names <= (known if labels is None else known & labels)


def _blocks(settings: Settings) -> Iterator[tuple[str, QueueSettings, set[str]]]:
    """The blocks of `[custom:oar]` with their settings and the options that they set."""
    common = settings.common
    yield "custom:oar", common, set(QueueSettings._fields)
    for name, queue in settings.queues.items():
        own = {o for o in QueueSettings._fields if getattr(queue, o) != getattr(common, o)}
        if own:
            yield f"custom:oar/{name}", queue, own


def _check_levels(
    block: str,
    queue: QueueSettings,
    options: set[str],
    rows: list[dict[str, Any]],
    known: set[str],
    labels: set[str] | None,
) -> Iterator[Finding]:
    for option, name in _named_levels(queue, options):
        if name not in known:
            used = f", with gpus = {queue.gpus}" if option == "gpu_level" else ""
            message = f"OAR's resources have no property {name} ({option}{used} in [{block}])"
            yield fail("resource levels", message, _level_cure(option, name, block, known))
        elif labels is not None and option != "memory_property" and name not in labels:
            yield fail(
                "resource levels",
                f"{name} ({option} in [{block}]) is not in HIERARCHY_LABELS of {server.OAR_CONF}",
                f"add {name} to HIERARCHY_LABELS on OAR's server and here, or correct {option}",
            )
        elif option == "memory_property" and not all(_positive(row.get(name)) for row in rows):
            yield warn(
                "resource levels",
                f"some resources have no valid {name}: jobs that request memory do not get them",
                f"set it in {queue.memory_unit} with `oarnodesetting -p {name}=VALUE`, or remove "
                f"memory_property from [{block}]",
            )


def _level_cure(option: str, name: str, block: str, known: set[str]) -> str:
    """What to do about an option that names a property which OAR's resources do not have."""
    name_it = f"correct {option} (`oarnodes` shows the properties)"
    if option == "gpu_level":
        return f"{_create(name)}, or {name_it}, or remove gpus from [{block}] if no node has a GPU"
    default = next(one.default for one in OPTIONS if one.name == option)
    if default and default not in known:
        return name_it
    return f"{name_it}, or remove {option} from [{block}] for its default"


def _check_cpu_level(settings: Settings, known: set[str]) -> Iterator[Finding]:
    """Whether the property of a socket exists; its default may be missing at a site."""
    default = Settings().cpu_level
    if settings.cpu_level not in known and settings.cpu_level != default:
        yield warn(
            "resource levels",
            f"OAR's resources have no property {settings.cpu_level}, so A-REX publishes each node "
            "with one socket",
            _level_cure("cpu_level", settings.cpu_level, "custom:oar", known | {default}),
        )


def _create(name: str) -> str:
    """How to give OAR's resources a property; OAR 2.5 to 3 have these commands and options."""
    return (
        f"create it with `oarproperty -a {name}` on OAR's server and set it on all resources with "
        f"`oarnodesetting -r RESOURCE_ID -p {name}=VALUE`"
    )


def _named_levels(queue: QueueSettings, options: set[str]) -> Iterator[tuple[str, str]]:
    """Each option that names a property, with the property."""
    for option in _LEVELS:
        name = getattr(queue, option)
        used = option in options
        if option == "gpu_level":
            # Only gpus uses it: the queue may have it from [custom:oar], or as its default.
            used = bool(queue.gpus) and not options.isdisjoint(("gpu_level", "gpus"))
        if used and name:
            yield option, name
    if "resources" in options:
        for name in re.findall(_LEVEL_OF_RESOURCES, " ".join(queue.resources)):
            if name != _NODES:
                yield "resources", name


def _check_cores_per_node(block: str, queue: QueueSettings, sizes: set[int]) -> Iterator[Finding]:
    if queue.cores_per_node and queue.cores_per_node not in sizes:
        right = f"set cores_per_node = {max(sizes)} in [{block}]"
        if len(sizes) > 1:
            right = f"remove cores_per_node from [{block}]"
        yield warn(
            "resource levels",
            f"[{block}] cores_per_node = {queue.cores_per_node}, and OAR's nodes have "
            f"{', '.join(map(str, sorted(sizes)))} cores",
            f"{right}: jobs that request whole nodes get a wrong number of them",
        )


def _check_properties(block: str, queue: QueueSettings, matching: Matching) -> Iterator[Finding]:
    """Whether a resource matches the condition; OAR 3 reports a wrong one as an error."""
    condition = queue.properties
    answer = matching.get(condition)
    cure = (
        f'try it with `oarnodes --sql "{condition}"` and correct it, or remove properties from '
        f"[{block}]"
    )
    missing = (
        re.search(_UNKNOWN_COLUMN, str(answer)) if isinstance(answer, OarUnavailable) else None
    )
    if missing:
        name = missing[1] or missing[2]
        yield fail(
            "properties",
            f"[{block}] properties = {condition}: OAR's resources have no property {name}",
            f"{_create(name)}, or correct the condition, or remove properties from [{block}]: its "
            "jobs may then run on all nodes",
        )
    elif isinstance(answer, OarUnavailable):
        yield fail("properties", f"[{block}] properties = {condition}: {answer}", cure)
    elif answer == []:
        yield fail(
            "properties", f"[{block}] properties = {condition}: no resource of OAR matches", cure
        )


def _hierarchy_labels(settings: Settings) -> set[str] | None:
    """The levels that OAR accepts, or None if oar.conf cannot be read here."""
    if settings.remote_host:
        return None
    try:
        with open(server.OAR_CONF, encoding="utf-8", errors="replace") as file:
            found = re.findall(_LABELS, file.read())
    except OSError:
        return None
    labels = found[-1] if found else _DEFAULT_LABELS
    return {label.strip() for label in labels.split(",")}


def _positive(value: Any) -> bool:
    return str(value).isdecimal() and int(value) > 0
