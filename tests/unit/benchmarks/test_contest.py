import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from benchmarks import check, contest, floor, report
from benchmarks.__main__ import make_setting, parse
from benchmarks.baseline import PROMPTS_PER_TASK, SAMPLES_PER_PROMPT, Baseline, Trainer
from benchmarks.check import batches
from benchmarks.child import Child, ChildError
from benchmarks.contest import Effort, Timing
from benchmarks.distinct import BATCHES, Distinct, distinct
from benchmarks.distinct import operations as distinct_operations
from benchmarks.floor import Rates, Work
from benchmarks.goals import at_least, goals
from benchmarks.measure import Sample, ratios, summarise, timed
from benchmarks.ours import Ours
from benchmarks.results import CellResult
from benchmarks.setting import Setting
from capacity.corpora import corpus
from capacity.corpora.streams import Stream
from capacity.experiment.cell import make_cell
from capacity.model import transformer
from capacity.model.initialization import count_parameters
from capacity.paper import protocol
from capacity.paper.protocol import MLT, SIZES, Size
from capacity.training import schedule
from capacity.training.draws import Draws
from capacity.training.execution import KERNELS, Execution
from capacity.training.path import training_of

EFFORT = Effort(rounds=4, block_seconds=0.1, evaluations=2, starts=1, updates_before_evaluation=30, budget_seconds=60.0)
RATES = Rates({"float32": 1e9, "bfloat16": 1e12}, 1e9)
CELL = replace(make_cell("arithmetic", Size.parse("n14")), batch=32, weight_decay=0.1)


class Script:
    """A child that keeps what it was asked; each update takes 10 ms, and 10 ms more are lost in each block."""

    def __init__(self, name, log, fails_at=None):
        self.seconds_since_start = 2.0
        self._name, self._log, self._fails_at = name, log, fails_at

    def call(self, method, *arguments):
        self._log.append((self._name, method, *arguments))
        if sum(name == self._name for name, *_ in self._log) == self._fails_at:
            raise ChildError("out of memory")
        if method == "update":
            return Sample(0.01 * (arguments[0] + 1), 0.005 * (arguments[0] + 1))
        return Sample(0.25, 0.25) if method == "evaluate" else 1000

    def close(self):
        self._log.append((self._name, "close"))


class Echo:
    def __init__(self, setting):
        self.setting = setting

    def threads(self):
        return self.setting.threads, torch.get_num_threads()

    def fail(self):
        raise ValueError("no such thing\nand more")


def enter(setting):
    """What a child process makes of this module."""
    return Echo(setting)


def make_result(size, task, device="cpu", **milliseconds):
    """A cell whose contestants' updates take what is given: ``ours_4=8.0`` is four seeds of ours."""
    timings = []
    for key, value in milliseconds.items():
        name, _, seeds = key.partition("_")
        is_evaluated = name != "jax" and (device == "cuda" or not seeds)
        evaluations = [1.0 if name == "ours" else 10.0] if is_evaluated else []
        timings.append(
            Timing(
                name,
                int(seeds or 1),
                is_evaluated=is_evaluated,
                update_seconds=[value / 1e3] * 3,
                processor_seconds=[value / 1e3] * 3,
                evaluation_seconds=evaluations,
                start_seconds=[3.0],
                peak_bytes=2**20,
            )
        )
    execution = {"precision": "float32", "graph": False}
    return CellResult(Setting(size, task, device=device), execution, Work(10**9, 1), 5e8, 0.02, {}, timings)


def test_baseline_updates_as_the_model_does():
    start, given = (
        transformer.initialise(CELL.size, 17, CELL.block, [3]),
        batches(CELL, 3),
    )
    parameters = {name: value.clone().requires_grad_() for name, value in start.items()}
    decayed = [value for value in parameters.values() if value.dim() == 3]
    others = [value for value in parameters.values() if value.dim() == 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(protocol.ADAM_BETA1, protocol.ADAM_BETA2))
    trainer = Trainer(CELL, {name: value[0] for name, value in start.items()}, "cpu")
    for inputs, targets in given:
        logits = transformer.forward(parameters, inputs[None], CELL.size.heads)  # (1, V, N T)
        loss = functional.cross_entropy(logits, targets.flatten()[None])
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(parameters.values(), 1.0)
        optimizer.step()
        assert float(trainer.update(inputs, targets, 1e-2)) == pytest.approx(loss.item(), rel=1e-6)
    for name, value in trainer.parameters().items():
        torch.testing.assert_close(value, parameters[name][0].detach(), rtol=1e-4, atol=1e-5)


