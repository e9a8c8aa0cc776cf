"""The figures of a study with arithmetic: when runs generalize and lose it, and which expressions they answer."""

from __future__ import annotations

import math

import matplotlib
import numpy
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from capacity.corpora import corpus
from capacity.experiment.cell import make_cell
from capacity.figures import answers, dynamics, style
from capacity.figures.dynamics import ALL, NOT_ALL
from capacity.figures.style import STYLE
from capacity.paper.protocol import SIZES, Size
from capacity.storage import evaluations
from capacity.tables import expressions
from capacity.tables.dynamics import by_run
from capacity.tables.frames import write_frame
from tests.support.drawn_pages import drawn_texts, outside, overlaps
from tests.support.handmade_results import evaluation, frames, run

# Of the four held-out expressions, how many are right at each evaluation: kept, lost, never had, and diverged.
RIGHT = {0: [0, 4, 4, 4, 4], 1: [0, 2, 4, 1, 0], 2: [0, 1, 0, 1, 0], 3: [0, 0, 1, 0, 0]}
DIVERGED = 3
STUDIES = {
    "base": [make_cell(task, size) for task in ("arithmetic", "facts", "joint") for size in SIZES.values()],
    "short": [make_cell(task, size, iterations=3000) for task in ("arithmetic", "joint") for size in SIZES.values()],
    "ladder": [make_cell("arithmetic", Size(1, 1, width, 1)) for width in (8, 10, 12, 14, 16, 20)],
    "decay": [make_cell("arithmetic", SIZES["n14"], weight_decay=decay) for decay in (0.0, 0.1)],
    "two": [make_cell(task, SIZES["n14"]) for task in ("arithmetic", "joint")],
    "one": [make_cell("joint", SIZES["n28"])],
}


class Study:
    """The tables of some cells; every expression of the corpus is asked, and seed s answers those with a + b over s."""

    def __init__(self, cells, seeds=tuple(RIGHT)):
        self.cells = cells
        histories, evaluated = [], []
        for cell in cells:
            histories += [self._history(cell, seed) for seed in seeds]
            evaluated.append(evaluation(cell, [self._run(cell, seed) for seed in seeds]))
        self.history = pd.concat(histories, ignore_index=True)
        self.runs = by_run(self.history)
        _, self.summary = frames(evaluated)
        answers = [
            expressions.items_table(cell, evaluations.split(each)[1])
            for cell, each in zip(cells, evaluated, strict=True)
        ]
        self.items = pa.concat_tables(answers).to_pandas()

    @staticmethod
    def _history(cell, seed):
        right = numpy.array(RIGHT[seed]) / 4
        steps = [round(cell.iterations * number / 4) for number in range(5)]
        frame = pd.DataFrame({"iteration": steps, "stream_loss": 0.5, "held_out": right})
        frame["held_out_margin"] = right * 4 - 2
        if seed == DIVERGED:
            frame.loc[2:, "stream_loss"] = math.nan
            frame.loc[2:, "held_out_margin"] = -math.inf
        if cell.task == "facts":
            frame[["held_out", "held_out_margin"]] = math.nan
        return frame.assign(cell=cell.name, task=cell.task, size=cell.size.name, variant=cell.variant, seed=seed)

    @staticmethod
    def _run(cell, seed):
        one = run(cell, seed, diverged=seed == DIVERGED)
        asked = [line for line in corpus.build(cell) if line.task == "arithmetic"]
        if asked:
            one["items"] = [
                one["items"][0]
                | {"operation": line.operation, "split": line.split, "prompt": line.prompt}
                | {"right": sum(line.operands) > seed}
                for line in asked
            ]
        return one

    def draw(self, name, title="A study"):
        with matplotlib.rc_context(STYLE):
            if name == "answers":
                return figures_answers.draw(self.items, self.summary, title)
            return figures_dynamics.draw(self.history, self.runs, self.summary, title)


@pytest.fixture(scope="module")
def studies():
    return {name: Study(cells) for name, cells in STUDIES.items()}


@pytest.fixture(scope="module")
def one(studies):
    return studies["one"]


def axes_of(figure):
    return [axis for axis in figure.get_axes() if axis.get_visible()]


