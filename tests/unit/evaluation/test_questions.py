from __future__ import annotations

import numpy
import pytest
import torch

from capacity.evaluation import decoding
from capacity.evaluation.questions import Answers, QuestionSet, questions_of, score_groups
from capacity.paper.protocol import Size
from capacity.tasks.registry import TASKS, is_right
from capacity.tasks.vocabulary import Vocabulary
from tests.support.networks import networks_of
from tests.support.plain_transformer import PlainTransformer, plain_from_stack, random_stack
from tests.support.question_sets import make_question_set

SMALL = Size(1, 1, 10, 1)
DEEP = Size(2, 2, 8, 2)


def slow_continuation(
    network: PlainTransformer, vocabulary: Vocabulary, prompt: str, block: int, characters: int
) -> str:
    text = prompt
    for _ in range(characters):
        codes = torch.tensor([vocabulary.encode(text[-block:])])
        text += vocabulary.characters[int(network(codes)[0, -1].argmax())]
    return text.removeprefix(prompt)


def first_line(text: str) -> str:
    """Up to the newline, which is where decoding may end."""
    return text.split("\n")[0]


@pytest.fixture
def no_grad():
    with torch.no_grad():
        yield


ARITHMETIC_TOTALS = {
    "seen": 196,
    "seen_addition": 98,
    "seen_subtraction": 98,
    "held_out": 4,
    "held_out_addition": 2,
    "held_out_subtraction": 2,
    "addition_910": 91,
    "subtraction_910": 91,
    "addition_1000": 100,
    "subtraction_1000": 100,
}


@pytest.mark.parametrize(
    ("task", "totals"),
    [
        ("arithmetic", {**ARITHMETIC_TOTALS, "combined_910": 182}),
        ("facts", {"facts_paper_prompts": 50, "facts_matched_prompts": 50, "combined_910": 50}),
        (
            "joint",
            {**ARITHMETIC_TOTALS, "facts_paper_prompts": 50, "facts_matched_prompts": 50, "combined_910": 232},
        ),
    ],
)
def test_the_denominators_are_the_papers(task, totals):
    assert make_question_set(task, 24)[0].totals() == totals


def test_the_910_style_leaves_out_nonzero_minus_or_plus_zero():
    questions = questions_of(TASKS["arithmetic"].lines(held_out=[(5, 7)], facts=50))
    groups = score_groups(questions)
    for operation, sign in (("addition", "+"), ("subtraction", "-")):
        left_out = set(groups[f"{operation}_1000"]) - set(groups[f"{operation}_910"])
        assert {questions[number].prompt for number in left_out} == {f"<{a}{sign}0=" for a in range(1, 10)}


def test_each_fact_is_asked_with_the_papers_prompt_and_with_the_matched_one():
    asked = {
        (question.prompts, question.prompt) for question in questions_of(TASKS["facts"].lines(held_out=[], facts=50))
    }
    assert ("paper", "Capital of USA is ") in asked
    assert ("matched", "Capital of the USA is ") in asked
    assert ("paper", "Capital of France is ") in asked
    assert ("matched", "Capital of France is ") in asked
    assert len(asked) == 100


def test_all_seen_and_none_held_out_is_890_of_910_and_980_of_1000():
    question_set, _, _ = make_question_set("arithmetic", 9)
    right = numpy.array(
        [[question.line.split == "seen" for question in question_set.questions], [True] * 200, [False] * 200]
    )
    scores = question_set.scores(Answers([[]], right))
    assert scores["addition_910"].tolist() == [89, 91, 0]
    assert scores["subtraction_1000"].tolist() == [98, 100, 0]
    assert scores["seen"].tolist() == [196, 196, 0]
    assert scores["held_out"].tolist() == [0, 4, 0]
    assert round(890 / 910, 3) == 0.978


@pytest.mark.usefixtures("no_grad")
@pytest.mark.parametrize(
    ("task", "size", "block", "facts"),
    [
        ("arithmetic", SMALL, 9, 50),
        ("arithmetic", DEEP, 6, 50),
        ("facts", SMALL, 24, 16),
        ("facts", DEEP, 40, 4),
        ("joint", SMALL, 24, 3),
    ],
)
@pytest.mark.parametrize("rows_at_once", [1024, 30])
def test_batched_decoding_says_what_one_prompt_at_a_time_says(task, size, block, facts, rows_at_once, monkeypatch):
    monkeypatch.setattr(decoding, "ROWS_AT_ONCE", rows_at_once)
    question_set, _, vocabulary = make_question_set(task, block, facts)
    parameters = random_stack(size, len(vocabulary), block, 3, deviation=0.7)
    parameters["token_embedding"][:, vocabulary.encode("\n")] *= 3  # so that some answers end early
    answers = question_set.ask(networks_of(parameters, size))
    ended = set()
    for seed in range(3):
        network = plain_from_stack(parameters, seed, size)
        for number in range(
            seed, len(question_set.questions), 4 if question_set.questions[0].line.task == "arithmetic" else 1
        ):
            question = question_set.questions[number]
            characters = 4 if question.line.task == "arithmetic" else 20
            slow = slow_continuation(network, vocabulary, question.prompt, block, characters)
            assert first_line(answers.continuations[seed][number]) == first_line(slow)
            assert bool(answers.right[seed, number]) == is_right(question.line, slow)
            ended.add("\n" in slow)
    assert ended == {False, True}


def test_some_prompts_are_longer_than_the_papers_block():
    assert max(len(question.prompt) for question in questions_of(TASKS["facts"].lines(held_out=[], facts=16))) > 24


@pytest.mark.usefixtures("no_grad")
def test_answers_do_not_depend_on_what_else_is_asked_nor_on_the_other_networks():
    question_set, lines, vocabulary = make_question_set("joint", 24, 20)
    parameters = random_stack(DEEP, len(vocabulary), 24, 2, deviation=0.7)
    whole = question_set.ask(networks_of(parameters, DEEP))
    part = QuestionSet(lines[5::3], vocabulary, 24)
    numbers = [question_set.questions.index(question) for question in part.questions]
    assert len({len(question.prompt) for question in part.questions}) > 5
    for seed in range(2):
        alone = part.ask(networks_of(parameters, DEEP, seed))
        assert alone.continuations == [[whole.continuations[seed][number] for number in numbers]]
        assert alone.right[0].tolist() == whole.right[seed, numbers].tolist()
