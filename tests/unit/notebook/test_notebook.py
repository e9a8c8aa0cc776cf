"""Networks and tables as a notebook or the command ``ask`` loads them, from a folder with results in it."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys

import numpy
import pandas as pd
import pytest
import torch

import capacity
from capacity.errors import InputError
from capacity.experiment.cell import make_cell
from capacity.model import transformer, weights
from capacity.paper.protocol import Size
from capacity.storage import json_files
from tests.support import whole_results
from tests.support.commands import run_command
from tests.support.repository import REPOSITORY, SOURCE
from tests.support.untrained_results import parameters_as_bytes

VARIANT = "variant=batch-8_evaluation_interval-2_iterations-6"
NEEDED = ("corpus", "train", "evaluate", "plan", "tabulate", "histories")
ARITHMETIC, FACTS = (f"task={task}/size=n14/{VARIANT}" for task in ("arithmetic", "facts"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Networks of a few updates, and the tables of their studies."""
    made = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        config = whole_results.configure()
        json_files.write_sealed_json("results/configuration.json", config)
        for stage in whole_results.stages(config):
            if stage.command in NEEDED:
                stage.run()
    return made


@pytest.fixture
def results(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder / "results"


def stack_of(results, cell, seeds=(0, 1)):
    return weights.load(results / f"cells/{cell}/seeds=0-1/weights.safetensors", capacity.load(cell, 0).cell, seeds)


def test_a_network_is_loaded_by_cell_and_seed(results):
    network = capacity.load(ARITHMETIC, 1)
    expected = {name: value[1] for name, value in stack_of(results, ARITHMETIC).items()}
    assert parameters_as_bytes(network.parameters) == parameters_as_bytes(expected)
    assert network.parameter_count == 1582
    assert repr(network) == f"<{ARITHMETIC}, seed 1: 1,582 parameters>"


def test_a_file_of_weights_alone_says_what_it_holds(results, tmp_path):
    path = tmp_path / "some.safetensors"
    path.write_bytes((results / f"cells/{FACTS}/seeds=0-1/weights.safetensors").read_bytes())
    network, beside = capacity.load(path, 1), capacity.load(FACTS, 1)
    assert (network.cell, network.block, network.characters) == (beside.cell, 24, beside.characters)
    assert parameters_as_bytes(network.parameters) == parameters_as_bytes(beside.parameters)


@pytest.mark.parametrize(("cell", "text"), [(ARITHMETIC, "<5+7="), (FACTS, "Capital of France is ")])
def test_logits_are_those_of_the_transformer_that_was_trained(results, cell, text):
    network = capacity.load(cell, 0)
    tokens = torch.tensor([[[network.characters.index(character) for character in text]]])
    stack = {name: torch.tensor(value[None]) for name, value in network.parameters.items()}
    expected = transformer.forward(stack, tokens, heads=1)[0].T.numpy()
    assert network.logits(text) == pytest.approx(expected, abs=1e-5)
    assert network.logits(text).dtype == numpy.float32
    assert network.attention(text).shape == (1, 1, len(text), len(text))


@pytest.mark.parametrize("cell", [ARITHMETIC, FACTS])
def test_answers_are_those_of_the_evaluation(results, cell):
    network = capacity.load(cell, 1)
    answers = pd.read_parquet(results / f"cells/{cell}/seeds=0-1/answers.parquet")
    for row in answers[answers["seed"] == 1].itertuples():
        answer = network.ask(row.prompt, most_characters=len(row.answer))
        assert (answer.text, answer.right_answer, answer.split) == (row.answer, row.true, row.split)
        assert answer.right == row.right


def test_a_step_goes_on_with_the_likeliest_character(results):
    answer = capacity.load(FACTS, 0).ask("Capital of Spain is ", most_characters=3)
    assert str(answer) == answer.text == "".join(step.character for step in answer.steps)
    for step in answer.steps:
        assert sum(step.probabilities.values()) == pytest.approx(1)
        assert list(step.probabilities.values()) == sorted(step.probabilities.values(), reverse=True)
        assert step.character == next(iter(step.probabilities))


def test_a_continuation_ends_with_its_line():
    """A network whose every weight is zero but for the norm says the first character of its vocabulary, a newline."""
    cell = make_cell("arithmetic", Size(1, 1, 2, 1))
    shapes = {name: value.shape for name, value in _zeros(cell).items()}
    assert shapes["token_embedding"] == (17, 2)
    network = capacity.notebook.network.Network(cell, 0, _zeros(cell))
    assert network.ask("<1+1=").text == "\n"


def _zeros(cell):
    from capacity.model.initialization import shapes

    return {name: numpy.zeros(shape, numpy.float32) for name, shape in shapes(cell.size, 17, cell.block).items()}


def test_what_no_line_asks_has_no_right_answer(results):
    answer = capacity.load(ARITHMETIC, 0).ask("<55+7=", most_characters=1)
    assert (answer.right_answer, answer.split, answer.right) == (None, None, None)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: capacity.load(ARITHMETIC, 0).ask("<5*7="), r"the prompt '<5\*7=' has the character '*'"),
        (lambda: capacity.load(ARITHMETIC, 0).ask("<5\u202e7="), r"has the character '\\u202e'"),
        (lambda: capacity.load(ARITHMETIC, 0).ask(""), "the prompt is empty"),
        (lambda: capacity.load(ARITHMETIC, 0).logits("<5+7=12>\n<"), "has 10 characters, .* reads at most 9 at a time"),
        (lambda: capacity.load(ARITHMETIC, 7), f"has no seed 7 of {ARITHMETIC}; it has the seeds 0-1"),
        (
            lambda: capacity.load("task=facts/size=n28/variant=paper", 0),
            f"has no trained network .*; it has {ARITHMETIC}",
        ),
        (lambda: capacity.load("n14", 0), "cell 'n14' is not of the form"),
        (lambda: capacity.load(ARITHMETIC, 0, "elsewhere"), "elsewhere/cells has .* no trained networks at all"),
        (lambda: capacity.runs("elsewhere"), "elsewhere/cells has no evaluated runs"),
        (lambda: capacity.history("elsewhere"), "elsewhere/cells has no evaluated runs"),
    ],
)
def test_what_cannot_be_loaded_or_asked_is_said_in_a_sentence(results, ask, message):
    with pytest.raises(InputError, match=message) as caught:
        ask()
    assert "\n" not in str(caught.value)


