"""doctor's checks of arc.conf as it is on disk.

What ARC's own validator checks is left to it. Source of its command lines: A-REX's start script
(ARC 6.17 and 7.0 `src/services/a-rex/arc-arex-start.in`).
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator

from arc_lrms_oar import process
from arc_lrms_oar.admin import arc_locations
from arc_lrms_oar.admin.arc_locations import Arc
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.admin.mapped_users import find_account
from arc_lrms_oar.arex.config import (
    RUNTIME_CONFIG,
    Blocks,
    default_queue,
    read_blocks,
    settings_from,
    unknown_options,
)
from arc_lrms_oar.errors import ConfigError
from arc_lrms_oar.options import OPTIONS, SSH_BLOCK, SSH_OPTIONS
from arc_lrms_oar.settings import QueueSettings, Settings

_TIMEOUT = 60
_MOST_ERRORS = 5
# ARC 7's last line counts the errors.
_SUMMARY = "Validation returned"
_VALIDATOR_ERROR = re.compile(r"\[ERROR\]\s*(?:\[\d+\]\s*)?\[?(.*?)\]?\s*$", re.M)


def read(path: str, arc: Arc | None) -> Blocks:
    """The blocks of `path` with ARC's defaults and, on ARC 7, the files of arc.conf.d.

    Raises:
        ConfigError: the file cannot be read.
    """
    parser = os.path.join(arc.tools_dir, "arcconfig-parser") if arc else ""
    if not os.access(parser, os.X_OK) or path == RUNTIME_CONFIG:
        return read_blocks(path)
    with tempfile.NamedTemporaryFile(prefix="arc_oar-") as merged_file:
        arc_locations.run([parser, "--config", path, "--runconfig", merged_file.name, "--save"])
        merged = read_blocks(merged_file.name)
    # The parser writes nothing for a file that it cannot read; our own reader reports why.
    return merged or read_blocks(path)


def check_config(path: str, blocks: Blocks) -> Iterator[Finding]:
    """Check arc.conf as it is on disk."""
    check = "configuration"
    lrms = lrms_of(blocks)
    if lrms in ("OAR", "oar", "SLURMPY"):
        yield ok(check, f"{path}: lrms = {lrms}")
    else:
        yield fail(
            check,
            f"{path}: [lrms] lrms is {lrms or 'not set'}, so A-REX does not use this package",
            "set lrms = OAR in [lrms], and restart A-REX",
        )
    settings, errors = _settings(path, blocks)
    for error, cure in errors:
        yield fail(check, error, cure)
    for line in unknown_options(blocks):
        yield warn(check, f"{path}: {line}", _option_cure(line))
    yield from _check_blocks(path, blocks)
    yield from _check_benchmarks(path, blocks)
    if settings is not None:
        yield from _check_acl_users(path, settings)
        yield from _check_remote(path, blocks, settings)
    if settings and not settings.shared_filesystem:
        yield fail(
            check,
            f"{path}: [arex] shared_filesystem = no, but OAR does not transfer files to nodes",
            "set shared_filesystem = yes in [arex], with sessiondir on a file system that the "
            "nodes share",
        )


def _settings(path: str, blocks: Blocks) -> tuple[Settings | None, list[tuple[str, str]]]:
    """The settings, or the errors in all values that are not accepted, each with its cure.

    The settings name the first error; without its option they name the next one.
    """
    until = "until then submit, cancel and scan fail"
    left = {block: dict(options) for block, options in blocks.items()}
    errors: list[tuple[str, str]] = []
    while True:
        try:
            settings = settings_from(left, path)
        except ConfigError as error:
            named = re.search(r': \[([^]]+)\] (\w+) = "', str(error))
            block, name = named.groups() if named else ("", "")
            if left.get(block, {}).pop(name, None) is None:
                # It is missing. Where a wrong value of it was named, that is enough.
                if name not in blocks.get(block, {}):
                    errors.append((str(error), f"correct it; {until}"))
                return None, errors
            cure = f"correct the value, or remove {name} from [{block}] for its default; {until}"
            errors.append((str(error), cure))
        else:
            return (None if errors else settings), errors


def _option_cure(line: str) -> str:
    """What to do about an unknown option, given as a line of `unknown_options`."""
    named, _, hint = line.partition(": no such option; ")
    block, _, name = named[1:].partition("] ")
    near = re.fullmatch(r"did you mean (\w+)\?", hint)
    if name in (option.name for option in OPTIONS):
        return f"move {name} to [custom:oar]: it is not an option of a queue"
    if near:
        return f"rename {name} to {near[1]} in [{block}], or remove it: it has no effect"
    return f"correct the name, or remove {name} from [{block}]: it has no effect"


def _check_blocks(path: str, blocks: Blocks) -> Iterator[Finding]:
    """Whether the blocks of this package have their right names, and the default queue exists."""
    check = "configuration"
    for title in blocks:
        block, slash, queue = title.partition("/")
        right = f"custom:oar{slash}{queue}"
        if block.lower() == "custom:oar" and block != "custom:oar":
            cure = f"rename the block [{title}] to [{right}]"
            yield fail(check, f"{path}: [{title}] is ignored: block names are case-sensitive", cure)
        elif block == "custom:oar" and queue and f"queue:{queue}" not in blocks:
            cure = f"correct the name, add [queue:{queue}], or remove the block [{title}]"
            message = f"{path}: [{title}] is for a queue without a block [queue:NAME]"
            yield warn(check, message, cure)
    default = default_queue(blocks)
    if default and f"queue:{default}" not in blocks:
        (*_, value) = blocks["lrms"]["lrms"]
        queues = [title.partition(":")[2] for title in blocks if title.startswith("queue:")]
        named = f"set lrms = {lrms_of(blocks)} {queues[0]} in [lrms], or " if queues else ""
        others = f" (there are {', '.join(queues)})" if queues else ""
        yield fail(
            check,
            f"{path}: [lrms] lrms = {value} names the default queue {default}, for which there "
            "is no block [queue:NAME]",
            f"{named}add the block [queue:{default}]{others}",
        )


def _check_benchmarks(path: str, blocks: Blocks) -> Iterator[Finding]:
    """Whether ARC can publish the queues' benchmarks (docs/internals/arc.md#diag)."""
    for title, options in blocks.items():
        if not title.startswith("queue:"):
            continue
        for value in options.get("benchmark", []):
            name, colon, number = value.partition(":")
            if colon:
                yield warn(
                    "configuration",
                    f"{path}: [{title}] benchmark = {value}: ARC publishes it without its value, "
                    "because a queue needs a space in place of the colon",
                    f"set benchmark = {name.strip()} {number.strip()} in [{title}]",
                )


