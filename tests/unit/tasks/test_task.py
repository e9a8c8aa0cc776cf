from __future__ import annotations

import dataclasses

import pytest

from capacity.tasks.arithmetic import ARITHMETIC
from capacity.tasks.facts import FACTS
from capacity.tasks.joint import JOINT


def test_a_task_without_the_score_of_the_paper_s_checkpoint_is_refused():
    with pytest.raises(ValueError, match=r"task 'arithmetic': scores .* lack 'combined_910'"):
        dataclasses.replace(ARITHMETIC, scores=("seen", "held_out"))


def test_a_task_takes_the_settings_that_are_its_axes_and_ignores_others():
    assert FACTS.lines(facts=3, held_out=[(1, 2)]) == FACTS.lines(facts=3)
    assert ARITHMETIC.lines(held_out=[(1, 2)], facts=0) == ARITHMETIC.lines(held_out=[(1, 2)])
    with pytest.raises(TypeError, match="held_out"):
        ARITHMETIC.lines(facts=3)


def test_a_joint_task_has_the_lines_axes_and_operands_of_its_parts():
    parts = ARITHMETIC.lines(held_out=[(5, 7)]) + FACTS.lines(facts=4)
    assert JOINT.lines(held_out=[(5, 7)], facts=4) == parts
    assert JOINT.parts == (ARITHMETIC, FACTS)
    assert JOINT.axes == ("held_out", "answers", "corpus_seed", "facts")
    assert (JOINT.has_operands, ARITHMETIC.has_operands, FACTS.has_operands) == (True, True, False)
    alone = dataclasses.replace(JOINT, parts=(FACTS,))
    assert (alone.axes, alone.has_operands) == (("facts",), False)