def test_weights_of_another_version_are_refused_by_name(results, tmp_path):
    cell = capacity.load(ARITHMETIC, 0).cell
    job = tmp_path / f"cells/{ARITHMETIC}/seeds=0"
    other = {name: value[:1] for name, value in stack_of(results, ARITHMETIC).items()}
    other["attention"] = other.pop("blocks.0.attention_in")
    weights.save(job / "weights.safetensors", other, cell, [0])
    json_files.write_json(job / "run.json", {})
    with pytest.raises(InputError, match=r"weights.safetensors has a tensor 'attention' that the cell has not"):
        capacity.load(ARITHMETIC, 0, tmp_path)


def test_a_file_that_is_no_weights_is_refused_by_name(tmp_path):
    path = tmp_path / "some.safetensors"
    path.write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"some\.safetensors is not a whole safetensors file"):
        capacity.load(path, 0)


def test_all_runs_are_one_frame_whichever_study_has_them(results):
    runs = capacity.runs()
    tables = [pd.read_parquet(path) for path in sorted(results.glob("tables/*/runs.parquet"))]
    assert set(zip(runs["cell"], runs["seed"], strict=True)) == {
        key for table in tables for key in zip(table["cell"], table["seed"], strict=True)
    }
    assert len(runs) == 6
    of_base = runs[runs["variant"] == VARIANT.partition("=")[2]].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_base, next(table for table in tables if len(table) == 4), check_dtype=False)


def test_all_histories_are_one_frame(results):
    history = capacity.history()
    assert len(history) == 6 * 4
    assert sorted(history["iteration"].unique()) == [0, 2, 4, 6]
    assert history.loc[history["task"] == "facts", "held_out"].isna().all()


def test_the_command_says_what_the_network_says(results, capsys):
    answer = capacity.load(ARITHMETIC, 1).ask("<5+7=")
    run_command("ask", ARITHMETIC, "--seed", "1", "<5+7=")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{ARITHMETIC}, seed 1: 1,582 parameters"
    assert lines[2] == f"This is {'right' if answer.right else 'wrong'}: the right answer is 12, held out."
    assert len(lines) == 4 + len(answer.steps)
    for line, step in zip(lines[4:], answer.steps, strict=True):
        assert line[6:].startswith(repr(step.character))


def test_the_command_refuses_a_strange_character_in_a_line(results):
    with pytest.raises(SystemExit) as left:
        run_command("ask", ARITHMETIC, "--seed", "1", "Capital")
    assert left.value.code.startswith(
        "error: the prompt 'Capital' has the character 'C', which arithmetic does not have"
    )


def test_importing_the_package_loads_nothing_and_a_network_needs_no_torch(results):
    code = f"""
import sys, capacity
light = {{"numpy", "pandas", "torch", "pyarrow"}}.isdisjoint(sys.modules)
capacity.load({ARITHMETIC!r}, 0).ask("<5+7=")
print(light, "torch" in sys.modules, {{"load", "runs", "history"}} <= set(dir(capacity)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "False", "True"]


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError, match="module 'capacity' has no attribute 'lode'"):
        _ = capacity.lode


def test_the_examples_of_the_page_on_notebooks_run(results, monkeypatch, tmp_path):
    """In their order, as the cells of a notebook, with the networks and the study that are here."""
    text = (REPOSITORY / "docs/notebooks.md").read_text(encoding="utf-8")
    cells = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(cells) > 3
    names: dict[str, object] = {}
    for number, code in enumerate(cells):
        here = code.replace("variant=paper", VARIANT).replace("size=n56", "size=n14").replace("seed=3", "seed=1")
        cell = tmp_path / f"{number}.py"
        cell.write_text(here, encoding="utf-8")
        names = runpy.run_path(str(cell), init_globals=names)
    shown = names["held_out"]
    assert len(shown) == 2
