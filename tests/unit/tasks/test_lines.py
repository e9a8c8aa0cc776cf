from __future__ import annotations

import itertools
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.tasks import lines as tasks_lines
from capacity.tasks.lines import Line, arithmetic_line, corpus

PAPER_FACTS = """
France Paris; the USA Washington DC; Japan Tokyo; Germany Berlin; Italy Rome; Spain Madrid; the UK London;
Canada Ottawa; Australia Canberra; India New Delhi; China Beijing; Russia Moscow; Brazil Brasilia; Mexico Mexico City;
South Korea Seoul; Argentina Buenos Aires; Egypt Cairo; Saudi Arabia Riyadh; Turkey Ankara; Indonesia Jakarta;
Nigeria Abuja; Pakistan Islamabad; Colombia Bogota; Thailand Bangkok; Vietnam Hanoi; the Netherlands Amsterdam;
Belgium Brussels; Sweden Stockholm; Norway Oslo; Denmark Copenhagen; Finland Helsinki; Poland Warsaw; Austria Vienna;
Switzerland Bern; Portugal Lisbon; Greece Athens; Ireland Dublin; New Zealand Wellington; South Africa Pretoria;
Israel Jerusalem; Iran Tehran; Iraq Baghdad; Syria Damascus; Lebanon Beirut; Jordan Amman; Kuwait Kuwait City;
Qatar Doha; Oman Muscat; Bahrain Manama; Zambia Lusaka
"""

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
    lines = corpus(task, held_out, 50, seed)
    text = stream_text(lines)
    for left, right in held_out:
        for prompt in (f"<{left}+{right}=", f"<{right}+{left}=", f"<{left}-{right}=", f"<{right}-{left}="):
            assert prompt not in text


@given(arithmetic_tasks, held_out_sets, st.integers(0, 10**6))
def test_seen_and_held_out_lines_are_all_200_expressions_once(task, held_out, seed):
    lines = [line for line in corpus(task, held_out, 50, seed) if line.task == "arithmetic"]
    seen = expressions([line for line in lines if line.split == "seen"])
    kept_back = expressions([line for line in lines if line.split == "held_out"])
    either_way = held_out | {(right, left) for left, right in held_out}
    assert len(lines) == 200
    assert kept_back == {(left, sign, right) for left, right in either_way for sign in "+-"}
    assert seen | kept_back == {(left, sign, right) for left in range(10) for right in range(10) for sign in "+-"}
    assert not seen & kept_back


@given(arithmetic_tasks, held_out_sets, st.integers(0, 10**6))
def test_every_answer_is_right_and_every_line_has_nine_characters(task, held_out, seed):
    for line in corpus(task, held_out, 50, seed):
        if line.task == "arithmetic":
            left, sign, right, answer = read_expression(line.text)
            assert answer == (left + right if sign == "+" else left - right)
            assert (line.operands, line.answer) == ((left, right), str(answer))
            assert line.operation == {"+": "addition", "-": "subtraction"}[sign]
            assert len(line.text) == 9


@given(st.sampled_from(["arithmetic", "facts", "joint"]), held_out_sets, st.integers(1, 50), st.integers(0, 10**6))
def test_a_line_is_its_prompt_its_answer_and_its_terminator(task, held_out, facts, seed):
    for line in corpus(task, held_out, facts, seed):
        assert line.text.startswith(line.prompt + line.answer + line.terminator)
        assert line.text.count("\n") == 1
        assert line.text.endswith("\n")


@given(st.sampled_from(["arithmetic", "facts", "joint"]), held_out_sets, st.integers(1, 50), st.integers(0, 10**6))
def test_positions_number_the_seen_lines_and_only_those(task, held_out, facts, seed):
    lines = corpus(task, held_out, facts, seed)
    assert [line.position for line in lines if line.split == "seen"] == list(
        range(sum(line.split == "seen" for line in lines))
    )
    assert {line.position for line in lines if line.split == "held_out"} <= {None}


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
    lines = corpus("arithmetic", [(5, 7)], 50, 1337)
    held_out = [line.prompt for line in lines if line.split == "held_out"]
    assert sorted(held_out) == ["<5+7=", "<5-7=", "<7+5=", "<7-5="]
    assert len(lines) - len(held_out) == 196


@pytest.mark.parametrize(("task", "characters"), [("arithmetic", 1764), ("facts", 1547), ("joint", 3311)])
def test_the_stream_has_the_papers_number_of_characters(task, characters):
    assert len(stream_text(corpus(task, [(5, 7)], 50, 1337))) == characters


def test_the_facts_are_the_papers_in_the_papers_order():
    lines = corpus("facts", [(5, 7)], 50, 3)
    said = [line.text.removeprefix("Capital of ").removesuffix(" \n").replace(" is ", " ", 1) for line in lines]
    assert said == " ".join(PAPER_FACTS.split()).split("; ")


@given(st.integers(0, 10**6), st.integers(1, 50))
def test_the_joint_stream_is_the_arithmetic_stream_then_the_facts_in_order(seed, facts):
    joint = stream_text(corpus("joint", [(5, 7)], facts, seed))
    arithmetic = stream_text(corpus("arithmetic", [(5, 7)], 50, seed))
    assert joint == arithmetic + stream_text(corpus("facts", [], facts, 0))


@given(st.integers(0, 10**6), held_out_sets)
def test_the_shuffle_depends_on_the_corpus_seed_alone(seed, held_out):
    first = corpus("arithmetic", held_out, 50, seed)
    before = random.getstate()
    try:
        random.seed(seed + 1)
        moved = random.getstate()
        assert corpus("arithmetic", list(held_out)[::-1], 7, seed) == first
        assert random.getstate() == moved
    finally:
        random.setstate(before)


@given(st.sets(st.integers(0, 10**6), min_size=2, max_size=4))
def test_another_corpus_seed_gives_another_order_of_the_same_lines(seeds):
    orders = {stream_text(corpus("arithmetic", [(5, 7)], 50, seed)) for seed in seeds}
    assert len(orders) == len(seeds)
    assert len({tuple(sorted(order.splitlines())) for order in orders}) == 1


def test_the_shuffle_mixes_the_operations():
    signs = [line.operation for line in corpus("arithmetic", [(5, 7)], 50, 1337)[:196]]
    changes = sum(a != b for a, b in itertools.pairwise(signs))
    assert 60 < changes < 136


def test_two_prompts_of_the_paper_do_not_match_the_training_text():
    lines = corpus("facts", [], 50, 1337)
    differing = {line.prompt: line.paper_prompt for line in lines if line.prompt != line.paper_prompt}
    assert differing == {
        "Capital of the USA is ": "Capital of USA is ",
        "Capital of the UK is ": "Capital of UK is ",
    }


def test_every_matched_prompt_is_in_the_training_text():
    lines = corpus("joint", [(5, 7)], 50, 1337)
    text = stream_text(lines)
    assert all(line.prompt in text for line in lines if line.split == "seen")
    assert [line.paper_prompt for line in lines if line.task == "arithmetic"] == [
        line.prompt for line in lines if line.task == "arithmetic"
    ]


@pytest.mark.parametrize("facts", [0, 51, -1])
def test_a_number_of_facts_that_the_paper_does_not_have_is_refused(facts):
    with pytest.raises(ValueError, match=f"facts: {facts} is not between 1 and 50"):
        tasks_lines.lines("facts", [], facts)
