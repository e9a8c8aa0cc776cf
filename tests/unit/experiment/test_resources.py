"""What jobs ask a scheduler for covers what jobs took, and not by orders of magnitude."""

from __future__ import annotations

import json

import pytest

from capacity.evaluation import margins, readings
from capacity.experiment import resources
from capacity.experiment.cell import make_cell, parse_cell
from capacity.experiment.seeds import parse_seeds
from capacity.paper.protocol import SIZES, TASKS, Size
from tests.support.repository import REPOSITORY

DOCS = REPOSITORY / "docs/results"
RUN = {
    job: timing["wall_seconds"]
    for path in sorted(DOCS.rglob("provenance.json"))
    for job, timing in json.loads(path.read_text(encoding="utf-8"))["training"].items()
}
MLT, N14, N56 = SIZES["mlt"], SIZES["n14"], SIZES["n56"]
# Peaks in MB, of a training job of two updates with an examination before and after, and of its evaluation.
PEAKS = [
    (make_cell("arithmetic", MLT), 2618, 632),
    (make_cell("facts", MLT), 4182, 1153),
    (make_cell("joint", MLT), 3406, 1076),
    (make_cell("joint", MLT, batch=16), 1440, 1209),
    (make_cell("joint", N14), 387, 410),
    (make_cell("joint", N56), 430, 432),
    (make_cell("arithmetic", N56, batch=5000), 372, 374),
    (make_cell("joint", Size(1, 1, 448, 1)), 870, 584),
    (make_cell("joint", Size(4, 4, 128, 4)), 860, 639),
    (make_cell("arithmetic", Size(2, 2, 64, 4)), 395, 391),
    (make_cell("joint", Size(2, 2, 256, 4), batch=2000, dropout=0.1), 3136, 653),
    (make_cell("arithmetic", N56, largest_operand=49, held_out_fraction=0.1, split_seed=0), 713, 804),
    (make_cell("arithmetic", N56, largest_operand=99, held_out_fraction=0.1, split_seed=0), 1056, 1252),
]


@pytest.mark.parametrize(("cell", "training", "evaluation"), PEAKS)
def test_the_memory_that_a_job_asks_for_is_above_what_it_took_and_not_four_times_as_much(cell, training, evaluation):
    assert training * 1.1 < resources.training_mb(cell) < 4 * training
    assert evaluation * 1.1 < resources.evaluation_mb(cell, 1) < 4 * evaluation


@pytest.mark.parametrize("job", RUN)
def test_the_time_limit_of_a_job_is_above_what_it_took_and_within_what_a_slow_machine_may_take(job):
    # torch, which trains where Numba is missing, takes up to five times as long, and a slow machine ten times. Where
    # rows are lines, the compiled network is faster still, and several seeds side by side more so.
    name, _, seeds = job.rpartition("/seeds=")
    cell = parse_cell(name)
    limit = resources.training_minutes(cell, len(parse_seeds(seeds)))
    most = {"aligned": 120, "answer-only": 240}.get(cell.stream, 50)
    assert RUN[job] * 1.2 < 60 * limit < RUN[job] * most + 60 * resources.START_MINUTES


def test_a_next_attempt_asks_for_more_memory_and_time():
    cell = make_cell("facts", SIZES["n28"])
    for ask in (resources.training_minutes, resources.evaluation_minutes, resources.evaluation_mb):
        first, second, third = (ask(cell, 2, attempt) for attempt in (1, 2, 3))
        assert second == pytest.approx(2 * first, abs=100)
        assert first < second < third
    assert resources.training_mb(cell) < resources.training_mb(cell, 2) < resources.training_mb(cell, 3)


def test_no_attempt_asks_for_more_than_a_day():
    cell = make_cell("joint", SIZES["mlt"])
    assert [resources.training_minutes(cell, 5, attempt) for attempt in (1, 4)] == [24 * 60, 24 * 60]


@pytest.mark.parametrize("task", TASKS)
def test_what_is_asked_for_grows_with_the_size_and_the_batch_and_time_with_the_seeds(task):
    cells = [make_cell(task, size) for size in SIZES.values()]
    memory = [resources.training_mb(cell) for cell in cells]
    assert memory == sorted(memory)
    assert resources.training_mb(make_cell(task, SIZES["n56"], batch=20_000)) > 2 * memory[2]
    assert resources.training_minutes(cells[0], 2) > 1.5 * resources.training_minutes(cells[0], 1)


def test_rows_at_once_are_those_of_an_examination():
    assert resources.ROWS_AT_ONCE == readings.ROWS_AT_ONCE
    assert resources.PROMPTS_AT_ONCE == margins.PROMPTS_AT_ONCE


@pytest.mark.parametrize(
    ("device", "driver", "asked"),
    [("cuda", False, 1), ("cuda", True, 1), ("auto", True, 1), ("auto", False, None), ("cpu", True, None)],
)
def test_a_gpu_is_asked_for_where_it_must_be_or_can_be_had(monkeypatch, tmp_path, device, driver, asked):
    monkeypatch.setattr(resources, "GPUS", tmp_path if driver else tmp_path / "absent")
    assert resources.gpus(device) == asked
