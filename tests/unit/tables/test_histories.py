from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from capacity.storage import parquet
from capacity.tables import runs as runs_module
from capacity.tables.frames import read_frame
from tests.support.handmade_jobs import JOBS, PAPER, make_table, origins, write_jobs


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The table of histories that the command makes of the handmade jobs."""
    write_jobs(tmp_path)
    monkeypatch.chdir(tmp_path)
    make_table("histories", "history.parquet")
    return tmp_path / "history.parquet"


def test_the_command_writes_the_history_of_the_runs_of_the_study_only(written):
    history = read_frame(written)
    assert len(history) == 4 * 3
    assert set(history.loc[history["task"] == "arithmetic", "seed"]) == {0, 1337}
    assert history.loc[history["task"] == "facts", "held_out"].isna().all()
    assert history.loc[history["task"] == "arithmetic", "held_out"].tolist() == [0.0, 0.5, 0.75] * 2


def test_the_table_says_which_runs_it_comes_from(written):
    record = parquet.provenance_of(parquet.read_parquet(written))
    assert origins(record) == [(cell.name, list(seeds)) for cell, seeds in JOBS]
    assert {source["device"] for source in record["runs"]} == {"cpu"}
    how = {(source["precision"], source["compile"], source["graph"]) for source in record["runs"]}
    assert how == {("float32", False, False)}


def test_histories_with_a_column_of_two_types_are_refused_by_file_and_column(written, tmp_path):
    path = tmp_path / f"results/cells/{PAPER.name}/seeds=1337/history.parquet"
    history = parquet.read_parquet(path)
    place = history.schema.get_field_index("held_out")
    text = history.set_column(place, "held_out", history["held_out"].cast(pa.string()))
    parquet.write_parquet(path, text, parquet.provenance_of(history))
    with pytest.raises(SystemExit, match=r"seeds=1337/history\.parquet: the column 'held_out' is string, and double"):
        make_table("histories", "history.parquet")


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_table_made_a_few_jobs_at_a_time_is_that_made_of_all(written, monkeypatch, at_once):
    """Histories of tasks with other columns meet in one table, and the first piece has not all of them."""
    whole = read_frame(written)
    monkeypatch.setattr(runs_module, "JOBS_AT_ONCE", at_once)
    make_table("histories", "history.parquet")
    pd.testing.assert_frame_equal(read_frame(written), whole)
    assert len(list(parquet.read_parquet_pieces(written))) == -(-3 // at_once)
