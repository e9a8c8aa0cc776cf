from __future__ import annotations

import math

import pandas as pd
import pyarrow as pa
import pytest

from capacity.experiment.cell import make_cell
from capacity.paper.protocol import SIZES
from capacity.statistics.intervals import clopper_pearson
from capacity.storage import parquet, provenance
from capacity.tables.dynamics import cell_times, read_by_cell, run_times, survival, to_markdown
from capacity.tables.frames import read_frame, write_frame
from tests.support.commands import run_command
from tests.support.handmade_results import evaluation, frames, history_frame, run

PAPER = make_cell("arithmetic", SIZES["n14"])
SHORT = make_cell("arithmetic", SIZES["n28"], iterations=3000)
RECALL = make_cell("facts", SIZES["n14"])
BOTH = make_cell("joint", SIZES["n14"])


def history(cell, seed, held_out=None, seen=None, facts=None, loss=None, every=10):
    """A run with an evaluation every ten updates, from the right answers at each: of 4, of 100 and of 50."""
    length = len(held_out or facts)
    frame = pd.DataFrame(
        {"cell": cell.name, "task": cell.task, "size": cell.size.name, "variant": cell.variant, "seed": seed},
        index=range(length),
    )
    frame["iteration"] = [every * number for number in range(length)]
    frame["learning_rate"], frame["training_loss"] = 0.01, 0.5
    frame["stream_loss"] = loss or [0.5] * length
    frame["seen"] = [value / 100 for value in seen] if seen else [0.0 if held_out else math.nan] * length
    frame["held_out"] = [value / 4 for value in held_out] if held_out else [math.nan] * length
    frame["facts_matched_prompts"] = [value / 50 for value in facts] if facts else [math.nan] * length
    return frame


def row_of(*args, **kwargs):
    return run_times(history(*args, **kwargs)).iloc[0]


def test_times_are_those_of_the_first_evaluation_that_shows_the_event():
    row = row_of(PAPER, 0, held_out=[0, 2, 4, 4, 4], seen=[0, 98, 99, 100, 98])
    assert (row["t_fit"], row["t_gen"]) == (20, 20)
    assert (row["evaluations"], row["last_iteration"]) == (5, 40)
    assert row["generalizes_ever"]
    assert row["generalizes_final"]
    assert row["kept_share"] == 1.0
    assert pd.isna(row["t_lose"])


def test_a_run_that_gains_and_loses_and_gains_again():
    row = row_of(PAPER, 0, held_out=[0, 4, 4, 3, 4, 4])
    assert (row["t_gen"], row["t_lose"]) == (10, 30)
    assert row["kept_share"] == 3 / 4
    assert row["generalizes_ever"]
    assert row["generalizes_final"]


def test_a_run_that_generalizes_for_a_while_only():
    row = row_of(PAPER, 0, held_out=[0, 0, 4, 4, 1, 0])
    assert (row["t_gen"], row["t_lose"]) == (20, 40)
    assert row["kept_share"] == 1 / 3
    assert row["generalizes_ever"]
    assert not row["generalizes_final"]


def test_what_did_not_come_is_none():
    row = row_of(PAPER, 0, held_out=[0, 3, 2], seen=[0, 50, 98])
    for name in ("t_fit", "t_gen", "t_lose", "kept_share"):
        assert pd.isna(row[name]), name
    assert not row["generalizes_ever"]
    assert not row["generalizes_final"]


def test_all_right_at_the_last_evaluation_leaves_nothing_to_keep():
    row = row_of(PAPER, 0, held_out=[0, 0, 4])
    assert row["t_gen"] == 20
    assert pd.isna(row["t_lose"])
    assert pd.isna(row["kept_share"])
    assert row["generalizes_final"]


def test_the_order_of_the_rows_does_not_matter():
    ordered = history(PAPER, 0, held_out=[0, 4, 4, 1])
    pd.testing.assert_frame_equal(run_times(ordered[::-1]), run_times(ordered))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_diverged_run_keeps_what_it_had_and_does_not_generalize(value):
    row = row_of(PAPER, 0, held_out=[0, 4, 0, 0], loss=[1.0, 0.5, value, value])
    assert row["diverged"]
    assert (row["t_gen"], row["t_lose"]) == (10, 20)
    assert not row_of(PAPER, 0, held_out=[0, 4], loss=[1.0, value])["generalizes_final"]
    assert not row_of(PAPER, 0, held_out=[0, 4, 4], loss=[value, 1.0, 0.5])["diverged"]


