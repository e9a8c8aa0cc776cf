from __future__ import annotations

import math

import numpy
import pytest

from capacity.corpora import corpus
from capacity.errors import InputError
from capacity.evaluation import bits, floors
from capacity.evaluation.job import check_finite, evaluate_job
from capacity.evaluation.margins import candidates_by_task
from capacity.evaluation.questions import QuestionSet
from capacity.evaluation.true_texts import whole_lines
from capacity.experiment.cell import make_cell
from capacity.model import transformer
from capacity.paper.protocol import STREAMS, Size
from capacity.storage import evaluations, json_files
from capacity.storage.evaluations import check, read_answers, write
from capacity.training.history import history_table
from tests.support.networks import networks_of
from tests.support.plain_transformer import random_stack
from tests.support.random_evaluations import (
    CELL,
    SEEDS,
    evaluation_record,
    make_history,
    random_mechanism,
)

NAMES = [
    *("seen", "seen_addition", "seen_subtraction", "held_out", "held_out_addition", "held_out_subtraction"),
    *("addition_910", "subtraction_910", "addition_1000", "subtraction_1000", "combined_910"),
    *("facts_paper_prompts", "facts_matched_prompts"),
]


def test_there_is_one_run_per_seed_with_every_score_and_its_denominator(evaluated, totals):
    assert evaluated["cell"] == CELL.name
    assert [run["seed"] for run in evaluated["runs"]] == [0, 7]
    assert set(totals) == set(NAMES)
    for run in evaluated["runs"]:
        assert run["diverged"] is False
        for name, score in run["final"]["scores"].items():
            assert score["total"] == totals[name]
            assert score["fraction"] == score["correct"] / score["total"]


def test_parameters_are_counted_with_and_without_positions(evaluated, stack):
    counts = {name: value[0].size for name, value in stack.items()}
    assert evaluated["parameters"] == sum(counts.values())
    assert evaluated["parameters_without_positions"] == sum(counts.values()) - CELL.block * CELL.size.width


def test_the_items_add_up_to_the_final_scores(evaluated):
    for run in evaluated["runs"]:
        answers = run["answers"]
        assert len(answers) == 200 + 2 * 3
        for name, chosen in {
            "seen": [
                question
                for question in answers
                if question["question_task"] == "arithmetic" and question["split"] == "seen"
            ],
            "held_out": [question for question in answers if question["split"] == "held_out"],
            "addition_1000": [question for question in answers if question["operation"] == "addition"],
            "facts_matched_prompts": [question for question in answers if question["prompts"] == "matched"],
        }.items():
            score = run["final"]["scores"][name]
            assert (score["correct"], score["total"]) == (sum(question["right"] for question in chosen), len(chosen))


def test_items_say_what_each_network_answered(evaluated, lines, stack):
    question_set = QuestionSet(lines, corpus.vocabulary(lines), CELL.block)
    for number, run in enumerate(evaluated["runs"]):
        answers = question_set.ask(networks_of(stack, CELL.size, number))
        assert [question["answer"] for question in run["answers"]] == answers.continuations[0]
        assert [question["right"] for question in run["answers"]] == answers.right[0].tolist()
    first, second = ([question["answer"] for question in run["answers"]] for run in evaluated["runs"])
    assert first != second


def test_an_evaluation_says_how_low_the_loss_of_its_stream_can_be(evaluated, lines):
    lowest = floors.loss_floors(CELL, lines)
    found = {"order_known": lowest.order_known, "order_unknown": lowest.order_unknown}
    assert evaluated["loss_floors"] == found
    assert evaluated["stream_characters"] == 196 * 9 + sum(len(line.text) for line in lines if line.task == "facts")


