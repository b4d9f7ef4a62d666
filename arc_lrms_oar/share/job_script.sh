# The part of the job script that is the same for every job. job/script.py writes job_scratch.sh,
# job_program.sh and this file, in this order, below the function arc_oar_job, which assigns the
# values of one job.
#
# It must work with bash 4.2 and with any PATH, locale and limits that the user's environment sets;
# hence builtins wherever bash has one. Its own variables and functions begin with arc_oar_;
# RUNTIME_* and ACCOUNTING_* are ARC's contract with runtime environments.
#
# shellcheck shell=bash
# shellcheck disable=SC2154 # arc_oar_job assigns the variables of the job.
# shellcheck disable=SC2317,SC2329 # The EXIT trap calls arc_oar_finish.

arc_oar_say() {
    printf '%s\n' "$1" >&2
    if [ "$RUNTIME_JOB_STDERR" != /dev/null ] && [ "$arc_oar_streams" = ready ]; then
        printf '%s\n' "$1" >>"$RUNTIME_JOB_STDERR"
    fi
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
    if [ -n "$arc_oar_staged" ]; then
        PATH=$arc_oar_path
        cd / && rm -rf "$RUNTIME_NODE_JOB_DIR"
    fi
    local arc_oar_end
    printf -v arc_oar_end '%(%s)T' -1
    arc_oar_note_utc LRMSStartTime "$arc_oar_start"
    arc_oar_note_utc LRMSEndTime "$arc_oar_end"
    arc_oar_note "WallTime=$((arc_oar_end - arc_oar_start))s" "exitcode=$arc_oar_result"
    exit "$arc_oar_result"
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
    local IFS=
    arc_oar_note "runtimeenvironments=${arc_oar_rte_names[*]/%/;}"
}

# Calls the runtime environments in order with one stage; reports the one that fails.
arc_oar_stage() {
    local arc_oar_index arc_oar_options
    for arc_oar_index in "${!arc_oar_rte_names[@]}"; do
        # An empty runtime environment has no function.
        declare -F "arc_oar_rte_$arc_oar_index" >/dev/null || continue
        arc_oar_options="arc_oar_rte_options_${arc_oar_index}[@]"
        if ! "arc_oar_rte_$arc_oar_index" "$1" "${!arc_oar_options}"; then
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
    # The PATH of the node, before the user's environment changes it.
    arc_oar_path=$PATH
    arc_oar_job
    printf -v arc_oar_start '%(%s)T' -1
    arc_oar_result=
    arc_oar_staged=
    arc_oar_streams=
    trap arc_oar_finish EXIT
    arc_oar_count_nodes
    arc_oar_open_streams || exit 1
    if [ "$arc_oar_nodes" -gt 1 ] && [ -z "$RUNTIME_ENABLE_MULTICORE_SCRATCH" ]; then
        RUNTIME_LOCAL_SCRATCH_DIR=
    fi
    if [ -n "$RUNTIME_LOCAL_SCRATCH_DIR" ]; then
        arc_oar_stage_in || exit 1
    fi
    arc_oar_stage 1 || exit 1
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
    arc_oar_status=$?
    arc_oar_stage 2 || arc_oar_status=1
    if [ -n "$RUNTIME_LOCAL_SCRATCH_DIR" ]; then
        arc_oar_stage_out || arc_oar_status=1
    fi
    arc_oar_result=$arc_oar_status
    exit
}

# One line: bash reads nothing of the file after it has begun to run the job.
arc_oar_main "$@"; exit
