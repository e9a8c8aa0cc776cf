"""The files of handmade jobs, as evaluation and training leave them, and the commands that make tables of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from capacity.experiment.cell import make_cell
from capacity.experiment.plan import make_plan
from capacity.experiment.seeds import format_seeds
from capacity.experiment.table_plan import FOLDER, write_plan
from capacity.paper.protocol import SIZES
from capacity.storage import evaluations, json_files, parquet
from tests.support.commands import run_command
from tests.support.handmade_results import evaluation, history_rows, mechanisms, run

PAPER = make_cell("arithmetic", SIZES["n14"])
RECALL = make_cell("facts", SIZES["n14"])
JOBS = ((PAPER, (0, 2)), (PAPER, (1337,)), (RECALL, (0, 1)))
"""Two jobs of one cell and one of another. The study asks for all seeds but seed 2."""

CONFIG = {
    "budget": "hand",
    "sizes": {"n14": {"layers": 1, "heads": 1, "width": 14, "mlp_factor": 1}},
    "studies": {
        "hand": {
            "title": "By hand",
            "grids": [
                {"task": ["arithmetic"], "size": ["n14"], "seeds": [0, 1337]},
                {"task": ["facts"], "size": ["n14"], "seeds": ["0-1"]},
            ],
        }
    },
    "budgets": {"hand": {"seeds_per_job": 20, "cells": []}},
}


def write_job(root: Path, evaluated: Mapping[str, Any]) -> Path:
    """Write the evaluation and the record of a job below a folder, and return the folder of the job."""
    seeds = format_seeds([one["seed"] for one in evaluated["runs"]])
    folder = root / f"results/cells/{evaluated['cell']}/seeds={seeds}"
    evaluations.write(folder, evaluated, list(mechanisms(evaluated).values()))
    json_files.write_json(folder / "run.json", evaluated["provenance"]["training"])
    return folder


def write_jobs(root: Path) -> None:
    """Write the files of :data:`JOBS`, with histories of three evaluations."""
    for cell, seeds in JOBS:
        evaluated = evaluation(cell, [run(cell, seed) for seed in seeds])
        folder = write_job(root, evaluated)
        history = pa.Table.from_pylist(history_rows(cell, seeds, (0, 15000, 30000)))
        parquet.write_parquet(folder / "history.parquet", history, evaluated["provenance"]["training"])


def make_table(command: str, output: str, config: Mapping[str, Any] = CONFIG) -> None:
    """Run a command that makes tables of the study ``hand`` from the jobs below the current folder."""
    write_plan(Path("plan.json"), make_plan(config, Path(FOLDER)).table("hand"))
    run_command(command, "--plan", "plan.json", "--output", output)


def origins(record: Mapping[str, Any]) -> Sequence[tuple[str, list[int]]]:
    """The cells and seeds that the record of a table names."""
    return [(source["cell"], source["seeds"]) for source in record["runs"]]
