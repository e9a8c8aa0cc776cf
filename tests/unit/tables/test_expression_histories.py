from __future__ import annotations

import math

import numpy
import pandas as pd
import pyarrow as pa
import pytest

from capacity.errors import InputError
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import SIZES
from capacity.storage import evaluations, parquet
from capacity.tables import expression_histories, frames
from tests.support.handmade_jobs import CONFIG, JOBS, PAPER, make_table, write_jobs
from tests.support.handmade_results import evaluation, run

BOTH = make_cell("joint", SIZES["n14"])
TIMES = (0, 250, 500, 600)


def asked(*questions):
    """The answers of a run that was asked some questions: prompts of expressions, and ``fact``."""
    one = run(BOTH, 7)
    template = one["answers"][0]
    one["answers"] = [
        template | {"question_task": "facts", "operation": "recall", "prompt": "Capital of X is "}
        if prompt == "fact"
        else template
        | {"prompt": prompt, "operation": "subtraction" if "-" in prompt else "addition"}
        | {"split": "held_out" if "5" in prompt else "seen"}
        for prompt in questions
    ]
    return evaluations.split(evaluation(BOTH, [one]))[1]


def rows_of(digits, answers, diverged_at=None, times=TIMES):
    history = pa.table({"iteration": times, "questions_right": digits})
    return expression_histories.expression_histories_table(BOTH, 7, history, answers, diverged_at).to_pandas()


def test_each_expression_has_its_first_time_share_changes_and_end():
    """0110 comes and goes, 0000 never comes, 1111 is always there, 0101 comes twice; a fact has no row."""
    rows = rows_of(["00010", "10011", "11010", "00111"], asked("<1+2=", "<5-7=", "fact", "<3+4=", "<7-5="))
    assert rows["answered"].tolist() == ["0110", "0010", "1111", "0101"]
    assert rows[["operation", "left", "right", "split"]].values.tolist() == [
        ["addition", 1, 2, "seen"],
        ["subtraction", 5, 7, "held_out"],
        ["addition", 3, 4, "seen"],
        ["subtraction", 7, 5, "held_out"],
    ]
    assert rows["first_answered"].tolist() == [250, 500, 0, 250]
    assert rows["answered_share"].tolist() == [0.5, 0.25, 1, 0.5]
    assert rows["changes"].tolist() == [2, 2, 0, 3]
    assert rows["last_change"].fillna(-1).tolist() == [600, 600, -1, 600]
    assert rows["answered_at_end"].tolist() == [False, False, True, True]
    assert set(rows["evaluations"]) == {4}
    assert set(rows["seed"]) == {7}
    assert rows["diverged_at"].isna().all()


def test_an_expression_that_is_never_answered_has_no_times():
    (row,) = rows_of(["0"] * 4, asked("<5+7="), diverged_at=300).to_dict("records")
    assert math.isnan(row["first_answered"])
    assert math.isnan(row["last_change"])
    assert (row["answered_share"], row["changes"], row["answered_at_end"], row["diverged_at"]) == (0, 0, False, 300)


def test_evaluations_are_put_in_order_and_a_single_one_has_no_change():
    (row,) = rows_of(["1", "0", "0", "1"], asked("<5+7="), times=(600, 0, 250, 500)).to_dict("records")
    assert (row["answered"], row["first_answered"], row["last_change"]) == ("0011", 500, 500)
    (row,) = rows_of(["1"], asked("<5+7="), times=(0,)).to_dict("records")
    assert (row["answered"], row["first_answered"], row["changes"]) == ("1", 0, 0)
    assert math.isnan(row["last_change"])


def test_the_summary_agrees_with_counting_one_evaluation_after_the_other():
    rng = numpy.random.default_rng(0)
    right = rng.random((30, 50)) < rng.random(50)
    times = numpy.cumsum(rng.integers(1, 9, 30))
    columns = expression_histories.changes_of(right, times)
    for number, column in enumerate(right.T.tolist()):
        first = last = None
        changes = 0
        for place, answered in enumerate(column):
            if answered and first is None:
                first = float(times[place])
            if place and answered != column[place - 1]:
                changes, last = changes + 1, float(times[place])
        assert columns["first_answered"][number].as_py() == first
        assert columns["last_change"][number].as_py() == last
        assert columns["changes"][number] == changes
        assert columns["answered"][number] == "".join("1" if each else "0" for each in column)


@pytest.mark.parametrize("text", ["0", "000", "0x", "", "²1"])
def test_digits_that_are_not_those_of_the_questions_are_refused(text):
    with pytest.raises(ValueError, match=r"evaluation 1 of the history says .* of 2 questions"):
        expression_histories.questions_right(["01", text], 2)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("operation", "x", "operation 'x'"), ("answered", "01x", "'01x' of 3"), ("answered", "01", "'01' of 3")],
)
def test_a_table_whose_values_cannot_be_drawn_is_refused_by_what_is_wrong(column, value, said):
    row = {"operation": "addition", "answered": "011", "evaluations": 3}
    good = pd.DataFrame([row, row])
    assert expression_histories.checked_histories(good) is good
    with pytest.raises(InputError, match=said):
        expression_histories.checked_histories(pd.DataFrame([row, row | {column: value}]))


def test_the_command_writes_the_runs_of_the_study_and_where_they_come_from(tmp_path, monkeypatch):
    write_jobs(tmp_path)
    monkeypatch.chdir(tmp_path)
    make_table("expression-histories", "table.parquet", CONFIG)
    table = frames.read_frame(tmp_path / "table.parquet")
    assert table[["cell", "seed", "answered", "first_answered"]].values.tolist() == [
        [PAPER.name, 0, "011", 15000],
        [PAPER.name, 1337, "011", 15000],
    ]
    record = parquet.provenance_of(parquet.read_parquet(tmp_path / "table.parquet"))
    assert [source["cell"] for source in record["runs"]] == [cell.name for cell, _ in JOBS]


def test_a_history_of_other_questions_than_the_answers_is_refused_by_name(tmp_path, monkeypatch):
    write_jobs(tmp_path)
    path = tmp_path / f"results/cells/{PAPER.name}/seeds=0_2/history.parquet"
    history = parquet.read_parquet(path)
    place = history.schema.get_field_index("questions_right")
    history = history.set_column(place, "questions_right", pa.array(["011"] * len(history)))
    parquet.write_parquet(path, history.replace_schema_metadata(None), parquet.read_provenance(path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"history\.parquet, seed 0: evaluation 0 of the history says '011' of 1"):
        make_table("expression-histories", "table.parquet", CONFIG)
    assert not (tmp_path / "table.parquet").exists()
