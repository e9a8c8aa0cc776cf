from __future__ import annotations

import math

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from capacity.experiment.cell import make_cell
from capacity.figures import style
from capacity.paper.protocol import SIZES, TASKS
from capacity.tables.frames import write_frame
from tests.support.commands import run_command
from tests.support.drawn_pages import drawn_texts, outside, overlaps
from tests.support.handmade_figures import SEEDS, TrainedStudy, note_of
from tests.support.handmade_results import evaluation, frames, run

CASES = [(study, task) for study in ("paper", "laptop") for task in TASKS]
CASES += [("ladder", "arithmetic"), ("ladder", "joint"), ("four", "facts")]


@pytest.mark.parametrize(("study", "name"), CASES)
def test_no_text_overlaps_another_or_leaves_the_page(study, name, request, monkeypatch):
    figure = request.getfixturevalue(study).draw(name, "The paper's 12 base cells")
    texts = drawn_texts(figure, monkeypatch)
    assert len(texts) > 5
    assert overlaps(texts) == []
    assert outside(figure, texts) == []


def test_the_footnote_of_curves_names_the_cells_drawn_there(laptop):
    note = note_of(laptop.draw("facts"))
    assert "facts n14, n28, n56: iterations 3000 (paper: 30000)." in note
    assert "arithmetic" not in note
    assert "joint" not in note


def test_what_the_paper_published_has_no_footnote(paper):
    for task in TASKS:
        figure = paper.draw(task)
        assert note_of(figure) == ""
        assert "†" not in "".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.parametrize("task", TASKS)
def test_curves_have_a_panel_for_each_cell_of_the_task(laptop, task):
    figure = laptop.draw(task)
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    rows = laptop.summary[laptop.summary["task"] == task]
    assert titles == [f"{row['size']}†: {row['parameters']:,} parameters, 3 seeds" for _, row in rows.iterrows()]


def test_curves_draw_means_over_seeds_and_each_run_of_the_held_out_share(four):
    figure = four.draw("arithmetic")
    panel = next(axis for axis in figure.axes if axis.get_title().startswith("n14"))
    history = four.history[four.history["cell"] == four.cells[0].name]
    means = history.groupby("iteration")["held_out"].mean()
    held_out = [line for line in panel.lines if line.get_color() == style.ORANGE]
    assert len(held_out) == len(SEEDS) + 1
    assert list(held_out[-1].get_xdata()) == list(means.index)
    assert list(held_out[-1].get_ydata()) == pytest.approx(list(means))


def floors_of(panel):
    """The level lines on the axis of the loss that shares a place with a panel."""
    right = next(axis for axis in panel.figure.axes if axis is not panel and axis.bbox.bounds == panel.bbox.bounds)
    return [float(line.get_ydata()[0]) for line in right.lines if len(set(line.get_ydata())) == 1]


def test_curves_show_the_floors_of_each_cell(four):
    study = TrainedStudy(four.cells)
    study.summary.loc[study.summary["size"] == "n28", "loss_floor_order_known"] = 0.125
    figure = study.draw("arithmetic")
    panels = {axis.get_title().split("†")[0].split(":")[0]: axis for axis in figure.axes if axis.get_title()}
    assert {name: floors_of(panel) for name, panel in panels.items()} == {
        "n14": [0.75, 0.25],
        "n20": [0.75, 0.25],
        "n28": [0.75, 0.125],
    }
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [label for label in labels if "lowest loss" in label] == [
        "lowest loss, order of lines unknown",
        "lowest loss, order of lines known",
    ]


def test_a_floor_that_no_cell_has_is_not_in_the_legend(four):
    study = TrainedStudy(four.cells)
    study.summary["loss_floor_order_known"] = math.nan
    figure = study.draw("facts")
    assert floors_of(figure.axes[0]) == [0.75]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [label for label in labels if "lowest loss" in label] == ["lowest loss, order of lines unknown"]


def test_cells_of_one_size_are_told_apart_by_what_varies_in_words():
    cells = [make_cell("facts", SIZES["n14"]), make_cell("facts", SIZES["n14"], weight_decay=0.1)]
    figure = TrainedStudy(cells).draw("facts")
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert [title.split("\n")[1] for title in titles] == ["no weight decay", "weight decay 0.1"]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seeds", [(1337,), (0, 1)])
def test_the_title_of_a_panel_counts_its_seeds(task, seeds):
    study = TrainedStudy([make_cell(task, SIZES["n14"])], seeds)
    assert study.draw(task).axes[0].get_title().endswith("1 seed" if len(seeds) == 1 else "2 seeds")


def test_curves_of_a_task_that_was_not_trained_are_refused(four):
    with pytest.raises(ValueError, match=r"'joint'.*arithmetic, facts"):
        four.draw("joint")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_diverged_runs_do_not_stop_the_figures(value):
    """Every loss after the first is not a number, and nothing is answered right."""
    cells = [make_cell(task, SIZES["n14"]) for task in TASKS]
    study = TrainedStudy(cells)
    failed = [
        evaluation(c, [run(c, seed, loss=None, diverged=True, seen=0, held_out=0, facts=0) for seed in SEEDS])
        for c in cells
    ]
    study.runs, study.summary = frames(failed)
    study.history.loc[study.history["iteration"] > 0, "stream_loss"] = value
    for name in TASKS:
        FigureCanvasAgg(study.draw(name)).draw()


def test_the_command_draws_from_tables_alone(four, tmp_path):
    arguments = []
    for name in ("history", "summary"):
        write_frame(tmp_path / f"{name}.parquet", getattr(four, name), {})
        arguments += [f"--{name}", tmp_path / f"{name}.parquet"]
    files = ["--pdf", tmp_path / "drawn.pdf", "--png", tmp_path / "drawn.png"]
    run_command("draw-curves", "facts", *arguments, "--title", "A study", *files)
    expected = four.save("facts", tmp_path / "expected")
    for kind in ("pdf", "png"):
        assert (tmp_path / f"drawn.{kind}").read_bytes() == (expected / f"figure.{kind}").read_bytes()
