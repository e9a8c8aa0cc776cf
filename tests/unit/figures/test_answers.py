from __future__ import annotations

from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from capacity.figures import style
from tests.support.handmade_figures import GeneralizingStudy, drawn_of_two_tasks, visible_axes


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


def test_larger_operands_have_larger_squares(studies):
    """The cell of digits has its squares on the left, and that of operands to 12 on the right."""
    panels = visible_axes(studies["range"].draw("answers"))[:4]
    assert [panel.images[0].get_array().shape for panel in panels] == [(10, 10), (13, 13)] * 2
    assert [panel.get_xticks().tolist() for panel in panels] == [[0, 3, 6, 9], [0, 4, 8, 12]] * 2
    assert panels[1].images[0].get_array()[12, 12] == 1
    assert {patch.get_xy() for patch in panels[1].patches} == {(6.5, 4.5), (4.5, 6.5)}
    assert not any(line.get_xdata().size for panel in panels for line in panel.lines)


def test_the_command_draws_the_tables_of_several_tasks_and_the_same_bytes_again(studies, tmp_path):
    study = studies["two"]
    tables = {"--expressions": study.expressions, "--summary": study.summary}
    drawn = [drawn_of_two_tasks("draw-answers", tables, tmp_path / folder) for folder in ("first", "second")]
    assert drawn[0] == drawn[1]
    with style.styled():
        style.save(study.draw("answers"), tmp_path / "expected.pdf", tmp_path / "expected.png")
    assert drawn[0][1] == (tmp_path / "expected.png").read_bytes()
