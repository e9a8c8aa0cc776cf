from __future__ import annotations

import math

import pytest
import torch

from capacity.corpora import corpus
from capacity.evaluation import beyond_digits, operands
from capacity.evaluation.beyond_digits import answer_beyond_digits
from capacity.experiment.cell import make_cell
from capacity.model import transformer
from capacity.paper.protocol import Size
from tests.support.networks import networks_of

CELL = make_cell("arithmetic", Size(1, 1, 8, 1))
SEEDS = (0, 7)
KINDS = {"digits": 200, "beyond_digits": 600, "one_beyond_digits": 400, "both_beyond_digits": 200}


@pytest.fixture(scope="module")
def lines():
    return corpus.build(CELL)


@pytest.fixture(scope="module")
def vocabulary(lines):
    return corpus.vocabulary(lines)


def random_stack(cell, vocabulary, seeds=SEEDS):
    """Random networks, far enough from their start that they do not all answer alike."""
    drawn = transformer.initialise(cell.size, len(vocabulary), cell.block, seeds)
    return {name: value if name.endswith("norm") else value * 20 for name, value in drawn.items()}


@pytest.fixture(scope="module")
def stack(vocabulary):
    return random_stack(CELL, vocabulary)


@pytest.fixture(scope="module")
def evaluated(stack, lines, vocabulary):
    return answer_beyond_digits(networks_of(stack, CELL.size), lines, vocabulary, CELL.block)


def answered(prompt, stack, number, vocabulary, block):
    """Four characters by one network, one prompt and one character at a time."""
    alone = {name: value[number : number + 1] for name, value in stack.items()}
    text = prompt
    for _ in range(4):
        tokens = torch.tensor(vocabulary.encode(text[-block:]))[None, None]
        logits = transformer.forward(alone, tokens, 1)[0]
        text += vocabulary.decode([int(logits[:, -1].argmax())])
    said, newline, _ = text.removeprefix(prompt).partition("\n")
    return said + newline


def test_answers_are_those_of_one_network_and_one_prompt_at_a_time(evaluated, stack, vocabulary):
    for number, run in enumerate(evaluated):
        assert len(run["answers"]) == 1200
        for prompt in ("<3+4=", "<12+5=", "12+5=", "<12-15=", "<19+19=", "0-10="):
            assert run["answers"][prompt] == answered(prompt, stack, number, vocabulary, CELL.block), prompt
    first, second = evaluated
    assert first["answers"] != second["answers"]


def test_a_network_s_answers_do_not_depend_on_its_neighbours(evaluated, stack, lines, vocabulary):
    for number, run in enumerate(evaluated):
        alone = networks_of(stack, CELL.size, number)
        assert answer_beyond_digits(alone, lines, vocabulary, CELL.block) == [run]


def test_scores_are_counted_from_the_answers(stack, lines, vocabulary, monkeypatch):
    """As if a network knew just these four, one of them only at the trained offset and none with a wrong sign."""
    known = {"<1+1=": "2> \n", "<12+5=": "17>\n", "<15-15=": "0> \n", "12-5=": "7> \n", "<3-12=": "9> \n"}

    def ask(_networks, prompts, *_):
        return [{prompt: known.get(prompt, "") for prompt in prompts}]

    monkeypatch.setattr(beyond_digits, "_ask", ask)
    (run,) = answer_beyond_digits(networks_of(stack, CELL.size, 0), lines, vocabulary, CELL.block)
    right = {name: score["correct"] for name, score in run["paper_prompts"].items() if score["correct"]}
    assert right == {
        **{"digits": 1, "digits_addition": 1, "beyond_digits": 2, "one_beyond_digits": 1, "both_beyond_digits": 1},
        **{"beyond_digits_addition": 1, "one_beyond_digits_addition": 1},
        **{"beyond_digits_subtraction": 1, "both_beyond_digits_subtraction": 1},
    }
    assert run["paper_prompts"]["beyond_digits"] == {"correct": 2, "total": 600, "fraction": 2 / 600}
    shifted = {name: (score["correct"], score["total"]) for name, score in run["trained_offset"].items()}
    assert shifted == {
        **{"beyond_digits": (1, 400), "one_beyond_digits": (1, 400)},
        **{"beyond_digits_addition": (0, 200), "one_beyond_digits_addition": (0, 200)},
        **{"beyond_digits_subtraction": (1, 200), "one_beyond_digits_subtraction": (1, 200)},
    }


def test_a_joint_network_is_asked_too():
    cell = make_cell("joint", Size(1, 1, 8, 1), facts=3)
    lines = corpus.build(cell)
    vocabulary = corpus.vocabulary(lines)
    stack = random_stack(cell, vocabulary, (0,))
    (run,) = answer_beyond_digits(networks_of(stack, cell.size), lines, vocabulary, cell.block)
    for prompt in ("<12-15=", "12+5="):
        assert run["answers"][prompt] == answered(prompt, stack, 0, vocabulary, cell.block)


@pytest.mark.parametrize("task", ["arithmetic", "joint"])
def test_a_network_of_larger_operands_is_not_asked_as_they_are_not_beyond_its_training(task):
    cell = make_cell(task, Size(1, 1, 8, 1), largest_operand=10)
    lines = corpus.build(cell)
    vocabulary = corpus.vocabulary(lines)
    stack = random_stack(cell, vocabulary)
    assert answer_beyond_digits(networks_of(stack, cell.size), lines, vocabulary, cell.block) == [None, None]
    assert operands.baselines(lines) is None
    assert set(operands.columns(None, None).values()) == {None}


def test_a_network_of_facts_is_not_asked():
    cell = make_cell("facts", Size(1, 1, 8, 1), facts=3)
    lines = corpus.build(cell)
    vocabulary = corpus.vocabulary(lines)
    stack = random_stack(cell, vocabulary)
    assert answer_beyond_digits(networks_of(stack, cell.size), lines, vocabulary, cell.block) == [None, None]
    assert operands.baselines(lines) is None


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_diverged_network_answers_wrongly_and_leaves_the_others_alone(evaluated, stack, lines, vocabulary, value):
    broken = {name: tensor.clone() for name, tensor in stack.items()}
    for tensor in broken.values():
        tensor[1] = value
    whole, diverged = answer_beyond_digits(networks_of(broken, CELL.size), lines, vocabulary, CELL.block)
    assert whole == evaluated[0]
    assert {score["correct"] for score in diverged["paper_prompts"].values()} == {0}


def test_columns_are_the_shares_right_and_none_without_arithmetic(evaluated, lines):
    found = operands.columns(evaluated[0], operands.baselines(lines))
    assert list(found) == [*operands.MEASURES, *operands.BASELINES]
    paper, shifted = evaluated[0]["paper_prompts"], evaluated[0]["trained_offset"]
    assert found["final_operands_0_19_beyond_digits"] == paper["beyond_digits"]["fraction"]
    assert found["final_operands_0_19_beyond_digits_trained_offset"] == shifted["one_beyond_digits"]["fraction"]
    assert found["operands_0_19_beyond_digits_constant"] == 21 / 600
    assert found["operands_0_19_beyond_digits_zero"] == found["operands_0_19_beyond_digits_nearest_seen"] == 10 / 600
    assert set(operands.columns(None, None).values()) == {None}
