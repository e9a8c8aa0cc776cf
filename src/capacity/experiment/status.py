"""What is running, waiting, trained and done, from the files of the jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from capacity.experiment.assignment import RECORD
from capacity.experiment.cell import parse_cell
from capacity.experiment.plan import Plan
from capacity.experiment.seeds import parse_seeds
from capacity.experiment.table_plan import FILES, FOLDER
from capacity.storage import json_files

PLANS = "results/plans"
PROGRESS = "progress.json"
STATES = ("running", "waiting", "trained", "done")
STALE_SECONDS = 600.0
"""A job writes its progress far more often than this, so one that is silent for longer has stopped."""


@dataclass(frozen=True)
class JobStatus:
    """The status of one job.

    Attributes:
        cell: canonical name of the cell.
        seeds: that the job trains, as its folder is named.
        state: one of :data:`STATES`.
        detail: in words, how far a job is that runs or has stopped.
    """

    cell: str
    seeds: str
    state: str
    detail: str


def current_studies(plan: Plan, run: Sequence[str], root: Path) -> list[str]:
    """Return the studies that a run builds, and those whose plans are below ``root`` because a target asked for them.

    Args:
        plan: of the configuration.
        run: the studies that the budget runs.
        root: the folder that holds ``results``.
    """
    planned = {path.relative_to(root / PLANS).parts[0].removesuffix(".json") for path in _json_files(root / PLANS)}
    return [study for study in plan.studies if study in run or study in planned]


def statuses(plan: Plan, studies: Sequence[str], root: Path, now: float) -> list[JobStatus]:
    """Return the status of every job of some studies, and of every other job that runs.

    Args:
        plan: of the configuration.
        studies: names of studies.
        root: the folder that holds ``results``.
        now: the time, in seconds since the epoch.

    Raises InputError if a study is not one of the configuration.
    """
    by_folder: dict[str, JobStatus] = {}
    for study in studies:
        for job in plan.table(study).jobs:
            by_folder[job.folder] = _status(job.cell, root / job.folder, now)
    for folder, cell in _training_folders(root):
        if folder not in by_folder and (other := _status(cell, root / folder, now)).state == "running":
            by_folder[folder] = other
    return sorted(by_folder.values(), key=lambda job: (STATES.index(job.state), job.cell, job.seeds))


def table(jobs: Sequence[JobStatus], longest: int) -> Table:
    """Return a table of at most ``longest`` jobs, running ones first, under a line of totals."""
    totals = ", ".join(f"{sum(job.state == state for job in jobs)} {state}" for state in STATES)
    sheet = Table("task", "size", "variant", "seeds", "state", "progress", title=totals, title_justify="left")
    for column in sheet.columns:
        column.overflow = "fold"
    for job in jobs[:longest]:
        parts = [part.split("=", 1)[1] for part in job.cell.split("/")]
        sheet.add_row(*parts, job.seeds, job.state, job.detail)
    if len(jobs) > longest:
        sheet.add_row(f"and {len(jobs) - longest} more", "", "", "", "", "")
    return sheet


def _training_folders(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the folder and the cell of every job that has written its progress and is not finished."""
    for path in _json_files(root / FOLDER, PROGRESS):
        folder = path.parent.relative_to(root).as_posix()
        cell, _, seeds = folder.removeprefix(f"{FOLDER}/").rpartition("/seeds=")
        try:
            parse_cell(cell)
            parse_seeds(seeds)
        except ValueError:
            continue  # not a folder of this workflow
        yield folder, cell


def _status(cell: str, folder: Path, now: float) -> JobStatus:
    return JobStatus(cell, folder.name.removeprefix("seeds="), *_state(folder, now))


def _state(folder: Path, now: float) -> tuple[str, str]:
    """Return the state and the detail of the job in a folder."""
    if (folder / FILES["evaluation"]).exists():
        return "done", ""
    if (folder / RECORD).exists():
        return "trained", "not evaluated yet"
    progress = folder / PROGRESS
    if not progress.exists():
        return "waiting", ""
    try:
        share, detail = _progress(json_files.read_json(progress))
    except (KeyError, TypeError, ArithmeticError, ValueError) as error:
        return "waiting", f"{progress.name} cannot be read ({error!r}); delete it"
    silent = now - progress.stat().st_mtime
    if silent > STALE_SECONDS:
        return "waiting", f"stopped at {share:.0%}, silent for {silent / 60:.0f} minutes"
    return "running", detail


def _progress(state: Mapping[str, Any]) -> tuple[float, str]:
    """Return how far a job is, as a share and in words."""
    share, left, loss = state["updates"] / state["updates_in_all"], state["seconds_left"], state["loss"]
    detail = f"{share:.0%}"
    if left is not None:
        detail += f", {left // 60}:{left % 60:02d} left, {state['updates_per_second']:.1f} updates/s"
    return share, detail + (f", loss {loss:.3f}" if loss is not None else "")


def _json_files(folder: Path, name: str = "*.json") -> list[Path]:
    return sorted(folder.rglob(name))
