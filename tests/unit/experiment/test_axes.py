from __future__ import annotations

import itertools

import pytest

from capacity.experiment import axes
from capacity.experiment.cell import _DERIVED_AXES, Cell, make_cell
from capacity.paper.protocol import SIZES, Size

SMALL = [SIZES[name] for name in ("n14", "n28", "n56")]


def cells(*sizes, task=("arithmetic",), **lists):
    """Every combination of tasks, sizes and settings."""
    every = itertools.product(task, sizes or SMALL, *lists.values())
    return [make_cell(name, size, **dict(zip(lists, settings, strict=True))) for name, size, *settings in every]


@pytest.mark.parametrize(
    ("varied", "told", "expected"),
    [
        (cells(), (), ["size"]),
        (cells(*SIZES.values(), task=("arithmetic", "facts", "joint")), (), ["task", "size"]),
        (cells(SIZES["n14"]), (), []),
        (cells(*(Size(layers, 1, width, 1) for layers in (1, 2) for width in (14, 28))), (), ["layers", "width"]),
        (cells(*(Size(layers, layers, 12, 1) for layers in (1, 2, 3))), (), ["size"]),
        (cells(*(Size(layers, 1, 14, 1) for layers in (1, 2, 3))), (), ["layers"]),
        (cells(learning_rate=(0.001, 0.01)), (), ["size", "learning_rate"]),
        (cells(iterations=(3000, 30000), stream=("fixed", "aligned")), (), ["size", "stream", "iterations"]),
        (cells(learning_rate=(0.001, 0.01)), ("width",), ["learning_rate"]),
        (cells(learning_rate=(0.001, 0.01)), ("parameters", "final_learning_rate"), []),
        (cells(*(Size(layers, 1, width, 1) for layers in (1, 2) for width in (14, 28))), ("width",), ["layers"]),
        (cells(*(Size(layers, 1, width, 1) for layers in (1, 2) for width in (14, 28))), ("size",), []),
        (cells(held_out=([(3, 4)], [(2, 9)])), (), ["size", "held_out"]),
        (cells(largest_operand=(9, 19)), (), ["size", "largest_operand"]),
        (cells(largest_operand=(9, 19), held_out_fraction=(0.1,), split_seed=(0,)), (), ["size", "largest_operand"]),
    ],
)
def test_as_few_axes_vary_as_tell_the_cells_apart(varied, told, expected):
    """What follows from another axis does not vary by itself: the schedule, the final rate, MLT's recipe."""
    assert axes.varying(varied, told) == expected
    apart = {tuple(axes.value(cell, axis) for axis in (*told, *expected)) for cell in varied}
    assert len(apart) == len(varied)


LADDER = [Size(layers, 1, width, 1) for layers in (1, 2) for width in (14, 28)]


@pytest.mark.parametrize(
    ("varied", "apart", "expected"),
    [
        (cells(), "", ["size"]),
        (cells(), "size", []),
        (cells(task=("arithmetic", "facts")), "parameters", ["task"]),
        (cells(*LADDER), "", ["layers", "width"]),
        (cells(*LADDER), "width", ["layers"]),
        (cells(*LADDER), "parameters", []),
        (cells(*SIZES.values(), learning_rate=(0.001, 0.01)), "stream", ["size", "learning_rate"]),
        (cells(learning_rate=(0.001, 0.01), iterations=(300, 600)), "learning_rate", ["size", "iterations"]),
        (cells(learning_rate=(0.01,), final_learning_rate=(0.001, 0.002)), "", ["size", "final_learning_rate"]),
        (cells(largest_operand=(9, 19)), "size", ["largest_operand"]),
        (cells(largest_operand=(9, 19), held_out_fraction=(0.1,), split_seed=(0,)), "size", ["largest_operand"]),
    ],
)
def test_all_that_varies_is_what_a_comparison_has_to_hold_fixed(varied, apart, expected):
    assert axes.all_varying(varied, apart) == expected