def test_the_bits_of_a_run_follow_from_its_items_and_its_loss(evaluated):
    """The random networks know nothing of the order: their loss of 3 nats per character lies above the floor."""
    for run in evaluated["runs"]:
        order = (evaluated["loss_floors"]["order_unknown"] - 3.0) / math.log(2) * evaluated["stream_characters"]
        assert run["bits"]["order"] == pytest.approx(order)
        answers = run["answers"]
        for split, found in run["bits"]["arithmetic"].items():
            chosen = [
                question
                for question in answers
                if question["question_task"] == "arithmetic" and question["split"] == split
            ]
            length = -sum(question["log_probability"] for question in chosen) / math.log(2)
            assert found["code_length"] == pytest.approx(length, rel=1e-5)
            assert 0 <= found["explained"] < found["baseline"]
        for prompts in ("paper", "matched"):
            chosen = [
                question
                for question in answers
                if question["question_task"] == "facts" and question["prompts"] == prompts
            ]
            lengths = [-question["log_probability"] / math.log(2) for question in chosen]
            found = run["bits"]["facts"][f"{prompts}_prompts"]
            assert found["code_length"] == pytest.approx(sum(lengths), rel=1e-5)
            saved = sum(max(0.0, math.log2(3) - length) for length in lengths)
            assert found["memorized"]["list"] == pytest.approx(saved)
    first, second = (run["bits"]["facts"]["paper_prompts"] for run in evaluated["runs"])
    assert first["key_specific"] != second["key_specific"]


def test_key_specific_bits_compare_questions_of_one_kind_of_prompt(evaluated, lines, stack):
    vocabulary = corpus.vocabulary(lines)
    question_set = QuestionSet(lines, vocabulary, CELL.block)
    numbers, candidates = candidates_by_task(question_set.questions, vocabulary, CELL.block)["facts"]
    table = candidates.log_probabilities(networks_of(stack, CELL.size))
    kinds = [question_set.questions[number].prompts for number in numbers]
    assert kinds == ["paper"] * 3 + ["matched"] * 3
    for number, run in enumerate(evaluated["runs"]):
        for prompts, rows in (("paper", slice(0, 3)), ("matched", slice(3, 6))):
            expected = bits.key_specific_bits(table[number, rows], range(3))
            assert run["bits"]["facts"][f"{prompts}_prompts"]["key_specific"] == pytest.approx(expected)


@pytest.mark.parametrize(("task", "without"), [("arithmetic", "facts"), ("facts", "arithmetic")])
def test_a_task_alone_has_no_bits_of_the_other_and_no_order_bits_where_lines_stand_alone(task, without):
    cell = make_cell(task, Size(1, 1, 8, 1), facts=3, iterations=600, stream="aligned")
    lines = corpus.build(cell)
    vocabulary = corpus.vocabulary(lines)
    parameters = transformer.initialise(cell.size, len(vocabulary), cell.block, [0])
    history = make_history(QuestionSet(lines, vocabulary, cell.block).totals(), 2, seeds=(0,))
    found = evaluate_job(cell, lines, (0,), networks_of(parameters, cell.size), history_table(history), (None,))
    known = found["runs"][0]["bits"]
    assert known[without] is None
    assert known[task] is not None
    assert known["order"] is None
    assert found["loss_floors"]["order_known"] is None
    assert found["loss_floors"]["order_unknown"] > 0
    check(evaluations.split(found)[0] | {"provenance": evaluation_record(cell, (0,))}, "evaluation.json")


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize(("kind", "facts"), [("synthetic", 12), ("strings", 12), ("strings", 230)])
def test_random_facts_have_the_bits_of_their_values_and_where_lines_follow_each_other_of_whole_lines(
    kind, facts, stream
):
    settings = {"fact_kind": kind, "facts": facts, "stream": stream, "iterations": 600}
    cell = make_cell("facts", Size(1, 1, 8, 1), **settings)
    lines = corpus.build(cell)
    vocabulary = corpus.vocabulary(lines)
    networks = networks_of(random_stack(cell.size, len(vocabulary), cell.block, 1), cell.size)
    history = make_history(QuestionSet(lines, vocabulary, cell.block).totals(), 2, seeds=(0,))
    (run,) = evaluate_job(cell, lines, (0,), networks, history_table(history), (None,))["runs"]
    lengths = [-answer["log_probability"] / math.log(2) for answer in run["answers"] if answer["prompts"] == "matched"]
    assert len(lengths) == facts
    measured = run["bits"]["facts"]["matched_prompts"]
    saved = max(0.0, facts * 6 * math.log2(26) - math.fsum(lengths))
    assert measured["memorized"]["uniform"] == pytest.approx(saved)
    assert (measured["key_specific"] is None) == (facts > 200)
    assert {answer["margin"] is None for answer in run["answers"]} == {facts > 200}
    if stream in ("fixed", "reshuffled"):
        whole = whole_lines(lines, vocabulary, cell.block).log_probabilities(networks)[0] / -math.log(2)
        assert run["bits"]["lines"]["code_length"] == pytest.approx(whole.sum())
        saved = max(0.0, facts * 12 * math.log2(26) - whole.sum())
        assert run["bits"]["lines"]["memorized"]["uniform"] == pytest.approx(saved)
    else:
        assert "lines" not in run["bits"]


