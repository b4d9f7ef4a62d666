"""The public API: the functions of ARC's own backends, their results and errors."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from standin import Standin
from support.ce import GRID_ID, Ce
from support.oar_site import Site

import arc_lrms_oar
from arc_lrms_oar import errors
from arc_lrms_oar.version import __version__

ROOT = Path(__file__).parent.parent


@pytest.fixture
def site(place: Path, oar: Standin) -> Site:
    return Site(Ce(place), oar)


ERRORS = [name for name, value in vars(errors).items() if isinstance(value, type)]


def test_names() -> None:
    assert arc_lrms_oar.__version__ == __version__
    assert set(arc_lrms_oar.__all__) == {
        *("Cancel", "CancelOutcome", "CancelResult"),
        *("Query", "QueryResult"),
        *("Scan", "Submit", "__version__", "get_lrms_info", "get_lrms_options_schema"),
        *ERRORS,
    }
    for name in arc_lrms_oar.__all__:
        assert getattr(arc_lrms_oar, name) is not None
    for name in ("Resubmit", "errors_"):
        with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
            getattr(arc_lrms_oar, name)


def test_errors_are_those_that_the_package_raises() -> None:
    for name in ERRORS:
        assert getattr(arc_lrms_oar, name) is getattr(errors, name)
        assert issubclass(getattr(arc_lrms_oar, name), arc_lrms_oar.OarLrmsError)


@pytest.mark.parametrize("name", ["Submit", "Cancel", "Scan", "Query", "get_lrms_info"])
def test_docstring_has_arguments_result_and_errors(name: str) -> None:
    function = getattr(arc_lrms_oar, name)
    text = inspect.getdoc(function) or ""
    parts = ["Args:", "Returns:", "Raises:"]
    assert [line for line in text.splitlines() if line in parts] == parts
    for argument in inspect.signature(function).parameters:
        assert f"\n    {argument}: " in text


def test_job_from_submission_to_report(site: Site) -> None:
    conf = str(site.ce.conf)
    files = site.ce.job(executable="/bin/sh", arguments=["-c", "exit 4"])
    job_id = arc_lrms_oar.Submit(conf, str(files.file("grami")))
    assert (job_id, files.local_id()) == ("1", "1")
    site.ce.accepted(files, job_id)
    site.oar.wait(1)
    assert arc_lrms_oar.Scan(conf, [str(site.ce.control)]) == [GRID_ID]
    (result,) = arc_lrms_oar.Query(conf, [1])
    assert (result.state, result.exit_code) == ("Terminated", 4)


def test_cancel_returns_what_happened(site: Site) -> None:
    site.configure("submit_budget=0")
    conf = str(site.ce.conf)
    grami = str(site.running().file("grami"))
    site.oar.set("fail_times", "oardel:1:25:DB connection error")
    result = arc_lrms_oar.Cancel(conf, grami)
    assert (result.outcome, result.job_id) == (arc_lrms_oar.CancelOutcome.NOT_YET, 1)
    assert arc_lrms_oar.Cancel(conf, grami).outcome is arc_lrms_oar.CancelOutcome.CANCELLED
    assert arc_lrms_oar.Cancel(conf, "99").outcome is arc_lrms_oar.CancelOutcome.GONE


def test_errors_are_exceptions_of_one_line(site: Site) -> None:
    conf = str(site.ce.conf)
    with pytest.raises(arc_lrms_oar.GramiError):
        arc_lrms_oar.Submit(conf, "/no/such/grami")
    site.oar.set("db_down")
    with pytest.raises(arc_lrms_oar.OarUnavailable) as caught:
        arc_lrms_oar.Query(conf, [1])
    assert "\n" not in str(caught.value)


def test_information_from_an_explicit_configuration(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARC_CONFIG", "/no/such/arc.conf")
    options = {"queues": {"default": {"users": []}}, "jobs": []}
    info = arc_lrms_oar.get_lrms_info(options, str(site.ce.conf))
    assert info["cluster"]["totalcpus"] == 8
    assert set(arc_lrms_oar.get_lrms_options_schema()) >= {"queues", "jobs"}


def test_information_as_arc_calls_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARC_CONFIG", str(site.ce.conf))
    info = arc_lrms_oar.get_lrms_info({b"queues": {b"default": {b"users": []}}, b"jobs": []})
    assert info["cluster"]["totalcpus"] == 8


def modules(code: str) -> set[str]:
    """The modules that a new interpreter has imported after running `code`."""
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    shown = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(shown.stdout.split())


def test_commands_of_arex_import_only_the_standard_library() -> None:
    """So copying the directory into site-packages installs the package."""
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


def test_importing_the_package_imports_only_its_version() -> None:
    loaded = {name for name in modules("import arc_lrms_oar") if name.startswith("arc_lrms_oar")}
    assert loaded == {"arc_lrms_oar", "arc_lrms_oar.version"}
