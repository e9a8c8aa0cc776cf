"""The loss of a batch: cross-entropy per counted character, for a batch of rows or of distinct prefixes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def row_losses(logits: Tensor, targets: Tensor, counted: Tensor) -> Tensor:
    """Return the mean negative log-likelihoods of the counted targets of a batch, (S,), in nats.

    Args:
        logits: of the V characters at every position, (S, V, N T).
        targets: of the batch, (S, N, T).
        counted: 1.0 where a target counts and 0.0 where it does not, (S, N, T).
    """
    each = functional.cross_entropy(logits, targets.flatten(1), reduction="none")
    weights = counted.flatten(1)
    return (each * weights).sum(1) / weights.sum(1)


def prefix_losses(logits: Tensor, counts: Tensor) -> Tensor:
    """Return the losses of :func:`row_losses`, (S,), in nats, with each distinct prefix of the batch computed once.

    Args:
        logits: of the V characters after each of P prefixes, (S, V, P).
        counts: how often each character is the target after each prefix, (V, P).
    """
    losses: Tensor = _PrefixLosses.apply(logits, counts)  # type: ignore[no-untyped-call]
    return losses


class _PrefixLosses(torch.autograd.Function):
    """The cross-entropy with its gradient written out, so that both use the same exponentials."""

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