def test_what_changes_together_with_another_axis_varies_too():
    """Otherwise a comparison of streams would be one of learning rates as well, and say nothing of it."""
    n14 = SIZES["n14"]
    both = [make_cell("arithmetic", n14), make_cell("arithmetic", n14, stream="reshuffled", learning_rate=0.001)]
    assert axes.varying(both) == ["stream"]
    assert axes.all_varying(both) == ["stream", "learning_rate"]
    assert axes.all_varying(both, "stream") == ["learning_rate"]


def test_what_all_cells_share_is_what_does_not_vary():
    shared = axes.shared(cells(learning_rate=(0.001, 0.01)))
    assert shared[:4] == ["task", "layers", "heads", "mlp_factor"]
    assert "held_out" in shared
    assert not {"size", "width", "learning_rate", "facts", "final_learning_rate"} & set(shared)
    alone = cells(SIZES["n14"], task=("facts",))
    assert axes.shared(alone)[:2] == ["task", "size"]
    assert "facts" in axes.shared(alone)
    assert "held_out" not in axes.shared(alone)


def test_an_axis_that_few_studies_have_is_said_where_cells_depart_from_the_paper():
    assert "answers" not in axes.shared(cells(SMALL[0]))
    assert "answers" in axes.shared(cells(SMALL[0], answers=("permuted",)))
    both = cells(SMALL[0], answers=("permuted", "correct"), held_out=([(3, 4)], [(2, 9)]))
    assert axes.varying(both) == ["answers", "held_out"]
    assert axes.ordered(both, "answers") == ["correct", "permuted"]
    seeds = [*cells(SMALL[0], initialisation_seed=(10, 9)), *cells(SMALL[0])]
    assert axes.ordered(seeds, "initialisation_seed") == [None, 9, 10]
    assert axes.varying(seeds) == axes.all_varying(seeds) == ["initialisation_seed"]


def test_splits_are_told_apart_by_fraction_and_seed_and_not_by_their_pairs():
    drawn = cells(SMALL[0], held_out_fraction=(0.1, 0.3), split_seed=(0, 1))
    assert axes.varying(drawn) == axes.all_varying(drawn) == ["held_out_fraction", "split_seed"]
    assert "held_out" not in axes.shared(drawn[:1])
    assert {"held_out_fraction", "split_seed"} <= set(axes.shared(drawn[:1]))
    assert axes.in_every_cell(drawn[:1])[2:5] == ["stream fixed", "held-out fraction 0.1", "split seed 0"]
    listed = cells(SMALL[0], held_out=([(3, 4)], [(3, 4), (2, 9)]))
    assert axes.varying(listed) == axes.all_varying(listed) == ["held_out"]


def test_values_are_ordered_as_tables_are():
    every = cells(*reversed(SIZES.values()), task=("joint", "arithmetic"), stream=("aligned", "fixed"))
    assert axes.ordered(every, "size") == ["n14", "n28", "n56", "mlt"]
    assert axes.ordered(every, "task") == ["arithmetic", "joint"]
    assert axes.ordered(every, "stream") == ["fixed", "aligned"]
    assert axes.ordered(every, "width") == [14, 28, 56, 384]


