from __future__ import annotations

import csv
import json
import math

import pandas as pd
import pyarrow as pa
import pytest

from capacity.corpora import corpus
from capacity.evaluation import operands
from capacity.experiment.cell import make_cell
from capacity.experiment.seeds import format_seeds
from capacity.paper.protocol import MLT, SIZES, Size
from capacity.statistics.intervals import wilson
from capacity.storage import json_files, parquet
from capacity.storage.evaluations import write
from capacity.tables import histories, runs
from capacity.tables.frames import read_frame
from capacity.tables.runs import BITS, FACT_BITS, run_rows
from capacity.tables.summary import to_markdown
from tests.support.handmade_results import bits, endpoint, evaluation, frames, history_rows, run, score

PAPER = make_cell("arithmetic", SIZES["n14"])
SHORT = make_cell("arithmetic", SIZES["n28"], iterations=3000)
RECALL = make_cell("facts", SIZES["n14"])
BOTH = make_cell("joint", SIZES["n14"])

# Seen expressions right of 196, held-out ones of 4, and the loss; the run of seed 2 diverged.
FOUR_RUNS = [
    run(PAPER, 0, loss=0.25, seen=196, held_out=4),
    run(PAPER, 1, loss=0.75, seen=195, held_out=2),
    run(PAPER, 2, loss=None, diverged=True, seen=0, held_out=0),
    run(PAPER, 1337, loss=0.5, seen=98, held_out=4),
]


@pytest.fixture(scope="module")
def four():
    """The runs and the one summary row of four runs of a cell."""
    runs, summary = frames([evaluation(PAPER, FOUR_RUNS)])
    assert len(summary) == 1
    return runs, summary.iloc[0]


def test_every_run_has_a_row(four):
    runs, _ = four
    assert runs["seed"].tolist() == [0, 1, 2, 1337]
    assert runs["diverged"].tolist() == [False, False, True, False]
    assert runs["final_seen"].tolist() == [1.0, 195 / 196, 0.0, 0.5]
    assert runs["final_held_out"].tolist() == [1.0, 0.5, 0.0, 1.0]
    assert runs["final_stream_loss"].tolist()[:2] == [0.25, 0.75]
    assert math.isnan(runs["final_stream_loss"][2])


def test_a_cell_is_named_and_described_in_each_row(four):
    row = four[0].iloc[0]
    assert row["cell"] == PAPER.name == "task=arithmetic/size=n14/variant=paper"
    assert (row["task"], row["size"], row["variant"], row["departs"]) == ("arithmetic", "n14", "paper", "")
    assert (row["layers"], row["heads"], row["width"], row["mlp_factor"]) == (1, 1, 14, 1)
    assert (row["iterations"], row["batch"], row["learning_rate"], row["held_out"]) == (30000, 882, 0.01, "57")
    assert row["published"]


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
        assert (row[f"{outcome}_low"], row[f"{outcome}_high"]) == pytest.approx(wilson(2, 4))


def test_a_diverged_run_is_a_failure_whatever_it_answered():
    runs, summary = frames([evaluation(BOTH, [run(BOTH, 0, diverged=True), run(BOTH, 1)])])
    for outcome in ("fits_arithmetic", "fits_facts", "generalizes"):
        assert runs[outcome].tolist() == [False, True]
        assert summary[f"{outcome}_count"].tolist() == [1]


@pytest.mark.parametrize(("seen", "fits"), [(196, True), (195, True), (194, False), (0, False)])
def test_arithmetic_is_fitted_from_99_percent_on(seen, fits):
    runs, _ = frames([evaluation(PAPER, [run(PAPER, 0, seen=seen)])])
    assert runs["fits_arithmetic"].tolist() == [fits]


def test_facts_are_fitted_when_all_are_right_on_the_matched_prompts():
    one = run(RECALL, 0)
    one["final"]["scores"] = {"facts_paper_prompts": score(48, 50), "facts_matched_prompts": score(50, 50)}
    other = run(RECALL, 1)
    other["final"]["scores"] = {"facts_paper_prompts": score(50, 50), "facts_matched_prompts": score(49, 50)}
    runs, _ = frames([evaluation(RECALL, [one, other])])
    assert runs["fits_facts"].tolist() == [True, False]


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


