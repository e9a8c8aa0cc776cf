"""Columns that measure a run: families whose names and meanings are made from their parts."""

from __future__ import annotations

from capacity.dictionary.column import FLAG, INTEGER, NUMBER, Column, Columns
from capacity.dictionary.mechanism import MECHANISM
from capacity.tasks import registry

SHARE, BITS_UNIT, LOSS_UNIT = "share from 0 to 1", "bits", "nats per character"

_COUNTED = {
    "seen": "the seen expressions",
    "seen_addition": "the seen additions",
    "seen_subtraction": "the seen subtractions",
    "held_out": "the held-out expressions",
    "held_out_addition": "the held-out additions",
    "held_out_subtraction": "the held-out subtractions",
    "addition_910": "the additions that the paper counts, 91 of two digits (without a + 0 for a above 0)",
    "subtraction_910": "the subtractions that the paper counts, 91 of two digits (without a - 0 for a above 0)",
    "addition_1000": "all additions, 100 of two digits, seen or held out",
    "subtraction_1000": "all subtractions, 100 of two digits, seen or held out",
    "combined_910": "the questions by which the paper chooses a checkpoint (those of addition_910 and "
    "subtraction_910 and all facts, as far as the task has them, held-out expressions included)",
    "facts_paper_prompts": "the facts, asked with the paper's prompts",
    "facts_matched_prompts": "the facts, asked with the text that the network was trained on",
}
SCORES = {name: _COUNTED.get(name, f"the questions that the score {name} counts") for name in registry.SCORES}
"""The scores of all tasks, and the questions that each counts."""

ENDPOINTS = {
    "final": "at the final iterate",
    "time_average": "on average over the last evaluations (20 of the paper's 121, or the same share of fewer)",
    "paper_best": "at the evaluation that the paper's rule picks, the earliest with the largest combined_910",
}
"""The three ways of saying how a run ended."""


def score(name: str, when: str, optional: bool = False, prefix: str = "") -> Column:
    """The column of a score: the share of its questions that are answered right at some time."""
    return Column(f"{prefix}{name}", NUMBER, f"Share of {SCORES[name]} answered right, {when}.", SHARE, optional)


def _endpoint(endpoint: str, when: str) -> tuple[Columns, Columns]:
    """The iterations that an endpoint covers, and what is measured over them."""
    iterations = tuple(
        Column(
            f"{endpoint}_{end}_iteration",
            INTEGER,
            f"Updates done at the {end} evaluation that the {endpoint} columns cover.",
            "updates",
        )
        for end in ("first", "last")
    )
    loss = Column(f"{endpoint}_stream_loss", NUMBER, f"Loss over all rows of the training stream, {when}.", LOSS_UNIT)
    return iterations, (loss, *(score(name, when, prefix=f"{endpoint}_") for name in SCORES))


_ENDPOINTS = [_endpoint(endpoint, when) for endpoint, when in ENDPOINTS.items()]
ENDPOINT_MEASURES: Columns = tuple(column for _, (loss, *scores) in _ENDPOINTS for column in (*scores, loss))
ENDPOINT_COLUMNS: Columns = tuple(column for iterations, measures in _ENDPOINTS for column in (*iterations, *measures))
"""The iterations and measures of all endpoints, in the order of the table of runs."""

OUTCOMES: Columns = (
    Column(
        "fits_arithmetic",
        FLAG,
        "Whether at least 99 % of the seen expressions are right at the end, without divergence.",
        nullable=True,
    ),
    Column(
        "fits_facts",
        FLAG,
        "Whether all facts are right on the matched prompts at the end, without divergence.",
        nullable=True,
    ),
    Column(
        "generalizes",
        FLAG,
        "Whether all held-out expressions are right at the end, without divergence: the primary endpoint.",
        nullable=True,
    ),
)
"""Yes-or-no outcomes of a run at its final iterate; empty where the task does not ask."""

