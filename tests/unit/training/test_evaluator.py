from __future__ import annotations

import numpy
import pytest
import torch
from torch.nn import functional

from capacity.corpora import corpus
from capacity.corpora.streams import Stream
from capacity.evaluation import readings
from capacity.model import transformer
from capacity.paper.protocol import STREAMS
from capacity.training import loop
from capacity.training.evaluator import Evaluator
from tests.support.networks import networks_of
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
    networks = networks_of(parameters, DEEP)
    found = Evaluator(lines, rows, cell).exact_loss(networks)
    monkeypatch.setattr(readings, "ROWS_AT_ONCE", 100)
    in_pieces = Evaluator(lines, rows, cell).exact_loss(networks)
    assert found.dtype == in_pieces.dtype == numpy.float64
    inputs, targets, counted = (torch.as_tensor(numpy.array(each)) for each in vars(rows.rows).values())
    for number, seed in enumerate((1, 2)):
        with torch.no_grad():
            logits = plain_from_seed(DEEP, len(vocabulary), cell.block, seed)(inputs)
        each = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        expected = float(each[counted.flatten() == 1].double().mean())
        assert float(found[number]) == pytest.approx(expected, abs=1e-5)
        assert float(in_pieces[number]) == pytest.approx(expected, abs=1e-5)
