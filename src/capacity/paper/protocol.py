"""The protocol of the paper, to the digit: sizes, recipes and schedule.

Source: Barron & White, "Too Big to Think", arXiv 2506.09099v2, section 3 and its released configuration files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from capacity.errors import InputError

TASKS = ("arithmetic", "facts", "joint")
"""The tasks of the paper. :mod:`capacity.tasks.registry` lists all that can be trained."""

STREAMS = ("fixed", "reshuffled", "aligned", "answer-only")
"""How lines become training rows; the paper has ``fixed`` alone."""

ANSWERS = ("correct", "permuted")
"""Which answers the trained lines of arithmetic have; the paper has ``correct`` alone."""

MIXINGS = ("blocks", "shuffled")
"""How the lines of two tasks stand in one text; the paper has ``blocks`` alone."""

FACT_KINDS = ("capitals", "filler", "synthetic", "strings")
"""What stands where the paper has facts; it has ``capitals`` alone."""

RANDOM_FACT_KINDS = ("synthetic", "strings")
"""Those of :data:`FACT_KINDS` whose lines are letters drawn at random."""

ITERATIONS = 30_000
WARMUP_ITERATIONS = 2_000
DECAY_ITERATIONS = 25_000
EVALUATION_INTERVAL = 250

ADAM_BETA1 = 0.9
ADAM_BETA2 = 0.99
GRADIENT_CLIP = 1.0
PAPER_SEED = 1337

LARGEST_OPERAND = 9
HELD_OUT = ((5, 7),)
FACTS = 50
CORPUS_SEED = 1337

KEY_LENGTH = 6
VALUE_LENGTH = 6
FACT_SEED = 1337
"""Of random facts, which the paper does not have: letters of a key and of a value, and the seed that draws them."""

BLOCK = {"arithmetic": 9, "facts": 24, "joint": 24}
"""Characters that a network reads at a time, by task."""

BATCH = {"arithmetic": 882, "facts": 576, "joint": 576}
"""Windows of a training batch, by task."""


@dataclass(frozen=True, order=True)
class Size:
    """Shape of a decoder-only Transformer.

    Attributes:
        layers: Number of blocks.
        heads: Attention heads per block; they divide ``width``.
        width: Features per position (d).
        mlp_factor: Hidden features of the MLP as a multiple of ``width`` (m).
    """

    layers: int
    heads: int
    width: int
    mlp_factor: int

    @property
    def name(self) -> str:
        """``mlt`` for the paper's large model, ``n<width>`` for one layer, one head and m = 1; otherwise all four."""
        if self == MLT:
            return "mlt"
        if (self.layers, self.heads, self.mlp_factor) == (1, 1, 1):
            return f"n{self.width}"
        return f"l{self.layers}h{self.heads}d{self.width}m{self.mlp_factor}"

    @property
    def matrix_weights(self) -> int:
        """Number of weights in the matrices of all blocks: attention has 4 d^2 of them, and the MLP 2 m d^2."""
        return self.layers * (4 + 2 * self.mlp_factor) * self.width**2

    @classmethod
    def parse(cls, name: str) -> Size:
        """The size of a name, the inverse of :attr:`name`. Raises InputError for any other text."""
        if name == "mlt":
            return MLT
        if match := re.fullmatch(r"n([0-9]{1,9})", name):
            return cls(1, 1, int(match[1]), 1)
        if match := re.fullmatch(r"l([0-9]{1,9})h([0-9]{1,9})d([0-9]{1,9})m([0-9]{1,9})", name):
            return cls(*(int(value) for value in match.groups()))
        raise InputError(f"size {name!r} is not 'mlt', 'n<width>' or 'l<layers>h<heads>d<width>m<mlp factor>'")


MLT = Size(layers=6, heads=6, width=384, mlp_factor=4)
SIZES = {
    "n14": Size(1, 1, 14, 1),
    "n28": Size(1, 1, 28, 1),
    "n56": Size(1, 1, 56, 1),
    "mlt": MLT,
}


@dataclass(frozen=True)
class Recipe:
    """The settings of training that the paper chooses by size.

    Attributes:
        learning_rate: Peak of AdamW's learning rate.
        final_learning_rate: Learning rate at the end of the decay.
        weight_decay: AdamW's decay of matrices, embeddings included.
        dropout: Share of features that are dropped in training.
    """

    learning_rate: float
    final_learning_rate: float
    weight_decay: float
    dropout: float


SMALL_RECIPE = Recipe(learning_rate=1e-2, final_learning_rate=1e-4, weight_decay=0.0, dropout=0.0)
MLT_RECIPE = Recipe(learning_rate=1e-5, final_learning_rate=1e-6, weight_decay=0.1, dropout=0.2)


def recipe(size: Size) -> Recipe:
    """The recipe of a size: the paper's for MLT, and that of n14, n28 and n56 for every other size."""
    return MLT_RECIPE if size == MLT else SMALL_RECIPE


def weight_decay_variant(size: Size) -> dict[str, float]:
    """The settings that the paper's "wd" variant changes: it adds decay to small sizes and takes dropout from MLT."""
    return {"dropout": 0.0} if size == MLT else {"weight_decay": 0.1}
