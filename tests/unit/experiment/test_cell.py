from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from capacity.experiment.cell import Cell, corpus_cell, describe_departures, make_cell, parse_cell
from capacity.experiment.splits import normalise_pairs
from capacity.paper import protocol
from capacity.paper.protocol import MLT, SIZES, Size
from capacity.tasks.arithmetic import ARITHMETIC
from capacity.tasks.registry import TASKS

DERIVED = (
    "arithmetic_share",
    "final_learning_rate",
    "block",
    "warmup_iterations",
    "decay_iterations",
    "evaluation_interval",
)


def twelve_digits(lowest: float, highest: float) -> st.SearchStrategy[float]:
    return st.floats(lowest, highest).map(lambda value: float(f"{value:.12g}"))


whole = st.integers(1, 10**7)
pairs = st.tuples(st.integers(0, 9), st.integers(0, 9)) | st.tuples(st.integers(0, 99), st.integers(0, 99))
sizes = st.sampled_from(list(SIZES.values())) | st.builds(
    lambda layers, heads, features, factor: Size(layers, heads, heads * features, factor),
    st.integers(1, 12),
    st.integers(1, 8),
    st.integers(1, 64),
    st.integers(1, 8),
)
INDEPENDENT = {
    "largest_operand": st.sampled_from((9, 10, 12, 19)),
    "held_out": st.sets(pairs, min_size=1, max_size=6).map(list),
    "facts": st.integers(1, 60),
    "answers": st.sampled_from(protocol.ANSWERS),
    "fact_kind": st.sampled_from(protocol.FACT_KINDS),
    "key_length": st.integers(3, 20),
    "value_length": st.integers(1, 19),
    "fact_seed": st.integers(0, 2**32 - 1),
    "mixing": st.sampled_from(protocol.MIXINGS),
    "corpus_seed": st.integers(0, 2**32 - 1),
    "stream": st.sampled_from(protocol.STREAMS),
    "learning_rate": twelve_digits(1e-9, 10),
    "weight_decay": twelve_digits(0, 100),
    "dropout": twelve_digits(0, 0.99),
    "batch": whole,
    "iterations": whole,
    "initialisation_seed": st.integers(0, 2**32 - 1),
}
SPLIT = {"held_out_fraction": twelve_digits(0.01, 0.99), "split_seed": st.integers(0, 2**32 - 1)}
DEPENDENT = {
    "arithmetic_share": twelve_digits(0.01, 0.99),
    "final_learning_rate": twelve_digits(1e-12, 10),
    "block": st.integers(2, 65536),
    "warmup_iterations": whole,
    "decay_iterations": whole,
    "evaluation_interval": whole,
}


def cells(optional: dict[str, st.SearchStrategy]) -> st.SearchStrategy[tuple[Cell, dict]]:
    def build(task: str, size: Size, chosen: dict) -> tuple[Cell, dict]:
        return make_cell(task, size, **chosen), chosen

    listed = st.fixed_dictionaries({}, optional=optional)
    drawn = st.fixed_dictionaries(SPLIT, optional={key: optional[key] for key in optional if key != "held_out"})
    axes = listed | drawn
    return st.builds(build, st.sampled_from(protocol.TASKS), sizes, axes)


@given(cells(INDEPENDENT | DEPENDENT))
def test_a_name_and_its_cell_are_each_others_inverse(made):
    cell, _ = made
    assume(cell.warmup_iterations < cell.decay_iterations)
    assert parse_cell(cell.name) == cell
    assert parse_cell(cell.name).name == cell.name


@given(cells(INDEPENDENT | DEPENDENT), cells(INDEPENDENT | DEPENDENT))
def test_different_cells_have_different_names(first, second):
    for cell, _ in (first, second):
        assume(cell.warmup_iterations < cell.decay_iterations)
    assert (first[0].name == second[0].name) == (first[0] == second[0])


@given(cells(INDEPENDENT | DEPENDENT))
def test_a_name_is_a_safe_path_of_three_parts_with_sorted_keys(made):
    cell, _ = made
    assert re.fullmatch(r"task=[a-z]+/size=[a-z0-9]+/variant=[a-z0-9_.+-]+", cell.name)
    parts = "_".join(f"{key}-[^_]+" for key in sorted(cell.departures()))
    assert re.fullmatch(parts or "paper", cell.variant)


