"""What is drawn of made-up studies: points, colours, labels, keys and intervals, and that no text hides another."""

from __future__ import annotations

import itertools

import numpy
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from capacity.experiment.cell import make_cell
from capacity.experiment.study_figures import StudyFigure
from capacity.figures import style, view
from capacity.paper.protocol import SIZES, Size
from capacity.statistics.intervals import clopper_pearson
from capacity.tables.frames import write_frame
from tests.support.commands import run_command
from tests.support.drawn_pages import drawn_texts, outside, overlaps
from tests.support.handmade_figures import MeasuredStudy, note_of, visible_axes

PAIRS = ([(3, 4)], [(2, 9)])
RATES = (0.001, 0.003, 0.01)
LAYERS = (1, 2, 3)
WIDTHS = (14, 28, 56)
SEEDS = tuple(range(5))


def answers(cell, seed):
    return (cell.size.width // 14 + cell.size.layers + seed + round(1000 * cell.learning_rate)) % 5


@pytest.fixture(scope="module")
def depth():
    cells = [make_cell("arithmetic", Size(layers, 1, width, 1)) for layers in LAYERS for width in WIDTHS]
    return MeasuredStudy(cells, SEEDS, held_out=answers, order=lambda cell, seed: 10.0 * cell.size.width + seed)


@pytest.fixture(scope="module")
def rates():
    every = itertools.product(("n14", "n28"), RATES, ("fixed", "reshuffled"))
    cells = [make_cell("arithmetic", SIZES[size], learning_rate=rate, stream=stream) for size, rate, stream in every]
    return MeasuredStudy(cells, SEEDS, held_out=answers)


@pytest.fixture(scope="module")
def other():
    """The study of the README and the tutorial."""
    cells = [make_cell("arithmetic", SIZES[size], held_out=pair) for size in ("n14", "n28") for pair in PAIRS]
    return MeasuredStudy(cells, range(3), held_out=answers)


@pytest.fixture(scope="module")
def pairs():
    every = [(left, right) for left in range(10) for right in range(left, 10) if left + right != 9]
    cells = [make_cell("arithmetic", SIZES["n14"], held_out=[pair]) for pair in every]
    return MeasuredStudy(cells, (0, 1), held_out=lambda cell, seed: sum(cell.held_out[0]) % 5)


@pytest.fixture(scope="module")
def twelve():
    cells = [make_cell("arithmetic", SIZES["n14"], held_out=[(1, right)]) for right in range(10)]
    cells += [make_cell("arithmetic", SIZES["n14"], held_out=[(left, 4), (left, 5), (9, 9)]) for left in (2, 3)]
    return MeasuredStudy(cells, SEEDS, held_out=answers)


@pytest.fixture(scope="module")
def crossed():
    cells = [make_cell("arithmetic", SIZES["n14"], initialisation_seed=seed) for seed in (1337, *range(9))]
    return MeasuredStudy(cells, (0, 1), held_out=lambda cell, seed: (cell.initialisation_seed + seed) % 5)


@pytest.fixture(scope="module")
def base():
    return MeasuredStudy([make_cell("arithmetic", size) for size in SIZES.values()], SEEDS, held_out=answers)


FIGURES = {
    "map": ("depth", {"kind": "map", "measure": "held-out", "x": "width", "y": "layers"}),
    "map of bits": ("depth", {"kind": "map", "measure": ["held-out", "order-bits"], "x": "width", "y": "layers"}),
    "map in facets": ("rates", {"kind": "map", "measure": "all-right", "x": "learning_rate", "y": "size"}),
    "map of times": ("depth", {"kind": "map", "measure": "time-to-generalize", "x": "width", "y": "layers"}),
    "pairs": ("pairs", {"kind": "map", "measure": "held-out", "x": "pairs"}),
    "lines": ("depth", {"kind": "lines", "measure": ["held-out", "order-bits"], "x": "width"}),
    "rates": ("rates", {"kind": "lines", "measure": ["held-out", "seen"], "x": "learning_rate", "colour": "size"}),
    "parameters": ("base", {"kind": "lines", "measure": "loss", "x": "parameters"}),
    "arms": ("other", {"kind": "dots", "measure": "held-out", "x": "size"}),
    "seeds": ("crossed", {"kind": "dots", "measure": "held-out", "x": "initialisation_seed"}),
    "many arms": ("twelve", {"kind": "dots", "measure": "held-out", "x": "held_out"}),
    "outcomes with long labels": (
        "rates",
        {"kind": "lines", "measure": ["none-right", "fits"], "x": "learning_rate", "colour": "size", "facet": "stream"},
    ),
    "outcomes": ("rates", {"kind": "dots", "measure": "all-right", "x": "size", "facet": "learning_rate"}),
    "times": ("depth", {"kind": "dots", "measure": ["time-to-generalize", "margins"], "x": "width"}),
    "scatter": ("depth", {"kind": "dots", "measure": "order-bits", "x": "held-out"}),
    "curves": ("depth", {"kind": "curves", "measure": ["seen", "held-out"], "colour": "layers", "facet": "width"}),
    "two in a facet": (
        "rates",
        {"kind": "dots", "measure": "held-out", "x": "size", "facet": ["learning_rate", "stream"]},
    ),
    "loss": ("other", {"kind": "curves", "measure": "loss"}),
}


def key_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def large(axis):
    """The marks of cells on an axis: place, value, colour and whether they are filled."""
    return [
        (
            float(line.get_xdata()[0]),
            float(line.get_ydata()[0]),
            to_hex(line.get_color()),
            to_hex(line.get_markerfacecolor()) != "#ffffff",
        )
        for line in axis.lines
        if line.get_markersize() == 4.5 and line.get_marker() not in ("None", "")
    ]


def dots(axis):
    """The values of the runs on an axis, those of each cell together."""
    return [line.get_ydata().tolist() for line in axis.lines if line.get_markersize() == 2.2 and len(line.get_ydata())]


def bars(axis):
    """The intervals on an axis: place, low and high."""
    return [
        (float(line.get_xdata()[0]), *map(float, line.get_ydata()))
        for line in axis.lines
        if line.get_linewidth() == 1.5 and line.get_marker() == "None"
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_overlaps_another_or_leaves_the_page(name, request, monkeypatch):
    study, entry = FIGURES[name]
    title = "A study whose title says in so many words what it asks of the networks, at length, as titles may do"
    figure = request.getfixturevalue(study).draw(title, **entry)
    texts = drawn_texts(figure, monkeypatch)
    assert len(texts) > 5
    assert overlaps(texts) == []
    assert outside(figure, texts) == []


@pytest.mark.parametrize("name", FIGURES)
def test_what_all_cells_share_is_said_once_under_the_figure(name, request):
    study, entry = FIGURES[name]
    figure = request.getfixturevalue(study).draw(**entry)
    note = note_of(figure)
    assert note.startswith("In every cell: arithmetic, ")
    assert style.count_seeds({"other": 3, "pairs": 2, "crossed": 2}.get(study, 5)) in note
    assert ("held out (5, 7)" in note) == (study not in ("other", "pairs", "twelve"))
    assert "learning rate 0.01" in note or study in ("rates", "base")
    assert "30,000 updates" in note


def test_dots_have_every_run_the_mean_and_its_interval_in_the_colour_of_the_key(other):
    figure = other.draw(kind="dots", measure="held-out", x="size")
    (axis,) = visible_axes(figure)
    summary = other.tables["summary"].set_index(["size", "held_out"])
    marks = sorted(large(axis))
    assert len(marks) == 4
    for (place, value, colour, filled), (size, pair) in zip(
        marks, itertools.product(("n14", "n28"), ("29", "34")), strict=True
    ):
        assert value == pytest.approx(summary.loc[(size, pair), "final_held_out_mean"])
        assert round(place) == ("n14", "n28").index(size)
        assert colour == to_hex((style.BLUE, style.ORANGE)[("29", "34").index(pair)])
        assert not filled  # the paper holds out another pair
    expected = [(summary["final_held_out_low"][key], summary["final_held_out_high"][key]) for key in summary.index]
    assert sorted(bar[1:] for bar in bars(axis)) == [pytest.approx(each) for each in sorted(expected)]
    runs = other.tables["runs"]
    by_cell = [sorted(of_cell["final_held_out"]) for _, of_cell in runs.groupby("cell")]
    assert sorted(map(sorted, dots(axis))) == sorted(by_cell)
    assert key_of(figure)[:2] == ["held out (2, 9)", "held out (3, 4)"]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["n14†", "n28†"]
    assert axis.get_xlabel() == "size"
    assert "Hollow, †: not the paper's protocol, in held-out pairs (the paper: (5, 7))." in note_of(figure)


def test_no_name_is_left_out_below_an_axis(crossed):
    (axis,) = visible_axes(crossed.draw(kind="dots", measure="held-out", x="initialisation_seed"))
    assert [text.get_text() for text in axis.get_xticklabels()] == [*map(str, range(9)), "1337"]


def test_lines_join_cells_of_one_recipe_over_a_logarithmic_axis(rates, base):
    figure = rates.draw(kind="lines", measure="held-out", x="learning_rate", colour="size", facet="stream")
    fixed, reshuffled = visible_axes(figure)
    assert (fixed.get_title(), reshuffled.get_title()) == ("stream fixed", "stream reshuffled†")
    assert [text.get_text() for text in fixed.get_xticklabels()] == ["0.001", "0.003", "0.01"]
    places = fixed.get_xticks()
    assert places == pytest.approx(numpy.log10(RATES))
    for axis, stream in ((fixed, "fixed"), (reshuffled, "reshuffled")):
        lines = [line for line in axis.lines if line.get_linewidth() == 1 and len(line.get_xdata()) == len(RATES)]
        assert [to_hex(line.get_color()) for line in lines] == [to_hex(style.BLUE), to_hex(style.ORANGE)]
        summary = rates.tables["summary"]
        summary = summary[summary["stream"] == stream].sort_values("learning_rate")
        for line, size in zip(lines, ("n14", "n28"), strict=True):
            assert line.get_ydata() == pytest.approx(summary[summary["size"] == size]["final_held_out_mean"].tolist())
    assert {filled for *_, filled in large(reshuffled)} == {False}
    assert [filled for place, _, _, filled in large(fixed) if abs(place + 2) < 0.2] == [True, True]
    (axis,) = visible_axes(base.draw(kind="lines", measure="held-out", x="parameters"))
    joined = [len(line.get_xdata()) for line in axis.lines if line.get_linewidth() == 1]
    assert sorted(joined) == [1, 3]  # MLT has another rate than n14 to n56


def test_two_axes_in_one_place_have_a_panel_for_each_pair_of_values_that_there_is():
    cells = [make_cell("arithmetic", SIZES[size], learning_rate=rate) for size in ("n14", "n28") for rate in RATES]
    cells += [make_cell("arithmetic", SIZES["n14"], learning_rate=0.01, iterations=6000)]
    figure = MeasuredStudy(cells, SEEDS).draw(
        kind="dots", measure="held-out", x="size", facet=["learning_rate", "iterations"]
    )
    assert [axis.get_title().replace("\n", " ") for axis in visible_axes(figure)] == [
        "learning rate 0.001, 30,000 updates†",
        "learning rate 0.003, 30,000 updates†",
        "learning rate 0.01, 6,000 updates†",
        "learning rate 0.01, 30,000 updates",
    ]
    assert [len(large(axis)) for axis in visible_axes(figure)] == [2, 2, 1, 2]


def test_axes_that_are_not_mentioned_are_colour_and_facet(rates):
    figure = rates.draw(kind="dots", measure="held-out", x="size")
    assert [axis.get_title() for axis in visible_axes(figure)] == [
        "learning rate 0.001†",
        "learning rate 0.003†",
        "learning rate 0.01",
    ]
    assert key_of(figure)[:2] == ["stream fixed", "stream reshuffled†"]


@pytest.mark.parametrize(("measure", "share"), [("all-right", 1.0), ("none-right", 0.0)])
def test_an_outcome_is_a_share_of_runs_with_its_exact_interval(depth, measure, share):
    (axis,) = visible_axes(depth.draw(kind="dots", measure=measure, x="width"))
    assert dots(axis) == []
    runs = depth.tables["runs"]
    runs = runs["final_held_out"].eq(share).groupby(runs["cell"]).sum()
    assert sorted(bar[1:] for bar in bars(axis)) == [
        pytest.approx(each) for each in sorted(clopper_pearson(int(count), len(SEEDS)) for count in runs)
    ]


def test_a_run_that_ended_before_its_event_is_a_hollow_triangle_at_its_end(depth):
    figure = depth.draw(kind="dots", measure="time-to-generalize", x="width")
    (axis,) = visible_axes(figure)
    triangles = [line for line in axis.lines if line.get_marker() == "^" and line.get_markersize() == 3.2]
    ended = [value for line in triangles for value in line.get_ydata()]
    assert len(ended) == depth.tables["dynamics"]["t_gen"].isna().sum() > 0
    assert set(ended) == {30000}
    assert {to_hex(line.get_markerfacecolor()) for line in triangles} == {"#ffffff"}
    assert "a run that ended before it" in key_of(figure)
    assert sum(map(len, dots(axis))) == depth.tables["dynamics"]["t_gen"].notna().sum()
    fitted = depth.draw(kind="dots", measure="time-to-fit", x="width")
    assert "a run that ended before it" not in key_of(fitted)
    assert {value for _, value, *_ in large(visible_axes(fitted)[0])} == {22500}


def test_a_map_has_the_mean_as_colour_and_text_and_every_run_in_its_square(depth):
    figure = depth.draw(kind="map", measure="held-out", x="width", y="layers")
    axis, bar = visible_axes(figure)
    assert [text.get_text() for text in axis.get_xticklabels()] == ["14", "28", "56"]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["1", "2", "3"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("width", "layers")
    assert bar.get_ylabel() == "held-out expressions right"
    squares = {
        (round(patch.get_x() + 0.48), round(patch.get_y() + 0.48)): patch
        for patch in axis.patches
        if isinstance(patch, Rectangle)
    }
    assert set(squares) == set(itertools.product(range(3), range(3)))
    for _, cell in depth.tables["summary"].iterrows():
        place = (WIDTHS.index(cell["width"]), LAYERS.index(cell["layers"]))
        mean = cell["final_held_out_mean"]
        lightness = sum(squares[place].get_facecolor()[:3])
        others = [sum(squares[at].get_facecolor()[:3]) for at in squares]
        assert (lightness == max(others)) == (mean == depth.tables["summary"]["final_held_out_mean"].max())
        (text,) = [each for each in axis.texts if tuple(map(round, each.get_position())) == place]
        assert text.get_text() == f"{mean:.0%}" + ("" if cell["published"] else "†")
        inside = [line for line in axis.lines if (round(line.get_xdata()[0]), round(line.get_ydata()[0])) == place]
        assert len(inside) == len(SEEDS)
        faces = [to_hex(line.get_markerfacecolor()) for line in inside]
        shares = depth.tables["runs"].query("cell == @cell.cell")["final_held_out"]
        assert len(set(faces)) == shares.nunique()


def test_a_map_of_pairs_is_symmetric_and_says_which_is_the_papers(pairs):
    figure = pairs.draw(kind="map", measure="held-out", x="pairs")
    axis = visible_axes(figure)[0]
    faces, outlined = {}, set()
    for patch in axis.patches:
        place = (round(patch.get_x() + 0.48), round(patch.get_y() + 0.48))
        if patch.get_fill():
            faces[place] = patch.get_facecolor()
        else:
            outlined.add(place)
    assert set(faces) == {place for place in itertools.product(range(10), range(10)) if sum(place) != 9}
    assert all(faces[place] == faces[place[::-1]] for place in faces)
    assert faces[0, 0] != faces[2, 2]
    assert outlined == {(5, 7), (7, 5)}
    assert "the paper's pair" in key_of(figure)
    assert len(axis.texts) == len(faces)
    assert axis.yaxis_inverted()


def test_a_map_of_pairs_of_larger_operands_has_a_square_for_each():
    cells = [make_cell("arithmetic", SIZES["n14"], held_out=[pair], largest_operand=19) for pair in [(5, 17), (3, 4)]]
    study = MeasuredStudy(cells, (0, 1), held_out=lambda cell, seed: 1)
    axis = visible_axes(study.draw(kind="map", measure="held-out", x="pairs"))[0]
    assert [text.get_text() for text in axis.get_xticklabels()] == [str(operand) for operand in range(20)]
    filled = {(round(patch.get_x() + 0.48), round(patch.get_y() + 0.48)) for patch in axis.patches if patch.get_fill()}
    assert filled == {(5, 17), (17, 5), (3, 4), (4, 3)}
    assert axis.get_xlabel() == "first operand of the held-out pair"
    assert len(axis.texts) == 4


def test_maps_of_many_pairs_have_colours_alone():
    cells = [
        make_cell("arithmetic", SIZES[size], held_out=[pair], largest_operand=49)
        for size in ("n14", "n28")
        for pair in ((5, 17), (30, 40))
    ]
    figure = MeasuredStudy(cells, (0, 1), held_out=lambda cell, seed: 1).draw(
        kind="map", measure="held-out", x="pairs", facet="size"
    )
    assert [len(panel.texts) for panel in visible_axes(figure)[:2]] == [0, 0]
    assert [len(panel.patches) for panel in visible_axes(figure)[:2]] == [4, 4]
    assert "one run, in its own colour" not in key_of(figure)


def test_curves_have_every_run_and_the_mean_in_panels_of_measure_and_facet(depth):
    figure = depth.draw(kind="curves", measure=["seen", "held-out"], colour="layers", facet="width")
    panels = visible_axes(figure)
    assert [panel.get_title() for panel in panels] == ["width 14", "width 28", "width 56", "", "", ""]
    assert [panel.get_xlabel() for panel in panels] == ["", "", "", *["updates"] * 3]
    assert panels[0].get_ylabel() == "seen expressions right"
    history = depth.tables["history"]
    for number, panel in enumerate(panels):
        thin = [line for line in panel.lines if line.get_linewidth() == 0.4]
        thick = [line for line in panel.lines if line.get_linewidth() == 1.4]
        assert (len(thin), len(thick)) == (len(LAYERS) * len(SEEDS), len(LAYERS))
        column = ("seen", "held_out")[number // 3]
        for line, layers in zip(thick, LAYERS, strict=True):
            name = make_cell("arithmetic", Size(layers, 1, WIDTHS[number % 3], 1)).name
            means = history[history["cell"] == name].groupby("iteration")[column].mean()
            assert line.get_ydata() == pytest.approx(means.tolist())
    assert key_of(figure)[:3] == ["1 layer", "2 layers†", "3 layers†"]


def test_bounds_are_drawn_where_a_measure_has_them(depth):
    figure = depth.draw(kind="curves", measure="loss", colour="layers", facet="width")
    for panel in visible_axes(figure):
        level = {float(line.get_ydata()[0]) for line in panel.lines if line.get_linewidth() == 0.8}
        assert level == {0.25, 0.75}
    assert {"lowest loss, order of lines unknown", "lowest loss, order of lines known"} <= set(key_of(figure))
    figure = depth.draw(kind="dots", measure="order-bits", x="width")
    (most,) = depth.tables["summary"]["order_bits_at_most"].unique()
    (axis,) = visible_axes(figure)
    assert [float(line.get_ydata()[0]) for line in axis.lines if line.get_linewidth() == 0.8] == [most]
    assert "highest possible" in key_of(figure)


@pytest.mark.parametrize("entry", [{"kind": "lines", "x": "width"}, {"kind": "dots", "x": "held-out"}])
def test_no_run_is_cut_off_where_panels_differ_in_their_values(entry):
    bits = {1: 40.0, 2: -900.0, 4: 1200.0}
    cells = [make_cell("arithmetic", Size(layers, 1, width, 1)) for layers in bits for width in (14, 28)]
    study = MeasuredStudy(cells, SEEDS, held_out=answers, order=lambda cell, seed: bits[cell.size.layers] + seed)
    figure = study.draw(measure="order-bits", facet="layers", **entry)
    for axis in visible_axes(figure):
        low, high = axis.get_ylim()
        assert low < min(bits.values())
        assert high > max(bits.values())


def test_a_scatter_has_a_mark_for_every_run_where_its_two_measures_are(depth):
    figure = depth.draw(kind="dots", measure="order-bits", x="held-out", colour="width")
    panels = visible_axes(figure)
    assert [panel.get_title() for panel in panels] == ["1 layer", "2 layers†", "3 layers†"]
    runs = depth.tables["runs"]
    for panel, layers in zip(panels, LAYERS, strict=True):
        points = [
            (x, y)
            for line in panel.lines
            if line.get_markersize() == 3.5
            for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        ]
        of_panel = runs[runs["layers"] == layers]
        assert sorted(y for _, y in points) == sorted(of_panel["order_bits"])
        by_bits = dict(zip(of_panel["order_bits"], of_panel["final_held_out"], strict=True))
        assert all(abs(x - by_bits[y]) < 0.05 for x, y in points)
        assert panel.get_xlabel().replace("\n", " ") == "held-out expressions right"


def test_a_scatter_draws_the_runs_of_pooled_axes_alike_and_says_so(depth):
    figure = depth.draw(kind="dots", measure="order-bits", x="held-out", colour="width", pooled="layers")
    (axis,) = visible_axes(figure)
    marks = [line for line in axis.lines if line.get_markersize() == 3.5]
    assert sum(len(line.get_xdata()) for line in marks) == len(depth.tables["runs"])
    assert len({line.get_color() for line in marks}) == depth.tables["runs"]["width"].nunique()
    assert "Runs of every layers look alike." in note_of(figure)


def test_equal_runs_stand_side_by_side(base):
    (axis,) = visible_axes(base.draw(kind="dots", measure="seen", x="size"))
    spread = [line.get_xdata() for line in axis.lines if line.get_markersize() == 2.2 and len(line.get_xdata())]
    assert len(spread) == 4
    for places in spread:
        assert len(set(numpy.round(places, 6))) == len(SEEDS)
        assert numpy.ptp(places) < 1


def test_diverged_runs_are_counted_below():
    cells = [make_cell("arithmetic", SIZES[size]) for size in ("n14", "n28")]
    study = MeasuredStudy(cells, SEEDS, diverged=lambda cell, seed: seed == 3 and cell.size.width == 14)
    figure = study.draw(kind="dots", measure="order-bits", x="size")
    assert "1 run diverged." in note_of(figure)
    assert sorted(map(len, dots(visible_axes(figure)[0]))) == [4, 5]


def test_cells_without_the_measure_are_not_drawn():
    cells = [make_cell(task, SIZES[size]) for task in ("arithmetic", "facts", "joint") for size in ("n14", "n28")]
    study = MeasuredStudy(cells, (0, 1))
    figure = study.draw(kind="dots", measure=["facts", "held-out"], x="size")
    recall, held_out = visible_axes(figure)
    assert (len(large(recall)), len(large(held_out))) == (4, 4)
    assert key_of(figure)[:3] == ["arithmetic", "facts", "joint"]
    alone = study.draw(kind="dots", measure="facts", x="size")
    assert key_of(alone)[:2] == ["facts", "joint"]


def test_more_facets_than_fit_go_on_in_the_next_row():
    cells = [make_cell("arithmetic", SIZES["n14"], learning_rate=rate / 1000) for rate in range(1, 7)]
    figure = MeasuredStudy(cells, (0, 1)).draw(kind="curves", measure="held-out", facet="learning_rate")
    panels = visible_axes(figure)
    assert len(panels) == 6
    assert [panel.get_xlabel() for panel in panels] == ["", "", "updates", "updates", "updates", "updates"]


def test_numbers_get_colours_from_dark_to_light_and_names_colours_of_their_own(depth, rates):
    spec = depth.tables["summary"]
    shades = [level.colour for level in view.make_view(_spec("lines", "width"), spec, "").colours]
    lightness = [sum(int(shade[place : place + 2], 16) for place in (1, 3, 5)) for shade in shades]
    assert lightness == sorted(lightness)
    assert len(set(shades)) == len(LAYERS)
    named = view.make_view(_spec("lines", "learning_rate"), rates.tables["summary"], "").colours
    assert [level.colour for level in named] == [style.BLUE, style.ORANGE]


def _spec(kind, x):
    return StudyFigure(kind, ("held-out",), x)


def test_the_same_tables_give_the_same_bytes(other, tmp_path):
    for name in ("first", "second"):
        figure = other.draw(kind="dots", measure="held-out", x="size")
        with style.styled():
            style.save(figure, tmp_path / f"{name}.pdf", tmp_path / f"{name}.png")
    for kind in ("pdf", "png"):
        assert (tmp_path / f"first.{kind}").read_bytes() == (tmp_path / f"second.{kind}").read_bytes()


def test_the_command_draws_from_tables_alone(other, tmp_path):
    arguments = ["--kind", "curves", "--measure", "held-out", "--colour", "size"]
    for name in ("runs", "summary", "history"):
        write_frame(tmp_path / f"{name}.parquet", other.tables[name], {})
        arguments += [f"--{name}", tmp_path / f"{name}.parquet"]
    files = ["--title", "A study", "--pdf", tmp_path / "drawn.pdf", "--png", tmp_path / "drawn.png"]
    run_command("draw-measures", *arguments, *files)
    figure = other.draw(kind="curves", measure="held-out", colour="size")
    with style.styled():
        style.save(figure, tmp_path / "expected.pdf", tmp_path / "expected.png")
    assert (tmp_path / "drawn.png").read_bytes() == (tmp_path / "expected.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kind", "dots", "--measure", "nosuch", "--x", "size"], "--measure: 'nosuch' is not one of held-out"),
        (["--kind", "curves", "--measure", "seen"], "--history: is missing"),
        (["--kind", "dots", "--measure", "time-to-fit", "--x", "size"], "--dynamics: is missing"),
        (["--kind", "dots", "--measure", "seen", "--x", "stream"], "figure.x: 'stream' has one value, fixed"),
    ],
)
def test_a_command_line_that_cannot_be_drawn_is_refused(other, tmp_path, arguments, said):
    words = list(arguments)
    for name in ("runs", "summary"):
        write_frame(tmp_path / f"{name}.parquet", other.tables[name], {})
        words += [f"--{name}", tmp_path / f"{name}.parquet"]
    files = ["--title", "A study", "--pdf", tmp_path / "drawn.pdf", "--png", tmp_path / "drawn.png"]
    with pytest.raises(SystemExit, match=said):
        run_command("draw-measures", *words, *files)
