"""The same bytes whichever seeds share a job, whichever jobs run side by side, and whatever the number of threads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from capacity.corpora import corpus
from capacity.model import weights
from capacity.paper.protocol import Size
from capacity.storage import json_files, parquet
from tests.support.commands import run_command
from tests.support.repository import SOURCE
from tests.support.short_cells import DEEP, short_cell

CELLS = {
    "one layer": short_cell(Size(1, 1, 14, 1), "joint"),
    "two layers, reshuffled": short_cell(DEEP, "arithmetic", stream="reshuffled", weight_decay=0.1),
}
LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
TABLES = ("history", "answers", "operands")


def arguments(name, cell, seeds, threads):
    """Return the arguments of a command of a job, in the folder of the corpus."""
    job = ["--seeds", seeds, "--corpus", "corpus.parquet", "--output", f"seeds={seeds}"]
    return [name, cell.name, *job, "--device", "cpu", "--threads", str(threads)]


def one_after_another(cell, threads, jobs):
    for seeds in jobs:
        for name in ("train", "evaluate"):
            run_command(*arguments(name, cell, seeds, threads))


def at_once(cell, threads, jobs):
    """Run the jobs side by side, in processes whose libraries see the number of threads too."""
    environment = os.environ | {"PYTHONPATH": str(SOURCE)} | dict.fromkeys(LIBRARIES, str(threads))
    for name in ("train", "evaluate"):
        commands = [[sys.executable, "-m", "capacity", *arguments(name, cell, seeds, threads)] for seeds in jobs]
        processes = [subprocess.Popen(command, env=environment) for command in commands]
        assert [process.wait() for process in processes] == [0] * len(jobs)


def results(cell, run, threads, jobs, folder):
    """Train and evaluate seeds 0 and 1; return what the files say of each: weights, tables and scores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        parquet.write_parquet("corpus.parquet", corpus.to_table(corpus.build(cell)), {})
        run(cell, threads, jobs)
    found = {}
    for job in jobs:
        made, seeds = folder / f"seeds={job}", [0, 1] if job == "0-1" else [int(job)]
        assert json_files.read_json(made / "run.json")["kernel"] == "numba"
        stack = weights.load(made / "weights.safetensors", cell, seeds)
        tables = {name: parquet.read_parquet(made / f"{name}.parquet").to_pylist() for name in TABLES}
        runs = json_files.read_json(made / "evaluation.json")["runs"]
        for number, seed in enumerate(seeds):
            found[seed] = {name: value[number].tobytes() for name, value in stack.items()}
            found[seed] |= {name: [row for row in rows if row["seed"] == seed] for name, rows in tables.items()}
            found[seed]["scores"] = runs[number]
    return found


@pytest.fixture(scope="module", params=list(CELLS))
def one_job(request, tmp_path_factory):
    """A cell, and what a job of both seeds with one thread finds."""
    cell = CELLS[request.param]
    return cell, results(cell, one_after_another, 1, ["0-1"], tmp_path_factory.mktemp("job"))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("run", "jobs"),
    [(one_after_another, ["0-1"]), (one_after_another, ["1", "0"]), (at_once, ["0", "1"])],
    ids=["one job", "two jobs", "two jobs at once"],
)
def test_a_seed_has_the_same_weights_and_evaluation(one_job, run, jobs, threads, tmp_path):
    cell, expected = one_job
    found = results(cell, run, threads, jobs, tmp_path)
    assert sorted(found) == [0, 1]
    for seed, of_seed in expected.items():
        assert list(found[seed]) == list(of_seed)
        for name, value in of_seed.items():
            assert found[seed][name] == value, (seed, name)
            assert value
    assert expected[0]["token_embedding"] != expected[1]["token_embedding"]
