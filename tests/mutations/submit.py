"""Mutations of a submission: the order of its steps, and the attempts of oarsub."""

from __future__ import annotations

from mutations.mutation import Mutation, in_file

_AGAIN = "tests/commands/test_submit_again.py"
_FAILURES = "tests/commands/test_submit_failures.py"
_submit = in_file("commands/submit.py", "tests/commands/test_submit.py", _AGAIN, _FAILURES)
_attempts = in_file(
    "commands/oarsub_attempts.py", "tests/commands/test_oarsub_attempts.py", _AGAIN, _FAILURES
)

MUTATIONS: tuple[Mutation, ...] = (
    _submit(
        "a job is submitted twice",
        "if job_id is not None:\n        return",
        "if 0:\n        return",
    ),
    _submit(
        "a job ID that another attempt wrote meanwhile is not read",
        "if grami.size(path) != size:",
        "if False:",
    ),
    _submit(
        "a job without a session directory is submitted", "not os.path.isdir(session_dir)", "False"
    ),
    _submit("the journal outlives the submission", "        journal.clear()\n", ""),
    _submit("a refused job leaves its script", "        journal.discard()\n", ""),
    _submit(
        "a job whose ID cannot be written leaves its script",
        "except (GramiError, JobError,",
        "except (JobError,",
    ),
    _submit("the lock outlives a failure", "        journal.close()\n", "        pass\n"),
    _submit(
        "the journal is removed before the job ID is written",
        "            _write_job_id(path, job_id, client, retry)\n",
        "            journal.clear()\n            _write_job_id(path, job_id, client, retry)\n",
    ),
    _submit(
        "the job ID is written only once",
        "            failure = error\n",
        "            failure = error\n            break\n",
    ),
    _submit(
        "a job whose ID cannot be written lives on in OAR",
        "        client.delete([job_id])\n",
        "        pass\n",
    ),
    _submit(
        "an unavailable OAR hides the full disk",
        "suppress(OarRefused, OarUnavailable)",
        "suppress(OarRefused)",
    ),
    _submit(
        "ignored attributes are not reported",
        'write_errors(f"Without',
        'str(f"Without',
        "tests/commands/test_submit_options.py",
    ),
    _attempts(
        "an earlier journal does not matter", "certain = not self.journal.earlier", "certain = True"
    ),
    _attempts(
        "after a failure OAR is not asked for the job", "                certain = False\n", ""
    ),
    _attempts(
        "a found job is submitted again", "return found or self._oarsub()", "return self._oarsub()"
    ),
    _attempts(
        "an earlier oarsub that lives is ignored", "        if alive:\n", "        if False:\n"
    ),
    _attempts(
        "the earlier oarsub is looked for after the query for its job",
        "        if alive:\n",
        "        if self._earlier_lives():\n",
    ),
    _attempts(
        "a job of another submission is taken",
        "not in record.command or record.owner != owner",
        "not in record.command",
    ),
    _attempts(
        "a job of another user is taken", "self.journal.script_name not in record.command or ", ""
    ),
    _attempts("an incomplete job is taken", "if not _is_incomplete(record):", "if True:"),
    _attempts(
        "an incomplete job is not deleted",
        "            self.client.delete(in_hold)\n",
        "            pass\n",
    ),
    _attempts(
        "a job in Error is deleted again", "if record.state == State.HOLD.word]", "if record.state]"
    ),
    _attempts(
        "a job that was deleted in Hold counts as a job",
        " and not record.start_time",
        " and bool(record.start_time)",
    ),
    _attempts(
        "a hanging oarsub counts as ended",
        "                self.hanging = command\n",
        "                pass\n",
    ),
    _attempts("oarsub does not inherit the lock", "[self.journal.lock], self", "[], self"),
    _attempts(
        "the journal is written after oarsub was started", "        self.journal.record(0)\n", ""
    ),
    _attempts(
        "the process ID of oarsub is not written",
        "            self.journal.record(command.pid)\n",
        "            pass\n",
    ),
    _attempts(
        "a full disk ends the attempt while oarsub runs",
        "with suppress(JobError):",
        "with suppress(ValueError):",
    ),
    _attempts(
        "a job ID with an exit status above 0 is refused",
        "if job_id is not None:\n        return job_id",
        "if job_id is not None and not done.code:\n        return job_id",
    ),
    _attempts("a dead database is a refusal", '"db connection",', ""),
    _attempts("a dead server is a refusal", "done.code == _SERVER_DOWN or ", ""),
    _attempts("a killed oarsub is a refusal", "done.code <= 0 or ", ""),
)
