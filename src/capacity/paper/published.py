"""What the paper reports: scores of its 24 cells, losses, and the claims that a verdict is put on.

Source: Barron & White, "Too Big to Think", arXiv 2506.09099v2, its tables, and the released curves (commit 22c07b0).
All of it is from one seed, 1337. :mod:`capacity.paper.protocol` says how the cells were trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

VARIANTS = ("base", "wd")
"""The paper's two recipes: ``wd`` adds weight decay to the small sizes and takes the dropout from MLT."""

ASKED_PER_OPERATION = 910
"""91 expressions, each asked ten times: the nine with a second operand of 0 and a first of 1 to 9 are left out."""

ASKED_FACTS = 500
"""50 capitals, each asked ten times."""


@dataclass(frozen=True)
class Result:
    """The scores of one published cell at the checkpoint of the paper's rule, the evaluation with the best accuracy.

    Attributes:
        task: Name of the task.
        size: Name of the size.
        variant: One of :data:`VARIANTS`.
        additions_right: Of :data:`ASKED_PER_OPERATION` answers; None where no additions are asked.
        subtractions_right: Of :data:`ASKED_PER_OPERATION` answers; None where no subtractions are asked.
        facts_right: Of :data:`ASKED_FACTS` answers; None where no facts are asked.
    """

    task: str
    size: str
    variant: str
    additions_right: int | None = None
    subtractions_right: int | None = None
    facts_right: int | None = None

    @property
    def addition(self) -> float | None:
        """Share of the additions that are right."""
        return _share(self.additions_right, ASKED_PER_OPERATION)

    @property
    def subtraction(self) -> float | None:
        """Share of the subtractions that are right."""
        return _share(self.subtractions_right, ASKED_PER_OPERATION)

    @property
    def facts(self) -> float | None:
        """Share of the facts that are right."""
        return _share(self.facts_right, ASKED_FACTS)

    @property
    def combined(self) -> float:
        """Share of all answers that are right, by which the paper's rule chooses the checkpoint."""
        scores = (
            (self.additions_right, ASKED_PER_OPERATION),
            (self.subtractions_right, ASKED_PER_OPERATION),
            (self.facts_right, ASKED_FACTS),
        )
        asked = [(right, total) for right, total in scores if right is not None]
        return sum(right for right, _ in asked) / sum(total for _, total in asked)


RESULTS = (
    Result("arithmetic", "n14", "base", 910, 910),
    Result("arithmetic", "n28", "base", 890, 890),
    Result("arithmetic", "n56", "base", 890, 890),
    Result("arithmetic", "mlt", "base", 890, 890),
    Result("arithmetic", "n14", "wd", 910, 910),
    Result("arithmetic", "n28", "wd", 890, 890),
    Result("arithmetic", "n56", "wd", 890, 890),
    Result("arithmetic", "mlt", "wd", 890, 890),
    Result("facts", "n14", "base", facts_right=41),
    Result("facts", "n28", "base", facts_right=500),
    Result("facts", "n56", "base", facts_right=500),
    Result("facts", "mlt", "base", facts_right=500),
    Result("facts", "n14", "wd", facts_right=62),
    Result("facts", "n28", "wd", facts_right=500),
    Result("facts", "n56", "wd", facts_right=500),
    Result("facts", "mlt", "wd", facts_right=500),
    Result("joint", "n14", "base", 297, 348, 10),
    Result("joint", "n28", "base", 860, 880, 442),
    Result("joint", "n56", "base", 890, 890, 500),
    Result("joint", "mlt", "base", 890, 890, 500),
    Result("joint", "n14", "wd", 290, 275, 31),
    Result("joint", "n28", "wd", 876, 799, 450),
    Result("joint", "n56", "wd", 890, 890, 500),
    Result("joint", "mlt", "wd", 890, 890, 500),
)
"""The results in the paper's tables: 12 base cells and 12 "wd" cells."""

INITIAL_LOSS: Mapping[tuple[str, str], float] = {
    ("arithmetic", "n14"): 2.8537,
    ("arithmetic", "n28"): 2.8834,
    ("arithmetic", "n56"): 2.9262,
    ("arithmetic", "mlt"): 3.0427,
    ("facts", "n14"): 3.9292,
    ("facts", "n28"): 3.9571,
    ("facts", "n56"): 3.9554,
    ("facts", "mlt"): 4.0783,
    ("joint", "n14"): 4.1977,
    ("joint", "n28"): 4.1925,
    ("joint", "n56"): 4.2375,
    ("joint", "mlt"): 4.3143,
}
"""Loss at iteration 0 by task and size, in nats per character, from the released curves."""

FINAL_LOSS: Mapping[tuple[str, str], float] = {
    ("arithmetic", "n14"): 0.746,
    ("arithmetic", "n28"): 0.605,
    ("arithmetic", "n56"): 0.535,
    ("arithmetic", "mlt"): 0.532,
}
"""Loss at the end of training of base cells by task and size, in nats per character, from the released curves."""


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, in one sentence."""

    name: str
    statement: str


CLAIMS = (
    Claim("C1", "n14, trained on arithmetic alone, answers all four held-out expressions (5+7, 7+5, 5-7, 7-5)."),
    Claim("C2", "n28, n56 and MLT, trained on arithmetic alone, answer none of the four held-out expressions."),
    Claim("C3", "Trained on the facts alone, n14 recalls at most about 12 % of the 50 capitals; n28 and larger all."),
    Claim("C4", "Trained on both tasks jointly, no size answers a held-out expression."),
    Claim("C5", "The weight-decay variants change nothing of the first four claims."),
    Claim("C6", "MLT does not come to answer the held-out expressions (it does not grok) in 1.5 million iterations."),
    Claim("C7", "No size extends arithmetic from digits to operands of 0 to 19."),
    Claim("C8", "Pre-training favors one mode of learning: few parameters generalize, many parameters memorize."),
)
"""The claims that get a verdict."""


def result(task: str, size: str, variant: str) -> Result:
    """The published scores of a cell. Raises KeyError if the paper has no such cell."""
    for published in RESULTS:
        if (published.task, published.size, published.variant) == (task, size, variant):
            return published
    raise KeyError(f"the paper has no cell {task}, {size}, {variant}")


def _share(right: int | None, asked: int) -> float | None:
    """The share of answers that are right; None where nothing is asked."""
    return None if right is None else right / asked
