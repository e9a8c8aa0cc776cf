from __future__ import annotations

import pytest
import torch
from torch import Tensor

from capacity.corpora import corpus
from capacity.corpora.prefixes import Prefixes
from capacity.evaluation import questions
from capacity.evaluation.margins import Candidates, candidates_by_task
from capacity.evaluation.questions import Answers, Examination, items, score_groups
from capacity.model import transformer
from capacity.paper.protocol import Size
from capacity.tasks import lines as tasks_lines
from capacity.tasks.lines import Line, arithmetic_line, fact_line, is_right
from capacity.tasks.vocabulary import Vocabulary
from tests.support.plain_transformer import PlainTransformer, plain_from_stack, random_stack

SMALL = Size(1, 1, 10, 1)
DEEP = Size(2, 2, 8, 2)


def exam(task: str, block: int, facts: int = 50) -> tuple[Examination, list[Line], Vocabulary]:
    lines = tasks_lines.corpus(task, [(5, 7)], facts, 1337)
    vocabulary = corpus.vocabulary(lines)
    return Examination(lines, vocabulary, block), lines, vocabulary


def slow_continuation(
    network: PlainTransformer, vocabulary: Vocabulary, prompt: str, block: int, characters: int
) -> str:
    text = prompt
    for _ in range(characters):
        codes = torch.tensor([vocabulary.encode(text[-block:])])
        text += vocabulary.characters[int(network(codes)[0, -1].argmax())]
    return text.removeprefix(prompt)


def slow_log_probability(
    network: PlainTransformer, vocabulary: Vocabulary, prompt: str, said: str, block: int
) -> float:
    total = 0.0
    for number, character in enumerate(said):
        codes = torch.tensor([vocabulary.encode((prompt + said[:number])[-block:])])
        total += float(network(codes)[0, -1].log_softmax(0)[vocabulary.encode(character)[0]])
    return total


def first_line(text: str) -> str:
    """Up to the newline, which is where decoding may end."""
    return text.split("\n")[0]


class KnowsTheText:
    """Stands for a network: it continues any text as the first place of the corpus where that text stands."""

    def __init__(self, lines: list[Line], vocabulary: Vocabulary) -> None:
        self.text, self.vocabulary = "".join(line.text for line in lines), vocabulary

    def forward(self, parameters: transformer.Parameters, tokens: Tensor, heads: int, places: Tensor) -> Tensor:
        return torch.stack([self._after(rows, ends) for rows, ends in zip(tokens, places, strict=True)])

    def forward_prefixes(self, parameters: transformer.Parameters, prefixes: Prefixes, heads: int) -> Tensor:
        return self._after(prefixes.tokens[prefixes.row_inputs], prefixes.ends)[None]

    def _after(self, rows: Tensor, ends: Tensor) -> Tensor:
        """(V, P), logits after the P places of some rows."""
        logits = torch.zeros(len(self.vocabulary), len(ends))
        for number, end in enumerate(ends.tolist()):
            row, last = divmod(end, rows.shape[1])
            known = self.vocabulary.decode(rows[row, : last + 1].tolist())
            place = self.text.find(known)
            following = self.text[place + len(known) :][:1] if place >= 0 else ""
            logits[self.vocabulary.encode(following or "\n")[0], number] = 50.0
        return logits


@pytest.fixture
def no_grad():
    with torch.no_grad():
        yield


