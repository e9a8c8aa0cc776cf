from __future__ import annotations

import math

import matplotlib
import numpy
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text
from pypdf import PdfReader

from capacity.commands import figures
from capacity.experiment.cell import make_cell
from capacity.figures import curves, quantities, style
from capacity.paper.protocol import SIZES, TASKS, Size
from capacity.tables.frames import read_frame, write_frame
from tests.support.drawn_pages import drawn_texts, outside, overlaps
from tests.support.handmade_results import evaluation, frames, history_frame, run

SEEDS = (0, 1, 1337)
WIDTHS = (4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 36, 48, 56)
LAPTOP = {"mlt": {"iterations": 400, "batch": 64, "learning_rate": 0.001, "evaluation_interval": 40}}
QUANTITIES = {quantity.mark: quantity for quantity in (quantities.HELD_OUT, quantities.FACTS, quantities.SEEN)}


class Study:
    """The tables of some cells, every seed with answers of its own."""

    def __init__(self, cells, seeds=SEEDS):
        self.cells = cells
        jobs = []
        for number, cell in enumerate(cells):
            right = [{"held_out": (number + seed) % 5, "facts": 50 - number - seed % 7} for seed in seeds]
            jobs.append(evaluation(cell, [run(cell, seed, **found) for seed, found in zip(seeds, right, strict=True)]))
        self.runs, self.summary = frames(jobs)
        self.history = history_frame(cells, seeds)

    def draw(self, name, title="A study"):
        with matplotlib.rc_context(style.STYLE):
            return curves.draw(name, self.runs, self.history, self.summary, title)


def base_cells(short=None):
    """The paper's twelve; the small sizes shortened to ``short`` updates and MLT as the laptop budget has it."""
    cells = []
    for task in TASKS:
        for name, size in SIZES.items():
            chosen = LAPTOP.get(name, {"iterations": short}) if short else {}
            cells.append(make_cell(task, size, **chosen))
    return cells


@pytest.fixture(scope="module")
def paper():
    return Study(base_cells())


@pytest.fixture(scope="module")
def laptop():
    return Study(base_cells(short=3000))


@pytest.fixture(scope="module")
def ladder():
    sizes = [Size(1, 1, width, 1) for width in WIDTHS]
    return Study([make_cell(task, size, iterations=3000) for task in ("arithmetic", "joint") for size in sizes], (0, 1))


@pytest.fixture(scope="module")
def four():
    """Four cells: one of the paper's, one with fewer updates, one of another size, and one of facts."""
    return Study(
        [
            make_cell("arithmetic", SIZES["n14"]),
            make_cell("arithmetic", SIZES["n28"], iterations=3000),
            make_cell("arithmetic", Size(1, 1, 20, 1)),
            make_cell("facts", SIZES["n14"]),
        ]
    )


def marks(axis):
    """The large marks: for each, the quantity, the parameters, the share and whether it is filled."""
    found = []
    for line in axis.lines:
        quantity = QUANTITIES.get(line.get_marker())
        if quantity is not None and len(line.get_xdata()) == 1:
            filled = to_hex(line.get_markerfacecolor()) == to_hex(line.get_color())
            found.append((quantity, float(line.get_xdata()[0]), float(line.get_ydata()[0]), filled))
    return found


def joined(axis):
    """The lines of more than one point: for each, its colour and the parameters that it joins."""
    return [
        (to_hex(line.get_color()), list(line.get_xdata()))
        for line in axis.lines
        if line.get_linestyle() != "None" and len(set(line.get_xdata())) > 1
    ]


def note_of(figure):
    return " ".join(figure.get_supxlabel().split())


CASES = [("paper", name) for name in ("tradeoff", *TASKS)] + [("laptop", name) for name in ("tradeoff", *TASKS)]
CASES += [("ladder", name) for name in ("tradeoff", "arithmetic", "joint")] + [("four", "tradeoff"), ("four", "facts")]


@pytest.mark.parametrize(("study", "name"), CASES)
def test_no_text_stands_on_another_or_leaves_the_page(study, name, request, monkeypatch):
    figure = request.getfixturevalue(study).draw(name, "The paper's 12 base cells")
    texts = drawn_texts(figure, monkeypatch)
    assert len(texts) > 5
    assert overlaps(texts) == []
    assert outside(figure, texts) == []


def test_the_tradeoff_has_a_large_mark_for_every_cell_and_score(paper):
    alone, joint = paper.draw("tradeoff").axes
    parameters = dict(zip(paper.summary["cell"], paper.summary["parameters"], strict=True))
    for axis, tasks, expected in ((alone, ("arithmetic", "facts"), 3 * 4), (joint, ("joint",), 3 * 4)):
        found = marks(axis)
        assert len(found) == expected
        for quantity, place, share, _ in found:
            column = f"final_{quantity.score}_mean"
            rows = paper.summary[paper.summary["task"].isin(tasks) & paper.summary[column].notna()]
            nearest = rows.iloc[(numpy.log(rows["parameters"]) - math.log(place)).abs().argmin()]
            assert abs(math.log10(place / parameters[nearest["cell"]])) < 0.04
            assert share == pytest.approx(nearest[column])


