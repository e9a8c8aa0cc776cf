"""What is measured of a stack of networks at each evaluation during training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from capacity.corpora import corpus
from capacity.corpora.prefixes import prefixes_of
from capacity.corpora.streams import Stream
from capacity.evaluation.margins import ROWS_AT_ONCE, Candidates
from capacity.evaluation.questions import QuestionSet
from capacity.experiment.cell import Cell
from capacity.model import transformer
from capacity.tasks.task import Line
from capacity.training.batches import target_counts
from capacity.training.losses import prefix_losses


class Evaluator:
    """Measures the exact loss over all rows of the stream, every score, and the margins of the held-out questions.

    The margins of all other questions are taken once, at the end, by the evaluation stage.

    Args:
        lines: the lines of the corpus.
        stream: the training rows.
        cell: the cell that is trained.
        device: where the networks are.
    """

    def __init__(self, lines: Sequence[Line], stream: Stream, cell: Cell, device: str) -> None:
        vocabulary = corpus.vocabulary(lines)
        self._pieces = []
        for numbers in torch.split(torch.arange(len(stream)), ROWS_AT_ONCE):
            rows = stream.rows[numbers]
            prefixes = prefixes_of(rows.inputs)
            counts = target_counts(prefixes, rows, torch.ones(len(numbers)), len(vocabulary))
            self._pieces.append((prefixes.to(device), counts.to(device)))
        self._question_set = QuestionSet(lines, vocabulary, cell.block)
        self._held_out = []
        for task in dict.fromkeys(line.task for line in lines if line.split == "held_out"):
            questions = [question for question in self._question_set.questions if question.line.task == task]
            chosen = [number for number, question in enumerate(questions) if question.line.split == "held_out"]
            self._held_out.append(Candidates(questions, vocabulary, cell.block, chosen))

    def measure(self, parameters: transformer.Parameters, heads: int) -> dict[str, list[float]]:
        """Return each measure by name, with one value per seed; scores are fractions of their denominators.

        Args:
            parameters: those of S networks.
            heads: attention heads of each block.
        """
        with torch.no_grad():
            measures = {"stream_loss": self.exact_loss(parameters, heads).tolist()}
            scores = self._question_set.scores(self._question_set.ask(parameters, heads))
            totals = self._question_set.totals()
            measures |= {name: (count.double() / totals[name]).tolist() for name, count in scores.items()}
            if self._held_out:
                tables = [(each, each.log_probabilities(parameters, heads)) for each in self._held_out]
                margins = torch.cat([each.margins(table)[1] for each, table in tables], 1).double()
                measures["held_out_margin"] = margins.mean(1).tolist()
                measures["held_out_smallest_margin"] = margins.amin(1).tolist()
            return measures

    def exact_loss(self, parameters: transformer.Parameters, heads: int) -> Tensor:
        """Return the losses, (S,), in nats per counted character, over every row and not a sample of them."""
        totals = []
        for prefixes, counts in self._pieces:
            losses = prefix_losses(transformer.forward_prefixes(parameters, prefixes, heads), counts)
            totals.append(losses.double() * counts.sum())
        return torch.stack(totals).sum(0) / sum(counts.sum() for _, counts in self._pieces)
