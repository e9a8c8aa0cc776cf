from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.corpora.corpus import corpus_lines
from capacity.tasks.task import Line

digits = st.integers(0, 9)


held_out_sets = st.sets(st.tuples(digits, digits), max_size=55)


arithmetic_tasks = st.sampled_from(["arithmetic", "joint"])


def stream_text(lines: list[Line]) -> str:
    return "".join(line.text for line in lines if line.split == "seen")


@given(st.sampled_from(["arithmetic", "facts", "joint"]), held_out_sets, st.integers(1, 50), st.integers(0, 10**6))
def test_a_line_is_its_prompt_its_answer_and_its_terminator(task, held_out, facts, seed):
    for line in corpus_lines(task, held_out, facts, seed):
        assert line.text.startswith(line.prompt + line.answer + line.terminator)
        assert line.text.count("\n") == 1
        assert line.text.endswith("\n")


@given(st.sampled_from(["arithmetic", "facts", "joint"]), held_out_sets, st.integers(1, 50), st.integers(0, 10**6))
def test_positions_number_the_seen_lines_and_only_those(task, held_out, facts, seed):
    lines = corpus_lines(task, held_out, facts, seed)
    assert [line.position for line in lines if line.split == "seen"] == list(
        range(sum(line.split == "seen" for line in lines))
    )
    assert {line.position for line in lines if line.split == "held_out"} <= {None}


@pytest.mark.parametrize(("task", "characters"), [("arithmetic", 1764), ("facts", 1547), ("joint", 3311)])
def test_the_stream_has_the_papers_number_of_characters(task, characters):
    assert len(stream_text(corpus_lines(task, [(5, 7)], 50, 1337))) == characters


@given(st.integers(0, 10**6), st.integers(1, 50))
def test_the_joint_stream_is_the_arithmetic_stream_then_the_facts_in_order(seed, facts):
    joint = stream_text(corpus_lines("joint", [(5, 7)], facts, seed))
    arithmetic = stream_text(corpus_lines("arithmetic", [(5, 7)], 50, seed))
    assert joint == arithmetic + stream_text(corpus_lines("facts", [], facts, 0))


@given(st.integers(0, 10**6), held_out_sets)
def test_the_shuffle_depends_on_the_corpus_seed_alone(seed, held_out):
    first = corpus_lines("arithmetic", held_out, 50, seed)
    before = random.getstate()
    try:
        random.seed(seed + 1)
        moved = random.getstate()
        assert corpus_lines("arithmetic", list(held_out)[::-1], 7, seed) == first
        assert random.getstate() == moved
    finally:
        random.setstate(before)


@given(st.sets(st.integers(0, 10**6), min_size=2, max_size=4))
def test_another_corpus_seed_gives_another_order_of_the_same_lines(seeds):
    orders = {stream_text(corpus_lines("arithmetic", [(5, 7)], 50, seed)) for seed in seeds}
    assert len(orders) == len(seeds)
    assert len({tuple(sorted(order.splitlines())) for order in orders}) == 1


def test_the_shuffle_mixes_the_operations():
    signs = [line.operation for line in corpus_lines("arithmetic", [(5, 7)], 50, 1337)[:196]]
    changes = sum(a != b for a, b in itertools.pairwise(signs))
    assert 60 < changes < 136


def test_every_matched_prompt_is_in_the_training_text():
    lines = corpus_lines("joint", [(5, 7)], 50, 1337)
    text = stream_text(lines)
    assert all(line.prompt in text for line in lines if line.split == "seen")
    assert [line.paper_prompt for line in lines if line.task == "arithmetic"] == [
        line.prompt for line in lines if line.task == "arithmetic"
    ]
