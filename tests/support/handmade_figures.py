"""Studies made by hand, as the figures take them, and their figures."""

from __future__ import annotations

import math

import numpy
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from capacity.corpora import corpus
from capacity.experiment.cell import make_cell, parse_cell
from capacity.experiment.study_figures import make_figure
from capacity.figures import answers, curves, dynamics, held_out_histories, measures, style, tradeoff
from capacity.paper.protocol import SIZES, TASKS, Size
from capacity.storage import evaluations
from capacity.tables.dynamics import run_times
from capacity.tables.expression_histories import expression_histories_table
from capacity.tables.expressions import expressions_table
from capacity.tables.frames import write_frame
from tests.support.commands import run_command
from tests.support.handmade_results import evaluation, frames, history_frame, run

SEEDS = (0, 1, 1337)
LAPTOP = {"mlt": {"iterations": 400, "batch": 64, "learning_rate": 0.001, "evaluation_interval": 40}}

# Of the four held-out expressions, how many are right at each evaluation: kept, lost, never had, and diverged.
RIGHT = {0: [0, 4, 4, 4, 4], 1: [0, 2, 4, 1, 0], 2: [0, 1, 0, 1, 0], 3: [0, 0, 1, 0, 0]}
DIVERGED = 3
STUDIES = {
    "base": [make_cell(task, size) for task in ("arithmetic", "facts", "joint") for size in SIZES.values()],
    "short": [make_cell(task, size, iterations=3000) for task in ("arithmetic", "joint") for size in SIZES.values()],
    "ladder": [make_cell("arithmetic", Size(1, 1, width, 1)) for width in (8, 10, 12, 14, 16, 20)],
    "decay": [make_cell("arithmetic", SIZES["n14"], weight_decay=decay) for decay in (0.0, 0.1)],
    "two": [make_cell(task, SIZES["n14"]) for task in ("arithmetic", "joint")],
    "range": [make_cell("arithmetic", SIZES["n14"], largest_operand=largest) for largest in (9, 12)],
    "one": [make_cell("joint", SIZES["n28"])],
    "several": [
        make_cell("arithmetic", SIZES[size], held_out=pair, learning_rate=rate)
        for size in ("n14", "n28")
        for pair in ([(3, 4)], [(2, 9)])
        for rate in (0.001, 0.01)
    ],
}


class TrainedStudy:
    """The tables of some cells, every seed with answers of its own, and the figures that show scores."""

    def __init__(self, cells, seeds=SEEDS):
        self.cells = cells
        jobs = []
        for number, cell in enumerate(cells):
            correct = [{"held_out": (number + seed) % 5, "facts": 50 - number - seed % 7} for seed in seeds]
            runs = [run(cell, seed, **counts) for seed, counts in zip(seeds, correct, strict=True)]
            jobs.append(evaluation(cell, runs))
        self.runs, self.summary = frames(jobs)
        self.history = history_frame(cells, seeds)

    def draw(self, name, title="A study"):
        """The trade-off, or the curves of the task named."""
        with style.styled():
            if name == "tradeoff":
                return tradeoff.draw(self.runs, self.summary, title)
            return curves.draw(name, self.history, self.summary, title)

    def save(self, name, folder):
        """Draw a figure and save it in a new folder."""
        folder.mkdir()
        with style.styled():
            style.save(self.draw(name), *(folder / f"figure.{kind}" for kind in ("pdf", "png", "svg")))
        return folder


class GeneralizingStudy:
    """The tables of some cells, and the figures of their expressions.

    Every expression of the corpus is asked, and seed s answers those with a + b over s.
    """

    def __init__(self, cells, seeds=tuple(RIGHT)):
        self.cells = cells
        histories, evaluated = [], []
        for cell in cells:
            histories += [self._history(cell, seed) for seed in seeds]
            evaluated.append(evaluation(cell, [self._run(cell, seed) for seed in seeds]))
        self.history = pd.concat(histories, ignore_index=True)
        self.runs = run_times(self.history)
        _, self.summary = frames(evaluated)
        tables = [
            expressions_table(cell, evaluations.split(each)[1]) for cell, each in zip(cells, evaluated, strict=True)
        ]
        self.expressions = pa.concat_tables(tables).to_pandas()
        tables = [
            self._expression_histories(cell, evaluations.split(each)[1], seed)
            for cell, each in zip(cells, evaluated, strict=True)
            for seed in seeds
        ]
        self.expression_histories = pa.concat_tables(tables).to_pandas()

    @staticmethod
    def _history(cell, seed):
        right = numpy.array(RIGHT[seed]) / 4
        steps = [round(cell.iterations * number / 4) for number in range(5)]
        frame = pd.DataFrame({"iteration": steps, "learning_rate": 0.01, "training_loss": 0.5, "stream_loss": 0.5})
        frame["held_out"] = right
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
            one["answers"] = [
                one["answers"][0]
                | {"operation": line.operation, "split": line.split, "prompt": line.prompt}
                | {"right": sum(line.operands) > seed}
                for line in asked
            ]
        return one

    @staticmethod
    def _expression_histories(cell, answers_of_cell, seed):
        """At each evaluation the first so many of the held-out expressions are right, and no other."""
        asked = answers_of_cell.filter(pc.equal(answers_of_cell["seed"], seed))
        held_out = numpy.array(asked["split"]) == "held_out"
        places = numpy.where(held_out, numpy.cumsum(held_out), len(asked) + 1)
        digits = ["".join("1" if place <= right else "0" for place in places) for right in RIGHT[seed]]
        steps = [round(cell.iterations * number / 4) for number in range(5)]
        history = pa.table({"iteration": steps, "questions_right": digits})
        return expression_histories_table(cell, seed, history, asked, steps[2] if seed == DIVERGED else None)

    def draw(self, name, title="A study"):
        """The figure named, ``dynamics``, ``answers`` or ``held_out_histories``."""
        with style.styled():
            if name == "answers":
                return answers.draw(self.expressions, self.summary, title)
            if name == "held_out_histories":
                return held_out_histories.draw(self.expression_histories, self.summary, title)
            return dynamics.draw(self.history, self.runs, self.summary, title)


