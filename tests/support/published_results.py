"""Where published results and the plan of their budget part."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from capacity.experiment import grid, plan
from capacity.experiment.grid import Study
from capacity.findings import publication
from capacity.storage import files

SETTINGS = (
    *("iterations", "warmup_iterations", "decay_iterations", "evaluation_interval", "batch", "block", "dropout"),
    *("learning_rate", "final_learning_rate", "weight_decay", "stream", "facts", "corpus_seed"),
)
NO_COPIES = {"provenance.json", "README.md"}


def partings(folder: Path, config: Mapping[str, Any], budget: str) -> list[str]:
    """Return in what the published results of a budget are not what the budget gives; nothing if they agree.

    The main study is in the folder itself, and each other study that the budget runs in a folder of its name.
    """
    settings = dict(config) | {"budget": budget}
    studies = grid.studies(settings)
    found = []
    for name in settings["budgets"][budget]["run"]:
        place = folder if name == plan.MAIN_STUDY else folder / name
        if not (place / "provenance.json").exists():
            found.append(f"the study {name} is not published in {place.name}")
        else:
            found += [f"{name}: {each}" for each in _partings_of_study(place, studies[name])]
    return found


def _partings_of_study(folder: Path, study: Study) -> Iterator[str]:
    provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    tables = provenance["tables"]
    if tables["settings"]["table"] != study.name:
        yield f"the table is that of {tables['settings']['table']}"
    planned = {(cell, seed) for cell, seeds in study.seeds.items() for seed in seeds}
    trained = [(job["cell"], seed) for job in tables["runs"] for seed in job["seeds"]]
    yield from _set_partings("run", set(trained), planned)
    if len(trained) != len(set(trained)):
        yield "a run appears twice"
    weights = provenance.get("weights", {})
    yield from _set_partings("digest of weights", set(weights), {f"{cell}/seeds={seed}" for cell, seed in planned})
    commits = {tables["git_commit"], *(job["git_commit"] for job in tables["runs"])}
    yield from (
        f"the commit {commit} is not one" for commit in commits if not re.fullmatch("[0-9a-f]{40}", str(commit))
    )
    with (folder / "summary.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["cell"]: row for row in csv.DictReader(file)}
    yield from _set_partings("cell in summary.csv", set(rows), set(study.cells))
    for name in sorted(set(rows) & set(study.cells)):
        yield from _row_partings(rows[name], study, name)
    yield from _file_partings(folder, provenance.get("files", {}), study)


def _row_partings(row: Mapping[str, str], study: Study, name: str) -> Iterator[str]:
    seeds = sorted(study.seeds[name])
    if sorted(map(int, row["seeds"].split())) != seeds or int(row["n"]) != len(seeds):
        yield f"summary.csv has {row['n']} seeds {row['seeds']} of {name}, and the plan {seeds}"
    settings = study.cells[name].settings()
    for key in SETTINGS:
        told = row[key] if isinstance(settings[key], str) else float(row[key])
        if told != settings[key]:
            yield f"summary.csv has {key} {row[key]} of {name}, and the plan {settings[key]}"


def _file_partings(folder: Path, digests: Mapping[str, str], study: Study) -> Iterator[str]:
    drawn = [*plan.figure_paths(study), *plan.own_figure_paths(study)]
    expected = {Path(path).with_suffix(".png").name for path in drawn} | set(publication.TABLES)
    expected |= set(publication.STUDY_PAGE) & set(digests)  # results that were published before studies had pages
    if study.name == plan.MAIN_STUDY:
        expected |= {Path(page).name for page in publication.PAGES_ON_ALL_STUDIES}
    there = {path.name for path in folder.iterdir() if path.is_file()} - NO_COPIES
    expected |= there & {publication.NETWORKS}
    yield from _set_partings("file", there, expected)
    yield from _set_partings("digest of a file", set(digests), expected)
    for name in sorted(there & set(digests)):
        if files.sha256(folder / name) != digests[name]:
            yield f"{name} is not the file that was published with this provenance"


def _set_partings(what: str, published: set[Any], planned: set[Any]) -> Iterator[str]:
    yield from (f"{what} {each} is published and not planned" for each in sorted(published - planned))
    yield from (f"{what} {each} is planned and not published" for each in sorted(planned - published))
