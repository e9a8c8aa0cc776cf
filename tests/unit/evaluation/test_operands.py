from __future__ import annotations

import math
from collections import Counter

import pytest
import torch

from capacity.corpora import corpus
from capacity.evaluation import endpoints, operands
from capacity.experiment.cell import make_cell
from capacity.model import transformer
from capacity.paper.protocol import Size
from capacity.tasks.lines import arithmetic_line
from capacity.training.randomness import initialisation_generator

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
    drawn = transformer.initialise(
        cell.size, len(vocabulary), cell.block, [initialisation_generator(seed) for seed in seeds]
    )
    return {name: value if name.endswith("norm") else value * 20 for name, value in drawn.items()}


@pytest.fixture(scope="module")
def stack(vocabulary):
    return random_stack(CELL, vocabulary)


@pytest.fixture(scope="module")
def evaluated(stack, lines, vocabulary):
    return endpoints.beyond_digits(stack, CELL.size.heads, lines, vocabulary, CELL.block)


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


def test_every_sum_and_difference_of_0_to_19_is_asked_once():
    asked = operands.expressions()
    assert len({line.prompt for line in asked}) == len(asked) == 800
    assert Counter(line.operation for line in asked) == {"addition": 400, "subtraction": 400}
    by_prompt = {line.prompt: line.answer for line in asked}
    assert by_prompt["<12+15="] == "27"
    assert by_prompt["<3-19="] == "-16"
    assert by_prompt["<0+0="] == "0"


def test_the_grid_of_digits_is_that_of_the_corpus(lines):
    asked = operands.expressions()
    digits = {asked[number].prompt: asked[number].answer for number in operands.groups(asked)["digits"]}
    assert digits == {line.prompt: line.answer for line in lines}


def test_scores_count_what_their_names_say():
    asked = operands.expressions()
    groups = operands.groups(asked)
    assert {name: len(numbers) for name, numbers in groups.items()} == KINDS | {
        f"{name}_{operation}": total // 2 for name, total in KINDS.items() for operation in ("addition", "subtraction")
    }
    assert asked.index(arithmetic_line(9, "addition", 9)) in groups["digits_addition"]
    assert asked.index(arithmetic_line(9, "addition", 10)) in groups["one_beyond_digits_addition"]
    assert asked.index(arithmetic_line(10, "subtraction", 0)) in groups["one_beyond_digits_subtraction"]
    assert asked.index(arithmetic_line(10, "subtraction", 10)) in groups["both_beyond_digits_subtraction"]
    assert sorted(groups["beyond_digits"]) == sorted(groups["one_beyond_digits"] + groups["both_beyond_digits"])


def test_at_the_trained_offset_the_equals_sign_stands_where_digits_have_it(lines):
    shifted = operands.at_trained_offset(operands.expressions())
    assert {line.prompt.index("=") for line in shifted} == {line.prompt.index("=") for line in lines} == {4}
    assert len({line.prompt for line in shifted}) == len(shifted) == 400
    for line in shifted:  # nothing but the opening bracket is lost
        left, right = line.operands
        sign = "+" if line.operation == "addition" else "-"
        assert line.prompt == f"{left}{sign}{right}="


def test_answers_are_those_of_one_network_and_one_prompt_at_a_time(evaluated, stack, vocabulary):
    for number, run in enumerate(evaluated):
        assert len(run["answers"]) == 1200
        for prompt in ("<3+4=", "<12+5=", "12+5=", "<12-15=", "<19+19=", "0-10="):
            assert run["answers"][prompt] == answered(prompt, stack, number, vocabulary, CELL.block), prompt
    first, second = evaluated
    assert first["answers"] != second["answers"]


def test_a_network_s_answers_do_not_depend_on_its_neighbours(evaluated, stack, lines, vocabulary):
    for number, run in enumerate(evaluated):
        alone = {name: value[number : number + 1] for name, value in stack.items()}
        assert endpoints.beyond_digits(alone, CELL.size.heads, lines, vocabulary, CELL.block) == [run]


def test_scores_are_counted_from_the_answers(stack, lines, vocabulary, monkeypatch):
    """As if a network knew just these four, one of them only at the trained offset and none with a wrong sign."""
    known = {"<1+1=": "2> \n", "<12+5=": "17>\n", "<15-15=": "0> \n", "12-5=": "7> \n", "<3-12=": "9> \n"}

    def ask(_parameters, _heads, asked, *_):
        return [{line.prompt: known.get(line.prompt, "") for line in asked}]

    monkeypatch.setattr(endpoints, "_ask", ask)
    (run,) = endpoints.beyond_digits(
        {"token_embedding": stack["token_embedding"][:1]}, 1, lines, vocabulary, CELL.block
    )
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
    (run,) = endpoints.beyond_digits(stack, 1, lines, vocabulary, cell.block)
    for prompt in ("<12-15=", "12+5="):
        assert run["answers"][prompt] == answered(prompt, stack, 0, vocabulary, cell.block)


