from __future__ import annotations

import itertools
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.corpora import corpus
from capacity.corpora.corpus import corpus_lines
from capacity.evaluation.questions import questions_of
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import RANDOM_FACT_KINDS, SIZES
from capacity.tasks.facts import FACTS
from capacity.tasks.random_facts import random_facts
from capacity.tasks.registry import is_right

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(1, 200), st.integers(2, 9), st.integers(1, 9))
def test_keys_are_distinct_and_all_letters_are_of_the_alphabet(seed, facts, key_length, value_length):
    pairs = random_facts(facts, key_length, value_length, seed)
    assert len({key for key, _ in pairs}) == len(pairs) == facts
    assert {(len(key), len(value)) for key, value in pairs} == {(key_length, value_length)}
    assert set("".join(key + value for key, value in pairs)) <= set(string.ascii_lowercase)


@given(seeds, st.integers(1, 100), st.integers(0, 100))
def test_the_facts_of_a_seed_are_the_first_of_more_of_them(seed, few, more):
    assert random_facts(few + more, 3, 4, seed)[:few] == random_facts(few, 3, 4, seed)


def test_another_seed_has_other_facts():
    first, second = (set(random_facts(1600, 6, 6, seed)) for seed in (0, 1))
    assert not first & second


@pytest.mark.parametrize("place", range(12))
def test_the_letters_at_each_place_are_uniform(place):
    """The statistic of chi-square has 25 degrees of freedom: a mean of 25, and one in a million above 76."""
    counts = Counter((key + value)[place] for key, value in random_facts(10_000, 6, 6, 3))
    expected = 10_000 / 26
    assert sum((counts[letter] - expected) ** 2 / expected for letter in string.ascii_lowercase) < 76


def test_a_value_says_nothing_of_its_key_or_of_its_neighbour():
    """Among 26 x 26 pairs of letters: 675 expected, and a standard deviation of about 37."""
    pairs = random_facts(10_000, 6, 6, 3)
    expected = 10_000 / 26**2
    beside = {
        "the key": Counter((key[0], value[0]) for key, value in pairs),
        "the value before": Counter((first[1][0], second[1][0]) for first, second in itertools.pairwise(pairs)),
        "the letter before": Counter((value[0], value[1]) for _, value in pairs),
    }
    for counts in beside.values():
        every = [counts[first, second] for first in string.ascii_lowercase for second in string.ascii_lowercase]
        assert sum((count - expected) ** 2 / expected for count in every) == pytest.approx(675, abs=6 * 37)


def test_as_many_facts_as_there_are_keys_have_every_key():
    assert sorted(key for key, _ in random_facts(26, 1, 2, 5)) == list(string.ascii_lowercase)
    with pytest.raises(ValueError, match="key_length: 1 makes 26 keys, fewer than 27 facts"):
        random_facts(27, 1, 2, 5)


@pytest.mark.parametrize("kind", RANDOM_FACT_KINDS)
def test_a_random_line_is_asked_for_by_its_key(kind):
    lines = FACTS.lines(facts=30, fact_kind=kind, key_length=4, value_length=7, fact_seed=2)
    between = " " if kind == "synthetic" else ""
    for line, (key, value) in zip(lines, random_facts(30, 4, 7, 2), strict=True):
        assert line.text == f"{key}{between}{value}\n" == line.prompt + line.answer + line.terminator
        assert line.paper_prompt == line.prompt == key + between
        assert is_right(line, f"{value}\nmore")
        assert not is_right(line, f"{value[:-1]}\n")
    assert [question.line for question in questions_of(lines)] == lines * 2


def test_facts_keep_their_places_in_the_text_whatever_the_seed_of_the_corpus():
    first, second = (corpus_lines("facts", [], 20, seed, fact_kind="synthetic", fact_seed=4) for seed in (0, 1))
    assert first == second
    assert [line.position for line in first] == list(range(20))


def test_beside_arithmetic_facts_are_the_same_ones():
    settings = {"fact_kind": "synthetic", "facts": 70}
    joint, alone = (corpus.build(make_cell(task, SIZES["n14"], **settings)) for task in ("joint", "facts"))
    assert [line.text for line in joint if line.task == "facts"] == [line.text for line in alone]
    assert make_cell("joint", SIZES["n14"], **settings).arithmetic_share == 196 / 266


@pytest.mark.parametrize(("kind", "characters"), [("synthetic", 28), ("strings", 27)])
def test_the_vocabulary_is_the_alphabet_and_what_parts_words_and_lines(kind, characters):
    """It decides the number of parameters; by 50 facts of six letters every letter is there, as a rule."""
    for facts in (50, 1600):
        assert len(corpus.vocabulary(corpus.build(make_cell("facts", SIZES["n14"], fact_kind=kind, facts=facts)))) == (
            characters
        )