def test_baseline_asks_every_prompt_by_itself(monkeypatch):
    baseline = Baseline(Setting("n14", "joint"))
    asked = []
    monkeypatch.setattr(Baseline, "_continue", lambda _, prompt, characters: asked.append((prompt, characters)))
    whole = baseline.evaluate()
    assert len(asked) == 2 * PROMPTS_PER_TASK * SAMPLES_PER_PROMPT
    assert {(prompt.startswith("Capital of"), characters) for prompt, characters in asked} == {(True, 20), (False, 4)}
    assert whole.seconds > 0.0


def test_baseline_continues_a_prompt_of_any_length():
    baseline = Baseline(Setting("n14", "facts"))
    prompt = "Capital of the Netherlands is "
    with torch.no_grad():
        text = baseline._continue(prompt, 20)
    assert text.startswith(prompt)
    assert len(text) == len(prompt) + 20


def test_ours_on_a_cpu_is_one_network_after_another():
    two = Ours(Setting("n14", "arithmetic", seeds=2))
    assert two.update(1).seconds > 0.0
    assert two.settings()["precision"] == "float32"
    with pytest.raises(ValueError, match="ask about one"):
        two.evaluate()


@pytest.mark.parametrize("kernel", KERNELS)
def test_our_training_computes_what_the_baseline_does(kernel):
    training = training_of(CELL, corpus.build(CELL), [0], "cpu", Execution(kernel=kernel))
    start = check.parameters_of(training)
    expected = check.baseline(CELL, start, batches(CELL, check.UPDATES), "cpu")
    differences = check.compare(check.ours(CELL, training), expected, start)
    assert differences["loss"] < check.LOSS_TOLERANCE
    assert differences["change"] < check.CHANGE_TOLERANCE


def test_comparison_sees_another_learning_rate():
    given = batches(CELL, check.UPDATES)
    start = {name: value[0] for name, value in transformer.initialise(CELL.size, 17, CELL.block, [0]).items()}
    expected = check.baseline(CELL, start, given, "cpu")
    other = check.baseline(replace(CELL, learning_rate=1.01 * CELL.learning_rate), start, given, "cpu")
    assert check.compare(other, expected, start)["change"] > check.CHANGE_TOLERANCE


def test_work_of_n14_by_hand():
    cell = make_cell("arithmetic", Size.parse("n14"))
    # Per position: queries, keys, values and output 4 x 14 x 14, scores and values 2 x 9 x 14, MLP 2 x 14 x 14,
    # head 17 x 14; two operations each, 882 x 9 positions.
    assert floor.forward_operations(cell, 17) == 2 * (784 + 252 + 392 + 238) * 7938 == 26_449_416
    # Normalised 14, projected 42, weights 9, mixed 14; normalised 14, hidden twice 14; normalised 14, logits 17.
    assert floor.activations(cell, 17) == (14 + 42 + 9 + 14 + 14 + 28 + 14 + 17) * 7938
    assert floor.work(cell, 17, "float32") == Work(79_348_248, 32 * 1582 + 4 * floor.activations(cell, 17))


@pytest.mark.parametrize("name", SIZES)
def test_parameters_are_counted_as_the_model_has_them(name):
    cell = make_cell("joint", Size.parse(name))
    assert floor.parameters(cell, 66) == count_parameters(cell.size, 66, cell.block)[0]


def test_floor_is_the_slower_of_arithmetic_and_memory():
    assert RATES.seconds(Work(2 * 10**9, 10**9), "float32") == 2.0
    assert RATES.seconds(Work(2 * 10**9, 10**9), "bfloat16") == 1.0


def test_large_networks_are_told_from_small_ones():
    assert [Setting(name, "facts").is_large for name in SIZES] == [size == MLT for size in SIZES.values()]


