"""arc.conf, and the runtime configuration that A-REX makes of it, become Settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from arc_lrms_oar.arex import config
from arc_lrms_oar.errors import ConfigError
from arc_lrms_oar.settings import OPTIONS, QueueSettings, Settings

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


def test_queue_that_has_no_block_gets_what_is_common(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "[custom:oar]\nnode_level=host\n[queue:a]\n")
    assert settings.queue("nobody").node_level == "host"
    assert settings.queue("a").node_level == "host"


def test_empty_value_of_a_queue_wins_over_the_common_one(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "[custom:oar]\nproject=grid\n[custom:oar/free]\nproject=\n")
    assert (settings.common.project, settings.queue("free").project) == ("grid", "")


def test_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert loaded(tmp_path, "") == Settings(config_file=str(tmp_path / "arc.conf"))


def test_defaults_of_the_table_are_those_of_the_classes() -> None:
    for option in OPTIONS:
        holder = QueueSettings if option.per_queue else Settings
        assert option.convert(option.default) == getattr(holder(), option.name), option.name


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


def test_block_that_stands_twice_is_one(tmp_path: Path) -> None:
    text = "[custom:oar]\nlost_cycles=7\n[arex]\n[custom:oar]\nlost_time=0:1:00\n"
    settings = loaded(tmp_path, text)
    assert (settings.lost_cycles, settings.lost_time) == (7, 60)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[arex\n", ", line 1: '[arex' lacks its closing bracket"),
        ("a=b\n", ", line 1: 'a=b' is neither [block] nor option=value"),
        ("[arex]\n\nnonsense\n", ", line 3: 'nonsense' is neither [block] nor option=value"),
        (
            "[arex]\nshared_filesystem=maybe\n",
            ": [arex] shared_filesystem=maybe is wrong: it must be yes or no",
        ),
        (
            "[arex]\nloglevel=9\n",
            ": [arex] loglevel=9 is wrong: it must be 0 to 5 or one of"
            " FATAL ERROR WARNING INFO VERBOSE DEBUG",
        ),
        (
            "[lrms]\ndefaultmemory=1G\n",
            ": [lrms] defaultmemory=1G is wrong: it must be a whole number",
        ),
        (
            "[queue:a]\ndefaultmemory=-1\n",
            ": [queue:a] defaultmemory=-1 is wrong: it must be a whole number",
        ),
        (
            "[custom:oar]\nsubmit_budget=601\n",
            ": [custom:oar] submit_budget=601 is wrong: it must be at most 600",
        ),
        (
            "[custom:oar]\nnode_level=host;x\n",
            ": [custom:oar] node_level=host;x is wrong: it must be the name of one of OAR's"
            " resource properties, such as core",
        ),
        (
            "[custom:oar/a]\ncore_level=\n",
            ": [custom:oar/a] core_level= is wrong: it must be the name of one of OAR's"
            " resource properties, such as core",
        ),
        (
            "[custom:oar]\nmemory_property=a b\n",
            ": [custom:oar] memory_property=a b is wrong: it must be the name of one of OAR's"
            " resource properties, such as core",
        ),
        (
            "[custom:oar]\nmemory_unit=TB\n",
            ": [custom:oar] memory_unit=TB is wrong: it must be one of kb, mb, gb",
        ),
        (
            "[custom:oar]\nmemory_scope=cpu\n",
            ": [custom:oar] memory_scope=cpu is wrong: it must be one of core, node",
        ),
        (
            "[custom:oar]\ndialect=4\n",
            ": [custom:oar] dialect=4 is wrong: it must be one of auto, 2, 3",
        ),
        (
            "[custom:oar]\nbin_path=oar/bin\n",
            ": [custom:oar] bin_path=oar/bin is wrong: it must be the absolute path of a directory",
        ),
        (
            "[custom:oar/a]\nproject=o'brien\n",
            ": [custom:oar/a] project=o'brien is wrong: it must be one word of letters, digits,"
            " '.', '_' and '-'",
        ),
        (
            "[custom:oar]\ntypes=besteffort;ls\n",
            ": [custom:oar] types=besteffort;ls is wrong: it must be OAR job types separated by"
            " spaces, such as besteffort",
        ),
        (
            "[custom:oar]\ncores_per_node=-2\n",
            ": [custom:oar] cores_per_node=-2 is wrong: it must be a whole number, 0 or more",
        ),
        (
            "[custom:oar/a]\nacl_users=alice,bob\n",
            ": [custom:oar/a] acl_users=alice,bob is wrong: it must be names of local users with"
            " blanks between them",
        ),
        (
            "[infosys/cluster]\nmaxwalltime=1 day\n",
            ": [infosys/cluster] maxwalltime=1 day is wrong: it must be a whole number",
        ),
        (
            "[custom:oar/a]\ndefault_walltime=1:60:00\n",
            ": [custom:oar/a] default_walltime=1:60:00 is wrong: it must be seconds (3600) or"
            " hours:minutes:seconds (1:00:00)",
        ),
    ],
)
def test_wrong_values_name_block_option_and_what_is_right(
    tmp_path: Path, text: str, complaint: str
) -> None:
    assert refused(tmp_path, text) == complaint


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


def test_bytes_that_are_no_utf8_do_no_harm(tmp_path: Path) -> None:
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


def test_unknown_options_are_told_with_the_nearest_known() -> None:
    blocks = config.parse_blocks(
        "[lrms]\nfoo=1\n[custom:oar]\nnode_levels=host\nbin_path=/a\n"
        "[custom:oar/a]\nbin_path=/a\n[custom:other]\nx=1\n",
        "arc.conf",
    )
    first, second = config.unknown_options(blocks)
    assert first == "[custom:oar] node_levels: no such option; did you mean node_level?"
    assert second.startswith("[custom:oar/a] bin_path: no such option; known are oar_queue, ")


def test_option_that_no_queue_can_have_is_not_read_there(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "[custom:oar]\nbin_path=/a\n[custom:oar/b]\nbin_path=/b\n")
    assert (settings.bin_path, settings.queue("b")) == ("/a", settings.common)


def test_which_file_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = tmp_path / "arched-arex.cfg"
    monkeypatch.setattr(config, "RUNTIME_CONFIG", str(runtime))
    assert config.find_config() == "/etc/arc.conf"
    runtime.touch()
    assert config.find_config() == str(runtime)
    monkeypatch.setenv("ARC_CONFIG", "/home/user/arc.conf")
    assert config.find_config() == "/home/user/arc.conf"
    assert config.find_config("/given") == "/given"


def test_where_arex_keeps_its_runtime_configuration() -> None:
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


def test_our_block_comes_before_arcs(tmp_path: Path) -> None:
    text = SSH + "[custom:oar]\nremote_host=other.example\nssh_timeout=20\n"
    assert remote(loaded(tmp_path, text)) == (
        *("other.example", "grid", "/etc/grid-security/oar key", "/scratch/grid", 20),
    )


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "remote_user =",
            "[lrms/ssh] remote_user= is wrong: it must be given where remote_host is",
        ),
        (
            "private_key =",
            "[lrms/ssh] private_key= is wrong: it must be given where remote_host is",
        ),
        ("private_key = key", "[lrms/ssh] private_key=key is wrong: it must be the absolute path"),
        ("remote_host = -oProxyCommand=x", "[lrms/ssh] remote_host=-oProxyCommand=x is wrong: it "),
        ("remote_user = -l", "[lrms/ssh] remote_user=-l is wrong: it must be a name or address"),
        ("remote_sessiondir = x", "[lrms/ssh] remote_sessiondir=x is wrong: it must be the absol"),
        ("ssh_timeout = 0", "[lrms/ssh] ssh_timeout=0 is wrong: it must be a time of 1 second or"),
    ],
)
def test_wrong_values_for_another_machine(tmp_path: Path, line: str, complaint: str) -> None:
    assert complaint in refused(tmp_path, f"{SSH}{line}\n")
