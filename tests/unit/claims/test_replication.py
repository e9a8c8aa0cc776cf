from __future__ import annotations

import csv
from pathlib import Path

import numpy
import pandas as pd
import pytest

from capacity.claims.arms import published_arms
from capacity.claims.published_cells import published_cell
from capacity.claims.replication import replication_table, to_markdown
from capacity.experiment.cell import make_cell
from capacity.paper import published
from capacity.paper.protocol import SIZES
from capacity.statistics.intervals import clopper_pearson
from capacity.storage import parquet, provenance
from capacity.tables.frames import read_frame, write_frame
from tests.support.commands import run_command
from tests.support.handmade_results import asked, endpoint, evaluation, frames, run

N14 = published_cell("arithmetic", "n14", "base")
N14_WD = published_cell("arithmetic", "n14", "wd")
RECALL = published_cell("facts", "n14", "base")
SHORT = make_cell("arithmetic", SIZES["n28"], iterations=3600)


def rng():
    return numpy.random.default_rng(0)


def by_the_paper_s_rule(one, cell, **shares):
    """A run whose best checkpoint has other scores than its end."""
    scores = {name: {"correct": 0, "total": 1, "fraction": share} for name, share in shares.items()}
    one["paper_best"] = endpoint(cell, asked(cell) | scores, 0.4)
    return one


def runs_of(cell, *runs):
    return frames([evaluation(cell, runs)])[0]


@pytest.fixture(scope="module")
def studies():
    best = {"addition_910": 1.0, "subtraction_910": 0.5, "combined_910": 0.75}
    base = [
        by_the_paper_s_rule(run(N14, 1337, loss=0.25, seen=196, held_out=4), N14, **best),
        by_the_paper_s_rule(run(N14, 0, loss=0.75, seen=98, held_out=2), N14, **(best | {"addition_910": 0.5})),
        by_the_paper_s_rule(run(N14, 1, loss=None, diverged=True, seen=0, held_out=0), N14, addition_910=0.0),
    ]
    short = [run(SHORT, 3, held_out=1)]
    facts = [run(RECALL, 1337, facts=5)]
    decayed = [run(N14_WD, seed, held_out=4) for seed in (1337, 0)]
    parts = [evaluation(cell, runs) for cell, runs in ((N14, base), (SHORT, short), (RECALL, facts))]
    return {"base": frames(parts)[0], "weight-decay": runs_of(N14_WD, *decayed)}


@pytest.fixture(scope="module")
def table(studies):
    return replication_table(published_arms(studies), rng())


def row_of(table, task, size, variant="base"):
    (row,) = table[(table["task"] == task) & (table["size"] == size) & (table["variant"] == variant)].to_dict("records")
    return row


def test_every_published_cell_has_a_row_with_the_paper_s_numbers(table):
    assert len(table) == 24
    for row, result in zip(table.to_dict("records"), published.RESULTS, strict=True):
        assert (row["task"], row["size"], row["variant"]) == (result.task, result.size, result.variant)
        for score in ("addition", "subtraction", "facts", "combined"):
            wanted = getattr(result, score)
            assert (pd.isna(row[f"paper_{score}"]) and wanted is None) or row[f"paper_{score}"] == wanted
    assert row_of(table, "arithmetic", "n28")["paper_final_loss"] == 0.605
    assert pd.isna(row_of(table, "arithmetic", "n28", "wd")["paper_final_loss"])


def test_the_paper_s_seed_stands_alone_and_all_seeds_have_an_interval(table):
    row = row_of(table, "arithmetic", "n14")
    assert (row["n"], row["diverged"], row["seeds"]) == (3, 1, "0 1 1337")
    assert row["final_seen_seed_1337"] == 1.0
    assert row["final_seen_mean"] == pytest.approx(0.5)
    assert row["final_held_out_mean"] == pytest.approx(0.5)
    assert row["final_held_out_low"] < 0.5 < row["final_held_out_high"]
    assert row["final_stream_loss_mean"] == pytest.approx(0.5)  # the diverged run has none


def test_the_paper_s_rule_has_its_own_scores(table):
    row = row_of(table, "arithmetic", "n14")
    assert row["paper_best_addition_910_seed_1337"] == 1.0
    assert row["paper_best_addition_910_mean"] == pytest.approx(0.5)
    assert row["paper_best_subtraction_910_mean"] == 0.5
    assert row["paper_best_combined_910_seed_1337"] == 0.75


def test_runs_with_all_held_out_right_are_counted_with_an_exact_interval(table):
    row = row_of(table, "arithmetic", "n14")
    assert row["generalizes_count"] == 1
    assert (row["generalizes_low"], row["generalizes_high"]) == pytest.approx(clopper_pearson(1, 3))
    assert pd.isna(row_of(table, "facts", "n14")["generalizes_count"])
    assert row_of(table, "arithmetic", "n14", "wd")["generalizes_count"] == 2