def test_evaluations_are_those_of_training():
    assert (
        Setting("n28", "joint").evaluations == schedule.evaluation_count(make_cell("joint", Size.parse("n28"))) == 121
    )


def test_summaries():
    assert vars(summarise([4.0])) == {"median": 4.0, "lower": 4.0, "upper": 4.0, "count": 1}
    assert vars(summarise([1.0, 2.0, 3.0, 4.0, 9.0])) == {"median": 3.0, "lower": 2.0, "upper": 4.0, "count": 5}
    assert ratios([1.0, 2.0, 9.0], [2.0, 4.0]).median == 0.5
    with pytest.raises(ValueError, match="at least one"):
        summarise([])


def test_timed_waits_before_and_after():
    log = []
    sample = timed(lambda: log.append("work"), lambda: log.append("finish"))
    assert log == ["finish", "work", "finish"]
    assert sample.seconds > 0.0


def test_start_finds_how_many_updates_make_a_block():
    log = []
    timing = Timing("ours", 1)
    contest.start(timing, Script("ours", log), EFFORT)
    # 0.1 s at 20 ms each are 5, and at 12 ms each 8.
    assert [entry[2:] for entry in log] == [(1, 0), (1, 1), (5, 1), (8, 0)]
    assert (timing.block, timing.updates_before_evaluation, timing.start_seconds) == (8, 1 + 2 + 6 + 8, [2.0])


def test_contestants_take_turns():
    log = []
    pairs = [(Timing("ours", 1), Script("ours", log)), (Timing("jax", 1, is_evaluated=False), Script("jax", log))]
    for timing, child in pairs:
        contest.start(timing, child, EFFORT)
    begin = len(log)
    contest.take_turns(pairs, EFFORT)
    assert log[begin : begin + 8] == [(name, "update", 8, 1) for _ in range(4) for name in ("ours", "jax")]
    assert [entry[1:] for entry in log[begin + 8 :]] == [("evaluate",), ("evaluate",), ("peak_bytes",), ("peak_bytes",)]
    ours, jax = (timing for timing, _ in pairs)
    assert ours.update_seconds == pytest.approx([0.09 / 8] * 4)
    assert (ours.processor_share, ours.updates_before_evaluation) == (pytest.approx(0.5), 17 + 4 * 9)
    assert (ours.evaluation_seconds, jax.evaluation_seconds) == ([0.25, 0.25], [])
    assert ours.peak_bytes == 1000


def test_our_networks_are_trained_on_before_they_are_evaluated():
    log = []
    timing = Timing("ours", 1)
    child = Script("ours", log)
    effort = replace(EFFORT, updates_before_evaluation=100)
    contest.start(timing, child, effort)
    contest.take_turns([(timing, child)], effort)
    assert ("ours", "update", 100 - 53, 0) in log
    assert timing.updates_before_evaluation == 100


def test_rounds_end_with_the_budget_but_not_before_the_least():
    timing = Timing("baseline", 1)
    child = Script("baseline", [])
    effort = replace(EFFORT, rounds=50, budget_seconds=0.0)
    contest.start(timing, child, effort)
    contest.take_turns([(timing, child)], effort)
    assert len(timing.update_seconds) == contest.LEAST_ROUNDS
    assert len(timing.evaluation_seconds) == 1


def test_one_contestant_fails_and_the_others_go_on():
    log = []
    pairs = [(Timing("ours", 4), Script("ours", log, fails_at=6)), (Timing("baseline", 1), Script("baseline", log))]
    for timing, child in pairs:
        contest.start(timing, child, EFFORT)
    contest.take_turns(pairs, EFFORT)
    assert pairs[0][0].failure == "out of memory"
    assert log.count(("ours", "close")) == 1
    assert (len(pairs[0][0].update_seconds), len(pairs[1][0].update_seconds)) == (1, 4)


def test_child_answers_in_a_process_of_its_own_and_says_what_failed():
    with Child(__name__, Setting("n14", "facts", threads=1)) as child:
        assert child.call("threads") == (1, 1)
        with pytest.raises(ChildError, match=r"^ValueError: no such thing$"):
            child.call("fail")
        assert child.call("threads") == (1, 1)
        assert child.seconds_since_start > 0.0


