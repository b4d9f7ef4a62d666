"""Reading arc.conf, and the runtime configuration that A-REX makes of it, into Settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from arc_lrms_oar.arex import config
from arc_lrms_oar.errors import ConfigError
from arc_lrms_oar.options import OPTIONS
from arc_lrms_oar.settings import QueueSettings, Settings

# /run/arched-arex.cfg of ARC 6.17 on the testbed, shortened; [custom:oar] blocks added.
RUNTIME = """\
[common]
hostname=testbed.localdomain

[authgroup:all]
all=yes

[mapping]
map_to_user=all griduser:griduser

[lrms]
lrms=OAR
benchmark=HEPSPEC:1.0
gnu_time=/usr/bin/time
movetool=mv
slurm_bin_path=/usr/bin
defaultmemory=512
nodename=/bin/hostname -f

[arex]
controldir=/var/spool/arc/jobstatus
sessiondir=/var/spool/arc/sessiondir
wakeupperiod=5
loglevel=3
shared_filesystem=yes
scratchdir=/scratch/
shared_scratch=/net/scratch/

[queue:default]
homogeneity=True
benchmark=HEPSPEC 12.5
benchmark=si2k 3000
defaultmemory=2048

[queue:long]
homogeneity=True
maxwalltime=600

[infosys/cluster]
maxwalltime=900
mincputime=60

[custom:oar]
bin_path="/opt/oar/bin/"
node_level=host
default_walltime=1:30:00
types=besteffort, container=a
memory_property=mem

[custom:oar/long]
oar_queue=grid-long
default_walltime=172800
project=

[custom:oar/night]
types=night
"""


def loaded(place: Path, text: str) -> Settings:
    path = place / "arc.conf"
    path.write_text(text)
    return config.load(str(path))


def refused(place: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(place, text)
    line = str(caught.value)
    assert line.startswith(str(place / "arc.conf"))
    assert "\n" not in line
    return line[len(str(place / "arc.conf")) :]


def test_runtime_configuration_of_arex(tmp_path: Path) -> None:
    settings = loaded(tmp_path, RUNTIME)
    common = QueueSettings(
        node_level="host",
        default_walltime=5400,
        types=("besteffort", "container=a"),
        memory_property="mem",
        default_memory=512,
        limits=(("mincputime", 60), ("maxwalltime", 900)),
    )
    assert settings == Settings(
        config_file=str(tmp_path / "arc.conf"),
        control_dir="/var/spool/arc/jobstatus",
        session_dirs=("/var/spool/arc/sessiondir",),
        scratch_dir="/scratch",
        shared_scratch="/net/scratch",
        shared_filesystem=True,
        log_level="INFO",
        gnu_time="/usr/bin/time",
        nodename_command="/bin/hostname -f",
        move_tool="mv",
        bin_path="/opt/oar/bin",
        common=common,
        queues={
            "default": common._replace(default_memory=2048, benchmark="HEPSPEC:12.5"),
            "long": common._replace(
                oar_queue="grid-long",
                default_walltime=172800,
                limits=(("mincputime", 60), ("maxwalltime", 600)),
            ),
            "night": common._replace(types=("night",)),
        },
    )


def test_queue_without_a_block_gets_the_common_settings(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "[custom:oar]\nnode_level=host\n[queue:a]\n")
    assert settings.queue("nobody").node_level == "host"
    assert settings.queue("a").node_level == "host"


def test_empty_value_of_a_queue_overrides_the_common_one(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "[custom:oar]\nproject=grid\n[custom:oar/free]\nproject=\n")
    assert (settings.common.project, settings.queue("free").project) == ("grid", "")


def test_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert loaded(tmp_path, "") == Settings(config_file=str(tmp_path / "arc.conf"))


def test_every_option_is_a_field_of_the_settings() -> None:
    """The fields without an option come from ARC's own options."""
    per_queue = {option.name for option in OPTIONS if option.per_queue}
    common = {option.name for option in OPTIONS if not option.per_queue}
    assert per_queue == set(QueueSettings._fields) - {"default_memory", "benchmark", "limits"}
    assert common == set(Settings._fields) - {
        *(
            "config_file",
            "control_dir",
            "session_dirs",
            "scratch_dir",
            "shared_scratch",
            "shared_filesystem",
        ),
        "default_queue",
        *("log_level", "gnu_time", "nodename_command", "move_tool", "common", "queues"),
    }
    for option in OPTIONS:
        holder = QueueSettings() if option.per_queue else Settings()
        assert option.convert(option.default) == getattr(holder, option.name), option.name


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("bin_path = /a/b", "/a/b"),
        ("bin_path='/a b'", "/a b"),
        ('bin_path="/a"', "/a"),
        ("bin_path=/", "/"),
        ("bin_path=\t/a\t", "/a"),
        ("bin_path=/a=b", "/a=b"),
        ("bin_path=/first\nbin_path=/last", "/last"),
        ("# bin_path=/x\n\n   #bin_path=/y\nbin_path=/a", "/a"),
        ("bin_path=", ""),
    ],
)
def test_lines_and_quotes(tmp_path: Path, line: str, value: str) -> None:
    assert loaded(tmp_path, f"[custom:oar]\n{line}\n").bin_path == value


