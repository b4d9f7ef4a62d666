"""Mutations of one cycle of scan: what it asks, stores, decides and writes, and in which order."""

from __future__ import annotations

from mutations.mutation import Mutation, in_file

_PARTIAL = "tests/scan/test_reconcile_faults.py::test_partial_report_of_a_killed_scan_is_replaced"
_FULL = "tests/scan/test_reconcile_clocks_and_disks.py::test_disk_full_for_the_accounting"
_COMPLETE = "tests/scan/test_reconcile_faults.py::test_complete_report_is_left_alone"
_DISKS = "tests/scan/test_reconcile_clocks_and_disks.py"
_REPORT = "tests/scan/test_report.py"
_ABANDONED = "tests/scan/test_abandoned.py"
_UNIDENTIFIED = "tests/scan/test_unidentified.py"
_decide = in_file("scan/decide.py", "tests/scan/test_decide.py")
_state = in_file("scan/state.py", "tests/scan/test_state.py")
_log = in_file("scan/throttled_log.py", "tests/scan/test_throttled_log.py")
_query = in_file("scan/ended_query.py", "tests/scan/test_ended_query.py")
_index = in_file("scan/job_index.py", "tests/scan/test_job_index.py")
_cache = in_file("scan/job_cache.py", "tests/scan/test_job_cache.py")
_owner = in_file("scan/ownership.py", "tests/scan/test_ownership.py")
_follow = in_file("scan/resubmission.py", "tests/scan/test_resubmission.py")
_report = in_file("scan/report.py", "tests/scan/test_scan.py", "tests/scan/test_reconcile.py")
_files = in_file(
    "arex/control_files.py",
    "tests/arex/test_control_files_on_disk.py",
    "tests/arex/test_control_files.py",
)
_cancel = in_file(
    "scan/cancelled.py", "tests/scan/test_scan.py", "tests/scan/test_ownership.py", _REPORT
)
_deletion = in_file(
    "oar/deletion.py", "tests/scan/test_scan.py", "tests/scan/test_ownership.py", _REPORT
)
_by_name = in_file("scan/by_name.py", "tests/scan/test_by_name.py")
_cycle = in_file("scan/reconcile.py", "tests/scan/test_scan.py", "tests/scan/test_reconcile.py")
_decisions = in_file("scan/decisions.py", "tests/scan/test_reconcile.py")
_context = in_file("scan/context.py", "tests/scan/test_scan.py", "tests/scan/test_reconcile.py")
_apply = in_file("scan/apply.py", "tests/scan/test_scan.py", "tests/scan/test_reconcile.py")
_abandoned = in_file("scan/abandoned.py", _ABANDONED)
_in_audit = in_file("scan/reconcile.py", _ABANDONED)
_unidentified = in_file("scan/unidentified.py", _UNIDENTIFIED)
_unsubmitted = in_file("scan/unsubmitted.py", "tests/commands/test_give_up.py")
_watch = in_file("scan/watch.py", "tests/scan/test_watch.py")

