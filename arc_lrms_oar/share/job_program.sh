# The user's program: checks it, runs it with its streams and accounts for it: see job_script.sh.
#
# shellcheck shell=bash
# shellcheck disable=SC2154 # arc_oar_job assigns the variables of the job.

# Linux fills in no averages: %t and %K are always 0. A-REX publishes AverageTotalMemory as the memory
# that the job has used (ARC 6.17 and 7.0 GMJobsInfo.pm), so it gets the best figure there is.
arc_oar_time_format='WallTime=%es\nKernelTime=%Ss\nUserTime=%Us\nCPUUsage=%P
MaxResidentMemory=%MkB\nAverageTotalMemory=%MkB'

# Stage 1 of a runtime environment may change both variables.
arc_oar_find_gnu_time() {
    JOB_ACCOUNTING=
    if [ -n "$GNU_TIME" ] && "$GNU_TIME" --version >/dev/null 2>&1; then
        JOB_ACCOUNTING=gnutime
    fi
}

arc_oar_check_program() {
    if [ -n "$arc_oar_command" ]; then
        arc_oar_check_command
        return
    fi
    arc_oar_program=$arc_oar_program_path
    # An executable may begin with a variable, which the environment or stage 1 has set.
    [ -z "$arc_oar_program_variable" ] || arc_oar_program=${!arc_oar_program_variable}$arc_oar_program
    if [ ! -f "$arc_oar_program" ]; then
        arc_oar_say "The executable $arc_oar_program does not exist on $HOSTNAME"
        return 127
    fi
    if [ ! -x "$arc_oar_program" ]; then
        arc_oar_say "The executable $arc_oar_program is not executable"
        return 126
    fi
    local line interpreter rest
    IFS= read -r line <"$arc_oar_program" 2>/dev/null
    case $line in
        '#!'*)
            read -r interpreter rest <<<"${line#??}"
            [ "$interpreter" != /usr/bin/env ] || read -r interpreter rest <<<"$rest"
            # Options and assignments of env: only env can find what it will run.
            case $interpreter in
                -* | *=*) return 0 ;;
            esac
            if ! type "$interpreter" >/dev/null 2>&1; then
                arc_oar_say "Cannot run $arc_oar_program: $interpreter is not on $HOSTNAME"
                return 127
            fi ;;
    esac
}

# The command of a runtime environment. An executable of the user may exist in its container alone.
arc_oar_check_command() {
    arc_oar_words=()
    eval "arc_oar_words=($arc_oar_command
)"
    if ! type -P -- "${arc_oar_words[0]}" >/dev/null; then
        arc_oar_say "Cannot run ${arc_oar_words[0]}, the command of a runtime environment: it does \
not exist on $HOSTNAME"
        return 127
    fi
}

arc_oar_launch() {
    if [ "$RUNTIME_JOB_STDOUT" = "$RUNTIME_JOB_STDERR" ]; then
        "$@" <"$RUNTIME_JOB_STDIN" >>"$RUNTIME_JOB_STDOUT" 2>&1 57>&-
    else
        "$@" <"$RUNTIME_JOB_STDIN" >>"$RUNTIME_JOB_STDOUT" 2>>"$RUNTIME_JOB_STDERR" 57>&-
    fi
}

arc_oar_run() {
    local -a command=("$arc_oar_program" "${arc_oar_arguments[@]}") env=()
    local gnu_time=$GNU_TIME
    [ "$JOB_ACCOUNTING" = gnutime ] || gnu_time=
    [ -z "$arc_oar_command" ] || command=("${arc_oar_words[@]}")
    if [ "${#arc_oar_program_env[@]}" -gt 0 ]; then
        env=(/usr/bin/env -- "${arc_oar_program_env[@]}")
    fi
    if [ -n "$arc_oar_signal" ]; then
        # shellcheck disable=SC2016
        # This shell writes its process ID and then becomes the program that gets the signal.
        command=(/bin/sh -c 'echo "$$" >"$0"; exec "$@"' "$arc_oar_program_pid" "${env[@]}"
            "${command[@]}")
        # The shell itself must not get these variables, and GNU time would show them on its
        # command line.
        [ "${#env[@]}" -eq 0 ] || gnu_time=
        env=()
    fi
    if [ -n "$gnu_time" ]; then
        # env becomes GNU time, so no process keeps the variables on its command line.
        arc_oar_launch "${env[@]}" "$gnu_time" -o "$RUNTIME_JOB_DIAG" -a -f "$arc_oar_time_format" \
            "${command[@]}"
        return
    fi
    local TIMEFORMAT=$'WallTime=%3Rs\nUserTime=%3Us\nKernelTime=%3Ss'
    { time arc_oar_launch "${env[@]}" "${command[@]}"; } 2>>"$RUNTIME_JOB_DIAG"
}

arc_oar_forward() {
    arc_oar_signalled=yes
    local pid
    read -r pid <"$arc_oar_program_pid" && kill -s "$arc_oar_signal" "$pid"
} 2>/dev/null

# OAR sends the signal to this script. bash runs a trap only after a program in the foreground has
# ended, so the program runs in the background.
arc_oar_run_signalled() {
    arc_oar_program_pid=$RUNTIME_FRONTEND_JOB_DIR/$arc_oar_private/program
    trap arc_oar_forward "$arc_oar_signal"
    arc_oar_run &
    arc_oar_signalled=yes
    local status
    while [ -n "$arc_oar_signalled" ]; do
        arc_oar_signalled=
        wait "$!"
        status=$?
    done
    trap '' "$arc_oar_signal"
    PATH=$arc_oar_path rm -f "$arc_oar_program_pid"
    return "$status"
}