class MeasuredStudy:
    """The tables of some cells with the answers, bits and times that are given, and the figures of their measures.

    At evaluation number k of five, a run has k quarters of its held-out answers right, rounded down, and all of them at
    the last one. It has all seen expressions right from evaluation ``fits`` on, and never if that is 5.
    """

    def __init__(
        self,
        cells,
        seeds=SEEDS,
        held_out=lambda cell, seed: 2,
        order=lambda cell, seed: 100.0,
        fits=lambda cell, seed: 3,
        diverged=lambda cell, seed: False,
    ):
        self.cells = list(cells)
        evaluated, histories = [], []
        for cell in self.cells:
            of_cell = []
            for seed in seeds:
                one = run(cell, seed, held_out=held_out(cell, seed), diverged=diverged(cell, seed))
                one["bits"]["order"] = None if diverged(cell, seed) else order(cell, seed)
                of_cell.append(one)
                histories.append(self._history(cell, seed, held_out(cell, seed), fits(cell, seed)))
            evaluated.append(evaluation(cell, of_cell))
        history = pd.concat(histories, ignore_index=True)
        runs, summary = frames(evaluated)
        self.tables = {"runs": runs, "summary": summary, "history": history, "dynamics": run_times(history)}

    @staticmethod
    def _history(cell, seed, held_out, fits):
        steps = [cell.iterations * number // 4 for number in range(5)]
        frame = pd.DataFrame({"iteration": steps, "learning_rate": 0.01, "training_loss": 0.5})
        frame["stream_loss"] = [2.0, 1.5, 1.0, 0.75, 0.5]
        has_sums, has_facts = cell.task != "facts", cell.task != "arithmetic"
        frame["seen"] = [1.0 if number >= fits else 0.2 * number for number in range(5)] if has_sums else math.nan
        frame["held_out"] = [held_out * number // 4 / 4 for number in range(5)] if has_sums else math.nan
        frame["held_out_margin"] = frame["held_out"] * 4 - 2
        frame["facts_paper_prompts"] = frame["facts_matched_prompts"] = (
            [0.0, 0.2, 0.4, 0.6, 0.8] if has_facts else math.nan
        )
        return frame.assign(cell=cell.name, task=cell.task, size=cell.size.name, variant=cell.variant, seed=seed)

    def draw(self, title="A study", **entry):
        """The figure that an entry of ``figures`` in the configuration describes."""
        spec = make_figure(entry, [parse_cell(name) for name in self.tables["summary"]["cell"]], "figure")
        with style.styled():
            return measures.draw(spec, self.tables, title)


def base_cells(short=None):
    """The paper's twelve; the small sizes shortened to ``short`` updates and MLT as the laptop budget has it."""
    cells = []
    for task in TASKS:
        for name, size in SIZES.items():
            chosen = LAPTOP.get(name, {"iterations": short}) if short else {}
            cells.append(make_cell(task, size, **chosen))
    return cells


def four_cells():
    """One cell of the paper's, one with fewer updates, one of another size, and one of facts."""
    return [
        make_cell("arithmetic", SIZES["n14"]),
        make_cell("arithmetic", SIZES["n28"], iterations=3000),
        make_cell("arithmetic", Size(1, 1, 20, 1)),
        make_cell("facts", SIZES["n14"]),
    ]


def visible_axes(figure):
    """The axes of a figure that are drawn."""
    return [axis for axis in figure.get_axes() if axis.get_visible()]


def note_of(figure):
    """The note under a figure, on one line."""
    return " ".join(figure.get_supxlabel().split())


def drawn_of_two_tasks(command, tables, folder):
    """Draw a figure by its command, with tables of arithmetic and of both tasks, and return its PDF and its PNG.

    ``tables`` are frames by the option that takes them; each is written as a file for each task.
    """
    arguments = []
    for option, frame in tables.items():
        arguments.append(option)
        for task in ("arithmetic", "joint"):
            arguments.append(folder / f"{task}{option}.parquet")
            write_frame(arguments[-1], frame[frame["task"] == task], {})
    pdf, png = (folder / f"figure.{kind}" for kind in ("pdf", "png"))
    run_command(command, *arguments, "--title", "A study", "--pdf", pdf, "--png", png)
    return [pdf.read_bytes(), png.read_bytes()]
