# Stage 0 of a job's runtime environments (RTEs): sources each in turn, at submission and as the
# mapped user, and prints the variables that they leave. job/runtime_env.py runs it with joboption_*
# and CONFIG_* in the environment.
#
# An RTE finds the functions and variables of ARC's lrms_common.sh and submit_common.sh;
# docs/internals/rte-contract.md lists them. Names that begin with arc_oar_ are not for RTEs. An RTE
# may append others to the list of RTEs while it runs.
#
# The answer is a list of texts that each end with a NUL byte: "missing" NAME, "failed" NAME STATUS,
# "ended" NAME STATUS, "refused" NAME REASON, or "done" and NAME=VALUE of each variable. It goes to
# descriptor 3; whatever an RTE prints is a message.
#
# shellcheck shell=bash
# shellcheck disable=SC2154 # joboption_* and CONFIG_* are in the environment.
# shellcheck disable=SC2034 # RTEs use the variables.
# shellcheck disable=SC2317,SC2329 # RTEs call the functions.

exec 3>&1 1>&2

# Functions of ARC's that an RTE may call.

sourcewithargs() {
    script=$1
    shift
    # shellcheck source=/dev/null
    . "$script"
}

is_number() {
    [[ $1 =~ ^[0-9]+$ ]]
}

# The path of a file of a job in the control directory: CONTROLDIR ID KIND.
control_path() {
    case $GRAMI_FILE in
        */job.*.grami) printf '%s\n' "$1/job.$2.$3" ;;
        *) printf '%s\n' "$1/jobs/${2:0:3}/${2:3:3}/${2:6:3}/${2:9}/$3" ;;
    esac
}

define_failures_file() {
    failures_file=$(control_path "$joboption_controldir" "$joboption_gridid" failed)
}

check_any_scratch() {
    if [ -z "$RUNTIME_NODE_SEES_FRONTEND" ] && [ -z "$RUNTIME_LOCAL_SCRATCH_DIR" ]; then
        echo "No directory for the job: RUNTIME_NODE_SEES_FRONTEND and RUNTIME_LOCAL_SCRATCH_DIR" \
            "are both empty" >&2
        exit 1
    fi
}

set_req_mem() {
    if ! is_number "$joboption_memory" && is_number "$CONFIG_defaultmemory"; then
        joboption_memory=$CONFIG_defaultmemory
    fi
}

set_count() {
    if [ -z "$joboption_count" ] || [ "$joboption_count" -le 1 ]; then
        joboption_count=1
        joboption_countpernode=-1
        joboption_numnodes=-1
    fi
}

init_perflog() {
    unset perflogdir perflogfile
    if [ "$CONFIG_enable_perflog_reporting" = expert-debug-on ]; then
        perflogdir=${CONFIG_perflogdir:-/var/log/arc/perfdata}
        perflogfile=$perflogdir/backends.perflog
        perflogfilesub=$perflogdir/submission.perflog
    fi
}

init_lrms_env() {
    export RUNTIME_CONFIG_DIR=$CONFIG_runtimedir
    RUNTIME_FRONTEND_SEES_NODE=$CONFIG_shared_scratch
    RUNTIME_NODE_SEES_FRONTEND=${CONFIG_shared_filesystem:-yes}
    [ "$RUNTIME_NODE_SEES_FRONTEND" != no ] || RUNTIME_NODE_SEES_FRONTEND=
    RUNTIME_LOCAL_SCRATCH_DIR=$CONFIG_scratchdir
    RUNTIME_LOCAL_SCRATCH_MOVE_TOOL=${CONFIG_movetool:-mv}
    walltime_ratio=1
    time_hardlimit_ratio=1/1
    memory_hardlimit_ratio=1/1
    TMPDIR=${TMPDIR:-/tmp}
    GNU_TIME=${CONFIG_gnu_time:-/usr/bin/time}
    NODENAME=${CONFIG_nodename:-/bin/hostname -f}
}

