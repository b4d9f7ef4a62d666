"""The public API: what ARC's own backends offer, by the same names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from standin import Standin
from support.ce import GRID_ID, Ce
from support.oar_site import Site

import arc_lrms_oar
from arc_lrms_oar.errors import GramiError, OarUnavailable
from arc_lrms_oar.version import __version__

ROOT = Path(__file__).parent.parent


@pytest.fixture
def site(place: Path, oar: Standin) -> Site:
    return Site(Ce(place), oar)


def test_names() -> None:
    assert arc_lrms_oar.__version__ == __version__
    assert set(arc_lrms_oar.__all__) == {
        "Cancel",
        "Query",
        "Scan",
        "Submit",
        "__version__",
        "get_lrms_info",
        "get_lrms_options_schema",
    }


def test_way_of_a_job(site: Site) -> None:
    conf = str(site.ce.conf)
    files = site.ce.job(executable="/bin/sh", arguments=["-c", "exit 4"])
    job_id = arc_lrms_oar.Submit(conf, str(files.file("grami")))
    assert (job_id, files.local_id()) == ("1", "1")
    site.ce.accepted(files, job_id)
    site.oar.wait(1)
    assert arc_lrms_oar.Scan(conf, [str(site.ce.control)]) == [GRID_ID]
    (result,) = arc_lrms_oar.Query(conf, [1])
    assert (result.state, result.exit_code) == ("Terminated", 4)
    assert arc_lrms_oar.Cancel(conf, str(files.file("grami"))) is True


def test_errors_are_exceptions_of_one_line(site: Site) -> None:
    conf = str(site.ce.conf)
    with pytest.raises(GramiError):
        arc_lrms_oar.Submit(conf, "/no/such/grami")
    site.oar.set("db_down")
    with pytest.raises(OarUnavailable) as caught:
        arc_lrms_oar.Query(conf, [1])
    assert "\n" not in str(caught.value)


def test_information(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARC_CONFIG", str(site.ce.conf))
    info = arc_lrms_oar.get_lrms_info({"queues": {"default": {"users": []}}, "jobs": []})
    assert info["cluster"]["totalcpus"] == 8
    assert set(arc_lrms_oar.get_lrms_options_schema()) >= {"queues", "jobs"}


def modules(code: str) -> set[str]:
    """What is imported by a fresh interpreter that runs `code`."""
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    shown = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(shown.stdout.split())


def test_nothing_but_the_standard_library_on_arex_path() -> None:
    """Copying the folder into site-packages is a full installation."""
    names = (
        "commands.submit",
        "commands.cancel",
        "commands.query",
        "scan.reconcile",
        "info.provider",
    )
    code = "".join(f"import arc_lrms_oar.{name}\n" for name in ("cli", *names))
    before = modules("")
    roots = {name.partition(".")[0] for name in modules(code) - before}
    allowed = set(sys.stdlib_module_names) if sys.version_info >= (3, 10) else roots
    assert roots - allowed - {"arc_lrms_oar"} == set()
    assert not roots & {"pyparsing", "dateutil", "arc", "setuptools", "pkg_resources"}


def test_importing_the_package_imports_nothing_of_it() -> None:
    loaded = {name for name in modules("import arc_lrms_oar") if name.startswith("arc_lrms_oar")}
    assert loaded == {"arc_lrms_oar", "arc_lrms_oar.version"}
