from __future__ import annotations

import csv
import itertools
import math

import pandas as pd
import pytest

from capacity.experiment.cell import make_cell
from capacity.paper.protocol import MLT, SIZES, Size
from capacity.statistics.intervals import clopper_pearson
from capacity.tables.frames import read_frame
from capacity.tables.runs import BITS
from capacity.tables.summary import to_markdown
from tests.support.handmade_jobs import make_table, write_jobs
from tests.support.handmade_results import FOUR_RUNS, PAPER, bits, evaluation, frames, run

SHORT = make_cell("arithmetic", SIZES["n28"], iterations=3000)
RECALL = make_cell("facts", SIZES["n14"])
BOTH = make_cell("joint", SIZES["n14"])


def test_means_are_over_all_runs(four):
    _, row = four
    assert row["n"] == 4
    assert row["seeds"] == "0 1 2 1337"
    assert row["final_seen_mean"] == pytest.approx((1 + 195 / 196 + 0 + 0.5) / 4)
    assert row["final_held_out_mean"] == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    assert row["time_average_held_out_mean"] == row["paper_best_held_out_mean"] == row["final_held_out_mean"]


def test_a_loss_that_is_not_finite_is_left_out_of_the_mean_loss(four):
    assert four[1]["final_stream_loss_mean"] == pytest.approx(0.5)


def test_intervals_hold_the_mean(four):
    _, row = four
    for measure in ("final_seen", "final_held_out", "time_average_seen", "paper_best_held_out", "final_stream_loss"):
        assert row[f"{measure}_low"] < row[f"{measure}_mean"] < row[f"{measure}_high"]


def test_outcomes_are_counted_with_diverged_runs_as_failures(four):
    runs, row = four
    assert runs["fits_arithmetic"].tolist() == [True, True, False, False]
    assert runs["generalizes"].tolist() == [True, False, False, True]
    assert row["diverged"] == 1
    for outcome in ("fits_arithmetic", "generalizes"):
        assert row[f"{outcome}_count"] == 2
        assert row[f"{outcome}_share"] == 0.5
        assert (row[f"{outcome}_low"], row[f"{outcome}_high"]) == pytest.approx(clopper_pearson(2, 4))


def test_a_task_without_a_score_has_none():
    runs, summary = frames([evaluation(PAPER, [run(PAPER, 0)]), evaluation(RECALL, [run(RECALL, 0), run(RECALL, 1)])])
    arithmetic, facts = (runs[runs["task"] == task] for task in ("arithmetic", "facts"))
    assert facts["final_held_out"].isna().all()
    assert facts["generalizes"].isna().all()
    assert facts["fits_arithmetic"].isna().all()
    assert arithmetic["final_facts_paper_prompts"].isna().all()
    assert arithmetic["fits_facts"].isna().all()
    row = summary[summary["task"] == "facts"].iloc[0]
    for part in ("mean", "low", "high"):
        assert math.isnan(row[f"final_held_out_{part}"])
    assert pd.isna(row["generalizes_count"])
    assert pd.isna(row["generalizes_share"])
    assert row["fits_facts_count"] == 2


def test_one_run_has_a_mean_and_no_interval():
    _, summary = frames([evaluation(PAPER, [run(PAPER, 0, held_out=3)])])
    assert summary["final_held_out_mean"].tolist() == [0.75]
    assert summary["final_held_out_low"].isna().all()
    assert summary["final_held_out_high"].isna().all()


def test_the_summary_has_one_row_per_cell_in_order_of_task_and_parameters():
    cells = [make_cell("joint", MLT), RECALL, PAPER, make_cell("arithmetic", SIZES["n14"], weight_decay=0.1), BOTH]
    # Two jobs for each cell, as a cell has when seeds were added later.
    evaluations = [evaluation(cell, [run(cell, seed)]) for seed in (1, 0) for cell in cells]
    runs, summary = frames(evaluations)
    assert len(runs) == 2 * len(cells)
    assert sorted(summary["cell"]) == sorted(cell.name for cell in cells)
    assert summary["n"].tolist() == [2] * len(cells)
    assert summary["seeds"].tolist() == ["0 1"] * len(cells)
    order = list(zip(summary["task"], summary["parameters"], strict=True))
    assert order == sorted(order)


def test_bits_are_averaged_over_the_runs_that_did_not_diverge():
    runs = [run(BOTH, seed) for seed in (0, 1)] + [run(BOTH, 2, loss=None, diverged=True)]
    runs[1]["bits"] = bits(BOTH, order=-50.0, explained=300.0, memorized=50.0)
    frame, summary = frames([evaluation(BOTH, runs)])
    assert frame[list(BITS)].iloc[2].isna().all()
    row = summary.iloc[0]
    assert (row["n"], row["diverged"]) == (3, 1)
    assert row["order_bits_mean"] == 25
    assert row["order_bits_low"] < 25 < row["order_bits_high"]
    assert row["fact_bits_list_matched_prompts_mean"] == 150
    assert row["fact_bits_list_matched_prompts_per_parameter_mean"] == pytest.approx(150 / row["parameters"])
    assert row["arithmetic_bits_seen_mean"] == 450
    assert (row["loss_floor_order_unknown"], row["loss_floor_order_known"]) == (0.75, 0.25)


def test_the_page_marks_what_departs_from_the_paper():
    evaluations = [evaluation(PAPER, FOUR_RUNS), evaluation(SHORT, [run(SHORT, 0)])]
    page = to_markdown("A study", frames(evaluations)[1])
    lines = page.splitlines()
    paper = next(line for line in lines if line.startswith("| arithmetic | n14 |"))
    short = next(line for line in lines if line.startswith("| arithmetic | n28 |"))
    assert lines[0] == "# A study"
    assert paper.endswith("|  |")
    assert short.endswith("| [1] |")
    assert [line for line in lines if line.startswith("[1]")] == [
        "[1] Departs from the paper's protocol: iterations 3000 (paper: 30000).  "
    ]
    assert "4 (1 diverged)" in paper
    assert "2 of 4 [0.068, 0.932]" in paper
    assert "0.625 [" in paper
    assert "1 of 1 [0.025, 1.000]" in short


