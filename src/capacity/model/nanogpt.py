"""A single network under the names that nanoGPT gives to parameters, for programs that read its checkpoints.

The arrays are those of :mod:`capacity.model.one_network`, one by one and unchanged: a matrix is (out, in), queries,
keys and values lie in this order in one matrix, and the embedding of characters is the output head as well, so it is
there twice. There are no biases, and layer norms have the epsilon 1e-5. The MLP has ``mlp_factor`` times the width,
which is always four times in nanoGPT.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray
from safetensors.numpy import save_file

from capacity.experiment.cell import Cell
from capacity.model import weights
from capacity.storage import files

Parameters = Mapping[str, NDArray[numpy.float32]]

OUTSIDE_BLOCKS = {
    "token_embedding": ("transformer.wte.weight", "lm_head.weight"),
    "position_embedding": ("transformer.wpe.weight",),
    "final_norm": ("transformer.ln_f.weight",),
}
IN_BLOCKS = {
    "attention_norm": "ln_1.weight",
    "attention_in": "attn.c_attn.weight",
    "attention_out": "attn.c_proj.weight",
    "mlp_norm": "ln_2.weight",
    "mlp_in": "mlp.c_fc.weight",
    "mlp_out": "mlp.c_proj.weight",
}


def to_nanogpt(parameters: Parameters) -> dict[str, NDArray[numpy.float32]]:
    """Return the parameters of one network by nanoGPT's names.

    Args:
        parameters: by name, with the shapes of :func:`capacity.model.initialization.shapes`.
    """
    renamed = {}
    for name, value in parameters.items():
        if match := re.fullmatch(r"blocks\.([0-9]+)\.(\w+)", name):
            renamed[f"transformer.h.{match[1]}.{IN_BLOCKS[match[2]]}"] = value
        else:
            renamed |= dict.fromkeys(OUTSIDE_BLOCKS[name], value)
    return renamed


def describe(cell: Cell, seed: int, characters: str) -> dict[str, Any]:
    """Return what a program needs beside the parameters: the shape, and the characters in order of their numbers."""
    return {
        "cell": cell.name,
        "seed": seed,
        "characters": characters,
        "model_args": {
            "n_layer": cell.size.layers,
            "n_head": cell.size.heads,
            "n_embd": cell.size.width,
            "block_size": cell.block,
            "vocab_size": len(characters),
            "dropout": cell.dropout,
            "bias": False,
        },
        "mlp_factor": cell.size.mlp_factor,
    }


def save(path: Path, parameters: Parameters, cell: Cell, seed: int, characters: str) -> None:
    """Write one network as a safetensors file.

    Its metadata has one key, ``about``: JSON text with what :func:`describe` returns, and the checksum of the arrays.
    """
    arrays = {name: numpy.array(value, order="C") for name, value in to_nanogpt(parameters).items()}
    about = describe(cell, seed, characters) | {files.CHECKSUM: weights.checksum(arrays)}
    with files.atomic(path) as temporary:
        save_file(arrays, temporary, metadata={"about": json.dumps(about, sort_keys=True)})
