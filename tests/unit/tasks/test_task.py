from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.evaluation.questions import questions_of
from capacity.tasks.arithmetic import ARITHMETIC
from capacity.tasks.facts import FACTS
from capacity.tasks.joint import JOINT

digits = st.integers(0, 9)


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
    of_arithmetic = ("largest_operand", "held_out", "answers", "corpus_seed")
    of_facts = ("facts", "fact_kind", "key_length", "value_length", "fact_seed")
    assert JOINT.axes == (*of_arithmetic, *of_facts, "mixing", "arithmetic_share")
    assert (JOINT.has_operands, ARITHMETIC.has_operands, FACTS.has_operands) == (True, True, False)
    alone = dataclasses.replace(JOINT, parts=(FACTS,))
    assert (alone.axes, alone.has_operands) == (of_facts, False)


@given(st.floats(0.01, 0.99), st.sets(st.tuples(digits, digits), min_size=1, max_size=30), st.integers(1, 50))
def test_lines_are_repeated_equally_often_until_the_share_is_what_was_asked_for(share, held_out, facts):
    settings = {"held_out": held_out, "facts": facts}
    lines = JOINT.lines(**settings, arithmetic_share=share)
    trained = [line for line in lines if line.split == "seen"]
    arithmetic = sum(line.task == "arithmetic" for line in trained)
    assert abs(arithmetic / len(trained) - share) <= 0.01
    times = Counter(lines)
    for task, copies in zip(("arithmetic", "facts"), JOINT.copies(**settings, arithmetic_share=share), strict=True):
        assert {times[line] for line in trained if line.task == task} == {copies}
    assert set(lines) == set(JOINT.lines(**settings))
    assert all(times[line] == 1 for line in lines if line.split == "held_out")


@pytest.mark.parametrize(
    ("share", "copies"), [(0.1, (1, 35)), (0.25, (1, 12)), (0.5, (1, 4)), (0.8, (1, 1)), (0.9, (5, 2)), (None, (1, 1))]
)
def test_as_few_lines_are_repeated_as_it_takes(share, copies):
    assert JOINT.copies(held_out=[(5, 7)], facts=50, arithmetic_share=share) == copies


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_without_one_of_the_tasks_is_refused(share):
    with pytest.raises(ValueError, match=f"arithmetic_share: {share} cannot be had"):
        JOINT.copies(held_out=[(5, 7)], facts=50, arithmetic_share=share)


@given(st.integers(1, 50))
def test_filler_has_the_lengths_of_the_facts_and_nothing_to_ask(facts):
    filler, capitals = (FACTS.lines(facts=facts, fact_kind=kind) for kind in ("filler", "capitals"))
    assert [len(line.text) for line in filler] == [len(line.text) for line in capitals]
    assert set("".join(line.text for line in filler)) == {".", "\n"}
    assert all(line.text == line.prompt + line.answer + line.terminator for line in filler)
    assert questions_of(filler) == []
