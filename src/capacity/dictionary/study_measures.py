"""The measures of runs by the names that ``config.yaml`` calls them by, in figures and in answers of studies alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from capacity.paper.protocol import LARGEST_OPERAND
from capacity.tasks.registry import TASKS

FORMS = SHARE, OUTCOME, NUMBER, TIME = "share", "outcome", "number", "time"
"""The forms of measures: a share, mostly of questions, a yes or no of a run, a number, and the updates until an event,
which may not have come when the run ends."""


@dataclass(frozen=True)
class Measure:
    """A measure of runs.

    Attributes:
        what: is measured, with its unit; of an outcome what a run has, of a share what counts, such as questions.
        form: one of :data:`SHARE`, :data:`OUTCOME`, :data:`NUMBER` and :data:`TIME`.
        column: of the table of runs; of the dynamics for a time, and of the history for what only that has.
        history: the column of the history that has it at each evaluation; empty where none has.
        score: the score that a task must have for it; empty where every task will do.
        streams: the streams that have it; empty where all do.
        largest_operand: the largest one that a corpus may have; None where any will do.
        at_least, at_most: a run has the outcome if the column, which is 1 or 0 if it is one itself, lies within these.
        failure: what a diverged run counts as in an answer; None if it is left out.
        digits: decimals with which an answer shows its mean.
        has_zero: whether its axis shows zero, because its values are amounts.
        levels: columns of the table of runs that bound it, each with the words of its legend.
    """

    what: str
    form: str
    column: str
    history: str = ""
    score: str = ""
    streams: tuple[str, ...] = ()
    largest_operand: int | None = None
    at_least: float = -math.inf
    at_most: float = math.inf
    failure: float | None = 0.0
    digits: int = 3
    has_zero: bool = False
    levels: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """What it is, for an axis."""
        return f"runs with {self.what}" if self.is_outcome else self.what

    @property
    def words(self) -> str:
        """What it is, in a sentence: of an outcome what a run has, else what is averaged over runs."""
        return f"share of the {self.what}" if self.form == SHARE else self.what

    @property
    def mean_words(self) -> str:
        """What its mean over runs is, in a sentence: of an outcome the share of runs that have it."""
        return f"share of {self.label}" if self.is_outcome else f"mean {self.words}"

    @property
    def is_outcome(self) -> bool:
        """Whether each run has it or not."""
        return self.form == OUTCOME

    @property
    def has_share(self) -> bool:
        """Whether its mean over runs is a share, from 0 to 1."""
        return self.form in (SHARE, OUTCOME)

    @property
    def table(self) -> str:
        """The table that has a value for each run: ``runs``, ``dynamics``, or ``history`` at its last evaluation."""
        if self.form == TIME:
            return "dynamics"
        return "history" if self.column == self.history else "runs"

    def is_of(self, task: str, stream: str, largest_operand: int = LARGEST_OPERAND) -> bool:
        """Whether runs of a task and stream, with operands up to the largest one, have the measure."""
        scores = {score for part in TASKS[task].parts for score in part.scores}
        has_operands = self.largest_operand is None or largest_operand <= self.largest_operand
        return self.score in ("", *scores) and (not self.streams or stream in self.streams) and has_operands


FLOORS = (
    ("loss_floor_order_unknown", "lowest loss, order of lines unknown"),
    ("loss_floor_order_known", "lowest loss, order of lines known"),
)
STREAMS_WITH_ORDER = ("fixed", "reshuffled")
"""The streams whose rows cross lines, so that their order can be known."""

MEASURES: Mapping[str, Measure] = {
    "held-out": Measure("held-out expressions right", SHARE, "final_held_out", history="held_out", score="held_out"),
    "held-out-average": Measure(
        "held-out expressions right, time average", SHARE, "time_average_held_out", score="held_out"
    ),
    "all-right": Measure("all held-out expressions right", OUTCOME, "generalizes", score="held_out", at_least=1),
    "none-right": Measure("no held-out expression right", OUTCOME, "final_held_out", score="held_out", at_most=0),
    "seen": Measure("seen expressions right", SHARE, "final_seen", history="seen", score="seen"),
    "fits": Measure(
        "at least 99 % of the seen expressions right", OUTCOME, "fits_arithmetic", score="seen", at_least=1
    ),
    "facts": Measure(
        "facts recalled with the paper's prompts",
        SHARE,
        "final_facts_paper_prompts",
        history="facts_paper_prompts",
        score="facts_paper_prompts",
    ),
    "facts-matched": Measure(
        "facts recalled with the prompts of training",
        SHARE,
        "final_facts_matched_prompts",
        history="facts_matched_prompts",
        score="facts_matched_prompts",
    ),
    "all-facts": Measure(
        "all facts recalled with the paper's prompts",
        OUTCOME,
        "final_facts_paper_prompts",
        score="facts_paper_prompts",
        at_least=1,
    ),
    "bits": Measure(
        "bits of facts memorized",
        NUMBER,
        "fact_bits_unigram_matched_prompts",
        score="facts_matched_prompts",
        digits=1,
        has_zero=True,
    ),
    "bits-per-parameter": Measure(
        "bits of facts per parameter",
        NUMBER,
        "fact_bits_unigram_matched_prompts_per_parameter",
        score="facts_matched_prompts",
        has_zero=True,
    ),
    "line-bits": Measure(
        "bits of whole lines memorized",
        NUMBER,
        "line_bits_unigram",
        score="facts_matched_prompts",
        streams=STREAMS_WITH_ORDER,
        digits=1,
        has_zero=True,
    ),
    "line-bits-per-parameter": Measure(
        "bits of whole lines per parameter",
        NUMBER,
        "line_bits_unigram_per_parameter",
        score="facts_matched_prompts",
        streams=STREAMS_WITH_ORDER,
        has_zero=True,
    ),
    "arithmetic-bits": Measure(
        "bits saved on seen answers", NUMBER, "arithmetic_bits_seen", score="seen", digits=1, has_zero=True
    ),
    "order-bits": Measure(
        "bits of the order of lines",
        NUMBER,
        "order_bits",
        streams=STREAMS_WITH_ORDER,
        digits=1,
        has_zero=True,
        levels=(("order_bits_at_most", "highest possible"),),
    ),
    "loss": Measure(
        "loss (nats per character)", NUMBER, "final_stream_loss", history="stream_loss", failure=None, levels=FLOORS
    ),
    "margins": Measure(
        "held-out margin (nats)", NUMBER, "held_out_margin", history="held_out_margin", score="held_out", failure=None
    ),
    "smallest-margins": Measure(
        "smallest held-out margin (nats)",
        NUMBER,
        "held_out_smallest_margin",
        history="held_out_smallest_margin",
        score="held_out",
        failure=None,
    ),
    "beyond-digits": Measure(
        "expressions beyond digits right",
        SHARE,
        "final_operands_0_19_beyond_digits",
        score="held_out",
        largest_operand=LARGEST_OPERAND,
    ),
    "first-component": Measure(
        "variance of digit embeddings on their first component",
        SHARE,
        "digit_component_share",
        score="seen",
        failure=None,
    ),
    "digit-order": Measure(
        "rank correlation of digits with their first component",
        NUMBER,
        "digit_component_order",
        score="seen",
        failure=None,
        has_zero=True,
    ),
    "parallelograms": Measure(
        "parallelograms of digit embeddings that close", SHARE, "digit_parallelograms", score="seen", failure=None
    ),
    "sum-explained": Measure(
        "variance of addition logits that the sum explains",
        SHARE,
        "logits_explained_addition",
        score="seen",
        failure=None,
    ),
    "difference-explained": Measure(
        "variance of subtraction logits that the difference explains",
        SHARE,
        "logits_explained_subtraction",
        score="seen",
        failure=None,
    ),
    "operand-attention": Measure(
        "attention from = to the operands in one head", SHARE, "attention_to_operands", score="seen", failure=None
    ),
    "time-to-fit": Measure("updates until 99 % of seen right", TIME, "t_fit", score="seen", has_zero=True),
    "time-to-fit-facts": Measure(
        "updates until all facts right", TIME, "t_fit_facts", score="facts_matched_prompts", has_zero=True
    ),
    "time-to-generalize": Measure("updates until all held-out right", TIME, "t_gen", score="held_out", has_zero=True),
}
"""The measures by name. They are those of the final iterate unless they say otherwise."""

MECHANISM = (
    "first-component",
    "digit-order",
    "parallelograms",
    "sum-explained",
    "difference-explained",
    "operand-attention",
)
"""The measures that are read from the weights, each larger the more a network looks as if it adds."""
