from __future__ import annotations

import numpy
import pytest
import torch

from capacity.corpora import corpus
from capacity.evaluation import readings
from capacity.evaluation.margins import MOST_FACTS_COMPARED, Candidates, candidates_by_task
from capacity.evaluation.questions import QuestionSet, questions_of
from capacity.evaluation.true_texts import true_answers, whole_lines
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import RANDOM_FACT_KINDS, Size
from tests.support.networks import networks_of
from tests.support.plain_transformer import plain_from_stack, random_stack
from tests.support.question_sets import make_question_set

SMALL = Size(1, 1, 10, 1)
DEEP = Size(2, 2, 8, 2)


@pytest.mark.parametrize("rows_at_once", [1024, 7])
@pytest.mark.parametrize(("task", "block"), [("arithmetic", 9), ("arithmetic", 4), ("facts", 24), ("facts", 40)])
def test_true_answers_are_as_likely_as_among_all_candidates(task, block, rows_at_once, monkeypatch):
    monkeypatch.setattr(readings, "ROWS_AT_ONCE", rows_at_once)
    question_set, _, vocabulary = make_question_set(task, block, 12)
    networks = networks_of(random_stack(DEEP, len(vocabulary), block, 2), DEEP)
    candidates = Candidates(question_set.questions, vocabulary, block)
    among, _ = candidates.margins(candidates.log_probabilities(networks))
    alone = true_answers(question_set.questions, vocabulary, block).log_probabilities(networks)
    numpy.testing.assert_allclose(alone, among, rtol=0, atol=1e-12)


@pytest.mark.parametrize("block", [11, 5])
@pytest.mark.parametrize("kind", RANDOM_FACT_KINDS)
def test_a_whole_line_is_read_one_character_after_the_other_from_the_newline_before_it(kind, block):
    lines = corpus.build(make_cell("facts", SMALL, fact_kind=kind, facts=9, key_length=4, value_length=5))
    vocabulary = corpus.vocabulary(lines)
    stack = random_stack(SMALL, len(vocabulary), block, 1)
    network = plain_from_stack(stack, 0, SMALL)
    said = whole_lines(lines, vocabulary, block).log_probabilities(networks_of(stack, SMALL))
    for line, found in zip(lines, said[0], strict=True):
        total = 0.0
        for place, character in enumerate(line.text):
            codes = torch.tensor([vocabulary.encode(("\n" + line.text[:place])[-block:])])
            with torch.no_grad():
                total += float(network(codes)[0, -1].log_softmax(0)[vocabulary.encode(character)[0]])
        assert found == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize(("facts", "compared"), [(MOST_FACTS_COMPARED, True), (MOST_FACTS_COMPARED + 1, False)])
def test_the_answers_to_many_facts_are_not_compared(facts, compared):
    lines = corpus.build(make_cell("joint", SMALL, fact_kind="synthetic", facts=facts))
    vocabulary = corpus.vocabulary(lines)
    questions = QuestionSet(lines, vocabulary, 24).questions
    assert ("facts" in candidates_by_task(questions, vocabulary, 24)) == compared
    assert "arithmetic" in candidates_by_task(questions, vocabulary, 24)
    assert len(questions_of(lines)) == 200 + 2 * facts
