"""AdamW with a clipped gradient beside torch's."""

from __future__ import annotations

import math

import numba
import numpy
import pytest
import torch

from capacity.kernel import optimizer

SIZE = 1003  # no multiple of the parts in which squares are summed
RATES = (1e-3, 5e-3, 2e-3)


@numba.njit(error_model="numpy")
def clip_scale(gradient, largest):
    return optimizer.clip_scale(gradient, largest, numpy.zeros(optimizer.PARTS, numpy.float32))


@numba.njit(error_model="numpy")
def adamw(weights, gradient, first, second, decayed, rate, weight_decay, beta1, beta2, power1, power2, largest):
    optimizer.adamw(
        weights,
        gradient,
        first,
        second,
        decayed,
        rate,
        weight_decay,
        beta1,
        beta2,
        power1,
        power2,
        largest,
        numpy.zeros(optimizer.PARTS, numpy.float32),
    )


def numbers(seed, scale=1.0):
    return (numpy.random.default_rng(seed).normal(size=SIZE) * scale).astype(numpy.float32)


@pytest.mark.parametrize("scale", [1.0, 1e-3], ids=["clipped", "not clipped"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_steps_are_those_of_torch(weight_decay, scale):
    weights, first, second = numbers(0), numpy.zeros(SIZE, numpy.float32), numpy.zeros(SIZE, numpy.float32)
    decayed = (numpy.arange(SIZE) < 700).astype(numpy.float32)
    parts = [torch.tensor(part, dtype=torch.float64) for part in (weights[:700], weights[700:])]
    groups = [{"params": [parts[0]], "weight_decay": weight_decay}, {"params": [parts[1]], "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, betas=(0.9, 0.99), foreach=False)
    for step in range(30):
        gradient = numbers(step + 1, scale)
        rate = RATES[step % 3]
        adamw(weights, gradient, first, second, decayed, rate, weight_decay, 0.9, 0.99, 0.9 ** (step + 1),
              0.99 ** (step + 1), 1.0)  # fmt: skip
        for part, of_part in zip(parts, (gradient[:700], gradient[700:]), strict=True):
            part.grad = torch.tensor(of_part, dtype=torch.float64)
        torch.nn.utils.clip_grad_norm_(parts, 1.0)
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()
    numpy.testing.assert_allclose(weights, torch.cat(parts).numpy(), rtol=0, atol=5e-6)
    assert abs(weights - numbers(0)).max() > 0.01


def test_a_gradient_is_clipped_to_its_norm():
    gradient = numbers(1)
    norm = math.sqrt((gradient.astype(numpy.float64) ** 2).sum())
    assert clip_scale(gradient, 1.0) == pytest.approx(1 / norm, rel=1e-6)
    assert clip_scale(gradient, 2 * norm) == 1
    assert clip_scale(numpy.zeros(SIZE, numpy.float32), 1.0) == 1


@pytest.mark.parametrize("place", [0, 17, SIZE - 1])
@pytest.mark.parametrize("number", [numpy.nan, numpy.inf, -numpy.inf, 1e30])
def test_a_gradient_whose_norm_is_not_finite_makes_every_weight_nan(place, number):
    gradient = numbers(1, 1e-3)
    gradient[place] = number
    assert numpy.isnan(clip_scale(gradient, 1.0))
    weights, first, second, decayed = (numbers(0), *(numpy.zeros(SIZE, numpy.float32) for _ in range(3)))
    adamw(weights, gradient, first, second, decayed, 1e-3, 0.0, 0.9, 0.99, 0.9, 0.99, 1.0)
    assert numpy.isnan(weights).all()