def test_answers_beyond_digits_are_columns_of_runs_and_means_of_cells():
    found = evaluation(PAPER, [run(PAPER, 0), run(PAPER, 1), run(PAPER, 2, diverged=True)])
    groups = operands.groups(operands.expressions())
    for number, one in enumerate(found["runs"]):
        scores = {name: score(min(number, 1) * len(numbers) // 2, len(numbers)) for name, numbers in groups.items()}
        one["operands"] = {"paper_prompts": scores, "trained_offset": scores, "answers": {"<12+5=": "17>"}}
    found["operand_baselines"] = operands.baselines(corpus.build(PAPER))
    runs, summary = frames([found, evaluation(RECALL, [run(RECALL, 0)])])
    arithmetic, facts = (runs[runs["task"] == task] for task in ("arithmetic", "facts"))
    assert arithmetic["final_operands_0_19_beyond_digits"].tolist() == [0.0, 0.5, 0.5]
    assert arithmetic["operands_0_19_beyond_digits_constant"].tolist() == [21 / 600] * 3
    assert summary["final_operands_0_19_beyond_digits_mean"][0] == pytest.approx(1 / 3)
    assert summary["operands_0_19_beyond_digits_zero"][0] == 10 / 600
    for column in (*operands.MEASURES, *operands.BASELINES):
        assert facts[column].isna().all()
    assert math.isnan(summary["final_operands_0_19_beyond_digits_mean"][1])


def test_seeds_that_are_not_wanted_are_left_out():
    rows = run_rows(evaluation(PAPER, FOUR_RUNS), {1, 1337})
    assert [row["seed"] for row in rows] == [1, 1337]


def test_a_score_comes_from_its_own_endpoint():
    one = run(PAPER, 0)
    one["time_average"] = endpoint(PAPER, {"held_out": score(30, 80)}, 0.125) | {"first_iteration": 25250}
    one["paper_best"] = endpoint(PAPER, {"held_out": score(1, 4)}, 1.5) | {"last_iteration": 250}
    row = run_rows(evaluation(PAPER, [one]), {0})[0]
    assert (row["final_held_out"], row["time_average_held_out"], row["paper_best_held_out"]) == (1.0, 0.375, 0.25)
    assert (row["final_stream_loss"], row["time_average_stream_loss"], row["paper_best_stream_loss"]) == (
        0.5,
        0.125,
        1.5,
    )
    assert row["time_average_first_iteration"] == 25250
    assert row["paper_best_last_iteration"] == 250


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
    assert "2 of 4 [0.15, 0.85]" in paper
    assert "0.625 [" in paper
    assert "1 of 1 [0.21, 1.00]" in short


def test_cells_that_depart_alike_share_a_note():
    other = make_cell("arithmetic", SIZES["n56"], iterations=3000)
    unlike = make_cell("arithmetic", Size(1, 1, 20, 1))
    page = to_markdown("A study", frames([evaluation(c, [run(c, 0)]) for c in (SHORT, other, unlike)])[1])
    rows = [line for line in page.splitlines() if line.endswith(("| [1] |", "| [2] |"))]
    assert len(rows) == 2 * 3
    assert [line.split("|")[-2] for line in rows[:3]] == [line.split("|")[-2] for line in rows[3:]]
    assert page.count("Departs from the paper's protocol: iterations 3000 (paper: 30000)") == 1
    assert page.count("Departs from the paper's protocol: size not in the paper") == 1


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


def test_every_run_has_the_bits_of_its_task():
    """100 bits of order; 250 of facts against the list, and 2 and 4 times that against the other codes."""
    runs, _ = frames([evaluation(cell, [run(cell, 0)]) for cell in (PAPER, RECALL, BOTH)])
    arithmetic, facts, joint = (runs[runs["task"] == task].iloc[0] for task in ("arithmetic", "facts", "joint"))
    for row in (arithmetic, facts, joint):
        assert row["order_bits"] == 100
        # (0.75 - 0.25) nats per character of 1,764
        assert row["order_bits_at_most"] == pytest.approx(0.5 / math.log(2) * 1764)
        assert (row["loss_floor_order_unknown"], row["loss_floor_order_known"]) == (0.75, 0.25)
    for row in (arithmetic, joint):
        assert (row["arithmetic_bits_seen"], row["arithmetic_bits_held_out"]) == (600, 6)
    for row in (facts, joint):
        for prompts in ("paper_prompts", "matched_prompts"):
            assert row[f"key_specific_bits_{prompts}"] == 125
            for baseline, value in (("list", 250), ("unigram", 500), ("uniform", 1000)):
                assert row[f"fact_bits_{baseline}_{prompts}"] == value
                assert row[f"fact_bits_{baseline}_{prompts}_per_parameter"] == value / row["parameters"]
    assert arithmetic[list(FACT_BITS)].isna().all()
    assert facts[["arithmetic_bits_seen", "arithmetic_bits_held_out"]].isna().all()


def test_bits_come_from_their_own_prompts():
    one = run(RECALL, 0)
    one["bits"]["facts"] = {
        "paper_prompts": bits(RECALL, memorized=1.0)["facts"]["paper_prompts"],
        "matched_prompts": bits(RECALL, memorized=8.0)["facts"]["paper_prompts"],
    }
    row = run_rows(evaluation(RECALL, [one]), {0})[0]
    assert (row["fact_bits_list_paper_prompts"], row["fact_bits_list_matched_prompts"]) == (1, 8)
    assert (row["key_specific_bits_paper_prompts"], row["key_specific_bits_matched_prompts"]) == (0.5, 4)


def test_bits_are_averaged_over_the_runs_that_did_not_diverge():
    runs = [run(BOTH, seed) for seed in (0, 1)] + [run(BOTH, 2, loss=None, diverged=True)]
    runs[1]["bits"] = bits(BOTH, order=-50.0, explained=300.0, memorized=50.0)
    found, summary = frames([evaluation(BOTH, runs)])
    assert found[list(BITS)].iloc[2].isna().all()
    row = summary.iloc[0]
    assert (row["n"], row["diverged"]) == (3, 1)
    assert row["order_bits_mean"] == 25
    assert row["order_bits_low"] < 25 < row["order_bits_high"]
    assert row["fact_bits_list_matched_prompts_mean"] == 150
    assert row["fact_bits_list_matched_prompts_per_parameter_mean"] == pytest.approx(150 / row["parameters"])
    assert row["arithmetic_bits_seen_mean"] == 450
    assert (row["loss_floor_order_unknown"], row["loss_floor_order_known"]) == (0.75, 0.25)


def test_a_cell_whose_runs_all_diverged_has_no_bits_and_a_page():
    runs = [run(BOTH, seed, loss=None, diverged=True, seen=0, held_out=0, facts=0) for seed in (0, 1)]
    _, summary = frames([evaluation(BOTH, runs)])
    assert summary[[f"{name}_mean" for name in BITS]].isna().all(axis=None)
    page = to_markdown("A study", summary)
    assert "2 (2 diverged)" in page
    assert "| joint | n14 | - | 0.7500 | 0.2500 | - | 1272.5 | - | - | - | - | - |  |" in page


def test_a_stream_without_an_order_has_no_floor_and_no_bits_of_it():
    cell = make_cell("arithmetic", SIZES["n14"], stream="aligned")
    found = evaluation(cell, [run(cell, 0)])
    found["loss_floors"]["order_known"] = None
    found["runs"][0]["bits"]["order"] = None
    runs, summary = frames([found, evaluation(PAPER, [run(PAPER, 0)])])
    aligned = runs[runs["cell"] == cell.name]
    assert aligned[["order_bits", "order_bits_at_most", "loss_floor_order_known"]].isna().all(axis=None)
    assert "| 0.500 | 0.7500 | - | - | - |" in to_markdown("A study", summary)


CONFIG = {
    "budget": "hand",
    "sizes": {"n14": {"layers": 1, "heads": 1, "width": 14, "mlp_factor": 1}},
    "studies": {
        "hand": {
            "title": "By hand",
            "grids": [
                {"task": ["arithmetic"], "size": ["n14"], "seeds": [0, 1337]},
                {"task": ["facts"], "size": ["n14"], "seeds": ["0-1"]},
            ],
        }
    },
    "budgets": {"hand": {"seeds_per_job": 20, "cells": []}},
}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The folder of tables that the stage writes for two jobs of one cell and one of another, seed 2 not wanted."""
    for cell, seeds in ((PAPER, (0, 2)), (PAPER, (1337,)), (RECALL, (0, 1))):
        folder = tmp_path / f"results/cells/{cell.name}/seeds={format_seeds(seeds)}"
        found = evaluation(cell, [run(cell, seed) for seed in seeds])
        write(folder, found)
        history = pa.Table.from_pylist(history_rows(cell, seeds, (0, 15000, 30000)))
        parquet.write_parquet(folder / "history.parquet", history, found["provenance"]["training"])
        json_files.write_json(folder / "run.json", found["provenance"]["training"])
    monkeypatch.chdir(tmp_path)
    make(runs, "tables", monkeypatch)
    make(histories, "tables/history.parquet", monkeypatch)
    return tmp_path / "tables"


def make(stage, output, monkeypatch):
    monkeypatch.setattr("sys.argv", ["stage", "hand", "--config", json.dumps(CONFIG), "--output", output])
    stage.main()


def test_the_stage_writes_one_row_per_wanted_run(written):
    runs = read_frame(written / "runs.parquet")
    assert list(zip(runs["task"], runs["seed"], strict=True)) == [
        ("arithmetic", 0),
        ("arithmetic", 1337),
        ("facts", 0),
        ("facts", 1),
    ]
    assert read_frame(written / "summary.parquet")["n"].tolist() == [2, 2]


def test_the_stage_writes_the_history_of_wanted_runs_only(written):
    history = read_frame(written / "history.parquet")
    assert len(history) == 4 * 3
    assert set(history.loc[history["task"] == "arithmetic", "seed"]) == {0, 1337}
    assert history.loc[history["task"] == "facts", "held_out"].isna().all()
    assert history.loc[history["task"] == "arithmetic", "held_out"].tolist() == [0.0, 0.5, 0.75] * 2


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


@pytest.mark.parametrize("name", ["runs", "summary", "history"])
def test_tables_say_which_runs_they_come_from(written, name):
    record = parquet.provenance_of(parquet.read_parquet(written / f"{name}.parquet"))
    assert [(source["cell"], source["seeds"]) for source in record["runs"]] == [
        (PAPER.name, [0, 2]),
        (PAPER.name, [1337]),
        (RECALL.name, [0, 1]),
    ]
    assert {source["device"] for source in record["runs"]} == {"cpu"}
    how = {(source["precision"], source["compile"], source["graph"]) for source in record["runs"]}
    assert how == {("float32", False, False)}


def test_an_evaluation_that_does_not_fit_is_refused_by_name(written, tmp_path, monkeypatch):
    path = tmp_path / f"results/cells/{RECALL.name}/seeds=0-1/evaluation.json"
    broken = json_files.read_sealed_json(path)
    broken["runs"][0]["final"]["scores"]["facts_paper_prompts"]["fraction"] = 2.0
    json_files.write_sealed_json(path, broken)
    with pytest.raises(ValueError, match=r"seeds=0-1/evaluation\.json.*fraction"):
        make(runs, "tables", monkeypatch)


def test_histories_with_a_column_of_two_types_are_refused_by_file_and_column(written, tmp_path, monkeypatch):
    path = tmp_path / f"results/cells/{PAPER.name}/seeds=1337/history.parquet"
    history = parquet.read_parquet(path)
    place = history.schema.get_field_index("held_out")
    text = history.set_column(place, "held_out", history["held_out"].cast(pa.string()))
    parquet.write_parquet(path, text, parquet.provenance_of(history))
    with pytest.raises(ValueError, match=r"seeds=1337/history\.parquet: the column 'held_out' is string, and double"):
        make(histories, "tables/history.parquet", monkeypatch)


@pytest.mark.parametrize("at_once", [1, 2])
def test_tables_made_a_few_jobs_at_a_time_are_those_made_of_all(written, monkeypatch, at_once):
    """Histories of tasks with other columns meet in one table, and the first piece has not all of them."""
    names = ("runs", "history", "summary")
    whole = [read_frame(written / f"{name}.parquet") for name in names]
    page = (written / "summary.md").read_bytes()
    for most in ("JOBS_AT_ONCE", "ROWS_AT_ONCE"):
        monkeypatch.setattr(runs, most, at_once)
    make(runs, "tables", monkeypatch)
    make(histories, "tables/history.parquet", monkeypatch)
    for before, name in zip(whole, names, strict=True):
        pd.testing.assert_frame_equal(read_frame(written / f"{name}.parquet"), before)
    assert (written / "summary.md").read_bytes() == page
    assert len(list(parquet.read_parquet_pieces(written / "history.parquet"))) == -(-3 // at_once)
