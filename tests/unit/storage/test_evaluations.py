from __future__ import annotations

import copy
import json

import jsonschema
import pyarrow as pa
import pytest

from capacity.errors import InputError
from capacity.storage import evaluations
from capacity.storage.evaluations import check, check_answers, read_mechanism, write
from tests.support.random_evaluations import CELL, SEEDS, random_mechanism


def test_the_result_fits_the_schema(evaluated):
    jsonschema.Draft202012Validator.check_schema(evaluations.schema())
    kept, *_ = evaluations.split(evaluated)
    check(kept, "evaluation.json")
    check(json.loads(json.dumps(kept, allow_nan=False)), "evaluation.json")


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
    (("runs", 0, "operands", "trained_offset"), "one_beyond_digits", DELETED),
    (("runs", 0, "operands", "paper_prompts"), "beyond_digits_addition", DELETED),
    (("operand_baselines", "nearest_seen"), "beyond_digits", DELETED),
    (("provenance",), "training", []),
    (("provenance", "training"), "kernel", DELETED),
    (("provenance", "training"), "seeds", "3-4"),
    (("provenance", "training"), "diverged_at", {}),
    (("runs", 0, "operands", "paper_prompts"), "overall", {"correct": 1, "total": 1, "fraction": 1.0}),
    (("runs", 0, "operands", "paper_prompts", "beyond_digits"), "fraction", 1.01),
]


@pytest.mark.parametrize(("path", "key", "value"), VIOLATIONS)
def test_what_does_not_fit_the_schema_is_refused_by_file_and_key(evaluated, path, key, value):
    broken = copy.deepcopy(evaluations.split(evaluated)[0])
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
    [("question_task", "joint"), ("operation", "times"), ("split", "test"), ("prompts", "other"), ("right", None),
     ("prompt", ""), ("true", ""), ("true", None), ("answer", None), ("log_probability", 0.5), ("margin", "wide"),
     ("seed", 0.5)],
)  # fmt: skip
def test_answers_that_do_not_fit_are_refused_by_file_and_column(evaluated, column, value):
    answers = evaluations.split(evaluated)[1].to_pydict()
    answers[column] = [
        value,
        *([str(each) for each in answers[column][1:]] if value == "wide" else answers[column][1:]),
    ]
    check_answers(evaluations.split(evaluated)[1], "results/answers.parquet")
    with pytest.raises(InputError, match=rf"^results/answers\.parquet.*'{column}'"):
        check_answers(pa.table(answers), "results/answers.parquet")


@pytest.mark.parametrize(
    ("change", "said"),
    [({"answers": []}, r"answers\.parquet: seed 7 has no answers"), ({"seed": -1}, r"evaluation\.json: \$\.runs"),
     ({"operands": {"answers": {"twelve": "17"}}}, r"operands\.parquet: twelve is not a prompt")],
)  # fmt: skip
def test_an_evaluation_that_readers_would_refuse_is_not_written(tmp_path, evaluated, change, said):
    broken = copy.deepcopy(evaluated)
    if "operands" in change:
        change = {"operands": broken["runs"][1]["operands"] | change["operands"]}
    broken["runs"][1] |= change
    with pytest.raises(InputError, match=said):
        write(tmp_path, broken, random_mechanism())
    assert list(tmp_path.iterdir()) == []


def test_what_the_weights_say_is_read_as_it_was_written_and_of_its_own_job_alone(tmp_path, evaluated):
    write(tmp_path, evaluated, random_mechanism())
    path = tmp_path / "mechanism.parquet"
    rows = read_mechanism(path, CELL.name, SEEDS).to_pylist()
    assert rows == [{"seed": seed} | each for seed, each in zip(SEEDS, random_mechanism(), strict=True)]
    with pytest.raises(InputError, match=r"mechanism\.parquet has no rows of seed 3"):
        read_mechanism(path, CELL.name, [*SEEDS, 3])
    with pytest.raises(InputError, match=r"mechanism\.parquet is of task=joint.*, not of task=facts"):
        read_mechanism(path, "task=facts/size=n14/variant=paper", SEEDS)
    with pytest.raises(InputError, match=r"answers\.parquet has no column 'digit_component_share'"):
        read_mechanism(tmp_path / "answers.parquet", CELL.name, SEEDS)


def shortened(value):
    """Nested lists and mappings with one score of each mapping of scores and one run of the list."""
    if isinstance(value, dict):
        is_scores = len(value) > 1 and all(isinstance(each, dict) and "total" in each for each in value.values())
        is_scores &= "beyond_digits" not in value  # the schema asks for both groups of operands
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
    origin = evaluated["provenance"]
    whole = shortened(json.loads(json.dumps(evaluations.split(evaluated)[0] | {"provenance": {}})))
    training = shortened(json.loads(json.dumps(origin["training"])))
    whole["provenance"] = {name: {} for name in origin} | {"training": training}
    slow = jsonschema.Draft202012Validator(evaluations.schema())
    check(whole, "evaluation.json")
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
