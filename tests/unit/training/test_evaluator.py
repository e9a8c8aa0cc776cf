from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from capacity.corpora import corpus
from capacity.corpora.streams import Stream
from capacity.model import transformer
from capacity.paper.protocol import STREAMS
from capacity.training import evaluator, loop
from tests.support.plain_transformer import plain_from_seed
from tests.support.short_cells import DEEP, nothing, short_cell


def test_nothing_held_out_leaves_no_margin_of_held_out_items():
    cell = short_cell(task="facts")
    history = loop.train(cell, corpus.build(cell), [3], "cpu", nothing).history
    assert not any("held_out" in name for name in history[0])


@pytest.mark.parametrize("stream", STREAMS)
def test_the_exact_loss_is_the_mean_over_every_counted_character(stream, monkeypatch):
    cell = short_cell(DEEP, "joint", stream=stream)
    lines = corpus.build(cell)
    vocabulary = corpus.vocabulary(lines)
    rows = Stream(corpus.stream_lines(lines), vocabulary, stream, cell.block)
    parameters = transformer.initialise(DEEP, len(vocabulary), cell.block, (1, 2))
    with torch.no_grad():
        found = evaluator.Evaluator(lines, rows, cell, "cpu").exact_loss(parameters, DEEP.heads)
        monkeypatch.setattr(evaluator, "ROWS_AT_ONCE", 100)
        in_pieces = evaluator.Evaluator(lines, rows, cell, "cpu").exact_loss(parameters, DEEP.heads)
        assert found.dtype == in_pieces.dtype == torch.float64
        for number, seed in enumerate((1, 2)):
            logits = plain_from_seed(DEEP, len(vocabulary), cell.block, seed)(rows.rows.inputs)
            each = functional.cross_entropy(logits.flatten(0, 1), rows.rows.targets.flatten(), reduction="none")
            expected = float(each[rows.rows.counted.flatten() == 1].double().mean())
            assert float(found[number]) == pytest.approx(expected, abs=1e-5)
            assert float(in_pieces[number]) == pytest.approx(expected, abs=1e-5)
