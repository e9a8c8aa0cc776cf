"""The plan of the workflow: which job trains which seeds of which cell, and which files a study is made of."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from capacity.errors import ConfigurationError, InputError
from capacity.experiment import grid
from capacity.experiment.assignment import assign_jobs, trained_jobs
from capacity.experiment.cell import Cell, describe_departures
from capacity.experiment.grid import Study
from capacity.experiment.seeds import longest_seeds, runs_name
from capacity.experiment.table_plan import FOLDER, Job, TablePlan
from capacity.tasks.registry import TASKS

MAIN_STUDY = "base"
"""The study whose figures are also found by short names, as copies."""
MOST_JOBS = 20_000
"""Training jobs of all studies together, for which Snakemake plans some three minutes. More is a slip."""
EXPRESSION_TASKS = tuple(name for name, task in TASKS.items() if task.has_operands)
"""The tasks with arithmetic, and so with held-out expressions."""


@dataclass(frozen=True)
class Plan:
    """The jobs of all studies.

    Attributes:
        studies: by name.
        jobs: for each cell of any study, by name, the seeds of the jobs that together train it.
    """

    studies: dict[str, Study]
    jobs: dict[str, list[tuple[int, ...]]]
    _tables: dict[str, TablePlan] = field(default_factory=dict, compare=False, repr=False)

    def table(self, name: str) -> TablePlan:
        """Return the plan of a table: of a study, or of a study and one of its tasks, such as ``base/arithmetic``.

        Raises InputError if the configuration has no such study, or the study no such task.
        """
        if name not in self._tables:
            self._tables[name] = self._table(name)
        return self._tables[name]

    def _table(self, name: str) -> TablePlan:
        study_name, _, task = name.partition("/")
        study = self.study(study_name)
        cells = [cell for cell in study.cells.values() if task in ("", cell.task)]
        if not cells:
            raise InputError(f"study {study_name!r} has no {task} cells")
        jobs = []
        for cell in cells:
            left = set(study.seeds[cell.name])
            for trained in self.jobs[cell.name]:
                if taken := left.intersection(trained):
                    left -= taken
                    jobs.append(Job(cell.name, tuple(sorted(taken)), f"{FOLDER}/{runs_name(cell, trained)}"))
        departing = [cell for cell in cells if cell.departures_from_published()]
        departures = dict.fromkeys(f"{cell.task}, {cell.size.name}: {describe_departures(cell)}" for cell in departing)
        return TablePlan(name, study.title, tuple(departures), tuple(jobs))

    def study(self, name: str) -> Study:
        """Return a study. Raises InputError if the configuration has no such study."""
        if name not in self.studies:
            raise InputError(f"study {name!r} is not one of {', '.join(self.studies)}")
        return self.studies[name]

    def expression_tasks(self, study: str) -> list[str]:
        """Return the tasks with arithmetic of a study.

        Raises InputError if there is no such study, or no such task in it.
        """
        tasks = [task for task in self.study(study).tasks if task in EXPRESSION_TASKS]
        if not tasks:
            raise InputError(f"study {study!r} has no {' or '.join(EXPRESSION_TASKS)} cells")
        return tasks

    @functools.cached_property
    def cells(self) -> dict[str, Cell]:
        """Every cell of any study, by its name."""
        return {name: cell for study in self.studies.values() for name, cell in study.cells.items()}


def make_plan(config: Mapping[str, Any], cells: Path | None, studies: dict[str, Study] | None = None) -> Plan:
    """Return the plan of a configuration. Raises ConfigurationError if it needs more than :data:`MOST_JOBS` jobs.

    Args:
        config: a checked configuration.
        cells: the folder of all cells, in which finished jobs are looked for; None if nobody can look there, as into
            an object store.
        studies: those of the configuration. They are made if they are not given, which takes seconds for thousands of
            cells.
    """
    studies = grid.studies(config) if studies is None else studies
    seeds_per_job = config["budgets"][config["budget"]]["seeds_per_job"]
    seeds_by_study: dict[str, list[tuple[int, ...]]] = {}
    for study in studies.values():
        for name, seeds in study.seeds.items():
            seeds_by_study.setdefault(name, []).append(seeds)
    jobs: dict[str, list[tuple[int, ...]]] = {}
    number = 0
    for name, by_study in seeds_by_study.items():
        trained = trained_jobs(cells / name) if cells else ()
        jobs[name] = assign_jobs(by_study, trained, seeds_per_job, longest_seeds(name))
        number += len(jobs[name])
        if number > MOST_JOBS:
            raise ConfigurationError(
                f"budgets.{config['budget']}.seeds_per_job: with {seeds_per_job}, the studies need more than "
                f"{MOST_JOBS:,} training jobs, the most that are planned; raise it, or ask for fewer cells or seeds"
            )
    return Plan(studies, jobs)


def figure_paths(study: Study) -> list[str]:
    """Return the figures of a study.

    They are the trade-off, the curves of each task that it trains and, if one of them has arithmetic, the dynamics, the
    answers and the histories of the held-out expressions.
    """
    names = ["tradeoff", *study.tasks]
    if set(study.tasks).intersection(EXPRESSION_TASKS):
        names += ["dynamics", "answers", "held_out_histories"]
    return [f"results/figures/{study.name}/{name}.pdf" for name in names]


def own_figure_paths(study: Study) -> list[str]:
    """Return the figures that a study has by its configuration, beside those of :func:`figure_paths`."""
    return [f"results/studies/{study.name}/{name}.pdf" for name in study.figures]


def page_figures(study: Study) -> list[str]:
    """Return the figures that the page of a study shows: its own, or the trade-off if it has none."""
    return own_figure_paths(study) or [f"results/figures/{study.name}/tradeoff.pdf"]


def page_path(study: Study) -> str:
    """Return the page of a study."""
    return f"results/studies/{study.name}/index.md"


def complete_budget(config: Mapping[str, Any], name: str) -> str | None:
    """Return the first budget that leaves out no cell of a study; None if there is none."""
    settings = config["studies"][name]
    listed = (math.prod(len(values) for axis, values in each.items() if axis != "seeds") for each in settings["grids"])
    cells = sum(listed)
    for budget in map(str, config["budgets"]):
        try:
            study = grid.studies({**config, "budget": budget, "studies": {name: settings}}).get(name)
        except ConfigurationError:  # a budget that does not run the study need not give it seeds
            continue
        if study is not None and len(study.cells) == cells:
            return budget
    return None


def record_paths(study: Study) -> list[str]:
    """Return the records of the tables, figures and page of a study, which its manifest is made from."""
    of_expressions = ("dynamics", "expressions", "expression_histories")
    tables = [f"{study.name}/{name}" for name in ("runs", "history", *of_expressions)]
    cells = list(study.cells.values())
    for task in study.tasks:
        kinds = ["runs", "history", *(of_expressions if task in EXPRESSION_TASKS else ())]
        read = {name for figure in study.figures.values() if task in figure.tasks(cells) for name in figure.tables}
        kinds += ["dynamics"] if "dynamics" in read - set(kinds) else []
        tables += [f"{study.name}/{task}/{name}" for name in kinds]
    figures = [path.removesuffix(".pdf") for path in (*figure_paths(study), *own_figure_paths(study))]
    pages = [page_path(study).removesuffix(".md"), f"results/report/{study.name}/pages"]
    return [f"{path}.json" for path in (*(f"results/tables/{name}" for name in tables), *figures, *pages)]