def test_cells_that_depart_alike_share_a_note():
    other = make_cell("arithmetic", SIZES["n56"], iterations=3000)
    unlike = make_cell("arithmetic", Size(1, 1, 20, 1))
    page = to_markdown("A study", frames([evaluation(c, [run(c, 0)]) for c in (SHORT, other, unlike)])[1])
    rows = [line for line in page.splitlines() if line.endswith(("| [1] |", "| [2] |"))]
    assert len(rows) == 2 * 3
    assert [line.split("|")[-2] for line in rows[:3]] == [line.split("|")[-2] for line in rows[3:]]
    assert page.count("Departs from the paper's protocol: iterations 3000 (paper: 30000)") == 1
    assert page.count("Departs from the paper's protocol: size not in the paper") == 1


def test_the_axes_that_vary_lead_and_what_all_cells_share_is_said_once():
    sizes, pairs, rates = (SIZES["n14"], SIZES["n28"]), ([(3, 4)], [(2, 9)]), (0.001, 0.01)
    cells = [
        make_cell("arithmetic", size, held_out=pair, learning_rate=rate)
        for size in sizes
        for pair in pairs
        for rate in rates
    ]
    lines = to_markdown("A study", frames([evaluation(cell, [run(cell, 0)]) for cell in cells])[1]).splitlines()
    assert lines[2] == (
        "In every cell: 1 layer, 1 head, MLP factor 1, stream fixed, no weight decay, no dropout, "
        "30,000 updates, batch 882."
    )
    for heading in (line for line in lines if line.startswith("| task")):
        assert heading.startswith("| task | size | held-out pairs | learning rate | ")
    rows = [line for line in lines if line.startswith("| arithmetic")]
    assert len(rows) == 2 * len(cells)
    leading = {tuple(line.split(" | ")[1:4]) for line in rows}
    assert leading == set(itertools.product(("n14", "n28"), ("(3, 4)", "(2, 9)"), ("0.001", "0.01")))


def test_layers_and_width_have_columns_where_a_size_has_no_name_of_its_own():
    cells = [make_cell("arithmetic", Size(layers, 1, width, 1)) for layers in (1, 2) for width in (14, 28)]
    page = to_markdown("A study", frames([evaluation(cell, [run(cell, 0)]) for cell in cells])[1])
    assert "| task | size | layers | width | parameters |" in page
    assert "| arithmetic | l2h1d28m1 | 2 | 28 |" in page


def test_the_paper_s_own_variant_is_not_marked():
    cells = [make_cell("arithmetic", SIZES["n14"], weight_decay=0.1), make_cell("arithmetic", MLT, dropout=0.0)]
    _, summary = frames([evaluation(cell, [run(cell, 0)]) for cell in cells])
    assert summary["published"].all()
    assert "Departs" not in to_markdown("A study", summary)


def test_every_row_of_the_page_has_the_columns_of_its_header():
    evaluations = [evaluation(cell, [run(cell, 0), run(cell, 1)]) for cell in (PAPER, RECALL, BOTH, SHORT)]
    rows = [line for line in to_markdown("A study", frames(evaluations)[1]).splitlines() if line.startswith("|")]
    assert len(rows) == 2 * (2 + 4)
    assert {line.count("|") for line in rows} == {14}


def test_a_cell_whose_runs_all_diverged_has_no_bits_and_a_page():
    runs = [run(BOTH, seed, loss=None, diverged=True, seen=0, held_out=0, facts=0) for seed in (0, 1)]
    _, summary = frames([evaluation(BOTH, runs)])
    assert summary[[f"{name}_mean" for name in BITS]].isna().all(axis=None)
    page = to_markdown("A study", summary)
    assert "2 (2 diverged)" in page
    assert "| joint | n14 | - | 0.7500 | 0.2500 | - | 1272.5 | - | - | - | - | - |  |" in page


def test_a_stream_without_an_order_has_no_floor_and_no_bits_of_it():
    cell = make_cell("arithmetic", SIZES["n14"], stream="aligned")
    evaluated = evaluation(cell, [run(cell, 0)])
    evaluated["loss_floors"]["order_known"] = None
    evaluated["runs"][0]["bits"]["order"] = None
    runs, summary = frames([evaluated, evaluation(PAPER, [run(PAPER, 0)])])
    aligned = runs[runs["cell"] == cell.name]
    assert aligned[["order_bits", "order_bits_at_most", "loss_floor_order_known"]].isna().all(axis=None)
    assert "| 0.500 | 0.7500 | - | - | - |" in to_markdown("A study", summary)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The folder of tables that the command makes of the handmade jobs."""
    write_jobs(tmp_path)
    monkeypatch.chdir(tmp_path)
    make_table("tabulate", "tables")
    return tmp_path / "tables"


def test_the_csv_and_the_parquet_file_of_the_summary_agree(written):
    with (written / "summary.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    summary = read_frame(written / "summary.parquet")
    assert list(rows[0]) == list(summary.columns)
    assert [row["cell"] for row in rows] == summary["cell"].tolist() == [PAPER.name, RECALL.name]
    assert rows[1]["final_seen_mean"] == ""
    assert float(rows[0]["final_seen_mean"]) == summary["final_seen_mean"][0]


def test_the_page_bears_the_title_of_the_study(written):
    assert (written / "summary.md").read_text(encoding="utf-8").startswith("# By hand\n")
