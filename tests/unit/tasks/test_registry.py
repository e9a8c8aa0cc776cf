from __future__ import annotations

import importlib
import re

import pytest

from capacity.paper import protocol
from capacity.tasks.registry import PARTS, SCORES, TASKS, is_right
from capacity.tasks.task import Line

SETTINGS = {"held_out": [(5, 7)], "facts": 50}
EVERY = [(task, line) for name, task in PARTS.items() for line in task.lines(**SETTINGS)]


def test_the_first_tasks_are_the_paper_s_in_its_order():
    assert tuple(TASKS)[:3] == protocol.TASKS
    assert {name: TASKS[name].block for name in protocol.TASKS} == protocol.BLOCK
    assert {name: TASKS[name].batch for name in protocol.TASKS} == protocol.BATCH


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_listed_by_its_name_which_fits_into_the_name_of_a_cell(name):
    assert TASKS[name].name == name
    assert re.fullmatch("[a-z]+", name)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_in_the_file_of_its_name(name):
    assert TASKS[name] in vars(importlib.import_module(f"capacity.tasks.{name}")).values()


@pytest.mark.parametrize("name", TASKS)
def test_the_lines_of_a_task_name_the_part_that_they_are_of(name):
    parts = {part.name for part in TASKS[name].parts}
    assert {line.task for line in TASKS[name].lines(**SETTINGS)} == parts <= set(PARTS)


def test_a_line_is_its_prompt_its_answer_and_its_terminator_and_ends_in_its_only_newline():
    for _, line in EVERY:
        assert line.text.startswith(line.prompt + line.answer + line.terminator)
        assert line.text.find("\n") == len(line.text) - 1
        assert line.split in ("seen", "held_out")


def test_the_lines_of_a_task_are_of_the_operations_that_it_declares():
    for task in PARTS.values():
        assert {line.operation for line in task.lines(**SETTINGS)} == set(task.operations)
        assert {line.operands is not None for line in task.lines(**SETTINGS)} == {task.has_operands}


def test_every_declared_score_counts_a_question_and_no_other_does():
    for task in PARTS.values():
        counted = {
            score
            for line in task.lines(**SETTINGS)
            for prompts in task.prompts
            for score in task.scores_of(line, prompts)
        }
        assert counted == set(task.scores)


def test_scores_are_in_the_order_of_the_tables():
    assert SCORES[:13] == (
        *("seen", "seen_addition", "seen_subtraction", "held_out", "held_out_addition", "held_out_subtraction"),
        *("addition_910", "subtraction_910", "addition_1000", "subtraction_1000", "combined_910"),
        *("facts_paper_prompts", "facts_matched_prompts"),
    )


def test_the_rest_of_a_line_answers_its_prompt_within_the_characters_that_are_decoded():
    for task, line in EVERY:
        rest = line.text.removeprefix(line.prompt)
        assert is_right(line, rest)
        assert is_right(line, rest[: task.new_characters])
        assert not is_right(line, "\n" + rest)


def test_a_line_has_a_prompt_of_each_kind():
    line = Line("Capital of the UK is London \n", "the UK", "UK", "London", " \n", "facts", "recall", None, "seen")
    assert (line.prompt_of("paper"), line.prompt_of("matched")) == ("UK", "the UK")
