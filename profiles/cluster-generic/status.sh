#!/bin/sh
# Says of a job, by its id, what Snakemake wants to know: running, success or failed.
set -u
job=$1

# SLURM. A job that has ended for longer than MinJobAge is known to the accounting alone, where there is one; one that
# nothing knows of has failed. While the controller does not answer, nothing has changed.
if answer=$(squeue --noheader --states=all --format=%T --jobs="$job" 2>&1); then
    state=$answer
else
    case $answer in
        *"Invalid job id"*) state= ;;
        *) echo running && exit ;;
    esac
fi
if [ -z "$state" ]; then
    state=$(sacct --allocations --noheader --parsable2 --format=State --jobs="$job" 2>/dev/null | head -n 1)
fi
case $state in
    COMPLETED) echo success ;;
    "" | BOOT_FAIL | CANCELLED* | DEADLINE | FAILED | NODE_FAIL | OUT_OF_MEMORY | PREEMPTED | REVOKED | TIMEOUT) echo failed ;;
    *) echo running ;;
esac

# The same for other systems, instead of all the above. None of these lines has been run.
# PBS: qstat -x -f "$job" | awk '/job_state/ {s = $3} /Exit_status/ {e = $3} END {print s != "F" ? "running" : e == "0" ? "success" : "failed"}'
# LSF: bjobs -noheader -o stat "$job" | awk '{s = $1} END {print s == "DONE" ? "success" : s == "" || s == "EXIT" ? "failed" : "running"}'
# SGE: if qstat -j "$job" >/dev/null 2>&1; then echo running; elif qacct -j "$job" | grep -q '^exit_status *0'; then echo success; else echo failed; fi
