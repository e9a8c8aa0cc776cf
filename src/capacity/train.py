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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import torch
from torch import Tensor
from torch.nn import functional

from capacity import corpus, devices, errors, files, model, protocol, weights
from capacity.batches import Batches, target_counts
from capacity.cells import Cell, format_seeds, parse_cell, parse_seeds
from capacity.execution import PRECISIONS, Execution, Replay
from capacity.optimizer import AdamW, clip_per_seed
from capacity.prefixes import Prefixes, prefixes_of
from capacity.randomness import generator, initialisation_generator
from capacity.scoring import ROWS_AT_ONCE, Candidates, Examination
from capacity.snapshots import InterruptedTrainingError, Signals, Snapshot, Snapshots, only_one
from capacity.streams import Rows, Stream
from capacity.tasks import Line

SECONDS_BETWEEN_LINES = 10.0
PLAIN = Execution()
NEVER = -1

Report = Callable[[int, Tensor], None]
"""Called before the first and after each update, with the updates done by all seeds, and the latest (S,) losses."""


@dataclass(frozen=True)
class Trained:
    """What training gives, for S seeds.

    Attributes:
        parameters: the final ones, each with a leading axis of S.
        history: one row per seed and evaluation.
        diverged_at: for each seed the updates done when its loss was not finite for the first time, or after which
            its parameters are not; None for a seed that did not diverge.
    """

    parameters: model.Parameters
    history: list[dict[str, Any]]
    diverged_at: list[int | None]


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


