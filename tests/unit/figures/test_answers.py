from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from capacity.experiment.cell import make_cell
from capacity.figures import style
from capacity.paper.protocol import SIZES
from capacity.tables.frames import write_frame
from tests.support.commands import run_command
from tests.support.drawn_pages import drawn_texts, outside, overlaps
from tests.support.handmade_figures import DIVERGED, STUDIES, GeneralizingStudy, visible_axes


@pytest.fixture(scope="module")
def studies():
    return {name: GeneralizingStudy(cells) for name, cells in STUDIES.items()}


@pytest.fixture(scope="module")
def one(studies):
    return studies["one"]


@pytest.mark.parametrize("study", STUDIES)
def test_no_text_overlaps_another_or_leaves_the_page(studies, study, monkeypatch):
    figure = studies[study].draw("answers", "The paper's 12 base cells")
    texts = drawn_texts(figure, monkeypatch)
    assert len(texts) > 10
    assert overlaps(texts) == []
    assert outside(figure, texts) == []


def test_there_are_panels_for_each_cell_with_arithmetic_and_none_for_facts(studies):
    titles = [axis.get_title() for axis in visible_axes(studies["base"].draw("answers"))]
    cells = [title.split("\n")[0] for title in titles if "\n" in title]
    assert cells == [f"{task}, {size}" for task in ("arithmetic", "joint") for size in SIZES]
    assert all("4 seeds, 1 diverged" in title for title in titles if "\n" in title)


def test_cells_of_one_size_are_told_apart_and_departing_ones_marked(studies):
    titles = [axis.get_title() for axis in visible_axes(studies["decay"].draw("answers")) if "\n" in axis.get_title()]
    assert titles == ["arithmetic, n14\npaper", "arithmetic, n14\nweight_decay-0.1"]
    figure = studies["short"].draw("answers")
    assert "arithmetic, n14†\n4 seeds, 1 diverged" in [axis.get_title() for axis in visible_axes(figure)]
    note = " ".join(figure.get_supxlabel().split())
    assert "arithmetic n14, n28, n56, mlt; joint n14, n28, n56, mlt: iterations 3000 (paper: 30000)." in note


def test_a_study_without_arithmetic_is_refused():
    with pytest.raises(ValueError, match=r"'answers'.*no arithmetic or joint cells; it trains facts"):
        GeneralizingStudy([make_cell("facts", SIZES["n14"])]).draw("answers")


@pytest.mark.parametrize("seeds", [(0,), (2,), (DIVERGED,)])
def test_one_run_is_enough_whatever_became_of_it(seeds):
    FigureCanvasAgg(GeneralizingStudy(STUDIES["one"], seeds).draw("answers")).draw()


def test_squares_show_the_share_of_seeds_right_and_outline_what_is_held_out(one):
    """Seed s answers right where a + b > s, so 0+0 is right in no seed, 1+0 in one of four, and 9+9 in all."""
    addition, subtraction = visible_axes(one.draw("answers"))[:2]
    for axis in (addition, subtraction):
        shares = axis.images[0].get_array()
        assert shares.shape == (10, 10)
        assert (shares[0, 0], shares[1, 0], shares[0, 2], shares[9, 9]) == (0, 0.25, 0.5, 1)
        assert axis.images[0].get_clim() == (0, 1)
        corners = {patch.get_xy() for patch in axis.patches if isinstance(patch, Rectangle)}
        assert corners == {(6.5, 4.5), (4.5, 6.5)}  # 5 and 7, and 7 and 5
        assert {to_hex(patch.get_edgecolor()) for patch in axis.patches} == {to_hex(style.ORANGE)}


def test_the_left_operand_runs_down_and_what_was_not_asked_is_crossed(one):
    study = GeneralizingStudy(one.cells)
    study.expressions = study.expressions[(study.expressions["left"] != 3) | (study.expressions["right"] != 8)]
    study.expressions.loc[(study.expressions["left"] == 2) & (study.expressions["right"] == 9), "share"] = 0.125
    axis = visible_axes(study.draw("answers"))[0]
    assert axis.images[0].get_array()[2, 9] == 0.125
    (crosses,) = [line for line in axis.lines if line.get_marker() == "x"]
    assert crosses.get_xydata().tolist() == [[8, 3]]


def test_the_command_draws_the_tables_of_several_tasks_and_the_same_bytes_again(studies, tmp_path):
    study = studies["two"]
    arguments = []
    for name in ("expressions", "summary"):
        frame = getattr(study, name)
        arguments.append(f"--{name}")
        for task in ("arithmetic", "joint"):
            arguments.append(tmp_path / f"{task}-{name}.parquet")
            write_frame(arguments[-1], frame[frame["task"] == task], {})
    drawn = []
    for folder in ("first", "second"):
        pdf, png = (tmp_path / folder / f"figure.{kind}" for kind in ("pdf", "png"))
        run_command("draw-answers", *arguments, "--title", "A study", "--pdf", pdf, "--png", png)
        drawn.append([pdf.read_bytes(), png.read_bytes()])
    assert drawn[0] == drawn[1]
    with style.styled():
        style.save(study.draw("answers"), tmp_path / "expected.pdf", tmp_path / "expected.png")
    assert drawn[0][1] == (tmp_path / "expected.png").read_bytes()
