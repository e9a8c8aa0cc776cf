"""The trained networks of a study in one file, so that others need not train them again.

Unpacked in the folder of a clone, the archive puts every file of its jobs where the workflow looks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from capacity.errors import InputError
from capacity.experiment.grid import Study
from capacity.experiment.seeds import seeds_of
from capacity.experiment.table_plan import FOLDER
from capacity.storage import json_files, zip_files

MOST_PARAMETERS = 100_000
"""Parameters of the largest networks that are archived: one run of them takes at most 400 kB."""
FIRST = ("weights.safetensors", "history.parquet", "timing.json", "run.json")
"""What training writes; a job's other files are made from these."""


def write_archive(path: Path, study: Study, root: Path) -> int:
    """Write the files of the finished jobs of a study, and the corpora that they read, into one ZIP file.

    Each file follows those that it is made from. A program that gives them the time of unpacking makes none of them
    older than its sources, so that Snakemake makes none of them again.

    Args:
        path: of the archive.
        study: whose networks are archived, except those of more than :data:`MOST_PARAMETERS` parameters.
        root: the folder that holds ``results``.

    Returns:
        The number of files.

    Raises InputError if no network of the study is small enough and was trained and evaluated.
    """
    jobs = list(_finished_jobs(study, root))
    if not jobs:
        raise InputError(
            f"{root / FOLDER} holds no evaluated networks of the study {study.name} with at most "
            f"{MOST_PARAMETERS:,} parameters; there is nothing to archive"
        )
    corpora = {f"results/corpora/{study.cells[name].corpus_name}.parquet" for name, _ in jobs}
    sources = [root / corpus for corpus in sorted(corpora)]
    sources += [source for _, folder in jobs for source in _files_of_job(folder)]
    zip_files.write_zip(path, ((source.relative_to(root).as_posix(), source) for source in sources))
    return len(sources)


def _finished_jobs(study: Study, root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the cell and the folder of each job of small networks that trains a seed of the study and was evaluated."""
    for name in sorted(study.cells):
        for evaluation in sorted((root / FOLDER / name).glob("seeds=*/evaluation.json")):
            trained = seeds_of(evaluation.parent)
            if not set(trained).intersection(study.seeds[name]):
                continue
            if json_files.read_sealed_json(evaluation)["parameters"] <= MOST_PARAMETERS:
                yield name, evaluation.parent


def _files_of_job(folder: Path) -> list[Path]:
    every = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted(every, key=lambda path: path.name not in FIRST)
