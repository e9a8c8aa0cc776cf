"""Train the seeds of a cell, and write their weights, history and record.

The result of a seed does not depend on which other seeds are in its job. A job that was interrupted resumes from its
newest snapshot.
"""

from __future__ import annotations

import argparse

from capacity.commands.arguments import add_job_arguments, named_cell, whole_number
from capacity.experiment.seeds import parse_seeds
from capacity.model import devices
from capacity.training.execution import KERNELS, PRECISIONS, Execution
from capacity.training.job import run_job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    add_job_arguments(parser)
    parser.add_argument("--precision", default="float32", choices=PRECISIONS, help="of matrix products")
    parser.add_argument("--kernel", default="auto", choices=KERNELS, help="program that trains on a CPU")
    parser.add_argument("--compile", action="store_true", help="fuse the operations of an update with torch.compile")
    parser.add_argument("--cuda-graph", action="store_true", help="replay updates as one CUDA graph, on a GPU")
    parser.add_argument("--snapshot-seconds", type=float, default=0, help="between snapshots; 0 is never by time")
    updates = "of a stack between snapshots; 0 is never"
    parser.add_argument("--snapshot-updates", type=whole_number(0), default=0, help=updates)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    device = devices.resolve(arguments.device)
    with devices.placed(device):
        run_job(
            named_cell(arguments.cell),
            parse_seeds(arguments.seeds),
            arguments.corpus,
            arguments.output,
            device,
            Execution(
                arguments.precision,
                arguments.compile,
                arguments.cuda_graph,
                arguments.kernel,
                arguments.threads,
            ),
            arguments.snapshot_seconds,
            arguments.snapshot_updates,
        )
