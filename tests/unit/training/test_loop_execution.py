"""Training with each choice of :mod:`capacity.training.execution`."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from capacity import environment
from capacity.corpora import corpus
from capacity.training.execution import Execution
from capacity.training.path import training_of
from capacity.training.torch_training import TorchTraining
from tests.support.repository import SOURCE
from tests.support.short_cells import DEEP, short_cell


@pytest.mark.parametrize("seeds", [[4], [4, 9]], ids=["by prefixes", "by rows"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_bfloat16_trains_with_nearly_the_same_losses_and_keeps_weights_in_float32(dropout, seeds):
    """By torch itself, whatever this processor has: without instructions for it the same takes longer."""
    cell = short_cell(DEEP, iterations=20, learning_rate=1e-2, dropout=dropout)
    lines = corpus.build(cell)
    whole = TorchTraining(cell, lines, seeds, "cpu")
    half = TorchTraining(cell, lines, seeds, "cpu", Execution(precision="bfloat16"))
    pairs = []
    for iteration in range(20):
        whole.update(iteration)
        half.update(iteration)
        pairs.append((whole.losses(), half.losses()))
    for expected, found in pairs:
        assert found.dtype == numpy.float32
        numpy.testing.assert_allclose(found, expected, rtol=0.02, atol=0)
    assert any(not numpy.array_equal(expected, found) for expected, found in pairs)
    assert bool((pairs[-1][1] < pairs[0][1] - (0.1 if dropout else 0.2)).all())
    assert {value.dtype for value in half.parameters().values()} == {numpy.dtype("float32")}
    measures = half.measure()
    assert all(set(digits) <= set("01") for digits in measures.pop("questions_right"))
    for name, value in measures.items():
        assert all(math.isfinite(each) for each in value), name


def output_of(program: str, python: str | Path = sys.executable, **settings: str) -> str:
    """What a program prints in a process of its own with further settings in its environment; one that fails shows its
    errors."""
    variables = os.environ | {"PYTHONPATH": str(SOURCE)} | settings
    return subprocess.run([python, "-c", program], env=variables, stdout=subprocess.PIPE, text=True, check=True).stdout


def test_compiled_updates_are_the_plain_ones_and_what_is_compiled_stays_in_the_folder_that_is_given(tmp_path):
    """In a process of its own, where nothing was compiled before. Of a batch so large that all four lines are in it
    every time: one shape, so one compilation. The settings are those that the rules export. torch's compiler does not
    quote the path of torch, so a Python in a folder with a space is started through a link."""
    program = """
import numpy, torch, torch._inductor.config
from capacity.corpora import corpus
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import Size
from capacity.training.execution import Execution
from capacity.training.torch_training import TorchTraining
torch._inductor.config.cpp.simdlen = 1  # without vectors, which compiles in two thirds of the time
cell = make_cell("facts", Size(1, 1, 8, 1), facts=4, stream="aligned", batch=200, iterations=5)
lines = corpus.build(cell)
plain, compiled = (TorchTraining(cell, lines, [5], "cpu", Execution(compile=each)) for each in (False, True))
for iteration in range(5):
    plain.update(iteration)
    compiled.update(iteration)
    numpy.testing.assert_allclose(compiled.losses(), plain.losses(), rtol=0, atol=5e-6)
assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
for name, value in plain.parameters().items():
    numpy.testing.assert_allclose(compiled.parameters()[name], value, rtol=0, atol=1e-4)
"""
    cache, shared = tmp_path / "cache", tmp_path / "temporary"
    shared.mkdir()
    settings = {"TORCHINDUCTOR_CACHE_DIR": str(cache), "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0"}
    python = Path("/") / environment.unquoted_python(tmp_path, start=Path("/"))
    output_of(program, python, TMPDIR=str(shared), **settings)
    assert list(cache.rglob("*.so"))
    assert list(shared.rglob("*")) == []


def test_training_refuses_an_execution_that_cannot_be_had(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    cell = short_cell()
    with pytest.raises(ValueError, match=r"compile: true needs a C\+\+ compiler"):
        training_of(cell, corpus.build(cell), [1], "cpu", Execution(compile=True))


def modules_loaded_by(kernel: str, modules: set[str]) -> set[str]:
    """Which of some modules a process loads that trains a network."""
    program = f"""
import sys
from capacity.corpora import corpus
from capacity.experiment.cell import make_cell
from capacity.paper.protocol import Size
from capacity.training import loop
from capacity.training.execution import Execution
cell = make_cell("facts", Size(1, 1, 4, 1), facts=2, iterations=1, batch=2)
loop.train(cell, corpus.build(cell), [1], "cpu", lambda done, losses: None, Execution(kernel={kernel!r}))
print(*({modules!r} & set(sys.modules)))
"""
    return set(output_of(program).split())


def test_torch_trains_without_loading_its_compiler():
    """Which takes as long as the rest of its start."""
    assert modules_loaded_by("torch", {"torch", "torch._dynamo", "torch._inductor"}) == {"torch"}


def test_the_compiled_network_trains_without_loading_torch():
    """Which takes longer than a small network to train."""
    assert modules_loaded_by("auto", {"torch", "numba"}) == {"numba"}
