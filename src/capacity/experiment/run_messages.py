"""What a run tells whoever watches it: a line for each cell that has results, and three for a job that has failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from capacity.errors import printable
from capacity.experiment.table_plan import FILES
from capacity.storage import json_files

NETWORKS = {"train", "evaluate"}
"""The rules that have a job for each cell."""
OTHER_RULES = {*NETWORKS, "corpus", "plan", "all", "total"}
"""What Snakemake counts and no table, figure or page comes from."""
SCORES = {"seen": "seen", "held_out": "held out", "facts_paper_prompts": "facts"}
"""The scores of a line, and what they are called there."""
NO_SCORES = "not asked anything"
REMEDY = (
    "Put that right and give the same command again: what is done is kept, and training goes on from its snapshots."
)
UNREADABLE = (OSError, ValueError, KeyError, TypeError)
"""What reading the results of another version, or of a file that is gone, raises."""


@dataclass(frozen=True)
class Job:
    """A job that Snakemake has begun.

    Attributes:
        rule: its rule.
        wildcards: their values by their names.
        outputs: the files that it makes.
    """

    rule: str
    wildcards: Mapping[str, str]
    outputs: Sequence[str]

    @property
    def name(self) -> str:
        """What the job is called: by its cell and seeds, or else by its first file."""
        if "cell" not in self.wildcards:
            return self.outputs[0] if self.outputs else self.rule
        task, size, variant = cell_labels(self.wildcards["cell"])
        seeds = self.wildcards["seeds"]
        words = [
            task,
            size,
            *([] if variant == "paper" else [variant]),
            f"seed{'' if seeds.isdecimal() else 's'} {seeds}",
        ]
        return ", ".join(words)


@dataclass
class RunMessages:
    """The lines of one run of Snakemake.

    Attributes:
        seconds: returns the seconds since the run began.
        evaluations: how many jobs will evaluate networks.
        others: how many other jobs follow on those.
        jobs: those that have begun, by their number.
        evaluated: how many jobs have evaluated networks.
        failed: the jobs that have failed, by their number.
    """

    seconds: Callable[[], float]
    evaluations: int = 0
    others: int = 0
    jobs: dict[int, Job] = field(default_factory=dict)
    evaluated: int = 0
    failed: set[int] = field(default_factory=set)

    def planned(self, jobs_of_rule: Mapping[str, int]) -> list[str]:
        """Return what is said once it is decided which jobs run."""
        self.evaluations = jobs_of_rule.get("evaluate", 0)
        self.others = sum(number for rule, number in jobs_of_rule.items() if rule not in OTHER_RULES)
        counts = [
            *([f"{jobs_of_rule['train']} to train"] if jobs_of_rule.get("train") else []),
            *([f"{self.evaluations} to evaluate"] if self.evaluations else []),
            *([f"{self.others} tables, figures and pages to make"] if self.others else []),
        ]
        return [f"Jobs: {', '.join(counts)}."] if counts else []

    def begun(self, number: int, job: Job) -> list[str]:
        """Note a job that begins, of which nothing is said yet."""
        self.jobs[number] = job
        return []

    def ended(self, number: int) -> list[str]:
        """Return the line of a job that has ended well: of one that evaluated networks, what came out."""
        job = self.jobs.get(number)
        if job is None or job.rule != "evaluate":
            return []
        self.evaluated += 1
        evaluation = next(path for path in job.outputs if path.endswith(FILES["evaluation"]))
        line = f"{self._clock()}  {self.evaluated} of {self.evaluations}  {job.name}: {_read_result(Path(evaluation))}"
        last = self.evaluated == self.evaluations and self.others
        return [printable(line), *([f"{self._clock()}  Tables, figures and pages follow."] if last else [])]

    def broken(self, number: int, rule: str, logs: Sequence[str], command: str | None) -> list[str]:
        """Return three lines of a job that has failed: what, where, and what to do; nothing if it was told before."""
        if number in self.failed:
            return []
        self.failed.add(number)
        job = self.jobs.get(number, Job(rule, {}, ()))
        reason = next(filter(None, (last_error(Path(log)) for log in logs)), "it ended without saying why")
        return [
            printable(f"FAILED  {rule}, {job.name}: {reason}"),
            f"  Its log: {logs[0]}" if logs else f"  Its command: {command}",
            f"  {REMEDY}",
        ]

    def _clock(self) -> str:
        minutes, seconds = divmod(int(self.seconds()), 60)
        return f"{minutes:3}:{seconds:02}"


def cell_labels(cell: str) -> list[str]:
    """Return the task, the size and the variant in the canonical name of a cell."""
    return [part.partition("=")[2] for part in cell.split("/")]


def result(evaluation: Mapping[str, Any]) -> str:
    """Return what the runs of one job answer at the final iterate, all of them together.

    Args:
        evaluation: the content of ``evaluation.json``.
    """
    finals = [run["final"]["scores"] for run in evaluation["runs"] if not run["diverged"]]
    diverged = len(evaluation["runs"]) - len(finals)
    parts = [f"{diverged} diverged"] if diverged else []
    for name, words in SCORES.items():
        scores = [final[name] for final in finals if final.get(name) is not None]
        if scores:
            parts.append(
                f"{words} {sum(each['correct'] for each in scores)} of {sum(each['total'] for each in scores)}"
            )
    return ", ".join(parts) or NO_SCORES


def last_error(log: Path) -> str:
    """Return the last error that a log has, or its last line; nothing if there is no such log."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if line.startswith("error: ")), lines[-1] if lines else "")


def _read_result(path: Path) -> str:
    try:
        return result(json_files.read_json(path))
    except UNREADABLE as error:
        return f"its results cannot be read ({error!r})"
