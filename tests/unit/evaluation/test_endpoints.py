from __future__ import annotations

import copy
import json
import math

import jsonschema
import pyarrow as pa
import pytest
import torch
import yaml
from safetensors.torch import save_file

from capacity.commands import evaluate
from capacity.corpora import corpus
from capacity.errors import InputError
from capacity.evaluation import bits, endpoints, floors
from capacity.evaluation.endpoints import averaged_evaluations, paper_best
from capacity.evaluation.margins import candidates_by_task
from capacity.evaluation.questions import Examination
from capacity.experiment.cell import make_cell
from capacity.model import transformer, weights
from capacity.paper.protocol import Size
from capacity.storage import evaluations as storage_evaluations
from capacity.storage import json_files, parquet, provenance
from capacity.storage.evaluations import check, check_items, read_items, write
from capacity.training.job import history_table
from capacity.training.randomness import initialisation_generator

CELL = make_cell("joint", Size(1, 1, 8, 1), facts=3, iterations=600, evaluation_interval=200)
SEEDS = (0, 7)
NAMES = [
    *("seen", "seen_addition", "seen_subtraction", "held_out", "held_out_addition", "held_out_subtraction"),
    *("addition_910", "subtraction_910", "addition_1000", "subtraction_1000", "combined_910"),
    *("facts_paper_prompts", "facts_matched_prompts"),
]


@pytest.fixture(scope="module")
def lines():
    return corpus.build(CELL)


@pytest.fixture(scope="module")
def totals(lines):
    return Examination(lines, corpus.vocabulary(lines), CELL.block).totals()


@pytest.fixture(scope="module")
def stack(lines):
    """Random networks, far enough from their start that they do not all answer alike."""
    starts = [initialisation_generator(seed) for seed in SEEDS]
    drawn = transformer.initialise(CELL.size, len(corpus.vocabulary(lines)), CELL.block, starts)
    return {name: value if name.endswith("norm") else value * 20 for name, value in drawn.items()}


def make_history(totals, evaluations, seeds=SEEDS):
    """Histories by hand: at evaluation k, k questions of each score are right (or all of them), and the loss is k."""
    rows = []
    for seed in seeds:
        for number in range(evaluations):
            row = {"seed": seed, "iteration": 200 * number, "learning_rate": 0.01, "training_loss": 1.0}
            row |= {"stream_loss": float(number)} | {name: min(number, n) / n for name, n in totals.items()}
            rows.append(row)
    return rows


@pytest.fixture(scope="module")
def evaluated(lines, stack, totals):
    """The evaluation of two random networks whose histories have four evaluations."""
    history = history_table(make_history(totals, 4))
    found = endpoints.evaluate(CELL, lines, SEEDS, stack, history, (None, None))
    training = provenance.record("train", CELL.settings(), cell=CELL.name, seeds=list(SEEDS))
    return found | {
        "provenance": provenance.record("evaluate", CELL.settings(), seeds=list(SEEDS), training=training)
    }