def test_the_tradeoff_has_a_small_mark_for_every_run(four):
    (axis,) = four.draw("tradeoff").axes
    for quantity, cells in ((quantities.HELD_OUT, 3), (quantities.FACTS, 1), (quantities.SEEN, 3)):
        dots = [line for line in axis.lines if line.get_marker() == "." and line.get_color() == quantity.colour]
        assert [len(line.get_xdata()) for line in dots] == [len(SEEDS)] * cells


def test_published_cells_are_filled_and_others_hollow(four, paper, laptop):
    published = {cell.name: not cell.departures_from_published() for cell in four.cells}
    assert sorted(published.values()) == [False, False, True, True]
    shares = four.summary.set_index("parameters")["published"]
    (axis,) = four.draw("tradeoff").axes
    for _, place, _, filled in marks(axis):
        nearest = min(shares.index, key=lambda count: abs(math.log(count / place)))
        assert filled == shares[nearest]
    assert {filled for axis in paper.draw("tradeoff").axes for *_, filled in marks(axis)} == {True}
    assert {filled for axis in laptop.draw("tradeoff").axes for *_, filled in marks(axis)} == {False}


def test_departing_cells_are_named_in_the_footnote_and_on_the_axis(four):
    figure = four.draw("tradeoff")
    note = note_of(figure)
    assert note.startswith("† Not the paper's protocol.")
    assert "arithmetic n28: iterations 3000 (paper: 30000)." in note
    assert "arithmetic n20: size not in the paper." in note
    assert "n14" not in note
    ticks = [label.get_text().split("\n")[0] for label in figure.axes[0].get_xticklabels()]
    assert set(ticks) == {"n14", "n20†", "n28†"}
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "hollow: not the paper's protocol" in legend


def test_every_departing_cell_of_a_whole_study_is_named(laptop):
    note = note_of(laptop.draw("tradeoff"))
    for cell in laptop.cells:
        assert cell.task in note
        assert cell.size.name in note
    assert "learning rate 0.001 (paper: 1e-05)" in note
    assert "batch 64 (paper: 882)" in note
    assert "batch 64 (paper: 576)" in note


def test_the_footnote_of_curves_names_the_cells_drawn_there(laptop):
    note = note_of(laptop.draw("facts"))
    assert "facts n14, n28, n56: iterations 3000 (paper: 30000)." in note
    assert "arithmetic" not in note
    assert "joint" not in note


def test_what_the_paper_published_has_no_footnote(paper):
    for name in ("tradeoff", *TASKS):
        figure = paper.draw(name)
        assert note_of(figure) == ""
        assert "†" not in "".join(text.get_text() for text in figure.findobj(Text))
    legend = paper.draw("tradeoff").legends[0]
    assert [text.get_text() for text in legend.get_texts() if "hollow" in text.get_text()] == []


@pytest.mark.parametrize("study", ["paper", "laptop"])
def test_a_line_joins_sizes_of_one_recipe(study, request):
    """n14, n28 and n56 were trained alike; MLT was not, so no line leads to it."""
    drawn = request.getfixturevalue(study)
    largest_small = drawn.summary.loc[drawn.summary["size"] == "n56", "parameters"].max()
    for axis in drawn.draw("tradeoff").axes:
        lines = joined(axis)
        assert sorted(colour for colour, _ in lines if colour != style.GREY) == sorted(
            to_hex(quantity.colour) for quantity in QUANTITIES.values()
        )
        for _, places in lines:
            assert len(places) == 3
            assert max(places) < largest_small * 1.2


def test_no_line_joins_cells_of_two_recipes(four):
    """Other iterations are another recipe; another size under the same recipe is not."""
    sizes = four.summary.set_index("size")["parameters"]
    (axis,) = four.draw("tradeoff").axes
    for _, places in joined(axis):
        assert all(abs(math.log10(place / sizes["n28"])) > 0.04 for place in places)


def test_weight_decay_is_another_recipe():
    cells = [make_cell("arithmetic", SIZES[name], weight_decay=decay) for name in ("n14", "n28") for decay in (0, 0.1)]
    study = Study(cells)
    (axis,) = study.draw("tradeoff").axes
    held_out = [places for colour, places in joined(axis) if colour == to_hex(style.ORANGE)]
    assert [len(places) for places in held_out] == [2, 2]


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
    study = Study(four.cells)
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
    study = Study(four.cells)
    study.summary["loss_floor_order_known"] = math.nan
    figure = study.draw("facts")
    assert floors_of(figure.axes[0]) == [0.75]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [label for label in labels if "lowest loss" in label] == ["lowest loss, order of lines unknown"]


