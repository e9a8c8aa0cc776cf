"""Converted networks compute the same under nanoGPT's names, by a forward pass that is written here from formulas."""

from __future__ import annotations

import json
import math

import numpy
import pytest
from safetensors import safe_open

from capacity.corpora import corpus
from capacity.experiment.cell import make_cell
from capacity.model import initialization, nanogpt, weights
from capacity.model.one_network import forward
from capacity.paper.protocol import Size
from tests.support.commands import run_command

SIZES = {"one layer": Size(1, 1, 14, 1), "several layers, heads and a wide MLP": Size(3, 2, 8, 4)}


def layer_norm(vector, weight):
    mean = sum(vector) / len(vector)
    variance = sum((value - mean) ** 2 for value in vector) / len(vector)
    return numpy.array([(value - mean) / math.sqrt(variance + 1e-5) for value in vector]) * weight


def gelu(vector):
    return numpy.array([value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in vector])


def attend(weights, x, heads):
    """Causal self-attention, one head and one position at a time."""
    width = x.shape[1]
    projected = x @ weights["attn.c_attn.weight"].T
    query, key, value = projected[:, :width], projected[:, width : 2 * width], projected[:, 2 * width :]
    mixed = numpy.zeros_like(x)
    for head in range(heads):
        part = slice(head * width // heads, (head + 1) * width // heads)
        for position in range(len(x)):
            scores = key[: position + 1, part] @ query[position, part] / math.sqrt(width // heads)
            shares = numpy.exp(scores) / numpy.exp(scores).sum()
            mixed[position, part] = shares @ value[: position + 1, part]
    return mixed @ weights["attn.c_proj.weight"].T


def plain_forward(state, tokens, heads, layers):
    """The logits after each character of a text, from a file of weights under nanoGPT's names."""
    x = state["transformer.wte.weight"][tokens] + state["transformer.wpe.weight"][: len(tokens)]
    for layer in range(layers):
        prefix = f"transformer.h.{layer}."
        block = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        x = x + attend(block, numpy.stack([layer_norm(row, block["ln_1.weight"]) for row in x]), heads)
        hidden = numpy.stack([layer_norm(row, block["ln_2.weight"]) for row in x]) @ block["mlp.c_fc.weight"].T
        x = x + numpy.stack([gelu(row) for row in hidden]) @ block["mlp.c_proj.weight"].T
    x = numpy.stack([layer_norm(row, state["transformer.ln_f.weight"]) for row in x])
    return x @ state["lm_head.weight"].T


def read(path):
    with safe_open(path, framework="numpy") as stored:
        state = {name: stored.get_tensor(name).astype(float) for name in stored.keys()}  # noqa: SIM118
        return state, json.loads(stored.metadata()["about"])


@pytest.fixture(params=SIZES, ids=lambda name: name.replace(" ", "-"))
def saved(request, tmp_path):
    """A file of two networks with random weights, large enough for attention to look somewhere."""
    cell = make_cell("arithmetic", SIZES[request.param])
    characters = corpus.vocabulary(corpus.build(cell)).characters
    draws = numpy.random.default_rng(5)
    shapes = initialization.shapes(cell.size, len(characters), cell.block)
    stack = {name: draws.normal(0, 0.7, (2, *shape)).astype(numpy.float32) for name, shape in shapes.items()}
    weights.save(tmp_path / "weights.safetensors", stack, cell, (3, 8))
    return cell, characters, stack, tmp_path


def test_a_converted_network_computes_what_the_trained_one_computes(saved):
    cell, characters, stack, folder = saved
    run_command("to-nanogpt", folder / "weights.safetensors", "--seed", "8", "--output", folder / "one.safetensors")
    state, about = read(folder / "one.safetensors")
    assert about["characters"] == characters
    tokens = [about["characters"].index(character) for character in "<5+7=12\n"]
    arguments = about["model_args"]
    logits = plain_forward(state, tokens, arguments["n_head"], arguments["n_layer"])
    second = {name: value[1].astype(float) for name, value in stack.items()}
    assert logits == pytest.approx(forward(second, tokens, cell.size.heads).logits, rel=1e-9, abs=1e-9)


def test_a_converted_network_has_nanogpt_s_names_and_shapes(saved):
    cell, characters, _, folder = saved
    run_command("to-nanogpt", folder / "weights.safetensors", "--seed", "3", "--output", folder / "one.safetensors")
    state, about = read(folder / "one.safetensors")
    width, hidden = cell.size.width, cell.size.width * cell.size.mlp_factor
    shapes = {
        "transformer.wte.weight": (len(characters), width),
        "transformer.wpe.weight": (cell.block, width),
        "transformer.ln_f.weight": (width,),
        "lm_head.weight": (len(characters), width),
    }
    for layer in range(cell.size.layers):
        of_block = {"ln_1": (width,), "attn.c_attn": (3 * width, width), "attn.c_proj": (width, width)}
        of_block |= {"ln_2": (width,), "mlp.c_fc": (hidden, width), "mlp.c_proj": (width, hidden)}
        shapes |= {f"transformer.h.{layer}.{name}.weight": shape for name, shape in of_block.items()}
    assert {name: value.shape for name, value in state.items()} == shapes
    assert (about["cell"], about["seed"], about["mlp_factor"]) == (cell.name, 3, cell.size.mlp_factor)
    assert about["model_args"] == {
        "n_layer": cell.size.layers, "n_head": cell.size.heads, "n_embd": width, "block_size": 9,
        "vocab_size": len(characters), "dropout": cell.dropout, "bias": False,
    }  # fmt: skip


def test_the_same_network_is_the_same_bytes(saved):
    cell, characters, stack, folder = saved
    one = {name: value[0] for name, value in stack.items()}
    for name in ("first", "second"):
        nanogpt.save(folder / name, one, cell, 3, characters)
    assert (folder / "first").read_bytes() == (folder / "second").read_bytes()


def test_a_seed_that_is_not_there_is_refused(saved):
    *_, folder = saved
    with pytest.raises(SystemExit, match=r"has no seed 4; it has the seeds 3_8"):
        run_command("to-nanogpt", folder / "weights.safetensors", "--seed", "4", "--output", folder / "one.safetensors")
    assert not (folder / "one.safetensors").exists()
