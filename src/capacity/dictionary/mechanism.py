"""Columns that say how a run comes to its answers, as :mod:`capacity.evaluation.mechanism` reads them from weights."""

from __future__ import annotations

from capacity.dictionary.column import NUMBER, Column, Columns

SHARE = "share from 0 to 1"

MECHANISM: Columns = (
    Column(
        "digit_component_share",
        NUMBER,
        "Share of the variance of the embeddings of the ten digits that lies on their first principal component.",
        SHARE,
    ),
    Column(
        "digit_component_order",
        NUMBER,
        "Absolute rank correlation (Spearman) of the digits with their places on the first principal component of "
        "their embeddings.",
        "correlation from 0 to 1",
    ),
    Column(
        "digit_parallelograms",
        NUMBER,
        "Share of the 70 parallelograms of digits, i + j = m + n, that close: the sums of the embeddings of i and j "
        "and of m and n are no further apart than the digits are from their mean (root mean square).",
        SHARE,
    ),
    Column(
        "logits_explained_addition",
        NUMBER,
        "Share of the variance of the logits after the equals sign of the 100 additions a + b that a + b explains; the "
        "logits are those of the characters with which an answer begins, less their mean.",
        SHARE,
    ),
    Column(
        "logits_explained_subtraction",
        NUMBER,
        "Share of the variance of the logits after the equals sign of the 100 subtractions a - b that a - b explains; "
        "the logits are those of the characters with which an answer begins, less their mean.",
        SHARE,
    ),
    Column(
        "attention_to_operands",
        NUMBER,
        "Attention weight that the equals sign gives to the two operands, on average over the 200 expressions of two "
        "digits, in the head of any layer that gives them most.",
        SHARE,
    ),
)
"""What the weights of a run say of its mechanism at the final iterate; empty for a task without arithmetic, and where
the weights are not finite."""