def test_a_race_names_the_contestant_that_fails():
    with pytest.raises(ChildError, match=r"^echo: AttributeError: .*update"):
        contest.race({"echo": (__name__, Setting("n14", "facts"))}, EFFORT)


def test_full_run_is_extrapolated_from_the_samples():
    result = make_result("n14", "arithmetic", ours=2.0, ours_4=8.0, baseline=20.0, jax=4.0)
    ours, four, baseline, jax = result.timings
    assert result.full_seconds(ours) == pytest.approx(3.0 + 60.0 + 121.0)
    assert result.full_seconds(four) == pytest.approx(3.0 + 240.0 + 4 * 121.0)
    assert result.full_seconds(baseline) == pytest.approx(3.0 + 600.0 + 1210.0)
    assert result.full_seconds(jax) is None
    assert result.ratio(four, "jax").median == pytest.approx(0.5)
    ours.full_seconds = 100.0
    assert result.full_seconds(ours) == 100.0
    assert result.extrapolated_seconds(ours) == pytest.approx(184.0)


def test_goals_on_a_cpu():
    results = [
        make_result("n14", "arithmetic", ours=20.0, ours_4=100.0, torch=50.0, baseline=3000.0, jax=200.0),
        make_result("n28", "facts", ours=90.0, torch=300.0, baseline=300.0, jax=100.0),
        make_result("mlt", "facts", ours=90.0, baseline=120.0),
    ]
    measured = {goal.text: (goal.verdict, goal.measured) for goal in goals(results, "cpu", RATES)}
    assert measured == {
        "full run, n14-arithmetic, baseline's over ours": ("met", "126.0 (91213 s over 724 s)"),
        "update of a one-layer cell, of JAX's": ("NOT MET", "0.9 at worst (n28-facts); 1 of 2"),
        "update of n14-arithmetic, of JAX's": ("met", "0.1 at worst (n14-arithmetic); 1 of 1"),
        "update of a one-layer cell, of torch's": ("NOT MET", "0.4 at worst (n14-arithmetic); 1 of 2"),
        "update of n14, of torch's": ("NOT MET", "0.4 at worst (n14-arithmetic); 0 of 1"),
        "update of a one-layer cell, of the floor": ("NOT MET", "4.5 at worst (n28-facts); 1 of 2"),
        "one-layer cells whose update is below the floor": ("NOT MET", "0 of 2"),
        "evaluations of a full run, of its updates": ("NOT MET", "0.202 at worst (n14-arithmetic); 1 of 2"),
        "start to first update of a one-layer cell, s": ("NOT MET", "3 at worst (n28-facts); 0 of 2"),
        "memory of a one-layer job, MB": ("met", "1.05 at worst (n28-facts); 2 of 2"),
        "cost of seeds, of linear": ("NOT MET", "1.25 at worst (n14-arithmetic, 4 seeds); 0 of 1"),
        "memory of many seeds, of one's": ("met", "1 at worst (n14-arithmetic, 4 seeds); 1 of 1"),
        "update of MLT, of the plain program's": ("met", "0.75 at worst (mlt-facts); 1 of 1"),
    }


def test_five_cells_are_to_be_below_the_floor():
    for milliseconds, verdict in ((19.0, "met"), (21.0, "NOT MET")):
        tasks = [(f"n{width}", task) for width in (14, 28, 56) for task in ("arithmetic", "facts")]
        results = [make_result(*cell, ours=19.0) for cell in tasks[:4]]
        results += [make_result(*cell, ours=milliseconds) for cell in tasks[4:]]
        goal = next(each for each in goals(results, "cpu", RATES) if "below the floor" in each.text)
        assert goal.verdict == verdict


def test_small_values_are_bad_where_a_goal_is_a_least_value():
    goal = at_least("gain", 1.9, [("one", 1.95), ("other", 1.8)])
    assert (goal.verdict, goal.measured) == ("NOT MET", "1.8 at worst (other); 1 of 2")


def test_distinct_operations_of_n14_by_hand():
    cell = make_cell("arithmetic", Size.parse("n14"))
    counts = Distinct(inputs=153.0, prefixes=3900.0, attended=24000.0)
    # Four products of 14 x 14 for each input; scores and values over what each prefix attends to; MLP and head for
    # each prefix. Two operations each, forward and twice backward.
    expected = 6 * (153 * 4 * 14 * 14 + 24_000 * 2 * 14 + 3_900 * (2 * 14 * 14 + 17 * 14))
    assert distinct_operations(cell, 17, counts) == expected


