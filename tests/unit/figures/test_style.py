from __future__ import annotations

from xml.etree import ElementTree

import matplotlib
import numpy
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pypdf import PdfReader

from capacity.experiment.cell import make_cell
from capacity.figures import style
from capacity.paper.protocol import SIZES
from tests.support import colour_vision
from tests.support.drawn_pages import drawn_texts, outside, overlaps
from tests.support.handmade_figures import DIVERGED, STUDIES, GeneralizingStudy, visible_axes

both = pytest.mark.parametrize("figure_name", ["answers", "dynamics"])
"""The figures of every cell with arithmetic."""


def test_the_style_lasts_as_long_as_the_block():
    before = matplotlib.rcParams["font.size"]
    with style.styled():
        assert matplotlib.rcParams["font.size"] == style.STYLE["font.size"]
    assert matplotlib.rcParams["font.size"] == before


@pytest.mark.parametrize("vision", colour_vision.VISIONS)
def test_colours_are_told_apart_with_every_kind_of_colour_vision(vision):
    distance, *pair = colour_vision.nearest(style.NAMED_COLOURS, vision)
    assert distance > 15, pair


def test_colours_are_seen_on_white():
    assert [colour for colour in style.NAMED_COLOURS if colour_vision.contrast(colour, "#FFFFFF") < 2] == []


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


@both
@pytest.mark.parametrize("study", STUDIES)
def test_no_text_overlaps_another_or_leaves_the_page(studies, study, figure_name, monkeypatch):
    figure = studies[study].draw(figure_name, "The paper's 12 base cells")
    texts = drawn_texts(figure, monkeypatch)
    assert len(texts) > 10
    assert overlaps(texts) == []
    assert outside(figure, texts) == []


@both
def test_there_are_panels_for_each_cell_with_arithmetic_and_none_for_facts(studies, figure_name):
    titles = [axis.get_title() for axis in visible_axes(studies["base"].draw(figure_name))]
    cells = [title.split("\n")[0] for title in titles if "\n" in title]
    assert cells == [f"{task}, {size}" for task in ("arithmetic", "joint") for size in SIZES]
    assert all("4 seeds, 1 diverged" in title for title in titles if "\n" in title)


@both
def test_cells_of_one_size_are_told_apart_and_departing_ones_marked(studies, figure_name):
    titles = [axis.get_title() for axis in visible_axes(studies["decay"].draw(figure_name)) if "\n" in axis.get_title()]
    assert titles == ["arithmetic, n14\nno weight decay", "arithmetic, n14\nweight decay 0.1"]
    figure = studies["short"].draw(figure_name)
    assert "arithmetic, n14†\n4 seeds, 1 diverged" in [axis.get_title() for axis in visible_axes(figure)]
    note = " ".join(figure.get_supxlabel().split())
    assert "arithmetic n14, n28, n56, mlt; joint n14, n28, n56, mlt: iterations 3000 (paper: 30000)." in note


@both
def test_a_study_without_arithmetic_is_refused(figure_name):
    with pytest.raises(ValueError, match=rf"'{figure_name}'.*no arithmetic or joint cells; it trains facts"):
        GeneralizingStudy([make_cell("facts", SIZES["n14"])]).draw(figure_name)


@both
@pytest.mark.parametrize("seeds", [(0,), (2,), (DIVERGED,)])
def test_one_run_is_enough_whatever_became_of_it(seeds, figure_name):
    FigureCanvasAgg(GeneralizingStudy(STUDIES["one"], seeds).draw(figure_name)).draw()


@pytest.mark.parametrize("name", ["tradeoff", "arithmetic"])
def test_the_same_tables_give_the_same_bytes(four, name, tmp_path):
    first, second = (four.save(name, tmp_path / folder) for folder in ("first", "second"))
    for kind in ("pdf", "png", "svg"):
        assert (first / f"figure.{kind}").read_bytes() == (second / f"figure.{kind}").read_bytes()


@pytest.mark.parametrize("name", ["tradeoff", "facts"])
def test_the_pdf_holds_its_fonts_and_its_text(laptop, name, tmp_path):
    reader = PdfReader(laptop.save(name, tmp_path / "once") / "figure.pdf")
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


@pytest.mark.parametrize("title", ["$x$", r"\$1 and $2", "a^2 $\\frac{1}{2}$", "<b>n</b> & $\\undefined$"])
def test_a_title_is_drawn_as_it_is_written(title):
    """No formula comes of dollars, and none that cannot be read stops a figure."""
    figure = Figure()
    style.legend(figure, title, handles=[Line2D([], [], label="a")])
    (legend,) = figure.legends
    drawn = legend.get_title()
    assert (drawn.get_text(), drawn.get_parse_math()) == (title, False)
    figure.draw_without_rendering()


def test_a_title_makes_no_element_and_no_letter_that_needs_a_font_in_an_svg(four, tmp_path):
    with style.styled():
        for name, title in (("plain", "A study"), ("hostile", "--></svg><script>owned=1</script>&amp;<!--")):
            style.save(four.draw("tradeoff", title), tmp_path / f"{name}.svg")
    plain, hostile = (
        {element.tag.partition("}")[2] for element in ElementTree.parse(tmp_path / f"{name}.svg").iter()}
        for name in ("plain", "hostile")
    )
    assert plain == hostile
    assert not {"script", "text", "image"} & hostile
