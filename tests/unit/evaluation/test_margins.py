from __future__ import annotations

import numpy
import pytest
import torch

from capacity.corpora import corpus
from capacity.evaluation import margins, readings
from capacity.evaluation.margins import Candidates, candidates_by_task
from capacity.evaluation.questions import questions_of
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import Size
from capacity.tasks.registry import TASKS
from capacity.tasks.task import Line
from capacity.tasks.vocabulary import Vocabulary
from tests.support.networks import TextNetwork, networks_of
from tests.support.plain_transformer import PlainTransformer, plain_from_stack, random_stack
from tests.support.question_sets import make_question_set

SMALL = Size(1, 1, 10, 1)
DEEP = Size(2, 2, 8, 2)


def slow_log_probability(
    network: PlainTransformer, vocabulary: Vocabulary, prompt: str, said: str, block: int
) -> float:
    total = 0.0
    for number, character in enumerate(said):
        codes = torch.tensor([vocabulary.encode((prompt + said[:number])[-block:])])
        with torch.no_grad():
            total += float(network(codes)[0, -1].log_softmax(0)[vocabulary.encode(character)[0]])
    return total


class KnowsTheText(TextNetwork):
    """Continues any text as the first place of the corpus where that text stands."""

    def __init__(self, lines: list[Line], vocabulary: Vocabulary) -> None:
        self.text, self.vocabulary = "".join(line.text for line in lines), vocabulary

    def log_probabilities_after(self, texts, lengths):
        logits = numpy.full((1, len(lengths), len(self.vocabulary)), -50.0)
        for number, (codes, length) in enumerate(zip(texts[0].tolist(), lengths, strict=True)):
            said = self.vocabulary.decode(codes[:length])
            place = self.text.find(said)
            following = self.text[place + len(said) :][:1] if place >= 0 else ""
            logits[0, number, self.vocabulary.encode(following or "\n")[0]] = 0.0
        return logits


