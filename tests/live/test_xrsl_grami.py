"""Descriptions of the corpus go through arcsub and A-REX, and give the GRAMi file that we foresee.

Both readings, xRSL and GRAMi, then have to end in the same oarsub line. A start time far away keeps
A-REX from running any of the jobs: it has written their GRAMi files by then.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from bed.grid import ENDPOINT, USER, Grid, Job
from job.xrsl import compare

from arc_lrms_oar.job import grami, xrsl
from arc_lrms_oar.job.request import make_request
from arc_lrms_oar.job.xrsl.arex import Place, grami_values
from arc_lrms_oar.settings import QueueSettings

pytestmark = pytest.mark.live

HELD = '&({})(queue=default)(starttime="2037-01-01 00:00:00Z")(environment=(CORPUS "{}"))'
# The client hands jobs to A-REX in ADL, an XML, which does not carry everything that xRSL can say.
ALTERED = {
    "quotes newline inside": "ADL loses newlines",
    "environment hostile": "ADL loses newlines",
    "hostile name": "ADL loses newlines",
    "control characters": "ADL loses a string with control characters",
    "no executable": "ADL has no arguments without an executable",
    "variable set later": "ADL has no arguments without an executable",
    "runtimeenvironment mixed": "without a broker, ADL takes every relation for '='",
}


class Sent(NamedTuple):
    """One description of the corpus on its way, with what we read in it."""

    name: str
    text: str
    read: xrsl.XrslJob


def descriptions() -> dict[str, Sent]:
    """The descriptions to send, one of each kind that reads alike, by number."""
    found: dict[str, Sent] = {}
    seen = set()
    for number, (name, text) in enumerate(compare.corpus().items()):
        held = HELD.format(text, number)
        if name in compare.ON_PURPOSE or not _can_be_sent(text):
            continue
        (plain,) = xrsl.read(text)
        if plain.description not in seen:
            seen.add(plain.description)
            found[str(number)] = Sent(name, held, xrsl.read(held)[0])
    return found


def _can_be_sent(text: str) -> bool:
    """Whether it is one job that needs no files beside it, and that A-REX takes and would run."""
    try:
        (job,) = xrsl.read(text)
    except (xrsl.XrslError, ValueError):
        return False
    said = job.description
    # The client writes ADL of these that A-REX cannot read; one such job takes all others of the
    # same arcsub with it. A-REX refuses some counts, and ends where it is to divide by 0.
    unreadable = said.disk == 0 or (said.exclusive and "count" in job.unsaid)
    never_run = any(line.startswith(("dryrun:", "countpernode:")) for line in job.ignored)
    local = said.input_files or said.stdin or (said.executable and said.executable[0] != "/")
    return not (unreadable or never_run or local)


@pytest.fixture(scope="module")
def sent() -> dict[str, Sent]:
    return descriptions()


@pytest.fixture(scope="module")
def received(grid: Grid, sent: dict[str, Sent]) -> Iterator[dict[str, grami.Values]]:
    """The GRAMi values that A-REX has written, by number of the description."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for number, one in sent.items():
            entry = tarfile.TarInfo(f"{number}.xrsl")
            entry.size = len(one.text.encode())
            tar.addfile(entry, io.BytesIO(one.text.encode()))
    folder = grid.user("mktemp", "-d").strip()
    grid.bed.run_bytes(["tar", "xf", "-"], user=USER, input=archive.getvalue(), cwd=folder)
    files = [f"{number}.xrsl" for number in sent]
    arcsub = ["arcsub", "-C", ENDPOINT, "-T", "arcrest", "-Q", "NONE", *files]
    done = grid.bed.run(arcsub, user=USER, cwd=folder, env={"TZ": "UTC"}, check=False, timeout=300)
    urls = re.findall(r"jobid: (\S+)", done.stdout)
    assert len(urls) == len(sent), (done.stdout + done.stderr)[-2000:]
    found = {}
    for url in urls:
        values = grami.parse(Job(grid, url, folder).control("grami"), url)
        number = next(value[7:] for value in values.values() if value.startswith("CORPUS="))
        found[number] = values
    yield found
    grid.bed.run(["arckill", *urls], user=USER, check=False, timeout=300)


def test_a_rex_took_all(received: dict[str, grami.Values], sent: dict[str, Sent]) -> None:
    assert set(received) == set(sent)
    assert len(sent) > 140


def test_gramis_are_as_foreseen(received: dict[str, grami.Values], sent: dict[str, Sent]) -> None:
    differences = {}
    for number, one in sent.items():
        theirs, ours = _shown(received[number]), _shown(_foreseen(one, received[number]))
        if theirs != ours and one.name not in ALTERED:
            differences[one.name] = sorted(set(theirs.items()) ^ set(ours.items()))
    assert differences == {}


def test_oarsub_lines_are_the_same(
    received: dict[str, grami.Values], sent: dict[str, Sent]
) -> None:
    differences = {}
    for number, one in sent.items():
        lines = [_oarsub(x) for x in (received[number], _foreseen(one, received[number]))]
        if lines[0] != lines[1]:
            differences[one.name] = lines
    assert differences == {}


def _foreseen(one: Sent, received: grami.Values) -> grami.Values:
    place = (received[f"joboption_{key}"] for key in ("directory", "controldir", "gridid"))
    values = grami_values(one.read, Place(*place))
    # A-REX itself waits for the start time and hands none on.
    return {**values, "joboption_starttime": ""}


def _shown(values: grami.Values) -> grami.Values:
    """Without what A-REX adds; of files, one that goes two ways once."""
    kept = {
        key: value
        for key, value in values.items()
        if not key.startswith(("joboption_penv", "joboption_virtual", "joboption_outputfile"))
        and not value.startswith("GRID_GLOBAL_JOB")
    }
    names = {value for key, value in values.items() if key.startswith("joboption_outputfile")}
    return {**kept, "output files": " ".join(sorted(names))}


def _oarsub(values: grami.Values) -> list[str]:
    job = grami.describe(values, "grami")
    return make_request(job, QueueSettings(cores_per_node=4), "/script", 0).argv()
