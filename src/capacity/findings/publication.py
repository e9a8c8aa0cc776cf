"""What the documentation shows of a study: copies of its figures and pages, and a record of where they came from."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from capacity.errors import InputError
from capacity.experiment import plan
from capacity.experiment.grid import Study
from capacity.experiment.seeds import seeds_of
from capacity.findings import network_archive, reproduction
from capacity.storage import files, json_files, parquet, records

TABLES = ("summary.md", "summary.csv", "dynamics.md")
STUDY_PAGE = ("index.md", "answer.json")
"""The page of a study and its answer. In the copy of the page, what it links to lies in its folder."""
NETWORKS = "networks.zip"
"""The archive of the trained networks, where one is published."""
PAGES_ON_ALL_STUDIES = (
    "tables/claims.md",
    "tables/replication.md",
    "figures/replication.png",
    "findings.md",
    "methods.md",
    "explorer.html",
)


def provenance(study: Study, root: Path) -> dict[str, Any]:
    """Return where the tables of a study come from.

    It is the record in its summary, the timing of every job, and the digest of the weights of every run, with which
    :mod:`capacity.findings.reproduction` compares runs of others.
    """
    folder = root / "results/tables" / study.name
    record = parquet.provenance_of(parquet.read_parquet(folder / "summary.parquet"))
    timings = {
        path.parent.relative_to(root / "results/cells").as_posix(): json_files.read_json_of_either_kind(path)
        for name in sorted(study.cells)
        for path in sorted((root / "results/cells" / name).glob("seeds=*/timing.json"))
        if set(seeds_of(path.parent)).intersection(study.seeds[name])
    }
    digests = {
        reproduction.run_name(run): digest
        for run, digest in reproduction.weight_digests(root / "results/cells", study.seeds).items()
    }
    return {"tables": record, "training": timings, "weights": digests}


def publish(study: Study, root: Path, target: Path, networks: bool = False) -> list[Path]:
    """Copy the figures, tables and page of a study, and return the paths of what was written.

    Figures are copied as PNG. The verdicts, the page of findings and the text of methods are about every study of the
    budget, and are copied with the main study, and so is the explorer.

    Args:
        study: to copy.
        root: the folder that holds ``results``.
        target: the folder to copy to; ``provenance.json`` is written there too, with the SHA-256 of each copy.
        networks: whether to write an archive of the trained networks too.

    Raises InputError naming a file that has changed since it was made.
    """
    target.mkdir(parents=True, exist_ok=True)
    drawn = [*plan.figure_paths(study), *plan.own_figure_paths(study)]
    sources = [root / Path(path).with_suffix(".png") for path in drawn]
    sources += [root / "results/tables" / study.name / name for name in TABLES]
    sources += [root / Path(plan.page_path(study)).with_name(name) for name in STUDY_PAGE]
    if study.name == plan.MAIN_STUDY:
        sources += [root / "results" / name for name in PAGES_ON_ALL_STUDIES]
    for source in [*sources, root / "results/tables" / study.name / "summary.parquet"]:
        _check(source)
    written = [Path(shutil.copyfile(source, target / source.name)) for source in sources]
    page = target / STUDY_PAGE[0]
    files.write_text(page, re.sub(r"(?<!\\)\]\((?:\.\./)[^)]*?([^/)]+)\)", r"](\1)", page.read_text(encoding="utf-8")))
    if networks:
        network_archive.write_archive(target / NETWORKS, study, root)
        written.append(target / NETWORKS)
    record = provenance(study, root) | {"files": {path.name: files.sha256(path) for path in written}}
    json_files.write_json(target / reproduction.PROVENANCE, record)
    return [*written, target / reproduction.PROVENANCE]


def _check(path: Path) -> None:
    """Raise InputError naming the file if it is not what the record beside it says. Earlier versions left no record."""
    record = records.record_beside(path)
    if record.exists() and records.read_record(record)[records.FILES].get(path.name) != files.sha256(path):
        raise InputError(f"{path} has changed since {record} was written; python -m capacity verify says more")
