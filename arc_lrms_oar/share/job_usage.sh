# The CPU time and memory of the whole job, measured by a watcher process: see job_script.sh.
#
# GNU time counts what the program has waited for, and nothing if OAR kills the job. The watcher is a
# copy of this shell that is no child of the job script. OAR kills a job along the chain of parents and
# cleans up the node only then, so the watcher can take a last sample. It ends when the pipe is closed
# whose writing end, descriptor 57, only the job script holds.
#
# It reads the job's own cgroups (v1 or v2). Without them it adds up the processes that have the job ID
# in their environment. Its figures go to the end of the diag, where arex/diag.py reads them.
#
# shellcheck shell=bash
# shellcheck disable=SC2154 # arc_oar_job assigns the variables of the job.

arc_oar_proc=/proc

# Finds the job's own cgroups: cpuacct_cgroup, memory_cgroup, and the one that lists its processes. A
# cgroup is the job's own if its name says so: USER_JOBID, or with systemd oar-uUID-jJOBID.slice (OAR
# 2.5 and 2.6, job_resource_manager_cgroups.pl and job_resource_manager_systemd.pl).
arc_oar_find_cgroups() {
    local controllers path controller
    cpuacct_cgroup='' memory_cgroup='' arc_oar_members=''
    while IFS=: read -r _ controllers path; do
        while [ -n "$path" ]; do
            case ${path##*/} in
                *"_$arc_oar_job_id" | *"-j$arc_oar_job_id.slice") break ;;
            esac
            path=${path%/*}
        done
        for controller in cpuset cpuacct memory ''; do
            case $path:,$controllers, in
                :*) ;;
                *:*",$controller,"*) arc_oar_use_cgroup "$controller" "$path" ;;
            esac
        done
    done <"$arc_oar_proc/self/cgroup"
}

# CONTROLLER PATH; the controller of cgroup v2 is empty.
arc_oar_use_cgroup() {
    local root point rest kind path
    while read -r _ _ _ root point rest; do
        kind=${rest#*- }
        case ${kind%% *}:$1:,${rest##* }, in
            cgroup2::* | cgroup:?*:*",$1,"*) ;;
            *) continue ;;
        esac
        path=$point${2#"${root%/}"}
        [ ! -r "$path/cgroup.procs" ] || arc_oar_members=$path/cgroup.procs
        [ ! -r "$path/cpuacct.stat" ] || cpuacct_cgroup=$path
        # The cpu controller of v1 has a file of this name without times.
        [ ! -r "$path/cpu.stat" ] || [ -n "$1" ] || cpuacct_cgroup=$path
        [ ! -r "$path/memory.stat" ] || memory_cgroup=$path
        return
    done <"$arc_oar_proc/self/mountinfo"
}

# A node may have ARC's tool that makes cgroups (v1) for the process that starts it.
arc_oar_make_cgroups() {
    local PATH=$arc_oar_path
    arc_oar_made=
    type -P arc-job-cgroup >/dev/null || return 0
    if [ -z "$memory_cgroup" ]; then
        memory_cgroup=$(exec arc-job-cgroup -m -n "$arc_oar_grid_id" 2>/dev/null)
        [ -z "$memory_cgroup" ] || arc_oar_made="$arc_oar_made -m"
    fi
    if [ -z "$cpuacct_cgroup" ]; then
        cpuacct_cgroup=$(exec arc-job-cgroup -c -n "$arc_oar_grid_id" 2>/dev/null)
        [ -z "$cpuacct_cgroup" ] || arc_oar_made="$arc_oar_made -c"
        [ ! -r "$cpuacct_cgroup/cgroup.procs" ] || arc_oar_members=$cpuacct_cgroup/cgroup.procs
    fi
}

# Starts the watcher, which is reparented to init at once. The program starts after the first sample,
# also on a busy node: what that sample counts is not the job's.
arc_oar_start_watcher() {
    local arc_oar_first_user arc_oar_first_kernel arc_oar_first_memory
    [ "$arc_oar_usage_interval" -gt 0 ] && [ -n "$arc_oar_job_id" ] || return 0
    arc_oar_find_cgroups
    arc_oar_make_cgroups
    IFS=' ' read -r arc_oar_first_user arc_oar_first_kernel arc_oar_first_memory \
        < <(arc_oar_first_sample)
    exec 57> >(arc_oar_watch <&0 &)
} 2>/dev/null

arc_oar_stop_watcher() {
    exec 57>&-
}

arc_oar_watch() {
    trap - EXIT
    # Signals for the job, such as that of a checkpoint, may go to the process group.
    trap '' HUP INT QUIT USR1 USR2 ALRM TERM URG
    local PATH=$arc_oar_path LC_ALL=C IFS=$' \t\n' fd due=0 pause status
    for fd in /proc/self/fd/*; do
        [ "${fd##*/}" -le 2 ] || eval "exec ${fd##*/}>&-"
    done
    exec >/dev/null 2>&1
    # Keeps no directory of the job in use.
    cd "$arc_oar_proc" || exit
    arc_oar_begin
    while :; do
        pause=$((due - SECONDS))
        # In pieces of 10 s, because a process of a runtime environment may hold the pipe, too.
        read -r -t $((pause < 1 ? 1 : pause > 10 ? 10 : pause))
        status=$?
        # The exit status of a timeout is above 128. "$$" is the job script.
        if [ "$status" -le 128 ] || ! kill -0 "$$"; then
            break
        fi
        [ "$SECONDS" -ge "$due" ] || continue
        arc_oar_sample
        arc_oar_write_if_grown
        # What a kill can lose is a small part of the whole.
        due=$((SECONDS / 20))
        due=$((SECONDS + (due < arc_oar_usage_interval ? due : arc_oar_usage_interval)))
    done
    arc_oar_sample
    arc_oar_write_usage
    for fd in $arc_oar_made; do
        arc-job-cgroup "$fd" -d
    done
    exit
}

# Prints what OAR and this script have used before: not the job's.
arc_oar_first_sample() {
    local PATH=$arc_oar_path LC_ALL=C IFS=$' \t\n'
    trap - EXIT
    cd "$arc_oar_proc" || exit
    arc_oar_begin
    arc_oar_sample
    echo "$arc_oar_user $arc_oar_kernel $arc_oar_memory"
}

arc_oar_begin() {
    SECONDS=0
    arc_oar_user=${arc_oar_first_user:-0} arc_oar_kernel=${arc_oar_first_kernel:-0}
    arc_oar_memory=${arc_oar_first_memory:-0} arc_oar_kills=0
    arc_oar_ended_user=0 arc_oar_ended_kernel=0 arc_oar_resident=0 arc_oar_unmeasured=0
    arc_oar_written_time=0 arc_oar_written_memory=0 arc_oar_written_kills=0
    arc_oar_page=$(getconf PAGESIZE)
    declare -gA arc_oar_parent=() arc_oar_process_user=() arc_oar_process_kernel=()
}

# Sets arc_oar_user and arc_oar_kernel (in 1/100 s, Linux's USER_HZ), arc_oar_memory (the peak, in kB)
# and arc_oar_kills. A cgroup that has been removed leaves them as they are.
arc_oar_sample() {
    local key value memory=0
    if [ -r "$cpuacct_cgroup/cpuacct.stat" ]; then
        while read -r key value; do
            case $key in
                user) arc_oar_user=$value ;;
                system) arc_oar_kernel=$value ;;
            esac
        done <"$cpuacct_cgroup/cpuacct.stat"
    elif [ -r "$cpuacct_cgroup/cpu.stat" ]; then
        while read -r key value; do
            case $key in
                user_usec) arc_oar_user=$((value / 10000)) ;;
                system_usec) arc_oar_kernel=$((value / 10000)) ;;
            esac
        done <"$cpuacct_cgroup/cpu.stat"
    fi
    if [ -r "$memory_cgroup/memory.stat" ]; then
        # Not usage_in_bytes or memory.peak, which count the page cache.
        local names=' anon shmem '
        [ ! -r "$memory_cgroup/memory.oom_control" ] || names=' total_rss total_shmem '
        while read -r key value; do
            [[ $names != *" $key "* ]] || memory=$((memory + value / 1024))
        done <"$memory_cgroup/memory.stat"
        [ "$memory" -le "$arc_oar_memory" ] || arc_oar_memory=$memory
        arc_oar_count_kills
    fi
    if [ -z "$cpuacct_cgroup" ] || [ -z "$memory_cgroup" ]; then
        arc_oar_sample_processes
    fi
}