@pytest.mark.parametrize(
    ("line", "continuation", "right"),
    [
        (arithmetic_line(1, "addition", 2), "3> \n", True),
        (arithmetic_line(1, "addition", 2), "3", True),
        (arithmetic_line(1, "addition", 2), "3+1=", True),
        (arithmetic_line(1, "addition", 2), "30> ", False),
        (arithmetic_line(1, "addition", 2), "-3>\n", False),
        (arithmetic_line(1, "addition", 2), " 3> ", False),
        (arithmetic_line(1, "addition", 2), "=3> ", False),
        (arithmetic_line(1, "addition", 2), "> \n3", False),
        (arithmetic_line(1, "addition", 2), "", False),
        (arithmetic_line(5, "addition", 7), "12>\n", True),
        (arithmetic_line(5, "addition", 7), "1> \n", False),
        (arithmetic_line(5, "addition", 7), "123>", False),
        (arithmetic_line(5, "subtraction", 7), "-2>\n", True),
        (arithmetic_line(5, "subtraction", 7), "2> \n", False),
        (arithmetic_line(5, "subtraction", 7), "->\n<", False),
        (arithmetic_line(5, "subtraction", 7), "--2>", False),
        (arithmetic_line(4, "subtraction", 4), "0> \n", True),
        (fact_line("France", "Paris"), "Paris \nCapital of Ja", True),
        (fact_line("France", "Paris"), "Paris\n", True),
        (fact_line("France", "Paris"), "  pARIS  ", True),
        (fact_line("France", "Paris"), "Paris is ", False),
        (fact_line("France", "Paris"), "\nParis \n", False),
        (fact_line("France", "Paris"), "Pari\n", False),
        (fact_line("India", "New Delhi"), "New Delhi \n", True),
        (fact_line("India", "New Delhi"), "NewDelhi \n", False),
        (fact_line("Mexico", "Mexico City"), "Mexico \n", False),
    ],
)
def test_right_and_wrong_continuations(line, continuation, right):
    assert is_right(line, continuation) is right


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
    assert exam(task, 24)[0].totals() == totals


def test_the_910_style_leaves_out_nonzero_minus_or_plus_zero():
    questions = items(tasks_lines.lines("arithmetic", [(5, 7)], 50))
    groups = score_groups(questions)
    for operation, sign in (("addition", "+"), ("subtraction", "-")):
        left_out = set(groups[f"{operation}_1000"]) - set(groups[f"{operation}_910"])
        assert {questions[number].prompt for number in left_out} == {f"<{a}{sign}0=" for a in range(1, 10)}


def test_each_fact_is_asked_with_the_papers_prompt_and_with_the_matched_one():
    asked = {(item.prompts, item.prompt) for item in items(tasks_lines.lines("facts", [], 50))}
    assert ("paper", "Capital of USA is ") in asked
    assert ("matched", "Capital of the USA is ") in asked
    assert ("paper", "Capital of France is ") in asked
    assert ("matched", "Capital of France is ") in asked
    assert len(asked) == 100


def test_all_seen_and_none_held_out_is_890_of_910_and_980_of_1000():
    examination, _, _ = exam("arithmetic", 9)
    right = torch.tensor([[item.line.split == "seen" for item in examination.items], [True] * 200, [False] * 200])
    scores = examination.scores(Answers([[]], right))
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
def test_batched_decoding_says_what_one_prompt_at_a_time_says(task, size, block, facts):
    examination, _, vocabulary = exam(task, block, facts)
    parameters = random_stack(size, len(vocabulary), block, 3, deviation=0.7)
    parameters["token_embedding"][:, vocabulary.encode("\n")] *= 3  # so that some answers end early
    answers = examination.ask(parameters, size.heads)
    ended = set()
    for seed in range(3):
        network = plain_from_stack(parameters, seed, size)
        for number in range(seed, len(examination.items), 4 if examination.items[0].line.task == "arithmetic" else 1):
            item = examination.items[number]
            characters = 4 if item.line.task == "arithmetic" else 20
            slow = slow_continuation(network, vocabulary, item.prompt, block, characters)
            assert first_line(answers.continuations[seed][number]) == first_line(slow)
            assert bool(answers.right[seed, number]) == is_right(item.line, slow)
            ended.add("\n" in slow)
    assert ended == {False, True}


def test_some_prompts_are_longer_than_the_papers_block():
    assert max(len(item.prompt) for item in items(tasks_lines.lines("facts", [], 16))) > 24