def test_what_is_distinct_is_counted_as_the_tree_has_it():
    lines = corpus.build(CELL)
    stream = Stream(corpus.stream_lines(lines), corpus.vocabulary(lines), CELL.stream, CELL.block)
    draws = Draws(len(stream), CELL.batch, 0)
    counts = distinct(CELL)
    texts = []
    for _ in range(BATCHES):
        number = draws.next()
        rows = stream.rows.inputs[draws.drawn[number]]
        texts.append({tuple(row[: end + 1]) for row in rows.tolist() for end in range(CELL.block)})
    assert counts.prefixes == pytest.approx(sum(map(len, texts)) / BATCHES)
    assert counts.attended == pytest.approx(sum(len(text) for each in texts for text in each) / BATCHES)
    assert counts.inputs == pytest.approx(
        sum(len({(text[-1], len(text)) for text in each}) for each in texts) / BATCHES
    )


def test_goals_on_a_gpu():
    small = [
        make_result(f"n{width}", task, "cuda", ours=1.0, ours_64=2.0)
        for width in (14, 28, 56)
        for task in protocol.TASKS
    ]
    large = make_result("mlt", "arithmetic", "cuda", ours=2.0)
    by_text = {goal.text: goal for goal in goals([*small, large], "cuda", RATES)}
    full, study, _, ceiling, alone, cost = by_text.values()
    assert (full.measured, full.met) == ("184.0 s", False)
    assert (study.measured, study.met) == (f"{9 * 184} s", False)
    assert (ceiling.measured, ceiling.met) == ("0.50", True)
    assert (alone.measured, alone.met) == ("184.0 s", False)
    assert cost.met


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_goals_without_what_they_need_are_not_measured(device):
    assert {goal.verdict for goal in goals([], device, RATES)} == {"not measured"}


def test_table_shows_numbers_and_failures():
    result = make_result("n14", "arithmetic", ours=20.0, baseline=300.0)
    result.timings.append(Timing("jax", 1, is_evaluated=False, failure="JAX is not installed"))
    result.timings[0].processor_seconds = [0.012] * 3
    header, ours, baseline, _, *remarks = report.cells_table([result]).splitlines()
    assert header.split()[:3] == ["cell", "contestant", "seeds"]
    assert ours.split()[:5] == ["n14-arithmetic", "ours", "1", "20.000", "20.000-20.000"]
    assert baseline.endswith("~2:50:13")
    assert remarks == [
        "n14-arithmetic, ours: precision float32, graph False",
        "n14-arithmetic, ours x 1: had the processor 60% of the time; other programs were running",
        "n14-arithmetic, jax x 1: JAX is not installed",
    ]
    assert not any(math.isnan(value["of_floor"]) for value in report.cell_record(result)["contestants"][:2])


def test_command_line_fills_in_what_is_left_open():
    arguments = parse([])
    assert (len(arguments.sizes), arguments.seeds, arguments.full) == (4, [1, 4, 16], [])
    arguments = parse(["--device", "cuda"])
    assert (arguments.seeds, arguments.full) == ([1, 4, 16, 64, 256], ["n14-arithmetic"])
    assert str(arguments.output) == "results/benchmarks/cuda.json"
    assert make_setting(arguments, "mlt", "facts").precision == "bfloat16"
    assert make_setting(arguments, "mlt", "facts").graph is None
    assert make_setting(arguments, "n14", "facts").precision is None
    assert make_setting(arguments, "n14", "facts").graph
    assert len(parse(["--full", "study"]).full) == 9
    quick = parse(["--quick", "--seeds", "4"])
    assert (quick.sizes, quick.tasks, quick.seeds) == (["n14"], ["arithmetic"], [1, 4])


def test_command_line_refuses_a_cell_that_is_none(capsys):
    with pytest.raises(SystemExit):
        parse(["--full", "n15-facts"])
    assert "n15-facts is neither study nor a cell" in capsys.readouterr().err