def _check_acl_users(path: str, settings: Settings) -> Iterator[Finding]:
    """Whether the users of acl_users exist on this machine."""
    for block, queue in (("custom:oar", settings.common), *_queue_blocks(settings)):
        unknown = [name for name in queue.acl_users if find_account(name) is None]
        if unknown:
            yield warn(
                "configuration",
                f"{path}: [{block}] acl_users: there is no user {', '.join(unknown)}",
                _acl_cure(block, [name for name in queue.acl_users if name not in unknown]),
            )


def _acl_cure(block: str, known: list[str]) -> str:
    create = "create the users, or correct their names"
    if known:
        return f"{create}, or set acl_users = {' '.join(known)} in [{block}]"
    return f"{create}, or remove acl_users from [{block}] to publish it for all users"


def _check_remote(path: str, blocks: Blocks, settings: Settings) -> Iterator[Finding]:
    """Whether an option for OAR on another machine is set without that machine."""
    if settings.remote_host:
        return
    for block in ("custom:oar", SSH_BLOCK):
        for name in SSH_OPTIONS:
            if name != "remote_host" and name in blocks.get(block, {}):
                yield warn(
                    "configuration",
                    f"{path}: [{block}] {name} has no effect without remote_host",
                    f"set remote_host there, or remove {name} from [{block}]",
                )


def _queue_blocks(settings: Settings) -> Iterator[tuple[str, QueueSettings]]:
    """The queues with their own acl_users, by the name of their block."""
    for name, queue in settings.queues.items():
        if queue.acl_users != settings.common.acl_users:
            yield f"custom:oar/{name}", queue


def lrms_of(blocks: Blocks) -> str:
    """The backend's name in `[lrms] lrms`, or ""; the option may also name a queue."""
    values = blocks.get("lrms", {}).get("lrms", [""])
    return (values[-1].split() or [""])[0]


def check_validator(path: str, arc: Arc | None, foreign: bool) -> Iterator[Finding]:
    """The errors that ARC's own validator reports; ARC 6 does not start with them.

    ARC 6's reports the host key as an error to a `foreign` user, who is not that of A-REX.
    """
    program = os.path.join(arc.tools_dir, "arc-config-check") if arc else ""
    if os.access(program, os.X_OK):
        if foreign:
            yield ok("validator", "not checked: arc-config-check must run as A-REX's user")
            return
        argv = [program, "--skip-warnings", "--config", path]
    else:
        argv = ["arcctl", "-d", "ERROR", "-c", path, "config", "verify"]
    try:
        done = process.run(argv, _TIMEOUT, arc_locations.environment())
    except OSError:
        yield warn("validator", f"cannot run {argv[0]}", "install the package nordugrid-arc-arcctl")
        return
    printed = (done.stdout + done.stderr).decode("utf-8", "replace")
    errors = [line for line in _VALIDATOR_ERROR.findall(printed) if _SUMMARY not in line]
    for line in errors[:_MOST_ERRORS]:
        yield fail("validator", line, f"correct it in {path}; ARC 6 does not start with this error")
    if len(errors) > _MOST_ERRORS:
        yield fail("validator", f"and {len(errors) - _MOST_ERRORS} more", f"run: {' '.join(argv)}")
    if not errors:
        yield ok("validator", f"{os.path.basename(argv[0])} reports no errors in {path}")
