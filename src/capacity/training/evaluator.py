"""TODO training.evaluator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from capacity.corpora import corpus
from capacity.corpora.prefixes import prefixes_of
from capacity.corpora.streams import Stream
from capacity.evaluation.margins import Candidates
from capacity.evaluation.questions import ROWS_AT_ONCE, Examination
from capacity.experiment.cell import Cell
from capacity.model import transformer
from capacity.tasks.lines import Line
from capacity.training.batches import target_counts
from capacity.training.losses import prefix_losses


class Evaluator:
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

    def measure(self, parameters: transformer.Parameters, heads: int) -> dict[str, list[float]]:
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

    def exact_loss(self, parameters: transformer.Parameters, heads: int) -> Tensor:
        """(S,), nats per counted character over every row, not a sample of them."""
        totals = []
        for prefixes, counts in self._pieces:
            losses = prefix_losses(transformer.forward_prefixes(parameters, prefixes, heads), counts)
            totals.append(losses.double() * counts.sum())
        return torch.stack(totals).sum(0) / sum(counts.sum() for _, counts in self._pieces)
