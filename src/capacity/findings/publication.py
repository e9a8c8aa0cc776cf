"""Copy what the documentation shows out of ``results``, with where it came from.

python -m capacity.publish base docs/results/laptop

The verdicts and the findings page are on every study of the budget, and are copied with the main one.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from capacity.experiment import plan
from capacity.experiment.grid import Study
from capacity.storage import json_files, parquet

TABLES = ("summary.md", "summary.csv", "dynamics.md")
AGAINST_THE_PAPER = ("tables/claims.md", "tables/replication.md", "findings.md")


def provenance(study: Study, root: Path) -> dict[str, Any]:
    """Where the tables of a study come from: the record in its table, and the wall time of every job."""
    folder = root / "results/tables" / study.name
    record = parquet.provenance_of(parquet.read_parquet(folder / "summary.parquet"))
    timings = {
        path.parent.relative_to(root / "results/cells").as_posix(): json_files.read_json(path)
        for name in sorted(study.cells)
        for path in sorted((root / "results/cells" / name).glob("seeds=*/timing.json"))
    }
    return {"tables": record, "training": timings}


def publish(study: Study, root: Path, target: Path) -> list[Path]:
    """Copy the figures (as PNG) and pages of a study to ``target`` beside ``provenance.json``; what was written."""
    target.mkdir(parents=True, exist_ok=True)
    sources = [root / Path(path).with_suffix(".png") for path in plan.figure_paths(study)]
    sources += [root / "results/tables" / study.name / name for name in TABLES]
    if study.name == plan.MAIN_STUDY:
        sources += [root / "results" / name for name in AGAINST_THE_PAPER]
    written = [Path(shutil.copyfile(source, target / source.name)) for source in sources]
    json_files.write_json(target / "provenance.json", provenance(study, root))
    return [*written, target / "provenance.json"]
