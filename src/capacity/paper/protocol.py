"""The protocol of the paper, to the digit: sizes, recipes and schedule.

Source: Barron & White, "Too Big to Think", arXiv 2506.09099v2, section 3 and its released configuration files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TASKS = ("arithmetic", "facts", "joint")
STREAMS = ("fixed", "reshuffled", "aligned", "answer-only")

ITERATIONS = 30_000
WARMUP_ITERATIONS = 2_000
DECAY_ITERATIONS = 25_000
EVALUATION_INTERVAL = 250

ADAM_BETA1 = 0.9
ADAM_BETA2 = 0.99
GRADIENT_CLIP = 1.0
PAPER_SEED = 1337

HELD_OUT = ((5, 7),)
FACTS = 50
CORPUS_SEED = 1337

BLOCK = {"arithmetic": 9, "facts": 24, "joint": 24}
BATCH = {"arithmetic": 882, "facts": 576, "joint": 576}


@dataclass(frozen=True, order=True)
class Size:
    """Shape of a decoder-only Transformer.

    Attributes:
        layers: number of blocks.
        heads: attention heads per block; divides ``width``.
        width: features per position (d).
        mlp_factor: hidden features of the MLP as a multiple of ``width`` (m).
    """

    layers: int
    heads: int
    width: int
    mlp_factor: int

    @property
    def name(self) -> str:
        """``mlt`` for the paper's large model, ``n<width>`` for one layer, one head and m = 1, else all four."""
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
        """The inverse of ``name``; raises ValueError for anything else."""
        if name == "mlt":
            return MLT
        if match := re.fullmatch(r"n(\d+)", name):
            return cls(1, 1, int(match[1]), 1)
        if match := re.fullmatch(r"l(\d+)h(\d+)d(\d+)m(\d+)", name):
            return cls(*(int(value) for value in match.groups()))
        raise ValueError(f"size {name!r} is not 'mlt', 'n<width>' or 'l<layers>h<heads>d<width>m<mlp factor>'")


MLT = Size(layers=6, heads=6, width=384, mlp_factor=4)
SIZES = {
    "n14": Size(1, 1, 14, 1),
    "n28": Size(1, 1, 28, 1),
    "n56": Size(1, 1, 56, 1),
    "mlt": MLT,
}


@dataclass(frozen=True)
class Recipe:
    """What the paper sets by size: learning rates and regularization."""

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
    """What the paper's "wd" variant changes: decay for the small sizes, only the dropout for MLT."""
    return {"dropout": 0.0} if size == MLT else {"weight_decay": 0.1}
