"""The plan of one table, as ``results/plans/{table}.json`` holds it: the jobs whose files the table is made from.

A table is named by a study, or by a study and one of its tasks: ``base`` or ``base/arithmetic``.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from capacity.errors import InputError
from capacity.experiment.seeds import format_seeds, parse_seeds, seeds_of
from capacity.storage import files, json_files

FOLDER = "results/cells"
"""The folder of all cells, as the rules of the workflow name it."""
DIGEST_LENGTH = 16
FILES = {
    "evaluation": "evaluation.json",
    "mechanism": "mechanism.parquet",
    "answers": "answers.parquet",
    "history": "history.parquet",
}
"""The files of a job that tables are made from, by what they hold."""


@dataclass(frozen=True)
class Job:
    """The runs that a table takes from one training job.

    Attributes:
        cell: canonical name of the cell.
        seeds: that the table takes; the job may have trained more.
        folder: of the job, in which its files are.
    """

    cell: str
    seeds: tuple[int, ...]
    folder: str

    def file(self, kind: str) -> str:
        """Return the path of one of the :data:`FILES` of the job."""
        return f"{self.folder}/{FILES[kind]}"

    @property
    def trained(self) -> tuple[int, ...]:
        """All seeds that the job has trained, as its folder names them."""
        return seeds_of(self.folder)


@dataclass(frozen=True)
class TablePlan:
    """What a table is made from.

    Attributes:
        table: name of the table.
        title: of the study.
        departures: for each cell that departs from the paper's protocol, ``task, size: how``.
        jobs: in the order of the cells of the study.
        cells: the folder of all cells, in which the folders of the jobs are.
    """

    table: str
    title: str
    departures: tuple[str, ...]
    jobs: tuple[Job, ...]
    cells: str = FOLDER

    def files(self, kind: str) -> list[str]:
        """Return the paths of one kind of :data:`FILES` of all jobs."""
        return [job.file(kind) for job in self.jobs]

    def content(self) -> dict[str, Any]:
        """Return the plan as JSON values, in which the folders of jobs are relative to the folder of all cells."""
        return {
            "table": self.table,
            "title": self.title,
            "departures": list(self.departures),
            "files": FILES,
            "jobs": [
                {
                    "cell": job.cell,
                    "seeds": format_seeds(job.seeds),
                    "folder": job.folder.removeprefix(f"{self.cells}/"),
                }
                for job in self.jobs
            ],
        }

    @functools.cached_property
    def digest(self) -> str:
        """A short text that differs when anything in the plan does."""
        return hashlib.sha256(json.dumps(self.content()).encode()).hexdigest()[:DIGEST_LENGTH]


def write_plan(path: Path, plan: TablePlan) -> None:
    """Write a plan, sealed with a checksum."""
    json_files.write_sealed_json(path, plan.content())


def read_plan(path: Path, cells: Path, digest: str | None = None) -> TablePlan:
    """Read the plan of a table.

    Args:
        path: of the plan.
        cells: the folder of all cells, or of local copies of them, in which the files of the jobs are.
        digest: that the plan must have; None if any will do.

    Raises InputError naming the file if it is damaged, is not a plan, or has another digest.
    """
    content = json_files.read_sealed_json(path)
    try:
        jobs = tuple(Job(job["cell"], parse_seeds(job["seeds"]), f"{cells}/{job['folder']}") for job in content["jobs"])
        plan = TablePlan(content["table"], content["title"], tuple(content["departures"]), jobs, str(cells))
    except (KeyError, TypeError, AttributeError, InputError) as error:
        raise InputError(f"{path} is not the plan of a table ({error!r}); {files.REMEDY}") from error
    if digest not in (None, plan.digest):
        raise InputError(
            f"{path} is the plan of {plan.table} with the digest {plan.digest}, and has to be that with {digest}, "
            f"which the configuration makes; {files.REMEDY}"
        )
    return plan
