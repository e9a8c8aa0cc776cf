"""Every file of results that a budget makes: what ``all`` makes, and what that is made from, weights among it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from capacity.experiment.assignment import RECORD, WEIGHTS
from capacity.experiment.plan import MAIN_STUDY, Plan, figure_paths, record_paths
from capacity.experiment.table_plan import FILES, Job

OF_A_JOB = (WEIGHTS, "history.parquet", RECORD, "timing.json", *(name for name in FILES.values()), "operands.parquet")
"""The files that a training job and its evaluation leave."""
_OF_RECORDS = {
    "runs": ("runs.parquet", "summary.parquet", "summary.csv", "summary.md"),
    "dynamics": ("dynamics.parquet", "dynamics.csv", "dynamics.md"),
}
"""The tables that a record names beside, or instead of, the one Parquet file of its own name."""
PAGES = {
    "tables/replication.json": ("replication.parquet", "replication.csv", "replication.md"),
    "figures/replication.json": ("replication.pdf", "replication.png", "replication.svg"),
    "tables/claims.json": (
        *("claims.parquet", "claims.csv", "claims.md"),
        *("claims_evidence.parquet", "claims_evidence.csv"),
    ),
    "findings.json": ("findings.md",),
    "laboratory.json": ("laboratory.md",),
    "methods.json": ("methods.md",),
    "explorer.json": ("explorer.html",),
    "report/pages.json": tuple(
        f"{name}.html" for name in ("answer", "findings", "claims", "replication", "methods", "laboratory")
    ),
}
"""The records of what is about all studies, from the folder of results, each with the files that it names."""


def result_files(plan: Plan, studies: Iterable[str]) -> list[str]:
    """Return every file of the results of some studies, in the order of the paths, which begin with ``results/``.

    Raises InputError if there is no such study.
    """
    paths = {f"results/{record}" for record in PAGES} | {"results/manifest.sha256"}
    paths |= {f"results/{PurePosixPath(record).parent / name}" for record, names in PAGES.items() for name in names}
    for study in map(plan.study, studies):
        for job in plan.table(study.name).jobs:
            paths |= job_files(plan, job)
        paths.add(f"results/manifests/{study.name}.sha256")
        for record in record_paths(study):
            paths |= {record, *_files_of_record(record)}
            if record.startswith("results/tables/"):
                table = PurePosixPath(record).parent.relative_to("results/tables")
                paths.add(f"results/plans/{table}.json")
        if study.name == MAIN_STUDY:
            paths |= {copy for copies in copied_figures(plan).values() for copy in copies}
    return sorted(paths)


def job_files(plan: Plan, job: Job) -> set[str]:
    """Return the files of a job, and the corpus that it reads."""
    corpus = f"results/corpora/{plan.cells[job.cell].corpus_name}.parquet"
    return {corpus, *(f"{job.folder}/{name}" for name in dict.fromkeys(OF_A_JOB))}


def copied_figures(plan: Plan) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the figures of the main study, as PDF and PNG, each pair with its copies by their short names."""
    pairs = [(path, path.replace(".pdf", ".png")) for path in figure_paths(plan.study(MAIN_STUDY))]
    return {pair: (_short(pair[0]), _short(pair[1])) for pair in pairs}


def _short(path: str) -> str:
    return path.replace(f"/{MAIN_STUDY}/", "/")


def _files_of_record(record: str) -> list[str]:
    """Return the files that the record of a study names."""
    place = PurePosixPath(record)
    if record.startswith("results/tables/"):
        names: Iterable[str] = _OF_RECORDS.get(place.stem, (f"{place.stem}.parquet",))
    elif place.name == "index.json":
        names = ("index.md", "answer.json")
    elif place.name == "pages.json":
        names = ("index.html", "summary.html", "dynamics.html")
    else:
        names = tuple(f"{place.stem}.{kind}" for kind in ("pdf", "png", "svg"))
    return [(place.parent / name).as_posix() for name in names]