@pytest.mark.usefixtures("no_grad")
def test_answers_do_not_depend_on_what_else_is_asked_nor_on_the_other_networks():
    examination, lines, vocabulary = exam("joint", 24, 20)
    parameters = random_stack(DEEP, len(vocabulary), 24, 2, deviation=0.7)
    whole = examination.ask(parameters, DEEP.heads)
    part = Examination(lines[5::3], vocabulary, 24)
    numbers = [examination.items.index(item) for item in part.items]
    assert len({len(item.prompt) for item in part.items}) > 5
    for seed in range(2):
        alone = part.ask({name: value[seed : seed + 1] for name, value in parameters.items()}, DEEP.heads)
        assert alone.continuations == [[whole.continuations[seed][number] for number in numbers]]
        assert torch.equal(alone.right[0], whole.right[seed, numbers])


@pytest.mark.usefixtures("no_grad")
@pytest.mark.parametrize("rows_at_once", [1024, 7])
@pytest.mark.parametrize(
    ("task", "block", "facts", "size"),
    [("arithmetic", 9, 50, DEEP), ("arithmetic", 4, 50, SMALL), ("facts", 24, 15, SMALL), ("joint", 24, 3, DEEP)],
)
def test_log_probabilities_are_those_of_one_character_at_a_time(task, block, facts, size, rows_at_once, monkeypatch):
    monkeypatch.setattr(questions, "ROWS_AT_ONCE", rows_at_once)
    examination, _, vocabulary = exam(task, block, facts)
    every = [item for item in examination.items if item.line.task == ("facts" if task == "facts" else "arithmetic")]
    chosen = [number for number, item in enumerate(every) if item.line.split == "held_out" or number in (1, 14, 22)]
    parameters = random_stack(size, len(vocabulary), block, 2)
    candidates = Candidates(every, vocabulary, block, chosen)
    found = candidates.log_probabilities(parameters, size.heads)
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
            item = every[number]
            for column, answer in enumerate(candidates.answers):
                said = answer + item.line.terminator
                expected = slow_log_probability(network, vocabulary, item.prompt, said, block)
                assert float(found[seed, row, column]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.usefixtures("no_grad")
@pytest.mark.parametrize("rows_at_once", [1024, 7])
@pytest.mark.parametrize(("task", "block"), [("arithmetic", 9), ("facts", 24)])
def test_what_candidates_begin_with_is_read_once_and_few_rows_at_a_time(task, block, rows_at_once, monkeypatch):
    """No row that is read begins another, and all together begin with every context."""
    monkeypatch.setattr(questions, "ROWS_AT_ONCE", rows_at_once)
    examination, _, vocabulary = exam(task, block, 15)
    pieces: list[Prefixes] = []
    forward = transformer.forward_prefixes

    def record(parameters: transformer.Parameters, prefixes: Prefixes, heads: int) -> Tensor:
        pieces.append(prefixes)
        return forward(parameters, prefixes, heads)

    monkeypatch.setattr(transformer, "forward_prefixes", record)
    parameters = random_stack(SMALL, len(vocabulary), block, 1)
    candidates = Candidates(examination.items[:40], vocabulary, block)
    candidates.log_probabilities(parameters, SMALL.heads)
    assert max(len(prefixes.rows) for prefixes in pieces) <= rows_at_once
    rows = [vocabulary.decode(row) for prefixes in pieces for row in prefixes.tokens[prefixes.row_inputs].tolist()]
    assert (len(pieces) > 1) == (len(rows) > rows_at_once)
    contexts = {
        (item.prompt + (answer + item.line.terminator)[:said])[-block:]
        for item in examination.items[:40]
        for answer in candidates.answers
        for said in range(len(answer + item.line.terminator))
    }
    begun = {context for context in contexts if any(other.startswith(context) for other in contexts - {context})}
    assert len(rows) == len(contexts) - len(begun)
    assert all(any(row.startswith(context) for row in rows) for context in contexts)


@pytest.mark.usefixtures("no_grad")
def test_chosen_questions_are_a_part_of_all_questions():
    examination, _, vocabulary = exam("arithmetic", 9)
    parameters = random_stack(SMALL, len(vocabulary), 9, 2)
    every = Candidates(examination.items, vocabulary, 9)
    part = Candidates(examination.items, vocabulary, 9, [196, 3, 199])
    assert sorted(map(int, every.answers)) == list(range(-9, 19))
    assert part.answers == every.answers
    table = every.log_probabilities(parameters, 1)
    torch.testing.assert_close(part.log_probabilities(parameters, 1), table[:, [196, 3, 199]], rtol=0, atol=1e-12)
    for found, expected in zip(
        part.margins(table[:, [196, 3, 199]]), (each[:, [196, 3, 199]] for each in every.margins(table)), strict=True
    ):
        assert torch.equal(found, expected)


@pytest.mark.usefixtures("no_grad")
@pytest.mark.parametrize("task", ["arithmetic", "facts"])
def test_the_probabilities_of_the_candidates_of_a_question_add_up_to_at_most_one(task):
    examination, _, vocabulary = exam(task, 24, 15)
    parameters = random_stack(SMALL, len(vocabulary), 24, 2)
    candidates = Candidates(examination.items, vocabulary, 24)
    assert float(candidates.log_probabilities(parameters, 1).exp().sum(-1).max()) <= 1 + 1e-9


def three_facts() -> Candidates:
    lines = tasks_lines.lines("facts", [], 3)
    return Candidates([item for item in items(lines) if item.prompts == "matched"], corpus.vocabulary(lines), 24)


def test_margins_by_pencil():
    candidates = three_facts()
    assert candidates.answers == ["Paris", "Washington DC", "Tokyo"]
    table = torch.tensor([[[-1.0, -2.0, -5.0], [-1.0, -2.5, -4.0], [-9.0, -3.0, -3.0]]])
    true, margin = candidates.margins(table)
    assert true.tolist() == [[-1.0, -2.5, -3.0]]
    assert margin.tolist() == [[1.0, -1.5, 0.0]]


def test_margins_of_networks_that_are_sure():
    sure = torch.full((3, 3), -50.0).fill_diagonal_(0.0)
    true, margin = three_facts().margins(torch.stack([sure, sure.roll(1, 0)]))
    assert true.tolist() == [[0.0] * 3, [-50.0] * 3]
    assert margin.tolist() == [[50.0] * 3, [-50.0] * 3]


@pytest.mark.parametrize(("task", "block"), [("arithmetic", 9), ("facts", 24), ("joint", 24)])
def test_who_knows_the_text_scores_everything_but_the_prompts_that_do_not_match_it(task, block, monkeypatch):
    examination, lines, vocabulary = exam(task, block, 18)
    knows = KnowsTheText(lines, vocabulary)
    monkeypatch.setattr(transformer, "forward", knows.forward)
    monkeypatch.setattr(transformer, "forward_prefixes", knows.forward_prefixes)
    stand_in = {"token_embedding": torch.zeros(1, len(vocabulary), 1)}
    answers = examination.ask(stand_in, 1)
    totals = examination.totals()
    wrong = {name: totals[name] - int(count) for name, count in examination.scores(answers).items()}
    missed = 0 if task == "arithmetic" else 2
    assert {name: number for name, number in wrong.items() if number} == (
        {"facts_paper_prompts": missed, "combined_910": missed} if missed else {}
    )
    for numbers, candidates in candidates_by_task(examination.items, vocabulary, block).values():
        _, margins = candidates.margins(candidates.log_probabilities(stand_in, 1))
        right = answers.right[:, numbers]
        assert bool((margins[right] > 40).all())


@pytest.mark.parametrize("task", ["arithmetic", "facts", "joint"])
def test_every_question_is_in_the_table_of_its_task(task):
    examination, _, vocabulary = exam(task, 24, 15)
    found = candidates_by_task(examination.items, vocabulary, 24)
    assert list(found) == (["arithmetic", "facts"] if task == "joint" else [task])
    assert sorted(number for numbers, _ in found.values() for number in numbers) == list(range(len(examination.items)))
    for name, (numbers, candidates) in found.items():
        asked = {examination.items[number].line for number in numbers}
        assert {line.task for line in asked} == {name}
        assert set(candidates.answers) == {line.answer for line in asked}
