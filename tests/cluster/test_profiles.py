"""The project's own profiles on a real SLURM: from nothing to a figure, whatever the batch system does to its jobs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.clones import STUDIES, Clone
from tests.support.loopback_slurm import Slurm, loopback_slurm, missing_programs

VARIANT = "variant=batch-8_evaluation_interval-2000_iterations-10000"
LIMITED = f"results/cells/task=arithmetic/size=n14/{VARIANT}/seeds=0_1337"
CANCELLED = f"results/cells/task=facts/size=n14/{VARIANT}/seeds=0_1337"
OUTPUTS = ("weights.safetensors", "history.parquet", "run.json", "evaluation.json")
FIGURE = "results/figures/tradeoff.pdf"
OPTIONS = ("--configfile", "cluster.yaml")
SUBMITTED = r"[Ss]ubmitted .*jobid '?(\d+)"
IMPATIENT = Path(__file__).with_name("impatient.py")
SECONDS = 900.0  # for a run that takes a minute or two, on a machine with much other work
# What the profiles leave to the site: here nothing is accounted for.
SITE = {"slurm": ("--slurm-status-command", "squeue"), "cluster-generic": ()}
SYSTEM_LOGS = {"slurm": "results/logs/slurm/rule_train/*/{}.log", "cluster-generic": "results/logs/cluster/{}.log"}


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    """A SLURM for this file. Its folder is not one of pytest's, whose paths may be too long for a socket."""
    if missing := missing_programs():
        pytest.skip(f"no SLURM here: {', '.join(missing)} not found (.ci/run installs them)")
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, loopback_slurm(Path(folder)) as slurm:
        yield slurm


@dataclass(frozen=True)
class Cluster:
    """A clone whose jobs go to SLURM by one of the profiles."""

    clone: Clone
    slurm: Slurm
    profile: str

    @property
    def folder(self) -> Path:
        return self.clone.folder

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Snakemake in the background; what it says is in ``said``."""
        command = [sys.executable, str(IMPATIENT), *arguments, "--workflow-profile", f"profiles/{self.profile}"]
        path = f"{self.slurm.environment['PATH']}:{self.clone.environment['PATH']}"
        environment = self.clone.environment | self.slurm.environment | {"PATH": path}
        with (self.folder / "said").open("wb") as said:
            return subprocess.Popen(
                [*command, *SITE[self.profile]], cwd=self.folder, env=environment, stdout=said, stderr=said
            )

    def said(self) -> str:
        return (self.folder / "said").read_text(encoding="utf-8")

    def finish(self, running: subprocess.Popen[bytes]) -> int:
        """The exit code of a Snakemake that is given time, not eternity."""
        try:
            return running.wait(SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
            pytest.fail(f"not done in {SECONDS:.0f} seconds:\n{self.said()}\n{self.slurm.run('squeue')}")


class Trainer(NamedTuple):
    """A process that trains, and the id of its job in SLURM."""

    pid: int
    job: str

    def is_held(self) -> bool:
        """Whether it is stopped, and no SIGTERM waits for it."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except FileNotFoundError:
            return False
        pending = int(re.search(r"^ShdPnd:\s*(\w+)", status, re.MULTILINE)[1], 16)
        return "State:\tT" in status and not pending & 1 << (signal.SIGTERM - 1)


class Run(NamedTuple):
    """A run that is over: the SLURM ids of the first attempts of its training jobs, and what Snakemake said."""

    cluster: Cluster
    ids: dict[str, str]
    said: str


def log_path(job: str) -> str:
    return f"{job}.log".replace("cells", "logs/train", 1)


def wait_for(condition: Callable[[], object], running: subprocess.Popen[bytes], cluster: Cluster) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert running.poll() is None, cluster.said()
        assert time.monotonic() < end, cluster.said()
        time.sleep(0.02)


def hold(cluster: Cluster, jobs: Sequence[str], running: subprocess.Popen[bytes]) -> dict[str, Trainer]:
    """The trainers of some jobs, stopped as soon as they have a snapshot, so that none is done before the others."""
    held: dict[str, Trainer] = {}

    def all_held() -> bool:
        for job in jobs:
            folder = cluster.folder / job
            if job not in held and list(folder.glob("snapshots/seeds=0/0*")):
                pid = int((folder / "training.lock").read_text().split()[0])
                os.kill(pid, signal.SIGSTOP)
                held[job] = Trainer(pid, environment_of(pid)["SLURM_JOB_ID"])
        return len(held) == len(jobs)

    wait_for(all_held, running, cluster)
    return held


