from __future__ import annotations

import math

import pandas as pd
import pytest

from capacity.corpora import corpus
from capacity.dictionary import measures
from capacity.dictionary.column import names
from capacity.evaluation import operands
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import SIZES
from capacity.storage import json_files, parquet
from capacity.tables import runs as runs_module
from capacity.tables.frames import read_frame
from capacity.tables.runs import run_rows
from tests.support.handmade_jobs import JOBS, make_table, origins, write_jobs
from tests.support.handmade_results import FOUR_RUNS, MECHANISM, PAPER, bits, endpoint, evaluation, frames, run, score

RECALL = make_cell("facts", SIZES["n14"])
BOTH = make_cell("joint", SIZES["n14"])


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


def test_seeds_that_are_not_wanted_are_left_out():
    rows = run_rows(evaluation(PAPER, FOUR_RUNS), {1, 1337}, dict.fromkeys((1, 1337), MECHANISM))
    assert [row["seed"] for row in rows] == [1, 1337]


def test_a_score_comes_from_its_own_endpoint():
    one = run(PAPER, 0)
    one["time_average"] = endpoint(PAPER, {"held_out": score(30, 80)}, 0.125) | {"first_iteration": 25250}
    one["paper_best"] = endpoint(PAPER, {"held_out": score(1, 4)}, 1.5) | {"last_iteration": 250}
    row = run_rows(evaluation(PAPER, [one]), {0}, {0: MECHANISM})[0]
    assert (row["final_held_out"], row["time_average_held_out"], row["paper_best_held_out"]) == (1.0, 0.375, 0.25)
    assert (row["final_stream_loss"], row["time_average_stream_loss"], row["paper_best_stream_loss"]) == (
        0.5,
        0.125,
        1.5,
    )
    assert row["time_average_first_iteration"] == 25250
    assert row["paper_best_last_iteration"] == 250


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
    assert arithmetic[list(names(measures.FACT_BITS))].isna().all()
    assert facts[["arithmetic_bits_seen", "arithmetic_bits_held_out"]].isna().all()


def test_bits_come_from_their_own_prompts():
    one = run(RECALL, 0)
    one["bits"]["facts"] = {
        "paper_prompts": bits(RECALL, memorized=1.0)["facts"]["paper_prompts"],
        "matched_prompts": bits(RECALL, memorized=8.0)["facts"]["paper_prompts"],
    }
    row = run_rows(evaluation(RECALL, [one]), {0}, {0: MECHANISM})[0]
    assert (row["fact_bits_list_paper_prompts"], row["fact_bits_list_matched_prompts"]) == (1, 8)
    assert (row["key_specific_bits_paper_prompts"], row["key_specific_bits_matched_prompts"]) == (0.5, 4)


def test_bits_of_whole_lines_are_columns_where_there_are_any():
    one, other = run(RECALL, 0), run(RECALL, 1)
    one["bits"]["lines"] = {"code_length": 7.0, "memorized": {"unigram": 40.0, "uniform": 50.0}}
    runs, _ = frames([evaluation(RECALL, [one, other])])
    assert runs["line_bits_unigram"].tolist()[:1] == [40]
    assert runs["line_bits_uniform_per_parameter"].tolist()[:1] == [50 / runs["parameters"][0]]
    assert runs["line_bits_unigram"].isna().tolist() == [False, True]


def test_what_the_weights_say_is_a_column_of_runs_and_a_mean_of_cells():
    one, other = run(PAPER, 0), run(PAPER, 1)
    one["mechanism"], other["mechanism"] = {"digit_parallelograms": 0.25}, {"digit_parallelograms": 1.0}
    runs, summary = frames([evaluation(PAPER, [one, other]), evaluation(RECALL, [run(RECALL, 0)])])
    assert runs["digit_parallelograms"].tolist()[:2] == [0.25, 1.0]
    assert runs["digit_parallelograms"].isna().tolist() == [False, False, True]
    assert summary["digit_parallelograms_mean"].tolist()[0] == 0.625


def test_weights_of_another_run_than_the_evaluation_are_refused_by_name(written, tmp_path):
    path = tmp_path / f"results/cells/{RECALL.name}/seeds=0-1/mechanism.parquet"
    table = parquet.read_parquet(path)
    record = parquet.provenance_of(table)
    parquet.write_parquet(path, table, record | {"training": record["training"] | {"git_commit": "0" * 40}})
    with pytest.raises(SystemExit, match=r"mechanism\.parquet is of other runs than .*evaluation\.json"):
        make_table("tabulate", "tables")


