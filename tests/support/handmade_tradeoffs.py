"""Studies made by hand around a trade-off: with its conditions met, and the evidence on them."""

from __future__ import annotations

import numpy
import pandas as pd

from capacity.claims import tradeoff
from capacity.claims.arms import published_arms
from capacity.claims.evidence import Kind
from capacity.claims.size_trends import Permutations
from tests.support.handmade_studies import answering, first_seeds, retrained

CONDITIONS = (
    "tuned learning rate",
    "matched decay",
    "reshuffled lines",
    "other pairs",
    "each size of both",
    "seeds of one size",
)


PAIRS = [(0, digit) for digit in range(2, 10)] + [(1, digit) for digit in (2, 3)]


def assess(base, **studies):
    studies = {"base": base} | studies
    return tradeoff.assess(published_arms(studies), studies, permutations())


def permutations():
    return Permutations(numpy.random.default_rng(0), 1999)


def line_of(conclusion, label, words=""):
    (line,) = [line for line in conclusion.evidence if line.label == label and words in line.description]
    return line


def trend(conclusion, mode, task):
    return line_of(conclusion, f"{task}, each size", f"{mode}: ")


def conditions(conclusion):
    return {line.label: line for line in conclusion.evidence if line.kind == Kind.CONDITION}


def only(runs, *tasks):
    return runs[runs["task"].isin(tasks)].reset_index(drop=True)


def with_order_bits(runs):
    """In n28, the seeds that know less of the order of the lines answer some held-out expressions."""
    runs = answering(runs, "arithmetic", "n28", [seed % 3 for seed in range(20)])
    bits = 100.0 * numpy.log10(runs["parameters"]) - runs["final_held_out"].fillna(0) * 4 - runs["seed"] / 1000
    return runs.assign(order_bits=bits.where(runs["task"] == "arithmetic"))


def changing_all(**settings):
    """A change of every cell to the same settings, as :func:`retrained` takes it."""
    return lambda _: settings


def over_pairs(base, pairs, **more):
    """Each pair held out once, with two seeds, and with ``more`` settings that are changed."""
    runs = first_seeds(only(base, "arithmetic"), 2)
    parts = [retrained(runs, changing_all(held_out=(pair,), **more)) for pair in pairs]
    return pd.concat(parts, ignore_index=True)


def at_rates(base, rates=(3e-4, 1e-3, 3e-2)):
    """A sweep with other batches: at a rate of 0.001 the paper is right, at the others little is learned."""
    runs = only(base, "arithmetic", "facts")
    parts = []
    for rate in rates:
        part = retrained(runs, changing_all(learning_rate=rate, batch=100))
        if rate != 1e-3:
            little = dict.fromkeys(("final_seen", "final_facts_matched_prompts", "final_facts_paper_prompts"), 0.1)
            part = part.assign(**little, generalizes=False)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def conditions_met(base: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Studies that meet the conditions of a trade-off which need cells of their own."""
    two = only(base, "arithmetic", "facts")
    return {
        "rates": at_rates(base),
        "decay": retrained(two, lambda _: {"weight_decay": 0.1, "dropout": 0.0, "learning_rate": 1e-3}),
        "order": retrained(two, lambda _: {"stream": "reshuffled"}),
        "pairs": over_pairs(base, PAIRS),
    }