def test_repeated_blocks_are_merged(tmp_path: Path) -> None:
    text = "[custom:oar]\nlost_cycles=7\n[arex]\n[custom:oar]\nlost_time=0:1:00\n"
    settings = loaded(tmp_path, text)
    assert (settings.lost_cycles, settings.lost_time) == (7, 60)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[arex\n", ":1: '[arex' has no closing bracket"),
        ("a=b\n", ":1: 'a=b' is neither [block] nor option = value"),
        ("[arex]\n\nnonsense\n", ":3: 'nonsense' is neither [block] nor option = value"),
    ],
)
def test_malformed_line_is_refused_with_its_number(tmp_path: Path, text: str, message: str) -> None:
    assert refused(tmp_path, text) == message


PROPERTY = "the name of one of OAR's resource properties, such as core"


@pytest.mark.parametrize(
    ("block", "option", "value", "expected"),
    [
        ("arex", "shared_filesystem", "maybe", "yes or no"),
        ("arex", "loglevel", "9", "0 to 5 or one of FATAL ERROR WARNING INFO VERBOSE DEBUG"),
        ("lrms", "defaultmemory", "1G", "a whole number"),
        ("queue:a", "defaultmemory", "-1", "a whole number"),
        ("custom:oar", "submit_budget", "601", "at most 600 seconds"),
        ("custom:oar", "node_level", "host;x", PROPERTY),
        ("custom:oar/a", "core_level", "", PROPERTY),
        ("custom:oar", "memory_property", "a b", PROPERTY),
        ("custom:oar", "memory_unit", "TB", "kB, MB or GB"),
        ("custom:oar", "memory_scope", "cpu", "core or node"),
        ("custom:oar", "dialect", "4", "auto, 2 or 3"),
        ("custom:oar", "bin_path", "oar/bin", "the absolute path of a directory"),
        ("custom:oar/a", "project", "o'brien", "one word of letters, digits, '.', '_' and '-'"),
        ("custom:oar", "cores_per_node", "-2", "a whole number, 0 or more"),
        ("custom:oar/a", "acl_users", "alice,bob", "names of local users separated by spaces"),
        ("infosys/cluster", "maxwalltime", "1 day", "a whole number"),
        (
            "custom:oar/a",
            "default_walltime",
            "1:60:00",
            "seconds (3600) or hours:minutes:seconds (1:00:00)",
        ),
    ],
)
def test_wrong_value_is_refused_with_line_block_option_and_what_is_expected(
    tmp_path: Path, block: str, option: str, value: str, expected: str
) -> None:
    text = f"# comment\n[{block}]\n\n{option} = {value}\n[queue:a]\nhomogeneity=True\n"
    message = f':4: [{block}] {option} = "{value}": expected {expected}'
    assert refused(tmp_path, text) == message


def test_wrong_value_in_a_repeated_block_has_the_line_of_the_last_one(tmp_path: Path) -> None:
    text = "[custom:oar]\nlost_cycles=1\n[arex]\nlost_cycles=x\n[custom:oar]\nlost_cycles=y\n"
    message = ':6: [custom:oar] lost_cycles = "y": expected a whole number, 0 or more'
    assert refused(tmp_path, text) == message


def test_wrong_value_of_blocks_without_a_file_has_no_line() -> None:
    with pytest.raises(ConfigError) as caught:
        config.settings_from({"lrms": {"defaultmemory": ["x"]}}, "/no/such/file")
    assert str(caught.value) == (
        '/no/such/file: [lrms] defaultmemory = "x": expected a whole number'
    )


@pytest.mark.parametrize(
    ("text", "seconds"), [("3600", 3600), ("1:00:00", 3600), ("100:0:1", 360001), ("0", 0)]
)
def test_times(tmp_path: Path, text: str, seconds: int) -> None:
    settings = loaded(tmp_path, f"[custom:oar]\ndefault_walltime={text}\n")
    assert settings.common.default_walltime == seconds


@pytest.mark.parametrize(
    ("text", "level"), [("0", "FATAL"), ("5", "DEBUG"), ("warning", "WARNING"), ("INFO", "INFO")]
)
def test_log_levels(tmp_path: Path, text: str, level: str) -> None:
    assert loaded(tmp_path, f"[arex]\nloglevel={text}\n").log_level == level