MUTATIONS: tuple[Mutation, ...] = (
    # What happens to a job
    _decide(
        "a job is lost after a cycle too few",
        "cycles < policy.lost_cycles",
        "cycles < policy.lost_cycles - 1",
    ),
    _decide("a job is lost too early", " or now - since < policy.lost_time", ""),
    _decide("either limit makes a job lost", "lost_cycles or now", "lost_cycles and now"),
    _decide(
        "a deleted successor is followed",
        "if successor is not None and successor_deleted:",
        "if False:",
    ),
    _decide(
        "a successor is followed where none may run",
        "Wait() if policy.delete_resubmitted else Follow(successor)",
        "Follow(successor)",
    ),
    _decide(
        "a resubmission is not waited for", "ended_for < RESUBMISSION_TIMEOUT and", "False and"
    ),
    _decide("the diag is not waited for", "ended_for < DIAG_TIMEOUT and", "False and"),
    _decide("the diag of a complete job is waited for", "not diag.complete and ", ""),
    _decide("the diag of a killed job is waited for", "and not status & 0x7F and", "and"),
    _decide("the diag is waited for too long", "DIAG_TIMEOUT = 60.0", "DIAG_TIMEOUT = 61.0"),
    _decide(
        "an odd state ends the cycle",
        "except ValueError as error:",
        "except ZeroDivisionError as error:",
    ),
    # The state between cycles
    _state("two scans run at once", "fcntl.LOCK_EX", "fcntl.LOCK_SH"),
    _state("the state file may be a link", "os.O_NOFOLLOW | ", ""),
    _state(
        "the state is not saved",
        "                state._save(descriptor, before)\n",
        "                pass\n",
    ),
    _state(
        "the rest of an old state stays", "            os.ftruncate(descriptor, len(content))\n", ""
    ),
    _state(
        "a clock that was set back makes jobs lost", 'if row.get("since", now) > now:', "if False:"
    ),
    _state(
        "missing cycles are not counted",
        'row.get("cycles", 0) + 1\n        row.set',
        "1\n        row.set",
    ),
    _state("a job that OAR knows again stays missing", '            row.pop("cycles", None)\n', ""),
    _state("the time of an earlier absence counts", '            row.pop("since", None)\n', ""),
    _state("deletions are repeated in each cycle", '        row["deleted"] = now\n', ""),
    _state(
        "a clock that was set back stops deletions",
        'if 0 <= now - row.get("deleted", 0)',
        'if now - row.get("deleted", 0)',
    ),
    _state(
        "an audit in the future is never due",
        "if 0 <= now - self._audited",
        "if now - self._audited",
    ),
    _state(
        "every cycle audits",
        "            return False\n        self._audited = now",
        "            pass\n        self._audited = now",
    ),
    _state("jobs that are gone are kept", "if row and (key in kept or", "if row and (True or"),
    _state("sections are dropped", ' or key[:1] == " ")', ")"),
    _state("an infinite number is read", "if not math.isfinite(number):", "if False:"),
    _state(
        "an unknown generation is taken",
        'if generation in ("2", "3") else None',
        "if generation.isdigit() else None",
    ),
    # What is logged
    _log("a persistent problem is logged in each cycle", 'if "told" in row and', "if False and"),
    _log(
        "a clock that was set back silences a problem",
        'and 0 <= self._now - row["told"]',
        'and self._now - row["told"]',
    ),
    _log(
        "a cleared problem is logged again and again",
        "            self._state.drop_section(name)\n",
        "",
    ),
    _log(
        "a rare problem counts as cleared",
        'row["until"] = self._now + again_in',
        'row["until"] = self._now',
    ),
    # The query for ended jobs
    _query("new jobs are not asked for", "last + _LOOK_AHEAD", "last"),
    _query(
        "jobs beyond the query are not asked for", " | (self._client.ended(others) or set())", ""
    ),
    _query(
        "jobs that A-REX does not have are reported", "collect().intersection(ids)", "collect()"
    ),
    _query(
        "an audit uses the cheap query", "        if self.is_audit:\n            return None\n", ""
    ),
    _query(
        "a command is left behind", "                self._collect()\n", "                pass\n"
    ),
    # The index of A-REX's jobs
    _index("a changed status file is not read", "row[0] == status.st_mtime_ns", "row[0]"),
    _index("a replaced status file is not read", "            and row[1] == status.st_ino\n", ""),
    _index(
        "cached files are never read again",
        "(cycle_number + zlib.crc32(entry.name.encode())) % _REREAD_CYCLES",
        "True",
    ),
    _index("all files are read again in the same cycle", " + zlib.crc32(entry.name.encode())", ""),
    _index(
        "jobs with the same job ID are not found",
        "if self.jobs.setdefault(job_id, job) is not job:",
        "if self.jobs.setdefault(job_id, job) is None:",
    ),
    _index(
        "a followed job keeps its old job ID",
        "{name: [min(rows[name][0], _NEVER), *rows[name][1:]]",
        "{name: [*rows[name]]",
    ),
    _index(
        "the lack of a job ID is not certain while OAR's answer is read",
        "[min(rows[name][0], _NEVER),",
        "[_NEVER,",
        _UNIDENTIFIED,
    ),
    _index(
        "a file that A-REX is writing counts as one without a job ID",
        "(row is not None and row[0] == _LACKING)",
        "True",
        _UNIDENTIFIED,
    ),
    _index(
        "a job that scan has seen is looked for by name",
        "        if known:\n            self.disowned",
        "        if False:\n            self.disowned",
        _UNIDENTIFIED,
    ),
    _index(
        "a job that was in the LRMS counts as never seen there",
        " and before[name][3] != _PAST",
        "",
        _ABANDONED,
    ),
    _index(
        "a job that has left FINISHING counts as never seen in the LRMS",
        "(row[2] != 0 or row[3] == _PAST)",
        "row[2] != 0",
        _ABANDONED,
    ),
    _index(
        "a kept index trusts the inode of a job that is not in the LRMS",
        " > _NEVER and row[2] > 0",
        " > _NEVER",
    ),
    _index(
        "a kept index does not notice a replaced status file",
        "self._inodes.get(name) == inode",
        "True",
    ),
    _index(
        "a kept index lists each modification time once",
        "self._stamps == (stamp, stamp)",
        "self._stamps[1] == stamp",
    ),
    _index("a kept index drops jobs without an ID", "not self.without_id and not", "not"),
    _cache("a cache of other types is used", "is type(canceling) is int", "is type(canceling)"),
    _cache("unordered ranges are used", "if ends == sorted(ends) and", "if"),
    # Whose job it is
    _owner(
        "a job of another grid job is reported",
        "if not is_job_of(job.grid_id, record.name, record.command):",
        "if False:",
    ),
    _owner("a job of another user is reported", "user != record.owner", "False"),
    _owner("a deleted user's jobs belong to nobody", '"" if name == str(uid) else name', "name"),
    _owner("a job without an owner is deleted", "bool(record.owner) and not", "not"),
    _owner(
        "a job whose files are gone is deleted",
        "job is not None and record is not None and",
        "record is not None and",
    ),
    # Jobs that OAR has resubmitted
    _follow(
        "the GRAMi file keeps the old job ID",
        "            grami.append_local_id(path, successor)\n",
        "            pass\n",
    ),
    _follow(
        "a successor is written twice",
        "if grami.local_id(grami.read_values(path)) != successor:",
        "if True:",
    ),
    _follow(".local keeps the old job ID", "    control_files.set_local_id(job, successor)\n", ""),
    _follow(
        "a silent resubmission is not followed",
        "if job_id not in found and resubmission_may_be_silent(record)",
        "if False",
    ),
    # Jobs that A-REX has ended without OAR
    _abandoned(
        "an abandoned job that is not the grid job's is deleted",
        "job_id in records and ownership.is_proven(records[job_id], job)",
        "job_id in records",
    ),
    _abandoned(
        "a job that is being moved counts as removed",
        "if now - since >= _REMOVED_AFTER else None",
        "",
    ),
    _abandoned(
        "a job that A-REX is restarting counts as ended",
        "return job if job.state in ENDED else None",
        "return job",
    ),
    _abandoned(
        "a job that ends right after its submission keeps its OAR job",
        '.setdefault("job", job_id)',
        '.get("job", job_id)',
    ),
    _abandoned(
        "an audit finds the jobs of other CEs",
        "if any(os.path.lexists(os.path.join(folder, name)) for name in names):",
        "if names:",
    ),
    _in_audit("no audit finds abandoned jobs", "if query.is_audit:", "if False:"),
    _in_audit("each cycle asks for abandoned jobs", "if query.is_audit:", "if True:"),
    # Jobs without a job ID
    _unidentified(
        "a job without a job ID is lost although OAR has it",
        "lost.keys() - found.keys()",
        "lost.keys()",
    ),
    _unidentified(
        "OAR is asked for a job without a job ID in every cycle",
        "if name in lost or missing[0] == 1:",
        "if True:",
    ),
    _unidentified(
        "a job without a job ID is lost without a question to OAR",
        "if name in lost or missing[0] == 1:",
        "if missing[0] == 1:",
    ),
    _unidentified(
        "without OAR's answer no other job is reported", "except OarUnavailable", "except OSError"
    ),
    _unidentified(
        "a query that failed is not repeated",
        "            context.state.clear_missing(name)\n",
        "            pass\n",
    ),
    # Jobs whose submission failed
    _unsubmitted(
        "the job ID of a disowned job is not written again",
        "                follow(job, job_id, context.log)\n",
        "                pass\n",
    ),
    _unsubmitted(
        "a failed submission is reported twice", "job.is_unsubmitted and not job.reported", "True"
    ),
    _unsubmitted(
        "a failed submission cannot be resumed", "    allow_new_submission(job)\n", "    pass\n"
    ),
    _unsubmitted(
        "OAR is not asked for jobs reported as not submitted",
        "    state.section(UNSUBMITTED)[status_name] = owner.uid\n",
        "    pass\n",
    ),
    _unsubmitted(
        "a job that A-REX submits anew is deleted",
        "for name in [name for name in jobs if _is_finished(control_dir, name)]:",
        "for name in list(jobs):",
    ),
    _unsubmitted(
        "a job that A-REX has not finished is looked for",
        "        if _is_finished(control_dir, name)\n",
        "",
    ),
    # Reports
    _report(
        "a full disk loses the accounting",
        "            if not final:\n                raise\n",
        "            pass\n",
        _FULL,
    ),
    _report(
        "a job that never started has times", "    if not started:\n", "    if False:\n", _REPORT
    ),
    _report("a failed job cannot be submitted again", "if kept != text:", "if False:", _REPORT),
    _report(
        "a report is appended twice",
        "        if last in before:\n            return\n",
        "",
        _COMPLETE,
    ),
    _report("half a report stays", "len(before) - partial if partial >= 0 else 0", "0", _PARTIAL),
    _report(
        "the last line of output runs into the report",
        '            comment += b"\\n"',
        "            pass",
    ),
    _report(
        "private files are left",
        "            userfiles.remove_directory(private_dir(session_dir), owner)\n",
        "            pass\n",
    ),
    _report(
        "the user's own times are accounted",
        'values["lrmsstarttime"] = utc(record.start_time)',
        "pass",
    ),
    _report("time in suspension is accounted", " - suspended_time(record)", ""),
    _report(
        "the user's own exit code is accounted",
        'values["exitcode"] = str(report.outcome.code)',
        "pass",
    ),
    _files("many files are not flushed", "syncfs(descriptor) == 0", "getpid() != 0"),
    _files("few files are not flushed", "            os.fsync(descriptor)\n", "            pass\n"),
    _files(
        "files are renamed before they are flushed", "_flush(list(asides.values()))", "_flush([])"
    ),
    _files(
        "a missing syncfs leaves files unflushed",
        "    except AttributeError:\n        return False",
        "    except AttributeError:\n        return True",
    ),
    _files(
        "half an errors text stays",
        "            os.ftruncate(descriptor, size)\n            raise",
        "            raise",
    ),
    _files(
        "a short write counts as complete",
        "                written += os.write(descriptor, text[written:])\n",
        "                written = len(text)\n",
    ),
    _files(".local gets a second job ID", 'and not line.startswith("localid=")', ""),
    # A wrong job ID
    _by_name(
        "a job of another user with the name is taken",
        "if not ownership.is_proven(record, jobs[key]):",
        "if False:",
    ),
    _by_name("the newest job counts, ended or not", "not has_ended(record.state), ", ""),
    _by_name(
        "the job ID is not written", "            follow(job, new, log)\n", "            pass\n"
    ),
    _decisions(
        "a job with a wrong job ID is lost",
        "        decisions[job_id] = Follow(new)",
        "        _ = Follow(new)",
        "tests/scan/test_by_name.py",
    ),
    _by_name(
        "a shared job ID is not corrected",
        "for job in same if job != owners.get(i)]",
        "for job in same if not job]",
        "tests/scan/test_by_name.py",
    ),
    # The cycle
    _cycle(
        "OAR is asked again for the jobs whose reports A-REX has not fetched",
        "if not has_lrms_done(context.control_dir, self.jobs[job_id].status_name)",
        "if has_lrms_done",
    ),
    _cycle(
        "a job that A-REX has moved on is reported",
        "elif job is not None and job.reported:",
        "elif job is None:",
    ),
    _cycle(
        "a job that names another job ID now is reported",
        "if job is not None and job.local_id != job_id:",
        "if False:",
    ),
    _context(
        "an unknown job ends the cycle for others",
        "        except Exception as error:\n            replacement",
        "        except ZeroDivisionError as error:\n            replacement",
    ),
    _cycle("gm-kick is not started", "        kick(done, self.context.log)\n", "        pass\n"),
    _apply(
        "lrms_done is written without the rest",
        "report.write(final=waited >= WRITE_TIMEOUT)",
        "[]",
    ),
    _apply(
        "a job whose files cannot be written is never reported",
        "final=waited >= WRITE_TIMEOUT",
        "final=False",
        _REPORT,
        _DISKS,
    ),
    _apply(
        "a job whose lrms_done failed counts as reported",
        "if report.job.grid_id in failed:",
        "if False:",
    ),
    # A process that stays
    _watch("it does not leave in time", "_STAY = 58.5", "_STAY = 68.5"),
    _watch("its last cycle may overrun", "now + took < end", "now < end"),
    _watch("it goes on after SIGTERM", "signalled is None and", "True and"),
    _watch("it goes on without A-REX", " and os.getppid() == self._parent", ""),
    _watch("the cache is lost", "                directory.save()\n", "                pass\n"),
    _watch("a slow OAR is not spared", "load.answer * _ANSWER_SHARE", "load.answer"),
    _watch("another scan is logged again and again", "self._busy.add(directory.path)", "pass"),
    # Jobs that A-REX has cancelled
    _cancel("they are deleted at once", "not 0 <= now - job.changed <= _INTERVAL", "True"),
    _deletion("they are never deleted", "        client.delete(ids)\n", "        pass\n"),
    _cancel("any job is deleted", " if ownership.is_own(records.get(i), job)]", "]"),
    _deletion("suspended jobs live on", "        client.resume(suspended)\n", "        pass\n"),
)
