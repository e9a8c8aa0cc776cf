"""Answers in the configuration: what is written out, and what is refused, by key and with what is close."""

from __future__ import annotations

import copy

import pytest

from capacity.dictionary.studies import RUNS
from capacity.dictionary.study_measures import MEASURES
from capacity.errors import ConfigurationError
from capacity.experiment.answers import RULES
from capacity.studies import registry
from tests.support.configuration_slips import SMALL, message, study

ORDER = {"rule": "difference", "between": {"stream": ["fixed", "reshuffled"]}, "measure": "all-right"}
GRID = {"task": ["arithmetic", "facts"], "size": ["n14", "wide"], "stream": ["fixed", "reshuffled"]}
LADDER = {"task": ["arithmetic"], "layers": [1, 2], "heads": [1], "width": [8, 14, 20], "mlp_factor": [1]}


def configured(answer, grid=GRID, **more):
    config = copy.deepcopy(SMALL)
    config["studies"]["one"] |= {"grids": [grid], "answer": answer, **more}
    return config


def checked(answer, grid=GRID):
    return study(configured(answer, grid)).answer


def test_every_rule_of_the_configuration_has_a_function_and_no_other():
    assert set(registry.RULES) == set(RULES)


def test_a_study_has_its_question_and_its_answer_with_every_option_written_out():
    found = study(configured(ORDER, question="Is it the order of the lines?"))
    assert found.question == "Is it the order of the lines?"
    assert found.answer == ORDER | {"by": ["task", "size"]}
    assert study(SMALL).question == ""
    assert study(SMALL).answer is None


def test_an_axis_may_stand_alone_and_sizes_are_called_as_in_tables():
    assert checked(ORDER | {"by": "size"})["by"] == ["size"]
    sizes = {"rule": "difference", "between": {"size": ["n14", "wide"]}, "measure": "seen", "by": ["task", "stream"]}
    assert checked(sizes)["between"] == {"size": ["n14", "l2h2d12m3"]}
    pairs = {"rule": "difference", "between": {"held_out": [[[5, 7]], [[4, 3]]]}, "measure": "held-out"}
    grid = {"task": ["arithmetic"], "size": ["n14"], "held_out": [[[5, 7]], [[3, 4]]]}
    assert checked(pairs, grid)["between"] == {"held_out": ["57", "34"]}
    typical = {"rule": "typical", "value": {"held_out": [[4, 3]]}, "measure": "held-out"}
    assert checked(typical, grid | {"stream": ["fixed", "aligned"]}) == typical | {
        "value": {"held_out": "34"},
        "by": ["stream"],
    }


def test_every_other_axis_that_varies_tells_groups_apart():
    trend = {"rule": "trend", "along": "width", "measure": "fits"}
    assert checked(trend, LADDER)["by"] == ["layers"]
    assert checked(trend | {"along": "parameters"}, LADDER)["by"] == []
    assert checked({"rule": "shares", "measure": "fits"}, LADDER)["by"] == ["layers", "width"]
    assert checked({"rule": "size-or-depth"}, LADDER) == {"rule": "size-or-depth", "measure": "held-out"}
    rates = LADDER | {"learning_rate": [0.01, 0.001], "iterations": [300, 600]}
    assert checked(trend, rates)["by"] == ["layers", "learning_rate", "iterations"]  # what follows from them is no axis


ARMS = {"rule": "arms", "reference": {"task": "arithmetic", "stream": "fixed"}, "measure": "all-right"}
SPEEDS = {"rule": "two-speeds", "between": {"stream": ["reshuffled", "fixed"]}, "along": "parameters"}
BITS = {"rule": "capacity", "over": "facts"}
AMOUNTS = {"task": ["facts"], "size": ["n14", "wide"], "facts": [10, 20], "learning_rate": [0.01, 0.001]}


def test_what_tells_arms_speeds_and_amounts_apart_tells_no_groups_apart():
    grid = GRID | {"weight_decay": [0, 0.1]}
    assert checked(ARMS | {"reference": {"task": "arithmetic", "stream": "fixed", "weight_decay": 0}}, grid) == {
        "rule": "arms",
        "reference": {"task": "arithmetic", "stream": "fixed", "weight_decay": 0},
        "arms": ["task", "stream", "weight_decay"],
        "measure": "all-right",
        "by": ["size"],
    }
    assert checked(ARMS | {"by": ["size", "task"], "reference": {"stream": "fixed"}})["arms"] == ["stream"]
    assert checked(SPEEDS)["by"] == ["task"]
    assert checked(BITS, AMOUNTS) == BITS | {"measure": "bits", "by": ["learning_rate"]}
    crossed = {"rule": "variance-components", "factors": ["corpus_seed", "seed"], "measure": "held-out"}
    orders = {"task": ["arithmetic"], "size": ["n14"], "corpus_seed": [1, 2], "stream": ["fixed", "reshuffled"]}
    assert checked(crossed, orders)["by"] == ["stream"]


