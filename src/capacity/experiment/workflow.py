"""What the rules of the workflow ask for: the files, parameters and resources of their jobs.

Snakemake calls most of these methods with the wildcards of a job, and some with its input or output files or the number
of the attempt as well, which it passes by the names of the arguments. Nothing here imports Snakemake.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from capacity.errors import InputError
from capacity.experiment import configuration, resources
from capacity.experiment.answers import RULES
from capacity.experiment.assignment import WEIGHTS
from capacity.experiment.cell import Cell, corpus_cell, parse_cell
from capacity.experiment.checks import check_named_cell
from capacity.experiment.configuration import validate
from capacity.experiment.grid import Config
from capacity.experiment.plan import (
    MAIN_STUDY,
    complete_budget,
    figure_paths,
    make_plan,
    own_figure_paths,
    page_figures,
    page_path,
    record_paths,
)
from capacity.experiment.result_files import result_files
from capacity.experiment.seeds import parse_seeds
from capacity.experiment.study_figures import StudyFigure
from capacity.experiment.text import for_command
from capacity.storage import code, json_files

Wildcards = Any
"""Wildcards of a job, by name as attributes."""

PAGES_OF_STUDY = ("summary.md", "dynamics.md", "expressions.parquet", "expression_histories.parquet")
ON_ALL_STUDIES = ("results/laboratory.md", "results/methods.md")
LARGEST_EXPLORED = 100_000
"""Weights in the matrices of a network that the explorer may hold; it leaves out those with more parameters."""
AGAINST_THE_PAPER = ("results/tables/replication.md", "results/tables/claims.md", "results/findings.md")
FIGURE_AGAINST_THE_PAPER = "results/figures/replication.pdf"


class Workflow:
    """The workflow under one configuration.

    Attributes:
        config: the configuration.
        plan: the jobs of its studies.
        budget: settings of the budget that the configuration chooses.
        note: the JSON file to which :meth:`write_note` writes the configuration.
    """

    def __init__(self, config: Config, cells: Path | None, note: Path) -> None:
        """Check a configuration and plan its jobs. Raises ConfigurationError.

        Args:
            config: the configuration.
            cells: the folder of all cells; None if results are kept in a store, where nobody can look.
            note: the JSON file to which :meth:`write_note` writes the configuration.
        """
        self.config = config
        self.plan = make_plan(config, cells, validate(config))
        self.budget: Config = config["budgets"][config["budget"]]
        self._cells = cells
        self.note = note
        self._digest = functools.cache(code.source_digest)

    def write_note(self) -> None:
        """Write the configuration down for jobs that make plans and for the status, unless it is written already."""
        try:
            written = json_files.read_sealed_json(self.note) if self.note.exists() else None
        except InputError:
            written = None
        if written != self.config:
            json_files.write_sealed_json(self.note, self.config)

    # The files of jobs.

    def corpus(self, wildcards: Wildcards) -> str:
        """Return the corpus that a cell reads."""
        return f"results/corpora/{self.cell(wildcards).corpus_name}.parquet"

    def files(self, kind: str) -> Callable[[Wildcards], list[str]]:
        """Return the function that names the files of one kind of all jobs of a table.

        The kinds are those of :data:`capacity.experiment.table_plan.FILES`.
        """
        return lambda wildcards: self.plan.table(wildcards.table).files(kind)

    def tables_of_tasks(self, name: str) -> Callable[[Wildcards], list[str]]:
        """Return the function that names one file of the tables of each task with arithmetic of a study."""

        def paths(wildcards: Wildcards) -> list[str]:
            study = wildcards.study
            return [f"results/tables/{study}/{task}/{name}" for task in self.plan.expression_tasks(study)]

        return paths

    def tables_of_figure(self, name: str) -> Callable[[Wildcards], list[str]]:
        """Return the function that names one table of each task that a figure of a study's own shows.

        There are none where the figure reads no such table. The name is that of the file without its ending.
        """

        def paths(wildcards: Wildcards) -> list[str]:
            tables = self._tables_of_figure(wildcards)
            if name not in self._figure(wildcards).tables:
                return []
            return [f"results/tables/{table}/{name}.parquet" for table in tables]

        return paths

    def records_of_figure(self, wildcards: Wildcards) -> list[str]:
        """Return the records of the runs of each task that a figure of a study's own shows."""
        return [f"results/tables/{table}/runs.json" for table in self._tables_of_figure(wildcards)]

    def runs(self, *studies: str) -> list[str]:
        """Return the tables of runs of the studies that the budget runs, or of those of them that are named."""
        return self.tables("runs.parquet", *studies)

    def tables(self, name: str, *studies: str) -> list[str]:
        """Return one table of each study that the budget runs, or of those of them that are named."""
        return [f"results/tables/{study}/{name}" for study in self.budget["run"] if study in (studies or [study])]

    def all_tables(self) -> list[str]:
        """Return the pages and tables that stand for all others, which are made with them or for them."""
        return [path for name in PAGES_OF_STUDY for path in self.tables(name)] + list(AGAINST_THE_PAPER)

    def all_figures(self) -> list[str]:
        """Return every figure of the studies that the budget runs, and that of the paper's numbers beside ours.

        Those of the main study are there by their short names too.
        """
        run = [self.plan.studies[study] for study in self.budget["run"]]
        paths = [path for study in run for path in figure_paths(study)]
        paths += [path.replace(f"/{MAIN_STUDY}/", "/") for path in paths if f"/{MAIN_STUDY}/" in path]
        return [*paths, *(path for study in run for path in own_figure_paths(study)), FIGURE_AGAINST_THE_PAPER]

    def all_pages(self) -> list[str]:
        """Return the pages of the studies that the budget runs, the page of the laboratory, and the text of methods."""
        return [*(page_path(self.plan.studies[study]) for study in self.budget["run"]), *ON_ALL_STUDIES]

    def plans(self) -> list[str]:
        """Return the plans of the tables of the studies that the budget runs."""
        return [f"results/plans/{study}.json" for study in self.budget["run"]]

    def small_networks(self, wildcards: Wildcards) -> list[str]:
        """Return the weights of all jobs of the studies that the budget runs, apart from those of large networks."""
        jobs = [job for study in self.budget["run"] for job in self.plan.table(study).jobs]
        small = (job for job in jobs if self.plan.cells[job.cell].size.matrix_weights <= LARGEST_EXPLORED)
        return list(dict.fromkeys(f"{job.folder}/{WEIGHTS}" for job in small))

    def archived_files(self, wildcards: Wildcards) -> list[str]:
        """Return every file of the results of the budget, from corpora and weights to pages and manifests."""
        return result_files(self.plan, self.budget["run"])

    def answers(self) -> list[str]:
        """Return the answers of the studies that the budget runs."""
        return [f"results/studies/{study}/answer.json" for study in self.budget["run"]]

    def page_figures(self, wildcards: Wildcards) -> list[str]:
        """Return the figures that the page of a study shows, as PNG."""
        return self._on_page(wildcards.study, ".png")

    def drawn_on_page(self, wildcards: Wildcards) -> list[str]:
        """Return the figures that the page of a study shows, as SVG, for the report."""
        return self._on_page(wildcards.study, ".svg")

    def _on_page(self, study: str, suffix: str) -> list[str]:
        return [Path(path).with_suffix(suffix).as_posix() for path in page_figures(self.plan.study(study))]

    def main_figure(self) -> list[str]:
        """Return the figure that the report opens on, as SVG: the trade-off of the main study, else of the first."""
        run = sorted(self.budget["run"], key=lambda study: study != MAIN_STUDY)
        return [f"results/figures/{study}/tradeoff.svg" for study in run[:1]]

    def figure_links(self, wildcards: Wildcards) -> list[str]:
        """Return the figures of the page of a study, as paths from the folder of the page."""
        folder = Path(page_path(self.plan.study(wildcards.study))).parent
        return [Path(os.path.relpath(path, folder)).as_posix() for path in self.page_figures(wildcards)]

    def table_of_rule(self, name: str) -> Callable[[Wildcards], list[str]]:
        """Return the function that names a table of a study if the rule of its answer reads it, else nothing."""

        def paths(wildcards: Wildcards) -> list[str]:
            answer = self.plan.study(wildcards.study).answer
            reads = RULES[answer["rule"]].tables if answer else ()
            return [f"results/tables/{wildcards.study}/{name}.parquet"] if name in reads else []

        return paths

    def records(self, wildcards: Wildcards) -> list[str]:
        """Return the records that the manifest of a study is made from. Raises InputError if there is no such study."""
        return record_paths(self.plan.study(wildcards.study))

    def copies(self, wildcards: Wildcards) -> list[str]:
        """Return the figures of a study that are also found by a short name, which only the main study has."""
        if wildcards.study != MAIN_STUDY:
            return []
        drawn = [Path(path.replace(f"/{MAIN_STUDY}/", "/")) for path in figure_paths(self.plan.study(MAIN_STUDY))]
        return [path.with_suffix(suffix).as_posix() for path in drawn for suffix in (".pdf", ".png")]

    def manifests(self) -> list[str]:
        """Return the manifests of the studies that the budget runs, and that of the pages about all of them."""
        return [*(f"results/manifests/{study}.sha256" for study in self.budget["run"]), "results/manifest.sha256"]

    # The parameters of jobs.

    def cell(self, wildcards: Wildcards) -> Cell:
        """Return the cell that a job trains or evaluates.

        One of no study comes from a path on the command line: the same bounds hold for it. Raises ConfigurationError.
        """
        name = wildcards.cell
        return self.plan.cells[name] if name in self.plan.cells else _named_cell(name)

    def seeds(self, wildcards: Wildcards) -> tuple[int, ...]:
        """Return the seeds of a job. Raises InputError if they are not written canonically."""
        return parse_seeds(wildcards.seeds)

    def corpus_cell(self, wildcards: Wildcards) -> str:
        """Return the name of a cell that reads a corpus. It depends on the name of the corpus alone."""
        cell = corpus_cell(wildcards.corpus)
        check_named_cell(cell)
        return cell.name

    def title(self, wildcards: Wildcards) -> str:
        """Return the title of the study of a table or figure, as a command is given it."""
        return for_command(self.plan.table(_table(wildcards)).title)

    def question(self, wildcards: Wildcards) -> str:
        """Return the question of a study, as a command is given it; empty if there is none."""
        return for_command(self.plan.study(wildcards.study).question)

    def answer(self, wildcards: Wildcards) -> str:
        """Return the rule of the answer of a study, with its options, as a command is given it; empty without one."""
        answer = self.plan.study(wildcards.study).answer
        return for_command(json.dumps(answer)) if answer else ""

    def left_out(self, wildcards: Wildcards) -> tuple[str, ...]:
        """Return the tasks and sizes that the budget leaves out of a study."""
        return self.plan.study(wildcards.study).left_out

    def run_again(self, wildcards: Wildcards) -> str:
        """Return the command that runs a study again."""
        return f"snakemake {page_path(self.plan.study(wildcards.study))} --config budget={self.config['budget']}"

    def run_complete(self, wildcards: Wildcards) -> str:
        """Return the command that also runs what the budget leaves out of a study; empty if there is none."""
        study = self.plan.study(wildcards.study)
        budget = complete_budget(self.config, study.name) if study.left_out else None
        return f"snakemake {page_path(study)} --config budget={budget}" if budget else ""

    def departures(self, wildcards: Wildcards) -> tuple[str, ...]:
        """Return how the cells of a table or figure depart from the paper's protocol."""
        return self.plan.table(_table(wildcards)).departures

    def plan_digest(self, wildcards: Wildcards) -> str:
        """Return the digest of the plan of a table, so that the plan is written again exactly when it has changed."""
        return self.plan.table(_table(wildcards)).digest

    def plan_digests(self, *studies: str) -> Callable[[Wildcards], list[str]]:
        """Return the function that gives the digests of the plans of the studies that :meth:`tables` names."""
        return lambda wildcards: [
            self.plan.table(study).digest for study in self.budget["run"] if study in (studies or [study])
        ]

    def plan_digests_of_tasks(self, wildcards: Wildcards) -> list[str]:
        """Return the digests of the plans of each task with arithmetic of a study."""
        study = wildcards.study
        return [self.plan.table(f"{study}/{task}").digest for task in self.plan.expression_tasks(study)]

    def plan_digests_of_figure(self, wildcards: Wildcards) -> list[str]:
        """Return the digests of the plans of each task that a figure of a study's own shows."""
        return [self.plan.table(table).digest for table in self._tables_of_figure(wildcards)]

    def figure_options(self, wildcards: Wildcards) -> str:
        """Return the options of the command ``draw-measures`` that draw a figure of a study's own."""
        return self._figure(wildcards).options()

    def _figure(self, wildcards: Wildcards) -> StudyFigure:
        return self.plan.study(wildcards.study).figure(wildcards.drawing)

    def _tables_of_figure(self, wildcards: Wildcards) -> list[str]:
        study = self.plan.study(wildcards.study)
        tasks = study.figure(wildcards.drawing).tasks(study.cells.values())
        return [f"{study.name}/{task}" for task in tasks]

    def plan_sources(self, wildcards: Wildcards) -> list[str]:
        """Return the words of the command ``plan`` that say what it reads."""
        cells = ["--cells", self._cells.as_posix()] if self._cells else []
        return ["--configuration", self.note.as_posix(), *cells]

    def execution_options(self, wildcards: Wildcards) -> str:
        """Return the options of the command ``train`` that say how its updates are carried out."""
        return configuration.execution_options(self.config, self.cell(wildcards).size)

    def snapshot_options(self, wildcards: Wildcards, output: Sequence[str]) -> str:
        """Return the options of the command ``train`` that say when it saves snapshots.

        The argument ``output`` keeps Snakemake from training again when they change: it cannot compare parameters that
        are made from the output of a job.
        """
        return configuration.snapshot_options(self.config)

    def digest(self, stage: str) -> Callable[[Wildcards], str]:
        """Return the function that gives the digest of the code of a stage, so that an edit reruns what it affects.

        That of a corpus and of a training is of the code of its task alone, so that a new task trains no other again.
        The digest is taken when a job is planned, and not for every rule, because on a cluster each job starts
        Snakemake anew for one or two of them.
        """

        def ask(wildcards: Wildcards) -> str:
            if hasattr(wildcards, "corpus"):
                return self._digest(stage, corpus_cell(wildcards.corpus).task)
            return self._digest(stage, self.cell(wildcards).task if hasattr(wildcards, "cell") else None)

        return ask

    # The resources of jobs.

    def threads(self, wildcards: Wildcards) -> int:
        """Return the CPU threads of a job that trains or evaluates."""
        return configuration.threads(self.config, self.cell(wildcards).size)

    def gpus(self, wildcards: Wildcards) -> int | None:
        """Return the number of GPUs of a job that trains or evaluates, or None."""
        return resources.gpus(self.config["device"])

    def work(self, wildcards: Wildcards) -> int:
        """Return the priority of a job that trains or evaluates: the largest start first."""
        return resources.work(self.cell(wildcards), len(self.seeds(wildcards)))

    def training_mb(self, wildcards: Wildcards, attempt: int) -> int:
        """Return the memory of a training job, in MB."""
        return resources.training_mb(self.cell(wildcards), attempt)

    def training_minutes(self, wildcards: Wildcards, attempt: int) -> int:
        """Return the time limit of a training job, in minutes."""
        return resources.training_minutes(self.cell(wildcards), len(self.seeds(wildcards)), attempt)

    def evaluation_mb(self, wildcards: Wildcards, attempt: int) -> int:
        """Return the memory of an evaluation, in MB."""
        return resources.evaluation_mb(self.cell(wildcards), len(self.seeds(wildcards)), attempt)

    def evaluation_minutes(self, wildcards: Wildcards, attempt: int) -> int:
        """Return the time limit of an evaluation, in minutes."""
        return resources.evaluation_minutes(self.cell(wildcards), len(self.seeds(wildcards)), attempt)


def growing(amount: int) -> Callable[[Wildcards, int], int]:
    """Return the function that gives an amount of a resource, of which each attempt of a job asks for more."""

    def ask(wildcards: Wildcards, attempt: int) -> int:
        return amount * attempt

    return ask


def cells_below(path: str) -> str:
    """Return the folder of all cells, or of local copies of them, in which a file of a job is."""
    return Path(path).parents[4].as_posix()


def _table(wildcards: Wildcards) -> str:
    """Return the table of a job: its own, or that of its study, or that of a task of its study."""
    if hasattr(wildcards, "table"):
        return str(wildcards.table)
    task = getattr(wildcards, "task", None)
    return f"{wildcards.study}/{task}" if task else str(wildcards.study)


@functools.cache
def _named_cell(name: str) -> Cell:
    cell = parse_cell(name)
    check_named_cell(cell)
    return cell