def test_a_network_of_facts_is_not_asked():
    cell = make_cell("facts", Size(1, 1, 8, 1), facts=3)
    lines = corpus.build(cell)
    vocabulary = corpus.vocabulary(lines)
    stack = random_stack(cell, vocabulary)
    assert endpoints.beyond_digits(stack, 1, lines, vocabulary, cell.block) == [None, None]
    assert operands.baselines(lines) is None


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_diverged_network_answers_wrongly_and_leaves_the_others_alone(evaluated, stack, lines, vocabulary, value):
    broken = {name: tensor.clone() for name, tensor in stack.items()}
    for tensor in broken.values():
        tensor[1] = value
    whole, diverged = endpoints.beyond_digits(broken, CELL.size.heads, lines, vocabulary, CELL.block)
    assert whole == evaluated[0]
    assert {score["correct"] for score in diverged["paper_prompts"].values()} == {0}


def test_a_constant_zero_is_right_for_equal_operands(lines):
    """Ten of the hundred differences of two-digit operands: the paper's 100 of 1,000, asked ten times each."""
    zero = operands.baselines(lines)["zero"]
    assert zero["both_beyond_digits_subtraction"] == {"correct": 10, "total": 100, "fraction": 0.1}
    assert zero["digits_subtraction"]["correct"] == 10
    assert zero["digits_addition"]["correct"] == 1
    assert zero["one_beyond_digits"]["correct"] == 0
    assert zero["beyond_digits"]["correct"] == 10


def test_the_best_constant_is_the_most_frequent_answer_and_the_smallest_of_several(lines):
    constant = operands.baselines(lines)["constant"]
    assert constant["digits_addition"] == {"correct": 10, "total": 100, "fraction": 0.1, "answer": 9}
    assert constant["both_beyond_digits_addition"] == {"correct": 10, "total": 100, "fraction": 0.1, "answer": 29}
    # a - b with one operand above 9 is -10 ten times, as 10 is; of beyond_digits too, where 0 is right as often.
    assert constant["one_beyond_digits_subtraction"] == {"correct": 10, "total": 200, "fraction": 0.05, "answer": -10}
    assert constant["beyond_digits_subtraction"]["answer"] == -10


def test_the_nearest_seen_expression_is_by_distance_then_by_operands(lines):
    seen = [line for line in lines if line.split == "seen"]
    asked = [
        arithmetic_line(3, "addition", 4),  # seen itself
        arithmetic_line(5, "addition", 7),  # held out: 4+7, 5+6, 5+8 and 6+7 are as near
        arithmetic_line(12, "addition", 5),  # 9+5
        arithmetic_line(19, "subtraction", 19),  # 9-9
        arithmetic_line(2, "subtraction", 15),  # 2-9
    ]
    assert operands.nearest_seen(asked, seen) == ["7", "11", "14", "0", "-7"]


def test_the_nearest_seen_baseline_knows_the_table_and_nothing_else(lines):
    nearest = operands.baselines(lines)["nearest_seen"]
    assert nearest["digits"]["correct"] == 196
    assert nearest["beyond_digits_addition"]["correct"] == 0
    assert nearest["beyond_digits_subtraction"]["correct"] == 10  # 10-10 to 19-19, taken for 9-9


def test_an_operation_of_which_nothing_is_seen_is_refused_by_name(lines):
    seen = [line for line in lines if line.split == "seen" and line.operation == "addition"]
    with pytest.raises(ValueError, match="no seen subtraction"):
        operands.nearest_seen(operands.expressions(), seen)


def test_columns_are_the_shares_right_and_none_without_arithmetic(evaluated, lines):
    found = operands.columns(evaluated[0], operands.baselines(lines))
    assert list(found) == [*operands.MEASURES, *operands.BASELINES]
    paper, shifted = evaluated[0]["paper_prompts"], evaluated[0]["trained_offset"]
    assert found["final_operands_0_19_beyond_digits"] == paper["beyond_digits"]["fraction"]
    assert found["final_operands_0_19_beyond_digits_trained_offset"] == shifted["one_beyond_digits"]["fraction"]
    assert found["operands_0_19_beyond_digits_constant"] == 21 / 600
    assert found["operands_0_19_beyond_digits_zero"] == found["operands_0_19_beyond_digits_nearest_seen"] == 10 / 600
    assert set(operands.columns(None, None).values()) == {None}
