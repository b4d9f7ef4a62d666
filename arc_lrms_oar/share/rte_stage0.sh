# Stage 0 of a job's runtime environments (RTEs): sources each in turn, at submission and as the
# mapped user, and prints the variables that they leave. job/runtime_env.py runs it.
#
# An RTE may append others to the list of RTEs while it runs. The answer is a list of texts that
# each end with a NUL byte: "missing" NAME, "failed" NAME STATUS, or "done" and NAME=VALUE of each
# variable. It goes to descriptor 3; whatever an RTE prints is a message.
#
# shellcheck shell=bash
# shellcheck disable=SC2154 # ARC_OAR_RTE, the directory of RTEs, is in the environment.

exec 3>&1 1>&2
index=0
while name="joboption_runtime_$index"; [ -n "${!name+set}" ]; do
    arc_oar_file="$ARC_OAR_RTE/enabled/${!name}"
    [ -e "$arc_oar_file" ] || arc_oar_file="$ARC_OAR_RTE/default/${!name}"
    if [ ! -e "$arc_oar_file" ]; then
        printf 'missing\0%s\0' "${!name}" >&3
        exit 0
    fi
    arc_oar_options=()
    option=1
    while name="joboption_runtime_${index}_$option"; [ -n "${!name+set}" ]; do
        arc_oar_options+=("${!name}")
        option=$((option + 1))
    done
    name="joboption_runtime_$index"
    arc_oar_name="${!name}"
    arc_oar_index=$index
    if [ -s "$arc_oar_file" ]; then
        # shellcheck source=/dev/null
        [ ! -e "$ARC_OAR_RTE/params/$arc_oar_name" ] || . "$ARC_OAR_RTE/params/$arc_oar_name"
        # shellcheck source=/dev/null
        . "$arc_oar_file" 0 "${arc_oar_options[@]}"
        arc_oar_status=$?
        if [ $arc_oar_status -ne 0 ]; then
            printf 'failed\0%s\0%s\0' "$arc_oar_name" "$arc_oar_status" >&3
            exit 0
        fi
    fi
    index=$((arc_oar_index + 1))
done
printf 'done\0' >&3
for name in "${!joboption_@}" "${!RUNTIME_@}"; do
    printf '%s=%s\0' "$name" "${!name}" >&3
done