def test_one_run_that_is_not_the_paper_s_has_a_mean_and_nothing_else(table):
    row = row_of(table, "arithmetic", "n28")
    assert row["n"] == 1
    assert row["final_held_out_mean"] == 0.25
    assert pd.isna([row["final_held_out_seed_1337"], row["final_held_out_low"], row["final_held_out_high"]]).all()


def test_a_departure_is_told_in_words(table):
    assert row_of(table, "arithmetic", "n28")["departs"] == "iterations 3600 (paper: 30000)"
    assert row_of(table, "arithmetic", "n14")["departs"] == ""
    assert row_of(table, "arithmetic", "n14", "wd")["departs"] == ""


def test_a_cell_that_was_not_run_has_no_runs_and_no_numbers_of_ours(table):
    row = row_of(table, "joint", "mlt")
    assert (row["n"], row["diverged"], row["cell"], row["seeds"]) == (0, 0, "", "")
    ours = [name for name in table if name.startswith(("final_", "paper_best_", "generalizes_"))]
    assert pd.isna([row[name] for name in ours]).all()


@pytest.mark.parametrize("studies", [{}, {"base": pd.DataFrame()}, {"own": runs_of(N14, run(N14, 0))}])
def test_without_runs_every_row_says_so(studies):
    table = replication_table(published_arms(studies), rng())
    assert table["n"].tolist() == [0] * 24
    page = to_markdown(table)
    assert page.count("| not run |") == 48
    assert "nan" not in page.lower().replace("nanogpt", "")


def test_of_several_cells_the_one_closest_to_the_paper_stands_for_it():
    shorter = make_cell("arithmetic", SIZES["n14"], iterations=3600)
    farther = make_cell("arithmetic", SIZES["n14"], iterations=3600, batch=32)
    other = make_cell("arithmetic", SIZES["n14"], weight_decay=0.3)
    cells = [farther, other, shorter]
    base = frames([evaluation(cell, [run(cell, 0)]) for cell in cells])[0]
    found = published_arms({"base": base})["arithmetic", "n14", "base"]
    assert found.runs["cell"].tolist() == [shorter.name]
    both = frames([evaluation(cell, [run(cell, 0)]) for cell in (*cells, N14)])[0]
    found = published_arms({"base": both})["arithmetic", "n14", "base"]
    assert (found.runs["cell"].tolist(), found.departs) == ([N14.name], "")


def test_a_run_that_two_studies_share_counts_once():
    twice = pd.concat([runs_of(N14, run(N14, 0)), runs_of(N14, run(N14, 0))], ignore_index=True)
    assert len(published_arms({"base": twice})["arithmetic", "n14", "base"].runs) == 1


def test_the_page_sets_the_paper_beside_us(table):
    page = to_markdown(table)
    rule, final = page.split("## At the final iterate")
    (line,) = [line for line in rule.splitlines() if line.startswith("| arithmetic | n14 | base |")]
    assert "3 (1 diverged)" in line
    assert "| 1.000 / 1.000 / 0.500 [" in line
    (line,) = [line for line in final.splitlines() if line.startswith("| arithmetic | n14 | base |")]
    assert "| 1 of 3 [0.008, 0.906] |" in line
    assert "| 0.746 / 0.250 / 0.500 [" in line
    (line,) = [line for line in final.splitlines() if line.startswith("| arithmetic | n28 | base |")]
    assert "| - / 0.250 |" in line
    assert line.endswith("| [1] |")
    (line,) = [line for line in rule.splitlines() if line.startswith("| facts | n14 | base |")]
    assert "| 0.082 / 0.100 / 0.100 |" in line
    assert "[1] Departs from the paper's protocol: iterations 3600 (paper: 30000)." in page


def test_every_row_of_the_page_has_the_columns_of_its_header(table):
    for part, columns in zip(to_markdown(table).split("## ")[1:], (9, 11), strict=True):
        rows = [line for line in part.splitlines() if line.startswith("|")]
        assert len(rows) == 2 + 24
        assert {line.count("|") for line in rows} == {columns + 1}


def test_the_stage_writes_the_table_in_three_forms(studies, tmp_path):
    paths = []
    for study, runs in studies.items():
        paths.append(tmp_path / f"{study}/runs.parquet")
        write_frame(paths[-1], runs, provenance.record("tabulate", {}))
    run_command("replication", "--runs", *paths, "--output", tmp_path)
    frame = read_frame(tmp_path / "replication.parquet")
    assert row_of(frame, "arithmetic", "n14")["n"] == 3
    with Path(tmp_path / "replication.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 24
    assert (tmp_path / "replication.md").read_text(encoding="utf-8") == to_markdown(frame)
    record = parquet.provenance_of(parquet.read_parquet(tmp_path / "replication.parquet"))
    assert record["stage"] == "replication"
    assert record["settings"]["runs"] == [path.as_posix() for path in paths]


def test_the_stage_runs_without_any_study(tmp_path):
    run_command("replication", "--runs", "--output", tmp_path)
    assert read_frame(tmp_path / "replication.parquet")["n"].sum() == 0
