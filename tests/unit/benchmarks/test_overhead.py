"""The benchmark of overhead: its study is one that the workflow takes, its meter sees every process once, and what it
says of a cell follows from two runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from benchmarks import overhead
from benchmarks.overhead import SHARE, WAYS, Overhead, Run
from benchmarks.scale import ROOT, StepError
from capacity.experiment import configuration
from capacity.experiment.plan import make_plan


@pytest.mark.parametrize(("cells", "seeds"), [(1, 1), (3, 20)])
def test_each_cell_of_the_study_is_one_job_of_one_update(tmp_path, cells, seeds):
    config = overhead.make_configuration(ROOT, cells, seeds)
    plan = make_plan(config, tmp_path, configuration.validate(config))
    assert len(plan.cells) == cells
    assert {cell.iterations for cell in plan.cells.values()} == {1}
    assert list(plan.jobs.values()) == [[tuple(range(seeds))]] * cells


@pytest.mark.parametrize("cells", [0, 10_001])
def test_a_study_of_a_size_that_the_workflow_refuses_is_refused(cells):
    with pytest.raises(ValueError, match=f"cells: {cells} is not a number from 1 to 10000"):
        overhead.make_configuration(ROOT, cells, 1)


@pytest.mark.parametrize(("cores", "slurm", "other"), [(1, 10, 20), (2, 20, 20), (8, 80, 40)])
def test_further_cells_fill_groups_of_the_profile_and_keep_every_core_busy(monkeypatch, cores, slurm, other):
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert (WAYS["slurm"].further, WAYS["cluster-generic"].further) == (slurm, other)
    assert WAYS["local, 1 core"].further == WAYS["local, 2 cores"].further == overhead.LOCAL_FURTHER


BURN = "import time\nwhile time.process_time() < {}: pass\n"


def metered(folder, code, **environment):
    """What the meter wrote of a Python that runs some code."""
    meters = folder / "meters"
    meters.mkdir(exist_ok=True)
    variables = {"PYTHONPATH": str(ROOT / "benchmarks/meter"), "METER_FOLDER": str(meters)} | environment
    subprocess.run([sys.executable, "-c", code], cwd=meters, env=os.environ | variables, check=True)
    return [json.loads(path.read_text()) for path in meters.iterdir()]


def test_the_meter_tells_what_a_process_took_from_what_it_waited_for(tmp_path):
    stage = f"subprocess.run([sys.executable, '-c', {BURN.format(0.4)!r}], env={{}})"
    (record,) = metered(tmp_path, f"import subprocess, sys\n{stage}\n{BURN.format(0.2)}")
    assert record["command"][1] == "-c"
    assert 0.2 <= record["own_seconds"] < 0.4 <= record["waited_seconds"]
    assert record["seconds"] >= 0.4


def test_a_process_that_another_one_waits_for_is_not_counted_twice(tmp_path):
    """A stage has another path than the Snakemake that runs it."""
    stage = "subprocess.run([sys.executable, '-c', ''], env=os.environ | {'PYTHONPATH': 'src'})"
    assert len(metered(tmp_path, f"import os, subprocess, sys\n{stage}")) == 1


def test_nothing_is_metered_that_is_not_asked_for(tmp_path):
    assert metered(tmp_path, "import os; assert 'sitecustomize' in __import__('sys').modules", METER_FOLDER="") == []


JOB = ["python", "-m", "snakemake", "--target-jobs", "x", "--allowed-rules"]


def test_processes_are_told_apart_by_their_commands():
    def parts(*commands, is_batch=True):
        records = [{"command": each, "own_seconds": 1.0, "waited_seconds": 10.0} for each in commands]
        return overhead.parts_of(records, is_batch)

    submits = ["python", "impatient.py", "--workflow-profile", "profiles/slurm"]
    train, step = [*JOB, "train", "--cores", "1"], [*JOB, "train", "--executor", "slurm-jobstep"]
    assert parts(submits, train, train, step) == {
        "Snakemake that submits": 1,
        "submitting, asking": 10,
        "train: Snakemake that starts the stage": 2,
        "train: stage": 20,
        "train: Snakemake that starts the step": 1,
        "train: srun": 10,
    }
    assert parts(["python", "-m", "snakemake"], is_batch=False) == {"Snakemake": 1, "all stages": 10}


def test_what_is_paid_once_is_not_in_the_cost_of_a_cell():
    """10 seconds and 3 for each cell by the clock; of processors 4 and 5, of which the part that comes late has 2."""
    small = Run("local, 2 cores", 20, 2, 10 + 2 * 3, {"Snakemake": 4 + 2 * 3}, 2 * 0.5, None)
    large = Run("local, 2 cores", 20, 6, 10 + 6 * 3, {"Snakemake": 4 + 6 * 3, "all stages": 4 * 2}, 6 * 0.5, None)
    assert overhead.overheads([small, large]) == [
        Overhead("local, 2 cores", 20, 5.0, 3.0, 6.0, 10.0, {"Snakemake": 3.0, "all stages": 2.0}, 0.5)
    ]


def test_a_cell_has_to_cost_less_than_a_tenth_of_its_training_whether_its_cores_work_or_wait():
    def met(processor, cores, seeds=1):
        found = [Overhead("slurm", seeds, processor, cores / 2, cores, 60.0)]
        (goal,) = overhead.goals(found, ["slurm"], [seeds], training_seconds=100.0)
        return goal.met

    assert SHARE == 0.1
    assert met(9.9, 9.9)
    assert not met(10.0, 9.9)
    assert not met(9.9, 10.0)
    assert met(19.9, 19.9, seeds=2)


def test_a_run_that_fails_ends_the_benchmark_with_what_it_said(tmp_path):
    with pytest.raises(StepError, match=r"(?s)local, 1 core: 1 cells ended with 1 after .*seeds_per_job: 0"):
        overhead.run("local, 1 core", 0, 1, tmp_path, None, is_patient=False)


def test_without_slurm_its_ways_are_named_as_not_measured(tmp_path, monkeypatch, capsys):
    def measured(name, seeds, cells, is_patient=False):
        return Run(name, seeds, cells, 10.0 + cells, {"Snakemake": 4.0 + cells}, 0.0, None)

    monkeypatch.setattr(overhead, "missing_programs", lambda: ["munged", "slurmd"])
    monkeypatch.setattr(overhead, "measure_starts", lambda: {"Python": 0.02})
    monkeypatch.setattr(overhead, "measure", measured)
    output = tmp_path / "overhead.json"
    monkeypatch.setattr(sys, "argv", ["overhead", "--output", str(output), "--ways", "local, 1 core", "slurm"])
    overhead.main()
    said = capsys.readouterr().out
    assert "slurm is not measured: no munged, slurmd here" in said
    written = json.loads(output.read_text())
    assert written["missing"] == ["munged", "slurmd"]
    assert [(goal["text"], goal["met"]) for goal in written["goals"]] == [
        ("local, 1 core, seeds to a job: 20", True),
        ("slurm, seeds to a job: 20", None),
    ]