@pytest.mark.parametrize("text", ["yes", "YES", "true", "1", "no", "False", "0"])
def test_shared_filesystem(tmp_path: Path, text: str) -> None:
    settings = loaded(tmp_path, f"[arex]\nshared_filesystem={text}\n")
    assert settings.shared_filesystem is (text.lower() in ("yes", "true", "1"))


def test_invalid_utf8_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "arc.conf"
    path.write_bytes(b"[common]\nhostname=\xff\n[custom:oar]\nlost_cycles=3\n")
    assert config.load(str(path)).lost_cycles == 3


def test_missing_and_unreadable_file(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path / "none", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(ConfigError) as caught:
            config.load(str(path))
        assert str(caught.value) == f"{path}: cannot read the ARC configuration: {reason}"


def test_unknown_option_is_listed_with_the_closest_name() -> None:
    blocks = config.parse_blocks(
        "[lrms]\nfoo=1\n[custom:oar]\nnode_levels=host\nbin_path=/a\n"
        "[custom:oar/a]\nbin_path=/a\n[custom:other]\nx=1\n",
        "arc.conf",
    )
    first, second = config.unknown_options(blocks)
    assert first == "[custom:oar] node_levels: no such option; did you mean node_level?"
    assert second.startswith("[custom:oar/a] bin_path: no such option; the options are oar_queue, ")


def test_common_option_in_the_block_of_a_queue_has_no_effect(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "[custom:oar]\nbin_path=/a\n[custom:oar/b]\nbin_path=/b\n")
    assert (settings.bin_path, settings.queue("b")) == ("/a", settings.common)


def test_order_of_the_configuration_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = tmp_path / "arched-arex.cfg"
    monkeypatch.setattr(config, "RUNTIME_CONFIG", str(runtime))
    assert config.find_config() == "/etc/arc.conf"
    runtime.touch()
    assert config.find_config() == str(runtime)
    monkeypatch.setenv("ARC_CONFIG", "/home/user/arc.conf")
    assert config.find_config() == "/home/user/arc.conf"
    assert config.find_config("/given") == "/given"


def test_path_of_the_runtime_configuration() -> None:
    assert config.RUNTIME_CONFIG == "/run/arched-arex.cfg"


SSH = """
[lrms/ssh]
remote_host = oar.example
remote_user = grid
private_key = "/etc/grid-security/oar key"
remote_sessiondir = /scratch/grid/
remote_cachedir = /scratch/cache
ssh_timeout = 5
"""


def remote(settings: Settings) -> tuple[object, ...]:
    return (
        settings.remote_host,
        settings.remote_user,
        settings.private_key,
        settings.remote_sessiondir,
        settings.ssh_timeout,
    )


def test_block_of_arc_6_for_another_machine(tmp_path: Path) -> None:
    expected = ("oar.example", "grid", "/etc/grid-security/oar key", "/scratch/grid", 5)
    assert remote(loaded(tmp_path, SSH)) == expected
    ours = SSH.replace("[lrms/ssh]", "[custom:oar]").replace("remote_cachedir", "#")
    assert remote(loaded(tmp_path, ours)) == expected


def test_custom_block_overrides_the_block_of_arc_6(tmp_path: Path) -> None:
    text = SSH + "[custom:oar]\nremote_host=other.example\nssh_timeout=20\n"
    assert remote(loaded(tmp_path, text)) == (
        *("other.example", "grid", "/etc/grid-security/oar key", "/scratch/grid", 20),
    )


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("remote_user", "", "a value, with remote_host"),
        ("private_key", "", "a value, with remote_host"),
        ("private_key", "key", "the absolute path of a file"),
        (
            "remote_host",
            "-oProxyCommand=x",
            "a name or address of letters, digits, '.', ':', '_' and '-'",
        ),
        ("remote_user", "-l", "a name or address of letters, digits, '.', ':', '_' and '-'"),
        ("remote_sessiondir", "x", "the absolute path of a directory"),
        ("ssh_timeout", "0", "a time of 1 second or more"),
    ],
)
def test_wrong_values_for_another_machine(
    tmp_path: Path, option: str, value: str, expected: str
) -> None:
    message = refused(tmp_path, f"{SSH}{option} = {value}\n")
    assert message == f':9: [lrms/ssh] {option} = "{value}": expected {expected}'


def test_missing_user_of_another_machine(tmp_path: Path) -> None:
    message = refused(tmp_path, "[custom:oar]\nremote_host = oar.example\n")
    assert message == ': [custom:oar] remote_user = "": expected a value, with remote_host'


def test_caret_under_the_error_of_a_value(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "[custom:oar]\nresources = /core={count}+/licence=x\n")
    assert str(caught.value) == (
        f'{tmp_path}/arc.conf:2: [custom:oar] resources = "/core={{count}}+/licence=x": '
        "expected a number, ALL, BEST, BESTHALF or {count} at character 24"
    )
    assert caught.value.details == "  /core={count}+/licence=x\n" + " " * 25 + "^"
