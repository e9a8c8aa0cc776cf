"""What is read from weights, checked with embeddings and networks whose answer is plain."""

from __future__ import annotations

import math

import numpy
import pytest
from scipy import stats

from capacity.corpora import corpus
from capacity.evaluation.mechanism import (
    COLUMNS,
    DECIMALS,
    PARALLELOGRAMS,
    digit_geometry,
    explained_share,
    mechanism,
    operand_attention,
)
from capacity.experiment.cell import make_cell
from capacity.model.initialization import initialise
from capacity.paper.protocol import SIZES, Size

CELL = make_cell("arithmetic", Size(2, 2, 12, 1))
LINES = corpus.build(CELL)
VOCABULARY = corpus.vocabulary(LINES)
DIGITS = numpy.arange(10.0)


def drawn(size=CELL.size, seeds=(0, 1), factor=20):
    """Random networks far from their start."""
    stack = initialise(size, len(VOCABULARY), CELL.block, seeds)
    return {name: value if name.endswith("norm") else value * numpy.float32(factor) for name, value in stack.items()}


def measured(parameters, size=CELL.size):
    return mechanism(parameters, size.heads, LINES, VOCABULARY, CELL.block)


def test_there_are_70_parallelograms_of_digits():
    assert len(set(PARALLELOGRAMS)) == 70
    for i, j, m, n in PARALLELOGRAMS:
        assert i + j == m + n
        assert {i, j}.isdisjoint({m, n})


def test_digits_on_a_line_have_one_component_in_order_and_every_parallelogram():
    line = numpy.outer(DIGITS, [3.0, -4.0, 0.0]) + numpy.array([1.0, 2.0, 3.0])
    for embeddings in (line, -line):
        geometry = digit_geometry(embeddings)
        assert geometry == {
            "digit_component_share": pytest.approx(1),
            "digit_component_order": pytest.approx(1),
            "digit_parallelograms": 1,
        }


def test_digits_that_have_nothing_to_do_with_one_another_have_no_parallelogram():
    """Ten orthogonal digits: nine components that are all alike, and sums that are all equally far apart."""
    geometry = digit_geometry(numpy.eye(10))
    assert geometry["digit_component_share"] == pytest.approx(1 / 9)
    assert geometry["digit_parallelograms"] == 0


def test_a_parallelogram_closes_when_its_sums_are_no_further_apart_than_digits_are_from_their_mean():
    """Digits on a line with one feature more that is 0 but for digit 0: of its parallelograms the sums are that far."""
    spread = math.sqrt(8.25)  # of 0 to 9; a bump b of one digit of ten adds 0.09 b^2 to the square
    for bump, share in ((0.9 * spread / math.sqrt(0.91), 1.0), (1.1 * spread / math.sqrt(0.91), None)):
        geometry = digit_geometry(numpy.stack([DIGITS, numpy.where(DIGITS == 0, bump, 0)], axis=1))
        without = sum(0 not in each for each in PARALLELOGRAMS) / 70
        assert geometry["digit_parallelograms"] == pytest.approx(share if share is not None else without)


def test_the_order_of_digits_is_the_rank_correlation_of_their_places():
    places = numpy.array([0.0, 1, 2, 9, 4, 5, 6, 7, 8, 3])
    expected = abs(stats.spearmanr(places, DIGITS).statistic)
    assert digit_geometry(places[:, None] ** 3)["digit_component_order"] == pytest.approx(expected)


def test_digits_that_are_all_the_same_have_no_geometry():
    assert set(digit_geometry(numpy.ones((10, 4))).values()) == {None}


def test_the_share_that_groups_explain_is_eta_squared():
    values = numpy.array([[0.0], [2.0], [4.0], [6.0]])
    groups = numpy.array([0, 0, 1, 1])
    assert explained_share(values, groups) == pytest.approx(1 - 4 / 20)  # within 1 + 1 + 1 + 1, in all 9 + 1 + 1 + 9
    assert explained_share(values, numpy.zeros(4)) == pytest.approx(0)
    assert explained_share(values, numpy.arange(4)) == 1
    assert explained_share(numpy.ones((4, 2)), groups) is None


def test_attention_to_the_operands_is_that_of_the_head_that_attends_most():
    attention = numpy.zeros((2, 2, 3, 5))
    attention[0, 0, :, [1, 3]] = 0.25
    attention[1, 0, :, 1] = [0.9, 0.6, 0.6]
    attention[1, 1, :, 0] = 1.0
    assert operand_attention(attention) == pytest.approx(0.7)


def test_a_network_has_every_measure_and_those_of_its_own_weights():
    both, second = measured(drawn()), measured(drawn(seeds=(1,)))
    assert [set(each) for each in both] == [set(COLUMNS)] * 2
    assert both[1] == second[0]
    assert both[0] != both[1]
    assert all(0 <= value <= 1 and round(value, DECIMALS) == value for value in both[0].values())


@pytest.mark.parametrize("size", [SIZES["n14"], Size(3, 2, 12, 4)])
def test_shapes_of_any_depth_and_number_of_heads_are_measured(size):
    (only,) = measured(drawn(size, (0,)), size)
    assert None not in only.values()


def test_a_network_whose_logits_depend_on_the_sum_alone_is_explained_by_it():
    """One layer whose head attends to everything alike and whose digits lie on a line: what it passes on is a sum."""
    parameters = drawn(SIZES["n14"], (0,), factor=1)
    digits = VOCABULARY.encode("0123456789")
    parameters["token_embedding"][0, digits] = numpy.where(numpy.arange(14) % 2, 1.0, -1.0)
    parameters["token_embedding"][0, digits, 0] = 0.01 * DIGITS  # small, so that a layer norm changes nothing of a line
    parameters["position_embedding"][:] = 0  # so that the left operand weighs what the right one does
    parameters["blocks.0.attention_in"][0, :28] = 0  # no query or key, so that all positions weigh the same
    (only,) = measured(parameters, SIZES["n14"])
    assert only["digit_component_share"] == only["digit_component_order"] == only["digit_parallelograms"] == 1
    assert only["logits_explained_addition"] > 0.99
    assert only["logits_explained_subtraction"] < 0.2  # it adds there too, and sums say little of differences
    assert only["attention_to_operands"] == pytest.approx(2 / 5)


def test_there_is_nothing_to_measure_without_arithmetic_or_of_weights_that_are_not_finite():
    facts = make_cell("facts", SIZES["n14"])
    lines = corpus.build(facts)
    stack = initialise(facts.size, len(corpus.vocabulary(lines)), facts.block, (0,))
    assert mechanism(stack, 1, lines, corpus.vocabulary(lines), facts.block) == [dict.fromkeys(COLUMNS)]
    broken = drawn()
    broken["final_norm"][0, 0] = math.nan
    first, second = measured(broken)
    assert first == dict.fromkeys(COLUMNS)
    assert None not in second.values()
    assert mechanism(drawn(), 2, LINES, VOCABULARY, 4) == [dict.fromkeys(COLUMNS)] * 2


def test_with_larger_operands_the_weights_are_asked_about_digits_all_the_same():
    """The same weights say the same of both corpora, whose characters are the same."""
    cell = make_cell("arithmetic", CELL.size, largest_operand=19)
    lines = corpus.build(cell)
    vocabulary = corpus.vocabulary(lines)
    assert vocabulary.characters == VOCABULARY.characters
    parameters = drawn()
    assert mechanism(parameters, CELL.size.heads, lines, vocabulary, cell.block) == measured(parameters)
