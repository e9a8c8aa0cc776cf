from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.experiment.text import first_unreadable, for_command, from_command


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