@pytest.mark.parametrize(
    ("answer", "grid", "said"),
    [
        (ARMS, GRID | {"weight_decay": [0, 0.1]}, "answer.reference: it is several arms, which differ in weight_decay"),
        (ARMS | {"reference": {"stream": "aligned"}}, GRID, "answer.reference.stream: 'aligned' is not in the study's"),
        (ARMS | {"reference": {"steam": "fixed"}}, GRID, "answer.reference: 'steam' is not known"),
        (ARMS | {"by": ["stream"]}, GRID, "answer.reference: 'stream' is not known"),
        (SPEEDS | {"by": ["stream"]}, GRID, "answer.by: 'stream' is not known"),
        (BITS | {"over": "width"}, AMOUNTS, "answer.over: 'width' is not known"),
        (BITS, AMOUNTS | {"facts": [10]}, "answer.over: facts does not vary"),
        (BITS, AMOUNTS | {"size": ["n14"]}, "answer.rule: size does not vary"),
        (BITS | {"measure": "seen"}, AMOUNTS, "answer.measure: 'seen'"),
        (
            {"rule": "variance-components", "factors": ["seeds", "seed"], "measure": "held-out"},
            GRID,
            "answer.factors: 'seeds' is not known",
        ),
    ],
)
def test_what_tells_arms_speeds_and_amounts_apart_has_to_be_there(answer, grid, said):
    assert message(configured(answer, grid)).startswith(f"studies.one.{said}")