# The paths of the RTE rte_name; rte_empty is set for an empty one.
RTE_path_set() {
    rte_params_path=$ARC_OAR_RTE_DIR/params/$rte_name
    rte_path=$ARC_OAR_RTE_DIR/enabled/$rte_name
    [ -e "$rte_path" ] || rte_path=$ARC_OAR_RTE_DIR/default/$rte_name
    if [ ! -e "$rte_path" ]; then
        arc_oar_answer missing "$rte_name"
    fi
    unset rte_empty
    [ -s "$rte_path" ] || rte_empty=1
}

# The software of an RTE of a community: its parameters name it; the job gets a copy or a link.
community_software_prepare() {
    [ -e "$rte_params_path.community" ] || return 0
    # shellcheck source=/dev/null
    . "$rte_params_path.community"
    if [ -z "$SOFTWARE_DIR" ]; then
        arc_oar_answer refused "$rte_name" "SOFTWARE_DIR is not set in $rte_params_path.community"
    fi
    local software=$joboption_directory/_software/$rte_name
    mkdir -p "${software%/*}" && rm -rf "$software" || exit 1
    if [ "$SOFTWARE_SHARED" = True ]; then
        ln -s "$SOFTWARE_DIR" "$software"
    else
        cp -r "$SOFTWARE_DIR" "$software"
    fi || arc_oar_answer refused "$rte_name" "cannot bring $SOFTWARE_DIR to the session directory"
    # The node expands RUNTIME_JOB_DIR.
    RUNTIME_JOB_SWDIR="\${RUNTIME_JOB_DIR}/_software/$rte_name"
}

# Functions of ARC's that read files for ARC's own backends or write ARC's own job script. They
# have no effect on a job in OAR, so an RTE may neither call nor replace them.

arc_oar_unusable="common_init parse_arc_conf parse_grami_file mktempscript accounting_init
accounting_end detect_wn_systemsoftware add_user_env sourcewithargs_jobscript RTE_include_default
RTE_add_optional_args RTE_to_jobscript RTE_jobscript_call RTE_stage0 RTE_stage1 RTE_stage2
include_std_streams move_files_to_node clean_local_scratch_dir_output move_files_to_frontend
setup_runtime_env cd_and_run community_software_environment"
for arc_oar_name in $arc_oar_unusable; do
    eval "$arc_oar_name() { arc_oar_answer refused \"\$rte_name\" 'it calls $arc_oar_name'; }"
done
# ARC's backends call these after stage 0, so an RTE could replace them there.
arc_oar_fixed="$arc_oar_unusable check_any_scratch set_req_mem set_count init_lrms_env
community_software_prepare RTE_path_set"

arc_oar_answer() {
    arc_oar_answered=yes
    printf '%s\0' "$@" >&3
    exit 0
}

arc_oar_ended() {
    local status=$?
    [ -n "$arc_oar_answered" ] || arc_oar_answer ended "$rte_name" "$status"
}