@given(cells(INDEPENDENT))
def test_an_axis_that_follows_from_another_stays_out_of_the_name(made):
    cell, chosen = made
    assert set(cell.departures()) <= set(chosen)


@given(cells(INDEPENDENT))
def test_choosing_what_follows_anyway_changes_nothing(made):
    cell, chosen = made
    same = make_cell(cell.task, cell.size, **chosen, **{axis: getattr(cell, axis) for axis in DERIVED})
    assert (same, same.name) == (cell, cell.name)


@pytest.mark.parametrize("task", protocol.TASKS)
@pytest.mark.parametrize("name", SIZES)
def test_the_papers_cells_are_variant_paper_with_the_papers_settings(task, name):
    cell = make_cell(task, SIZES[name])
    assert cell.name == f"task={task}/size={name}/variant=paper"
    assert parse_cell(cell.name) == cell
    large = name == "mlt"
    assert (cell.learning_rate, cell.final_learning_rate) == ((1e-5, 1e-6) if large else (1e-2, 1e-4))
    assert (cell.weight_decay, cell.dropout) == ((0.1, 0.2) if large else (0.0, 0.0))
    assert (cell.batch, cell.block) == ((882, 9) if task == "arithmetic" else (576, 24))
    assert (cell.iterations, cell.warmup_iterations, cell.decay_iterations) == (30_000, 2_000, 25_000)
    assert (cell.evaluation_interval, cell.held_out, cell.facts) == (250, ((5, 7),), 50)
    assert (cell.stream, cell.corpus_name) == ("fixed", task)
    assert cell.departures() == cell.departures_from_published() == {}
    assert describe_departures(cell) == ""


@pytest.mark.parametrize(
    ("name", "variant"), [("n14", "weight_decay-0.1"), ("n56", "weight_decay-0.1"), ("mlt", "dropout-0")]
)
def test_the_papers_wd_cells_count_as_published(name, variant):
    cell = parse_cell(f"task=joint/size={name}/variant={variant}")
    assert cell == make_cell("joint", SIZES[name], **protocol.weight_decay_variant(SIZES[name]))
    assert cell.departures()
    assert cell.departures_from_published() == {}


def test_departures_from_what_was_published_are_named_in_words():
    cell = make_cell("joint", Size(1, 1, 20, 1), iterations=4000, weight_decay=0.1, held_out=[(3, 4), (0, 1)])
    assert cell.departures_from_published() == {"held_out": ((0, 1), (3, 4)), "iterations": 4000, "size": "n20"}
    words = describe_departures(cell)
    assert "iterations 4000 (paper: 30000)" in words
    assert "held out 01 34 (paper: 57)" in words
    assert "size not in the paper" in words
    assert "weight decay" not in words


def test_how_tasks_are_mixed_is_in_the_name_of_joint_cells_alone():
    mixed = {"mixing": "shuffled", "arithmetic_share": 0.25, "fact_kind": "filler"}
    cell = make_cell("joint", SIZES["n14"], **mixed)
    assert cell.variant == "arithmetic_share-0.25_fact_kind-filler_mixing-shuffled"
    assert cell.corpus_name == f"joint_{cell.variant}"
    assert make_cell("arithmetic", SIZES["n14"], **mixed) == make_cell("arithmetic", SIZES["n14"])
    assert [make_cell(task, SIZES["n14"]).arithmetic_share for task in protocol.TASKS] == [1, 0, 196 / 246]
    assert make_cell("joint", SIZES["n14"], arithmetic_share=196 / 246).variant == "paper"


def test_random_facts_are_named_by_what_draws_them():
    drawn = {"fact_kind": "synthetic", "facts": 1600, "key_length": 4, "fact_seed": 3}
    cell = make_cell("facts", SIZES["n14"], **drawn)
    assert cell.variant == "fact_kind-synthetic_fact_seed-3_facts-1600_key_length-4"
    assert cell.corpus_name == f"facts_{cell.variant}"
    assert make_cell("arithmetic", SIZES["n14"], **drawn) == make_cell("arithmetic", SIZES["n14"])
    usual = {"key_length": 6, "value_length": 6, "fact_seed": 1337}
    assert make_cell("facts", SIZES["n14"], **usual).variant == "paper"


