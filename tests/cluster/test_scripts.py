"""The scripts of the profile for any batch system, with commands of SLURM that only pretend."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time

import pytest

from tests.support.repository import REPOSITORY

SCRIPTS = REPOSITORY / "profiles/cluster-generic"
UNKNOWN = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"


@pytest.fixture
def pretend(tmp_path):
    """Puts commands on the path, and runs a script of the profile."""

    def run(script, *arguments, **commands):
        for name, body in commands.items():
            command = tmp_path / "bin" / name
            command.parent.mkdir(exist_ok=True)
            command.write_text(f"#!/bin/sh\n{body}\n")
            command.chmod(0o755)
        environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
        command = [str(SCRIPTS / script), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    return run


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("PENDING", "running"),
        ("RUNNING", "running"),
        ("COMPLETING", "running"),
        ("SUSPENDED", "running"),
        ("COMPLETED", "success"),
        ("FAILED", "failed"),
        ("CANCELLED", "failed"),
        ("CANCELLED by 1000", "failed"),
        ("TIMEOUT", "failed"),
        ("NODE_FAIL", "failed"),
        ("OUT_OF_MEMORY", "failed"),
        ("PREEMPTED", "failed"),
        ("BOOT_FAIL", "failed"),
        ("DEADLINE", "failed"),
    ],
)
def test_a_state_of_slurm_is_told_in_the_words_of_snakemake(pretend, state, told):
    assert pretend("status.sh", "7", squeue=f"echo '{state}'", sacct="exit 1") == f"{told}\n"
    # A job that the controller has forgotten is known to the accounting.
    assert pretend("status.sh", "7", squeue=UNKNOWN, sacct=f"echo '{state}'") == f"{told}\n"


def test_a_job_that_nothing_knows_of_has_failed(pretend):
    assert pretend("status.sh", "7", squeue=UNKNOWN, sacct="exit 1") == "failed\n"
    assert pretend("status.sh", "7", squeue=UNKNOWN, sacct="") == "failed\n"


def test_a_job_still_runs_while_the_controller_does_not_answer(pretend):
    down = "echo 'Unable to contact slurm controller (connect failure)' >&2; exit 1"
    assert pretend("status.sh", "7", squeue=down, sacct="echo FAILED") == "running\n"


def test_what_a_rule_asks_for_reaches_the_submit_command(pretend, tmp_path):
    resources = {"tmpdir": "<TBD>", "mem_mb": 4000, "mem": "4 GB", "runtime": 720}
    misleading = json.dumps({"mem_mb": 1, "threads": 1})

    def submitted(name="train", **more):
        properties = {"rule": "train", "params": {"config": misleading}, "threads": 2, "resources": resources | more}
        jobscript = tmp_path / f"snakejob.{name}.3.sh"
        jobscript.write_text(f"#!/bin/sh\n# properties = {json.dumps(properties)}\ntrue\n")
        assert pretend("submit.sh", str(jobscript), sbatch='echo "$*" > said; echo "12;cluster"') == "12\n"
        return (tmp_path / "said").read_text().split()

    said = submitted()
    assert {"--cpus-per-task=2", "--mem=4000M", "--time=720"} <= set(said)
    assert not any(option.startswith("--gpus") for option in said)
    assert "--gpus=2" in submitted(gpu=2)
    assert "--signal=B:TERM@120" in said
    assert not any(option.startswith("--signal") for option in submitted("corpora"))


def test_a_job_that_is_refused_is_not_taken_for_a_submitted_one(pretend, tmp_path):
    (tmp_path / "snakejob.train.3.sh").write_text("#!/bin/sh\n# properties = {}\n")
    with pytest.raises(subprocess.CalledProcessError):
        pretend("submit.sh", str(tmp_path / "snakejob.train.3.sh"), sbatch="exit 1")


@pytest.fixture(params=["dash", "bash"])
def start_jobscript(request, tmp_path):
    """Starts the script of a job as the leader of a group, by each of the shells that are /bin/sh somewhere."""

    def start(command):
        script = (
            (SCRIPTS / "jobscript.sh").read_text().format(properties="{}", exec_job=f"{command} && exit 0 || exit 1")
        )
        (tmp_path / "job.sh").write_text(script)
        shell = [request.param, *(["--posix"] if request.param == "bash" else [])]
        return subprocess.Popen([*shell, "job.sh"], cwd=tmp_path, start_new_session=True)

    return start


@pytest.mark.parametrize(("command", "code"), [("true", 0), ("sleep 0.2", 0), ("false", 1)])
def test_a_job_script_ends_as_its_job(start_jobscript, command, code):
    assert start_jobscript(command).wait(60) == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU])
def test_a_warning_of_the_batch_system_becomes_sigterm_and_the_job_gets_time_to_save(start_jobscript, tmp_path, number):
    """The script alone gets the signal, and each shell between it and the program has to wait."""
    (tmp_path / "program.py").write_text(
        "import pathlib, signal, sys, time\n"
        "asked = []\n"
        "signal.signal(signal.SIGTERM, lambda *_: asked.append(1))\n"
        "pathlib.Path('ready').touch()\n"
        "while not asked: time.sleep(0.01)\n"
        "time.sleep(0.5)\n"
        "pathlib.Path('saved').touch()\n"
        "sys.exit(143)\n"
    )
    running = start_jobscript(f"{shlex.quote(sys.executable)} program.py")
    while not (tmp_path / "ready").exists():
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(number)
    assert running.wait(60) == 1
    assert (tmp_path / "saved").exists()


def test_jobs_are_cancelled_by_their_ids(pretend):
    assert pretend("cancel.sh", "7", "8", scancel='echo "$*"') == "7 8\n"
