"""Reads arc.conf, or the runtime configuration that A-REX makes of it, into `Settings`.

Blocks read: `[arex]`, `[lrms]`, `[lrms/ssh]`, `[infosys/cluster]`, `[queue:X]`, `[custom:oar]`,
`[custom:oar/QUEUE]`. All others are A-REX's. Nothing is cached: the file is small and changes.

Source of the format: ARC 6.17 `src/utils/python/arc/utils/config.py` and the runtime file
`/run/arched-arex.cfg`, which holds `key=value` lines with defaults filled in.
"""

from __future__ import annotations

import os
import re
from typing import Any

from arc_lrms_oar.errors import ConfigError
from arc_lrms_oar.log import LEVELS
from arc_lrms_oar.options import OPTIONS, SSH_BLOCK, SSH_OPTIONS, Option
from arc_lrms_oar.settings import QueueSettings, Settings

RUNTIME_CONFIG = "/run/arched-arex.cfg"
SYSTEM_CONFIG = "/etc/arc.conf"

_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
# ARC's options for the published limits of a queue, in seconds (ARC 6.17 and 7.0
# `src/doc/arc.conf.reference`, `[infosys/cluster]` and `[queue:name]`).
_LIMITS = ("maxcputime", "mincputime", "maxwalltime", "minwalltime")
_CLUSTER = "infosys/cluster"
_CUSTOM = "custom:oar"
_DEFAULTS = Settings()

Blocks = dict[str, dict[str, list[str]]]


def find_config(path: str | None = None) -> str:
    """The configuration file to use: `path`, else $ARC_CONFIG, A-REX's runtime file, arc.conf."""
    if path:
        return path
    if os.environ.get("ARC_CONFIG"):
        return os.environ["ARC_CONFIG"]
    return RUNTIME_CONFIG if os.path.exists(RUNTIME_CONFIG) else SYSTEM_CONFIG


def edited_config(path: str | None = None) -> str:
    """The configuration file that an admin edits, which A-REX reads when it is started.

    That is `path`, $ARC_CONFIG, or arc.conf; A-REX's runtime file only where there is none.
    """
    chosen = path or os.environ.get("ARC_CONFIG") or SYSTEM_CONFIG
    return chosen if path or os.path.exists(chosen) else RUNTIME_CONFIG


def load(path: str) -> Settings:
    """The settings in the configuration file at `path`.

    Raises ConfigError with file, line, block, option, value and what is expected.
    """
    return settings_from(read_blocks(path), path)


def read_blocks(path: str) -> Blocks:
    """The blocks of the configuration file at `path`; raises ConfigError."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the ARC configuration: {error.strerror}") from None
    return parse_blocks(text, path)


def parse_blocks(text: str, path: str) -> Blocks:
    """The blocks in the text of arc.conf: block, option, values in order; raises ConfigError."""
    blocks: Blocks = {}
    block: dict[str, list[str]] | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            if not line.endswith("]"):
                raise ConfigError(f"{path}:{number}: '{line}' has no closing bracket")
            block = blocks.setdefault(line[1:-1].strip(), {})
            continue
        name, equals, value = line.partition("=")
        if not equals or block is None:
            raise ConfigError(f"{path}:{number}: '{line}' is neither [block] nor option = value")
        block.setdefault(name.strip(), []).append(_unquoted(value.strip()))
    return blocks


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def default_queue(blocks: Blocks) -> str:
    """The queue that `[lrms] lrms` names after the backend, or ""."""
    (*_, value) = blocks.get("lrms", {}).get("lrms", [""])
    return "".join(value.split()[1:2])


def unknown_options(blocks: Blocks) -> list[str]:
    """One line for each unknown option in `[custom:oar]` blocks, with the closest known name."""
    lines = []
    for title, options in blocks.items():
        if title != _CUSTOM and not title.startswith(f"{_CUSTOM}/"):
            continue
        known = [o.name for o in OPTIONS if o.per_queue or title == _CUSTOM]
        for name in options:
            if name not in known:
                lines.append(f"[{title}] {name}: no such option{_did_you_mean(name, known)}")
    return lines


def _did_you_mean(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else "; the options are " + ", ".join(known)


def settings_from(blocks: Blocks, path: str) -> Settings:
    """The settings in parsed blocks; `path` is the file that errors name. Raises ConfigError."""
    reader = _Reader(blocks, path)
    custom = {o.name: reader.option(_block_of(reader, o), o) for o in OPTIONS}
    shared = {o.name: custom.pop(o.name) for o in OPTIONS if o.per_queue}
    shared["default_memory"] = reader.number("lrms", "defaultmemory", None)
    shared["benchmark"] = reader.benchmark("lrms", _DEFAULTS.common.benchmark)
    shared["limits"] = reader.limits(_CLUSTER)
    if custom["remote_host"]:
        for o in OPTIONS:
            if o.name in ("remote_user", "private_key") and not custom[o.name]:
                raise reader.wrong(_block_of(reader, o), o.name, "", "a value, with remote_host")
    return Settings(
        config_file=path,
        default_queue=default_queue(blocks),
        control_dir=reader.text("arex", "controldir", _DEFAULTS.control_dir),
        session_dirs=_session_dirs(blocks),
        scratch_dir=reader.text("arex", "scratchdir", _DEFAULTS.scratch_dir).rstrip("/"),
        shared_scratch=reader.text("arex", "shared_scratch", _DEFAULTS.shared_scratch).rstrip("/"),
        shared_filesystem=reader.yes_no("arex", "shared_filesystem", _DEFAULTS.shared_filesystem),
        log_level=reader.level("arex", "loglevel", _DEFAULTS.log_level),
        gnu_time=reader.text("lrms", "gnu_time", _DEFAULTS.gnu_time),
        nodename_command=reader.text("lrms", "nodename", _DEFAULTS.nodename_command),
        move_tool=reader.text("lrms", "movetool", _DEFAULTS.move_tool),
        common=QueueSettings(**shared),
        queues=_queues(reader, shared),
        **custom,
    )


def _session_dirs(blocks: Blocks) -> tuple[str, ...]:
    """A-REX's session roots, also drained ones, which still hold the jobs that run."""
    values = blocks.get("arex", {}).get("sessiondir", [])
    return tuple(value.split()[0] for value in values if value.strip())


