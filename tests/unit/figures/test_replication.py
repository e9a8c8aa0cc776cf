from __future__ import annotations

import numpy
import pandas as pd
import pytest

from capacity.claims.arms import published_arms
from capacity.claims.published_cells import published_cell
from capacity.claims.replication import replication_table
from capacity.dictionary.verdicts import REPLICATION
from capacity.figures import replication, style
from capacity.storage import provenance
from capacity.tables import frames as tables
from tests.support.commands import run_command
from tests.support.handmade_figures import visible_axes
from tests.support.handmade_results import evaluation, frames, run

N14 = published_cell("arithmetic", "n14", "base")
RECALL = published_cell("facts", "n28", "base")
N14_WD = published_cell("arithmetic", "n14", "wd")


def table_of(*cells_and_runs):
    parts = [evaluation(cell, runs) for cell, runs in cells_and_runs]
    runs = {"base": frames(parts)[0]} if parts else {}
    return replication_table(published_arms(runs), numpy.random.default_rng(0))


@pytest.fixture(scope="module")
def table():
    arithmetic = [
        run(N14, seed, seen=196, held_out=held_out, loss=0.7) for seed, held_out in ((1337, 4), (0, 2), (1, 0))
    ]
    return table_of((N14, arithmetic), (RECALL, [run(RECALL, 1337, facts=40, loss=0.5)]))


def drawn(table):
    with style.styled():
        return replication.draw(table)


def marks(axis, marker):
    return [line.get_xdata().tolist()[0] for line in axis.lines if line.get_marker() == marker]


def test_each_cell_that_was_run_has_a_row_with_its_runs_and_no_other_has_one(table):
    labels = [label.get_text() for label in visible_axes(drawn(table))[0].get_yticklabels()]
    assert labels == ["arithmetic, n14, n = 3", "facts, n28, n = 1"]


def test_each_panel_shows_the_number_of_the_paper_our_mean_its_interval_and_the_run_of_the_paper_s_seed(table):
    rows = table[table["n"] > 0].reset_index(drop=True)
    panels = visible_axes(drawn(table))
    assert [axis.get_xlabel() for axis in panels] == [label for _, _, label in replication.PANELS.values()]
    for axis, (paper, ours, _) in zip(panels, replication.PANELS.values(), strict=True):
        for marker, column in (("D", paper), ("o", f"{ours}_mean"), ("|", f"{ours}_seed_1337")):
            numpy.testing.assert_equal(marks(axis, marker), rows[column].tolist())
        intervals = [line.get_xdata().tolist() for line in axis.lines if len(line.get_xdata()) == 2]
        several = rows[rows[f"{ours}_low"].notna()]
        assert intervals == several[[f"{ours}_low", f"{ours}_high"]].to_numpy().tolist()


def test_a_cell_that_departs_is_hollow_and_said_to_be_another_recipe(table):
    departing = table.assign(departs=table["departs"].where(table["task"] != "arithmetic", "half the updates"))
    figure = drawn(departing)
    faces = [line.get_markerfacecolor() for line in visible_axes(figure)[0].lines if line.get_marker() == "o"]
    assert faces[0] == "white"
    assert faces[1] != "white"
    assert visible_axes(figure)[0].get_yticklabels()[0].get_text().startswith("arithmetic, n14†")
    assert "† Hollow: not the paper's protocol" in figure.get_supxlabel()
    assert "another recipe" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert "another recipe" not in [text.get_text() for text in drawn(table).legends[0].get_texts()]


def test_the_note_counts_the_cells_that_were_not_run(table):
    assert f"{len(table) - 2} of the paper's {len(table)} cells were not run" in drawn(table).get_supxlabel()


def test_where_no_cell_was_run_the_figure_says_so():
    assert [text.get_text() for text in drawn(table_of()).texts] == ["None of the paper's cells was run."]


def test_the_command_draws_the_same_bytes_again_and_refuses_a_table_of_other_runs(table, tmp_path):
    record = provenance.record("replication", {"tables": {"base": "0" * 12}})
    tables.write_table(tmp_path, "replication", table, record, REPLICATION)
    pairs = [(tmp_path / f"{name}.pdf", tmp_path / f"{name}.png") for name in ("first", "second")]
    for pdf, png in pairs:
        run_command("draw-replication", "--replication", tmp_path / "replication.parquet", "--pdf", pdf, "--png", png)
    assert len({pdf.read_bytes() for pdf, _ in pairs}) == len({png.read_bytes() for _, png in pairs}) == 1
    damaged = pd.DataFrame(table).drop(columns="departs")
    tables.write_table(tmp_path, "replication", damaged, record, tuple(c for c in REPLICATION if c.name != "departs"))
    with pytest.raises(SystemExit, match="has no column 'departs'"):
        run_command("draw-replication", "--replication", tmp_path / "replication.parquet", "--pdf", pdf, "--png", png)