def test_what_a_task_does_not_ask_is_none_and_facts_have_a_time_of_their_own():
    runs = run_times(
        pd.concat(
            [
                history(RECALL, 0, facts=[0, 49, 50]),
                history(BOTH, 0, held_out=[0, 4, 0], seen=[0, 0, 99], facts=[0, 0, 49]),
                history(PAPER, 0, held_out=[0, 0, 0], seen=[100, 100, 100]),
            ]
        )
    )
    assert runs["task"].tolist() == ["facts", "joint", "arithmetic"]
    assert runs["t_fit_facts"].tolist() == [20, pd.NA, pd.NA]
    assert runs["t_fit"].tolist() == [pd.NA, 20, 0]
    assert runs["generalizes_ever"].tolist() == [pd.NA, True, False]
    assert runs["generalizes_final"].tolist() == [pd.NA, False, False]


def test_a_history_of_a_study_without_arithmetic_needs_no_columns_of_it():
    frame = history(RECALL, 0, facts=[0, 50]).drop(columns=["seen", "held_out"])
    row = run_times(frame).iloc[0]
    assert row["t_fit_facts"] == 10
    assert pd.isna(row["t_gen"])


def test_no_runs_give_no_rows():
    empty = history(PAPER, 0, held_out=[0])[:0]
    times = run_times(empty)
    assert len(times) == 0
    assert list(times.columns) == list(run_times(history(PAPER, 0, held_out=[0])).columns)


@pytest.fixture(scope="module")
def four():
    """Four runs of a cell, of which one diverged, and one run of facts: the runs, the summary and the cells."""
    runs = run_times(
        pd.concat(
            [
                history(PAPER, 0, held_out=[0, 4, 4, 4, 4], seen=[0, 99, 99, 99, 99]),
                history(PAPER, 1, held_out=[0, 0, 4, 4, 2], seen=[0, 0, 99, 99, 99]),
                history(PAPER, 2, held_out=[0, 0, 0, 0, 0], seen=[0, 0, 0, 0, 99]),
                history(PAPER, 3, held_out=[0, 0, 0, 0, 0], loss=[1.0, 1.0, *[math.nan] * 3]),
                history(RECALL, 0, facts=[0, 0, 0, 50, 50]),
            ]
        )
    )
    made = [run(PAPER, 0), run(PAPER, 1), run(PAPER, 2), run(PAPER, 3, diverged=True)]
    _, summary = frames([evaluation(PAPER, made), evaluation(RECALL, [run(RECALL, 0)])])
    return runs, summary, cell_times(runs, summary)


def test_cells_have_medians_with_censored_runs_counted(four):
    row = four[2].iloc[0]
    assert (row["n"], row["diverged"]) == (4, 1)
    # All held out right: after 10 and 20 updates, and not by 40 in two runs: half of them by 20.
    assert (row["t_gen_count"], row["t_gen_censored"], row["t_gen_median"]) == (2, 2, 20)
    # Fitted: after 10, 20 and 40, and never.
    assert (row["t_fit_count"], row["t_fit_censored"], row["t_fit_median"]) == (3, 1, 20)
    # Kept: 20 updates, and the 30 until the end in a run that lost nothing.
    assert (row["t_lose_count"], row["t_lose_censored"], row["t_lose_median"]) == (1, 1, 20)
    assert (row["generalizes_ever_count"], row["generalizes_final_count"]) == (2, 1)
    assert row["kept_share_mean"] == pytest.approx((1 + 1 / 2) / 2)
    assert pd.isna(row["t_fit_facts_count"])


def test_a_median_that_is_not_reached_is_none(four):
    runs, summary, _ = four
    row = cell_times(runs[runs["seed"] != 0], summary).iloc[0]
    assert (row["n"], row["t_gen_count"], row["t_gen_censored"]) == (3, 1, 2)
    assert math.isnan(row["t_gen_median"])


def test_a_cell_of_facts_has_the_time_of_facts_alone(four):
    row = four[2].iloc[1]
    assert (row["t_fit_facts_count"], row["t_fit_facts_median"]) == (1, 30)
    for name in ("t_fit_count", "t_gen_count", "t_lose_count", "generalizes_ever_count", "kept_share_mean"):
        assert pd.isna(row[name]), name


