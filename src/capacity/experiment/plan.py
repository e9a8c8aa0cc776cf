"""The plan of the workflow: which job trains which seeds of which cell, and which files a study is made of."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from capacity.experiment import configuration
from capacity.experiment import grid as experiment_grid
from capacity.experiment.cell import Cell, describe_departures, parse_cell
from capacity.experiment.grid import Study
from capacity.experiment.seeds import format_seeds, parse_seeds, runs_name
from capacity.tasks.registry import TASKS

MAIN_STUDY = "base"
EXPRESSION_TASKS = tuple(name for name, task in TASKS.items() if task.has_operands)
FILES = {"evaluation": "evaluation.json", "answers": "answers.parquet", "history": "history.parquet"}  # of a job
RECORD = "run.json"  # written last, so a folder that has one is whole


@dataclass(frozen=True)
class Plan:
    """Studies by name, for each cell of any of them the jobs that together train its seeds, and the folder of the
    cells."""

    studies: dict[str, Study]
    jobs: dict[str, list[tuple[int, ...]]]
    folder: str = "results/cells"

    def jobs_of(self, table: str) -> list[dict[str, str]]:
        """The files that hold the runs of a table: for each job its :data:`FILES`, its cell and the wanted seeds.

        ``table`` is a study, or a study and one of its tasks, such as ``base/arithmetic``. Raises ValueError if the
        configuration has no such study, or the study no such task.
        """
        study, _, task = table.partition("/")
        if study not in self.studies:
            raise ValueError(f"study {study!r} is not one of {', '.join(self.studies)}")
        found = []
        for cell_name, wanted in self.studies[study].seeds.items():
            cell = self.studies[study].cells[cell_name]
            if task not in ("", cell.task):
                continue
            left = set(wanted)
            for seeds in self.jobs[cell_name]:
                if both := left.intersection(seeds):
                    left -= both
                    folder = f"{self.folder}/{runs_name(cell, seeds)}"
                    paths = {kind: f"{folder}/{name}" for kind, name in FILES.items()}
                    found.append(paths | {"cell": cell.name, "seeds": format_seeds(both)})
        if not found:
            raise ValueError(f"study {study!r} has no {task} cells")
        return found

    def files_of(self, table: str, kind: str) -> list[str]:
        """The files of one kind of a table."""
        return [job[kind] for job in self.jobs_of(table)]

    def expression_tasks(self, study: str) -> list[str]:
        """The tasks with arithmetic of a study. Raises ValueError if there is no such study, or no such task in it."""
        if study not in self.studies:
            raise ValueError(f"study {study!r} is not one of {', '.join(self.studies)}")
        found = [task for task in tasks_of(self.studies[study]) if task in EXPRESSION_TASKS]
        if not found:
            raise ValueError(f"study {study!r} has no {' or '.join(EXPRESSION_TASKS)} cells")
        return found

    def title(self, study: str) -> str:
        """The title of a study; empty if the configuration has none of that name."""
        return self.studies[study].title if study in self.studies else ""

    @functools.cached_property
    def cells(self) -> dict[str, Cell]:
        """Every cell of any study by its name: all of them have been checked."""
        return {name: cell for study in self.studies.values() for name, cell in study.cells.items()}

    def departures(self, study: str) -> list[str]:
        """For each cell of a study that departs from the paper's protocol, ``task, size: how``."""
        cells = self.studies[study].cells.values() if study in self.studies else ()
        found = {f"{cell.task}, {cell.size.name}: {describe_departures(cell)}": cell for cell in cells}
        return [text for text, cell in found.items() if cell.departures_from_published()]


@functools.cache
def cell_of(name: str) -> Cell:
    """:func:`capacity.experiment.cell.parse_cell`, remembered."""
    return parse_cell(name)


def work(cell: Cell, seeds: tuple[int, ...]) -> int:
    """Roughly the floating-point operations of a training job, in billions: the longest jobs are to start first."""
    return 6 * cell.size.matrix_weights * cell.batch * cell.block * cell.iterations * len(seeds) // 10**9


def plan(
    config: Mapping[str, Any], folder: Path | None, studies: dict[str, Study] | None = None, made: str = RECORD
) -> Plan:
    """The plan of a configuration, given which jobs in ``folder`` have made a file; None if that cannot be seen.

    To make and check thousands of cells takes seconds: ``studies`` are those of the configuration, if they are known.
    """
    studies = experiment_grid.studies(config) if studies is None else studies
    seeds_per_job = config["budgets"][config["budget"]]["seeds_per_job"]
    wanted: dict[str, list[tuple[int, ...]]] = {}
    for study in studies.values():
        for name, seeds in study.seeds.items():
            wanted.setdefault(name, []).append(seeds)
    jobs = {
        name: configuration.assign_jobs(askers, made_jobs(folder / name, made) if folder else (), seeds_per_job)
        for name, askers in wanted.items()
    }
    return Plan(studies, jobs)


def config_of(config: Mapping[str, Any], table: str) -> dict[str, Any]:
    """The part of a configuration that decides the runs of one table, itself a configuration for :func:`plan`.

    For use once everything is trained: jobs that exist are taken as they are, so ``seeds_per_job`` has no say.
    """
    study, _, task = table.partition("/")
    if study not in config["studies"]:
        raise ValueError(f"study {study!r} is not one of {', '.join(config['studies'])}")
    settings = config["studies"][study]
    grids = [grid | {"task": [each for each in grid["task"] if task in ("", each)]} for grid in settings["grids"]]
    entries = config["budgets"][config["budget"]]["cells"]
    if task:
        entries = [entry for entry in entries if task in entry.get("where", {}).get("task", [task])]
    return {
        "budget": config["budget"],
        "sizes": config["sizes"],
        "studies": {study: settings | {"grids": [grid for grid in grids if grid["task"]]}},
        "budgets": {config["budget"]: {"seeds_per_job": 1, "cells": entries}},
    }


def plan_of_made(config: Mapping[str, Any], folder: Path, made: str) -> Plan:
    """The plan of :func:`config_of` for a table, once each of its jobs has made a file, with files below ``folder``.

    They may be local copies of what is in a store: the files that the table is made from, and no records.
    """
    return replace(plan(config, folder, made=made), folder=str(folder))


def made_jobs(folder: Path, made: str) -> Iterable[tuple[int, ...]]:
    """The seeds of every job of a cell that has made a file."""
    for path in sorted(folder.glob(f"seeds=*/{made}")):
        yield parse_seeds(path.parent.name.removeprefix("seeds="))


def tasks_of(study: Study) -> list[str]:
    """The tasks that a study trains, in the order of the registry."""
    trained = {cell.task for cell in study.cells.values()}
    return [task for task in TASKS if task in trained]


def figure_paths(study: Study) -> list[str]:
    """The figures of a study: the trade-off, the curves of each task it trains, and with arithmetic its dynamics and
    answers."""
    tasks = tasks_of(study)
    folder = f"results/figures/{study.name}"
    names = ["tradeoff", *tasks]
    if set(tasks).intersection(EXPRESSION_TASKS):
        names += ["dynamics", "answers"]
    return [f"{folder}/{name}.pdf" for name in names]
