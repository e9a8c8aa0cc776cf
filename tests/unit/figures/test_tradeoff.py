from __future__ import annotations

import itertools
import math

import numpy
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.patches import Patch
from matplotlib.text import Text

from capacity.experiment.cell import make_cell
from capacity.figures import quantities, style, tradeoff
from capacity.paper.protocol import SIZES, TASKS, Size
from capacity.tables.frames import write_frame
from tests.support.commands import run_command
from tests.support.drawn_pages import drawn_texts, outside, overlaps
from tests.support.handmade_figures import SEEDS, MeasuredStudy, TrainedStudy, note_of
from tests.support.handmade_results import evaluation, frames, run

QUANTITIES = {quantity.mark: quantity for quantity in (quantities.HELD_OUT, quantities.FACTS, quantities.SEEN)}


def marks(axis):
    """The large marks: for each, the quantity, the parameters, the share and whether it is filled."""
    large = []
    for line in axis.lines:
        quantity = QUANTITIES.get(line.get_marker())
        if quantity is not None and len(line.get_xdata()) == 1:
            filled = to_hex(line.get_markerfacecolor()) == to_hex(line.get_color())
            large.append((quantity, float(line.get_xdata()[0]), float(line.get_ydata()[0]), filled))
    return large


def joined(axis):
    """The lines of more than one point: for each, its colour and the parameters that it joins."""
    return [
        (to_hex(line.get_color()), list(line.get_xdata()))
        for line in axis.lines
        if line.get_linestyle() != "None" and len(set(line.get_xdata())) > 1
    ]


@pytest.mark.parametrize("study", ["paper", "laptop", "ladder", "four", "several"])
def test_no_text_overlaps_another_or_leaves_the_page(study, request, monkeypatch):
    figure = request.getfixturevalue(study).draw("tradeoff", "The paper's 12 base cells")
    texts = drawn_texts(figure, monkeypatch)
    assert len(texts) > 5
    assert overlaps(texts) == []
    assert outside(figure, texts) == []


def test_a_long_title_stays_on_the_page_of_a_narrow_figure(monkeypatch):
    one_panel = TrainedStudy([make_cell("arithmetic", size) for size in SIZES.values()])
    title = (
        "The arithmetic cells, with the lines in a fixed order and in a new order in each of all the batches there are"
    )
    figure = one_panel.draw("tradeoff", title)
    texts = drawn_texts(figure, monkeypatch)
    assert overlaps(texts) == []
    assert outside(figure, texts) == []
    assert figure.legends[0].get_title().get_text().split() == title.split()


def test_the_tradeoff_has_a_large_mark_for_every_cell_and_score(paper):
    alone, joint = paper.draw("tradeoff").axes
    parameters = dict(zip(paper.summary["cell"], paper.summary["parameters"], strict=True))
    for axis, tasks, expected in ((alone, ("arithmetic", "facts"), 3 * 4), (joint, ("joint",), 3 * 4)):
        large = marks(axis)
        assert len(large) == expected
        for quantity, place, share, _ in large:
            column = f"final_{quantity.column}_mean"
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


def test_what_the_paper_published_has_no_footnote(paper):
    figure = paper.draw("tradeoff")
    assert note_of(figure) == ""
    assert "†" not in "".join(text.get_text() for text in figure.findobj(Text))
    assert [text.get_text() for text in figure.legends[0].get_texts() if "hollow" in text.get_text()] == []


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
    study = TrainedStudy(cells)
    (axis,) = study.draw("tradeoff").axes
    lines = {colour: [len(places) for other, places in joined(axis) if other == colour] for colour, _ in joined(axis)}
    assert lines == {to_hex(colour): [2, 2] for colour in (style.BLUE, style.ORANGE)}  # seen and held-out of each


