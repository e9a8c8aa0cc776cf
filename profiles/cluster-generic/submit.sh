#!/bin/sh
# Submits the job script that Snakemake wrote, by what the rule asks for, and prints the id of the job, nothing else.
set -eu
jobscript=$1

# The site's queue (partition) and account, as options of its submit command, such as: --partition=long --account=me
site=""

# Snakemake states what a job needs in the second line of its script.
property() {
    sed -n "2s/.*\"$1\": \([0-9][0-9]*\).*/\1/p" "$jobscript"
}
name=$(basename "$jobscript")
threads=$(property threads)
memory=$(property mem_mb)
minutes=$(property runtime)
gpus=$(property gpu)

# Where the system writes what the job says; most do not make the folder.
logs=results/logs/cluster
mkdir -p "$logs"

# SLURM. Snakemake alone submits anew. The job script of training gets SIGTERM two minutes before the time limit; short
# jobs have nothing to save, and need their minutes.
case $name in
    *.train.*) signal=--signal=B:TERM@120 ;;
    *) signal= ;;
esac
# shellcheck disable=SC2086
id=$(sbatch --parsable --no-requeue $signal $site --job-name="$name" --output="$logs/%j.log" --cpus-per-task="$threads" \
    --mem="${memory}M" --time="$minutes" ${gpus:+--gpus="$gpus"} "$jobscript")
echo "${id%%;*}" # where there are several clusters, its name follows

# The same for other systems. None of these lines has been run.
# PBS: qsub $site -N "$name" -j oe -o "$logs/" -l select=1:ncpus="$threads":mem="${memory}mb"${gpus:+:ngpus="$gpus"} -l walltime=$((minutes * 60)) "$jobscript"
# LSF: bsub $site -J "$name" -o "$logs/%J.log" -n "$threads" -R "span[hosts=1]" -M "${memory}MB" -W "$minutes" -wt 2 -wa TERM ${gpus:+-gpu num="$gpus"} "$jobscript" | sed 's/^Job <\([0-9]*\)>.*/\1/'
# SGE: qsub -terse -cwd $site -N "$name" -j y -o "$logs/" -pe smp "$threads" -l h_vmem=$((memory / threads))M,s_rt=$((minutes * 60 - 120)),h_rt=$((minutes * 60)) ${gpus:+-l gpu="$gpus"} "$jobscript"
