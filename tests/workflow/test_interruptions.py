"""What was interrupted goes on when the same command is given again, and ends in the same bytes."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from capacity.storage import evaluations
from tests.support.clones import STUDIES

VARIANT = "batch-8_evaluation_interval-2000_iterations-10000"
JOB = f"results/cells/task=arithmetic/size=n14/variant={VARIANT}/seeds=0_1337"
SAME = ("weights.safetensors", "history.parquet", "run.json", "evaluation.json", *evaluations.BESIDE)
TARGET = f"{JOB}/evaluation.json"
OPTIONS = ("--cores", "1", "--configfile", "long.yaml")


@pytest.fixture(scope="module")
def studied(make_clone, tiny):
    """A clone with one job of some seconds, that has been done once without being disturbed."""
    clone = make_clone("interrupted clone", STUDIES)
    cells = [{"set": {"iterations": 10000, "batch": 8, "evaluation_interval": 2000}, "seeds": [1337, 0]}]
    study = tiny | {"budgets": {"laptop": {"seeds_per_job": 2, "cells": cells}}}
    clone.configure("long.yaml", study | {"snapshots": {"seconds": 0, "updates": 200}})
    clone.configure("other.yaml", study | {"snapshots": {"seconds": 5, "updates": 0}})
    clone.snakemake(TARGET, *OPTIONS)
    return clone


@pytest.fixture(scope="module")
def undisturbed(studied):
    return {name: (studied.folder / JOB / name).read_bytes() for name in SAME}


@pytest.fixture
def begun(studied, undisturbed):
    """The same job in the middle of its training: Snakemake, the process that trains, and what waits for either."""
    folder = studied.folder / JOB
    for name in SAME:
        (folder / name).unlink(missing_ok=True)
    command = [sys.executable, "-m", "snakemake", TARGET, *OPTIONS]
    running = subprocess.Popen(
        command, cwd=studied.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, text=True
    )
    wait_for(lambda: list(folder.glob("snapshots/seeds=0/0*")), running)
    yield running
    running.stdout.close()


def wait_for(condition: Callable[[], object], running: subprocess.Popen[str] | None = None) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert running is None or running.poll() is None, running.stdout and running.stdout.read()
        assert time.monotonic() < end
        time.sleep(0.05)


def trainer(folder: Path) -> int:
    return int((folder / JOB / "training.lock").read_text().split()[0])


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def log(studied) -> str:
    """What the newest training job has printed; nothing before it has begun, when Snakemake removes what was there."""
    path = studied.folder / f"{JOB}.log".replace("cells", "logs/train", 1)
    return path.read_text() if path.exists() else ""


def check_outputs(studied, undisturbed):
    folder = studied.folder / JOB
    assert {name: (folder / name).read_bytes() for name in SAME} == undisturbed
    assert {path.name for path in folder.iterdir()} == {*SAME, "timing.json"}
    assert "go on from update" in log(studied)


def test_a_killed_job_goes_on_when_the_command_is_given_again(studied, undisturbed, begun):
    os.kill(trainer(studied.folder), signal.SIGKILL)
    assert begun.wait(60) != 0
    studied.snakemake(TARGET, *OPTIONS)
    check_outputs(studied, undisturbed)


def test_control_c_saves_and_the_command_goes_on_when_it_is_given_again(studied, undisturbed, begun):
    os.killpg(begun.pid, signal.SIGINT)
    assert begun.wait(60) != 0
    wait_for(lambda: not (studied.folder / JOB / "training.lock").exists())
    studied.snakemake(TARGET, *OPTIONS)
    check_outputs(studied, undisturbed)


def test_a_signal_to_everything_that_a_job_runs_leaves_training_the_time_to_save(studied, undisturbed, begun):
    """A batch system does so at a time limit. If the shell died first, the job were over and the rest of it killed."""
    training = trainer(studied.folder)
    os.kill(training, signal.SIGSTOP)  # as if its update took long
    shell = parent(training)
    os.killpg(begun.pid, signal.SIGTERM)
    time.sleep(1)
    assert parent(training) == shell
    assert begun.poll() is None
    os.kill(training, signal.SIGCONT)
    assert begun.wait(60) != 0
    assert "asked to stop by signal 15" in log(studied)
    studied.snakemake(TARGET, *OPTIONS)
    check_outputs(studied, undisturbed)


def test_retries_go_on_where_a_terminated_job_was(studied, undisturbed):
    for name in SAME:
        (studied.folder / JOB / name).unlink()
    command = [sys.executable, "-m", "snakemake", TARGET, *OPTIONS, "--retries", "1"]
    with subprocess.Popen(command, cwd=studied.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        wait_for(lambda: list((studied.folder / JOB).glob("snapshots/seeds=0/0*")), running)
        os.kill(trainer(studied.folder), signal.SIGTERM)
        assert running.wait(120) == 0
    check_outputs(studied, undisturbed)


def test_a_job_left_by_a_killed_snakemake_gives_way_to_the_next_which_goes_on(studied, undisturbed, begun):
    left = trainer(studied.folder)
    os.kill(left, signal.SIGSTOP)  # so that it is not done before the next comes
    begun.kill()
    begun.wait(60)
    assert "Directory cannot be locked" in studied.snakemake(TARGET, *OPTIONS, succeeds=False)
    studied.snakemake("--unlock", *OPTIONS)
    command = [sys.executable, "-m", "snakemake", TARGET, *OPTIONS]
    with subprocess.Popen(command, cwd=studied.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        wait_for(lambda: f"process {left} still trains this job" in log(studied), running)
        assert running.wait(120) == 0  # nobody but the new job wakes the one that was left
    check_outputs(studied, undisturbed)


def test_a_job_that_waits_for_another_heeds_a_signal_at_once_and_harms_nothing(studied, undisturbed, begun):
    """The other never lets go: this test holds the lock, in the name of a process that is gone."""
    os.kill(trainer(studied.folder), signal.SIGKILL)
    assert begun.wait(60) != 0
    command = [sys.executable, "-m", "snakemake", TARGET, *OPTIONS]
    with (studied.folder / JOB / "training.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"{begun.pid} {socket.gethostname()}\n")
        lock.flush()
        waiting = subprocess.Popen(
            command, cwd=studied.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            wait_for(lambda: f"process {begun.pid} still trains this job" in log(studied))
            os.killpg(waiting.pid, signal.SIGTERM)
            before = time.monotonic()
            wait_for(lambda: f"asked to stop by signal {signal.SIGTERM.value}: " in log(studied))
            assert time.monotonic() - before < 5
            assert waiting.wait(60) != 0
        finally:
            if waiting.poll() is None:
                os.killpg(waiting.pid, signal.SIGKILL)
                waiting.wait()
    studied.snakemake(TARGET, *OPTIONS)
    check_outputs(studied, undisturbed)


def test_a_second_snakemake_in_the_same_folder_says_why_it_will_not_and_harms_nothing(studied, undisturbed, begun):
    training = trainer(studied.folder)
    os.kill(training, signal.SIGSTOP)  # so that it is not done before the second has spoken
    said = studied.snakemake(TARGET, *OPTIONS, succeeds=False)
    os.kill(training, signal.SIGCONT)
    assert "Directory cannot be locked" in said
    assert begun.wait(120) == 0
    assert {name: (studied.folder / JOB / name).read_bytes() for name in SAME} == undisturbed


def test_other_settings_for_snapshots_run_nothing_again(studied, undisturbed):
    assert not studied.planned(TARGET, "--configfile", "other.yaml")
