from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.corpora.corpus import corpus_lines
from capacity.tasks.arithmetic import ARITHMETIC, arithmetic_line
from capacity.tasks.registry import is_right
from capacity.tasks.task import Line

LENGTHS = {9: 9, 10: 12, 12: 12, 19: 12, 23: 12}
"""Characters of a line, by the largest operand."""


def pairs_to(largest: int) -> st.SearchStrategy[tuple[int, set[tuple[int, int]]]]:
    operands = st.integers(0, largest)
    return st.tuples(st.just(largest), st.sets(st.tuples(operands, operands), max_size=55))


held_out_sets = st.sampled_from((9, *LENGTHS)).flatmap(pairs_to)
"""A largest operand, and pairs of operands up to it."""

arithmetic_tasks = st.sampled_from(["arithmetic", "joint"])


def read_expression(text: str) -> tuple[int, str, int, int]:
    """Left, sign, right and answer, read from the text alone."""
    match = re.fullmatch(r"<(\d{1,2})([+-])(\d{1,2})=(-?\d+)> *\n", text)
    assert match is not None, text
    return int(match[1]), match[2], int(match[3]), int(match[4])


def expressions(lines: list[Line]) -> set[tuple[int, str, int]]:
    return {read_expression(line.text)[:3] for line in lines if line.task == "arithmetic"}


def stream_text(lines: list[Line]) -> str:
    return "".join(line.text for line in lines if line.split == "seen")


@given(arithmetic_tasks, held_out_sets, st.integers(0, 10**6))
def test_a_held_out_expression_is_in_no_training_line(task, split, seed):
    largest, held_out = split
    lines = corpus_lines(task, held_out, 50, seed, largest_operand=largest)
    text = stream_text(lines)
    for left, right in held_out:
        for prompt in (f"<{left}+{right}=", f"<{right}+{left}=", f"<{left}-{right}=", f"<{right}-{left}="):
            assert prompt not in text


@given(arithmetic_tasks, held_out_sets, st.integers(0, 10**6))
def test_seen_and_held_out_lines_are_all_expressions_once(task, split, seed):
    largest, held_out = split
    every = corpus_lines(task, held_out, 50, seed, largest_operand=largest)
    lines = [line for line in every if line.task == "arithmetic"]
    seen = expressions([line for line in lines if line.split == "seen"])
    kept_back = expressions([line for line in lines if line.split == "held_out"])
    either_way = held_out | {(right, left) for left, right in held_out}
    operands = range(largest + 1)
    assert len(lines) == 2 * (largest + 1) ** 2
    assert kept_back == {(left, sign, right) for left, right in either_way for sign in "+-"}
    assert seen | kept_back == {(left, sign, right) for left in operands for right in operands for sign in "+-"}
    assert not seen & kept_back


@given(arithmetic_tasks, held_out_sets, st.integers(0, 10**6))
def test_every_answer_is_right_and_every_line_has_the_same_length(task, split, seed):
    largest, held_out = split
    for line in corpus_lines(task, held_out, 50, seed, largest_operand=largest):
        if line.task == "arithmetic":
            left, sign, right, answer = read_expression(line.text)
            assert answer == (left + right if sign == "+" else left - right)
            assert (line.operands, line.answer) == ((left, right), str(answer))
            assert line.operation == {"+": "addition", "-": "subtraction"}[sign]
            assert len(line.text) == LENGTHS[largest]


def by_expression(lines: list[Line]) -> dict[tuple[int, str, int], int]:
    """The answer of each expression, read from the texts."""
    return {read[:3]: read[3] for read in (read_expression(line.text) for line in lines if line.task == "arithmetic")}


@given(arithmetic_tasks, held_out_sets, st.integers(0, 10**6))
def test_permuted_answers_are_those_of_the_seen_lines_of_an_operation_in_another_place(task, split, seed):
    largest, held_out = split
    correct, permuted = (
        corpus_lines(task, held_out, 50, seed, answers=each, largest_operand=largest)
        for each in ("correct", "permuted")
    )
    assert [line.prompt for line in permuted] == [line.prompt for line in correct]
    assert [(line.split, line.position) for line in permuted] == [(line.split, line.position) for line in correct]
    for sign in "+-":
        for split in ("seen", "held_out"):
            of_split = ([line for line in lines if line.split == split] for lines in (correct, permuted))
            mine = [
                {key: answer for key, answer in by_expression(lines).items() if key[1] == sign} for lines in of_split
            ]
            assert sorted(mine[0].values()) == sorted(mine[1].values())
            if split == "held_out":
                assert mine[0] == mine[1]