def test_without_random_facts_there_are_no_bits_of_lines(evaluated):
    assert all("lines" not in run["bits"] for run in evaluated["runs"])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_network_that_is_not_finite_has_diverged_and_can_still_be_written(
    tmp_path, evaluated, lines, stack, totals, value
):
    broken = {name: tensor.copy() for name, tensor in stack.items()}
    for tensor in broken.values():
        tensor[1] = value
    rows = make_history(totals, 4)
    for row in rows:
        if row["seed"] == 7 and row["iteration"] > 0:
            row["stream_loss"] = row["training_loss"] = value
    found = evaluate_job(CELL, lines, SEEDS, networks_of(broken, CELL.size), history_table(rows), (None, 400))
    write(tmp_path, found | {"provenance": evaluated["provenance"]}, random_mechanism())
    written = json_files.read_sealed_json(tmp_path / "evaluation.json")
    check(written, "evaluation.json")
    answers = read_answers(tmp_path / "answers.parquet", CELL.name, SEEDS).to_pylist()
    whole, diverged = (
        run | {"answers": [question for question in answers if question["seed"] == run["seed"]]}
        for run in written["runs"]
    )
    assert (whole["diverged"], diverged["diverged"]) == (False, True)
    assert (whole["diverged_at"], diverged["diverged_at"]) == (None, 400)
    assert whole["final"] == evaluated["runs"][0]["final"]
    assert [question["answer"] for question in whole["answers"]] == [
        question["answer"] for question in evaluated["runs"][0]["answers"]
    ]
    assert diverged["final"]["stream_loss"] is None
    assert {question["log_probability"] for question in diverged["answers"]} == {None}
    assert {question["margin"] for question in diverged["answers"]} == {None}
    assert whole["bits"] == evaluated["runs"][0]["bits"]
    assert diverged["bits"]["order"] is None
    assert diverged["bits"]["arithmetic"]["held_out"]["explained"] is None
    assert set(diverged["bits"]["facts"]["paper_prompts"]["memorized"].values()) == {None}
    assert diverged["bits"]["facts"]["matched_prompts"]["key_specific"] is None
    assert diverged["final"]["scores"]["seen"]["correct"] < 196 // 10


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused_unless_their_seed_diverged(stack, value):
    parameters = {name: numpy.asarray(each).copy() for name, each in stack.items()}
    check_finite(CELL, SEEDS, parameters, (None, None))
    parameters["token_embedding"][1, 2, 3] = value
    check_finite(CELL, SEEDS, parameters, (None, 400))
    with pytest.raises(InputError, match=f"seed 7 of {CELL.name} has weights that are not finite, and no record"):
        check_finite(CELL, SEEDS, parameters, (400, None))
