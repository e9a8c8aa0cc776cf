"""A rule or a table? What the weights of a network say of how it comes to its answers.

All of it is read from the weights at the final iterate, with the prompts of the paper for two digits, ``<a+b=`` and
``<a-b=``, held out or not and whatever the largest operand of the corpus is, and none of it asks whether an answer is
right. A network that looks its answers up in a table has no reason to be large in any of these measures, and one that
adds has.

Matrix products and functions of a library round as the processor has it. That moves the last of some 15 digits, and
values are rounded to :data:`DECIMALS`, so that files are the same on every machine where the weights are.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from capacity.dictionary.column import names
from capacity.dictionary.mechanism import MECHANISM
from capacity.evaluation.texts import encode_padded
from capacity.model.networks import len_of
from capacity.model.one_network import forward
from capacity.tasks.arithmetic import ARITHMETIC
from capacity.tasks.task import Line
from capacity.tasks.vocabulary import Vocabulary

COLUMNS = names(MECHANISM)
DECIMALS = 9

DIGITS = tuple(range(10))
OPERATIONS = {"addition": "+", "subtraction": "-"}
LEFT_PLACE, RIGHT_PLACE, LENGTH = 1, 3, 5
"""Where the operands are in ``<a+b=``, and how long it is."""

PARALLELOGRAMS = tuple(
    (*one, *other)
    for one, other in itertools.combinations(itertools.combinations_with_replacement(DIGITS, 2), 2)
    if sum(one) == sum(other)
)
"""The 70 sets of two pairs of digits, i, j and m, n, with i + j = m + n; a pair may be one digit twice."""

Floats = NDArray[numpy.float64]
Measured = dict[str, float | None]


def mechanism(
    parameters: Mapping[str, NDArray[numpy.float32]],
    heads: int,
    lines: Sequence[Line],
    vocabulary: Vocabulary,
    block: int,
) -> list[Measured]:
    """The measures of each of S networks, by the names of :data:`COLUMNS`.

    They are None of a corpus without arithmetic, of a network that is not finite, and where a measure is not defined,
    as that of digits whose embeddings are all the same.

    Args:
        parameters: Of the S networks, by name, each with a leading axis of S.
        heads: Attention heads of each layer.
        lines: Of the corpus; only whether it has arithmetic matters.
        vocabulary: Characters of the corpus.
        block: Positions of the model.
    """
    if block < LENGTH or not any(line.task == ARITHMETIC.name for line in lines):
        return [dict.fromkeys(COLUMNS) for _ in range(len_of(parameters))]
    networks = ({name: value[number] for name, value in parameters.items()} for number in range(len_of(parameters)))
    return [_of_network(network, heads, vocabulary) for network in networks]


def digit_geometry(embeddings: Floats) -> Measured:
    """How the embeddings of the digits 0 to 9, (10, d), lie to one another.

    ``digit_component_share`` is the share of their variance on their first principal component, and
    ``digit_component_order`` the absolute rank correlation (Spearman) of the digit with its place on it.
    ``digit_parallelograms`` is the share of :data:`PARALLELOGRAMS` that close, which is how Liu et al. (arXiv
    2205.10343) tell a representation that adds: E_i + E_j and E_m + E_n are no further apart than the digits are from
    their mean (as root mean square). The sums of unrelated digits are twice that apart.
    """
    centred = embeddings - embeddings.mean(0)
    total = float((centred**2).sum())
    if not total:
        return dict.fromkeys(("digit_component_share", "digit_component_order", "digit_parallelograms"))
    left, singular, _ = numpy.linalg.svd(centred, full_matrices=False)
    ranks = numpy.argsort(numpy.argsort(left[:, 0]))
    first, second, third, fourth = (centred[list(each)] for each in zip(*PARALLELOGRAMS, strict=True))
    gaps = ((first + second - third - fourth) ** 2).sum(1)
    return {
        "digit_component_share": float(singular[0] ** 2 / total),
        "digit_component_order": float(abs(numpy.corrcoef(ranks, DIGITS)[0, 1])),
        "digit_parallelograms": float((gaps <= total / len(DIGITS)).mean()),
    }


def explained_share(values: Floats, groups: NDArray[Any]) -> float | None:
    """The share of the variance of N rows of values, (N, C), that lies between groups, given by N numbers.

    It is eta squared: 1 if the rows of a group are all the same, and (G - 1) / (N - 1) on average if G groups are drawn
    at random. None if all rows are the same.
    """
    total = float(((values - values.mean(0)) ** 2).sum())
    by_group = [values[groups == group] for group in numpy.unique(groups)]
    within = sum(float(((rows - rows.mean(0)) ** 2).sum()) for rows in by_group)
    return 1 - within / total if total else None


def operand_attention(attention: Floats) -> float:
    """The weight that ``=`` gives to the two operands in the head that gives them most, on average over N prompts.

    ``attention`` is (L, H, N, T), the weights at ``=`` of H heads in each of L layers.
    """
    return float((attention[..., LEFT_PLACE] + attention[..., RIGHT_PLACE]).mean(2).max())


def _of_network(parameters: Mapping[str, NDArray[numpy.float32]], heads: int, vocabulary: Vocabulary) -> Measured:
    if not all(numpy.isfinite(value).all() for value in parameters.values()):
        return dict.fromkeys(COLUMNS)
    digits = vocabulary.encode("".join(map(str, DIGITS)))
    exact = {name: value.astype(numpy.float64) for name, value in parameters.items()}
    measured = digit_geometry(exact["token_embedding"][digits])
    asked = list(itertools.product(DIGITS, DIGITS))
    left, right = numpy.array(asked).T
    attention = []
    for operation, sign in OPERATIONS.items():
        answers = left + right if operation == "addition" else left - right
        prompts, _ = encode_padded([f"<{a}{sign}{b}=" for a, b in asked], vocabulary)
        reading = forward(exact, prompts, heads)
        begins = vocabulary.encode("".join(sorted({str(answer)[0] for answer in answers})))
        logits = reading.logits[:, -1, begins]
        # A softmax leaves out what all logits have in common.
        measured[f"logits_explained_{operation}"] = explained_share(logits - logits.mean(1, keepdims=True), answers)
        attention.append(reading.attention[..., -1, :].swapaxes(1, 2))  # (L, H, N, T), of =
    measured["attention_to_operands"] = operand_attention(numpy.concatenate(attention, axis=2))
    return {name: None if (value := measured[name]) is None else round(value, DECIMALS) for name in COLUMNS}