def test_cells_of_one_size_are_told_apart_by_their_variant():
    cells = [make_cell("facts", SIZES["n14"]), make_cell("facts", SIZES["n14"], weight_decay=0.1)]
    figure = Study(cells).draw("facts")
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert [title.split("\n")[1] for title in titles] == ["paper", "weight_decay-0.1"]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seeds", [(1337,), (0, 1)])
def test_a_study_of_one_cell_works_with_one_seed_and_with_two(task, seeds):
    study = Study([make_cell(task, SIZES["n14"])], seeds)
    (axis,) = study.draw("tradeoff").axes
    assert axis.get_title() == ("trained jointly" if task == "joint" else "trained alone")
    assert len(marks(axis)) == {"arithmetic": 2, "facts": 1, "joint": 3}[task]
    bars = [line for line in axis.lines if len(line.get_xdata()) == 2 and len(set(line.get_xdata())) == 1]
    assert bool(bars) == (len(seeds) > 1)
    assert study.draw(task).axes[0].get_title().endswith("1 seed" if len(seeds) == 1 else "2 seeds")


def test_curves_of_a_task_that_was_not_trained_are_refused(four):
    with pytest.raises(ValueError, match=r"'joint'.*arithmetic, facts"):
        four.draw("joint")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_diverged_runs_do_not_stop_the_figures(value):
    """Every loss after the first is not a number, and nothing is answered right."""
    cells = [make_cell(task, SIZES["n14"]) for task in TASKS]
    study = Study(cells)
    failed = [
        evaluation(c, [run(c, seed, loss=None, diverged=True, seen=0, held_out=0, facts=0) for seed in SEEDS])
        for c in cells
    ]
    study.runs, study.summary = frames(failed)
    study.history.loc[study.history["iteration"] > 0, "stream_loss"] = value
    for name in ("tradeoff", *TASKS):
        FigureCanvasAgg(study.draw(name)).draw()


def test_cells_without_any_score_do_not_stop_the_figures(four):
    study = Study(four.cells)
    scores = [name for name in study.summary.columns if name.startswith("final_") and name.endswith("mean")]
    study.summary.loc[study.summary["size"] == "n28", scores] = math.nan
    figure = study.draw("tradeoff")
    FigureCanvasAgg(figure).draw()
    assert len(marks(figure.axes[0])) == 2 + 2 + 1


def saved(study, name, folder):
    folder.mkdir()
    with matplotlib.rc_context(style.STYLE):
        figure = curves.draw(name, study.runs, study.history, study.summary, "A study")
        style.save(figure, folder / "figure.pdf", folder / "figure.png")
    return folder


@pytest.mark.parametrize("name", ["tradeoff", "arithmetic"])
def test_the_same_tables_give_the_same_bytes(four, tmp_path, name):
    first, second = (saved(four, name, tmp_path / folder) for folder in ("first", "second"))
    for kind in ("pdf", "png"):
        assert (first / f"figure.{kind}").read_bytes() == (second / f"figure.{kind}").read_bytes()


@pytest.mark.parametrize("name", ["tradeoff", "facts"])
def test_the_pdf_holds_its_fonts_and_its_text(laptop, tmp_path, name):
    reader = PdfReader(saved(laptop, name, tmp_path / "once") / "figure.pdf")
    (page,) = reader.pages
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].get_object().values()]
    assert fonts
    for font in fonts:
        described = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
        assert "/FontFile2" in described["/FontDescriptor"].get_object()
    text = page.extract_text()
    assert "A study" in text
    assert "Not the paper" in text
    assert "/CreationDate" not in (reader.metadata or {})


def test_the_png_is_as_wide_as_a_page_at_200_dots_per_inch(laptop, tmp_path):
    header = (saved(laptop, "tradeoff", tmp_path / "once") / "figure.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(header[16:20], "big") == style.FULL_WIDTH * 200


def test_the_stage_draws_from_tables_alone(four, tmp_path, monkeypatch):
    for name in ("runs", "history", "summary"):
        write_frame(tmp_path / f"{name}.parquet", getattr(four, name), {})
    arguments = ["figures", "tradeoff", "--title", "A study"]
    for name, kind in (("runs", "parquet"), ("history", "parquet"), ("summary", "parquet")):
        arguments += [f"--{name}", f"{tmp_path}/{name}.{kind}"]
    for kind in ("pdf", "png"):
        arguments += [f"--{kind}", f"{tmp_path}/drawn.{kind}"]
    monkeypatch.setattr("sys.argv", arguments)
    figures.main()
    expected = saved(four, "tradeoff", tmp_path / "expected")
    assert (tmp_path / "drawn.png").read_bytes() == (expected / "figure.png").read_bytes()
    assert (tmp_path / "drawn.pdf").read_bytes() == (expected / "figure.pdf").read_bytes()


def test_a_table_comes_back_as_it_was_written(four, tmp_path):
    for frame in (four.runs, four.history, four.summary):
        write_frame(tmp_path / "table.parquet", frame, {})
        pd.testing.assert_frame_equal(read_frame(tmp_path / "table.parquet"), frame)
