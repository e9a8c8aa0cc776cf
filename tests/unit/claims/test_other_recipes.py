"""MLT, which the paper's protocol makes dear, by the recipes of a study that others are compared in."""

from __future__ import annotations

import pandas as pd
import pytest

from capacity.claims.beyond_digits import BEYOND_DIGITS
from capacity.claims.evidence import Kind
from capacity.claims.outcomes import Outcome
from capacity.claims.page import to_markdown
from capacity.claims.verdicts import verdicts_table
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import MLT
from capacity.statistics.intervals import clopper_pearson
from tests.support.handmade_results import evaluation, frames, run
from tests.support.handmade_studies import as_claimed
from tests.support.handmade_tradeoffs import assess
from tests.support.handmade_verdicts import judge

SHORT = {"batch": 64, "dropout": 0.0, "iterations": 2000, "evaluation_interval": 100}


def large(seeds=6, task="arithmetic", size=MLT, right=4, seen=196, facts=50, **settings):
    cell = make_cell(task, size, **(SHORT | {"learning_rate": 1e-3} | settings))
    answers = {"held_out": right, "seen": seen} if task != "facts" else {"facts": facts}
    return frames([evaluation(cell, [run(cell, seed, **answers) for seed in range(seeds)])])[0]


def study(*parts):
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def without_mlt(base):
    return base[base["size"] != "mlt"].reset_index(drop=True)


def other_line(verdict):
    (line,) = [line for line in verdict.conclusion.evidence if line.kind == Kind.SHARE_BY_ANOTHER_RECIPE]
    return line


@pytest.mark.parametrize(
    ("right", "seeds", "outcome"),
    [(4, 6, "not replicated"), (0, 6, "replicated"), (1, 5, "inconclusive")],
)
def test_what_another_recipe_says_is_told_beside_the_claim_and_decides_nothing(without_mlt, right, seeds, outcome):
    verdict = judge("C2", base=without_mlt, large_model=large(seeds, right=right))["C2"]
    assert verdict.conclusion.outcome == Outcome.REPLICATED
    assert verdict.text == (
        "replicated (arithmetic mlt: not run by the paper's protocol; by another recipe (large-model): " + outcome + ")"
    )
    line = other_line(verdict)
    assert (line.label, line.count, line.n) == ("arithmetic mlt", 0 if right else seeds, seeds)
    assert (line.low, line.high) == pytest.approx(clopper_pearson(line.count, seeds))
    assert line.outcome is None
    assert line.note == (
        "another recipe than the paper's, of large-model: learning rate 0.001 (paper: 1e-05), dropout 0.0 (paper: "
        "0.2), batch 64 (paper: 882), iterations 2000 (paper: 30000), evaluation interval 100 (paper: 250); by the "
        f"rule of a share: {outcome}"
    )
    assert verdict.runs == 40
    assert verdict.departing == []
    base_table, other_table = (f"results/tables/{study}/runs.parquet" for study in ("base", "large-model"))
    assert (verdict.sources, verdict.beside) == ((base_table,), (other_table,))
    page = to_markdown([verdict])
    assert f"| arithmetic mlt | {line.description} | {line.count} of {seeds} |" in page
    assert f"**Runs.** 40, from `{base_table}`; by another recipe, from `{other_table}`." in page
    assert verdicts_table([verdict])["sources"].tolist() == [f"{base_table} {other_table}"]


def test_the_paper_s_own_runs_leave_no_room_for_another_recipe(base):
    verdict = judge("C2", base=base, large_model=large())["C2"]
    assert verdict.text == "replicated"
    assert verdict.beside == ()


def test_the_recipe_is_the_one_with_the_most_runs_at_the_rate_that_fits_best(without_mlt):
    """Two rates of six seeds, and one of ten times the updates with three, which fits as well."""
    sweep = study(
        large(learning_rate=1e-4, seen=150, right=0),
        large(learning_rate=1e-3, seen=196, right=4),
        large(3, learning_rate=1e-3, iterations=10_000, right=0),
    )
    line = other_line(judge("C2", base=without_mlt, large_model=sweep)["C2"])
    assert (line.count, line.n) == (0, 6)
    assert "learning rate 0.001" in line.note
    assert "iterations 2000" in line.note


def test_held_out_answers_have_no_part_in_the_choice_of_a_rate(without_mlt):
    sweep = study(large(learning_rate=1e-4, seen=196, right=0), large(learning_rate=1e-3, seen=195, right=4))
    assert "learning rate 0.0001" in other_line(judge("C2", base=without_mlt, large_model=sweep)["C2"]).note


def test_a_rate_at_which_runs_diverge_fits_less(without_mlt):
    """The run that is left fits all; five others have fitted nothing."""
    wild = large(learning_rate=1e-2, seen=196)
    wild.loc[wild["seed"] > 0, ["diverged", "final_seen"]] = [True, float("nan")]
    sweep = study(wild, large(learning_rate=1e-3, seen=190))
    assert "learning rate 0.001" in other_line(judge("C2", base=without_mlt, large_model=sweep)["C2"]).note


@pytest.mark.parametrize(
    "settings",
    [{"stream": "reshuffled"}, {"held_out": ((1, 2),)}, {"task": "facts"}, {"size": type(MLT)(4, 6, 384, 4)}],
)
def test_other_lines_tasks_and_shapes_are_no_recipe_for_it(without_mlt, settings):
    assert judge("C2", base=without_mlt, own=large(**settings))["C2"].text == "replicated (not run: arithmetic mlt)"


def test_the_settings_of_the_paper_under_another_name_are_no_other_recipe(without_mlt):
    own = as_claimed("base")
    assert judge("C2", base=without_mlt, own=own)["C2"].text == "replicated (not run: arithmetic mlt)"


def test_the_recipe_of_a_wd_cell_is_another_one_than_that_of_the_base_cell(without_mlt, decayed):
    line = other_line(judge("C2", base=without_mlt, weight_decay=decayed)["C2"])
    assert "another recipe than the paper's, of weight-decay: dropout 0.0 (paper: 0.2);" in line.note


def test_facts_and_joint_training_are_judged_alike(without_mlt):
    verdicts = judge("C3", "C4", base=without_mlt, large_model=study(large(task="facts"), large(task="joint", right=0)))
    assert [other_line(verdict).count for verdict in verdicts.values()] == [6, 6]
    assert all(verdict.text.endswith("by another recipe (large-model): replicated)") for verdict in verdicts.values())


@pytest.mark.parametrize("asked", [True, False])
def test_operands_beyond_digits_count_where_they_were_asked(without_mlt, asked):
    other = large().assign(**{BEYOND_DIGITS: 0.5 if asked else float("nan")})
    verdict = judge("C7", base=without_mlt.assign(**{BEYOND_DIGITS: 0.0}), large_model=other)["C7"]
    said = "arithmetic mlt: not run by the paper's protocol; by another recipe (large-model): not replicated"
    assert verdict.text == f"replicated ({said if asked else 'not run: arithmetic mlt'})"


def test_the_trade_off_names_another_recipe_of_mlt_beside_its_trends(without_mlt):
    conclusion = assess(without_mlt, **{"large-model": large()})
    (line,) = [line for line in conclusion.evidence if line.kind == Kind.SHARE_BY_ANOTHER_RECIPE]
    assert (line.description, line.count, line.n) == ("not all held-out expressions right, by another recipe", 0, 6)
    assert conclusion.reason.endswith(
        "; arithmetic mlt: not run by the paper's protocol; by another recipe (large-model): not replicated"
    )
    assert conclusion.outcome == assess(without_mlt).outcome
