from __future__ import annotations

import json
import os
import struct
import tracemalloc

import numpy
import pytest
from safetensors.numpy import save_file

from capacity.errors import InputError
from capacity.experiment.cell import make_cell
from capacity.experiment.seeds import runs_name
from capacity.model import weights
from tests.support.untrained_results import (
    CELL,
    REMEDY,
    SEEDS,
    diverged_stack,
    parameters_as_bytes,
    stack_of,
)


def forged(path, header, size=64):
    """A safetensors file that claims what is in a header, whatever it holds; ``size`` bytes, which a disk need not
    have."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + size)


HUGE = 2**36  # 64 GiB
TENSOR = {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}
FORGED = {
    "header longer than the file": lambda path: path.write_bytes(struct.pack("<Q", 2**40) + b"{}"),
    "header of the largest length": lambda path: path.write_bytes(struct.pack("<Q", 2**64 - 1) + b"{}"),
    "header that is no JSON": lambda path: forged(path, b"\x80\x04\x95" + b"x" * 20),
    "header nested deeply": lambda path: forged(path, b"[" * 100_000),
    "tensor larger than the file": lambda path: forged(path, {"x": TENSOR | {"data_offsets": [0, HUGE]}}),
    "tensor of more than all memory": lambda path: forged(path, {"x": TENSOR | {"shape": [2**40, 2**40]}}),
    "tensors that overlap": lambda path: forged(path, {"x": TENSOR, "y": TENSOR}),
    "offsets that go backwards": lambda path: forged(path, {"x": TENSOR | {"data_offsets": [64, 0]}}),
    "type of objects": lambda path: forged(path, {"x": TENSOR | {"dtype": "OBJECT"}}),
    "pickle": lambda path: path.write_bytes(b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94."),
    "zip of torch.save": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(100)),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_weights_of_a_stranger_are_refused_before_they_cost_memory(tmp_path, name):
    path = tmp_path / "weights.safetensors"
    FORGED[name](path)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"weights\.safetensors"):
        weights.load(path, CELL, SEEDS)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


@pytest.mark.parametrize("size", [2**21, HUGE])
def test_a_whole_file_that_is_larger_than_its_cell_is_refused_before_it_is_opened(tmp_path, size):
    """The file is a hole on the disk, and the larger one would not fit memory."""
    path = tmp_path / "weights.safetensors"
    about = json.dumps({"runs": runs_name(CELL, SEEDS)})
    tensor = {"dtype": "F32", "shape": [2, size // 8], "data_offsets": [0, size]}
    forged(path, {"__metadata__": {"about": about}, "token_embedding": tensor}, size)
    with pytest.raises(InputError, match=rf"weights\.safetensors has {path.stat().st_size} bytes, too many for"):
        weights.load(path, CELL, SEEDS)


@pytest.mark.parametrize("change", ["missing", "extra", "shape", "type"])
def test_whole_weights_that_do_not_fit_the_cell_are_refused_by_tensor(tmp_path, change):
    path = tmp_path / "weights.safetensors"
    stack = diverged_stack()
    if change == "missing":
        del stack["final_norm"]
    elif change == "extra":
        stack["other"] = numpy.zeros((2, 1), numpy.float32)
    elif change == "shape":
        stack["final_norm"] = numpy.ones((2, 3), numpy.float32)
    else:
        stack["final_norm"] = stack["final_norm"].astype(numpy.float64)
    weights.save(path, stack, CELL, SEEDS)
    words = {"missing": "no tensor 'final_norm'", "extra": "a tensor 'other'", "shape": r"\[2, 3\]", "type": "F64"}
    with pytest.raises(InputError, match=rf"weights\.safetensors.*{words[change]}.*{REMEDY}"):
        weights.load(path, CELL, SEEDS)


@pytest.mark.parametrize("about", ["{}", "[]", "text", '{"runs": null}', "[" * 100_000, "9" * 5000])
def test_weights_that_do_not_say_whose_they_are_are_refused(tmp_path, about):
    save_file(diverged_stack(), tmp_path / "weights.safetensors", metadata={"about": about})
    with pytest.raises(InputError, match=r"weights\.safetensors"):
        weights.load(tmp_path / "weights.safetensors", CELL, SEEDS)


@pytest.mark.parametrize("what", ["pipe", "device"])
def test_weights_that_are_no_file_are_not_waited_for(tmp_path, what):
    path = tmp_path / "weights.safetensors"
    if what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(InputError, match=f"{path.name} is a {what}"):
        weights.load(path, CELL, SEEDS)


def test_weights_are_the_same_bytes_every_time_and_come_back_with_what_is_not_finite(tmp_path):
    stack = diverged_stack()
    for name in ("a", "b"):
        weights.save(tmp_path / name, stack, CELL, SEEDS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert parameters_as_bytes(weights.load(tmp_path / "a", CELL, SEEDS)) == parameters_as_bytes(stack)


STACK = stack_of(CELL, SEEDS)


def test_weights_come_back_as_they_were_saved(tmp_path):
    weights.save(tmp_path / "weights.safetensors", STACK, CELL, SEEDS)
    loaded = weights.load(tmp_path / "weights.safetensors", CELL, SEEDS)
    assert set(loaded) == set(STACK)
    for name, value in STACK.items():
        assert numpy.array_equal(loaded[name], value)


def test_weights_that_lie_transposed_in_memory_come_back_as_they_are(tmp_path):
    transposed = {name: numpy.asarray(value, order="F") for name, value in STACK.items()}
    assert not all(value.flags.c_contiguous for value in transposed.values())
    weights.save(tmp_path / "weights.safetensors", transposed, CELL, SEEDS)
    assert parameters_as_bytes(weights.load(tmp_path / "weights.safetensors", CELL, SEEDS)) == parameters_as_bytes(
        STACK
    )


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "empty"])
def test_damaged_weights_are_refused_by_name(tmp_path, damage):
    path = tmp_path / "weights.safetensors"
    weights.save(path, STACK, CELL, SEEDS)
    whole = path.read_bytes()
    path.write_bytes({"truncated": whole[:-100], "overwritten": b"\xff" * len(whole), "empty": b""}[damage])
    with pytest.raises(ValueError, match=r"weights\.safetensors is not a whole safetensors file"):
        weights.load(path, CELL, SEEDS)


@pytest.mark.parametrize(
    ("cell", "seeds"),
    [
        (make_cell("facts", CELL.size, facts=4, block=9, iterations=600, evaluation_interval=200), SEEDS),
        (CELL, (0,)),
        (CELL, (0, 8)),
    ],
)
def test_weights_of_other_runs_are_refused_by_name(tmp_path, cell, seeds):
    weights.save(tmp_path / "weights.safetensors", STACK, CELL, SEEDS)
    with pytest.raises(ValueError, match=r"weights\.safetensors holds .*facts-3.*, not "):
        weights.load(tmp_path / "weights.safetensors", cell, seeds)