def test_what_the_budget_leaves_out_is_an_arm_all_the_same():
    config = configured({"rule": "rate-or-size", "large": "wide"}, GRID)
    config["budgets"]["small"]["leave_out"] = [{"size": ["wide"]}]
    found = study(config)
    assert found.answer["large"] == "l2h2d12m3"
    assert found.left_out == ("arithmetic, l2h2d12m3", "facts, l2h2d12m3")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            ORDER | {"rule": "diference"},
            "answer.rule: 'diference' is not known; it must be one of shares, difference, ",
        ),
        (ORDER | {"rule": "diference"}, "(did you mean 'difference'?)"),
        (ORDER | {"measure": "al-right"}, "answer.measure: 'al-right' is not known"),
        (ORDER | {"measure": "al-right"}, "(did you mean 'all-right'?)"),
        (ORDER | {"by": "sizes"}, "answer.by: 'sizes' is not known"),
        (ORDER | {"by": ["size", "stream"]}, "answer.by: 'stream' is not known"),
        (ORDER | {"between": {"steam": ["fixed", "reshuffled"]}}, "answer.between: 'steam' is not known"),
        (ORDER | {"between": {"steam": ["fixed", "reshuffled"]}}, "(did you mean 'stream'?)"),
        (
            ORDER | {"between": {"stream": ["fixed", "aligned"]}},
            "answer.between.stream: 'aligned' is not in the study's grids, which have fixed, reshuffled; add it",
        ),
        (ORDER | {"between": {"size": ["n14", "n99"]}}, "answer.between.size: 'n99' is not in the study's grids"),
        (ORDER | {"between": {"stream": ["fixed", {"x": 1}]}}, "answer.between.stream: {'x': 1} is not in the study's"),
        (ORDER | {"between": {"stream": ["fixed", "fixed"]}}, "['fixed', 'fixed'] are the same"),
        (ORDER | {"between": {"stream": ["fixed"]}}, "answer.between.stream: ['fixed']"),
        (ORDER | {"between": {}}, "answer.between: {}"),
        (ORDER | {"along": "width"}, "answer.along: 'along' is not known; it must be one of between, measure, by"),
        (ORDER | {"betwen": {}}, "answer.betwen: unknown key"),
        ({"rule": "difference", "measure": "fits"}, "answer.between: is missing; the rule 'difference' needs"),
        ({"measure": "fits"}, "answer.rule: is missing"),
        ({"rule": "shares", "measure": "loss"}, "answer.measure: 'loss' is not known; it must be one of all-right"),
        ({"rule": "trend", "measure": "fits", "along": "stream"}, "answer.along: 'stream' is not known"),
        (
            {"rule": "trend", "measure": "fits", "along": "dropout"},
            "answer.along: dropout does not vary in the study's",
        ),
        (
            {"rule": "typical", "measure": "fits"},
            "answer.value: is missing; the rule 'typical' needs value and measure",
        ),
        ({"rule": "typical", "measure": "fits", "value": {"sise": "n14"}}, "answer.value: 'sise' is not known"),
        (
            {"rule": "typical", "measure": "fits", "value": {"held_out": [[1, 2]]}},
            "answer.value.held_out: [[1, 2]] is not in the study's grids, which have 57",
        ),
        ({"rule": "size-or-depth", "measure": "seen"}, "answer.measure: 'seen' is not known"),
        ({"rule": "rate-or-size", "large": "wid"}, "answer.large: 'wid' is not known; it must be one of n14, wide"),
        ({"rule": "rate-or-size"}, "answer.large: is missing"),
        ({"rule": "rate-or-size", "large": "wide", "primary": {"steam": 1}}, "answer.primary: 'steam' is not known"),
        (
            {"rule": "rate-or-size", "large": "wide", "primary": {"stream": "aligned"}},
            "answer.primary.stream: 'aligned' is not in the study's grids, which have fixed, reshuffled",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(answer, said):
    found = message(configured(answer))
    assert found.startswith("studies.one.answer")
    assert said in found
    assert "\n" not in found


def test_a_rule_that_its_grids_cannot_feed_is_refused():
    facts = {"task": ["facts"], "size": ["n14", "wide"]}
    assert "'all-right' is nothing that runs of facts with stream fixed have; they have all-facts" in message(
        configured({"rule": "shares", "measure": "all-right"}, facts)
    )
    rows_of_lines = GRID | {"stream": ["aligned"]}
    assert "'order-bits' is nothing that runs of arithmetic with stream aligned and facts with" in message(
        configured({"rule": "difference", "between": {"size": ["n14", "wide"]}, "measure": "order-bits"}, rows_of_lines)
    )
    one_layer = LADDER | {"layers": [1]}
    assert "answer.rule: layers does not vary in the study's grids" in message(
        configured({"rule": "size-or-depth"}, one_layer)
    )
    alone = {"task": ["arithmetic"], "size": ["wide"]}
    assert "answer.large: size does not vary" in message(configured({"rule": "rate-or-size", "large": "wide"}, alone))
    assert "answer.large: 'wide' is not in the study's grids" in message(
        configured({"rule": "rate-or-size", "large": "wide"}, {"task": ["arithmetic"], "size": ["n14"]})
    )


@pytest.mark.parametrize("question", ["", "x" * 201, "Is `this` it?", " Is it?", "Is\nit?", 7])
def test_a_question_is_a_line_that_can_be_read(question):
    config = copy.deepcopy(SMALL)
    config["studies"]["one"]["question"] = question
    assert message(config).startswith("studies.one.question: ")


def test_rules_take_measures_of_which_the_table_of_runs_has_a_value():
    columns = {column.name for column in RUNS}
    assert all(MEASURES[name].column in columns for rule in RULES.values() for name in rule.measures)
    assert set(RULES["trend"].measures) == {name for name, measure in MEASURES.items() if measure.column in columns}
    assert all(MEASURES[name].is_outcome for name in RULES["shares"].measures)
    assert message(configured(ORDER | {"measure": "time-to-fit"})).startswith(
        "studies.one.answer.measure: 'time-to-fit'"
    )


def test_an_optional_answer_is_left_out_where_its_cells_do_not_have_it_and_still_refused_by_an_unknown_name():
    facts = {"task": ["facts"], "size": ["n14"]}
    for rule, said in (
        ({"rule": "shares", "measure": "all-right"}, r"answer\.measure"),
        ({"rule": "trend", "along": "width", "measure": "seen"}, r"answer\."),
        (ORDER | {"measure": "facts"}, r"answer\.between"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            checked(rule, facts)
        assert checked(rule | {"optional": True}, facts) is None
        with pytest.raises(ConfigurationError, match="'all-rihgt'"):
            checked(rule | {"optional": True, "measure": "all-rihgt"}, facts)
    assert checked(ORDER | {"optional": True}) == checked(ORDER)