def test_the_result_fits_the_schema(evaluated):
    schema = yaml.safe_load(evaluations.SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    kept, *_ = storage_evaluations.split(evaluated)
    check(kept, "evaluation.json")
    check(json.loads(json.dumps(kept, allow_nan=False)), "evaluation.json")


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
    counts = {name: value[0].numel() for name, value in stack.items()}
    assert evaluated["parameters"] == sum(counts.values())
    assert evaluated["parameters_without_positions"] == sum(counts.values()) - CELL.block * CELL.size.width


def test_the_items_add_up_to_the_final_scores(evaluated):
    for run in evaluated["runs"]:
        items = run["items"]
        assert len(items) == 200 + 2 * 3
        for name, chosen in {
            "seen": [item for item in items if item["task"] == "arithmetic" and item["split"] == "seen"],
            "held_out": [item for item in items if item["split"] == "held_out"],
            "addition_1000": [item for item in items if item["operation"] == "addition"],
            "facts_matched_prompts": [item for item in items if item["prompts"] == "matched"],
        }.items():
            score = run["final"]["scores"][name]
            assert (score["correct"], score["total"]) == (sum(item["right"] for item in chosen), len(chosen))


def test_items_say_what_each_network_answered(evaluated, lines, stack):
    examination = Examination(lines, corpus.vocabulary(lines), CELL.block)
    for number, run in enumerate(evaluated["runs"]):
        alone = {name: value[number : number + 1] for name, value in stack.items()}
        answers = examination.ask(alone, CELL.size.heads)
        assert [item["answer"] for item in run["items"]] == answers.continuations[0]
        assert [item["right"] for item in run["items"]] == answers.right[0].tolist()
    first, second = ([item["answer"] for item in run["items"]] for run in evaluated["runs"])
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
        items = run["items"]
        for split, found in run["bits"]["arithmetic"].items():
            chosen = [item for item in items if item["task"] == "arithmetic" and item["split"] == split]
            length = -sum(item["log_probability"] for item in chosen) / math.log(2)
            assert found["code_length"] == pytest.approx(length, rel=1e-5)
            assert 0 <= found["explained"] < found["baseline"]
        for prompts in ("paper", "matched"):
            chosen = [item for item in items if item["task"] == "facts" and item["prompts"] == prompts]
            lengths = [-item["log_probability"] / math.log(2) for item in chosen]
            found = run["bits"]["facts"][f"{prompts}_prompts"]
            assert found["code_length"] == pytest.approx(sum(lengths), rel=1e-5)
            saved = sum(max(0.0, math.log2(3) - length) for length in lengths)
            assert found["memorized"]["list"] == pytest.approx(saved)
    first, second = (run["bits"]["facts"]["paper_prompts"] for run in evaluated["runs"])
    assert first["key_specific"] != second["key_specific"]


def test_key_specific_bits_compare_questions_of_one_kind_of_prompt(evaluated, lines, stack):
    vocabulary = corpus.vocabulary(lines)
    examination = Examination(lines, vocabulary, CELL.block)
    numbers, candidates = candidates_by_task(examination.items, vocabulary, CELL.block)["facts"]
    table = candidates.log_probabilities(stack, CELL.size.heads).numpy()
    kinds = [examination.items[number].prompts for number in numbers]
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
    parameters = transformer.initialise(cell.size, len(vocabulary), cell.block, [initialisation_generator(0)])
    history = make_history(Examination(lines, vocabulary, cell.block).totals(), 2, seeds=(0,))
    found = endpoints.evaluate(cell, lines, (0,), parameters, history_table(history), (None,))
    known = found["runs"][0]["bits"]
    assert known[without] is None
    assert known[task] is not None
    assert known["order"] is None
    assert found["loss_floors"]["order_known"] is None
    assert found["loss_floors"]["order_unknown"] > 0
    check(storage_evaluations.split(found)[0] | {"provenance": evaluated_provenance(cell)}, "evaluation.json")


def evaluated_provenance(cell):
    training = provenance.record("train", cell.settings(), cell=cell.name, seeds=[0])
    return provenance.record("evaluate", cell.settings(), seeds=[0], training=training)


def test_the_final_endpoint_is_the_last_evaluation(evaluated):
    for run in evaluated["runs"]:
        final = run["final"]
        assert (final["first_iteration"], final["last_iteration"], final["evaluations"]) == (600, 600, 1)
        assert final["stream_loss"] == 3.0


@pytest.mark.parametrize(
    ("evaluations", "averaged"), [(121, 20), (500, 20), (6001, 20), (61, 10), (13, 2), (11, 2), (4, 1), (2, 1), (1, 1)]
)
def test_the_time_average_takes_20_evaluations_or_their_share_of_a_shorter_run(evaluations, averaged):
    assert averaged_evaluations(evaluations) == averaged


def test_the_time_average_is_over_the_last_evaluations(lines, stack, totals):
    history = history_table(make_history(totals, 121))
    for run in endpoints.evaluate(CELL, lines, SEEDS, stack, history, (None, None))["runs"]:
        average = run["time_average"]
        assert (average["first_iteration"], average["last_iteration"]) == (200 * 101, 200 * 120)
        assert average["evaluations"] == 20
        assert average["stream_loss"] == pytest.approx(sum(range(101, 121)) / 20)
        assert average["scores"]["seen"] == {
            "correct": sum(range(101, 121)),
            "total": 20 * 196,
            "fraction": sum(range(101, 121)) / (20 * 196),
        }
        assert average["scores"]["held_out"] == {"correct": 80, "total": 80, "fraction": 1.0}


def test_the_paper_s_rule_takes_the_earliest_of_the_best():
    right = [0.1, 0.7, 0.4, 0.7, 0.69]
    history = [{"iteration": 250 * number, "combined_910": share} for number, share in enumerate(right)]
    assert paper_best(history) == {"iteration": 250, "combined_910": 0.7}
    assert paper_best(history[::-1]) == {"iteration": 250, "combined_910": 0.7}


def test_the_paper_s_checkpoint_is_chosen_for_each_seed_by_its_own_history(lines, stack, totals):
    rows = make_history(totals, 5)
    best = {0: 1, 7: 3}
    for row in rows:
        number = row["iteration"] // 200
        row["combined_910"] = (100 if number >= best[row["seed"]] else 50) / totals["combined_910"]
    for run in endpoints.evaluate(CELL, lines, SEEDS, stack, history_table(rows), (None, None))["runs"]:
        number, chosen = best[run["seed"]], run["paper_best"]
        assert (chosen["first_iteration"], chosen["last_iteration"]) == (200 * number, 200 * number)
        assert chosen["evaluations"] == 1
        assert chosen["stream_loss"] == number
        assert chosen["scores"]["combined_910"]["correct"] == 100
        assert chosen["scores"]["seen"]["correct"] == number
        assert run["final"]["last_iteration"] == 800


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_network_that_is_not_finite_has_diverged_and_can_still_be_written(
    tmp_path, evaluated, lines, stack, totals, value
):
    broken = {name: tensor.clone() for name, tensor in stack.items()}
    for tensor in broken.values():
        tensor[1] = value
    rows = make_history(totals, 4)
    for row in rows:
        if row["seed"] == 7 and row["iteration"] > 0:
            row["stream_loss"] = row["training_loss"] = value
    found = endpoints.evaluate(CELL, lines, SEEDS, broken, history_table(rows), (None, 400))
    write(tmp_path, found | {"provenance": evaluated["provenance"]})
    written = json_files.read_sealed_json(tmp_path / "evaluation.json")
    check(written, "evaluation.json")
    items = read_items(tmp_path / "items.parquet", CELL, SEEDS).to_pylist()
    whole, diverged = (
        run | {"items": [item for item in items if item["seed"] == run["seed"]]} for run in written["runs"]
    )
    assert (whole["diverged"], diverged["diverged"]) == (False, True)
    assert (whole["diverged_at"], diverged["diverged_at"]) == (None, 400)
    assert whole["final"] == evaluated["runs"][0]["final"]
    assert [item["answer"] for item in whole["items"]] == [item["answer"] for item in evaluated["runs"][0]["items"]]
    assert diverged["final"]["stream_loss"] is None
    assert {item["log_probability"] for item in diverged["items"]} == {None}
    assert {item["margin"] for item in diverged["items"]} == {None}
    assert whole["bits"] == evaluated["runs"][0]["bits"]
    assert diverged["bits"]["order"] is None
    assert diverged["bits"]["arithmetic"]["held_out"]["explained"] is None
    assert set(diverged["bits"]["facts"]["paper_prompts"]["memorized"].values()) == {None}
    assert diverged["bits"]["facts"]["matched_prompts"]["key_specific"] is None
    assert diverged["final"]["scores"]["seen"]["correct"] < 196 // 10


def test_weights_come_back_as_they_were_saved(tmp_path, stack):
    weights.save(tmp_path / "weights.safetensors", stack, CELL, SEEDS)
    loaded = weights.load(tmp_path / "weights.safetensors", CELL, SEEDS)
    assert set(loaded) == set(stack)
    for name, value in stack.items():
        assert torch.equal(loaded[name], value)


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "empty"])
def test_damaged_weights_are_refused_by_name(tmp_path, stack, damage):
    path = tmp_path / "weights.safetensors"
    weights.save(path, stack, CELL, SEEDS)
    whole = path.read_bytes()
    path.write_bytes({"truncated": whole[:-100], "overwritten": b"\xff" * len(whole), "empty": b""}[damage])
    with pytest.raises(ValueError, match=r"weights\.safetensors is not a whole safetensors file"):
        weights.load(path, CELL, SEEDS)