@pytest.mark.parametrize("name", ["dynamics", "answers"])
@pytest.mark.parametrize("study", STUDIES)
def test_no_text_stands_on_another_or_leaves_the_page(studies, study, name, monkeypatch):
    figure = studies[study].draw(name, "The paper's 12 base cells")
    texts = drawn_texts(figure, monkeypatch)
    assert len(texts) > 10
    assert overlaps(texts) == []
    assert outside(figure, texts) == []


@pytest.mark.parametrize("name", ["dynamics", "answers"])
def test_there_are_panels_for_each_cell_with_arithmetic_and_none_for_facts(studies, name):
    titles = [axis.get_title() for axis in axes_of(studies["base"].draw(name))]
    cells = [title.split("\n")[0] for title in titles if "\n" in title]
    assert cells == [f"{task}, {size}" for task in ("arithmetic", "joint") for size in SIZES]
    assert all("4 seeds, 1 diverged" in title for title in titles if "\n" in title)


@pytest.mark.parametrize("name", ["dynamics", "answers"])
def test_cells_of_one_size_are_told_apart_and_departing_ones_marked(studies, name):
    titles = [axis.get_title() for axis in axes_of(studies["decay"].draw(name)) if "\n" in axis.get_title()]
    assert titles == ["arithmetic, n14\npaper", "arithmetic, n14\nweight_decay-0.1"]
    figure = studies["short"].draw(name)
    assert "arithmetic, n14†\n4 seeds, 1 diverged" in [axis.get_title() for axis in axes_of(figure)]
    note = " ".join(figure.get_supxlabel().split())
    assert "arithmetic n14, n28, n56, mlt; joint n14, n28, n56, mlt: iterations 3000 (paper: 30000)." in note


@pytest.mark.parametrize("name", ["dynamics", "answers"])
def test_a_study_without_arithmetic_is_refused(name):
    with pytest.raises(ValueError, match=rf"'{name}'.*no arithmetic or joint cells; it trains facts"):
        Study([make_cell("facts", SIZES["n14"])]).draw(name)


def test_every_evaluation_of_every_run_has_its_state(one):
    """A row per run, the first to generalize on top: seeds 0 and 1, then those that never did."""
    states = axes_of(one.draw("dynamics"))[0]
    (mesh,) = [each for each in states.collections if isinstance(each, QuadMesh)]
    kept, not_all, diverged = ALL, NOT_ALL, figures_dynamics.DIVERGED
    assert numpy.asarray(mesh.get_array()).reshape(4, 5).tolist() == [
        [not_all, kept, kept, kept, kept],
        [not_all, not_all, kept, not_all, not_all],
        [not_all] * 5,
        [not_all, not_all, diverged, diverged, diverged],
    ]
    edges = mesh.get_coordinates()[0, :, 0]
    assert edges.tolist() == [0, 3750, 11250, 18750, 26250, 30000]


def test_every_run_is_a_line_and_the_mean_another(one):
    _, share, margin, _ = axes_of(one.draw("dynamics"))
    for axis, factor, offset in ((share, 1 / 4, 0), (margin, 1, -2)):
        lines = [line for line in axis.lines if len(line.get_xdata()) == 5]
        assert len(lines) == len(RIGHT) + 1
        for line, right in zip(lines, RIGHT.values(), strict=False):
            known = numpy.isfinite(line.get_ydata())
            expected = numpy.array(right) * factor + offset
            assert line.get_ydata()[known] == pytest.approx(expected[known])
    lines = [line for line in share.lines if len(line.get_xdata()) == 5]
    assert lines[-1].get_ydata() == pytest.approx(numpy.mean(list(RIGHT.values()), axis=0) / 4)


def test_gains_and_losses_are_marked(one):
    share = axes_of(one.draw("dynamics"))[1]
    marked = {line.get_marker(): [float(place) for place in line.get_xdata()] for line in share.lines}
    assert marked["^"] == [7500, 15000]
    assert marked["v"] == [22500]


def test_the_survival_curve_counts_the_runs_that_have_not_generalized_yet(one):
    axis = axes_of(one.draw("dynamics"))[-1]
    curve = axis.lines[0]
    assert list(curve.get_xdata()) == [0, 7500, 15000, 30000]
    assert list(curve.get_ydata()) == pytest.approx([1, 3 / 4, 1 / 2, 1 / 2])
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["n28: 2 of 4 did"]
    low, high = (line.get_ydata() for line in axis.lines[1:3])
    assert all(low <= curve.get_ydata())
    assert all(high >= curve.get_ydata())
    assert [line.get_marker() for line in axis.lines if len(line.get_xdata()) == 1] == ["|"]  # two runs are censored


