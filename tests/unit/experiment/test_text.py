from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.experiment.text import first_unreadable, for_command, from_command, in_order_of_numbers


@given(st.text())
def test_a_command_reads_the_text_that_it_is_given(text):
    written = for_command(text)
    assert from_command(written) == text
    assert "<" not in written


def test_a_plain_title_is_given_to_a_command_as_it_is():
    assert for_command('It\'s "one" study; of n14 & n28 > 3') == 'It\'s "one" study; of n14 & n28 > 3'
    assert for_command(r"a \u003c b") == r"a \u005cu003c b"


def test_every_character_that_is_accepted_shows_something():
    """By another way: what Unicode says may be ignored has no visible category, or is a mark or filler named so."""
    accepted = [chr(code) for code in range(sys.maxunicode + 1) if first_unreadable(f"a{chr(code)}a") is None]
    assert len(accepted) > 100_000
    assert {unicodedata.category(character)[0] for character in accepted if character != " "} <= set("LMNPS")
    names = [unicodedata.name(character, "") for character in accepted]
    blank = (
        "HANGUL FILLER",
        "JUNGSEONG FILLER",
        "CHOSEONG FILLER",
        "VARIATION SELECTOR",
        "GRAPHEME JOINER",
        "INHERENT",
    )
    assert [name for name in names if any(word in name for word in blank)] == []


@pytest.mark.parametrize("text", ["", "a", "a b", "a  b"])
def test_text_is_accepted(text):
    assert first_unreadable(text) is None


def test_a_text_of_any_length_is_looked_at_in_no_time():
    assert first_unreadable("a" * 100_000_000) is None


def test_texts_are_sorted_by_the_numbers_in_them():
    ordered = [
        "n2/learning_rate-1e-05",
        "n2/learning_rate-0.001",
        "n2/paper",
        "n2_b",
        "n10/paper",
        "n10/seed-2",
        "n10/seed-10",
    ]
    assert sorted(ordered[3:] + ordered[:3], key=in_order_of_numbers) == ordered
    assert sorted(sorted(ordered), key=in_order_of_numbers) == ordered


@given(st.data())
def test_any_texts_have_one_order(data):
    texts = data.draw(st.lists(st.text(st.sampled_from("ab-.e019")), unique=True))
    moved = data.draw(st.permutations(texts))
    assert sorted(texts, key=in_order_of_numbers) == sorted(moved, key=in_order_of_numbers)
