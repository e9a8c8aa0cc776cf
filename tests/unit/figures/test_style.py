from __future__ import annotations

import matplotlib
import numpy
import pandas as pd
import pytest

from capacity.figures import style
from tests.support.handmade_figures import STUDIES, GeneralizingStudy


@pytest.fixture(scope="module")
def one():
    return GeneralizingStudy(STUDIES["one"])


def test_the_style_lasts_as_long_as_the_block():
    before = matplotlib.rcParams["font.size"]
    with style.styled():
        assert matplotlib.rcParams["font.size"] == style.STYLE["font.size"]
    assert matplotlib.rcParams["font.size"] == before


def test_seeds_are_counted_in_words():
    assert (style.count_seeds(1), style.count_seeds(3)) == ("1 seed", "3 seeds")


def test_cells_come_in_rows_of_one_task():
    cells = {"arithmetic": [pd.Series({"size": size}) for size in "abc"], "joint": [pd.Series({"size": "a"})]}
    rows = [(task, [cell["size"] for cell in row]) for task, row in style.in_rows(cells, 2)]
    assert rows == [("arithmetic", ["a", "b"]), ("arithmetic", ["c"]), ("joint", ["a"])]


@pytest.mark.parametrize("name", ["dynamics", "answers"])
def test_a_settled_figure_stays_where_it_was_laid_out_at_rounded_places(one, name):
    figure = one.draw(name)
    for _ in range(2):
        figure.draw_without_rendering()
    before = [axis.get_position(original=True).get_points() for axis in figure.axes]
    before += [part.bbox_relative.get_points() for part in figure.subfigs]
    style.settle(figure)
    figure.draw_without_rendering()
    after = [axis.get_position(original=True).get_points() for axis in figure.axes]
    after += [part.bbox_relative.get_points() for part in figure.subfigs]
    for old, new in zip(before, after, strict=True):
        assert new == pytest.approx(old, abs=1e-5)
        assert numpy.array_equal(new, new.round(6))