@pytest.mark.parametrize(
    ("cell", "seeds"),
    [(make_cell("joint", Size(1, 1, 8, 1), facts=4, iterations=600), SEEDS), (CELL, (0,)), (CELL, (0, 8))],
)
def test_weights_of_other_runs_are_refused_by_name(tmp_path, stack, cell, seeds):
    weights.save(tmp_path / "weights.safetensors", stack, CELL, SEEDS)
    with pytest.raises(ValueError, match=r"weights\.safetensors holds .*facts-3.*, not "):
        weights.load(tmp_path / "weights.safetensors", cell, seeds)


def test_weights_that_do_not_say_whose_they_are_are_refused(tmp_path, stack):
    save_file(stack, tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match=r"weights\.safetensors does not say which runs it holds"):
        weights.load(tmp_path / "weights.safetensors", CELL, SEEDS)


DELETED = Ellipsis  # one that tests name alike in every process
VIOLATIONS = [
    ((), "extra", 1),
    (("cell",), None, "task=facts"),
    (("parameters",), None, 0),
    (("parameters",), None, 10.5),
    (("provenance",), "settings", DELETED),
    (("provenance",), "training", DELETED),
    (("runs",), None, []),
    (("runs", 0), "seed", -1),
    (("runs", 0), "diverged", "no"),
    (("runs", 0), "time_average", DELETED),
    (("runs", 0), "note", "extra"),
    (("runs", 1, "final"), "evaluations", 0),
    (("runs", 1, "final"), "stream_loss", -0.5),
    (("runs", 1, "final"), "stream_loss", "low"),
    (("runs", 1, "final"), "scores", {}),
    (("runs", 1, "final", "scores"), "overall", {"correct": 1, "total": 1, "fraction": 1.0}),
    (("runs", 0, "paper_best", "scores", "seen"), "fraction", 1.01),
    (("runs", 0, "paper_best", "scores", "seen"), "correct", -1),
    (("runs", 0, "paper_best", "scores", "seen"), "total", DELETED),
    (("stream_characters",), None, 0),
    (("loss_floors",), "order_known", -0.5),
    (("loss_floors",), "order_unknown", DELETED),
    (("runs", 0), "bits", DELETED),
    (("runs", 0, "bits"), "words", 1.0),
    (("runs", 0, "bits"), "order", "many"),
    (("runs", 0, "bits", "arithmetic"), "held_out", DELETED),
    (("runs", 0, "bits", "arithmetic", "seen"), "explained", -1.0),
    (("runs", 0, "bits", "arithmetic", "seen"), "baseline", None),
    (("runs", 0, "bits", "facts"), "paper_prompts", None),
    (("runs", 0, "bits", "facts", "paper_prompts"), "code_length", -1.0),
    (("runs", 0, "bits", "facts", "paper_prompts", "memorized"), "unigram", DELETED),
    (("runs", 0, "bits", "facts", "paper_prompts", "memorized"), "uniform", -1.0),
    (("operand_baselines",), "zero", DELETED),
    (("operand_baselines", "constant", "digits"), "answer", "0"),
    (("runs", 0), "operands", DELETED),
    (("runs", 0, "operands"), "note", "extra"),
    (("runs", 0, "operands"), "trained_offset", {}),
    (("runs", 0, "operands", "paper_prompts"), "overall", {"correct": 1, "total": 1, "fraction": 1.0}),
    (("runs", 0, "operands", "paper_prompts", "beyond_digits"), "fraction", 1.01),
]


