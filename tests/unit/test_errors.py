"""Messages fit a screen and do nothing to a terminal, whatever name or value they quote."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError

from capacity.errors import LONGEST_MESSAGE, MOST_LINES, InputError, is_of_memory, printable
from capacity.storage import parquet


@given(st.text(st.characters(), max_size=200), st.integers(1, 100))
def test_a_message_is_printed_and_fits_whatever_it_quotes(text, times):
    said = str(InputError(text * times))
    assert said.replace("\n", "").isprintable()
    said.encode("utf-8")
    assert said.count("\n") < MOST_LINES
    assert len(printable("x" * times + text * 50)) <= 10 * 1.1 * LONGEST_MESSAGE  # of ten characters for each escape


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("budget: 'é § 数' is not known", "budget: 'é § 数' is not known"),
        ("two\nlines", "two\nlines"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\u202eb\u200bc", "a\\u202eb\\u200bc"),
        ("half \ud800", "half \\ud800"),
        ("tab\tand\r", "tab\\tand\\r"),
    ],
)
def test_what_is_not_printed_is_written_as_an_escape(text, shown):
    assert str(InputError(text)) == shown


def test_of_a_long_message_the_key_and_the_remedy_are_left():
    said = str(InputError("budgets.x.run: " + "name, " * 10_000 + "(did you mean 'base'?)"))
    assert said.startswith("budgets.x.run: name, ")
    assert said.endswith("(did you mean 'base'?)")
    assert " ... " in said
    assert len(said) < LONGEST_MESSAGE
    assert str(InputError("\n".join("abcdefghijklmnopqrstuvwxyz"))).splitlines()[-2:] == ["...", "z"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (pa.ArrowMemoryError("malloc of size 64 failed"), True),
        (pa.ArrowException("Unknown error: Failed to launch worker thread: Resource temporarily unavailable"), True),
        (SafetensorError("Error preparing model: Cannot allocate memory (os error 12)"), True),
        (pa.ArrowInvalid("Parquet magic bytes not found in footer"), False),
        (InputError("the GPU is out of memory: choose another one"), False),
    ],
)
def test_a_file_is_not_called_damaged_for_too_little_memory(tmp_path, monkeypatch, error, expected):
    def fail(*_, **__):
        raise error

    assert is_of_memory(error) == expected
    parquet.write_parquet(tmp_path / "x.parquet", pa.table({"number": [1]}), {})
    monkeypatch.setattr(pq, "ParquetFile", fail)
    with pytest.raises(type(error) if expected else InputError):
        parquet.read_parquet(tmp_path / "x.parquet")
