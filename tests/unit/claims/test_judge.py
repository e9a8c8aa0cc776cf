from __future__ import annotations

import csv
import shlex

import pandas as pd
import pytest
import yaml

from capacity.claims.beyond_digits import BEYOND_DIGITS
from capacity.claims.outcomes import Outcome
from capacity.claims.page import to_markdown
from capacity.claims.size_trends import ORDER_BITS
from capacity.claims.verdicts import verdicts_table
from capacity.experiment.cell import describe_departures, make_cell
from capacity.paper.protocol import MLT
from capacity.storage import parquet, provenance
from capacity.tables.frames import read_frame, write_frame
from tests.support.commands import run_command
from tests.support.handmade_studies import as_claimed, at, first_seeds, laptop, retrained
from tests.support.handmade_verdicts import CLAIMS, judge, outcomes

ABSENT = {ORDER_BITS: "float64", BEYOND_DIGITS: "float64"}


def test_runs_that_do_as_claimed_replicate_the_first_four_claims(base):
    found = judge(base=base)
    assert outcomes(found) == dict.fromkeys(("C1", "C2", "C3", "C4"), Outcome.REPLICATED) | {
        "C5": Outcome.NOT_RUN,
        "C6": Outcome.NOT_RUN,
        "C7": Outcome.NOT_RUN,
        "C8": Outcome.INCONCLUSIVE,
    }
    assert found["C1"].text == "replicated"
    assert (found["C1"].runs, found["C2"].runs, found["C3"].runs, found["C4"].runs) == (20, 60, 80, 80)
    assert found["C2"].protocol == "the paper's"
    assert found["C1"].sources == ("results/tables/base/runs.parquet",)


def test_what_was_not_run_names_the_command_that_runs_it(base):
    found = judge(base=base)
    assert {name for name, verdict in found.items() if verdict.command} == {"C5", "C6"}
    words = shlex.split(found["C6"].command)
    assert words[:4] == ["snakemake", "results/tables/claims.md", "--config", "budget=laptop"]
    key, _, value = words[4].partition("=")
    assert key == "budgets"
    assert yaml.safe_load(value) == {"laptop": {"run": ["base", "grokking"]}}


@pytest.mark.parametrize("studies", [{}, {"base": pd.DataFrame(), "grokking": pd.DataFrame()}, {"own": "base"}])
def test_without_the_paper_s_cells_every_claim_is_not_run(base, studies):
    """A study of one's own with the same cells has another name, and other conditions that it may depart in."""
    studies = {name: base.iloc[:0] if isinstance(runs, str) else runs for name, runs in studies.items()}
    found = judge(**studies)
    assert set(outcomes(found).values()) == {Outcome.NOT_RUN}
    page = to_markdown(list(found.values()))
    assert page.count("**not run**") == 8
    assert "nan" not in page.lower()
    assert verdicts_table(found.values())["n"].tolist() == [0] * 8


def test_the_stage_writes_verdicts_and_evidence(base, tmp_path):
    path = tmp_path / "base/runs.parquet"
    whole = first_seeds(base, 2).reindex(columns=[*base.columns, ORDER_BITS, BEYOND_DIGITS]).astype(ABSENT)
    write_frame(path, whole, provenance.record("tabulate", {}))
    run_command("claims", "--runs", path, "--budget", "paper", "--output", tmp_path)
    frame = read_frame(tmp_path / "claims.parquet")
    assert frame["claim"].tolist() == CLAIMS
    assert frame["sources"][0] == path.as_posix()
    assert frame["verdict"][0] == "inconclusive (needs 4 more runs of arithmetic n14)"
    assert "budget=paper" in frame["command"][4]
    with (tmp_path / "claims.csv").open(encoding="utf-8", newline="") as file:
        assert [row["verdict"] for row in csv.DictReader(file)] == frame["verdict"].tolist()
    evidence = read_frame(tmp_path / "claims_evidence.parquet")
    with (tmp_path / "claims_evidence.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(evidence)
    assert (tmp_path / "claims.md").read_text(encoding="utf-8").startswith("# Verdicts on the paper's claims\n")
    record = parquet.provenance_of(parquet.read_parquet(tmp_path / "claims.parquet"))
    assert (record["stage"], record["settings"]["budget"]) == ("claims", "paper")


def test_the_stage_runs_without_any_study(tmp_path):
    run_command("claims", "--runs", "--budget", "laptop", "--output", tmp_path)
    assert read_frame(tmp_path / "claims.parquet")["outcome"].tolist() == [Outcome.NOT_RUN] * 8


def test_the_departures_of_handmade_cells_are_those_of_the_tables():
    """What the other tests rest on: a cell that is given another name says how it departs."""
    runs = retrained(as_claimed("base"), laptop)
    cell = make_cell("arithmetic", MLT, **laptop(make_cell("arithmetic", MLT)))
    mine = runs[at(runs, "arithmetic", "mlt")]
    assert mine["cell"].unique().tolist() == [cell.name]
    assert mine["departs"].unique().tolist() == [describe_departures(cell)]