@pytest.mark.parametrize(
    ("settings", "block"),
    [
        ({"fact_kind": "synthetic"}, 24),
        ({"fact_kind": "synthetic", "key_length": 16, "value_length": 12}, 16 + 1 + 12 + 1),
        ({"fact_kind": "strings", "key_length": 16, "value_length": 12}, 16 + 12 + 1),
        ({"fact_kind": "synthetic", "key_length": 16, "value_length": 12, "stream": "aligned"}, 16 + 1 + 12),
    ],
)
@pytest.mark.parametrize("task", ["facts", "joint"])
def test_the_block_of_random_facts_is_that_of_the_paper_or_holds_a_whole_line(task, settings, block):
    cell = make_cell(task, SIZES["n14"], **settings)
    assert cell.block == block
    assert "block" not in cell.departures()


def test_a_split_is_named_by_its_fraction_and_its_seed_and_not_by_its_pairs():
    cell = make_cell("joint", SIZES["n14"], held_out_fraction=0.3, split_seed=4)
    assert cell.variant == "held_out_fraction-0.3_split_seed-4"
    assert cell.corpus_name == "joint_held_out_fraction-0.3_split_seed-4"
    assert len(cell.held_out) == 17
    assert describe_departures(cell) == "held out fraction 0.3 (paper: 1 of 55), split seed 4"
    listed = make_cell("joint", SIZES["n14"], held_out=cell.held_out)
    assert listed.held_out_fraction == 17 / 55
    assert listed.variant.startswith("held_out-0")
    assert make_cell("facts", MLT, held_out_fraction=0.3, split_seed=4) == make_cell("facts", MLT)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"held_out_fraction": 0.3}, "held_out_fraction 0.3 needs split_seed"),
        ({"split_seed": 3}, "split_seed 3 needs held_out_fraction"),
        ({"held_out_fraction": 0.3, "split_seed": 3, "held_out": [(5, 7)]}, "give one or the other"),
        ({"held_out_fraction": 1.1, "split_seed": 3}, "held_out_fraction 1.1 is not from 0 to 1"),
    ],
)
def test_half_a_split_or_two_are_refused(chosen, said):
    with pytest.raises(ValueError, match=said):
        make_cell("arithmetic", MLT, **chosen)


def test_larger_operands_are_in_the_name_of_a_cell_and_of_its_corpus():
    cell = make_cell("arithmetic", SIZES["n14"], largest_operand=19)
    assert (cell.variant, cell.corpus_name) == ("largest_operand-19", "arithmetic_largest_operand-19")
    assert describe_departures(cell) == "largest operand 19 (paper: 9)"
    assert (cell.held_out, cell.held_out_fraction) == (((5, 7),), 1 / 210)
    listed = make_cell("arithmetic", SIZES["n14"], largest_operand=19, held_out=[(12, 5), (4, 3)])
    assert listed.variant == "held_out-34.0512_largest_operand-19"
    assert describe_departures(listed) == "largest operand 19 (paper: 9), held out 34 0512 (paper: 57)"
    assert corpus_cell(listed.corpus_name).held_out == ((3, 4), (5, 12))
    drawn = make_cell("arithmetic", SIZES["n14"], largest_operand=19, held_out_fraction=0.1, split_seed=0)
    assert drawn.variant == "held_out_fraction-0.1_largest_operand-19_split_seed-0"
    assert len(drawn.held_out) == 21
    assert max(max(pair) for pair in drawn.held_out) > 9
    assert make_cell("arithmetic", SIZES["n14"], largest_operand=9) == make_cell("arithmetic", SIZES["n14"])
    assert make_cell("facts", SIZES["n14"], largest_operand=19) == make_cell("facts", SIZES["n14"])


@pytest.mark.parametrize(
    ("task", "settings", "block"),
    [
        ("arithmetic", {}, 12),
        ("arithmetic", {"stream": "aligned"}, 11),
        ("arithmetic", {"answers": "permuted"}, 12),
        ("joint", {}, 24),
        ("joint", {"stream": "answer-only"}, 40),
        ("joint", {"fact_kind": "synthetic", "key_length": 16, "value_length": 12}, 30),
    ],
)
@pytest.mark.parametrize("largest", [10, 19, 99])
def test_the_block_holds_a_line_of_larger_operands(task, settings, block, largest):
    cell = make_cell(task, SIZES["n14"], largest_operand=largest, **settings)
    assert cell.block == block
    assert "block" not in cell.departures()


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_the_seed_of_a_run_is_that_of_its_weights_unless_the_cell_has_one(seed, other):
    assert make_cell("facts", MLT).seed_of_weights(seed) == seed
    cell = make_cell("facts", MLT, initialisation_seed=other)
    assert cell.seed_of_weights(seed) == other
    assert (cell.variant, describe_departures(cell)) == (
        f"initialisation_seed-{other}",
        f"initialisation seed {other}",
    )


