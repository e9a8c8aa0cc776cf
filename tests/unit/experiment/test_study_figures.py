"""Figures of a study from the configuration: what is refused, by key, and what the rest become."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser

import pytest

from capacity.commands import draw_measures
from capacity.dictionary.study_measures import MEASURES
from capacity.errors import ConfigurationError, InputError
from capacity.experiment.cell import make_cell
from capacity.experiment.study_figures import StudyFigure, study_figures
from capacity.paper.protocol import SIZES
from tests.support.configuration_slips import SMALL, changed, message, study

GRID = {
    "task": ["arithmetic"],
    "layers": [1, 2],
    "heads": [1],
    "width": [14, 28],
    "mlp_factor": [1],
    "learning_rate": [0.001, 0.01],
    "seeds": [0],
}
FACTS = {"task": ["facts"], "size": ["n14"], "seeds": [0]}
BOTH = {"task": ["joint"], "size": ["n14"], "seeds": [0]}
ONE_PAIR = {"task": ["arithmetic"], "size": ["n14"], "seeds": [0], "held_out": [[[3, 4]], [[2, 9]], [[5, 7]]]}
KEY = "studies.one.figures.ours"


def with_figure(entry, *grids, name="ours"):
    """A configuration whose study has the grids, by default layers x width x rate, and one figure."""
    return changed(
        "studies.one", {"title": "One", "grids": list(grids or [GRID]), "figures": {name: entry}}, config=SMALL
    )


def lines(**more):
    return {"kind": "lines", "measure": "held-out", "x": "width", **more}


@pytest.mark.parametrize(
    ("entry", "key", "words"),
    [
        ({"kind": "lines"}, f"{KEY}.measure", ("is missing",)),
        ({"kind": "line", "measure": "seen", "x": "width"}, f"{KEY}.kind", ("'line'", "did you mean 'lines'")),
        (lines(measure="heldout"), f"{KEY}.measure", ("'heldout'", "did you mean 'held-out'")),
        (lines(measure=["seen", "los"]), f"{KEY}.measure[1]", ("'los'", "did you mean 'loss'")),
        (lines(measure=[]), f"{KEY}.measure", ("at most 4",)),
        (lines(measure=["seen", "seen"]), f"{KEY}.measure", ("appears twice",)),
        (lines(measure=3), f"{KEY}.measure", ("3", "the name of a measure")),
        (lines(x="widht"), f"{KEY}.x", ("'widht'", "did you mean 'width'")),
        (lines(color="layers"), f"{KEY}.color", ("unknown key", "did you mean 'colour'")),
        (lines(colour="layer"), f"{KEY}.colour", ("'layer'", "did you mean 'layers'")),
        (lines(facet="seeds"), f"{KEY}.facet", ("'seeds'",)),
        ({"kind": "lines", "measure": "seen"}, f"{KEY}.x", ("is missing", "'lines'")),
        ({"kind": "map", "measure": "seen", "x": "width"}, f"{KEY}.y", ("is missing", "'map'")),
        (
            {"kind": "map", "measure": "seen", "x": "width", "y": "layers", "colour": "stream"},
            f"{KEY}.colour",
            ("map",),
        ),
        ({"kind": "curves", "measure": "seen", "x": "width"}, f"{KEY}.x", ("no place", "colour, facet")),
        (lines(y="layers"), f"{KEY}.y", ("no place",)),
        (lines(colour="width"), f"{KEY}.colour", ("'width' is x already",)),
        (lines(x="dropout"), f"{KEY}.x", ("'dropout' has one value, 0", "what varies is layers, width, learning_rate")),
        (lines(colour="stream"), f"{KEY}.colour", ("'stream' has one value, fixed",)),
        (lines(measure="facts"), f"{KEY}.measure", ("'facts'", "arithmetic with stream fixed", "held-out")),
        (lines(measure=["seen", "bits"]), f"{KEY}.measure", ("'bits'", "arithmetic")),
        ({"kind": "curves", "measure": "order-bits"}, f"{KEY}.measure", ("has no curve", "seen")),
        ({"kind": "dots", "measure": "all-right", "x": "seen"}, f"{KEY}.measure", ("'all-right'", "scatter")),
        ({"kind": "dots", "measure": "seen", "x": "time-to-fit"}, f"{KEY}.x", ("'time-to-fit'", "scatter")),
        ({"kind": "dots", "measure": "seen", "x": "seen"}, f"{KEY}.x", ("is the measure already",)),
        (lines(x="pairs"), f"{KEY}.x", ("'pairs'",)),
    ],
)
def test_a_figure_that_cannot_be_is_refused_by_its_key(entry, key, words):
    said = message(with_figure(entry))
    assert said.startswith(f"{key}:")
    for part in words:
        assert part in said


def test_too_many_axes_are_refused_with_the_study_the_figure_and_the_axes():
    said = message(
        with_figure(
            {"kind": "map", "measure": "seen", "x": "width", "y": "layers"}, GRID | {"stream": ["fixed", "aligned"]}
        )
    )
    assert said.startswith(f"{KEY}: the cells vary in width, layers, stream, learning_rate")
    assert "no place left for learning_rate" in said
    assert "give two axes one place, as in facet: [stream, learning_rate]" in said


def test_too_many_values_are_refused():
    many = GRID | {"learning_rate": [0.001 * number for number in range(1, 12)]}
    said = message(with_figure(lines(colour="learning_rate"), many))
    assert said.startswith(f"{KEY}.colour: 'learning_rate' has 11 values, more than the 10")


def test_pairs_are_for_cells_that_hold_out_one_each():
    pairs = {"kind": "map", "measure": "held-out", "x": "pairs"}
    assert study(with_figure(pairs, ONE_PAIR)).figures["ours"] == StudyFigure("map", ("held-out",), "pairs")
    two = ONE_PAIR | {"held_out": [[[3, 4]], [[2, 9], [1, 1]]]}
    assert "hold out one pair each" in message(with_figure(pairs, two))
    assert message(with_figure(pairs | {"y": "width"}, ONE_PAIR)).startswith(f"{KEY}.y: 'width' has no place")


@pytest.mark.parametrize("name", ["index", "tradeoff", "arithmetic", "answers"])
def test_names_that_every_study_has_are_refused(name):
    assert message(with_figure(lines(), name=name)).startswith(f"studies.one.figures.{name}: every study has")


@pytest.mark.parametrize("name", ["Ours", "9", "a" * 41, "a_b", "../up"])
def test_names_that_are_no_names_are_refused(name):
    assert "must be a name" in message(with_figure(lines(), name=name))


def test_no_more_than_twenty_figures_are_taken():
    config = with_figure(lines())
    config["studies"]["one"]["figures"] = {f"f{number}": lines() for number in range(21)}
    assert message(config).startswith("studies.one.figures: ")


def test_axes_that_vary_become_colour_then_facet():
    figures = study(with_figure(lines())).figures
    assert figures["ours"] == StudyFigure("lines", ("held-out",), "width", colour=("layers",), facet=("learning_rate",))
    told = study(with_figure(lines(facet="layers"))).figures["ours"]
    assert (told.colour, told.facet) == (("learning_rate",), ("layers",))
    told = study(with_figure({"kind": "map", "measure": "seen", "x": "width", "y": "layers"})).figures["ours"]
    assert (told.colour, told.facet) == ((), ("learning_rate",))
    told = study(with_figure({"kind": "dots", "measure": "order-bits", "x": "held-out", "colour": "size"})).figures[
        "ours"
    ]
    assert (told.colour, told.facet) == (("size",), ("learning_rate",))
    assert told.x_measure is MEASURES["held-out"]


def test_several_axes_may_have_one_place():
    """As where one size alone was trained for longer too, and a product of both axes would be half empty."""
    longer = GRID | {"width": [14], "iterations": [6000]}
    entry = lines(colour="layers", facet=["learning_rate", "iterations"])
    figure = study(with_figure(entry, GRID, longer)).figures["ours"]
    assert (figure.colour, figure.facet) == (("layers",), ("learning_rate", "iterations"))
    assert figure.told == ("width", "layers", "learning_rate", "iterations")
    said = message(with_figure(lines(facet=["learning_rate", "layrs"])))
    assert said.startswith(f"{KEY}.facet[1]: 'layrs'")
    assert message(with_figure(lines(facet=["layers", "width"]))).startswith(f"{KEY}.facet: 'width' is x already")


def test_only_cells_that_have_the_measure_count():
    """A cell of facts has nothing held out, so the task does not vary among those that are shown."""
    figure = study(with_figure(lines(x="learning_rate", colour="size"), GRID, FACTS)).figures["ours"]
    assert figure.facet == ()
    assert message(with_figure(lines(x="task"), GRID, FACTS)).startswith(f"{KEY}.x: 'task' has one value, arithmetic")


def test_a_figure_reads_the_tables_of_the_tasks_that_it_shows():
    entry = {"kind": "dots", "measure": ["facts", "time-to-fit-facts", "margins"], "x": "task"}
    one = study(with_figure(entry, FACTS, BOTH))
    figure = one.figures["ours"]
    assert figure.tables == ("runs", "summary", "history", "dynamics")
    assert figure.tasks(one.cells.values()) == ["facts", "joint"]
    alone = study(with_figure(lines(), GRID, FACTS))
    assert alone.figures["ours"].tasks(alone.cells.values()) == ["arithmetic"]
    assert alone.figures["ours"].tables == ("runs", "summary")
    assert StudyFigure("curves", ("seen",)).tables == ("runs", "summary", "history")


def test_null_and_nothing_are_no_figures():
    config = with_figure(lines())
    config["studies"]["one"]["figures"] = None
    assert study(config).figures == {}
    del config["studies"]["one"]["figures"]
    assert study(config).figures == {}


def test_a_figure_for_which_the_cells_of_a_budget_do_not_suffice_is_left_out_under_it():
    """And the same figure is refused where no budget would suffice."""
    grid = {"task": ["arithmetic"], "size": ["n14", "wide"]}
    config = with_figure({"kind": "dots", "measure": "held-out", "x": "size"}, grid)
    assert list(study(config).figures) == ["ours"]
    config["budgets"]["small"]["leave_out"] = [{"size": ["wide"]}]
    one = study(config)
    assert one.figures == {}
    with pytest.raises(InputError, match="'one' has no figure 'ours' under this budget; it has none of its own"):
        one.figure("ours")
    assert "has one value" in message(
        with_figure({"kind": "dots", "measure": "held-out", "x": "size"}, FACTS | {"task": ["joint"]})
    )


def test_a_facet_that_does_not_vary_under_a_budget_is_left_out_under_it():
    grid = {"task": ["arithmetic", "joint"], "size": ["n14", "wide"]}
    config = with_figure({"kind": "dots", "measure": "held-out", "x": "size", "facet": "task"}, grid)
    assert study(config).figures["ours"].facet == ("task",)
    config["budgets"]["small"]["leave_out"] = [{"task": ["joint"]}]
    assert study(config).figures["ours"] == StudyFigure("dots", ("held-out",), "size")


@pytest.mark.parametrize(
    "figure",
    [
        StudyFigure("lines", ("held-out", "seen"), "width", colour=("layers",), facet=("learning_rate",)),
        StudyFigure("map", ("loss",), "pairs"),
        StudyFigure("curves", ("seen",), facet=("stream", "iterations")),
        StudyFigure("dots", ("seen",), "held-out", colour=("width",), pooled=("stream", "iterations")),
    ],
)
def test_the_options_of_the_command_say_the_whole_figure(figure):
    parser = ArgumentParser()
    draw_measures.add_arguments(parser)
    more = ["--runs", "r", "--summary", "s", "--title", "t", "--pdf", "p", "--png", "q"]
    read = parser.parse_args([*shlex.split(figure.options()), *more])
    axes = (tuple(getattr(read, role)) for role in ("colour", "facet", "pooled"))
    again = StudyFigure(read.kind, tuple(read.measure), read.x, read.y, *axes)
    assert again == figure


def test_an_optional_figure_is_left_out_where_its_cells_do_not_have_it_and_still_refused_by_an_unknown_name():
    cells = [make_cell("facts", SIZES["n14"])]
    for entry in (
        {"kind": "dots", "measure": "held-out", "x": "size"},
        {"kind": "lines", "measure": "order-bits", "x": "parameters"},
    ):
        with pytest.raises(ConfigurationError, match=r"studies\.own\.figures\.one"):
            study_figures("own", {"one": entry}, cells)
        assert study_figures("own", {"one": entry | {"optional": True}}, cells) == {}
        with pytest.raises(ConfigurationError, match="'held-owt'"):
            study_figures("own", {"one": entry | {"optional": True, "measure": "held-owt"}}, cells)
    sizes = [make_cell("arithmetic", SIZES[name]) for name in ("n14", "n28")]
    shown = {"one": {"kind": "dots", "measure": "held-out", "x": "size", "optional": True}}
    assert list(study_figures("own", shown, sizes)) == ["one"]


def test_a_scatter_may_pool_axes_and_nothing_else_may():
    cells = [
        make_cell("arithmetic", SIZES[size], learning_rate=rate) for size in ("n14", "n28") for rate in (0.01, 0.02)
    ]
    entry = {"kind": "dots", "measure": "seen", "x": "held-out", "colour": "size", "pooled": "learning_rate"}
    figure = study_figures("own", {"one": entry}, cells)["one"]
    assert (figure.colour, figure.facet, figure.pooled) == (("size",), (), ("learning_rate",))
    for change, key in (
        ({"x": "size", "colour": []}, "pooled: 'learning_rate' can be pooled in a scatter of runs alone"),
        ({"pooled": "learning-rate"}, "pooled: 'learning-rate'"),
        ({"pooled": "size"}, "pooled: 'size' is colour already"),
    ):
        with pytest.raises(ConfigurationError, match=f"studies.own.figures.one.{key}"):
            study_figures("own", {"one": entry | change}, cells)