# An RTE may replace the user's command: compared at the end. A '$' of the user is escaped, except
# for the variable that an executable may begin with.
arc_oar_command() {
    local index=0 name value variable
    joboption_args=
    while name=joboption_arg_$index; [ -n "${!name+set}" ]; do
        value=${!name}
        variable=
        if [ $index = 0 ] && [[ $value =~ ^\$([A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\}) ]]
        then
            variable=${BASH_REMATCH[0]}
            value=${value#"$variable"}
        fi
        value=${value//\\/\\\\}
        value=${value//\"/\\\"}
        value=${value//\$/\\\$}
        value=${value//\`/\\\`}
        joboption_args="$joboption_args \"$variable$value\""
        index=$((index + 1))
    done
}

arc_oar_check_command() {
    if ! bash -n <<<"arc_oar_command=($joboption_args
)" 2>/dev/null; then
        arc_oar_answer refused "$1" "joboption_args must be one command with its arguments"
    fi
}

pkgdatadir=${ARC_LOCATION:-/usr}/share/arc
for pkglibexecdir in "${ARC_LOCATION:-/usr}"/{lib,libexec}/arc; do
    [ ! -d "$pkglibexecdir" ] || break
done
basedir=$pkgdatadir
POSIX_SHELL=/bin/sh
joboption_lrms=OAR
init_lrms_env
arc_oar_command
arc_oar_original_args=$joboption_args
# shellcheck disable=SC2086 # A list of names.
arc_oar_functions=$(declare -f $arc_oar_fixed)
arc_oar_gnu_time=$GNU_TIME
arc_oar_nodename=$NODENAME
arc_oar_ratios="$walltime_ratio $time_hardlimit_ratio $memory_hardlimit_ratio"

trap arc_oar_ended EXIT
rte_idx=0
while arc_oar_name=joboption_runtime_$rte_idx; [ -n "${!arc_oar_name+set}" ]; do
    rte_name=${!arc_oar_name}
    RTE_path_set
    arc_oar_options=()
    arc_oar_option=1
    while arc_oar_name=joboption_runtime_${rte_idx}_$arc_oar_option; [ -n "${!arc_oar_name+set}" ]
    do
        arc_oar_options+=("${!arc_oar_name}")
        arc_oar_option=$((arc_oar_option + 1))
    done
    arc_oar_index=$rte_idx
    arc_oar_rte=$rte_name
    if [ -z "$rte_empty" ]; then
        # shellcheck source=/dev/null
        [ ! -e "$rte_params_path" ] || . "$rte_params_path"
        community_software_prepare
        # shellcheck source=/dev/null
        . "$rte_path" 0 "${arc_oar_options[@]}"
        arc_oar_status=$?
        # Undo what an RTE may change for itself alone.
        set +eu
        IFS=$' \t\n'
        [ $arc_oar_status = 0 ] || arc_oar_answer failed "$arc_oar_rte" "$arc_oar_status"
        # shellcheck disable=SC2086 # A list of names.
        if [ "$(declare -f $arc_oar_fixed)" != "$arc_oar_functions" ]; then
            arc_oar_answer refused "$arc_oar_rte" "it replaces a function of ARC's backends"
        fi
        if [ "$walltime_ratio $time_hardlimit_ratio $memory_hardlimit_ratio" != "$arc_oar_ratios" ]
        then
            arc_oar_answer refused "$arc_oar_rte" "OAR has no limits that walltime_ratio, \
time_hardlimit_ratio or memory_hardlimit_ratio could change"
        fi
        if [ -n "$DOCKER_UNIVERSE$DOCKER_IMAGE" ]; then
            arc_oar_answer refused "$arc_oar_rte" "only HTCondor runs a job in a container by \
DOCKER_UNIVERSE; use ENV/APPTAINER or ENV/SINGULARITY"
        fi
        if [ -z "$RUNTIME_NODE_SEES_FRONTEND" ]; then
            arc_oar_answer refused "$arc_oar_rte" "it sets RUNTIME_NODE_SEES_FRONTEND to nothing, \
and OAR brings no files to its nodes"
        fi
        [ "$joboption_args" = "$arc_oar_original_args" ] || arc_oar_check_command "$arc_oar_rte"
    fi
    rte_idx=$((arc_oar_index + 1))
done
# The answer has the command and the tools only if an RTE has changed them.
[ "$joboption_args" != "$arc_oar_original_args" ] || unset joboption_args
[ "$GNU_TIME" != "$arc_oar_gnu_time" ] || unset GNU_TIME
[ "$NODENAME" != "$arc_oar_nodename" ] || unset NODENAME
arc_oar_answered=yes
printf 'done\0' >&3
for arc_oar_name in "${!joboption_@}" "${!RUNTIME_@}" GNU_TIME NODENAME ACCOUNTING_WN_INSTANCE; do
    [ -z "${!arc_oar_name+set}" ] || printf '%s=%s\0' "$arc_oar_name" "${!arc_oar_name}" >&3
done
