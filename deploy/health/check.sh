#!/bin/sh
# Health check of an image that is not ours: check.sh SERVICE COMMAND. Runs the command, then writes its exit code and the
# container's memory into /state, where the metrics read them. flight_assets/platform/container_state.py does it in our images.
set -u
service=$1
shift
"$@"
code=$?
group=/sys/fs/cgroup used=memory.current limit=memory.max stat=inactive_file
if [ ! -e "$group/$used" ]; then
    group=$group/memory used=memory.usage_in_bytes limit=memory.limit_in_bytes stat=total_inactive_file
fi
{
    echo "exit $code"
    echo "used $(cat "$group/$used")"
    echo "limit $(cat "$group/$limit")"
    grep "^$stat " "$group/memory.stat" | sed 's/^total_//'
} > "/state/$service.$$" && mv "/state/$service.$$" "/state/$service"
exit "$code"
