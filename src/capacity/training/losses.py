"""TODO training.losses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from capacity.corpora.streams import Rows


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
