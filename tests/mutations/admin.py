"""Mutations of the commands of administrators and of the site's metrics."""

from __future__ import annotations

from mutations.mutation import Mutation, in_file

_WATCH = "tests/admin/test_jobs_watch.py"
_OAR_3 = "tests/admin/test_oar3.py::test_running_jobs_are_not_held"
_watch = in_file("admin/jobs_watch.py", _WATCH)
_view = in_file("admin/watch_view.py", _WATCH)
_terminal = in_file("admin/watch_terminal.py", _WATCH)
_bulk = in_file("admin/bulk.py", "tests/admin/test_bulk.py")
_drain = in_file("admin/drain.py", "tests/admin/test_drain.py")
_site = in_file("info/site_metrics.py", "tests/info/test_site_metrics.py")
_metrics = in_file("scan/metrics.py", "tests/scan/test_metrics.py")
_users = in_file("admin/check_users.py", "tests/admin/test_doctor.py")
_sessions = in_file("admin/check_sessions.py", "tests/admin/test_doctor.py")

MUTATIONS: tuple[Mutation, ...] = (
    # jobs --watch
    _watch(
        "a filter on the command line is ignored", "sorted_rows(overview.rows", "sorted_rows([]"
    ),
    _watch(
        "rates are those of the first overview",
        "                rates.add(overview, now)\n",
        "",
        f"{_WATCH}::test_json_is_one_line_per_refresh",
    ),
    _watch(
        "q does not end it",
        'if keys == b"" or (keys and not view.obey(keys))',
        'if keys == b"" or (keys and view.obey(keys) is None)',
        f"{_WATCH}::test_q_ends_it_and_restores_the_terminal",
    ),
    _watch(
        "the table of a pipe has colours", "now, None, False, fields", "now, None, True, fields"
    ),
    _view(
        "the last job cannot be scrolled to",
        "min(target(), self._total - self._page)",
        "min(target(), 0)",
    ),
    _view("a filter regards the case of the job", "name, row, now).lower()", "name, row, now)"),
    _view(
        "a key ends it while a filter is typed",
        "self._typed is not None:\n                self._edit",
        "False:\n                self._edit",
    ),
    # hold, resume, cancel
    _bulk(
        "all jobs are taken without --all",
        "if request.selection.is_empty and not request.everything:",
        "if False:",
    ),
    _bulk("a dry run acts", "    if request.dry_run:\n", "    if False:\n"),
    _bulk("another number of jobs is confirmed", "if confirmed != number:", "if not confirmed:"),
    _bulk("running jobs are suspended unasked", "if request.running else", "if True else"),
    _bulk(
        "suspended jobs are held by the command for waiting ones",
        "client.hold(_ids(running), running=True)",
        "client.hold(_ids(running))",
    ),
    _bulk(
        "a refusal is a success", "            refused = True\n", "            refused = False\n"
    ),
    _bulk(
        "only the first block of jobs is done", "range(0, len(rows), _IN_ONE_COMMAND)", "range(1)"
    ),
    _bulk("a cancelled job is cancelled again", "row.arex_state != CANCELING", "True"),
    _bulk("OAR 3 is asked to suspend jobs", "not client.dialect.suspends", "False", _OAR_3),
    # drain
    _drain("one drained session directory is enough", "all(value.split()", "any(value.split()"),
    _drain("a drained directory gets a second word", '!= ["drain"]:', '!= ["drained"]:'),
    _drain(
        "an option of another block is changed",
        'if block == "arex" else None',
        "if block else None",
    ),
    _drain("the admin's own drain is undone", "if marked else None", "if True else None"),
    _drain("a dry run writes", "    if dry_run:\n", "    if False:\n"),
    _drain("a link is replaced", "os.path.realpath(path), content", "path, content"),
    _drain("the mode of arc.conf is lost", "status.st_mode & 0o7777", "0o600"),
    _drain("waiting jobs have an end", "or row.used is None:", "or False:"),
    # Metrics of the site
    _site("held jobs count as suspended", "if state_of(record.state) is State.HOLD:", "if False:"),
    _site(
        "the slots of a dead node count as closed", "slots.until.keys() - slots.up - taken", "set()"
    ),
    _site(
        "the scheduler lags while the queue is inactive",
        "if cluster.is_active(record.queue)]",
        "if record.queue]",
    ),
    _site("the newest job is the lag", "cluster.now - min(known)", "cluster.now - max(known)"),
    _site("an unknown server is down", "None if server_error is None else not", "not"),
    _site("other users cannot read the file", "mode=0o644", "mode=0o600"),
    _site(
        "a full disk stops the provider",
        "    except OSError as error:\n        problem",
        "    except KeyError as error:\n        problem",
    ),
    # Metrics of scan
    _metrics("a failed query counts as an answer", "up=not unavailable", "up=True"),
    _metrics("the delay counts in every cycle", "waiting.pop(name)", "waiting[name]"),
    _metrics("the newest end is the oldest", "min(ends, default=0)", "max(ends, default=0)"),
    _metrics(
        "a counter does not live on",
        "self._counters[name] = self._counters.get(name, 0) + number",
        "self._counters[name] = number",
        "tests/scan/test_metrics.py::test_cycles_of_one_process",
    ),
    # doctor
    _users("a shell that refuses its user is no problem", "else refusing_shell(user)", 'else ""'),
    _sessions("any directory is called closed", "if not _may_enter(one, user)]", "if one]"),
)