def updates_since_evaluation(cell: Cell, iteration: int) -> int:
    """How many updates lie between an evaluation and the one before it; 0 for the first."""
    return (iteration - 1) % cell.evaluation_interval + 1 if iteration else 0


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
        self._generators = [generator(seed, "dropout", device) for seed in seeds]
        self._dropout = dropout(cell.dropout, self._generators)
        self._optimizer = AdamW(list(self.parameters.values()), cell.weight_decay)
        self._rate = torch.zeros((), device=device)
        losses = _losses_of_prefixes if self._shares else _losses_of_rows
        # Each batch has another number of prefixes: one program for all of them, or for batches of one shape.
        self._losses = torch.compile(losses, dynamic=self._shares) if execution.compile else losses
        self._replay: Replay | None = None
        if execution.graph and device == "cuda":
            self._replay = Replay(self._descend, self._generators if self._dropout else [])

    def update(self, iteration: int) -> Tensor:
        """One update of every network; returns their losses before it, (S,), on the device."""
        self._rate.fill_(learning_rate(self._cell, iteration))
        batch = self._batches.prefixes() if self._shares else self._batches.rows().tensors()
        return self._descend(*batch) if self._replay is None else self._replay(*batch)

    def state(self) -> dict[str, Tensor]:
        """Everything that updates change, by name: what :meth:`restore` takes."""
        found = {f"parameter.{name}": value.detach() for name, value in self.parameters.items()}
        found |= {f"optimizer.{name}": value for name, value in self._optimizer.state().items()}
        found |= {f"batches.{name}": value for name, value in self._batches.state().items()}
        return found | {f"dropout.{number}": each.get_state() for number, each in enumerate(self._generators)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on as the training did that ``state`` was taken from: the same cell, seeds and device."""
        with torch.no_grad():
            for name, value in self.parameters.items():
                value.copy_(state[f"parameter.{name}"])
            for name, value in self._optimizer.state().items():
                value.copy_(state[f"optimizer.{name}"])
        start = "batches."
        self._batches.restore({name.removeprefix(start): state[name] for name in state if name.startswith(start)})
        for number, each in enumerate(self._generators):
            each.set_state(state[f"dropout.{number}"])

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
    snapshots: Snapshots | None = None,
) -> Trained:
    """Train the seeds of a cell on a corpus, on ``cpu`` or ``cuda``, saving and going on from snapshots if given.

    Raises :class:`capacity.snapshots.InterruptedTrainingError` if the snapshots are asked to stop.
    """
    stacks = [[seed] for seed in seeds] if device == "cpu" else [list(seeds)]
    parts = []
    for number, stack in enumerate(stacks):
        before = number * cell.iterations

        def report_all(done: int, losses: Tensor, before: int = before, width: int = len(stack)) -> None:
            report(before + done * width, losses)

        parts.append(train_stack(cell, lines, stack, device, report_all, execution, snapshots))
    names = parts[0].parameters
    return Trained(
        {name: torch.cat([part.parameters[name] for part in parts]) for name in names},
        [row for part in parts for row in part.history],
        [each for part in parts for each in part.diverged_at],
    )


def train_stack(
    cell: Cell,
    lines: Sequence[Line],
    seeds: Sequence[int],
    device: str,
    report: Report,
    execution: Execution = PLAIN,
    snapshots: Snapshots | None = None,
) -> Trained:
    """Train one stack of networks, all seeds in each update.

    A seed whose loss is not finite has diverged. That update makes all of its parameters NaN, which no later one
    changes, and on a CPU, where a stack is one seed, none follows.
    """
    training = Training(cell, lines, seeds, device, execution)
    history: list[dict[str, Any]] = []
    tracked = {
        "losses": torch.full((len(seeds),), math.nan, device=device),  # of the latest update
        "sums": torch.zeros(len(seeds), device=device),  # of losses since the latest evaluation
        "diverged_at": torch.full((len(seeds),), NEVER, device=device),
    }
    start = 0
    saved = None if snapshots is None else snapshots.newest(seeds)
    if saved is not None:
        training.restore(saved.tensors)
        tracked = {name: saved.tensors[name].to(device) for name in tracked}
        start, history = saved.updates, list(saved.history)

    def snapshot(updates: int) -> Snapshot:
        return Snapshot(updates, training.state() | tracked, history)

    for iteration in range(start, cell.iterations + 1):
        report(iteration, tracked["losses"])
        if snapshots is not None:
            snapshots.offer(seeds, iteration, iteration == cell.iterations, snapshot)
        if is_evaluated(cell, iteration):
            history += _rows(cell, seeds, iteration, tracked["sums"], training.examine())
            tracked["sums"].zero_()
        all_diverged = device == "cpu" and bool((tracked["diverged_at"] != NEVER).all())  # a GPU is not waited for
        if iteration == cell.iterations:
            break
        losses = tracked["losses"] if all_diverged else training.update(iteration)
        first = (tracked["diverged_at"] == NEVER) & ~losses.isfinite()
        tracked["diverged_at"].masked_fill_(first, iteration)
        tracked["losses"] = losses
        tracked["sums"] += losses
    broken = ~torch.stack([value.detach().isfinite().flatten(1).all(1) for value in training.parameters.values()]).all(
        0
    )
    tracked["diverged_at"].masked_fill_((tracked["diverged_at"] == NEVER) & broken, cell.iterations)
    return Trained(
        {name: value.detach().cpu() for name, value in training.parameters.items()},
        history,
        [None if each == NEVER else each for each in tracked["diverged_at"].tolist()],
    )


def _rows(
    cell: Cell, seeds: Sequence[int], iteration: int, sums: Tensor, found: Mapping[str, list[float]]
) -> Iterator[dict[str, Any]]:
    """What an evaluation adds to the history: a row per seed."""
    since = updates_since_evaluation(cell, iteration)
    means = (sums / since).tolist() if since else [None] * len(seeds)
    for number, seed in enumerate(seeds):
        known = {"seed": seed, "iteration": iteration, "learning_rate": learning_rate(cell, iteration)}
        yield known | {"training_loss": means[number]} | {name: values[number] for name, values in found.items()}


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
        self._start: tuple[float, int] | None = None
        self._last_line = -math.inf

    def say(self, line: str) -> None:
        """A line of its own in the log."""
        print(line, file=self._log, flush=True)

    def __call__(self, done: int, losses: Tensor) -> None:
        now = time.monotonic()
        if self._start is None:
            self._start = now, done  # not 0 if the job goes on from a snapshot
        if now - self._last_line < SECONDS_BETWEEN_LINES and done < self._total:
            return
        loss = float(losses.mean()) if done else math.nan  # waits for a GPU, so only when a line is due
        self._last_line = now
        seconds, updates = now - self._start[0], done - self._start[1]
        rate = updates / seconds if updates else 0.0
        left = (self._total - done) / rate if rate else None
        state = {"updates": done, "loss": loss if math.isfinite(loss) else None, "updates_per_second": round(rate, 2)}
        files.write_json(self._path, self._identity | state | {"seconds_left": None if left is None else round(left)})
        line = f"update {done} of {self._total}"
        if left is not None:
            line += f", loss {loss:.4f}" if math.isfinite(loss) else ""
            line += f", {rate:.1f} updates/s, time left {int(left) // 60}:{int(left) % 60:02d}"
        self.say(line)

    def remove(self) -> None:
        """The job is done: nothing is in progress any more."""
        self._path.unlink(missing_ok=True)


def history_table(history: Sequence[dict[str, Any]]) -> pa.Table:
    """History rows as a table: ``seed`` and ``iteration`` are integers, everything else 64-bit floats."""
    types = {"seed": pa.int64(), "iteration": pa.int64()}
    schema = pa.schema([(name, types.get(name, pa.float64())) for name in history[0]])
    return pa.Table.from_pylist(list(history), schema=schema)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cell", help="name of the cell, such as task=facts/size=n14/variant=paper")
    parser.add_argument("--seeds", required=True, help="seeds of this job, such as 0-4_1337")
    parser.add_argument("--corpus", required=True, type=Path, help="Parquet file of the corpus")
    parser.add_argument("--output", required=True, type=Path, help="folder for weights, history and record")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--precision", default="float32", choices=PRECISIONS, help="of matrix products")
    parser.add_argument("--compile", action="store_true", help="fuse the operations of an update with torch.compile")
    parser.add_argument("--cuda-graph", action="store_true", help="replay updates as one CUDA graph, on a GPU")
    parser.add_argument("--snapshot-seconds", type=float, default=0, help="between snapshots; 0 is never by time")
    parser.add_argument("--snapshot-updates", type=int, default=0, help="of a stack between snapshots; 0 is never")
    arguments = parser.parse_args()

    devices.prepare(arguments.threads)
    device = devices.resolve(arguments.device)
    with devices.placed(device):
        run(arguments, device)


def run(arguments: argparse.Namespace, device: str) -> None:
    """The job that the command line describes, on ``cpu`` or ``cuda``, from its corpus to its outputs."""
    cell, seeds = parse_cell(arguments.cell), parse_seeds(arguments.seeds)
    execution = Execution(arguments.precision, arguments.compile, arguments.cuda_graph)
    record = files.provenance(
        "train",
        cell.settings(),
        cell=cell.name,
        seeds=list(seeds),
        device=devices.name(device),
        threads=arguments.threads,
        **execution.record(device),
    )
    lines = corpus.read(arguments.corpus, cell)
    folder: Path = arguments.output
    progress = Progress(cell, seeds, folder / "progress.json", sys.stdout)
    with Signals() as signals, only_one(folder / "training.lock", progress.say) as took_over:
        if took_over and is_done(folder, record):
            progress.say("the earlier run of this job has just finished it")
            return
        files.remove_unfinished(folder)
        snapshots = Snapshots(
            folder / "snapshots",
            fingerprint(record, arguments.corpus),
            arguments.snapshot_seconds,
            arguments.snapshot_updates,
            lambda: signals.received is not None,
            progress.say,
        )
        try:
            trained = train(cell, lines, seeds, device, progress, execution, snapshots)
        except InterruptedTrainingError as interruption:
            progress.say(f"asked to stop by signal {signals.received}: {interruption}")
            sys.exit(signals.exit_code)
        for seed, updates in zip(seeds, trained.diverged_at, strict=True):
            if updates is not None:
                progress.say(f"seed {seed} diverged: after {updates} updates its loss is not finite")
        write_outputs(folder, trained, cell, seeds, record, snapshots)
        progress.remove()
        snapshots.remove()


def fingerprint(record: Mapping[str, Any], corpus_file: Path) -> dict[str, Any]:
    """What decides the numbers of a run: a snapshot of another is of no use.

    The record of the run less the commit, whose files outside the stage decide nothing, and the bytes of the corpus.
    """
    return {name: value for name, value in record.items() if name != "git_commit"} | {
        "corpus": files.sha256(corpus_file)
    }


def is_done(folder: Path, record: Mapping[str, Any]) -> bool:
    """Whether the outputs of a run are all there: the record is written last."""
    path = folder / "run.json"
    return path.exists() and files.read_json(path).items() >= record.items()


def write_outputs(
    folder: Path, trained: Trained, cell: Cell, seeds: Sequence[int], record: files.Provenance, snapshots: Snapshots
) -> None:
    """Weights, history and timing, and last the record, which says that all are there."""
    record = record | {"diverged_at": trained.diverged_at}
    weights.save(folder / "weights.safetensors", trained.parameters, cell, seeds)
    files.write_parquet(folder / "history.parquet", history_table(trained.history), record)
    seconds = snapshots.trained_seconds
    timing = {
        "wall_seconds": round(seconds, 2),
        "updates_per_second": round(cell.iterations * len(seeds) / seconds, 2),
        "interruptions": snapshots.interruptions,
    }
    files.write_json(folder / "timing.json", timing)
    files.write_json(folder / "run.json", record)


if __name__ == "__main__":
    errors.run(main)
