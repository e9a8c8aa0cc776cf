from __future__ import annotations

from collections import Counter

import pytest

from capacity.corpora import corpus
from capacity.evaluation import operands
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import Size
from capacity.tasks.arithmetic import arithmetic_line

CELL = make_cell("arithmetic", Size(1, 1, 8, 1))
SEEDS = (0, 7)
KINDS = {"digits": 200, "beyond_digits": 600, "one_beyond_digits": 400, "both_beyond_digits": 200}


@pytest.fixture(scope="module")
def lines():
    return corpus.build(CELL)


def test_every_sum_and_difference_of_0_to_19_is_asked_once():
    asked = operands.expressions()
    assert len({line.prompt for line in asked}) == len(asked) == 800
    assert Counter(line.operation for line in asked) == {"addition": 400, "subtraction": 400}
    by_prompt = {line.prompt: line.answer for line in asked}
    assert by_prompt["<12+15="] == "27"
    assert by_prompt["<3-19="] == "-16"
    assert by_prompt["<0+0="] == "0"


def test_the_grid_of_digits_is_that_of_the_corpus(lines):
    asked = operands.expressions()
    digits = {asked[number].prompt: asked[number].answer for number in operands.groups(asked)["digits"]}
    assert digits == {line.prompt: line.answer for line in lines}


def test_scores_count_what_their_names_say():
    asked = operands.expressions()
    groups = operands.groups(asked)
    assert {name: len(numbers) for name, numbers in groups.items()} == KINDS | {
        f"{name}_{operation}": total // 2 for name, total in KINDS.items() for operation in ("addition", "subtraction")
    }
    assert asked.index(arithmetic_line(9, "addition", 9)) in groups["digits_addition"]
    assert asked.index(arithmetic_line(9, "addition", 10)) in groups["one_beyond_digits_addition"]
    assert asked.index(arithmetic_line(10, "subtraction", 0)) in groups["one_beyond_digits_subtraction"]
    assert asked.index(arithmetic_line(10, "subtraction", 10)) in groups["both_beyond_digits_subtraction"]
    assert sorted(groups["beyond_digits"]) == sorted(groups["one_beyond_digits"] + groups["both_beyond_digits"])


def test_at_the_trained_offset_the_equals_sign_stands_where_digits_have_it(lines):
    shifted = operands.at_trained_offset(operands.expressions())
    assert {line.prompt.index("=") for line in shifted} == {line.prompt.index("=") for line in lines} == {4}
    assert len({line.prompt for line in shifted}) == len(shifted) == 400
    for line in shifted:  # nothing but the opening bracket is lost
        left, right = line.operands
        sign = "+" if line.operation == "addition" else "-"
        assert line.prompt == f"{left}{sign}{right}="


def test_a_constant_zero_is_right_for_equal_operands(lines):
    """Ten of the hundred differences of two-digit operands: the paper's 100 of 1,000, asked ten times each."""
    zero = operands.baselines(lines)["zero"]
    assert zero["both_beyond_digits_subtraction"] == {"correct": 10, "total": 100, "fraction": 0.1}
    assert zero["digits_subtraction"]["correct"] == 10
    assert zero["digits_addition"]["correct"] == 1
    assert zero["one_beyond_digits"]["correct"] == 0
    assert zero["beyond_digits"]["correct"] == 10


def test_the_best_constant_is_the_most_frequent_answer_and_the_smallest_of_several(lines):
    constant = operands.baselines(lines)["constant"]
    assert constant["digits_addition"] == {"correct": 10, "total": 100, "fraction": 0.1, "answer": 9}
    assert constant["both_beyond_digits_addition"] == {"correct": 10, "total": 100, "fraction": 0.1, "answer": 29}
    # a - b with one operand above 9 is -10 ten times, as 10 is; of beyond_digits too, where 0 is right as often.
    assert constant["one_beyond_digits_subtraction"] == {"correct": 10, "total": 200, "fraction": 0.05, "answer": -10}
    assert constant["beyond_digits_subtraction"]["answer"] == -10


def test_the_nearest_seen_expression_is_by_distance_then_by_operands(lines):
    seen = [line for line in lines if line.split == "seen"]
    asked = [
        arithmetic_line(3, "addition", 4),  # seen itself
        arithmetic_line(5, "addition", 7),  # held out: 4+7, 5+6, 5+8 and 6+7 are as near
        arithmetic_line(12, "addition", 5),  # 9+5
        arithmetic_line(19, "subtraction", 19),  # 9-9
        arithmetic_line(2, "subtraction", 15),  # 2-9
    ]
    assert operands.nearest_seen(asked, seen) == ["7", "11", "14", "0", "-7"]


def test_the_nearest_seen_baseline_knows_the_table_and_nothing_else(lines):
    nearest = operands.baselines(lines)["nearest_seen"]
    assert nearest["digits"]["correct"] == 196
    assert nearest["beyond_digits_addition"]["correct"] == 0
    assert nearest["beyond_digits_subtraction"]["correct"] == 10  # 10-10 to 19-19, taken for 9-9


def test_an_operation_of_which_nothing_is_seen_is_refused_by_name(lines):
    seen = [line for line in lines if line.split == "seen" and line.operation == "addition"]
    with pytest.raises(ValueError, match="no seen subtraction"):
        operands.nearest_seen(operands.expressions(), seen)
