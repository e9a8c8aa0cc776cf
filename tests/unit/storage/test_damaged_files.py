"""The files of a job cut, and with bits turned over: found out by name where they are read, or nothing changed.

"Nothing changed" is taken literally: what is read is compared, value by value, with what was written."""

from __future__ import annotations

from random import Random

import pyarrow as pa
import pyarrow.compute
import pytest

from capacity.errors import InputError
from capacity.model import weights
from capacity.storage import evaluations, json_files, parquet
from tests.support.untrained_results import (
    CELL,
    LINES,
    REMEDY,
    SEEDS,
    diverged_stack,
    parameters_as_bytes,
    write_job,
)


def flips(whole: bytes, places):
    """The same bytes with one bit turned over, at each of some places; which bit is drawn, the same in every run."""
    random = Random(0)
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << random.randrange(8)
        yield place, bytes(flipped)


def cuts(whole: bytes):
    """The same bytes cut short: at every place of the first and the last 16, and at 20 places between."""
    for length in sorted({*range(16), *range(len(whole) - 16, len(whole)), *range(0, len(whole), len(whole) // 20)}):
        yield length, whole[:length]


def as_text(table: pa.Table) -> str:
    return repr((table.schema.to_string(), table.to_pydict()))


@pytest.fixture
def job(tmp_path):
    """The folder of a job: its corpus, history, weights and evaluation."""
    folder = tmp_path / f"results/cells/{CELL.name}/seeds=0_7"
    write_job(folder, folder / "corpus.parquet", CELL, LINES, diverged_stack())
    return folder


READERS = {
    "corpus.parquet": lambda path: as_text(parquet.read_parquet(path)),
    "history.parquet": lambda path: as_text(evaluations.read_history(path, CELL.name, SEEDS)),
    "weights.safetensors": lambda path: parameters_as_bytes(weights.load(path, CELL, SEEDS)),
    "evaluation.json": json_files.read_sealed_json,
    "answers.parquet": lambda path: as_text(evaluations.read_answers(path, CELL.name, SEEDS)),
}


@pytest.mark.parametrize("name", READERS)
def test_a_bit_turned_over_is_found_out_or_changes_nothing(job, name):
    path, read = job / name, READERS[name]
    whole, before = path.read_bytes(), read(path)
    places = Random(1).sample(range(len(whole)), min(len(whole), 700))
    said, wrong = [], []
    for place, flipped in flips(whole, places):
        path.write_bytes(flipped)
        try:
            if read(path) != before:
                wrong.append(place)
        except InputError as error:
            said.append(str(error))
    assert wrong == []
    assert len(said) > 0.6 * len(places)
    assert [words for words in said if path.name not in words or REMEDY not in words] == []


@pytest.mark.parametrize("name", READERS)
def test_a_file_cut_anywhere_is_refused_by_name(job, name):
    path, read = job / name, READERS[name]
    whole = path.read_bytes()
    for length, cut in cuts(whole):
        if whole[length:].strip():
            path.write_bytes(cut)
            with pytest.raises(InputError, match=rf"{path.name}.*{REMEDY}"):
                read(path)
