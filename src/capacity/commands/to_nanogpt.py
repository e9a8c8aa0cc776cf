"""Write one trained network under nanoGPT's names of parameters, as a safetensors file.

python -m capacity to-nanogpt task=arithmetic/size=n14/variant=paper --seed 3 --output n14.safetensors

The metadata of the file has the shape of the network and its characters (docs/archive.md).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.commands.arguments import whole_number
from capacity.experiment.seeds import HIGHEST_SEED
from capacity.model import nanogpt
from capacity.notebook.loading import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("cell", help="name of the cell, or a file of weights (.safetensors)")
    parser.add_argument("--seed", required=True, type=whole_number(0, HIGHEST_SEED), help="seed of the run")
    parser.add_argument("--results", default=Path("results"), type=Path, help="folder of results")
    parser.add_argument("--output", required=True, type=Path, help="safetensors file to write")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    network = load(arguments.cell, arguments.seed, arguments.results)
    nanogpt.save(arguments.output, network.parameters, network.cell, network.seed, network.characters)
