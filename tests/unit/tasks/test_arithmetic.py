from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.corpora.corpus import corpus_lines
from capacity.tasks.arithmetic import arithmetic_line
from capacity.tasks.registry import is_right
from capacity.tasks.task import Line

digits = st.integers(0, 9)
held_out_sets = st.sets(st.tuples(digits, digits), max_size=55)
arithmetic_tasks = st.sampled_from(["arithmetic", "joint"])


def read_expression(text: str) -> tuple[int, str, int, int]:
    """Left, sign, right and answer, read from the text alone."""
    match = re.fullmatch(r"<(\d)([+-])(\d)=(-?\d+)> ?\n", text)
    assert match is not None, text
    return int(match[1]), match[2], int(match[3]), int(match[4])


def expressions(lines: list[Line]) -> set[tuple[int, str, int]]:
    return {read_expression(line.text)[:3] for line in lines if line.task == "arithmetic"}


def stream_text(lines: list[Line]) -> str:
    return "".join(line.text for line in lines if line.split == "seen")


@given(arithmetic_tasks, held_out_sets, st.integers(0, 10**6))
def test_a_held_out_expression_is_in_no_training_line(task, held_out, seed):
    lines = corpus_lines(task, held_out, 50, seed)
    text = stream_text(lines)
    for left, right in held_out:
        for prompt in (f"<{left}+{right}=", f"<{right}+{left}=", f"<{left}-{right}=", f"<{right}-{left}="):
            assert prompt not in text


@given(arithmetic_tasks, held_out_sets, st.integers(0, 10**6))
def test_seen_and_held_out_lines_are_all_200_expressions_once(task, held_out, seed):
    lines = [line for line in corpus_lines(task, held_out, 50, seed) if line.task == "arithmetic"]
    seen = expressions([line for line in lines if line.split == "seen"])
    kept_back = expressions([line for line in lines if line.split == "held_out"])
    either_way = held_out | {(right, left) for left, right in held_out}
    assert len(lines) == 200
    assert kept_back == {(left, sign, right) for left, right in either_way for sign in "+-"}
    assert seen | kept_back == {(left, sign, right) for left in range(10) for right in range(10) for sign in "+-"}
    assert not seen & kept_back


@given(arithmetic_tasks, held_out_sets, st.integers(0, 10**6))
def test_every_answer_is_right_and_every_line_has_nine_characters(task, held_out, seed):
    for line in corpus_lines(task, held_out, 50, seed):
        if line.task == "arithmetic":
            left, sign, right, answer = read_expression(line.text)
            assert answer == (left + right if sign == "+" else left - right)
            assert (line.operands, line.answer) == ((left, right), str(answer))
            assert line.operation == {"+": "addition", "-": "subtraction"}[sign]
            assert len(line.text) == 9


def by_expression(lines: list[Line]) -> dict[tuple[int, str, int], int]:
    """The answer of each expression, read from the texts."""
    return {read[:3]: read[3] for read in (read_expression(line.text) for line in lines if line.task == "arithmetic")}


@given(arithmetic_tasks, held_out_sets, st.integers(0, 10**6))
def test_permuted_answers_are_those_of_the_seen_lines_of_an_operation_in_another_place(task, held_out, seed):
    correct, permuted = (corpus_lines(task, held_out, 50, seed, answers=each) for each in ("correct", "permuted"))
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
def test_lines_with_permuted_answers_are_written_and_judged_as_others(task, held_out, seed):
    for line in corpus_lines(task, held_out, 50, seed, answers="permuted"):
        assert line.text.startswith(line.prompt + line.answer + line.terminator)
        assert is_right(line, line.answer + line.terminator)
        if line.task == "arithmetic":
            assert len(line.text) == 9
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