def test_answers_beyond_digits_are_columns_of_runs_and_means_of_cells():
    evaluated = evaluation(PAPER, [run(PAPER, 0), run(PAPER, 1), run(PAPER, 2, diverged=True)])
    groups = operands.groups(operands.expressions())
    for number, one in enumerate(evaluated["runs"]):
        scores = {name: score(min(number, 1) * len(numbers) // 2, len(numbers)) for name, numbers in groups.items()}
        one["operands"] = {"paper_prompts": scores, "trained_offset": scores, "answers": {"<12+5=": "17>"}}
    evaluated["operand_baselines"] = operands.baselines(corpus.build(PAPER))
    runs, summary = frames([evaluated, evaluation(RECALL, [run(RECALL, 0)])])
    arithmetic, facts = (runs[runs["task"] == task] for task in ("arithmetic", "facts"))
    assert arithmetic["final_operands_0_19_beyond_digits"].tolist() == [0.0, 0.5, 0.5]
    assert arithmetic["operands_0_19_beyond_digits_constant"].tolist() == [21 / 600] * 3
    assert summary["final_operands_0_19_beyond_digits_mean"][0] == pytest.approx(1 / 3)
    assert summary["operands_0_19_beyond_digits_zero"][0] == 10 / 600
    for column in (*operands.MEASURES, *operands.BASELINES):
        assert facts[column].isna().all()
    assert math.isnan(summary["final_operands_0_19_beyond_digits_mean"][1])


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The folder of tables that the command makes of the handmade jobs."""
    write_jobs(tmp_path)
    monkeypatch.chdir(tmp_path)
    make_table("tabulate", "tables")
    return tmp_path / "tables"


def test_the_command_writes_one_row_per_run_of_the_study(written):
    runs = read_frame(written / "runs.parquet")
    assert list(zip(runs["task"], runs["seed"], strict=True)) == [
        ("arithmetic", 0),
        ("arithmetic", 1337),
        ("facts", 0),
        ("facts", 1),
    ]
    assert read_frame(written / "summary.parquet")["n"].tolist() == [2, 2]


@pytest.mark.parametrize("name", ["runs", "summary"])
def test_tables_say_which_runs_they_come_from(written, name):
    record = parquet.provenance_of(parquet.read_parquet(written / f"{name}.parquet"))
    assert origins(record) == [(cell.name, list(seeds)) for cell, seeds in JOBS]
    assert {source["device"] for source in record["runs"]} == {"cpu"}
    how = {(source["precision"], source["compile"], source["graph"]) for source in record["runs"]}
    assert how == {("float32", False, False)}


def test_an_evaluation_that_does_not_fit_is_refused_by_name(written, tmp_path):
    path = tmp_path / f"results/cells/{RECALL.name}/seeds=0-1/evaluation.json"
    broken = json_files.read_sealed_json(path)
    broken["runs"][0]["final"]["scores"]["facts_paper_prompts"]["fraction"] = 2.0
    json_files.write_sealed_json(path, broken)
    with pytest.raises(SystemExit, match=r"error: .*seeds=0-1/evaluation\.json.*fraction"):
        make_table("tabulate", "tables")


@pytest.mark.parametrize("at_once", [1, 2])
def test_tables_made_a_few_rows_at_a_time_are_those_made_of_all(written, monkeypatch, at_once):
    whole = [read_frame(written / f"{name}.parquet") for name in ("runs", "summary")]
    page = (written / "summary.md").read_bytes()
    made = []
    frame_of = runs_module.runs_frame
    monkeypatch.setattr(runs_module, "runs_frame", lambda rows: made.append(len(rows)) or frame_of(rows))
    monkeypatch.setattr(runs_module, "ROWS_AT_ONCE", at_once)
    make_table("tabulate", "tables")
    assert made == [at_once] * (4 // at_once)
    for before, name in zip(whole, ("runs", "summary"), strict=True):
        pd.testing.assert_frame_equal(read_frame(written / f"{name}.parquet"), before)
    assert (written / "summary.md").read_bytes() == page


def test_cells_are_in_the_order_of_the_numbers_in_their_names():
    seeds = (2, 1337, 10)
    cells = [make_cell("arithmetic", SIZES["n14"], initialisation_seed=seed) for seed in seeds]
    runs, summary = frames(evaluation(cell, FOUR_RUNS) for cell in cells)
    ordered = ["2", "10", "1337"]
    assert runs["initialisation_seed"].tolist() == [seed for seed in ordered for _ in FOUR_RUNS]
    assert summary["initialisation_seed"].tolist() == ordered
    assert runs["seed"].tolist() == sorted(run["seed"] for run in FOUR_RUNS) * 3
