"""The benchmark of scale: its study is one that the stages take, and its goals follow from what was measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from benchmarks import scale, synthetic
from benchmarks.scale import GOAL_CELLS, MOST_BYTES, MOST_SECONDS, STEPS, Cost, StepError
from capacity.dictionary.histories import HISTORY
from capacity.dictionary.studies import DYNAMICS, EXPRESSION_HISTORIES, EXPRESSIONS, RUNS
from capacity.experiment.assignment import trained_jobs
from capacity.experiment.plan import make_plan
from capacity.experiment.table_plan import FILES
from capacity.tables import frames
from tests.support.commands import run_command


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder with a synthetic study of four cells, and its configuration."""
    folder = tmp_path_factory.mktemp("study")
    config = scale.make_configuration(scale.ROOT, 4)
    synthetic.write_study(folder, config)
    return folder, config


def test_the_stages_take_a_synthetic_study_as_a_true_one(study, monkeypatch):
    folder, config = study
    (folder / "scale.json").write_text(json.dumps(config), encoding="utf-8")
    source = ["--configuration", "scale.json", "--cells", "results/cells"]
    plan = ["--plan", "plan.json"]
    read = ["--history", "t/history.parquet", "--summary", "t/summary.parquet", "--title", "Four"]
    monkeypatch.chdir(folder)
    run_command("plan", scale.STUDY, *source, "--output", "plan.json")
    run_command("tabulate", *plan, "--output", "t")
    run_command("histories", *plan, "--output", "t/history.parquet")
    run_command("dynamics", *read, "--output", "t")
    run_command("expressions", *plan, "--output", "t/expressions.parquet")
    run_command("expression-histories", *plan, "--output", "t/expression_histories.parquet")
    runs = frames.read_frame("t/runs.parquet", RUNS)
    assert (runs["cell"].nunique(), len(runs)) == (4, 4 * 20)
    assert runs["final_seen"].nunique() > 20
    assert len(frames.read_frame("t/history.parquet", HISTORY)) == 4 * 20 * 121
    assert len(frames.read_frame("t/expressions.parquet", EXPRESSIONS)) == 4 * 200
    histories = frames.read_frame("t/expression_histories.parquet", EXPRESSION_HISTORIES)
    assert len(histories) == 4 * 20 * 200
    assert frames.read_frame("t/dynamics.parquet", DYNAMICS)["t_fit"].notna().any()


def test_a_synthetic_study_is_trained_as_far_as_the_plan_can_tell(study):
    folder, config = study
    plan = make_plan(config, folder / "results/cells")
    assert [job for name in plan.cells for job in trained_jobs(folder / "results/cells" / name)] == [scale.SEEDS] * 4
    assert all((folder / job.file(kind)).exists() for job in plan.table(scale.STUDY).jobs for kind in FILES)


@pytest.mark.parametrize("cells", [0, 3, 10_004])
def test_a_study_of_another_size_is_refused(cells):
    with pytest.raises(ValueError, match=f"cells: {cells} is not a multiple of 4"):
        scale.make_configuration(scale.ROOT, cells)


def test_the_cost_of_a_step_is_of_its_own_process(tmp_path):
    """Measured from a process as small as the benchmark's: what a large one holds would count in what it starts."""
    code = (
        "from pathlib import Path; from benchmarks.scale import run; "
        "words = ['x = bytearray(300_000_000)', 'pass']; "
        "print([run('plan', 4, Path(), ['-c', each]).peak_bytes for each in words])"
    )
    path = os.pathsep.join([str(scale.ROOT), str(scale.ROOT / "src")])
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    large, small = json.loads(done.stdout)
    assert large > 300_000_000 > 2 * small


@pytest.mark.parametrize(("code", "says"), [("raise SystemExit('no room')", ""), ("print('2 jobs')", "Nothing")])
def test_a_step_that_fails_or_finds_something_to_do_ends_the_benchmark(tmp_path, code, says):
    with pytest.raises(StepError, match=r"confirm of 8 cells ended with [01]:\n(no room|2 jobs)"):
        scale.run("confirm", 8, tmp_path, ["-c", code], says=says)


def test_a_goal_is_met_within_both_bounds_only_and_by_the_large_study_only():
    def verdicts(cells, seconds, peak):
        return {goal.met for goal in scale.goals([Cost(step, cells, seconds, seconds, peak) for step in STEPS])}

    assert verdicts(GOAL_CELLS, MOST_SECONDS - 1, MOST_BYTES - 1) == {True}
    assert verdicts(GOAL_CELLS, MOST_SECONDS, MOST_BYTES - 1) == {False}
    assert verdicts(GOAL_CELLS, MOST_SECONDS - 1, MOST_BYTES) == {False}
    assert verdicts(GOAL_CELLS // 10, 1, 1) == {None}
