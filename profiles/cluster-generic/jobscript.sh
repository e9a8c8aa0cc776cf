#!/bin/sh
# properties = {properties}

# Batch systems announce the end of a job's time by a signal to this script: it becomes SIGTERM to everything that the
# job runs, so that training saves its snapshot. The shells in between wait for it instead of dying first; this one is
# of the group that it sends SIGTERM to.
trap 'trap "" TERM; kill -s TERM 0' TERM USR1 USR2 XCPU
(
    trap : TERM
    {exec_job}
) &
wait $!
code=$?
# A signal ends `wait` before the job has ended.
while kill -0 $! 2>/dev/null; do
    wait $!
    code=$?
done
exit $code
