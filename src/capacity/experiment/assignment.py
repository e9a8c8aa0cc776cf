"""Which job trains which seeds of a cell."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from capacity.errors import InputError
from capacity.experiment.seeds import LONGEST_RUNS_NAME, seeds_of

WEIGHTS = "weights.safetensors"
"""The file of a job with the weights of its networks."""

RECORD = "run.json"
"""The file that a training job writes last, so that a folder with it is complete."""


def assign_jobs(
    seeds_by_study: Sequence[Collection[int]],
    trained: Iterable[tuple[int, ...]],
    seeds_per_job: int,
    longest: int = LONGEST_RUNS_NAME,
) -> list[tuple[int, ...]]:
    """Return the jobs that together train every seed that is asked for of one cell, each as its seeds.

    What exists is kept as it is, so that asking for more seeds trains only the new ones. New seeds are divided into
    jobs so that each study's new seeds are whole jobs, and the division does not change when one of them finishes.

    Args:
        seeds_by_study: for each study that contains the cell, the seeds that it asks for.
        trained: the jobs whose results exist.
        seeds_per_job: the most seeds of a new job.
        longest: the most characters of its seeds, written as in its folder. A hundred scattered seeds become several
            jobs, so that the name of each says which seeds it holds.
    """
    seeds_by_study = [frozenset(seeds) for seeds in seeds_by_study]
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
        jobs.extend(_parts(seeds, seeds_per_job, longest))
    return sorted(jobs)


def _parts(seeds: Sequence[int], most: int, longest: int) -> Iterator[tuple[int, ...]]:
    """Divide ascending seeds into jobs, each as large as the two limits let it be.

    When one of the jobs has finished, the seeds that are left are divided as before, because where a seed did not fit,
    no higher one does.
    """
    part: list[int] = []
    finished, first = 0, seeds[0]  # characters before the last range of the part, and where this range begins
    for seed in seeds:
        if part and seed != part[-1] + 1:
            finished += len(_range(first, part[-1])) + 1
            first = seed
        if part and (len(part) == most or finished + len(_range(first, seed)) > longest):
            yield tuple(part)
            part, finished, first = [], 0, seed
        part.append(seed)
    yield tuple(part)


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def trained_jobs(folder: Path) -> Iterator[tuple[int, ...]]:
    """Yield the seeds of every finished training job in the folder of a cell.

    Raises InputError naming the folder of a job that is named otherwise than this workflow names it.
    """
    for path in sorted(folder.glob(f"seeds=*/{RECORD}")):
        try:
            yield seeds_of(path.parent)
        except InputError as error:
            raise InputError(f"{path.parent} is not the folder of a job; move it away ({error})") from error
