"""The quantities that figures draw: each keeps its colour, mark and words in every figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.lines import Line2D

from capacity.figures.style import BLUE, GREEN, GREY, ORANGE, PURPLE


@dataclass(frozen=True)
class Quantity:
    """A quantity that is drawn.

    Attributes:
        column: of the table that it is drawn from, less the name of an endpoint before it.
        label: the words of the legend.
        colour: of its lines and marks.
        mark: of its points, as matplotlib names it; empty where it has none.
        dashes: the style of its lines, as matplotlib takes it.
    """

    column: str
    label: str
    colour: str
    mark: str
    dashes: Any

    def legend_handle(self, marks: bool = True) -> Line2D:
        """The line, with its mark if ``marks``, that stands for the quantity in a legend."""
        mark = self.mark if marks else ""
        return Line2D([], [], color=self.colour, marker=mark, linestyle=self.dashes, markersize=4, label=self.label)


HELD_OUT = Quantity("held_out", "held-out expressions right", ORANGE, "o", "-")
FACTS = Quantity("facts_paper_prompts", "facts recalled", BLUE, "s", "-")
SEEN = Quantity("seen", "seen expressions right", GREY, "D", (0, (1, 1)))
SEEN_ADDITION = Quantity("seen_addition", "seen additions right", GREEN, "^", (0, (4, 1)))
SEEN_SUBTRACTION = Quantity("seen_subtraction", "seen subtractions right", PURPLE, "v", (0, (1, 1)))
LOSS = Quantity("stream_loss", "loss (right axis)", GREY, "", "-")
FLOORS = (
    Quantity("loss_floor_order_unknown", "lowest loss, order of lines unknown", GREY, "", (0, (4, 2))),
    Quantity("loss_floor_order_known", "lowest loss, order of lines known", GREY, "", (0, (1, 2))),
)
"""Levels on the axis of the loss, which are columns of a summary."""
