"""Any arc.conf and any option set by an RTE give settings, or an error that names the place."""

from __future__ import annotations

import re
from pathlib import Path

from fuzzing.fuzzed import fuzzed
from fuzzing.inputs import glued, raw, settings_of, spoiled
from hypothesis import strategies as st

from arc_lrms_oar import identity, oarsub_values
from arc_lrms_oar.arex import config
from arc_lrms_oar.errors import ConfigError, JobError
from arc_lrms_oar.job.rte_overrides import for_one_job
from arc_lrms_oar.options import OPTIONS
from arc_lrms_oar.settings import QueueSettings, Settings

_EXAMPLE = (Path(__file__).parents[2] / "arc.conf.example").read_text()
_ACTIVE = re.sub(r"^#([a-z_]+ *=)", r"\1", _EXAMPLE, flags=re.M)
_WORDS = (
    *("[custom:oar]\n", "[custom:oar/grid]\n", "[queue:grid]\n", "[lrms]\n", "[arex]\n"),
    *("[lrms/ssh]\n", "[", "]\n", "#", "\n", "yes\n", "0\n", "60\n", "1:00:00\n", "'x'\n", "MB\n"),
    *(f"\n{option.name}=" for option in OPTIONS),
    *("\ndefaultmemory=", "\nbenchmark=", "\nloglevel=", "\nshared_filesystem=", "\ncontroldir="),
    *("vo atlas -> project=a\n", "voms /a/Role=b -> oar_queue={role}\n", "besteffort inner=1\n"),
    *("/node=1/core={count},walltime=1:0:0 | /core=2\n", "mem>=4096 AND gpu='NO'\n"),
    *("mail:a@b.c\n", "[END]exec:/bin/true\n"),
)
_VALUES = (
    *("besteffort", "inner=1", "noop", " ", "/core=1", "/node={count}", ",walltime=1:0:0", "|"),
    *(
        "mem",
        ">=",
        "4096",
        "gpu='NO'",
        " AND ",
        " OR ",
        "(",
        ")",
        " IN ",
        "'a', 'b'",
        "lower",
        "--",
    ),
    *("SELECT", "mail:", "exec:/bin/true", "a@b.c", "[END,ERROR]", "60", "1:0:0", "10", "SIGUSR1"),
)
_BY_RTE = [option.rte_name for option in OPTIONS if option.by_rte]
_NAMES = [option.name for option in OPTIONS]
values = glued(_VALUES, 8)
configurations = (
    glued(_WORDS)
    | spoiled([_EXAMPLE, _ACTIVE], 4)
    | settings_of(_NAMES, _VALUES, "{}={}\n", 4).map("[custom:oar]\n".__add__)
    | settings_of(_NAMES, _VALUES, "{}={}\n", 4).map("[custom:oar/grid]\n".__add__)
    | settings_of(("defaultmemory", "benchmark"), ("2000", ""), "{}={}\n", 2).map(
        "[lrms]\n".__add__
    )
    | settings_of(("loglevel", "controldir"), ("INFO", "5"), "{}={}\n", 2).map("[arex]\n".__add__)
)


@fuzzed(text=configurations)
def test_any_arc_conf_is_settings_or_an_error(text: str) -> None:
    message = "arc.conf"
    settings = Settings()
    try:
        blocks = config.parse_blocks(text, "arc.conf")
        config.unknown_options(blocks)
        settings = config.settings_from(blocks, "arc.conf")
    except ConfigError as error:
        message = str(error)
    assert message.startswith("arc.conf")
    for queue in (settings.common, *settings.queues.values()):
        _is_safe(queue)


@fuzzed(variables=st.dictionaries(st.sampled_from(_BY_RTE) | raw, values, max_size=4))
def test_what_a_runtime_environment_sets_is_settings_or_an_error(variables: dict[str, str]) -> None:
    variables = {f"joboption_oar_{name}": value for name, value in variables.items()}
    variables.update(
        {
            name.replace("joboption_oar_joboption", "joboption"): value
            for name, value in variables.items()
        }
    )
    try:
        queue = for_one_job(QueueSettings(properties="mem>1", types=("a",)), variables)
    except JobError:
        return
    _is_safe(queue)


def _is_safe(queue: QueueSettings) -> None:
    """Check that values for oarsub's command line contain only the expected characters."""
    words = (queue.project, queue.oar_queue, queue.notify, *queue.types, *queue.resources)
    assert not any(re.search(r"[\0\n'\"\\;`$]", word) for word in words)
    assert not re.search(r"[\0\n\\;`$]|--|/\*", queue.properties.replace("''", ""))


@fuzzed(text=values)
def test_a_condition_leaves_the_brackets_of_others_alone(text: str) -> None:
    try:
        condition = oarsub_values.condition(text)
    except ValueError:
        return
    bare = re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"", "x", condition)
    depth = 0
    for sign in bare:
        depth += (sign == "(") - (sign == ")")
        assert depth >= 0
    assert depth == 0
    assert "'" not in bare
    assert oarsub_values.condition(condition) == condition


@fuzzed(
    rules=st.lists(
        st.tuples(
            st.sampled_from(("vo", "voms", "subject", "claim", "authgroup")),
            st.lists(st.sampled_from(("*", "a", "/", "Role=", ".")) | raw, max_size=5).map("".join),
        ),
        max_size=3,
    ),
    local=st.dictionaries(
        st.sampled_from(("voms", "localvo", "subject", "tokenclaim.x", "auth")),
        st.lists(glued(("/", "a", "Role=", "Capability=", "NULL"), 8), max_size=3),
    ),
)
def test_whoever_the_user_is_he_gets_words(
    rules: list[tuple[str, str]], local: dict[str, list[str]]
) -> None:
    lines = [f"{kind} {pattern} -> project={{vo}}x oar_queue={{role}}" for kind, pattern in rules]
    who = identity.from_local(local)
    try:
        table = identity.rules("\n".join(lines))
    except ValueError:
        return
    for word in identity.choose(table, who):
        assert re.fullmatch(r"([A-Za-z0-9_][A-Za-z0-9_.-]{0,99})?", word)


@fuzzed(
    pattern=glued(("*", "a", "b", "."), 6),
    name=glued(("a", "b", ".", "\n"), 8),
)
def test_a_star_stands_for_anything(pattern: str, name: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.S)
    table = [identity.Rule("subject", pattern, project="p")]
    found = identity.choose(table, identity.Identity(subject=name))
    assert found == (("p", "") if expected and name else ("", ""))
