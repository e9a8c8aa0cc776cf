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
from torch.optim.adamw import adamw

from capacity import corpus, devices, files, model, protocol
from capacity.batches import Batches, target_counts
from capacity.cells import Cell, format_seeds, parse_cell, parse_seeds, runs_name
from capacity.execution import PRECISIONS, Execution, Replay
from capacity.prefixes import Prefixes, prefixes_of
from capacity.randomness import generator, initialisation_generator
from capacity.scoring import ROWS_AT_ONCE, Candidates, Examination
from capacity.streams import Rows, Stream
from capacity.tasks import Line

SECONDS_BETWEEN_LINES = 10.0
ADAM_EPSILON = 1e-8
PLAIN = Execution()

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
        keep = torch.empty_like(x, memory_format=torch.contiguous_format, requires_grad=False)
        for number, each in enumerate(generators):
            keep[number].bernoulli_(1.0 - rate, generator=each)
        return x * keep.div_(1.0 - rate)

    return drop


def clip_per_seed(gradients: Sequence[Tensor], largest: float) -> None:
    """Scale each seed's gradients in place to a norm of at most ``largest``, all its tensors taken together."""
    norms = torch.stack([torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients])
    scale = (largest / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1.0)  # (S,)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))


def row_losses(logits: Tensor, rows: Rows) -> Tensor:
    """(S,), mean negative log-likelihoods in nats of the targets of (S, N, T) rows, from logits (S, V, N T)."""
    each = functional.cross_entropy(logits, rows.targets.flatten(1), reduction="none")
    weights = rows.counted.flatten(1)
    return (each * weights).sum(1) / weights.sum(1)


def prefix_losses(logits: Tensor, counts: Tensor) -> Tensor:
    """(S,), the same from logits after each prefix, (S, V, P), and how often each target follows it, (V, P)."""
    losses: Tensor = _PrefixLosses.apply(logits, counts)  # type: ignore[no-untyped-call]
    return losses


