"""What is running, done and waiting: a table of every job of the studies that ``all`` builds, or of those named.

python -m capacity.status [--watch] [--budget paper] [--study grokking]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from capacity.experiment.plan import RECORD, Plan
from capacity.storage import json_files

STATES = ("running", "waiting", "trained", "done")
STALE_SECONDS = 600.0  # a job writes its progress far more often than this


@dataclass(frozen=True)
class JobStatus:
    """One job: its cell, its seeds, one of :data:`STATES`, and for a running job how far it is."""

    cell: str
    seeds: str
    state: str
    detail: str


def statuses(plan: Plan, studies: Sequence[str], root: Path, now: float) -> list[JobStatus]:
    """The status of every job of some studies, from the files below ``root``; ``now`` is in seconds since the epoch."""
    found: dict[tuple[str, str], JobStatus] = {}
    for study in studies:
        for job in plan.jobs_of(study):
            folder = (root / job["evaluation"]).parent
            name = folder.parent.relative_to(root / "results/cells").as_posix()
            seeds = folder.name.removeprefix("seeds=")
            found[name, seeds] = JobStatus(name, seeds, *_state(folder, now))
    return sorted(found.values(), key=lambda job: (STATES.index(job.state), job.cell, job.seeds))


def _state(folder: Path, now: float) -> tuple[str, str]:
    if (folder / "evaluation.json").exists():
        return "done", ""
    if (folder / RECORD).exists():
        return "trained", "not evaluated yet"
    progress = folder / "progress.json"
    if not progress.exists():
        return "waiting", ""
    state = json_files.read_json(progress)
    share, left, loss = state["updates"] / state["updates_in_all"], state["seconds_left"], state["loss"]
    detail = f"{share:.0%}"
    if left is not None:
        detail += f", {left // 60}:{left % 60:02d} left, {state['updates_per_second']:.1f} updates/s"
    detail += f", loss {loss:.3f}" if loss is not None else ""
    silent = now - progress.stat().st_mtime
    if silent > STALE_SECONDS:
        return "waiting", f"stopped at {share:.0%}, silent for {silent / 60:.0f} minutes"
    return "running", detail


def table(found: Sequence[JobStatus], longest: int) -> Table:
    """At most ``longest`` rows, running jobs first, under a line of totals."""
    totals = ", ".join(f"{sum(job.state == state for job in found)} {state}" for state in STATES)
    sheet = Table("task", "size", "variant", "seeds", "state", "progress", title=totals, title_justify="left")
    for column in sheet.columns:
        column.overflow = "fold"
    for job in found[:longest]:
        parts = [part.split("=", 1)[1] for part in job.cell.split("/")]
        sheet.add_row(*parts, job.seeds, job.state, job.detail)
    if len(found) > longest:
        sheet.add_row(f"and {len(found) - longest} more", "", "", "", "", "")
    return sheet
