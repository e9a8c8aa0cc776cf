"""Every run below a folder of results as data frames, whichever study asked for it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from capacity.errors import InputError
from capacity.experiment.assignment import RECORD
from capacity.experiment.seeds import seeds_of
from capacity.experiment.table_plan import FILES, Job
from capacity.tables.histories import history_schema, history_tables
from capacity.tables.runs import tabulate_runs


def runs(results: str | Path = "results") -> pd.DataFrame:
    """Return one row for each evaluated run, with the columns of ``runs.parquet`` in the data dictionary.

    Raises InputError if the folder has no evaluated run, or naming a file that is damaged.
    """
    frame, _ = tabulate_runs(_jobs(Path(results)))
    return frame


def history(results: str | Path = "results") -> pd.DataFrame:
    """Return one row for each evaluation of each run during training, with the columns of ``history.parquet``.

    Raises InputError as :func:`runs` does.
    """
    jobs = _jobs(Path(results))
    schema = history_schema(jobs)
    return pd.DataFrame(pa.concat_tables(history_tables(jobs, schema, [])).to_pandas())


def _jobs(results: Path) -> list[Job]:
    """The evaluated jobs of a folder. A run that two jobs have trained, which is the same in both, is taken once."""
    cells, jobs = results / "cells", []
    taken: set[tuple[str, int]] = set()
    for record in sorted(cells.glob(f"task=*/size=*/variant=*/seeds=*/{RECORD}")):
        folder = record.parent
        cell = folder.parent.relative_to(cells).as_posix()
        if not all((folder / name).is_file() for name in FILES.values()):
            continue
        seeds = tuple(seed for seed in seeds_of(folder) if (cell, seed) not in taken)
        taken.update((cell, seed) for seed in seeds)
        if seeds:
            jobs.append(Job(cell, seeds, folder.as_posix()))
    if not jobs:
        raise InputError(f"{cells} has no evaluated runs; run snakemake, or name another folder of results")
    return jobs
