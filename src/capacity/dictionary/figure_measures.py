"""The measures that the figures of a study can show, by the names that ``config.yaml`` calls them by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from capacity.tasks.registry import TASKS

FORMS = SHARE, OUTCOME, NUMBER, TIME = "share", "outcome", "number", "time"
"""The forms of measures: a share of questions, a yes or no of a run, a number, and the updates until an event, which
may not have come when the run ends."""


@dataclass(frozen=True)
class FigureMeasure:
    """A measure of runs that a figure can show.

    Attributes:
        label: what it is, for an axis, with its unit.
        form: one of :data:`SHARE`, :data:`OUTCOME`, :data:`NUMBER` and :data:`TIME`.
        column: of the table of runs; of the dynamics for a time, and of the history for what only that has.
        history: the column of the history that has it at each evaluation; empty where none has.
        score: the score that a task must have for it; empty where every task will do.
        streams: the streams that have it; empty where all do.
        has_zero: whether its axis shows zero, because its values are amounts.
        levels: columns of the table of runs that bound it, each with the words of its legend.
    """

    label: str
    form: str
    column: str
    history: str = ""
    score: str = ""
    streams: tuple[str, ...] = ()
    has_zero: bool = False
    levels: tuple[tuple[str, str], ...] = ()

    @property
    def table(self) -> str:
        """The table that has a value for each run: ``runs``, ``dynamics``, or ``history`` at its last evaluation."""
        if self.form == TIME:
            return "dynamics"
        return "history" if self.column == self.history else "runs"

    def is_of(self, task: str, stream: str) -> bool:
        """Whether runs of a task and stream have the measure."""
        scores = {score for part in TASKS[task].parts for score in part.scores}
        return self.score in ("", *scores) and (not self.streams or stream in self.streams)


FLOORS = (
    ("loss_floor_order_unknown", "lowest loss, order of lines unknown"),
    ("loss_floor_order_known", "lowest loss, order of lines known"),
)
STREAMS_WITH_ORDER = ("fixed", "reshuffled")
"""The streams whose rows cross lines, so that their order can be known."""

FIGURE_MEASURES: Mapping[str, FigureMeasure] = {
    "held-out": FigureMeasure(
        "held-out expressions right", SHARE, "final_held_out", history="held_out", score="held_out"
    ),
    "held-out-average": FigureMeasure(
        "held-out expressions right, time average", SHARE, "time_average_held_out", score="held_out"
    ),
    "all-right": FigureMeasure("runs with all held-out right", OUTCOME, "generalizes", score="held_out"),
    "seen": FigureMeasure("seen expressions right", SHARE, "final_seen", history="seen", score="seen"),
    "fits": FigureMeasure("runs with 99 % of seen right", OUTCOME, "fits_arithmetic", score="seen"),
    "facts": FigureMeasure(
        "facts recalled",
        SHARE,
        "final_facts_paper_prompts",
        history="facts_paper_prompts",
        score="facts_paper_prompts",
    ),
    "facts-matched": FigureMeasure(
        "facts recalled, matched prompts",
        SHARE,
        "final_facts_matched_prompts",
        history="facts_matched_prompts",
        score="facts_matched_prompts",
    ),
    "bits": FigureMeasure(
        "bits of facts memorized",
        NUMBER,
        "fact_bits_unigram_matched_prompts",
        score="facts_matched_prompts",
        has_zero=True,
    ),
    "bits-per-parameter": FigureMeasure(
        "bits of facts per parameter",
        NUMBER,
        "fact_bits_unigram_matched_prompts_per_parameter",
        score="facts_matched_prompts",
        has_zero=True,
    ),
    "arithmetic-bits": FigureMeasure(
        "bits saved on seen answers", NUMBER, "arithmetic_bits_seen", score="seen", has_zero=True
    ),
    "order-bits": FigureMeasure(
        "bits of the order of lines",
        NUMBER,
        "order_bits",
        streams=STREAMS_WITH_ORDER,
        has_zero=True,
        levels=(("order_bits_at_most", "highest possible"),),
    ),
    "loss": FigureMeasure(
        "loss (nats per character)", NUMBER, "final_stream_loss", history="stream_loss", levels=FLOORS
    ),
    "margins": FigureMeasure(
        "held-out margin (nats)", NUMBER, "held_out_margin", history="held_out_margin", score="held_out"
    ),
    "smallest-margins": FigureMeasure(
        "smallest held-out margin (nats)",
        NUMBER,
        "held_out_smallest_margin",
        history="held_out_smallest_margin",
        score="held_out",
    ),
    "beyond-digits": FigureMeasure("right beyond digits", SHARE, "final_operands_0_19_beyond_digits", score="held_out"),
    "time-to-fit": FigureMeasure("updates until 99 % of seen right", TIME, "t_fit", score="seen", has_zero=True),
    "time-to-fit-facts": FigureMeasure(
        "updates until all facts right", TIME, "t_fit_facts", score="facts_matched_prompts", has_zero=True
    ),
    "time-to-generalize": FigureMeasure(
        "updates until all held-out right", TIME, "t_gen", score="held_out", has_zero=True
    ),
}
"""The measures by name. They are those of the final iterate unless the label says otherwise."""
