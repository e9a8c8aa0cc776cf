"""An oracle: a training run in the manner of nanoGPT, one network and one step after the other."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from capacity.corpora import corpus
from capacity.experiment.cell import Cell
from capacity.model import transformer
from capacity.paper.protocol import MLT
from capacity.tasks.task import Line
from capacity.training import randomness
from tests.support.plain_transformer import PlainTransformer, plain_from_stack


def plain_rate(cell: Cell, iteration: int) -> float:
    """nanoGPT's schedule, written again."""
    if iteration < cell.warmup_iterations:
        return cell.learning_rate * (iteration + 1) / (cell.warmup_iterations + 1)
    if iteration > cell.decay_iterations:
        return cell.final_learning_rate
    part = (iteration - cell.warmup_iterations) / (cell.decay_iterations - cell.warmup_iterations)
    low, high = cell.final_learning_rate, cell.learning_rate
    return low + 0.5 * (1 + math.cos(math.pi * part)) * (high - low)


def plain_adam(network: PlainTransformer, cell: Cell, fused: bool = False) -> torch.optim.Optimizer:
    """One network's tensors as they are, each on its own: not stacked, not batched, and not fused unless that is
    wanted, which is several times faster for millions of parameters."""
    groups = [
        {"params": [value for value in network.parameters() if value.dim() >= 2], "weight_decay": cell.weight_decay},
        {"params": [value for value in network.parameters() if value.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.99), foreach=False, fused=fused)


def slow_training(
    cell: Cell, lines: list[Line], seed: int, clip: float, dtype: torch.dtype = torch.float32
) -> tuple[PlainTransformer, list[float]]:
    """A training run in the manner of nanoGPT: one network, every window of a batch, one step after the other."""
    vocabulary = corpus.vocabulary(lines)
    text = torch.tensor(vocabulary.encode("".join(line.text for line in corpus.stream_lines(lines))))
    start = transformer.initialise(cell.size, len(vocabulary), cell.block, [seed])
    network = plain_from_stack(start, 0, cell.size).to(dtype)
    optimizer = plain_adam(network, cell, fused=cell.size == MLT)
    draws, masks = (torch.Generator().manual_seed(randomness.seed_for(seed, each)) for each in ("data", "dropout"))
    dropped = int(cell.dropout * 2**16)  # of 2**16 equally probable numbers, four of which are one draw

    def drop(x: Tensor) -> Tensor:
        if cell.dropout == 0:
            return x
        drawn = torch.empty(math.ceil(x.numel() / 4), dtype=torch.int64).random_(-(2**63), None, generator=masks)
        numbers = 2**15 + drawn.view(torch.int16)[: x.numel()].view(x.shape).int()
        return x * (numbers >= dropped) / (1 - dropped / 2**16)

    losses = []
    for iteration in range(cell.iterations):
        offsets = torch.randint(len(text) - cell.block, (cell.batch,), generator=draws).tolist()
        inputs = torch.stack([text[offset : offset + cell.block] for offset in offsets])
        targets = torch.stack([text[offset + 1 : offset + cell.block + 1] for offset in offsets])
        optimizer.zero_grad()
        loss = functional.cross_entropy(network(inputs, drop).flatten(0, 1), targets.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
        for group in optimizer.param_groups:
            group["lr"] = plain_rate(cell, iteration)
        optimizer.step()
        losses.append(float(loss.detach()))
    return network, losses


def weights_of(network: PlainTransformer) -> transformer.Parameters:
    return {name.removesuffix(".weight"): value.detach() for name, value in network.named_parameters()}
