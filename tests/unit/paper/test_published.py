from __future__ import annotations

import math

import pytest
import yaml

from capacity.claims import published_cells
from capacity.experiment import configuration, grid
from capacity.experiment.cell import make_cell
from capacity.model.initialization import count_parameters
from capacity.paper import published
from capacity.paper.protocol import BLOCK, MLT, SIZES, TASKS
from tests.support.repository import REPOSITORY

# The paper's tables, as fractions: task, size, variant, addition, subtraction, facts, combined.
TABLE = """
facts n14 base - - 0.082 0.082
facts n28 base - - 1.0 1.0
facts n56 base - - 1.0 1.0
facts mlt base - - 1.0 1.0
arithmetic n14 base 1.0 1.0 - 1.0
arithmetic n28 base 0.978021978021978 0.978021978021978 - 0.978021978021978
arithmetic n56 base 0.978021978021978 0.978021978021978 - 0.978021978021978
arithmetic mlt base 0.978021978021978 0.978021978021978 - 0.978021978021978
joint n14 base 0.3263736263736264 0.3824175824175824 0.02 0.2823275862068966
joint n28 base 0.945054945054945 0.967032967032967 0.884 0.9405172413793104
joint n56 base 0.978021978021978 0.978021978021978 1.0 0.9827586206896551
joint mlt base 0.978021978021978 0.978021978021978 1.0 0.9827586206896551
facts n14 wd - - 0.124 0.124
facts n28 wd - - 1.0 1.0
facts n56 wd - - 1.0 1.0
facts mlt wd - - 1.0 1.0
arithmetic n14 wd 1.0 1.0 - 1.0
arithmetic n28 wd 0.978021978021978 0.978021978021978 - 0.978021978021978
arithmetic n56 wd 0.978021978021978 0.978021978021978 - 0.978021978021978
arithmetic mlt wd 0.978021978021978 0.978021978021978 - 0.978021978021978
joint n14 wd 0.31868131868131866 0.3021978021978022 0.062 0.25689655172413794
joint n28 wd 0.9626373626373627 0.878021978021978 0.9 0.915948275862069
joint n56 wd 0.978021978021978 0.978021978021978 1.0 0.9827586206896551
joint mlt wd 0.978021978021978 0.978021978021978 1.0 0.9827586206896551
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]


def shares(row):
    return [None if text == "-" else pytest.approx(float(text), abs=1e-12) for text in row[3:]]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row[:3]))
def test_the_counts_give_the_fractions_of_the_paper(row):
    found = published.result(*row[:3])
    assert [found.addition, found.subtraction, found.facts, found.combined] == shares(row)


def test_there_is_one_result_for_each_task_size_and_variant():
    places = [(found.task, found.size, found.variant) for found in published.RESULTS]
    assert sorted(places) == sorted((task, size, v) for task in TASKS for size in SIZES for v in published.VARIANTS)
    assert sorted(places) == sorted(tuple(row[:3]) for row in ROWS)


def test_all_seen_and_no_held_out_is_890_of_910():
    """178 seen and 4 held-out expressions are counted over both operations, half of them of each, ten times."""
    assert published.ASKED_PER_OPERATION == (178 + 4) // 2 * 10
    assert published.result("arithmetic", "n28", "base").additions_right == 178 // 2 * 10


def test_the_combined_score_weighs_each_score_with_its_questions():
    for found in published.RESULTS:
        parts = [(found.addition, 910), (found.subtraction, 910), (found.facts, 500)]
        asked = [(share, total) for share, total in parts if share is not None]
        weighted = sum(share * total for share, total in asked) / sum(total for _, total in asked)
        assert found.combined == pytest.approx(weighted)


def test_a_score_is_there_when_its_task_asks_for_it():
    for found in published.RESULTS:
        assert (found.addition is None) == (found.subtraction is None) == (found.task == "facts")
        assert (found.facts is None) == (found.task == "arithmetic")


def test_the_cells_are_the_paper_s_two_variants():
    for found in published.RESULTS:
        cell = published_cells.published_cell(found.task, found.size, found.variant)
        assert cell.departures_from_published() == {}
        assert published_cells.variant_of(cell) == found.variant
        wd = "dropout-0" if found.size == "mlt" else "weight_decay-0.1"
        assert cell.variant == ("paper" if found.variant == "base" else wd)


def test_a_cell_that_the_paper_does_not_have_is_refused_by_name():
    with pytest.raises(KeyError, match="arithmetic, n20, base"):
        published_cells.published_cell("arithmetic", "n20", "base")


@pytest.mark.parametrize(
    ("size", "axes", "variant"),
    [
        ("n14", {"iterations": 3600}, "base"),
        ("n14", {"weight_decay": 0.1, "stream": "reshuffled"}, "wd"),
        ("n14", {"weight_decay": 0.2}, None),
        ("n14", {"dropout": 0.1}, None),
        ("mlt", {"dropout": 0.0, "iterations": 10}, "wd"),
        ("mlt", {"weight_decay": 0.0}, None),
    ],
)
def test_the_variant_of_a_cell_is_told_by_its_regularization_alone(size, axes, variant):
    assert published_cells.variant_of(make_cell("joint", SIZES[size], **axes)) == variant


def test_a_size_of_one_s_own_is_of_no_variant():
    assert published_cells.variant_of(make_cell("facts", type(MLT)(1, 1, 20, 1))) is None


@pytest.mark.parametrize(
    "axes",
    [
        {"answers": "permuted"},
        {"largest_operand": 19},
        {"fact_kind": "filler"},
        {"fact_kind": "synthetic"},
        {"fact_kind": "strings"},
        {"mixing": "shuffled"},
        {"arithmetic_share": 0.5},
        {"initialisation_seed": 1337},
    ],
)
def test_a_cell_that_asks_something_else_stands_for_none_of_the_paper_s(axes):
    assert published_cells.variant_of(make_cell("joint", SIZES["n14"])) == "base"
    assert published_cells.variant_of(make_cell("joint", SIZES["n14"], **axes)) is None


def test_training_starts_near_the_loss_of_guessing_and_ends_below_it():
    """With tied embeddings of small numbers every character is nearly as likely: the loss is the log of how many."""
    vocabulary = {"arithmetic": 17, "facts": 51, "joint": 66}
    assert set(published.INITIAL_LOSS) == {(task, size) for task in TASKS for size in SIZES}
    for (task, _), loss in published.INITIAL_LOSS.items():
        assert loss == pytest.approx(math.log(vocabulary[task]), abs=0.25)
    for place, loss in published.FINAL_LOSS.items():
        assert loss < published.INITIAL_LOSS[place]


def test_the_larger_the_size_the_lower_the_final_loss_on_arithmetic():
    sizes = sorted(SIZES, key=lambda size: count_parameters(SIZES[size], 17, BLOCK["arithmetic"])[0])
    losses = [published.FINAL_LOSS["arithmetic", size] for size in sizes]
    assert losses == sorted(losses, reverse=True)


def test_the_claims_are_eight_with_a_name_each():
    assert [claim.name for claim in published.CLAIMS] == [f"C{number}" for number in range(1, 9)]
    assert all(claim.statement.endswith(".") for claim in published.CLAIMS)


def test_the_grokking_study_of_the_configuration_is_the_paper_s_long_run():
    config = configuration.main_configuration(REPOSITORY)
    (cell,) = grid.studies(config)["grokking"].cells.values()
    assert cell == published_cells.grokking_cell()
    assert (cell.final_learning_rate, cell.warmup_iterations) == (1e-7, 2000)


def test_differences_name_the_setting_and_both_values():
    paper = published_cells.grokking_cell()
    assert published_cells.describe_differences(published_cells.differing_settings(paper, paper)) == ""
    shorter = make_cell("arithmetic", MLT, learning_rate=1e-6, iterations=1000, evaluation_interval=250)
    differing = published_cells.differing_settings(shorter, paper)
    assert len(differing) == 3
    assert differing["iterations"] == (1000, 1_500_000)
    assert "evaluation_interval" not in differing
    described = published_cells.describe_differences(differing)
    assert "iterations 1000 (paper: 1500000)" in described
    assert described.count("(paper:") == 3


def test_yaml_and_paper_agree_on_the_weight_decay_study():
    root = REPOSITORY
    config = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    cells = grid.studies(config | {"budget": "paper"})["weight-decay"].cells.values()
    assert set(cells) == {published_cells.published_cell(row[0], row[1], "wd") for row in ROWS}