def test_a_task_that_is_not_in_the_paper_departs_from_it(monkeypatch):
    monkeypatch.setitem(TASKS, "sums", dataclasses.replace(ARITHMETIC, name="sums", batch=64))
    usual, other = (make_cell("sums", SIZES["n14"], **chosen) for chosen in ({}, {"batch": 8}))
    assert (usual.variant, other.variant) == ("paper", "batch-8")
    assert describe_departures(usual) == "task not in the paper"
    assert describe_departures(other) == "batch 8 (default: 64), task not in the paper"


@pytest.mark.parametrize(
    ("iterations", "warmup", "decay", "interval"),
    [(30_000, 2_000, 25_000, 250), (3_000, 200, 2_500, 25), (60_000, 4_000, 50_000, 500), (300, 20, 250, 2)],
)
def test_the_schedule_shrinks_and_grows_in_proportion(iterations, warmup, decay, interval):
    cell = make_cell("arithmetic", SIZES["n14"], iterations=iterations)
    found = (cell.warmup_iterations, cell.decay_iterations, cell.evaluation_interval)
    assert found == (warmup, decay, interval)


@given(st.integers(1, 10**7))
def test_any_number_of_iterations_gives_a_schedule_that_can_be_run(iterations):
    cell = make_cell("facts", SIZES["n14"], iterations=iterations)
    assert 1 <= cell.warmup_iterations < cell.decay_iterations
    assert cell.evaluation_interval >= 1


@given(twelve_digits(1e-9, 10), st.sampled_from(list(SIZES.values())))
def test_the_final_learning_rate_follows_the_peak(peak, size):
    ratio = 0.1 if size == MLT else 0.01
    assert make_cell("facts", size, learning_rate=peak).final_learning_rate == pytest.approx(peak * ratio, rel=1e-11)


@pytest.mark.parametrize("stream", ["aligned", "answer-only"])
def test_streams_of_one_line_per_row_take_the_block_of_the_longest_line(stream):
    arithmetic = make_cell("arithmetic", SIZES["n14"], stream=stream)
    joint = make_cell("joint", SIZES["n14"], stream=stream)
    one_fact = make_cell("facts", SIZES["n14"], stream=stream, facts=1)
    assert arithmetic.block == 9
    assert joint.block == len("Capital of the Netherlands is Amsterdam \n") - 1
    assert one_fact.block == len("Capital of France is Paris \n") - 1
    assert joint.variant == f"stream-{stream}"


@pytest.mark.parametrize(
    ("task", "chosen", "name"),
    [
        ("arithmetic", {"corpus_seed": 4}, "arithmetic_corpus_seed-4"),
        ("joint", {"facts": 10, "held_out": [(7, 3), (0, 0)], "batch": 3}, "joint_facts-10_held_out-00.37"),
        ("facts", {"iterations": 5, "stream": "aligned"}, "facts"),
        ("arithmetic", {"answers": "permuted", "corpus_seed": 4}, "arithmetic_answers-permuted_corpus_seed-4"),
    ],
)
def test_cells_of_one_corpus_share_its_name(task, chosen, name):
    assert make_cell(task, SIZES["n28"], **chosen).corpus_name == name


