#!/bin/sh
# Cancels jobs, by their ids.
# SLURM.
exec scancel "$@"
# The same for other systems, instead. None of these lines has been run.
# PBS: exec qdel "$@"
# LSF: exec bkill "$@"
# SGE: exec qdel "$@"
