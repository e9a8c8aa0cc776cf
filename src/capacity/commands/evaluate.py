"""Evaluate the trained networks of one job.

Scores are written as JSON that is checked against a schema, and single answers and what the weights say as Parquet.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.commands.arguments import add_job_arguments, named_cell
from capacity.corpora import corpus
from capacity.errors import InputError
from capacity.evaluation.job import check_finite, evaluate_job
from capacity.evaluation.mechanism import mechanism
from capacity.experiment import file_bounds
from capacity.experiment.seeds import format_seeds, parse_seeds
from capacity.model import devices, weights
from capacity.model.networks import networks_of
from capacity.storage import evaluations, files, parquet, provenance


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    add_job_arguments(parser)
    parser.add_argument("--weights", type=Path, help="safetensors file; default: that in the output folder")
    parser.add_argument("--history", type=Path, help="Parquet file; default: that in the output folder")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    device = devices.resolve(arguments.device)
    cell, seeds = named_cell(arguments.cell), parse_seeds(arguments.seeds)
    weights_file = arguments.weights or arguments.output / "weights.safetensors"
    history_file = arguments.history or arguments.output / "history.parquet"
    parameters = weights.load(weights_file, cell, seeds)
    history = evaluations.read_history(history_file, cell.name, seeds, file_bounds.job_history(cell, len(seeds)))
    training = parquet.provenance_of(history)
    if training["seeds"] != list(seeds) or len(training["diverged_at"]) != len(seeds):
        held = format_seeds(training["seeds"])
        raise InputError(f"{history_file} is of seeds {held}, and has to be of {arguments.seeds}; {files.REMEDY}")
    if training.get("weights") not in (None, weights.checksum(parameters)):  # earlier versions did not write it down
        raise InputError(
            f"{history_file} is of another run than {weights_file}: delete both, and run the same command again, which "
            "trains anew"
        )
    parquet.check_bounds(arguments.corpus, file_bounds.corpus(cell))
    lines = corpus.read(arguments.corpus, cell)
    check_finite(cell, seeds, parameters, training["diverged_at"])
    kernel = training["kernel"]
    if kernel == "numba":  # which computes on the CPU, whatever else there is
        device = "cpu"
    with devices.placed(device):
        networks = networks_of(parameters, cell.size, kernel, device, arguments.threads)
        evaluation = evaluate_job(cell, lines, seeds, networks, history, training["diverged_at"], history_file)
        evaluation["provenance"] = provenance.record(
            "evaluate",
            cell.settings(),
            seeds=list(seeds),
            device=devices.name(device),
            threads=arguments.threads,
            kernel=kernel,
            training=training,
        )
    of_weights = mechanism(parameters, cell.size.heads, lines, corpus.vocabulary(lines), cell.block)
    evaluations.write(arguments.output, evaluation, of_weights)
    print(f"evaluated {len(seeds)} seeds of {cell.name}")