@given(arithmetic_tasks, held_out_sets, st.integers(0, 10**6))
def test_lines_with_permuted_answers_are_written_and_judged_as_others(task, split, seed):
    largest, held_out = split
    for line in corpus_lines(task, held_out, 50, seed, answers="permuted", largest_operand=largest):
        assert line.text.startswith(line.prompt + line.answer + line.terminator)
        assert is_right(line, line.answer + line.terminator)
        if line.task == "arithmetic":
            assert len(line.text) == LENGTHS[largest]
            assert read_expression(line.text)[3] == int(line.answer)
            assert not is_right(line, f"{int(line.answer) + 1}>")


def test_a_permutation_is_decided_by_the_corpus_seed_and_leaves_few_true_answers():
    true = by_expression(corpus_lines("arithmetic", [(5, 7)], 50, 1))
    drawn = [by_expression(corpus_lines("arithmetic", [(5, 7)], 50, seed, answers="permuted")) for seed in (1, 2, 3)]
    assert drawn[0] == by_expression(corpus_lines("arithmetic", [(5, 7)], 50, 1, answers="permuted"))
    assert len({tuple(each.items()) for each in drawn}) == 3
    kept = [sum(each[key] == answer for key, answer in true.items()) for each in drawn]
    assert all(4 < number < 40 for number in kept)  # 4 held-out ones, and of 196 lines 1 in 15 on average


@pytest.mark.parametrize(
    ("text", "left", "operation", "right"),
    [
        ("<7-7=0> \n", 7, "subtraction", 7),
        ("<1-3=-2>\n", 1, "subtraction", 3),
        ("<7+7=14>\n", 7, "addition", 7),
        ("<0+0=0> \n", 0, "addition", 0),
        ("<0-9=-9>\n", 0, "subtraction", 9),
        ("<9+9=18>\n", 9, "addition", 9),
    ],
)
def test_lines_are_written_as_in_the_paper(text, left, operation, right):
    assert arithmetic_line(left, operation, right).text == text


@pytest.mark.parametrize(
    ("text", "left", "operation", "right"),
    [
        ("<7+7=14>   \n", 7, "addition", 7),
        ("<0-12=-12> \n", 0, "subtraction", 12),
        ("<50+50=100>\n", 50, "addition", 50),
        ("<99+99=198>\n", 99, "addition", 99),
        ("<12-99=-87>\n", 12, "subtraction", 99),
        ("<3-4=-1>   \n", 3, "subtraction", 4),
    ],
)
def test_lines_of_larger_operands_are_padded_to_twelve_characters(text, left, operation, right):
    line = arithmetic_line(left, operation, right, largest_operand=99)
    assert line.text == text
    assert len(line.answer + line.terminator) <= ARITHMETIC.new_characters


def test_the_scores_count_every_expression_of_an_operation_and_those_without_a_zero_at_the_right():
    lines = corpus_lines("arithmetic", [(5, 12)], 50, 1337, largest_operand=12)
    counted = Counter(score for line in lines for score in ARITHMETIC.scores_of(line, "paper"))
    assert (counted["held_out"], counted["seen"]) == (4, 2 * 13**2 - 4)
    assert counted["addition_1000"] == counted["subtraction_1000"] == 13**2
    assert counted["addition_910"] == counted["subtraction_910"] == 13**2 - 12
    assert counted["combined_910"] == 2 * (13**2 - 12)


def test_the_papers_pair_leaves_196_lines_and_holds_out_four():
    lines = corpus_lines("arithmetic", [(5, 7)], 50, 1337)
    held_out = [line.prompt for line in lines if line.split == "held_out"]
    assert sorted(held_out) == ["<5+7=", "<5-7=", "<7+5=", "<7-5="]
    assert len(lines) - len(held_out) == 196


@pytest.mark.parametrize(
    ("line", "continuation", "right"),
    [
        (arithmetic_line(1, "addition", 2), "3> \n", True),
        (arithmetic_line(1, "addition", 2), "3", True),
        (arithmetic_line(1, "addition", 2), "3+1=", True),
        (arithmetic_line(1, "addition", 2), "30> ", False),
        (arithmetic_line(1, "addition", 2), "-3>\n", False),
        (arithmetic_line(1, "addition", 2), " 3> ", False),
        (arithmetic_line(1, "addition", 2), "=3> ", False),
        (arithmetic_line(1, "addition", 2), "> \n3", False),
        (arithmetic_line(1, "addition", 2), "", False),
        (arithmetic_line(5, "addition", 7), "12>\n", True),
        (arithmetic_line(5, "addition", 7), "1> \n", False),
        (arithmetic_line(5, "addition", 7), "123>", False),
        (arithmetic_line(5, "subtraction", 7), "-2>\n", True),
        (arithmetic_line(5, "subtraction", 7), "2> \n", False),
        (arithmetic_line(5, "subtraction", 7), "->\n<", False),
        (arithmetic_line(5, "subtraction", 7), "--2>", False),
        (arithmetic_line(4, "subtraction", 4), "0> \n", True),
    ],
)
def test_right_and_wrong_continuations(line, continuation, right):
    assert is_right(line, continuation) is right
