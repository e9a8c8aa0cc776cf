"""Stage 2: train the seeds of a cell.

AdamW with warm-up and a cosine, gradients clipped per seed, exactly as in the paper (section 3.3), except that all
seeds of a job are one stack of networks. Each seed has generators of its own, so its result does not depend on which
seeds share its job. On a CPU the seeds of a job run one after another, which is as fast there, needs the memory of
one, and makes that independence exact.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from capacity import corpus, devices, files, model, protocol
from capacity.cells import Cell, format_seeds, parse_cell, parse_seeds, runs_name
from capacity.randomness import generator, initialisation_generator
from capacity.scoring import Candidates, Examination
from capacity.streams import Stream
from capacity.tasks import Line

ROWS_AT_ONCE = 1024  # rows of one forward pass when the exact loss is taken; bounds memory only
SECONDS_BETWEEN_LINES = 10.0

Report = Callable[[int, Tensor], None]
"""Called before the first and after each update, with the updates done by all seeds, and the latest (S,) losses."""


@dataclass(frozen=True)
class Trained:
    """What training gives: final parameters with a leading seed axis, and one history row per seed and evaluation."""

    parameters: model.Parameters
    history: list[dict[str, Any]]


def learning_rate(cell: Cell, iteration: int) -> float:
    """Linear warm-up, cosine to the final rate, then constant (paper, section 3.3; nanoGPT's schedule)."""
    if iteration < cell.warmup_iterations:
        return cell.learning_rate * (iteration + 1) / (cell.warmup_iterations + 1)
    if iteration >= cell.decay_iterations:
        return cell.final_learning_rate
    done = (iteration - cell.warmup_iterations) / (cell.decay_iterations - cell.warmup_iterations)
    share = 0.5 * (1.0 + math.cos(math.pi * done))
    return cell.final_learning_rate + share * (cell.learning_rate - cell.final_learning_rate)


def is_evaluated(cell: Cell, iteration: int) -> bool:
    """Whether the networks are examined before this update; the first and the last iteration always are."""
    return iteration % cell.evaluation_interval == 0 or iteration == cell.iterations


def evaluations(cell: Cell) -> int:
    """How many evaluations a run has: 121 for the paper's 30,000 iterations."""
    return sum(is_evaluated(cell, iteration) for iteration in range(cell.iterations + 1))


def dropout(rate: float, generators: Sequence[torch.Generator]) -> model.Dropout | None:
    """Dropout that draws the mask of slice s from ``generators[s]``; None at rate 0."""
    if rate == 0.0:
        return None

    def drop(x: Tensor) -> Tensor:
        shape = x.shape[1:]
        keep = [torch.empty(shape, device=x.device).bernoulli_(1.0 - rate, generator=each) for each in generators]
        return x * torch.stack(keep) / (1.0 - rate)

    return drop


def clip_per_seed(gradients: Sequence[Tensor], largest: float) -> None:
    """Scale each seed's gradients in place to a norm of at most ``largest``, all its tensors taken together."""
    norms = torch.stack([torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients])
    scale = (largest / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1.0)  # (S,)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))


def weighted_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """(S,), the mean negative log-likelihood of (S, N, T) targets in nats, weighted by (S, N, T) ``weights``."""
    each = functional.cross_entropy(logits.flatten(0, 2), targets.flatten(), reduction="none").view_as(weights)
    return (each * weights).sum((1, 2)) / weights.sum((1, 2))


def make_optimizer(parameters: model.Parameters, cell: Cell) -> torch.optim.Optimizer:
    """AdamW; weight decay on matrices, embeddings included, and not on the norms (which are (S, d) here)."""
    matrices = [value for value in parameters.values() if value.dim() >= 3]
    norms = [value for value in parameters.values() if value.dim() < 3]
    groups = [{"params": matrices, "weight_decay": cell.weight_decay}, {"params": norms, "weight_decay": 0.0}]
    betas = (protocol.ADAM_BETA1, protocol.ADAM_BETA2)
    return torch.optim.AdamW(groups, lr=cell.learning_rate, betas=betas, fused=True)


def train(cell: Cell, lines: Sequence[Line], seeds: Sequence[int], device: str, report: Report) -> Trained:
    """Train the seeds of a cell on a corpus, on ``cpu`` or ``cuda``."""
    stacks = [[seed] for seed in seeds] if device == "cpu" else [list(seeds)]
    parts = []
    for number, stack in enumerate(stacks):
        before = number * cell.iterations

        def report_all(done: int, losses: Tensor, before: int = before, width: int = len(stack)) -> None:
            report(before + done * width, losses)

        parts.append(train_stack(cell, lines, stack, device, report_all))
    names = parts[0].parameters
    parameters = {name: torch.cat([part.parameters[name] for part in parts]) for name in names}
    return Trained(parameters, [row for part in parts for row in part.history])


def train_stack(cell: Cell, lines: Sequence[Line], seeds: Sequence[int], device: str, report: Report) -> Trained:
    """Train one stack of networks, all seeds in each update."""
    vocabulary = corpus.vocabulary(lines)
    stream = Stream(corpus.stream_lines(lines), vocabulary, cell.stream, cell.block)
    heads = cell.size.heads
    starts = [initialisation_generator(seed) for seed in seeds]
    parameters = {
        name: value.to(device).requires_grad_()
        for name, value in model.initialise(cell.size, len(vocabulary), cell.block, starts).items()
    }
    tensors = list(parameters.values())
    optimizer = make_optimizer(parameters, cell)
    drop = dropout(cell.dropout, [generator(seed, "dropout", device) for seed in seeds])
    draws = [generator(seed, "data") for seed in seeds]
    examiner = Examiner(lines, stream, cell)

    history: list[dict[str, Any]] = []
    running = torch.zeros(len(seeds), device=device)
    losses = torch.full((len(seeds),), math.nan, device=device)
    since = 0
    for iteration in range(cell.iterations + 1):
        report(iteration, losses)
        rate = learning_rate(cell, iteration)
        if is_evaluated(cell, iteration):
            means = (running / since).tolist() if since else [None] * len(seeds)
            found = examiner.examine(parameters, heads)
            for number, seed in enumerate(seeds):
                row = {"seed": seed, "iteration": iteration, "learning_rate": rate, "training_loss": means[number]}
                history.append(row | {name: values[number] for name, values in found.items()})
            running.zero_()
            since = 0
        if iteration == cell.iterations:
            break
        for group in optimizer.param_groups:
            group["lr"] = rate
        inputs, targets, weights = draw_batches(stream, cell, draws)
        logits = model.forward(parameters, inputs.to(device), heads, drop)
        objective = weighted_loss(logits, targets.to(device), weights.to(device))
        for tensor, gradient in zip(tensors, torch.autograd.grad(objective.sum(), tensors), strict=True):
            # The fused AdamW of torch 2.13 reads a gradient as if it were laid out like its parameter.
            tensor.grad = gradient.contiguous()
        clip_per_seed([tensor.grad for tensor in tensors if tensor.grad is not None], protocol.GRADIENT_CLIP)
        optimizer.step()
        losses = objective.detach()
        running += losses
        since += 1
    return Trained({name: value.detach().cpu() for name, value in parameters.items()}, history)


def draw_batches(stream: Stream, cell: Cell, generators: Sequence[torch.Generator]) -> tuple[Tensor, Tensor, Tensor]:
    """One batch for each seed: inputs, targets and weights, each (S, N, T).

    A single network without dropout computes each distinct row once, weighted by how often it was drawn; a stack
    needs rows of one number, and dropout needs a mask for every draw.
    """
    distinct = len(generators) == 1 and cell.dropout == 0.0
    batches = [stream.draw(cell.batch, each, distinct) for each in generators]
    inputs = torch.stack([rows.inputs for rows, _ in batches])
    targets = torch.stack([rows.targets for rows, _ in batches])
    weights = torch.stack([rows.counted * counts[:, None] for rows, counts in batches])
    return inputs, targets, weights


class Examiner:
    """What is measured at every evaluation: the exact loss over all rows of the stream, every score, and the margins
    of the held-out expressions (margins of all items are taken once, at the end, by the evaluation stage)."""

    def __init__(self, lines: Sequence[Line], stream: Stream, cell: Cell) -> None:
        vocabulary = corpus.vocabulary(lines)
        self._rows = stream.rows
        self._examination = Examination(lines, vocabulary, cell.block)
        every = [item for item in self._examination.items if item.line.task == "arithmetic"]
        held_out = [number for number, item in enumerate(every) if item.line.split == "held_out"]
        self._candidates = Candidates(every, vocabulary, cell.block, held_out) if held_out else None

    def examine(self, parameters: model.Parameters, heads: int) -> dict[str, list[float]]:
        """Each measure by name, with one value per seed; scores are fractions of their denominators."""
        with torch.no_grad():
            found = {"stream_loss": self.exact_loss(parameters, heads).tolist()}
            scores = self._examination.scores(self._examination.ask(parameters, heads))
            totals = self._examination.totals()
            found |= {name: (count.double() / totals[name]).tolist() for name, count in scores.items()}
            if self._candidates is not None:
                _, margins = self._candidates.margins(self._candidates.log_probabilities(parameters, heads))
                found["held_out_margin"] = margins.double().mean(1).tolist()
                found["held_out_smallest_margin"] = margins.double().amin(1).tolist()
            return found

    def exact_loss(self, parameters: model.Parameters, heads: int) -> Tensor:
        """(S,), nats per counted character over every row, not a sample of them."""
        device = parameters["token_embedding"].device
        seeds = len(parameters["token_embedding"])
        total = torch.zeros(seeds, dtype=torch.float64, device=device)
        for first in range(0, len(self._rows.inputs), ROWS_AT_ONCE):
            piece = self._rows[torch.arange(first, min(first + ROWS_AT_ONCE, len(self._rows.inputs)))]
            inputs, targets = piece.inputs.to(device), piece.targets.to(device)
            weights = piece.counted.to(device).expand(seeds, -1, -1)
            logits = model.forward(parameters, inputs.expand(seeds, -1, -1), heads)
            loss = weighted_loss(logits, targets.expand(seeds, -1, -1), weights)
            total += loss.double() * weights.sum((1, 2))
        return total / float(self._rows.counted.double().sum())


class Progress:
    """Plain lines in the job's log and an atomic ``progress.json`` that ``capacity.status`` reads."""

    def __init__(self, cell: Cell, seeds: Sequence[int], path: Path, log: TextIO) -> None:
        self._total = cell.iterations * len(seeds)
        self._identity = {"cell": cell.name, "seeds": format_seeds(seeds), "updates_in_all": self._total}
        self._path = path
        self._log = log
        self._start = time.monotonic()
        self._last_line = -math.inf

    def __call__(self, done: int, losses: Tensor) -> None:
        now = time.monotonic()
        if now - self._last_line < SECONDS_BETWEEN_LINES and done < self._total:
            return
        loss = float(losses.mean()) if done else math.nan  # waits for a GPU, so only when a line is due
        self._last_line = now
        rate = done / (now - self._start) if done else 0.0
        left = (self._total - done) / rate if rate else None
        state = {"updates": done, "loss": loss if math.isfinite(loss) else None, "updates_per_second": round(rate, 2)}
        files.write_json(self._path, self._identity | state | {"seconds_left": None if left is None else round(left)})
        line = f"update {done} of {self._total}"
        if left is not None:
            line += f", loss {loss:.4f}" if math.isfinite(loss) else ""
            line += f", {rate:.1f} updates/s, time left {int(left) // 60}:{int(left) % 60:02d}"
        print(line, file=self._log, flush=True)


def history_table(history: Sequence[dict[str, Any]]) -> pa.Table:
    """History rows as a table: ``seed`` and ``iteration`` are integers, everything else 64-bit floats."""
    types = {"seed": pa.int64(), "iteration": pa.int64()}
    schema = pa.schema([(name, types.get(name, pa.float64())) for name in history[0]])
    return pa.Table.from_pylist(list(history), schema=schema)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cell", help="name of the cell, such as task=facts/size=n14/variant=paper")
    parser.add_argument("--seeds", required=True, help="seeds of this job, such as 0-4_1337")
    parser.add_argument("--corpus", required=True, help="Parquet file of the corpus")
    parser.add_argument("--output", required=True, type=Path, help="folder for weights, history and record")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    arguments = parser.parse_args()

    cell, seeds = parse_cell(arguments.cell), parse_seeds(arguments.seeds)
    torch.set_num_threads(arguments.threads)
    device = devices.resolve(arguments.device)
    progress_file = arguments.output / "progress.json"
    start = time.monotonic()
    trained = train(
        cell, corpus.read(arguments.corpus), seeds, device, Progress(cell, seeds, progress_file, sys.stdout)
    )
    seconds = time.monotonic() - start

    record = files.provenance(
        "train",
        cell.settings(),
        cell=cell.name,
        seeds=list(seeds),
        device=devices.name(device),
        threads=arguments.threads,
    )
    save_weights(arguments.output / "weights.safetensors", trained.parameters, cell, seeds)
    files.write_parquet(arguments.output / "history.parquet", history_table(trained.history), record)
    timing = {"wall_seconds": round(seconds, 2), "updates_per_second": round(cell.iterations * len(seeds) / seconds, 2)}
    files.write_json(arguments.output / "timing.json", timing)
    files.write_json(arguments.output / "run.json", record)
    progress_file.unlink(missing_ok=True)


def save_weights(path: Path, parameters: model.Parameters, cell: Cell, seeds: Sequence[int]) -> None:
    """Parameters as safetensors, the cell and its seeds in the metadata."""
    # One key: safetensors writes several in no fixed order, and the same weights are to be the same bytes.
    with files.atomic(path) as temporary:
        save_file(parameters, temporary, metadata={"runs": runs_name(cell, seeds)})


if __name__ == "__main__":
    main()
