"""What all figures share: the style, titles of cells, the note on departures from the paper, and how figures are saved.

The first seven colours are those of Okabe and Ito, which colour-blind readers can tell apart. Where there are more, the
others are as far from them and from each other as can be, to readers with each kind of colour vision.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from capacity.experiment import axes
from capacity.experiment.cell import parse_cell
from capacity.storage import files
from capacity.tasks.registry import TASKS

FULL_WIDTH = 7.0  # inches: a page of two columns; one column is half of it
LETTERS_OF_INCH = 15  # of the title of a figure
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.spines.top": False,
    "pdf.fonttype": 42,  # whole TrueType fonts: embedded, and text that can be searched
    "svg.fonttype": "path",  # an SVG embeds no font, and looks the same where DejaVu is not installed
    "svg.hashsalt": "capacity",  # of the names of its parts, which are random otherwise
    "figure.dpi": 200,
    "figure.constrained_layout.use": True,
}

UNDATED: dict[str, dict[str, Any]] = {
    ".pdf": {"CreationDate": None},
    ".png": {"Software": None},
    ".svg": {"Date": None},
}
"""The endings of files of figures, each with the metadata that keep the date and the version of matplotlib out."""

KEY_LINE = 0.165  # inches, of a line of a key
TITLE_LETTERS = 22  # of the title of a panel, of which there are four side by side

MOST_NOTE_LINES = 6
"""Lines of the note under a figure. More would leave no room for its panels."""

Cells = list["pd.Series[Any]"]
"""Some rows of a summary."""

SIGNS = {"addition": "+", "subtraction": "-"}
"""The sign of each operation."""

BLUE, ORANGE, GREEN, PURPLE, SKY, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#7F7F7F"

NAMED_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, "#000000", "#E69F00", "#8800EE", "#662200", "#002288")
"""Colours of what has names and no order."""


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save figures in the :data:`STYLE` of this package while the block lasts."""
    with matplotlib.rc_context(STYLE):
        yield


def dagger(cell: pd.Series) -> str:
    """The mark that a cell's name has if the cell departs from the paper's protocol."""
    return "" if cell["published"] else "†"


def thousands(count: float) -> str:
    """A number of parameters in short, such as ``1.6 k``."""
    if count >= 1e6:
        return f"{count / 1e6:.1f} M"
    return f"{count / 1e3:.1f} k" if count >= 1e3 else f"{count:.0f}"


def count_seeds(count: int) -> str:
    """``1 seed``, ``3 seeds``."""
    return f"{count} seed" + ("s" if count != 1 else "")


def expression_cells(figure: str, summary: pd.DataFrame) -> dict[str, Cells]:
    """The rows of a summary whose task has arithmetic, by task.

    Raises ValueError naming the figure if there are none.
    """
    cells = {
        task: [cell for _, cell in summary[summary["task"] == task].iterrows()]
        for task in TASKS
        if TASKS[task].has_operands and (summary["task"] == task).any()
    }
    if not cells:
        trained = ", ".join(summary["task"].unique()) or "nothing"
        expressions = " or ".join(name for name, task in TASKS.items() if task.has_operands)
        raise ValueError(f"figure {figure!r}: this study has no {expressions} cells; it trains {trained}")
    return cells


def in_rows(cells: Mapping[str, Cells], columns: int) -> list[tuple[str, Cells]]:
    """Divide the cells of each task into rows of at most ``columns``, each with the name of its task."""
    return [
        (task, of_task[first : first + columns])
        for task, of_task in cells.items()
        for first in range(0, len(of_task), columns)
    ]


def told_apart(cells: Iterable[str], shapes: bool = True) -> dict[str, str]:
    """What tells each of some cells from the others beside its task and size, in words, by the name of the cell.

    The layers, width and so on are among it where several of them vary by themselves, unless ``shapes`` is false.
    """
    return axes.apart({name: parse_cell(name) for name in cells}, shapes)


def cell_title(cell: pd.Series, cells: Cells) -> str:
    """The title of a cell's panel: what tells it from the others of its task, in short lines."""
    name = f"{cell['task']}, {cell['size']}{dagger(cell)}"
    seeds = count_seeds(cell["n"]) + (f", {cell['diverged']} diverged" if cell["diverged"] else "")
    words = told_apart(other["cell"] for other in cells)[cell["cell"]]
    return "\n".join([name, *(textwrap.wrap(words, TITLE_LETTERS, break_on_hyphens=False) or [seeds])])


def footnote(figure: Figure, cells: pd.DataFrame) -> None:
    """Write under a figure how its cells depart from the paper's protocol.

    Where that would take more than :data:`MOST_NOTE_LINES`, a page has it in a table, and the note names the page.
    """
    departing = cells[~cells["published"]]
    if departing.empty:
        return
    notes: dict[str, list[str]] = {}
    for _, cell in departing.iterrows():
        notes.setdefault(cell["departs"], []).append(f"{cell['task']} {cell['size']}")
    text = "† Not the paper's protocol. " + " ".join(f"{_names(names)}: {note}." for note, names in notes.items())
    width = int(figure.get_size_inches()[0] * 20)
    lines = textwrap.wrap(text, width)
    if len(lines) > MOST_NOTE_LINES:
        whole = f"all {len(cells)} cells" if len(departing) == len(cells) else f"{len(departing)} of {len(cells)} cells"
        lines = textwrap.wrap(f"† Not the paper's protocol: {whole}. summary.md says how each departs.", width)
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=6)


def _names(names: Sequence[str]) -> str:
    """Names of cells gathered by task, such as ``arithmetic n14, n28; facts n14``."""
    by_task: dict[str, list[str]] = {}
    for name in names:
        task, size = name.split(" ")
        by_task.setdefault(task, []).append(size)
    return "; ".join(f"{task} {', '.join(dict.fromkeys(sizes))}" for task, sizes in by_task.items())


def legend(figure: Figure, title: str, **options: Any) -> None:
    """Draw the legend of a whole figure under a title, which is text: ``$`` in it begins no formula.

    The title has as many lines as the width of the figure takes.
    """
    width = int(figure.get_size_inches()[0] * LETTERS_OF_INCH)
    lines = textwrap.wrap(title, width, break_on_hyphens=False)
    figure.legend(title="\n".join(lines), **options).get_title().set_parse_math(False)


def settle(figure: Figure) -> None:
    """Lay out a figure and fix its panels, at positions rounded to a millionth of the page.

    The layout solver adds numbers in the order of memory addresses. So its last digits differ from one run of a program
    to the next, and now and then a pixel with them; rounding makes the figures equal.
    """
    for _ in range(2):  # the layout with a colour bar takes two passes
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for part in figure.subfigs:
        part.bbox_relative.set_points(part.bbox_relative.get_points().round(6))
    for axis in figure.axes:
        axis.set_position(Bbox(axis.get_position(original=True).get_points().round(6)))


def save(figure: Figure, *paths: Path) -> None:
    """Save a figure as each of some files, by their endings, without dates: the same data give the same bytes."""
    settle(figure)
    for path in paths:
        with files.atomic(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:], metadata=UNDATED[path.suffix])
