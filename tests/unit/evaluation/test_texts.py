"""Texts become rows of numbers and come back, and a strange character is refused."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.evaluation.texts import NOTHING, decode, encode_padded
from capacity.tasks.vocabulary import Vocabulary

VOCABULARY = Vocabulary(["a b\n", "ü€𝄞z"])
TEXTS = st.lists(st.text(VOCABULARY.characters, min_size=1, max_size=6), min_size=1, max_size=5)


def test_texts_are_padded_with_zeros():
    numbers, lengths = encode_padded(["b", "a €"], VOCABULARY)
    assert VOCABULARY.characters == "\n abzü€𝄞"
    assert numbers.tolist() == [[3, 0, 0], [2, 1, 6]]
    assert lengths.tolist() == [1, 3]


@given(TEXTS)
def test_rows_are_what_the_vocabulary_says_and_decode_gives_the_texts_back(texts):
    numbers, lengths = encode_padded(texts, VOCABULARY)
    for row, length, text in zip(numbers, lengths, texts, strict=True):
        assert row[:length].tolist() == VOCABULARY.encode(text)
        assert not row[length:].any()
    ended = numpy.where(numpy.arange(numbers.shape[1]) < lengths[:, None], numbers, NOTHING)
    assert decode(numpy.stack([ended, ended[::-1]]), VOCABULARY) == [texts, texts[::-1]]


@pytest.mark.parametrize("strange", ["c", "\x00", "𝄟"])
def test_a_character_that_is_not_in_the_vocabulary_is_refused(strange):
    with pytest.raises(ValueError, match=r"character .* of 'a.*' is not in the vocabulary"):
        encode_padded(["a", f"a{strange}b"], VOCABULARY)
