"""Ask a trained network: its continuation of a prompt, the right answer, and what it was unsure of."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

from capacity.commands.arguments import whole_number
from capacity.experiment.seeds import HIGHEST_SEED
from capacity.notebook.loading import load
from capacity.notebook.network import Answer, Network

SHOWN = 3  # of the likeliest characters at each step


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("cell", help="name of the cell, such as task=arithmetic/size=n14/variant=paper; or its weights")
    parser.add_argument("prompt", help="what is to be continued, such as '<5+7=' or 'Capital of France is '")
    parser.add_argument("--seed", required=True, type=whole_number(0, HIGHEST_SEED), help="seed of the run")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of results")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    network = load(arguments.cell, arguments.seed, arguments.results)
    print("\n".join(described(network, network.ask(arguments.prompt))))


def described(network: Network, answer: Answer) -> list[str]:
    """Return the lines that the command prints."""
    lines = [repr(network)[1:-1], f"{answer.prompt}{answer.text.rstrip()}"]
    if answer.right_answer is None:
        lines.append("Nothing in its corpus asks this, so no answer is right or wrong.")
    else:
        verdict = "right" if answer.right else "wrong"
        split = "held out" if answer.split == "held_out" else "seen in training"
        lines.append(f"This is {verdict}: the right answer is {answer.right_answer}, {split}.")
    lines.append("Next characters, with their probabilities:")
    for number, step in enumerate(answer.steps, 1):
        likeliest = islice(step.probabilities.items(), SHOWN)
        lines.append(f"{number:4}  " + "   ".join(f"{character!r:5} {share:.4f}" for character, share in likeliest))
    return lines
