"""AdamW for a stack of networks, with gradients clipped for each network (paper, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from capacity.paper import protocol

ADAM_EPSILON = 1e-8


def clip_per_seed(gradients: Sequence[Tensor], largest: float) -> None:
    """Scale the gradients of each seed in place, so that the norm over all its tensors is at most ``largest``."""
    norms = torch.stack([torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients])
    scale = (largest / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1.0)  # (S,)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))


class AdamW:
    """Fused AdamW over a stack. Weight decay acts on matrices, embeddings included, and not on norms (section 3.3).

    It calls the function of torch and not its class: the state is plain tensors, and a job starts in half the time,
    because the class loads the compiler of torch.

    Args:
        parameters: those of the stack, each with a leading axis of S.
        weight_decay: per unit of learning rate.
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
        """Make one step.

        Args:
            gradients: one for each parameter.
            rate: the learning rate. In a tensor it is read anew whenever a captured step is replayed.
        """
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

    def state(self) -> dict[str, Tensor]:
        """Return the moments and counts of steps by name, not copied: a step changes them in place."""
        lists = {"first": self._first, "second": self._second, "steps": self._steps}
        return {f"{name}.{number}": value for name, values in lists.items() for number, value in enumerate(values)}