def environment_of(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def reach_time_limit(slurm: Slurm, job: str) -> None:
    """Leave a job so little time that the signal which its profile asks for is due at once, and the limit is not."""
    elapsed = slurm.run("squeue", "--noheader", "--format=%M", f"--jobs={job}").strip()  # 1:05:17 or 5:17
    *hours, minutes, _ = map(int, elapsed.split(":"))
    limit = 60 * sum(hours) + minutes + 2
    slurm.run("scontrol", "update", f"JobId={job}", f"TimeLimit={limit}")


@pytest.fixture(scope="module")
def study(tiny):
    """Two cells whose training can be interrupted."""
    cells = [{"set": {"iterations": 10000, "batch": 8, "evaluation_interval": 2000}, "seeds": [1337, 0]}]
    grids = [{"task": ["arithmetic", "facts"], "size": ["n14"]}]
    return tiny | {
        "studies": {"base": {"title": "Two cells, in seconds", "grids": grids, "figures": None}},
        "budgets": {"laptop": {"seeds_per_job": 2, "cells": cells}},
        "snapshots": {"seconds": 0, "updates": 200},
    }


def outputs(clone: Clone) -> dict[str, bytes]:
    """Every output that is the same in each run: all but times, which are kept apart."""
    paths = [clone.folder / job / name for job in (LIMITED, CANCELLED) for name in OUTPUTS]
    for folder in ("tables", "figures", "corpora"):
        paths += [path for path in clone.folder.glob(f"results/{folder}/**/*") if path.is_file()]
    return {path.relative_to(clone.folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def local(slurm, make_clone, study):
    """The outputs of a run on this machine alone."""
    clone = make_clone("local clone", STUDIES)
    clone.configure("cluster.yaml", study)
    clone.snakemake(FIGURE, *OPTIONS)
    return outputs(clone)


@pytest.fixture(scope="module", params=["slurm", "cluster-generic"])
def disturbed(request, slurm, make_clone, study, local):
    """A run by a profile in which one training job comes to its time limit and the other one is cancelled."""
    cluster = Cluster(make_clone(f"{request.param} clone", STUDIES), slurm, request.param)
    cluster.clone.configure("cluster.yaml", study)
    running = cluster.start(FIGURE, *OPTIONS)
    held = hold(cluster, (CANCELLED, LIMITED), running)
    slurm.run("scancel", held[CANCELLED].job)
    reach_time_limit(slurm, held[LIMITED].job)
    wait_for(lambda: not held[LIMITED].is_held(), running, cluster)
    with suppress(ProcessLookupError):  # the plugin's jobs are woken by SLURM, with its signal
        os.kill(held[LIMITED].pid, signal.SIGCONT)
    assert cluster.finish(running) == 0, cluster.said()
    return Run(cluster, {job: trainer.job for job, trainer in held.items()}, cluster.said())


def test_a_study_ends_in_the_bytes_of_a_local_run(disturbed, local):
    found = outputs(disturbed.cluster.clone)
    assert set(found) == set(local)
    assert [path for path in local if found[path] != local[path]] == []
    assert FIGURE in local
    assert len(local) > 15


@pytest.mark.parametrize("job", [LIMITED, CANCELLED])
def test_a_job_that_slurm_stops_goes_on_from_its_snapshot(disturbed, job):
    folder = disturbed.cluster.folder
    assert json.loads((folder / job / "timing.json").read_text())["interruptions"] == 1
    assert "go on from update" in (folder / log_path(job)).read_text()
    assert not (folder / job / "snapshots").exists()


def test_a_job_saves_when_its_time_is_nearly_over(disturbed):
    """What the job said is shown by Snakemake as it failed; the log itself is begun anew by the retry."""
    shown = re.findall(r"^Logfile (\S+):\n=+\n(.*?)^=+$", disturbed.said, re.MULTILINE | re.DOTALL)
    said = [text for path, text in shown if path == log_path(LIMITED)]
    assert len(said) == 1
    assert "asked to stop by signal 15: seeds 0 saved at update" in said[0]


def test_the_states_of_jobs_are_told_to_snakemake(disturbed):
    cluster = disturbed.cluster
    status = str(cluster.folder / "profiles/cluster-generic/status.sh")
    submitted = re.findall(SUBMITTED, disturbed.said)
    told = {job: cluster.slurm.run(status, job).strip() for job in submitted}
    stopped = disturbed.ids.values()
    assert {job for job in submitted if told[job] == "failed"} == set(stopped)
    assert {told[job] for job in submitted if job not in stopped} == {"success"}
    assert cluster.slurm.run(status, "999999").strip() == "failed"


def test_a_job_that_fails_leaves_its_log_and_that_of_slurm(disturbed):
    cluster = disturbed.cluster
    corpus = cluster.folder / "results/corpora/arithmetic.parquet"
    whole = corpus.read_bytes()
    target = f"{LIMITED.replace('iterations-10000', 'iterations-9000')}/run.json"
    corpus.write_bytes(whole[:-100])
    running = cluster.start(target, *OPTIONS, "--retries", "0")
    assert cluster.finish(running) != 0
    corpus.write_bytes(whole)
    log = (cluster.folder / log_path(str(Path(target).parent))).read_text()
    assert "arithmetic.parquet" in log
    assert log.strip() in cluster.said()
    (job,) = re.findall(SUBMITTED, cluster.said())
    (kept,) = cluster.folder.glob(SYSTEM_LOGS[cluster.profile].format(job))
    assert "Error in rule train" in kept.read_text()
