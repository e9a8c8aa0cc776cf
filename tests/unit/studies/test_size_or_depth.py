"""Maps on which depth, width, both or neither decide, and maps that are too small."""

from __future__ import annotations

import pytest

from capacity.paper.protocol import Size
from capacity.studies import size_or_depth
from capacity.studies.groups import Group
from tests.support.handmade_answers import NOTHING, cell, draws, runs_of, tables
from tests.support.handmade_results import SEEN

DEPTHS, WIDTHS = (1, 2, 4), (14, 28, 56)
SETTINGS = {"rule": "size-or-depth", "measure": "held-out"}


def layered(right, total=10, rate=0.01, **values):
    """A map of runs; ``right`` tells of a depth and a width how many have all held-out expressions right."""
    return [
        runs_of(cell(Size(depth, 1, width, 1), learning_rate=rate), total, right(depth, width), **values)
        for depth in DEPTHS
        for width in WIDTHS
    ]


def asked(evaluations, settings=SETTINGS):
    return size_or_depth.answer(settings, tables(evaluations), draws())


@pytest.mark.parametrize("measure", ["held-out", "all-right"])
@pytest.mark.parametrize(
    ("right", "outcome"),
    [
        (lambda depth, width: 2 * depth, "depth"),
        (lambda depth, width: 10 - 2 * depth, "depth"),
        (lambda depth, width: {14: 9, 28: 5, 56: 1}[width], "width"),
        (lambda depth, width: {14: 0, 28: 2, 56: 4}[width] + depth, "both"),
        (lambda depth, width: 0, "neither"),
    ],
)
def test_the_map_says_what_decides(right, outcome, measure):
    found = asked(layered(right), SETTINGS | {"measure": measure})
    assert found.outcome == outcome
    assert (found.runs, found.diverged) == (90, 0)
    assert (
        f"{found.outcome[0].upper()}{found.outcome[1:]}: over 9 cells of 3 depths x 3 widths, 90 runs" in found.sentence
    )


def test_the_other_endpoint_the_fitted_runs_and_each_rate_stand_beside():
    fitted = layered(lambda depth, width: 2 * depth, total=10)
    found = asked([*fitted, *layered(lambda depth, width: 5, rate=0.001, seen=SEEN - 50)])
    rows = {row[0]: row[1:] for row in found.tables[2].rows}
    assert list(rows) == [
        "all held-out expressions right",
        "share of the held-out expressions right, of the runs that fit the seen",
        "share of the held-out expressions right, learning rate 0.001",
        "share of the held-out expressions right, learning rate 0.01",
    ]
    assert [row[0] for row in rows.values()] == [90, 90, 90, 90]
    assert rows["share of the held-out expressions right, learning rate 0.001"][2] == 1
    assert rows["share of the held-out expressions right, learning rate 0.01"][2] < 0.05


def test_few_runs_cannot_be_told():
    assert asked(layered(lambda depth, width: depth == 4, total=1)).outcome == "cannot be told"


def test_the_direction_is_said():
    assert "at fixed width it rises with depth" in asked(layered(lambda depth, width: 2 * depth)).sentence
    assert "at fixed depth it falls with width" in asked(layered(lambda depth, width: 9 if width == 14 else 1)).sentence


def test_each_cell_has_the_rate_that_fits_the_seen_best_whatever_it_does_held_out():
    fitting = layered(lambda depth, width: 2 * depth)
    generalizing = layered(lambda depth, width: 10, rate=0.001, seen=SEEN - 50)
    found = asked([*fitting, *generalizing])
    assert found.outcome == "depth"
    assert {row[3] for row in found.tables[0].rows} == {0.01}
    tied = asked([*fitting, *layered(lambda depth, width: 10, rate=0.001, loss=0.4)])
    assert {row[3] for row in tied.tables[0].rows} == {0.001}  # as many seen, and a lower loss


def test_cells_with_another_recipe_are_not_of_the_map():
    other = [runs_of(cell(Size(2, 2, 28, 4)), 10, 10), runs_of(cell(Size(1, 1, 14, 1), iterations=300), 10, 0)]
    found = asked([*layered(lambda depth, width: 2 * depth), *other])
    assert found.runs == 90
    assert "2 cells of the study are not of this map" in found.change


def test_empty_cells_of_the_map_are_named():
    found = asked(layered(lambda depth, width: 2 * depth)[1:])
    assert "its 1 empty cells (layers 1, width 14)" in found.change


def test_a_map_of_one_row_is_not_run():
    found = asked(layered(lambda depth, width: 0)[:3])
    assert (found.outcome, found.runs) == ("not run", 0)
    assert size_or_depth.answer(SETTINGS, NOTHING, draws()).outcome == "not run"


def test_pairs_have_nearly_the_same_number_of_parameters_and_each_network_once():
    def network(depth, parameters):
        return Group({"layers": depth, "width": 1}, (1.0,), 1, 0, parameters)

    one, other, third, far = network(1, 1000), network(2, 1100), network(4, 1200), network(4, 9000)
    assert size_or_depth.matched_pairs([third, far, other, one]) == [(other, third)]
    assert size_or_depth.matched_pairs([one, network(1, 1000)]) == []
    assert (
        "No two networks of different depth"
        in asked([runs_of(cell(Size(depth, 1, width, 1)), 5, 1) for depth in (1, 6) for width in (14, 56)]).sentence
    )
