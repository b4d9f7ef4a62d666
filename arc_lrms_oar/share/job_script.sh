# The part of the job script that is the same for every job. job/script.py writes job_scratch.sh,
# job_usage.sh, job_program.sh and this file, in this order, below the function arc_oar_job, which
# assigns the values of one job.
#
# It must work with bash 4.2 and with any PATH, locale and limits that the user's environment sets;
# hence builtins wherever bash has one. Its own variables and functions begin with arc_oar_; the
# others are ARC's contract with runtime environments (docs/internals/rte-contract.md).
#
# shellcheck shell=bash
# shellcheck disable=SC2154 # arc_oar_job assigns the variables of the job.
# shellcheck disable=SC2034 # The other files use arc_oar_job_id.
# shellcheck disable=SC2317,SC2329 # The EXIT trap and runtime environments call functions.

# A function of ARC's for runtime environments.
sourcewithargs() {
    script=$1
    shift
    # shellcheck source=/dev/null
    . "$script"
}

arc_oar_say() {
    printf '%s\n' "$1" >&2
    if [ "$RUNTIME_JOB_STDERR" != /dev/null ] && [ "$arc_oar_streams" = ready ]; then
        printf '%s\n' "$1" >>"$RUNTIME_JOB_STDERR"
    fi
}