def test_axes_that_a_task_does_not_have_do_not_matter():
    assert make_cell("facts", MLT, held_out=[(1, 2)]) == make_cell("facts", MLT)
    assert make_cell("arithmetic", MLT, facts=3) == make_cell("arithmetic", MLT)
    assert make_cell("facts", MLT, answers="permuted") == make_cell("facts", MLT)


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("task=facts/size=n14/variant=iterations-30000", "task=facts/size=n14/variant=paper"),
        ("task=facts/size=n14/variant=learning_rate-0.01", "task=facts/size=n14/variant=paper"),
        ("task=facts/size=n14/variant=learning_rate-0.0010", "task=facts/size=n14/variant=learning_rate-0.001"),
        ("task=facts/size=n14/variant=learning_rate-1e-3", "task=facts/size=n14/variant=learning_rate-0.001"),
        ("task=facts/size=n14/variant=iterations-9_batch-4", "task=facts/size=n14/variant=batch-4_iterations-9"),
        ("task=facts/size=n14/variant=batch-4_batch-5", "task=facts/size=n14/variant=batch-5"),
        ("task=facts/size=n14/variant=batch-04", "task=facts/size=n14/variant=batch-4"),
        ("task=facts/size=n14/variant=held_out-12", "task=facts/size=n14/variant=paper"),
        ("task=joint/size=n14/variant=held_out-75", "task=joint/size=n14/variant=paper"),
        ("task=joint/size=n14/variant=held_out-34.12", "task=joint/size=n14/variant=held_out-12.34"),
        ("task=joint/size=n14/variant=largest_operand-9", "task=joint/size=n14/variant=paper"),
        ("task=facts/size=n14/variant=largest_operand-19", "task=facts/size=n14/variant=paper"),
        ("task=joint/size=n14/variant=held_out-0304", "task=joint/size=n14/variant=held_out-34"),
        (
            "task=joint/size=n14/variant=held_out-1205_largest_operand-19",
            "task=joint/size=n14/variant=held_out-0512_largest_operand-19",
        ),
        ("task=facts/size=n014/variant=paper", "task=facts/size=n14/variant=paper"),
        ("task=facts/size=l1h1d14m1/variant=paper", "task=facts/size=n14/variant=paper"),
        ("task=facts/size=l6h6d384m4/variant=paper", "task=facts/size=mlt/variant=paper"),
        ("task=facts/size=n14/variant=batch-4_paper", "task=facts/size=n14/variant=batch-4"),
        (
            "task=facts/size=n14/variant=iterations-3000_warmup_iterations-200",
            "task=facts/size=n14/variant=iterations-3000",
        ),
    ],
)
def test_a_name_that_is_not_canonical_is_refused_with_the_right_one(name, right):
    with pytest.raises(ValueError) as caught:
        parse_cell(name)
    assert repr(name) in str(caught.value)
    assert f"write {right!r}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("task=facts/size=n14", "is not of the form task=.../size=.../variant=..."),
        ("task=facts/size=n14/variant=paper/", "is not of the form"),
        ("task=facts/size=n14/variant=../../paper", "is not of the form"),
        ("task=facts/size=n14/variant=paper\n", "is not of the form"),
        ("task=sums/size=n14/variant=paper", "task 'sums' is not one of arithmetic, facts, joint"),
        ("task=facts/size=large/variant=paper", "size 'large' is not 'mlt'"),
        ("task=facts/size=n14/variant=lr-0.1", "axis 'lr' is not one of largest_operand"),
        ("task=facts/size=n14/variant=stream-random", "stream 'random' is not one of fixed, reshuffled"),
        ("task=joint/size=n14/variant=held_out-512_largest_operand-19", "'512' is not a value of held_out"),
        ("task=joint/size=n14/variant=answers-true", "answers 'true' is not one of correct, permuted"),
    ],
)
def test_a_name_of_no_cell_is_refused_with_what_is_wrong(name, said):
    with pytest.raises(ValueError) as caught:
        parse_cell(name)
    assert said in str(caught.value)


def test_an_unknown_axis_is_refused():
    with pytest.raises(ValueError, match="axis 'momentum' is not one of"):
        make_cell("facts", MLT, momentum=0.9)


@given(sizes)
def test_a_size_and_its_name_are_each_others_inverse(size):
    assert Size.parse(size.name) == size


def test_the_papers_sizes_have_the_papers_names():
    assert {name: size.name for name, size in SIZES.items()} == {name: name for name in ("n14", "n28", "n56", "mlt")}
    assert Size(1, 1, 20, 1).name == "n20"
    assert Size(2, 4, 20, 3).name == "l2h4d20m3"


@given(st.lists(pairs, max_size=8))
def test_pairs_are_unordered_sorted_and_unique(given_pairs):
    normal = normalise_pairs(given_pairs)
    assert normal == normalise_pairs([(right, left) for left, right in given_pairs[::-1]]) == normalise_pairs(normal)
    assert {frozenset(pair) for pair in normal} == {frozenset(pair) for pair in given_pairs}
    assert list(normal) == sorted(set(normal))


@given(cells(INDEPENDENT | DEPENDENT))
def test_settings_are_json_values_that_say_everything(made):
    cell, _ = made
    settings = cell.settings()
    size, held_out = Size(**settings.pop("size")), settings.pop("held_out")
    assert make_cell(settings.pop("task"), size, held_out=held_out, **settings) == cell
    assert all(type(pair) is list for pair in held_out)
