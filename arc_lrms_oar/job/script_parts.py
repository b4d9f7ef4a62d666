"""The part of the job script that is the same for every job, in bash.

It must work with bash 4.2 and with whatever PATH, locale and limits the user's environment has
set, so what it can do with builtins it does with builtins. Every variable and function of its own
begins with `arc_oar_`; the `RUNTIME_*` ones are ARC's contract with runtime environments.
"""

BODY = r"""
arc_oar_say() {
    printf '%s\n' "$1" >&2
    if [ "$RUNTIME_JOB_STDERR" != /dev/null ] && [ "$arc_oar_streams" = ready ]; then
        printf '%s\n' "$1" >>"$RUNTIME_JOB_STDERR"
    fi
}

arc_oar_note() {
    printf '%s\n' "$@" >>"$RUNTIME_JOB_DIAG"
}

arc_oar_utc() {
    TZ=UTC printf "$1=%(%Y%m%d%H%M%SZ)T\n" "$2" >>"$RUNTIME_JOB_DIAG"
}

# Also when a runtime environment or the system ends the script: the accounting is written.
arc_oar_finish() {
    local arc_oar_status=$?
    trap - EXIT
    # Who has not come to the end of the script has no result, and that is no success.
    [ -n "$arc_oar_result" ] || arc_oar_result=$((arc_oar_status ? arc_oar_status : 1))
    if [ -n "$arc_oar_staged" ]; then
        PATH=$arc_oar_path
        cd / && rm -rf "$RUNTIME_NODE_JOB_DIR"
    fi
    local arc_oar_end
    printf -v arc_oar_end '%(%s)T' -1
    arc_oar_utc LRMSStartTime "$arc_oar_start"
    arc_oar_utc LRMSEndTime "$arc_oar_end"
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
        [ -z "$arc_oar_nodename" ] || name=$($arc_oar_nodename)
        arc_oar_note "nodename=${name:-$HOSTNAME}"
        arc_oar_nodes=1
    else
        arc_oar_note "Processors=${#lines[@]}"
    fi
    arc_oar_note "Nodecount=$arc_oar_nodes" "Benchmark=$arc_oar_benchmark"
    arc_oar_note "runtimeenvironments=$arc_oar_rtes"
}

# A directory of this job on the node. One that is there already cannot be trusted.
arc_oar_stage_in() {
    local PATH=$arc_oar_path
    RUNTIME_NODE_JOB_DIR=$RUNTIME_LOCAL_SCRATCH_DIR/$arc_oar_grid_id
    mkdir -p "$RUNTIME_LOCAL_SCRATCH_DIR" 2>/dev/null
    rm -rf "$RUNTIME_NODE_JOB_DIR"
    if ! mkdir -m 700 "$RUNTIME_NODE_JOB_DIR"; then
        arc_oar_say "Cannot make the scratch directory $RUNTIME_NODE_JOB_DIR on $HOSTNAME"
        return 1
    fi
    arc_oar_staged=yes
    local file
    for file in "$RUNTIME_FRONTEND_JOB_DIR"/* "$RUNTIME_FRONTEND_JOB_DIR"/.[!.]* \
        "$RUNTIME_FRONTEND_JOB_DIR"/..?*; do
        [ -e "$file" ] || [ -h "$file" ] || continue
        [ "${file##*/}" != "$arc_oar_private" ] || continue
        [ "$file" != "$RUNTIME_JOB_STDOUT" ] || continue
        [ "$file" != "$RUNTIME_JOB_STDERR" ] || continue
        if ! ${arc_oar_move_tool:-cp -a --} "$file" "$RUNTIME_NODE_JOB_DIR/"; then
            arc_oar_say "Cannot bring ${file##*/} to the scratch directory on $HOSTNAME"
            return 1
        fi
    done
    RUNTIME_JOB_DIR=$RUNTIME_NODE_JOB_DIR
    case $RUNTIME_JOB_STDIN in
        "$RUNTIME_FRONTEND_JOB_DIR"/*)
            RUNTIME_JOB_STDIN=$RUNTIME_JOB_DIR/${RUNTIME_JOB_STDIN#"$RUNTIME_FRONTEND_JOB_DIR"/} ;;
    esac
    for file in "$RUNTIME_JOB_STDOUT" "$RUNTIME_JOB_STDERR"; do
        case $file in
            "$RUNTIME_FRONTEND_JOB_DIR"/*)
                ln -sf "$file" "$RUNTIME_JOB_DIR/${file#"$RUNTIME_FRONTEND_JOB_DIR"/}" ;;
        esac
    done
}

# Takes away from the scratch directory what no output file is, nor lies below one.
arc_oar_clean() {
    local -A keep=()
    local name rest path
    for name in "${arc_oar_outputs[@]}"; do
        keep[$name]=1
    done
    for name in "${arc_oar_output_lists[@]}"; do
        keep[$name]=1
        [ ! -f "./$name" ] || while read name rest || [ -n "$name" ]; do
            while [[ $name == /* || $name == ./* ]]; do
                name=${name#.}
                name=${name#/}
            done
            [ -z "$name" ] || keep[${name%/}]=1
        done <"./$name"
    done
    while IFS= read -r -d '' path; do
        path=${path#./}
        name=$path
        while [ -n "$name" ] && [ -z "${keep[$name]}" ]; do
            case $name in
                */*) name=${name%/*} ;;
                *) name= ;;
            esac
        done
        [ -n "$name" ] || rm -f "./$path"
    done < <(find . ! -type d -print0)
}

arc_oar_stage_out() {
    local PATH=$arc_oar_path
    cd "$RUNTIME_NODE_JOB_DIR" || return 1
    local file
    for file in "$RUNTIME_JOB_STDOUT" "$RUNTIME_JOB_STDERR"; do
        file=$RUNTIME_NODE_JOB_DIR/${file#"$RUNTIME_FRONTEND_JOB_DIR"/}
        [ ! -h "$file" ] || rm -f "$file"
    done
    [ -n "$arc_oar_keep_all" ] || arc_oar_clean
    if ! cp -a -- . "$RUNTIME_FRONTEND_JOB_DIR/"; then
        arc_oar_say "Cannot bring the output back; it stays in $RUNTIME_NODE_JOB_DIR on $HOSTNAME"
        arc_oar_staged=
        return 1
    fi
}

arc_oar_check_program() {
    arc_oar_executable
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
            # Options and assignments of env: what it will run is env's to find.
            case $interpreter in
                -* | *=*) return 0 ;;
            esac
            if ! type "$interpreter" >/dev/null 2>&1; then
                arc_oar_say "Cannot run $arc_oar_program: $interpreter is not on $HOSTNAME"
                return 127
            fi ;;
    esac
}

arc_oar_launch() {
    if [ "$RUNTIME_JOB_STDOUT" = "$RUNTIME_JOB_STDERR" ]; then
        "$@" <"$RUNTIME_JOB_STDIN" >>"$RUNTIME_JOB_STDOUT" 2>&1
    else
        "$@" <"$RUNTIME_JOB_STDIN" >>"$RUNTIME_JOB_STDOUT" 2>>"$RUNTIME_JOB_STDERR"
    fi
}

arc_oar_run() {
    local -a command=("$arc_oar_program" "${arc_oar_arguments[@]}") env=()
    local gnu_time=$arc_oar_gnu_time
    if [ "${#arc_oar_program_env[@]}" -gt 0 ]; then
        env=(/usr/bin/env -- "${arc_oar_program_env[@]}")
    fi
    if [ -n "$arc_oar_signal" ]; then
        # The shell that notes its number becomes the program, which the signal is meant for.
        command=(/bin/sh -c 'echo "$$" >"$0"; exec "$@"' "$arc_oar_program_pid" "${env[@]}"
            "${command[@]}")
        # It must not have these variables itself, and time would show them on its command line.
        [ "${#env[@]}" -eq 0 ] || gnu_time=
        env=()
    fi
    if [ -n "$gnu_time" ] && "$gnu_time" --version >/dev/null 2>&1; then
        # env becomes time, so that nobody can read the variables on a command line that stays.
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

# OAR sends the signal to this script, and bash would look at it only after the program's end.
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

arc_oar_time_format='WallTime=%es\nKernelTime=%Ss\nUserTime=%Us\nCPUUsage=%P
MaxResidentMemory=%MkB\nAverageResidentMemory=%tkB\nAverageTotalMemory=%KkB'

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
arc_oar_stage_1 || exit 1
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
arc_oar_stage_2 || arc_oar_status=1
if [ -n "$RUNTIME_LOCAL_SCRATCH_DIR" ]; then
    arc_oar_stage_out || arc_oar_status=1
fi
arc_oar_result=$arc_oar_status
exit
"""