class _PrefixLosses(torch.autograd.Function):
    """The cross-entropy with its gradient written out: the exponentials of the losses serve the gradient too."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, counts: Tensor) -> Tensor:
        logits = logits.to(torch.promote_types(logits.dtype, counts.dtype))  # bfloat16 is for products alone
        shifted = logits - logits.amax(1, keepdim=True)
        of_targets = (shifted * counts).sum((1, 2))
        exponentials = shifted.exp_()
        sums = exponentials.sum(1)  # (S, P)
        times = counts.sum(0)
        total = times.sum()
        ctx.save_for_backward(exponentials, times / (sums * total), counts, total)
        return ((sums.log() * times).sum(1) - of_targets) / total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        exponentials, scale, counts, total = ctx.saved_tensors
        of_sums = exponentials * (scale * gradient[:, None])[:, None]
        return of_sums.sub_(counts * (gradient / total)[:, None, None]), None


class AdamW:
    """AdamW over a stack, fused; weight decay on matrices, embeddings included, not on the norms (paper, section 3.3).

    torch's function in place of its class: the state is plain tensors, and a job starts in half the time, because the
    class loads torch's compiler.
    """

    def __init__(self, parameters: Sequence[Tensor], weight_decay: float) -> None:
        self._parameters = list(parameters)
        self._first = [torch.zeros_like(value) for value in parameters]
        self._second = [torch.zeros_like(value) for value in parameters]
        self._steps = [torch.zeros((), device=value.device) for value in parameters]
        # In a stack matrices have three axes, and norms two.
        matrices = [number for number, value in enumerate(parameters) if value.dim() >= 3]
        norms = [number for number, value in enumerate(parameters) if value.dim() < 3]
        self._groups = [(matrices, weight_decay), (norms, 0.0)]

    def step(self, gradients: Sequence[Tensor], rate: float | Tensor) -> None:
        """One step; a learning rate in a tensor is read when a captured step is replayed."""
        with torch.no_grad():
            for numbers, weight_decay in self._groups:
                adamw(
                    [self._parameters[number] for number in numbers],
                    # The fused kernel of torch 2.13 reads a gradient as if it were laid out like its parameter.
                    [gradients[number].contiguous() for number in numbers],
                    [self._first[number] for number in numbers],
                    [self._second[number] for number in numbers],
                    [],
                    [self._steps[number] for number in numbers],
                    fused=True,
                    amsgrad=False,
                    beta1=protocol.ADAM_BETA1,
                    beta2=protocol.ADAM_BETA2,
                    lr=rate,
                    weight_decay=weight_decay,
                    eps=ADAM_EPSILON,
                    maximize=False,
                )


class Training:
    """A stack of networks in training: all seeds in each update.

    A single network without dropout on a CPU computes each distinct prefix of a batch once. Everything else computes
    every position of every row: a stack and a GPU need batches of one shape, and dropout makes equal rows unequal.
    """

    def __init__(
        self, cell: Cell, lines: Sequence[Line], seeds: Sequence[int], device: str, execution: Execution = PLAIN
    ) -> None:
        execution.check(device)
        vocabulary = corpus.vocabulary(lines)
        stream = Stream(corpus.stream_lines(lines), vocabulary, cell.stream, cell.block)
        starts = [initialisation_generator(seed) for seed in seeds]
        self.parameters = {
            name: value.to(device).requires_grad_()
            for name, value in model.initialise(cell.size, len(vocabulary), cell.block, starts).items()
        }
        self._cell = cell
        self._device = device
        self._precision = execution.precision
        self._shares = device == "cpu" and len(seeds) == 1 and cell.dropout == 0.0
        self._batches = Batches(stream, cell.batch, seeds, device)
        self._examiner = Examiner(lines, stream, cell, device)
        generators = [generator(seed, "dropout", device) for seed in seeds]
        self._dropout = dropout(cell.dropout, generators)
        self._optimizer = AdamW(list(self.parameters.values()), cell.weight_decay)
        self._rate = torch.zeros((), device=device)
        losses = _losses_of_prefixes if self._shares else _losses_of_rows
        # Each batch has another number of prefixes: one program for all of them, or for batches of one shape.
        self._losses = torch.compile(losses, dynamic=self._shares) if execution.compile else losses
        self._replay: Replay | None = None
        if execution.graph and device == "cuda":
            self._replay = Replay(self._descend, generators if self._dropout else [])

    def update(self, iteration: int) -> Tensor:
        """One update of every network; returns their losses before it, (S,), on the device."""
        self._rate.fill_(learning_rate(self._cell, iteration))
        batch = self._batches.prefixes() if self._shares else self._batches.rows().tensors()
        return self._descend(*batch) if self._replay is None else self._replay(*batch)

    def examine(self) -> dict[str, list[float]]:
        """Each measure of :class:`Examiner`, with one value per seed."""
        return self._examiner.examine(self.parameters, self._cell.size.heads)

    def _descend(self, *batch: Any) -> Tensor:
        with torch.autocast(self._device, torch.bfloat16, enabled=self._precision == "bfloat16"):
            losses = self._losses(self.parameters, self._cell.size.heads, self._dropout, *batch)
        tensors = list(self.parameters.values())
        gradients = torch.autograd.grad(losses.sum(), tensors)
        clip_per_seed(gradients, protocol.GRADIENT_CLIP)
        self._optimizer.step(gradients, self._rate)
        return losses.detach()


def _losses_of_prefixes(
    parameters: model.Parameters, heads: int, _: model.Dropout | None, prefixes: Prefixes, counts: Tensor
) -> Tensor:
    return prefix_losses(model.forward_prefixes(parameters, prefixes, heads), counts)


def _losses_of_rows(parameters: model.Parameters, heads: int, drop: model.Dropout | None, *tensors: Tensor) -> Tensor:
    rows = Rows(*tensors)
    return row_losses(model.forward(parameters, rows.inputs, heads, drop), rows)


def train(
    cell: Cell,
    lines: Sequence[Line],
    seeds: Sequence[int],
    device: str,
    report: Report,
    execution: Execution = PLAIN,
) -> Trained:
    """Train the seeds of a cell on a corpus, on ``cpu`` or ``cuda``."""
    stacks = [[seed] for seed in seeds] if device == "cpu" else [list(seeds)]
    parts = []
    for number, stack in enumerate(stacks):
        before = number * cell.iterations

        def report_all(done: int, losses: Tensor, before: int = before, width: int = len(stack)) -> None:
            report(before + done * width, losses)

        parts.append(train_stack(cell, lines, stack, device, report_all, execution))
    names = parts[0].parameters
    parameters = {name: torch.cat([part.parameters[name] for part in parts]) for name in names}
    return Trained(parameters, [row for part in parts for row in part.history])


def train_stack(
    cell: Cell,
    lines: Sequence[Line],
    seeds: Sequence[int],
    device: str,
    report: Report,
    execution: Execution = PLAIN,
) -> Trained:
    """Train one stack of networks, all seeds in each update."""
    training = Training(cell, lines, seeds, device, execution)
    history: list[dict[str, Any]] = []
    running = torch.zeros(len(seeds), device=device)
    losses = torch.full((len(seeds),), math.nan, device=device)
    since = 0
    for iteration in range(cell.iterations + 1):
        report(iteration, losses)
        if is_evaluated(cell, iteration):
            means = (running / since).tolist() if since else [None] * len(seeds)
            found = training.examine()
            rate = learning_rate(cell, iteration)
            for number, seed in enumerate(seeds):
                row = {"seed": seed, "iteration": iteration, "learning_rate": rate, "training_loss": means[number]}
                history.append(row | {name: values[number] for name, values in found.items()})
            running.zero_()
            since = 0
        if iteration == cell.iterations:
            break
        losses = training.update(iteration)
        running += losses
        since += 1
    return Trained({name: value.detach().cpu() for name, value in training.parameters.items()}, history)


class Examiner:
    """What is measured at every evaluation: the exact loss over all rows of the stream, every score, and the margins
    of the held-out expressions (margins of all items are taken once, at the end, by the evaluation stage)."""

    def __init__(self, lines: Sequence[Line], stream: Stream, cell: Cell, device: str) -> None:
        vocabulary = corpus.vocabulary(lines)
        self._pieces = []
        for numbers in torch.split(torch.arange(len(stream)), ROWS_AT_ONCE):
            rows = stream.rows[numbers]
            prefixes = prefixes_of(rows.inputs)
            counts = target_counts(prefixes, rows, torch.ones(len(numbers)), len(vocabulary))
            self._pieces.append((prefixes.to(device), counts.to(device)))
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
        totals = []
        for prefixes, counts in self._pieces:
            losses = prefix_losses(model.forward_prefixes(parameters, prefixes, heads), counts)
            totals.append(losses.double() * counts.sum())
        return torch.stack(totals).sum(0) / sum(counts.sum() for _, counts in self._pieces)


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
    parser.add_argument("--precision", default="float32", choices=PRECISIONS, help="of matrix products")
    parser.add_argument("--compile", action="store_true", help="fuse the operations of an update with torch.compile")
    parser.add_argument("--cuda-graph", action="store_true", help="replay updates as one CUDA graph, on a GPU")
    arguments = parser.parse_args()

    cell, seeds = parse_cell(arguments.cell), parse_seeds(arguments.seeds)
    devices.prepare(arguments.threads)
    device = devices.resolve(arguments.device)
    execution = Execution(arguments.precision, arguments.compile, arguments.cuda_graph)
    progress_file = arguments.output / "progress.json"
    start = time.monotonic()
    progress = Progress(cell, seeds, progress_file, sys.stdout)
    trained = train(cell, corpus.read(arguments.corpus), seeds, device, progress, execution)
    seconds = time.monotonic() - start

    record = files.provenance(
        "train",
        cell.settings(),
        cell=cell.name,
        seeds=list(seeds),
        device=devices.name(device),
        threads=arguments.threads,
        **execution.record(device),
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
