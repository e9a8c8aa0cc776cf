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
from capacity.experiment.resources import training_seconds
from capacity.experiment.run_messages import cell_labels
from capacity.experiment.seeds import parse_seeds
from capacity.experiment.table_plan import FILES, FOLDER
from capacity.storage import json_files

PLANS = "results/plans"
PROGRESS = "progress.json"
STATES = ("running", "waiting", "trained", "done")
BAR = 40
"""Characters of the bar of all training."""
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
        share: of its updates that it has done.
        updates_per_second: of a job that runs.
    """

    cell: str
    seeds: str
    state: str
    detail: str
    share: float = 0.0
    updates_per_second: float = 0.0


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


@dataclass(frozen=True)
class Totals:
    """How far all jobs together are.

    Attributes:
        share: of the training that is done. A job counts by how long it takes.
        seconds_left: until the last one is trained if as many go on training as now, or None if none is.
    """

    share: float
    seconds_left: float | None


def totals_of(jobs: Sequence[JobStatus]) -> Totals:
    """Return how far some jobs together are, from how long each takes by :mod:`capacity.experiment.resources`.

    The jobs that run now say how fast this machine is compared with the one that these times are of.
    """
    seconds = done = speed = 0.0
    for job in jobs:
        cell, seeds = parse_cell(job.cell), len(parse_seeds(job.seeds))
        takes = training_seconds(cell, seeds)
        seconds += takes
        done += takes * job.share
        speed += takes * job.updates_per_second / (seeds * cell.iterations)
    return Totals(done / seconds if seconds else 1.0, (seconds - done) / speed if speed else None)


def heading(jobs: Sequence[JobStatus]) -> str:
    """Return the numbers of jobs in each state, and a bar of all training with the time left."""
    numbers = ", ".join(f"{sum(job.state == state for job in jobs)} {state}" for state in STATES)
    totals = totals_of(jobs)
    full = int(totals.share * BAR)
    left = "" if totals.seconds_left is None else f", about {duration(totals.seconds_left)} left"
    return f"{numbers}\n{'#' * full}{'.' * (BAR - full)} {totals.share:.0%} of the training{left}"


def duration(seconds: float) -> str:
    """Return a time in words: minutes, and hours from one hour on."""
    hours, minutes = divmod(max(1, round(seconds / 60)), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def table(jobs: Sequence[JobStatus], longest: int) -> Table:
    """Return a table of at most ``longest`` jobs, running ones first, under :func:`heading`."""
    sheet = Table("task", "size", "variant", "seeds", "state", "progress", title=heading(jobs), title_justify="left")
    for column in sheet.columns:
        column.overflow = "fold"
    for job in jobs[:longest]:
        sheet.add_row(*cell_labels(job.cell), job.seeds, job.state, job.detail)
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


def _state(folder: Path, now: float) -> tuple[str, str, float, float]:
    """Return the state, the detail, the share and the speed of the job in a folder."""
    if (folder / FILES["evaluation"]).exists():
        return "done", "", 1.0, 0.0
    if (folder / RECORD).exists():
        return "trained", "not evaluated yet", 1.0, 0.0
    progress = folder / PROGRESS
    if not progress.exists():
        return "waiting", "", 0.0, 0.0
    try:
        share, speed, detail = _progress(json_files.read_json(progress))
    except (KeyError, TypeError, ArithmeticError, ValueError) as error:
        return "waiting", f"{progress.name} cannot be read ({error!r}); delete it", 0.0, 0.0
    silent = now - progress.stat().st_mtime
    if silent > STALE_SECONDS:
        return "waiting", f"stopped at {share:.0%}, silent for {silent / 60:.0f} minutes", share, 0.0
    return "running", detail, share, speed


def _progress(state: Mapping[str, Any]) -> tuple[float, float, str]:
    """Return how far a job is, as a share, its updates per second, and both in words."""
    share, left, loss = state["updates"] / state["updates_in_all"], state["seconds_left"], state["loss"]
    speed = float(state["updates_per_second"])
    detail = f"{share:.0%}"
    if left is not None:
        detail += f", {left // 60}:{left % 60:02d} left, {speed:.1f} updates/s"
    return share, speed, detail + (f", loss {loss:.3f}" if loss is not None else "")


def _json_files(folder: Path, name: str = "*.json") -> list[Path]:
    return sorted(folder.rglob(name))
