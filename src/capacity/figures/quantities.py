"""TODO figures.quantities."""

from __future__ import annotations

from typing import Any

from matplotlib.lines import Line2D

from capacity.figures.style import BLUE, GREEN, GREY, ORANGE, PURPLE


class Quantity:
    """What is drawn: a score, the words for it, and its colour and mark."""

    def __init__(self, score: str, label: str, colour: str, mark: str, dashes: Any) -> None:
        self.score, self.label, self.colour, self.mark, self.dashes = score, label, colour, mark, dashes


HELD_OUT = Quantity("held_out", "held-out expressions right", ORANGE, "o", "-")
FACTS = Quantity("facts_paper_prompts", "facts recalled", BLUE, "s", "-")
SEEN = Quantity("seen", "seen expressions right", GREY, "D", (0, (1, 1)))
SEEN_ADDITION = Quantity("seen_addition", "seen additions right", GREEN, "^", (0, (4, 1)))
SEEN_SUBTRACTION = Quantity("seen_subtraction", "seen subtractions right", PURPLE, "v", (0, (1, 1)))
LOSS = Quantity("stream_loss", "loss (right axis)", GREY, "", "-")
# Lines across a panel, on the axis of the loss; here the score is a column of the summary.
FLOORS = (
    Quantity("loss_floor_order_unknown", "lowest loss, order of lines unknown", GREY, "", (0, (4, 2))),
    Quantity("loss_floor_order_known", "lowest loss, order of lines known", GREY, "", (0, (1, 2))),
)


def _handle(quantity: Quantity, marks: bool = True) -> Line2D:
    mark = quantity.mark if marks else ""
    return Line2D(
        [], [], color=quantity.colour, marker=mark, linestyle=quantity.dashes, markersize=4, label=quantity.label
    )