@pytest.mark.parametrize("rows_at_once", [1024, 7])
@pytest.mark.parametrize(
    ("task", "block", "facts", "size"),
    [("arithmetic", 9, 50, DEEP), ("arithmetic", 4, 50, SMALL), ("facts", 24, 15, SMALL), ("joint", 24, 3, DEEP)],
)
def test_log_probabilities_are_those_of_one_character_at_a_time(task, block, facts, size, rows_at_once, monkeypatch):
    monkeypatch.setattr(readings, "ROWS_AT_ONCE", rows_at_once)
    question_set, _, vocabulary = make_question_set(task, block, facts)
    every = [
        question
        for question in question_set.questions
        if question.line.task == ("facts" if task == "facts" else "arithmetic")
    ]
    chosen = [
        number for number, question in enumerate(every) if question.line.split == "held_out" or number in (1, 14, 22)
    ]
    parameters = random_stack(size, len(vocabulary), block, 2)
    candidates = Candidates(every, vocabulary, block, chosen)
    found = candidates.log_probabilities(networks_of(parameters, size))
    assert found.shape == (2, len(chosen), len(candidates.answers))
    longest = max(
        len(every[number].prompt + answer + every[number].line.terminator) - 1
        for number in chosen
        for answer in candidates.answers
    )
    assert (longest > block) == ((task, block) in {("arithmetic", 4), ("facts", 24)})
    for seed in range(2):
        network = plain_from_stack(parameters, seed, size)
        for row, number in enumerate(chosen):
            question = every[number]
            for column, answer in enumerate(candidates.answers):
                said = answer + question.line.terminator
                expected = slow_log_probability(network, vocabulary, question.prompt, said, block)
                assert float(found[seed, row, column]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("rows_at_once", [1024, 7])
@pytest.mark.parametrize(("task", "block"), [("arithmetic", 9), ("facts", 24)])
def test_what_candidates_begin_with_is_read_once_and_few_rows_at_a_time(task, block, rows_at_once, monkeypatch):
    """No row that is read begins another, and all together begin with every context."""
    monkeypatch.setattr(readings, "ROWS_AT_ONCE", rows_at_once)
    question_set, _, vocabulary = make_question_set(task, block, 15)
    network = networks_of(random_stack(SMALL, len(vocabulary), block, 1), SMALL)
    pieces = []

    class Recorder(TextNetwork):
        def log_probabilities(self, prefixes, chosen=None):
            pieces.append(prefixes)
            return network.log_probabilities(prefixes, chosen)

    candidates = Candidates(question_set.questions[:40], vocabulary, block)
    candidates.log_probabilities(Recorder())
    assert max(len(prefixes.rows) for prefixes in pieces) <= rows_at_once
    rows = [vocabulary.decode(row) for prefixes in pieces for row in prefixes.tokens[prefixes.row_inputs].tolist()]
    assert (len(pieces) > 1) == (len(rows) > rows_at_once)
    contexts = {
        (question.prompt + (answer + question.line.terminator)[:said])[-block:]
        for question in question_set.questions[:40]
        for answer in candidates.answers
        for said in range(len(answer + question.line.terminator))
    }
    begun = {context for context in contexts if any(other.startswith(context) for other in contexts - {context})}
    assert len(rows) == len(contexts) - len(begun)
    assert all(any(row.startswith(context) for row in rows) for context in contexts)


def test_of_larger_operands_too_log_probabilities_are_those_of_one_character_at_a_time():
    cell = make_cell("arithmetic", SMALL, largest_operand=19, held_out=[(5, 17), (3, 4)])
    lines = corpus.build(cell)
    vocabulary = corpus.vocabulary(lines)
    every = questions_of(lines)
    chosen = [number for number, question in enumerate(every) if question.line.split == "held_out"]
    parameters = random_stack(SMALL, len(vocabulary), cell.block, 1)
    candidates = Candidates(every, vocabulary, cell.block, chosen)
    assert {int(answer) for answer in candidates.answers} == set(range(-19, 39))
    found = candidates.log_probabilities(networks_of(parameters, SMALL))
    network = plain_from_stack(parameters, 0, SMALL)
    prompts = [every[number].prompt for number in chosen]
    expected = [
        [slow_log_probability(network, vocabulary, prompt, f"{answer}>", cell.block) for answer in candidates.answers]
        for prompt in prompts
    ]
    assert found[0] == pytest.approx(numpy.array(expected), abs=1e-9)
    true, margins = candidates.margins(found)
    for row, number in enumerate(chosen):
        place = candidates.answers.index(every[number].line.answer)
        assert true[0, row] == found[0, row, place]
        assert margins[0, row] == found[0, row, place] - max(numpy.delete(found[0, row], place))


@pytest.mark.parametrize("prompts_at_once", [1, 3, 199])
def test_prompts_are_asked_in_pieces_where_they_are_many(prompts_at_once, monkeypatch):
    question_set, _, vocabulary = make_question_set("arithmetic", 9)
    networks = networks_of(random_stack(SMALL, len(vocabulary), 9, 2), SMALL)
    whole = Candidates(question_set.questions[:40], vocabulary, 9).log_probabilities(networks)
    monkeypatch.setattr(margins, "PROMPTS_AT_ONCE", prompts_at_once)
    pieces = Candidates(question_set.questions[:40], vocabulary, 9)
    for _ in range(2):
        assert pieces.log_probabilities(networks) == pytest.approx(whole, abs=1e-6)


def test_chosen_questions_are_a_part_of_all_questions():
    question_set, _, vocabulary = make_question_set("arithmetic", 9)
    networks = networks_of(random_stack(SMALL, len(vocabulary), 9, 2), SMALL)
    every = Candidates(question_set.questions, vocabulary, 9)
    part = Candidates(question_set.questions, vocabulary, 9, [196, 3, 199])
    assert sorted(map(int, every.answers)) == list(range(-9, 19))
    assert part.answers == every.answers
    table = every.log_probabilities(networks)
    numpy.testing.assert_allclose(part.log_probabilities(networks), table[:, [196, 3, 199]], rtol=0, atol=1e-12)
    for found, expected in zip(
        part.margins(table[:, [196, 3, 199]]), (each[:, [196, 3, 199]] for each in every.margins(table)), strict=True
    ):
        assert numpy.array_equal(found, expected)


@pytest.mark.parametrize("task", ["arithmetic", "facts"])
def test_the_probabilities_of_the_candidates_of_a_question_add_up_to_at_most_one(task):
    question_set, _, vocabulary = make_question_set(task, 24, 15)
    networks = networks_of(random_stack(SMALL, len(vocabulary), 24, 2), SMALL)
    candidates = Candidates(question_set.questions, vocabulary, 24)
    assert numpy.exp(candidates.log_probabilities(networks)).sum(-1).max() <= 1 + 1e-9


def three_facts() -> Candidates:
    lines = TASKS["facts"].lines(held_out=[], facts=3)
    return Candidates(
        [question for question in questions_of(lines) if question.prompts == "matched"], corpus.vocabulary(lines), 24
    )


def test_margins_by_pencil():
    candidates = three_facts()
    assert candidates.answers == ["Paris", "Washington DC", "Tokyo"]
    table = numpy.array([[[-1.0, -2.0, -5.0], [-1.0, -2.5, -4.0], [-9.0, -3.0, -3.0]]])
    true, margin = candidates.margins(table)
    assert true.tolist() == [[-1.0, -2.5, -3.0]]
    assert margin.tolist() == [[1.0, -1.5, 0.0]]


def test_margins_of_networks_that_are_sure():
    sure = numpy.where(numpy.eye(3), 0.0, -50.0)
    true, margin = three_facts().margins(numpy.stack([sure, numpy.roll(sure, 1, 0)]))
    assert true.tolist() == [[0.0] * 3, [-50.0] * 3]
    assert margin.tolist() == [[50.0] * 3, [-50.0] * 3]


@pytest.mark.parametrize(("task", "block"), [("arithmetic", 9), ("facts", 24), ("joint", 24)])
def test_who_knows_the_text_scores_everything_but_the_prompts_that_do_not_match_it(task, block):
    question_set, lines, vocabulary = make_question_set(task, block, 18)
    knows = KnowsTheText(lines, vocabulary)
    answers = question_set.ask(knows)
    totals = question_set.totals()
    wrong = {name: totals[name] - int(count[0]) for name, count in question_set.scores(answers).items()}
    missed = 0 if task == "arithmetic" else 2
    assert {name: number for name, number in wrong.items() if number} == (
        {"facts_paper_prompts": missed, "combined_910": missed} if missed else {}
    )
    for numbers, candidates in candidates_by_task(question_set.questions, vocabulary, block).values():
        _, margins = candidates.margins(candidates.log_probabilities(knows))
        right = answers.right[:, numbers]
        assert (margins[right] > 40).all()


@pytest.mark.parametrize("task", ["arithmetic", "facts", "joint"])
def test_every_question_is_in_the_table_of_its_task(task):
    question_set, _, vocabulary = make_question_set(task, 24, 15)
    found = candidates_by_task(question_set.questions, vocabulary, 24)
    assert list(found) == (["arithmetic", "facts"] if task == "joint" else [task])
    assert sorted(number for numbers, _ in found.values() for number in numbers) == list(
        range(len(question_set.questions))
    )
    for name, (numbers, candidates) in found.items():
        asked = {question_set.questions[number].line for number in numbers}
        assert {line.task for line in asked} == {name}
        assert set(candidates.answers) == {line.answer for line in asked}
