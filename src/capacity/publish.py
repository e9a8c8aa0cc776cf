"""Copy what the documentation shows out of ``results``, with where it came from.

python -m capacity.publish base docs/results/laptop

The verdicts and the findings page are on every study of the budget, and are copied with the main one.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from capacity import errors, files, jobs
from capacity.configuration import Study, main_configuration

TABLES = ("summary.md", "summary.csv", "dynamics.md")
AGAINST_THE_PAPER = ("tables/claims.md", "tables/replication.md", "findings.md")


def provenance(study: Study, root: Path) -> dict[str, Any]:
    """Where the tables of a study come from: the record in its table, and the wall time of every job."""
    folder = root / "results/tables" / study.name
    record = files.provenance_of(files.read_parquet(folder / "summary.parquet"))
    timings = {
        path.parent.relative_to(root / "results/cells").as_posix(): files.read_json(path)
        for name in sorted(study.cells)
        for path in sorted((root / "results/cells" / name).glob("seeds=*/timing.json"))
    }
    return {"tables": record, "training": timings}


def publish(study: Study, root: Path, target: Path) -> list[Path]:
    """Copy the figures (as PNG) and pages of a study to ``target`` beside ``provenance.json``; what was written."""
    target.mkdir(parents=True, exist_ok=True)
    sources = [root / Path(path).with_suffix(".png") for path in jobs.figure_paths(study)]
    sources += [root / "results/tables" / study.name / name for name in TABLES]
    if study.name == jobs.MAIN_STUDY:
        sources += [root / "results" / name for name in AGAINST_THE_PAPER]
    written = [Path(shutil.copyfile(source, target / source.name)) for source in sources]
    files.write_json(target / "provenance.json", provenance(study, root))
    return [*written, target / "provenance.json"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="name of the study")
    parser.add_argument("target", type=Path, help="folder to copy to")
    parser.add_argument("--budget", help="budget that was run; default: that of config.yaml")
    parser.add_argument("--root", type=Path, default=Path(), help="folder that holds config.yaml and results")
    arguments = parser.parse_args()
    studies = jobs.plan(main_configuration(arguments.root, arguments.budget), arguments.root / "results/cells").studies
    if arguments.study not in studies:
        parser.error(f"study {arguments.study!r} is not one of {', '.join(studies)}")
    for path in publish(studies[arguments.study], arguments.root, arguments.target):
        print(path)


if __name__ == "__main__":
    errors.run(main)
