from __future__ import annotations

import pytest
import torch

from capacity.model import transformer
from capacity.training.optimizer import AdamW, clip_per_seed
from tests.support.plain_training import plain_adam
from tests.support.plain_transformer import plain_from_stack
from tests.support.short_cells import DEEP, short_cell


@pytest.mark.parametrize("largest", [0.1, 1.0, 1e3])
def test_clipping_a_stack_clips_each_seed_as_torch_clips_one_network(largest):
    generator = torch.Generator().manual_seed(1)
    scales = torch.tensor([1e-3, 0.0, 0.3, 40.0])
    stack = [
        torch.randn(4, *shape, generator=generator) * scales.view(-1, *[1] * len(shape))
        for shape in [(5, 3), (3,), (7, 2)]
    ]
    expected = []
    for seed in range(4):
        alone = [torch.nn.Parameter(torch.zeros_like(gradient[seed])) for gradient in stack]
        for parameter, gradient in zip(alone, stack, strict=True):
            parameter.grad = gradient[seed].clone()
        torch.nn.utils.clip_grad_norm_(alone, largest)
        expected.append([value.grad for value in alone])
    clip_per_seed(stack, largest)
    for seed in range(4):
        for gradient, value in zip(stack, expected[seed], strict=True):
            torch.testing.assert_close(gradient[seed], value, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_updates_of_a_stack_are_those_of_plain_adamw_on_each_network(decay, as_tensor):
    cell = short_cell(DEEP, weight_decay=decay)
    seeds = (3, 4)
    stack = {name: value.requires_grad_() for name, value in transformer.initialise(DEEP, 17, 9, seeds).items()}
    adamw = AdamW(list(stack.values()), decay)
    networks = [plain_from_stack(stack, number, DEEP) for number in range(len(seeds))]
    plain = [plain_adam(network, cell) for network in networks]
    generator = torch.Generator().manual_seed(9)
    for rate in (1e-2, 3e-3, 2e-2):
        gradients = {name: torch.randn(value.shape, generator=generator) for name, value in stack.items()}
        adamw.step(list(gradients.values()), torch.tensor(rate) if as_tensor else rate)
        for number, (network, each) in enumerate(zip(networks, plain, strict=True)):
            for name, gradient in gradients.items():
                network.get_parameter(f"{name}.weight").grad = gradient[number].clone()
            for group in each.param_groups:
                group["lr"] = rate
            each.step()
    for number, network in enumerate(networks):
        for name, value in network.named_parameters():
            torch.testing.assert_close(stack[name.removesuffix(".weight")][number], value, rtol=1e-6, atol=1e-7)


def test_weight_decay_shrinks_matrices_and_embeddings_and_no_norm():
    stack = transformer.initialise(DEEP, 17, 9, [0])
    before = {name: value.clone() for name, value in stack.items()}
    AdamW(list(stack.values()), 0.5).step([torch.zeros_like(value) for value in stack.values()], 0.1)
    for name, value in stack.items():
        factor = 1.0 if name.endswith("norm") else 1 - 0.1 * 0.5
        torch.testing.assert_close(value, before[name] * factor, rtol=1e-6, atol=0)


def test_the_optimizer_reads_gradients_whatever_their_layout():
    generator = torch.Generator().manual_seed(3)
    gradient = torch.randn(2, 5, 3, generator=generator)
    moved = []
    for each in (gradient, gradient.transpose(1, 2).contiguous().transpose(1, 2)):
        weight = torch.zeros(2, 5, 3)
        adamw = AdamW([weight, torch.zeros(2, 3)], 0.0)
        adamw.step([each, torch.zeros(2, 3)], 0.1)
        moved.append(weight)
    assert torch.equal(*moved)
    torch.testing.assert_close(moved[0], -0.1 * gradient.sign(), rtol=0, atol=1e-4)