# OAR starts a job ID once. But if its database is killed while it launches the job, or an older
# dump is restored, it may start the same job ID again (docs/internals/oar.md). The file beside the
# script marks the job ID, and gets the exit code at the end; a second start returns that code and
# changes nothing. Each submission has a script of its own, so a new job that gets the same ID runs.
arc_oar_mark_start() {
    arc_oar_mark=
    case ${BASH_SOURCE[0]} in
        /*) ;;
        *) return 0 ;;
    esac
    [ -n "$arc_oar_job_id" ] || return 0
    local mark=${BASH_SOURCE[0]}.started-$arc_oar_job_id code=
    # Creates the file, and fails where it exists.
    if [ ! -e "$mark" ] && (set -C && : >"$mark") 2>/dev/null; then
        arc_oar_mark=$mark
        return 0
    fi
    # Where it cannot be written, the job runs without the mark.
    [ -f "$mark" ] || return 0
    read -r code 2>/dev/null <"$mark"
    printf '%s\n' "OAR has started its job $arc_oar_job_id a second time. The program does not run \
again." >&2
    case $code in
        '' | *[!0-9]*) exit 1 ;;
    esac
    exit "$code"
}

arc_oar_note() {
    printf '%s\n' "$@" >>"$RUNTIME_JOB_DIAG"
}

arc_oar_note_utc() {
    TZ=UTC printf "$1=%(%Y%m%d%H%M%SZ)T\n" "$2" >>"$RUNTIME_JOB_DIAG"
}

# The EXIT trap: also writes the accounting where a runtime environment or a signal ends the script.
arc_oar_finish() {
    local arc_oar_status=$?
    trap - EXIT
    # No result means that the script did not reach its end, which is never a success.
    [ -n "$arc_oar_result" ] || arc_oar_result=$((arc_oar_status ? arc_oar_status : 1))
    # A trap of a runtime environment.
    [ -z "$arc_oar_rte_trap" ] || eval "$arc_oar_rte_trap"
    if [ -n "$arc_oar_staged" ]; then
        PATH=$arc_oar_path
        cd / && rm -rf "$RUNTIME_NODE_JOB_DIR"
    fi
    [ -z "$ACCOUNTING_BENCHMARK" ] || arc_oar_note "Benchmark=$ACCOUNTING_BENCHMARK"
    [ -z "$ACCOUNTING_WN_INSTANCE" ] || arc_oar_note "wninstance=$ACCOUNTING_WN_INSTANCE"
    local arc_oar_end
    printf -v arc_oar_end '%(%s)T' -1
    arc_oar_note_utc LRMSStartTime "$ACCOUNTING_STARTTIME"
    arc_oar_note_utc LRMSEndTime "$arc_oar_end"
    arc_oar_note "WallTime=$((arc_oar_end - ACCOUNTING_STARTTIME))s" "exitcode=$arc_oar_result"
    [ -z "$arc_oar_mark" ] || printf '%s\n' "$arc_oar_result" 2>/dev/null >"$arc_oar_mark"
    exit "$arc_oar_result"
}

# Undoes what a runtime environment must not change for the rest of the script. An EXIT trap that it
# sets runs in addition to the one above.
arc_oar_after_rte() {
    set +eu
    IFS=$' \t\n'
    local trap
    local -a words
    trap=$(trap -p EXIT)
    [ "$trap" != "trap -- 'arc_oar_finish' EXIT" ] || return 0
    eval "words=($trap)"
    arc_oar_rte_trap=${words[2]}
    trap arc_oar_finish EXIT
}

arc_oar_count_nodes() {
    local -A seen=()
    local name
    local -a lines=()
    if [ -r "$OAR_NODE_FILE" ]; then
        mapfile -t lines <"$OAR_NODE_FILE"
    fi
    for name in "${lines[@]}"; do
        [ -z "$name" ] || [ -n "${seen[$name]}" ] || arc_oar_note "nodename=$name"
        [ -z "$name" ] || seen[$name]=1
    done
    arc_oar_nodes=${#seen[@]}
    if [ "$arc_oar_nodes" -eq 0 ]; then
        name=
        # The option nodename is a command with its arguments.
        # shellcheck disable=SC2086
        [ -z "$arc_oar_nodename" ] || name=$($arc_oar_nodename)
        arc_oar_note "nodename=${name:-$HOSTNAME}"
        arc_oar_nodes=1
    else
        arc_oar_note "Processors=${#lines[@]}"
    fi
    arc_oar_note "Nodecount=$arc_oar_nodes" "Benchmark=$arc_oar_benchmark"
}

# The operating system of the node, by the name that its distribution gives it.
arc_oar_note_system() {
    local PATH=$arc_oar_path system
    if [ -r /etc/os-release ]; then
        # shellcheck source=/dev/null
        system=$(NAME='' VERSION='' && . /etc/os-release && printf '%s' "$NAME $VERSION")
    elif [ -r /etc/system-release ]; then
        read -r system </etc/system-release
    else
        system="Linux $(uname -r)"
    fi
    [ -z "$system" ] || arc_oar_note "systemsoftware=$system"
}

# Calls the runtime environments in order with one stage; reports the one that fails.
arc_oar_stage() {
    local arc_oar_index arc_oar_options arc_oar_status
    runtimeenvironments=
    for arc_oar_index in "${!arc_oar_rte_names[@]}"; do
        runtimeenvironments="$runtimeenvironments${arc_oar_rte_names[arc_oar_index]};"
        # An empty runtime environment has no function.
        declare -F "RTE_function_$arc_oar_index" >/dev/null || continue
        arc_oar_options="arc_oar_rte_options_${arc_oar_index}[@]"
        "RTE_function_$arc_oar_index" "$1" "${!arc_oar_options}" 57>&-
        arc_oar_status=$?
        arc_oar_after_rte
        if [ "$arc_oar_status" -ne 0 ]; then
            arc_oar_say "Runtime environment ${arc_oar_rte_names[arc_oar_index]} failed in stage $1"
            return 1
        fi
    done
}

arc_oar_open_streams() {
    local PATH=$arc_oar_path
    local file
    for file in "$RUNTIME_JOB_STDOUT" "$RUNTIME_JOB_STDERR"; do
        [ "$file" != /dev/null ] || continue
        [ -d "${file%/*}" ] || mkdir -p "${file%/*}"
        if ! : >"$file"; then
            arc_oar_say "Cannot write the output file $file"
            return 1
        fi
    done
    arc_oar_streams=ready
}

arc_oar_main() {
    umask 077
    # Those of the node, before the user's environment changes them.
    arc_oar_path=$PATH
    arc_oar_job_id=$OAR_JOB_ID
    local grid_area=$RUNTIME_GRIDAREA_DIR
    arc_oar_mark_start
    arc_oar_job
    printf -v ACCOUNTING_STARTTIME '%(%s)T' -1
    arc_oar_result=
    arc_oar_staged=
    arc_oar_streams=
    arc_oar_rte_trap=
    trap arc_oar_finish EXIT
    arc_oar_start_watcher
    arc_oar_count_nodes
    arc_oar_note_system
    arc_oar_open_streams || exit 1
    if [ -n "$grid_area" ] && [ "$grid_area" != "${RUNTIME_JOB_DIR%/*}" ]; then
        arc_oar_say "RUNTIME_GRIDAREA_DIR=$grid_area is set on $HOSTNAME, but OAR runs the job in \
$RUNTIME_JOB_DIR"
        exit 1
    fi
    if [ "$arc_oar_nodes" -gt 1 ] && [ -z "$RUNTIME_ENABLE_MULTICORE_SCRATCH" ]; then
        RUNTIME_LOCAL_SCRATCH_DIR=
    fi
    if [ -n "$RUNTIME_LOCAL_SCRATCH_DIR" ]; then
        arc_oar_stage_in || exit 1
    fi
    arc_oar_find_gnu_time
    RESULT=0
    arc_oar_stage 1 || RESULT=1
    arc_oar_note "runtimeenvironments=$runtimeenvironments"
    # A runtime environment may have set it.
    [ "${RESULT:-0}" = 0 ] || exit "$RESULT"
    export HOME=$RUNTIME_JOB_DIR
    if ! cd "$RUNTIME_JOB_DIR"; then
        arc_oar_say "Cannot go to the session directory $RUNTIME_JOB_DIR on $HOSTNAME"
        exit 1
    fi
    if [ ! -r "$RUNTIME_JOB_STDIN" ]; then
        arc_oar_say "Cannot read the input $RUNTIME_JOB_STDIN"
        exit 1
    fi
    arc_oar_check_program || exit
    if [ -n "$arc_oar_signal" ]; then
        arc_oar_run_signalled
    else
        arc_oar_run
    fi
    RESULT=$?
    arc_oar_stop_watcher
    arc_oar_stage 2 || RESULT=1
    arc_oar_note_scratch
    if [ -n "$RUNTIME_LOCAL_SCRATCH_DIR" ]; then
        arc_oar_stage_out || RESULT=1
    fi
    arc_oar_result=$RESULT
    exit
}

# One line: bash reads nothing of the file after it has begun to run the job.
arc_oar_main "$@"; exit
