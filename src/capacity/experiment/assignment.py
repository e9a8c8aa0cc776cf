"""Which job trains which seeds of a cell."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from capacity.experiment.seeds import parse_seeds

RECORD = "run.json"
"""The file that a training job writes last, so that a folder with it is complete."""


def assign_jobs(
    seeds_by_study: Sequence[Collection[int]], trained: Iterable[tuple[int, ...]], seeds_per_job: int
) -> list[tuple[int, ...]]:
    """Return the jobs that together train every seed that is asked for of one cell, each as its seeds.

    What exists is kept as it is, so that asking for more seeds trains only the new ones. New seeds are divided into
    jobs so that each study's new seeds are whole jobs, and the division does not change when one of them finishes.

    Args:
        seeds_by_study: for each study that contains the cell, the seeds that it asks for.
        trained: the jobs whose results exist.
        seeds_per_job: the most seeds of a new job.
    """
    left = set().union(*seeds_by_study)
    jobs = []
    for job in sorted(set(trained), key=lambda seeds: (-len(seeds), seeds)):
        if left.intersection(job):
            jobs.append(job)
            left.difference_update(job)
    by_studies: dict[tuple[bool, ...], list[int]] = {}
    for seed in sorted(left):
        by_studies.setdefault(tuple(seed in seeds for seeds in seeds_by_study), []).append(seed)
    for seeds in by_studies.values():
        jobs.extend(tuple(seeds[first : first + seeds_per_job]) for first in range(0, len(seeds), seeds_per_job))
    return sorted(jobs)


def trained_jobs(folder: Path) -> Iterator[tuple[int, ...]]:
    """Yield the seeds of every finished training job in the folder of a cell."""
    for path in sorted(folder.glob(f"seeds=*/{RECORD}")):
        yield parse_seeds(path.parent.name.removeprefix("seeds="))
