from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.corpora import corpus
from capacity.corpora.corpus import corpus_lines
from capacity.tasks.vocabulary import Vocabulary

pairs = st.tuples(st.integers(0, 9), st.integers(0, 9))


@pytest.mark.parametrize(("task", "size"), [("arithmetic", 17), ("facts", 51), ("joint", 66)])
def test_sizes_are_the_papers(task, size):
    assert len(corpus.vocabulary(corpus_lines(task, [(5, 7)], 50, 1337))) == size


def test_arithmetic_characters_are_the_papers():
    assert corpus.vocabulary(corpus_lines("arithmetic", [(5, 7)], 50, 1)).characters == "\n +-0123456789<=>"


@given(st.sampled_from(["arithmetic", "facts", "joint"]), st.sets(pairs, max_size=55), st.integers(1, 50))
def test_every_line_survives_the_round_trip(task, held_out, facts):
    lines = corpus_lines(task, held_out, facts, 1337)
    vocabulary = corpus.vocabulary(lines)
    for line in lines:
        numbers = vocabulary.encode(line.text)
        assert vocabulary.decode(numbers) == line.text
        assert all(0 <= number < len(vocabulary) for number in numbers)


@given(st.sets(pairs, max_size=55), st.sets(pairs, max_size=55))
def test_the_vocabulary_does_not_depend_on_what_is_held_out(some, others):
    first, second = (corpus.vocabulary(corpus_lines("joint", held_out, 50, 1)) for held_out in (some, others))
    assert first.characters == second.characters


@given(st.lists(st.text("\n +<azAZ09~éλ漢🂡"), max_size=5))
def test_numbers_follow_code_points_and_cover_every_text(texts):
    vocabulary = Vocabulary(texts)
    assert list(vocabulary.characters) == sorted(set("".join(texts)))
    assert vocabulary.encode(vocabulary.characters) == list(range(len(vocabulary)))
    assert [vocabulary.decode(vocabulary.encode(text)) for text in texts] == texts


def test_an_unknown_character_is_named():
    with pytest.raises(ValueError, match=r"character 'x' of '1x2' is not in the vocabulary '12'"):
        Vocabulary(["12"]).encode("1x2")
