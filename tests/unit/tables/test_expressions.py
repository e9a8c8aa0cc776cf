from __future__ import annotations

import pyarrow as pa
import pytest

from capacity.experiment.cell import make_cell, parse_cell
from capacity.paper.protocol import SIZES
from capacity.storage import evaluations, parquet
from capacity.tables import expressions, frames
from tests.support.handmade_jobs import make_table, write_job
from tests.support.handmade_results import evaluation, run

PAPER = make_cell("arithmetic", SIZES["n14"])
RECALL = make_cell("facts", SIZES["n14"])
BOTH = make_cell("joint", SIZES["n14"])


def answering(cell, seed, diverged=False, **right):
    """A run that was asked the expressions named, such as ``a1_2`` for 1+2, ``s5_7`` for 5-7, and answered some."""
    one = run(cell, seed, diverged=diverged)
    template = one["answers"][0]
    one["answers"] = [
        template
        | {
            "question_task": "arithmetic",
            "operation": "addition" if name[0] == "a" else "subtraction",
            "prompt": f"<{name[1]}{'+' if name[0] == 'a' else '-'}{name[3]}=",
            "split": "held_out" if {name[1], name[3]} == {"5", "7"} else "seen",
            "right": is_right,
        }
        for name, is_right in right.items()
    ]
    return one


def frame_of(*evaluated):
    """The rows of some evaluations, those of one cell taken together."""
    answers = {}
    for each in evaluated:
        answers.setdefault(each["cell"], []).append(evaluations.split(each)[1])
    made = [expressions.expressions_table(parse_cell(name), pa.concat_tables(parts)) for name, parts in answers.items()]
    return pa.concat_tables(made).to_pandas()


def test_each_expression_of_a_cell_is_counted_over_its_seeds():
    table = frame_of(
        evaluation(PAPER, [answering(PAPER, 0, a1_2=True, s5_7=False), answering(PAPER, 1, a1_2=True, s5_7=True)]),
        evaluation(PAPER, [answering(PAPER, 2, diverged=True, a1_2=False, s5_7=False)]),
        evaluation(BOTH, [answering(BOTH, 0, a1_2=False)]),
    )
    columns = ["task", "operation", "left", "right", "split", "count", "n", "diverged"]
    assert table[columns].values.tolist() == [
        ["arithmetic", "addition", 1, 2, "seen", 2, 3, 1],
        ["arithmetic", "subtraction", 5, 7, "held_out", 1, 3, 1],
        ["joint", "addition", 1, 2, "seen", 0, 1, 0],
    ]
    assert table["share"].tolist() == [2 / 3, 1 / 3, 0.0]


def test_expressions_come_in_the_order_in_which_they_were_asked():
    asked = {
        f"{operation}{left}_{right}": True for operation in "sa" for left in range(9, -1, -1) for right in range(10)
    }
    table = frame_of(evaluation(PAPER, [answering(PAPER, seed, **asked) for seed in range(3)]))
    names = table["operation"].str[0] + table["left"].astype(str) + "_" + table["right"].astype(str)
    assert names.tolist() == list(asked)


def test_facts_have_no_rows_and_no_rows_make_a_table():
    empty = frame_of(evaluation(RECALL, [run(RECALL, 0)]))
    assert len(empty) == 0
    assert list(empty.columns) == list(frame_of(evaluation(PAPER, [answering(PAPER, 0, a1_2=True)])).columns)


def test_a_prompt_that_is_no_expression_is_refused_by_name():
    with pytest.raises(ValueError, match="Capital of"):
        expressions.operands_of("Capital of X is ")


def test_the_command_writes_the_expressions_of_the_runs_of_the_study_with_their_origin(tmp_path, monkeypatch):
    config = {
        "budget": "hand",
        "sizes": {"n14": {"layers": 1, "heads": 1, "width": 14, "mlp_factor": 1}},
        "studies": {
            "hand": {"title": "By hand", "grids": [{"task": ["arithmetic", "facts"], "size": ["n14"], "seeds": [0]}]}
        },
        "budgets": {"hand": {"seeds_per_job": 20, "cells": []}},
    }
    write_job(tmp_path, evaluation(PAPER, [answering(PAPER, 0, a1_2=True), answering(PAPER, 1, a1_2=False)]))
    write_job(tmp_path, evaluation(RECALL, [run(RECALL, 0)]))
    monkeypatch.chdir(tmp_path)
    make_table("expressions", "expressions.parquet", config)
    table = frames.read_frame(tmp_path / "expressions.parquet")
    assert table[["cell", "n", "share"]].values.tolist() == [[PAPER.name, 1, 1.0]]
    record = parquet.provenance_of(parquet.read_parquet(tmp_path / "expressions.parquet"))
    assert [source["cell"] for source in record["runs"]] == [PAPER.name, RECALL.name]
