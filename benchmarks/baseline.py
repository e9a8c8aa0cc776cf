"""The plain way to train such a network, after the manner of nanoGPT: torch modules, one network at a time.

A batch is gathered row by row, gradients are clipped by torch's own function, and an evaluation asks every prompt by
itself: ten samples at temperature 0.01, one at a time, each new character by a forward pass over the whole text. The
names of modules are those of the parameters of :mod:`capacity.model.transformer`, so that both can start from the same
ones.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks import torch_device
from benchmarks.measure import Sample, timed
from benchmarks.setting import Setting
from capacity.corpora import corpus
from capacity.experiment.cell import Cell
from capacity.model import transformer
from capacity.paper import protocol
from capacity.paper.protocol import Size
from capacity.tasks.registry import PARTS
from capacity.training.schedule import learning_rate

SAMPLES_PER_PROMPT = 10
TEMPERATURE = 0.01
LOSS_BATCHES = 20
PROMPTS_PER_TASK = 10
"""Prompts that are asked when an evaluation is timed: drawn anew each time, and the time scaled to all of them."""


def enter(setting: Setting) -> Baseline:
    torch_device.prepare(setting)
    return Baseline(setting)


class Block(nn.Module):
    """Self-attention and MLP, each behind a layer norm: (N, T, d) to (N, T, d)."""

    def __init__(self, size: Size, dropout: float) -> None:
        super().__init__()
        d, hidden = size.width, size.mlp_factor * size.width
        self.heads = size.heads
        self.dropout = dropout
        self.attention_norm = nn.LayerNorm(d, bias=False)
        self.attention_in = nn.Linear(d, 3 * d, bias=False)
        self.attention_out = nn.Linear(d, d, bias=False)
        self.mlp_norm = nn.LayerNorm(d, bias=False)
        self.mlp_in = nn.Linear(d, hidden, bias=False)
        self.mlp_out = nn.Linear(hidden, d, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._drop(self.attention_out(self._attend(self.attention_norm(x))))
        hidden = functional.gelu(self.mlp_in(self.mlp_norm(x)))
        return x + self._drop(self.mlp_out(hidden))

    def _drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout, self.training)

    def _attend(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        parts = self.attention_in(x).split(width, dim=2)
        query, key, value = (part.view(rows, length, self.heads, -1).transpose(1, 2) for part in parts)
        rate = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, dropout_p=rate, is_causal=True)
        return mixed.transpose(1, 2).reshape(rows, length, width)


class Transformer(nn.Module):
    """Logits (N, T, V) of (N, T) characters, with the embedding as the output matrix too."""

    def __init__(self, size: Size, vocabulary: int, block: int, dropout: float) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary, size.width)
        self.position_embedding = nn.Embedding(block, size.width)
        self.blocks = nn.ModuleList(Block(size, dropout) for _ in range(size.layers))
        self.final_norm = nn.LayerNorm(size.width, bias=False)
        self.drop = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, last_only: bool = False) -> Tensor:
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.drop(self.token_embedding(tokens) + self.position_embedding(positions))
        for block in self.blocks:
            x = block(x)
        x = self.final_norm(x[:, -1:] if last_only else x)
        return functional.linear(x, self.token_embedding.weight)


class Trainer:
    """One network, its optimizer, and an update on a given batch."""

    def __init__(self, cell: Cell, parameters: Mapping[str, Tensor], device: str, precision: str = "float32") -> None:
        """``parameters``: of one network, by their names in :mod:`capacity.model.transformer`, without a seed axis."""
        vocabulary = len(parameters["token_embedding"])
        self.network = Transformer(cell.size, vocabulary, cell.block, cell.dropout).to(device)
        self.network.load_state_dict({f"{name}.weight": value for name, value in parameters.items()})
        matrices = [value for value in self.network.parameters() if value.dim() >= 2]
        norms = [value for value in self.network.parameters() if value.dim() < 2]
        self._optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": cell.weight_decay}, {"params": norms, "weight_decay": 0.0}],
            lr=cell.learning_rate,
            betas=(protocol.ADAM_BETA1, protocol.ADAM_BETA2),
            fused=device == "cuda",
        )
        self._device = device
        self._precision = precision

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean negative log-likelihood of (N, T) targets, in nats."""
        with self.arithmetic():
            logits = self.network(inputs)
            return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def update(self, inputs: Tensor, targets: Tensor, rate: float) -> Tensor:
        """One update at a learning rate; the loss before it."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        loss = self.loss(inputs, targets)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), protocol.GRADIENT_CLIP)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def parameters(self) -> dict[str, Tensor]:
        """The parameters by their names in :mod:`capacity.model.transformer`."""
        return {name.removesuffix(".weight"): value.detach() for name, value in self.network.named_parameters()}

    def arithmetic(self) -> contextlib.AbstractContextManager[object]:
        """The precision of matrix products."""
        if self._precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self._device, dtype=getattr(torch, self._precision))


class Baseline:
    """Plain training of a cell, with batches drawn from its text."""

    def __init__(self, setting: Setting) -> None:
        if setting.seeds != 1:
            raise ValueError(f"seeds: the baseline trains one network at a time, not {setting.seeds}")
        self._cell = setting.cell
        self._device = setting.device
        lines = corpus.build(self._cell)
        self._vocabulary = corpus.vocabulary(lines)
        text = "".join(line.text for line in corpus.stream_lines(lines))
        self._text = torch.tensor(self._vocabulary.encode(text))
        self._prompts = {task: [line.paper_prompt for line in lines if line.task == task] for task in PARTS}
        start = transformer.initialise(self._cell.size, len(self._vocabulary), self._cell.block, [0])
        parameters = {name: value[0] for name, value in start.items()}
        self._trainer = Trainer(self._cell, parameters, setting.device, setting.precision or "float32")
        self._draws = torch.Generator().manual_seed(0)
        self._choice = random.Random(0)
        self._iteration = 0

    def update(self, updates: int, untimed: int = 0) -> Sample:
        self._advance(untimed)
        return timed(partial(self._advance, updates), partial(torch_device.finish, self._device))

    def evaluate(self) -> Sample:
        """A loss estimate, and a sample of each task's prompts, whose time is scaled to all of them."""
        network = self._trainer.network.eval()
        finish = partial(torch_device.finish, self._device)
        with torch.no_grad(), self._trainer.arithmetic():
            total = timed(self._estimate_loss, finish)
            for task, prompts in self._prompts.items():
                if prompts:
                    chosen = self._choice.sample(prompts, min(PROMPTS_PER_TASK, len(prompts)))
                    asked = timed(partial(self._ask, chosen, PARTS[task].new_characters), finish)
                    total += asked * (len(prompts) / len(chosen))
        network.train()
        return total

    def peak_bytes(self) -> int:
        return torch_device.peak_bytes(self._device)

    def _advance(self, updates: int) -> None:
        for _ in range(updates):
            inputs, targets = self._draw()
            self._trainer.update(inputs, targets, learning_rate(self._cell, self._iteration % self._cell.iterations))
            self._iteration += 1

    def _draw(self) -> tuple[Tensor, Tensor]:
        block = self._cell.block
        starts = torch.randint(len(self._text) - block, (self._cell.batch,), generator=self._draws)
        inputs = torch.stack([self._text[first : first + block] for first in starts])
        targets = torch.stack([self._text[first + 1 : first + 1 + block] for first in starts])
        if self._device == "cuda":  # so that they are copied while the GPU works
            inputs, targets = inputs.pin_memory(), targets.pin_memory()
        return inputs.to(self._device, non_blocking=True), targets.to(self._device, non_blocking=True)

    def _estimate_loss(self) -> float:
        losses = [self._trainer.loss(*self._draw()).item() for _ in range(LOSS_BATCHES)]
        return sum(losses) / len(losses)

    def _ask(self, prompts: Sequence[str], characters: int) -> list[list[str]]:
        """For each prompt, the texts of its samples."""
        return [[self._continue(prompt, characters) for _ in range(SAMPLES_PER_PROMPT)] for prompt in prompts]

    def _continue(self, prompt: str, characters: int) -> str:
        text = torch.tensor([self._vocabulary.encode(prompt)], device=self._device)
        for _ in range(characters):
            logits = self._trainer.network(text[:, -self._cell.block :], last_only=True)[:, -1]
            probabilities = functional.softmax(logits.float() / TEMPERATURE, dim=-1)
            text = torch.cat([text, torch.multinomial(probabilities, 1)], dim=1)
        return self._vocabulary.decode(text[0].tolist())