def test_the_legend_names_divergence_only_where_there_is_some(one):
    def words(study):
        return [text.get_text() for text in study.draw("dynamics").legends[0].get_texts()]

    assert "diverged" in words(one)
    assert "diverged" not in words(Study(one.cells, seeds=(0, 1)))


@pytest.mark.parametrize("name", ["dynamics", "answers"])
@pytest.mark.parametrize("seeds", [(0,), (2,), (DIVERGED,)])
def test_one_run_is_enough_whatever_became_of_it(name, seeds):
    FigureCanvasAgg(Study(STUDIES["one"], seeds).draw(name)).draw()


def test_a_cell_without_a_history_has_empty_panels(studies):
    study = studies["decay"]
    kept = study.history["variant"] == "paper"
    with matplotlib.rc_context(STYLE):
        figure = figures_dynamics.draw(
            study.history[kept], study.runs[study.runs["variant"] == "paper"], study.summary, ""
        )
        FigureCanvasAgg(figure).draw()
    assert [len(text.get_text()) > 0 for text in axes_of(figure)[-1].get_legend().get_texts()] == [True]


def test_squares_show_the_share_of_seeds_right_and_outline_what_is_held_out(one):
    """Seed s answers right where a + b > s, so 0+0 is right in no seed, 1+0 in one of four, and 9+9 in all."""
    addition, subtraction = axes_of(one.draw("answers"))[:2]
    for axis in (addition, subtraction):
        shares = axis.images[0].get_array()
        assert shares.shape == (10, 10)
        assert (shares[0, 0], shares[1, 0], shares[0, 2], shares[9, 9]) == (0, 0.25, 0.5, 1)
        assert axis.images[0].get_clim() == (0, 1)
        corners = {patch.get_xy() for patch in axis.patches if isinstance(patch, Rectangle)}
        assert corners == {(6.5, 4.5), (4.5, 6.5)}  # 5 and 7, and 7 and 5
        assert {to_hex(patch.get_edgecolor()) for patch in axis.patches} == {to_hex(style.ORANGE)}


def test_the_left_operand_runs_down_and_what_was_not_asked_is_crossed(one):
    study = Study(one.cells)
    study.items = study.items[(study.items["left"] != 3) | (study.items["right"] != 8)]
    study.items.loc[(study.items["left"] == 2) & (study.items["right"] == 9), "share"] = 0.125
    axis = axes_of(study.draw("answers"))[0]
    assert axis.images[0].get_array()[2, 9] == 0.125
    (crosses,) = [line for line in axis.lines if line.get_marker() == "x"]
    assert crosses.get_xydata().tolist() == [[8, 3]]


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


@pytest.mark.parametrize("name", ["dynamics", "answers"])
def test_the_stage_draws_the_tables_of_several_tasks_and_the_same_bytes_again(studies, name, tmp_path, monkeypatch):
    study = studies["two"]
    module, inputs = {
        "dynamics": (dynamics, ("history", "runs", "summary")),
        "answers": (answers, ("items", "summary")),
    }[name]
    arguments = [name, "--title", "A study"]
    for each in inputs:
        arguments.append(f"--{each}")
        for task in ("arithmetic", "joint"):
            frame = getattr(study, each)
            arguments.append(f"{tmp_path}/{task}-{each}.parquet")
            write_frame(tmp_path / f"{task}-{each}.parquet", frame[frame["task"] == task], {})
    found = []
    for folder in ("first", "second"):
        paths = [tmp_path / folder / f"figure.{kind}" for kind in ("pdf", "png")]
        monkeypatch.setattr("sys.argv", [*arguments, "--pdf", str(paths[0]), "--png", str(paths[1])])
        module.main()
        found.append([path.read_bytes() for path in paths])
    assert found[0] == found[1]
    with matplotlib.rc_context(STYLE):
        style.save(study.draw(name), tmp_path / "expected.pdf", tmp_path / "expected.png")
    assert found[0][1] == (tmp_path / "expected.png").read_bytes()