@pytest.mark.parametrize(("path", "key", "value"), VIOLATIONS)
def test_what_does_not_fit_the_schema_is_refused_by_file_and_key(evaluated, path, key, value):
    broken = copy.deepcopy(storage_evaluations.split(evaluated)[0])
    *way, last = path if key is None else (*path, key)
    place = broken
    for step in way:
        place = place[step]
    if value is DELETED:
        del place[last]
    else:
        place[last] = value
    named = str(way[-1] if isinstance(last, int) or (value is DELETED and way) else last)
    with pytest.raises(ValueError, match=rf"^results/evaluation\.json: \$.*{named}"):
        check(broken, "results/evaluation.json")


@pytest.mark.parametrize(
    ("column", "value"),
    [("task", "joint"), ("operation", "times"), ("split", "test"), ("prompts", "other"), ("right", None),
     ("prompt", ""), ("true", ""), ("true", None), ("answer", None), ("log_probability", 0.5), ("margin", "wide"),
     ("seed", 0.5)],
)  # fmt: skip
def test_answers_that_do_not_fit_are_refused_by_file_and_column(evaluated, column, value):
    items = storage_evaluations.split(evaluated)[1].to_pydict()
    items[column] = [value, *([str(each) for each in items[column][1:]] if value == "wide" else items[column][1:])]
    check_items(storage_evaluations.split(evaluated)[1], "results/items.parquet")
    with pytest.raises(InputError, match=rf"^results/items\.parquet.*'{column}'"):
        check_items(pa.table(items), "results/items.parquet")