def test_a_cell_without_runs_is_named_with_none(four):
    runs, summary, _ = four
    cells = cell_times(runs[runs["task"] == "facts"], summary)
    assert cells["n"].tolist() == [0, 1]
    assert cells["t_gen_count"].isna().tolist() == [True, True]
    assert "| arithmetic | n14 | 1,582 | 0 | - | - |" in to_markdown("A study", cells)
    assert cell_times(runs[:0], summary)["n"].tolist() == [0, 0]


def test_the_curve_of_survival_ends_where_the_runs_were_last_seen(four):
    runs = four[0]
    arithmetic = runs[runs["task"] == "arithmetic"]
    curve = survival(arithmetic["t_gen"], arithmetic["last_iteration"])
    assert curve.times == (0, 10, 20, 40)
    assert curve.share == pytest.approx((1, 0.75, 0.5, 0.5))
    assert (curve.events, curve.censored) == (2, 2)


def test_the_page_says_what_was_counted(four):
    page = to_markdown("A study", four[2])
    lines = page.splitlines()
    row = next(line for line in lines if line.startswith("| arithmetic | n14 |"))
    low, high = clopper_pearson(2, 4)
    assert lines[0].startswith("# A study")
    assert "4 (1 diverged)" in row
    assert f"2 of 4 [{low:.3f}, {high:.3f}] | 20 (2 censored)" in row
    assert "| 1 of 2 [" in row
    assert "20 (1 censored) | 75% |" in row
    assert {line.count("|") for line in lines if line.startswith("|")} == {16}


def test_the_page_says_when_a_median_is_not_reached_and_what_departs():
    runs = run_times(history(SHORT, 0, held_out=[0, 0]))
    _, summary = frames([evaluation(SHORT, [run(SHORT, 0)])])
    page = to_markdown("A study", cell_times(runs, summary))
    assert "not reached (1 censored)" in page
    assert "[1] Departs from the paper's protocol: iterations 3000 (paper: 30000)." in page


def test_the_command_writes_three_files_that_agree(tmp_path, four):
    _, summary, _ = four
    frame = pd.concat([history(PAPER, 0, held_out=[0, 4, 2]), history(RECALL, 0, facts=[0, 50, 50])])
    record = provenance.record(
        "histories", {"table": "hand"}, runs=[{"cell": PAPER.name, "seeds": [0], "source_digest": "a"}]
    )
    write_frame(tmp_path / "history.parquet", frame, record)
    write_frame(tmp_path / "summary.parquet", summary, record)
    tables = ["--history", tmp_path / "history.parquet", "--summary", tmp_path / "summary.parquet"]
    run_command("dynamics", *tables, "--title", "By hand", "--output", tmp_path / "made")
    written = read_frame(tmp_path / "made/dynamics.parquet")
    assert written["t_lose"].tolist() == [20, pd.NA]
    text = pd.read_csv(tmp_path / "made/dynamics.csv")
    assert list(text.columns) == list(written.columns)
    assert text["t_gen"].tolist()[0] == 10
    assert (tmp_path / "made/dynamics.md").read_text(encoding="utf-8").startswith("# By hand: ")
    made = parquet.provenance_of(parquet.read_parquet(tmp_path / "made/dynamics.parquet"))
    assert made["stage"] == "dynamics"
    assert made["runs"] == record["runs"]


@pytest.mark.parametrize("rows", [1, 7, 100_000])
def test_runs_are_the_same_however_the_history_is_cut_into_pieces(tmp_path, rows):
    history = history_frame([make_cell("arithmetic", SIZES[name]) for name in ("n14", "n28")], (0, 1, 1337))
    whole = pa.Table.from_pandas(history, preserve_index=False)
    pieces = [whole[first : first + rows] for first in range(0, len(whole), rows)]
    parquet.write_parquet_pieces(tmp_path / "history.parquet", whole.schema, pieces, {})
    times = pd.concat(map(run_times, read_by_cell(tmp_path / "history.parquet")), ignore_index=True)
    pd.testing.assert_frame_equal(times, run_times(history))


def test_a_cell_whose_rows_are_apart_is_refused(tmp_path):
    history = history_frame([make_cell("arithmetic", SIZES[name]) for name in ("n14", "n28")], (0,))
    torn = pa.Table.from_pandas(pd.concat([history, history], ignore_index=True), preserve_index=False)
    pieces = [torn[first : first + 5] for first in range(0, len(torn), 5)]
    parquet.write_parquet_pieces(tmp_path / "history.parquet", torn.schema, pieces, {})
    with pytest.raises(ValueError, match=r"history\.parquet has the rows of task=arithmetic.* in several places"):
        list(read_by_cell(tmp_path / "history.parquet"))