# Processes that the kernel has killed because the cgroup had reached its limit.
arc_oar_count_kills() {
    local key value file
    for file in memory.oom_control memory.events; do
        [ -r "$memory_cgroup/$file" ] || continue
        while read -r key value; do
            [ "$key" != oom_kill ] || arc_oar_kills=$value
        done <"$memory_cgroup/$file"
    done
}

# Adds up the job's processes, for what no cgroup says.
arc_oar_sample_processes() {
    local pid line memory=0
    local -a pids=() fields
    local -A alive=()
    if [ -n "$arc_oar_members" ]; then
        mapfile -t pids <"$arc_oar_members"
    else
        mapfile -t pids < <(grep -lzxF "OAR_JOB_ID=$arc_oar_job_id" [0-9]*/environ)
    fi
    for pid in "${pids[@]%/environ}"; do
        [ "$pid" != "$BASHPID" ] || continue
        read -r line <"$pid/stat" || continue
        # Behind the name, which may hold anything: see proc_pid_stat(5).
        # shellcheck disable=SC2206
        fields=(${line##*) })
        alive[$pid]=$((fields[21] * arc_oar_page / 1024))
        arc_oar_parent[$pid]=${fields[1]}
        arc_oar_process_user[$pid]=$((fields[11] + fields[13]))
        arc_oar_process_kernel[$pid]=$((fields[12] + fields[14]))
        memory=$((memory + alive[$pid]))
    done
    if [ -z "$cpuacct_cgroup" ]; then
        arc_oar_add_times
    fi
    if [ -z "$memory_cgroup" ] && [ "$memory" -gt "$arc_oar_memory" ]; then
        arc_oar_measure_memory
    fi
}

# Processes may share memory, so each counts with its part of it (Pss, proc_pid_smaps(5)). To read that
# takes the kernel 1 ms and more, so it is done where the sum of the processes has grown by a
# twentieth, and once in ten samples.
arc_oar_measure_memory() {
    local pid key rest sum=0
    arc_oar_unmeasured=$((arc_oar_unmeasured + 1))
    [ $((memory * 20)) -gt $((arc_oar_resident * 21)) ] || [ "$arc_oar_unmeasured" -ge 10 ] || return 0
    arc_oar_unmeasured=0
    arc_oar_resident=$memory
    for pid in "${!alive[@]}"; do
        while read -r key rest; do
            [ "$key" != Pss: ] || alive[$pid]=${rest% kB}
        done <"$pid/smaps_rollup"
        sum=$((sum + alive[$pid]))
    done
    [ "$sum" -le "$arc_oar_memory" ] || arc_oar_memory=$sum
}

# The times of a process that has ended are those of the parent that has waited for it. Where no
# ancestor in the job is left, they are kept.
arc_oar_add_times() {
    local pid parent
    local -a ended=()
    arc_oar_user=0 arc_oar_kernel=0
    for pid in "${!arc_oar_parent[@]}"; do
        if [ -n "${alive[$pid]}" ]; then
            arc_oar_user=$((arc_oar_user + arc_oar_process_user[$pid]))
            arc_oar_kernel=$((arc_oar_kernel + arc_oar_process_kernel[$pid]))
            continue
        fi
        ended+=("$pid")
        parent=${arc_oar_parent[$pid]}
        while [ -n "$parent" ] && [ -z "${alive[$parent]}" ]; do
            parent=${arc_oar_parent[$parent]}
        done
        if [ -z "$parent" ]; then
            arc_oar_ended_user=$((arc_oar_ended_user + arc_oar_process_user[$pid]))
            arc_oar_ended_kernel=$((arc_oar_ended_kernel + arc_oar_process_kernel[$pid]))
        fi
    done
    for pid in "${ended[@]}"; do
        unset "arc_oar_parent[$pid]" "arc_oar_process_user[$pid]" "arc_oar_process_kernel[$pid]"
    done
    arc_oar_user=$((arc_oar_user + arc_oar_ended_user))
    arc_oar_kernel=$((arc_oar_kernel + arc_oar_ended_kernel))
}

arc_oar_write_if_grown() {
    local time=$((arc_oar_user + arc_oar_kernel))
    if [ $((time * 20)) -gt $((arc_oar_written_time * 21)) ] \
        || [ $((arc_oar_memory * 20)) -gt $((arc_oar_written_memory * 21)) ] \
        || [ "$arc_oar_kills" != "$arc_oar_written_kills" ]; then
        arc_oar_write_usage
    fi
}

arc_oar_write_usage() {
    local user=$((arc_oar_user - arc_oar_first_user)) text limit=
    local kernel=$((arc_oar_kernel - arc_oar_first_kernel))
    local memory=$((arc_oar_memory - arc_oar_first_memory))
    printf -v text 'WatchedUserTime=%d.%02ds\nWatchedKernelTime=%d.%02ds\nWatchedMemory=%dkB\n' \
        $((user / 100)) $((user % 100)) $((kernel / 100)) $((kernel % 100)) "$memory"
    if [ "$arc_oar_kills" -gt 0 ]; then
        text="${text}OutOfMemoryKills=$arc_oar_kills"$'\n'
        read -r limit <"$memory_cgroup/memory.limit_in_bytes" || read -r limit <"$memory_cgroup/memory.max"
        # Without a limit: "max", or the largest number of pages (v1).
        [[ $limit != +([0-9]) || ${#limit} -gt 15 ]] \
            || text="${text}MemoryLimit=$((limit / 1024))kB"$'\n'
    fi
    printf %s "$text" >>"$RUNTIME_JOB_DIAG"
    arc_oar_written_time=$((arc_oar_user + arc_oar_kernel))
    arc_oar_written_memory=$arc_oar_memory
    arc_oar_written_kills=$arc_oar_kills
}