def _block_of(reader: _Reader, option: Option) -> str:
    """The block that sets the option: `[custom:oar]`, else ARC 6's `[lrms/ssh]`."""
    if option.name in SSH_OPTIONS and not reader.has(_CUSTOM, option.name):
        return SSH_BLOCK if reader.has(SSH_BLOCK, option.name) else _CUSTOM
    return _CUSTOM


def _queues(reader: _Reader, shared: dict[str, Any]) -> dict[str, QueueSettings]:
    names = {title[6:].strip() for title in reader.blocks if title.startswith("queue:")}
    names |= {title[11:] for title in reader.blocks if title.startswith(f"{_CUSTOM}/")}
    queues = {}
    for name in sorted(names):
        values = dict(shared)
        for option in OPTIONS:
            if option.per_queue and reader.has(f"{_CUSTOM}/{name}", option.name):
                values[option.name] = reader.option(f"{_CUSTOM}/{name}", option)
        block = f"queue:{name}"
        values["default_memory"] = reader.number(block, "defaultmemory", shared["default_memory"])
        values["benchmark"] = reader.benchmark(block, shared["benchmark"])
        values["limits"] = reader.limits(block)
        queues[name] = QueueSettings(**values)
    return queues


class _Reader:
    """Typed access to parsed blocks; of several values of one option the last one applies."""

    def __init__(self, blocks: Blocks, path: str) -> None:
        self.blocks = blocks
        self.path = path

    def has(self, block: str, name: str) -> bool:
        return name in self.blocks.get(block, {})

    def text(self, block: str, name: str, default: str) -> str:
        values = self.blocks.get(block, {}).get(name)
        return values[-1] if values else default

    def wrong(self, block: str, name: str, value: str, expected: str) -> ConfigError:
        line = _line_of(self.path, block, name) if self.has(block, name) else ""
        return ConfigError(f'{self.path}{line}: [{block}] {name} = "{value}": expected {expected}')

    def option(self, block: str, option: Option) -> Any:
        value = self.text(block, option.name, option.default)
        if option.repeatable:
            value = "\n".join(self.blocks.get(block, {}).get(option.name, [option.default]))
        try:
            return option.convert(value)
        except ValueError as error:
            wrong = self.wrong(block, option.name, value, str(error))
            wrong.details = getattr(error, "details", "")
            raise wrong from None

    def number(self, block: str, name: str, default: int | None) -> int | None:
        value = self.text(block, name, "")
        if not value:
            return default
        if not re.fullmatch("[0-9]{1,18}", value):
            raise self.wrong(block, name, value, "a whole number")
        return int(value)

    def limits(self, block: str) -> tuple[tuple[str, int], ...]:
        """A queue's limits in seconds by ARC's names; the queue's own override the cluster's."""
        found = {}
        for name in _LIMITS:
            limit = self.number(block, name, self.number(_CLUSTER, name, None))
            if limit is not None:
                found[name] = limit
        return tuple(found.items())

    def yes_no(self, block: str, name: str, default: bool) -> bool:
        value = self.text(block, name, "")
        if not value:
            return default
        if value.lower() not in _YES:
            raise self.wrong(block, name, value, "yes or no")
        return _YES[value.lower()]

    def level(self, block: str, name: str, default: str) -> str:
        value = self.text(block, name, default)
        if re.fullmatch("[0-5]", value):
            return LEVELS[int(value)]
        if value.upper() not in LEVELS:
            raise self.wrong(block, name, value, "0 to 5 or one of " + " ".join(LEVELS))
        return value.upper()

    def benchmark(self, block: str, default: str) -> str:
        values = self.blocks.get(block, {}).get("benchmark")
        return ":".join(values[0].split()) if values else default


def _line_of(path: str, block: str, name: str) -> str:
    """ ":LINE" of the last place in the file where the block sets the option; "" if unreadable.

    Only errors need it, so the file is read again instead of storing the line of every option.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return ""
    found, title = "", ""
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if line.startswith("["):
            title = line[1:-1].strip()
        elif title == block and line.partition("=")[0].strip() == name:
            found = f":{number}"
    return found