@pytest.mark.parametrize(
    ("axis", "value", "words"),
    [
        ("task", "facts", "facts"),
        ("size", "n14", "n14"),
        ("layers", 1, "1 layer"),
        ("heads", 6, "6 heads"),
        ("width", 1024, "width 1,024"),
        ("held_out", ((3, 4),), "held out (3, 4)"),
        ("held_out", ((0, 1), (2, 3), (4, 5)), "held out (0, 1) and 2 more"),
        ("held_out", ((3, 4), (5, 17)), "held out (3, 4), (5, 17)"),
        ("held_out", "34 0517", "held out (3, 4), (5, 17)"),
        ("largest_operand", 19, "operands 0 to 19"),
        ("stream", "reshuffled", "stream reshuffled"),
        ("learning_rate", 0.00001, "learning rate 1e-5"),
        ("learning_rate", 0.01, "learning rate 0.01"),
        ("weight_decay", 0.0, "no weight decay"),
        ("dropout", 0.2, "dropout 0.2"),
        ("iterations", 30000, "30,000 updates"),
        ("facts", 20, "20 facts"),
        ("answers", "permuted", "permuted answers"),
        ("mixing", "blocks", "tasks in blocks"),
        ("mixing", "shuffled", "tasks shuffled"),
        ("fact_kind", "filler", "filler for facts"),
        ("fact_kind", "synthetic", "synthetic facts"),
        ("fact_kind", "strings", "strings as facts"),
        ("key_length", 4, "key of 4 letters"),
        ("value_length", 12, "value of 12 letters"),
        ("fact_seed", 1337, "seed of the facts 1337"),
        ("arithmetic_share", 0.25, "share of arithmetic 0.25"),
        ("initialisation_seed", 1234, "initialisation seed 1234"),
        ("initialisation_seed", None, "initialisation seed of the run"),
        ("initialisation_seed", "of the run", "initialisation seed of the run"),
        ("corpus_seed", 1337, "seed of the order of lines 1337"),
        ("block", 9, "block 9"),
        ("parameters", 5230, "5,230 parameters"),
        ("held_out", "57", "held out (5, 7)"),
        ("held_out", "01 23 45", "held out 01 23 45"),
    ],
)
def test_a_value_is_said_in_words(axis, value, words):
    assert axes.in_words(axis, value) == words


def test_every_axis_has_a_label_and_can_be_said():
    cell = make_cell("joint", SIZES["mlt"])
    settings = set(Cell.__dataclass_fields__) - {"size"}
    assert settings | {"size", "parameters", *axes.SHAPE} == set(axes.LABELS)
    assert set(axes.NUMERIC) == set(axes.LABELS) - {
        "task",
        "size",
        "held_out",
        "answers",
        "fact_kind",
        "mixing",
        "stream",
    } - set(axes.UNSET)
    assert set(axes.DERIVED) == set(_DERIVED_AXES)
    for axis in axes.LABELS:
        if axis != "parameters":
            assert axes.in_words(axis, axes.value(cell, axis))


def test_values_that_look_alike_are_written_in_full():
    first, second = ((0, 1), (2, 3), (4, 5)), ((0, 1), (2, 3), (4, 6))
    assert axes.texts(cells(SMALL[0], held_out=(first, second)), "held_out") == {first: "01 23 45", second: "01 23 46"}
    assert axes.texts(cells(SMALL[0], held_out=(first,)), "held_out") == {first: "(0, 1) and 2 more"}
    rates = (0.1234567, 0.1234568)
    assert axes.texts(cells(learning_rate=rates), "learning_rate") == {rate: str(rate) for rate in rates}


def test_what_tells_cells_apart_beside_task_and_size_is_said_in_words():
    every = {cell.name: cell for cell in cells(SMALL[0], held_out=([(3, 4)], [(2, 9)]), weight_decay=(0.0, 0.1))}
    assert set(axes.apart(every).values()) == {
        f"held out {pair}, {decay}"
        for pair in ("(3, 4)", "(2, 9)")
        for decay in ("no weight decay", "weight decay 0.1")
    }
    deep = {cell.name: cell for cell in cells(*(Size(layers, 1, width, 1) for layers in (1, 2) for width in (14, 28)))}
    assert sorted(axes.apart(deep).values())[0] == "1 layer, width 14"
    assert set(axes.apart(deep, shapes=False).values()) == {""}
    assert set(axes.apart({cell.name: cell for cell in cells()}).values()) == {""}


def test_cells_of_one_recipe_differ_in_size_and_in_what_is_left_out():
    n14, n28, mlt = (make_cell("arithmetic", SIZES[name]) for name in ("n14", "n28", "mlt"))
    assert axes.recipe(n14) == axes.recipe(n28) != axes.recipe(mlt)
    slow = make_cell("arithmetic", SIZES["n14"], learning_rate=0.001)
    assert axes.recipe(slow) != axes.recipe(n14)
    assert axes.recipe(slow, ("learning_rate",)) == axes.recipe(n14, ("learning_rate",))
    assert axes.recipe(make_cell("facts", SIZES["n14"])) != axes.recipe(n14)
