"""Mutations of the commands of administrators and of the site's metrics."""

from __future__ import annotations

from mutations.mutation import Mutation, in_file

_WATCH = "tests/admin/test_jobs_watch.py"
_BULK = "tests/admin/test_bulk.py"
_DRAIN = "tests/admin/test_drain.py"
_SITE = "tests/info/test_site_metrics.py"
_METRICS = "tests/scan/test_metrics.py"
_DOCTOR = "tests/admin/test_doctor.py"
_OAR_3 = "tests/admin/test_oar3.py::test_running_jobs_are_not_held"
_watch = in_file("admin/jobs_watch.py")
_view = in_file("admin/watch_view.py")
_bulk = in_file("admin/bulk.py")
_drain = in_file("admin/drain.py")
_site = in_file("info/site_metrics.py")
_metrics = in_file("scan/metrics.py")
_users = in_file("admin/check_users.py")
_sessions = in_file("admin/check_sessions.py")

MUTATIONS: tuple[Mutation, ...] = (
    # jobs --watch
    _watch(
        "a filter on the command line is ignored",
        "sorted_rows(overview.rows",
        "sorted_rows([]",
        f"{_WATCH}::test_pipe_gets_plain_tables_until_interrupted",
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
        "the table of a pipe has colours",
        "now, None, False, fields",
        "now, None, True, fields",
        f"{_WATCH}::test_pipe_gets_plain_tables_until_interrupted",
    ),
    _view(
        "the last job cannot be scrolled to",
        "min(target(), self._total - self._page)",
        "min(target(), 0)",
        f"{_WATCH}::test_scrolling_stays_within_the_jobs",
    ),
    _view(
        "a filter regards the case of the job",
        "name, row, now).lower()",
        "name, row, now)",
        f"{_WATCH}::test_filter_finds_any_field_and_q_is_a_letter_of_it",
    ),
    _view(
        "a key ends it while a filter is typed",
        "self._typed is not None:\n                self._edit",
        "False:\n                self._edit",
        f"{_WATCH}::test_filter_finds_any_field_and_q_is_a_letter_of_it",
    ),
    # hold, resume, cancel
    _bulk(
        "all jobs are taken without --all",
        "if request.selection.is_empty and not request.everything:",
        "if False:",
        f"{_BULK}::test_no_condition",
    ),
    _bulk(
        "a dry run acts", "    if request.dry_run:\n", "    if False:\n", f"{_BULK}::test_dry_run"
    ),
    _bulk(
        "another number of jobs is confirmed",
        "if confirmed != number:",
        "if not confirmed:",
        f"{_BULK}::test_number_is_wrong",
    ),
    _bulk(
        "running jobs are suspended unasked",
        "if request.running else",
        "if True else",
        f"{_BULK}::test_jobs_that_cannot_be_held_are_left_alone",
    ),
    _bulk(
        "suspended jobs are held by the command for waiting ones",
        "client.hold(_ids(running), running=True)",
        "client.hold(_ids(running))",
        f"{_BULK}::test_running_jobs_are_suspended_by_a_command_of_their_own",
    ),
    _bulk(
        "a refusal is a success",
        "            refused = True\n",
        "            refused = False\n",
        f"{_BULK}::test_refused_by_oar",
    ),
    _bulk(
        "only the first block of jobs is done",
        "range(0, len(rows), _IN_ONE_COMMAND)",
        "range(1)",
        f"{_BULK}::test_many_jobs_take_several_commands",
    ),
    _bulk(
        "a cancelled job is cancelled again",
        "row.arex_state != CANCELING",
        "True",
        f"{_BULK}::test_cancel_goes_through_arex",
    ),
    _bulk("OAR 3 is asked to suspend jobs", "not client.dialect.suspends", "False", _OAR_3),
    # drain
    _drain(
        "one drained session directory is enough",
        "all(value.split()",
        "any(value.split()",
        f"{_DRAIN}::test_a_ce_with_one_directory_left_does_not_drain",
    ),
    _drain(
        "a drained directory gets a second word",
        '!= ["drain"]:',
        '!= ["drained"]:',
        f"{_DRAIN}::test_every_session_directory_is_drained",
    ),
    _drain(
        "an option of another block is changed",
        'if block == "arex" else None',
        "if block else None",
        f"{_DRAIN}::test_every_session_directory_is_drained",
    ),
    _drain(
        "the admin's own drain is undone",
        "if marked else None",
        "if True else None",
        f"{_DRAIN}::test_only_what_was_changed_is_changed_back",
    ),
    _drain(
        "a dry run writes", "    if dry_run:\n", "    if False:\n", f"{_DRAIN}::test_start_and_stop"
    ),
    _drain(
        "a link is replaced",
        "os.path.realpath(path), content",
        "path, content",
        f"{_DRAIN}::test_link_stays_a_link",
    ),
    _drain(
        "the mode of arc.conf is lost",
        "status.st_mode & 0o7777",
        "0o600",
        f"{_DRAIN}::test_start_and_stop",
    ),
    _drain(
        "waiting jobs have an end",
        "or row.used is None:",
        "or False:",
        f"{_DRAIN}::test_what_is_left",
    ),
    # Metrics of the site
    _site(
        "held jobs count as suspended",
        "if state_of(record.state) is State.HOLD:",
        "if False:",
        f"{_SITE}::test_slots_nodes_and_jobs",
    ),
    _site(
        "the slots of a dead node count as closed",
        "slots.until.keys() - slots.up - taken",
        "set()",
        f"{_SITE}::test_slots_nodes_and_jobs",
    ),
    _site(
        "the scheduler lags while the queue is inactive",
        "if cluster.is_active(record.queue)]",
        "if record.queue]",
        f"{_SITE}::test_waiting_job_that_the_scheduler_has_not_looked_at",
    ),
    _site(
        "the newest job is the lag",
        "cluster.now - min(known)",
        "cluster.now - max(known)",
        f"{_SITE}::test_waiting_job_that_the_scheduler_has_not_looked_at",
    ),
    _site(
        "an unknown server is down",
        "None if server_error is None else not",
        "not",
        f"{_SITE}::test_server_whose_address_is_not_known",
    ),
    _site(
        "other users cannot read the file",
        "mode=0o644",
        "mode=0o600",
        f"{_SITE}::test_file_is_readable_for_everybody",
    ),
    _site(
        "a full disk stops the provider",
        "    except OSError as error:\n        problem",
        "    except KeyError as error:\n        problem",
        f"{_SITE}::test_unwritable_file_stops_nothing",
    ),
    # Metrics of scan
    _metrics(
        "a failed query counts as an answer",
        "up=not unavailable",
        "up=True",
        f"{_METRICS}::test_up_is_what_oar_answered_last",
    ),
    _metrics(
        "the delay counts in every cycle",
        "waiting.pop(name)",
        "waiting[name]",
        f"{_METRICS}::test_delay_until_arex_goes_on",
    ),
    _metrics(
        "the newest end is the oldest",
        "min(ends, default=0)",
        "max(ends, default=0)",
        f"{_METRICS}::test_age_of_the_oldest_end_that_cannot_be_reported",
    ),
    _metrics(
        "a counter does not live on",
        "self._counters[name] = self._counters.get(name, 0) + number",
        "self._counters[name] = number",
        "tests/scan/test_metrics.py::test_cycles_of_one_process",
    ),
    # doctor
    _users(
        "a shell that refuses its user is no problem",
        "else refusing_shell(user)",
        'else ""',
        f"{_DOCTOR}::test_user_whose_shell_refuses_them",
    ),
    _sessions(
        "any directory is called closed",
        'if not os.access(".", os.X_OK, dir_fd=descriptor)',
        "if descriptor",
        f"{_DOCTOR}::test_cure_for_a_closed_session_directory",
    ),
)