def test_cells_that_differ_in_more_than_size_are_told_apart_by_colour_with_a_key():
    """Two sizes, two pairs and two rates: four lines in four colours, and quantities by mark."""
    every = itertools.product(("n14", "n28"), ([(3, 4)], [(2, 9)]), (0.001, 0.01))
    cells = [make_cell("arithmetic", SIZES[size], held_out=pair, learning_rate=rate) for size, pair, rate in every]
    study = TrainedStudy(cells)
    figure = study.draw("tradeoff", "Is (5, 7) typical?")
    (axis,) = figure.axes
    words = [f"held out {pair}, learning rate {rate}" for pair in ("(2, 9)", "(3, 4)") for rate in ("0.001", "0.01")]
    keyed = {
        text.get_text(): to_hex(handle.get_facecolor())
        for text, handle in zip(figure.legends[0].get_texts(), figure.legends[0].legend_handles, strict=True)
        if isinstance(handle, Patch)
    }
    assert list(keyed) == words
    assert len(set(keyed.values())) == 4
    means = study.summary.set_index("cell")["final_held_out_mean"]
    for cell in cells:
        ((left, right),) = cell.held_out
        colour = keyed[f"held out ({left}, {right}), learning rate {cell.learning_rate}"]
        drawn = [line for line in axis.lines if to_hex(line.get_color()) == colour and line.get_marker() == "o"]
        assert means[cell.name] in [pytest.approx(float(line.get_ydata()[0])) for line in drawn]
    lines = [colour for colour, _ in joined(axis)]
    assert sorted(lines) == sorted([*keyed.values()] * 2)  # the seen and the held-out of each recipe
    assert figure.legends[0].get_texts()[0].get_text() == "seen expressions right"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seeds", [(1337,), (0, 1)])
def test_a_study_of_one_cell_works_with_one_seed_and_with_two(task, seeds):
    study = TrainedStudy([make_cell(task, SIZES["n14"])], seeds)
    (axis,) = study.draw("tradeoff").axes
    assert axis.get_title() == ("trained jointly" if task == "joint" else "trained alone")
    assert len(marks(axis)) == {"arithmetic": 2, "facts": 1, "joint": 3}[task]
    bars = [line for line in axis.lines if len(line.get_xdata()) == 2 and len(set(line.get_xdata())) == 1]
    assert bool(bars) == (len(seeds) > 1)


def test_diverged_runs_do_not_stop_the_figure():
    """Nothing is answered right, and no loss is a number."""
    cells = [make_cell(task, SIZES["n14"]) for task in TASKS]
    study = TrainedStudy(cells)
    failed = [
        evaluation(c, [run(c, seed, loss=None, diverged=True, seen=0, held_out=0, facts=0) for seed in SEEDS])
        for c in cells
    ]
    study.runs, study.summary = frames(failed)
    FigureCanvasAgg(study.draw("tradeoff")).draw()


def test_cells_without_any_score_do_not_stop_the_figures(four):
    study = TrainedStudy(four.cells)
    scores = [name for name in study.summary.columns if name.startswith("final_") and name.endswith("mean")]
    study.summary.loc[study.summary["size"] == "n28", scores] = math.nan
    figure = study.draw("tradeoff")
    FigureCanvasAgg(figure).draw()
    assert len(marks(figure.axes[0])) == 2 + 2 + 1


def test_the_png_is_as_wide_as_a_page_at_200_dots_per_inch(laptop, tmp_path):
    header = (laptop.save("tradeoff", tmp_path / "once") / "figure.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(header[16:20], "big") == style.FULL_WIDTH * 200


def test_the_command_draws_from_tables_alone(four, tmp_path):
    arguments = []
    for name in ("runs", "summary"):
        write_frame(tmp_path / f"{name}.parquet", getattr(four, name), {})
        arguments += [f"--{name}", tmp_path / f"{name}.parquet"]
    files = ["--pdf", tmp_path / "drawn.pdf", "--png", tmp_path / "drawn.png"]
    run_command("draw-tradeoff", *arguments, "--title", "A study", *files)
    expected = four.save("tradeoff", tmp_path / "expected")
    for kind in ("pdf", "png"):
        assert (tmp_path / f"drawn.{kind}").read_bytes() == (expected / f"figure.{kind}").read_bytes()


def test_many_departing_cells_leave_room_for_the_panel_and_names_do_not_overlap():
    """What would fill the page is in summary.md, which the note names."""
    cells = [
        make_cell("arithmetic", Size(layers, 1, width, 1), batch=64, iterations=2000, learning_rate=rate)
        for layers in (1, 2, 3, 4, 6)
        for width in (14, 28, 56)
        for rate in (0.001, 0.003, 0.01)
    ]
    tables = MeasuredStudy(cells, (0, 1)).tables
    with style.styled():
        figure = tradeoff.draw(tables["runs"], tables["summary"], "A study")
        figure.draw_without_rendering()
        assert note_of(figure) == "† Not the paper's protocol: all 45 cells. summary.md says how each departs."
        (axis,) = figure.axes
        assert axis.get_position().height > 0.35
        labels = [label.get_window_extent() for label in axis.get_xticklabels()]
    assert len(labels) > 3
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(labels))
