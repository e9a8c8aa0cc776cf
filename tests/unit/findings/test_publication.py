from __future__ import annotations

import pandas as pd
import pytest

from capacity.errors import InputError
from capacity.experiment.cell import make_cell
from capacity.experiment.grid import Study
from capacity.findings import publication
from capacity.model import weights
from capacity.paper.protocol import SIZES
from capacity.storage import files, json_files, records
from capacity.tables import frames
from tests.support.untrained_runs import run_parameters, write_run

CELL = make_cell("facts", SIZES["n14"])
RECORD = {"stage": "tables", "git_commit": "0" * 40}


@pytest.fixture
def root(tmp_path):
    """Results of one cell of facts: each file holds its own path."""
    results = tmp_path / "results"
    names = [f"figures/{folder}{figure}.png" for folder in ("base/", "own/") for figure in ("tradeoff", "facts")]
    names += [f"tables/{study}/{name}" for study in ("base", "own") for name in publication.TABLES]
    names += [f"studies/{study}/{name}" for study in ("base", "own") for name in publication.STUDY_PAGE]
    for name in [
        *names,
        "tables/claims.md",
        "tables/replication.md",
        "figures/replication.png",
        "findings.md",
        "methods.md",
        "explorer.html",
    ]:
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text(name)
    for study in ("base", "own"):
        frames.write_frame(results / "tables" / study / "summary.parquet", pd.DataFrame({"n": [1]}), RECORD)
    json_files.write_json(results / "cells" / CELL.name / "seeds=3/timing.json", {"wall_seconds": 1.5})
    write_run(results, CELL, [3])
    return tmp_path


def study(name):
    return Study(name, "A title", {CELL.name: CELL}, {CELL.name: (3,)})


def test_the_main_study_is_published_with_the_verdicts_and_the_findings(root):
    written = publication.publish(study("base"), root, root / "docs")
    names = {path.name for path in written}
    assert names >= {"tradeoff.png", "summary.md", "claims.md", "findings.md", "methods.md", "explorer.html"}
    assert (root / "docs/findings.md").read_text() == "findings.md"
    assert (root / "docs/claims.md").read_text() == "tables/claims.md"
    found = json_files.read_json(root / "docs/provenance.json")
    copies = [path for path in (root / "docs").iterdir() if path.name != "provenance.json"]
    assert found == {
        "tables": RECORD,
        "training": {f"{CELL.name}/seeds=3": {"wall_seconds": 1.5}},
        "weights": {f"{CELL.name}/seeds=3": weights.checksum(run_parameters(CELL, [3]))},
        "files": {path.name: files.sha256(path) for path in copies},
    }


@pytest.mark.parametrize("name", ["tables/base/summary.csv", "tables/base/summary.parquet", "figures/base/facts.png"])
def test_a_file_that_has_changed_since_it_was_made_is_not_published(root, name):
    path = root / "results" / name
    record = path.with_name("facts.json" if path.suffix == ".png" else "runs.json")
    made = [path] if path.suffix == ".png" else [path.with_name(f"summary.{kind}") for kind in ("md", "csv", "parquet")]
    records.write_record(record, {"stage": "x", "settings": {}}, made)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(InputError, match=rf"{path.name} has changed since"):
        publication.publish(study("base"), root, root / "docs")


def test_the_page_of_a_study_links_to_what_is_published_beside_it(root):
    page = root / "results/studies/own/index.md"
    page.write_text(
        "![tradeoff](../../figures/own/tradeoff.png) [summary](../../tables/own/summary.md) [data](answer.json)\n"
        "\\[a title\\](../../not/a/link.md)\n"
    )
    publication.publish(study("own"), root, root / "docs")
    published = (root / "docs/index.md").read_text()
    assert published == (
        "![tradeoff](tradeoff.png) [summary](summary.md) [data](answer.json)\n\\[a title\\](../../not/a/link.md)\n"
    )
    assert json_files.read_json(root / "docs/provenance.json")["files"]["index.md"] == files.sha256(
        root / "docs/index.md"
    )
    assert page.read_text() != published


def test_another_study_is_published_alone(root):
    publication.publish(study("own"), root, root / "docs")
    names = {path.name for path in (root / "docs").iterdir()}
    assert names == {"tradeoff.png", "facts.png", *publication.TABLES, *publication.STUDY_PAGE, "provenance.json"}
    assert (root / "docs/tradeoff.png").read_text() == "figures/own/tradeoff.png"