_PROMPTS = {"paper_prompts": "the paper's prompts", "matched_prompts": "the prompts that the network was trained on"}
_BASELINES = {
    "list": "a uniform choice from the list of all answers",
    "unigram": "a code for single characters by their frequencies in the answers (of random facts, for letters alone, "
    "and all facts as one message)",
    "uniform": "a uniform code for the characters of the facts (of random facts, log2 26 bits for each letter: all the "
    "bits that were drawn)",
}
_LINE_CODES = {
    "unigram": "a code for single letters by their frequencies",
    "uniform": "log2 26 bits for each letter",
}
_LINE_BITS = [
    (f"line_bits_{code}", f"of whole lines of random facts, keys included, compared with {words}")
    for code, words in _LINE_CODES.items()
]
_FACT_BITS = [
    (f"fact_bits_{baseline}_{prompts}", f"of the answers to all facts asked with {asked}, compared with {code}")
    for prompts, asked in _PROMPTS.items()
    for baseline, code in _BASELINES.items()
]
FACT_BITS: Columns = tuple(Column(name, NUMBER, f"Bits memorized {what}.", BITS_UNIT) for name, what in _FACT_BITS)
BITS: Columns = (
    Column(
        "order_bits",
        NUMBER,
        "Bits known of the order of the lines: how far the loss lies below loss_floor_order_unknown, summed over the "
        "stream; negative where the lines are not known, empty where the stream has no order.",
        BITS_UNIT,
    ),
    *FACT_BITS,
    *(
        Column(f"{name}_per_parameter", NUMBER, f"Bits per parameter memorized {what}.", "bits per parameter")
        for name, what in _FACT_BITS
    ),
    *(Column(name, NUMBER, f"Bits memorized {what}.", BITS_UNIT) for name, what in _LINE_BITS),
    *(
        Column(f"{name}_per_parameter", NUMBER, f"Bits per parameter memorized {what}.", "bits per parameter")
        for name, what in _LINE_BITS
    ),
    *(
        Column(
            f"key_specific_bits_{prompts}",
            NUMBER,
            f"Bits known of which answer belongs to which fact, asked with {asked}; empty for more than 200 facts.",
            BITS_UNIT,
        )
        for prompts, asked in _PROMPTS.items()
    ),
    *(
        Column(
            f"{task}_bits_{split}",
            NUMBER,
            f"Bits saved on the answers to the {words} lines of the task {task}, compared with the distribution of the "
            "answers to the same operation.",
            BITS_UNIT,
        )
        for task, described in registry.PARTS.items()
        if described.bits == "answers"
        for split, words in (("seen", "seen"), ("held_out", "held-out"))
    ),
)
"""Memorized bits of a run at its final iterate; empty where the task has none or the run diverged."""

_BEYOND = "the 600 expressions with operands from 0 to 19 of which at least one is above 9"
_OPERANDS = {
    "digits": "the 200 expressions whose two operands are digits, as part of all with operands from 0 to 19",
    "beyond_digits": _BEYOND,
    "beyond_digits_addition": "the 300 additions with operands from 0 to 19 of which at least one is above 9",
    "beyond_digits_subtraction": "the 300 subtractions with operands from 0 to 19 of which at least one is above 9",
    "one_beyond_digits": "the 400 expressions with operands from 0 to 19 of which exactly one is above 9",
    "beyond_digits_trained_offset": "the 400 expressions with operands from 0 to 19 of which exactly one is above 9, "
    "asked so that the equals sign is at the position that it has in training",
}
OPERAND_MEASURES: Columns = tuple(
    Column(
        f"final_operands_0_19_{group}",
        NUMBER,
        f"Share of {which} answered right, {ENDPOINTS['final']}; empty where larger operands than 9 are trained on.",
        SHARE,
    )
    for group, which in _OPERANDS.items()
)
_RULES = {
    "zero": "the answer 0",
    "constant": "the best constant answer",
    "nearest_seen": "the answer to the nearest seen expression",
}
OPERAND_BASELINES: Columns = tuple(
    Column(
        f"operands_0_19_beyond_digits_{rule}",
        NUMBER,
        f"Share of {_BEYOND} for which {answer} is right, without any network.",
        SHARE,
    )
    for rule, answer in _RULES.items()
)

MEASURES: Columns = (*ENDPOINT_MEASURES, *BITS, *OPERAND_MEASURES, *MECHANISM)
"""The measures of a run that a summary averages."""