@pytest.mark.parametrize(
    ("change", "said"),
    [({"items": []}, r"items\.parquet: seed 7 was asked nothing"), ({"seed": -1}, r"evaluation\.json: \$\.runs"),
     ({"operands": {"answers": {"twelve": "17"}}}, r"operands\.parquet: twelve is not a prompt")],
)  # fmt: skip
def test_an_evaluation_that_readers_would_refuse_is_not_written(tmp_path, evaluated, change, said):
    broken = copy.deepcopy(evaluated)
    if "operands" in change:
        change = {"operands": broken["runs"][1]["operands"] | change["operands"]}
    broken["runs"][1] |= change
    with pytest.raises(InputError, match=said):
        write(tmp_path, broken)
    assert list(tmp_path.iterdir()) == []


def shortened(value):
    """Nested lists and mappings with one score of each mapping of scores and one run of the list."""
    if isinstance(value, dict):
        is_scores = len(value) > 1 and all(isinstance(each, dict) and "total" in each for each in value.values())
        return {key: shortened(each) for key, each in list(value.items())[: 1 if is_scores else None]}
    return [shortened(value[0])] if isinstance(value, list) else value


def places(value):
    """Every mapping or list in nested ones with each of its keys."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(each, dict | list):
            yield from places(each)


def test_the_fast_validator_refuses_what_the_other_does(evaluated):
    """At every place of an evaluation one value after another is put, and what stands there is taken away."""
    whole = shortened(json.loads(json.dumps(storage_evaluations.split(evaluated)[0] | {"provenance": {}})))
    whole["provenance"] = {name: {} for name in evaluated["provenance"]}
    slow = jsonschema.Draft202012Validator(yaml.safe_load(evaluations.SCHEMA.read_text(encoding="utf-8")))
    verdicts = []
    for place, key in list(places(whole)):
        kept = copy.copy(place)
        for value in (DELETED, None, True, -1, 0.5, 2.0, "", [], {}):
            if value is DELETED:
                del place[key]
            else:
                place[key] = value
            try:
                check(whole, "evaluation.json")
                verdicts.append(True)
            except InputError:
                verdicts.append(False)
            assert verdicts[-1] == slow.is_valid(whole), (key, value)
            place.clear()
            place.extend(kept) if isinstance(place, list) else place.update(kept)
    assert len(verdicts) > 500
    assert {True, False} == set(verdicts)


@pytest.fixture
def job(tmp_path, lines, stack, totals, monkeypatch):
    """A folder with what the stage reads, and the command line that names it."""
    parquet.write_parquet(tmp_path / "corpus.parquet", corpus.to_table(lines), {})
    record = provenance.record(
        "train", CELL.settings(), cell=CELL.name, seeds=list(SEEDS), diverged_at=[None, None]
    )
    parquet.write_parquet(tmp_path / "history.parquet", history_table(make_history(totals, 4)), record)
    weights.save(tmp_path / "weights.safetensors", stack, CELL, SEEDS)
    arguments = ["evaluate", CELL.name, "--seeds", "0_7", "--device", "cpu", "--output", str(tmp_path)]
    for name in ("corpus.parquet", "history.parquet", "weights.safetensors"):
        arguments += [f"--{name.split('.')[0]}", f"{tmp_path}/{name}"]
    monkeypatch.setattr("sys.argv", arguments)
    return tmp_path


def test_the_stage_writes_what_was_evaluated_and_how_it_was_trained(job, evaluated):
    evaluate.main()
    written = json_files.read_sealed_json(job / "evaluation.json")
    kept, items, answers = storage_evaluations.split(evaluated)
    assert {key: written[key] for key in kept if key != "provenance"} == {
        key: value for key, value in kept.items() if key != "provenance"
    }
    assert read_items(job / "items.parquet", CELL, SEEDS).to_pylist() == items.to_pylist()
    assert parquet.read_parquet(job / "operands.parquet").to_pylist() == answers.to_pylist()
    assert written["provenance"]["training"]["stage"] == "train"
    assert written["provenance"]["settings"] == CELL.settings()
    assert written["provenance"]["seeds"] == [0, 7]


def test_the_stage_writes_the_same_bytes_again(job):
    evaluate.main()
    names = ("evaluation.json", "items.parquet", "operands.parquet")
    first = [(job / name).read_bytes() for name in names]
    evaluate.main()
    assert [(job / name).read_bytes() for name in names] == first


@pytest.mark.parametrize("name", ["corpus.parquet", "history.parquet", "weights.safetensors"])
def test_the_stage_refuses_a_damaged_file_by_name_and_writes_nothing(job, name):
    (job / name).write_bytes((job / name).read_bytes()[:-50])
    with pytest.raises(ValueError, match=name):
        evaluate.main()
    assert not (job / "evaluation.json").exists()
