"""The measures of the dictionary beside the code that computes them."""

from __future__ import annotations

from capacity.dictionary import measures
from capacity.dictionary.column import names
from capacity.evaluation import operands
from capacity.tables import runs
from capacity.tasks.registry import SCORES


def test_every_score_of_every_task_is_described():
    assert list(measures.SCORES) == list(SCORES)
    assert [name for name, questions in measures.SCORES.items() if "that the score" in questions] == []


def test_measures_are_those_that_tables_have():
    assert names(measures.OUTCOMES) == tuple(runs.OUTCOMES)
    assert names(measures.OPERAND_MEASURES) == tuple(operands.MEASURES)
    assert names(measures.OPERAND_BASELINES) == tuple(operands.BASELINES)
    assert names(measures.MEASURES) == runs.MEASURES
