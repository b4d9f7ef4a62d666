# The job's files on a scratch directory of the node: see job_script.sh.
#
# shellcheck shell=bash
# shellcheck disable=SC2154 # arc_oar_job assigns the variables of the job.
# shellcheck disable=SC2034 # arc_oar_finish uses arc_oar_staged.

# Makes the job's directory on the node and copies the session directory to it. A directory that
# exists already may be another user's, so it is removed first.
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
    local file tool=$RUNTIME_LOCAL_SCRATCH_MOVE_TOOL
    # ARC's default. The session directory must keep its files, so that OAR can run a job again.
    [ "$tool" != mv ] || tool='cp -a --'
    for file in "$RUNTIME_FRONTEND_JOB_DIR"/* "$RUNTIME_FRONTEND_JOB_DIR"/.[!.]* \
        "$RUNTIME_FRONTEND_JOB_DIR"/..?*; do
        [ -e "$file" ] || [ -h "$file" ] || continue
        [ "${file##*/}" != "$arc_oar_private" ] || continue
        [ "$file" != "$RUNTIME_JOB_STDOUT" ] || continue
        [ "$file" != "$RUNTIME_JOB_STDERR" ] || continue
        # shellcheck disable=SC2086 # A command with its arguments.
        if ! $tool "$file" "$RUNTIME_NODE_JOB_DIR/"; then
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

# Removes every file that is neither an output file of the job nor below one.
arc_oar_clean() {
    local -A keep=()
    local name rest path
    for name in "${arc_oar_outputs[@]}"; do
        keep[$name]=1
    done
    for name in "${arc_oar_output_lists[@]}"; do
        keep[$name]=1
        # A-REX escapes blanks and backslashes in these lists with a backslash.
        # shellcheck disable=SC2162
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
        arc_oar_say "Cannot bring the output back. It is in $RUNTIME_NODE_JOB_DIR on $HOSTNAME until it is cleaned up there"
        arc_oar_staged=
        return 1
    fi
}

# The bytes in the directory in which the job has run.
arc_oar_note_scratch() {
    local PATH=$arc_oar_path size rest
    read -r size rest < <(du -sb "$RUNTIME_JOB_DIR" 2>/dev/null)
    [ -z "$size" ] || arc_oar_note "usedscratch=$size"
}
