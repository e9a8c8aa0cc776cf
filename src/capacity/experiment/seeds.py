"""Seeds of a job: how they are written in a path, and read from it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from capacity.errors import InputError
from capacity.experiment.cell import Cell

MOST_SEEDS = 100_000
"""Seeds of one cell. More is a slip, and a range is not written out before it is known to be shorter."""

HIGHEST_SEED = 2**32 - 1
LONGEST_RUNS_NAME = 255
"""Characters of the name of a job: its cell and its seeds.

A file system allows 255 bytes for one part of a path. The seeds are one, and for SLURM's logs Snakemake makes one of
the cell and the seeds together.
"""


def format_seeds(seeds: Iterable[int]) -> str:
    """Return seeds as they are written in a path: ascending, with neighbours as ranges, such as ``0-9_1337``."""
    ordered = sorted(seeds)
    runs: list[list[int]] = []
    for seed in ordered:
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return "_".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def runs_name(cell: Cell, seeds: Iterable[int]) -> str:
    """Return the name of the runs of one job: their folder below that of all cells, and the mark of their weights."""
    return f"{cell.name}/seeds={format_seeds(seeds)}"


def longest_seeds(cell: str) -> int:
    """Return how many characters the seeds of a job of a cell, given by its name, may have in its folder."""
    return LONGEST_RUNS_NAME - len(f"{cell}/seeds=")


def seeds_of(folder: str | PurePath) -> tuple[int, ...]:
    """Return the seeds of a job from the path of its folder. Raises InputError if its name is not that of a job."""
    return parse_seeds(PurePath(folder).name.removeprefix("seeds="))


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds that a text names, as :func:`format_seeds` writes them. Raises InputError for any other text."""
    if len(text) > LONGEST_RUNS_NAME:
        raise InputError(
            f"seeds {text[:40]!r}... have {len(text):,} characters, and the folder of a job has at most "
            f"{LONGEST_RUNS_NAME}; make several jobs of them"
        )
    seeds: list[int] = []
    for part in text.split("_"):
        match = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", part)
        if match is None:
            raise InputError(f"seeds {text!r}: {part!r} is neither a number nor a range such as 0-9")
        first, last = int(match[1]), int(match[2] or match[1])
        if last > HIGHEST_SEED:
            raise InputError(f"seeds {text!r}: {last} is above {HIGHEST_SEED}, the highest seed there is")
        if len(seeds) + last - first >= MOST_SEEDS:
            raise InputError(f"seeds {text!r}: more than {MOST_SEEDS:,}, the most there may be")
        seeds.extend(range(first, last + 1))
    if format_seeds(seeds) != text:
        raise InputError(f"seeds {text!r} are not canonical: write {format_seeds(seeds)!r}")
    return tuple(seeds)
