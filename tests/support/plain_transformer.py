"""An oracle: one network at a time, in torch.nn modules and nanoGPT's order, with nothing stacked or batched."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from capacity.model.initialization import shapes
from capacity.model.transformer import Parameters
from capacity.paper.protocol import Size


def keep_all(x: Tensor) -> Tensor:
    return x


class PlainBlock(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        width, hidden = size.width, size.mlp_factor * size.width
        self.heads = size.heads
        self.attention_norm = nn.LayerNorm(width, bias=False)
        self.attention_in = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.LayerNorm(width, bias=False)
        self.mlp_in = nn.Linear(width, hidden, bias=False)
        self.mlp_out = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor, drop: Callable[[Tensor], Tensor]) -> Tensor:
        rows, length, width = x.shape
        parts = self.attention_in(self.attention_norm(x)).split(width, dim=2)
        query, key, value = (part.view(rows, length, self.heads, -1).transpose(1, 2) for part in parts)
        scores = query @ key.transpose(2, 3) / math.sqrt(width // self.heads)
        past = torch.ones(length, length).tril() == 1
        weights = drop(functional.softmax(scores.masked_fill(~past, float("-inf")), dim=-1))
        mixed = (weights @ value).transpose(1, 2).reshape(rows, length, width)
        x = x + drop(self.attention_out(mixed))
        return x + drop(self.mlp_out(functional.gelu(self.mlp_in(self.mlp_norm(x)))))


class PlainTransformer(nn.Module):
    """Parameters have the names of :mod:`capacity.model.transformer`, with ``.weight`` at the end."""

    def __init__(self, size: Size, vocabulary: int, block: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary, size.width)
        self.position_embedding = nn.Embedding(block, size.width)
        self.blocks = nn.ModuleList([PlainBlock(size) for _ in range(size.layers)])
        self.final_norm = nn.LayerNorm(size.width, bias=False)
        self.head = nn.Linear(size.width, vocabulary, bias=False)
        self.head.weight = self.token_embedding.weight
        self.apply(self._redraw)
        for name, value in self.named_parameters():
            if name.endswith("_out.weight"):
                nn.init.normal_(value, 0.0, 0.02 / math.sqrt(2 * size.layers))

    @staticmethod
    def _redraw(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, 0.0, 0.02)

    def forward(self, tokens: Tensor, drop: Callable[[Tensor], Tensor] = keep_all) -> Tensor:
        """Logits, (rows, positions, characters), of (rows, positions) tokens."""
        x = drop(self.token_embedding(tokens) + self.position_embedding(torch.arange(tokens.shape[1])))
        for block in self.blocks:
            x = block(x, drop)
        return self.head(self.final_norm(x))


def plain_from_seed(size: Size, vocabulary: int, block: int, seed: int) -> PlainTransformer:
    """A network drawn as nanoGPT draws it, from torch's global generator, which is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PlainTransformer(size, vocabulary, block)


def plain_from_stack(parameters: Parameters, number: int, size: Size) -> PlainTransformer:
    """Network ``number`` of a stack."""
    vocabulary, block = parameters["token_embedding"].shape[1], parameters["position_embedding"].shape[1]
    network = plain_from_seed(size, vocabulary, block, 0).to(parameters["token_embedding"].dtype)
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.copy_(parameters[name.removesuffix(".weight")][number])
    return network


def by_position(logits: Tensor, rows: int) -> Tensor:
    """Logits of a stack as a plain network lays them out: (S, V, N T) to (S, N, T, V)."""
    return logits.unflatten(2, (rows, -1)).permute(0, 2, 3, 1)


def random_stack(
    size: Size, vocabulary: int, block: int, seeds: int, deviation: float = 0.3, dtype: torch.dtype = torch.float64
) -> Parameters:
    """Weights far from their small start, norms included, so that every part of a network matters."""
    generator = torch.Generator().manual_seed(7)
    drawn = {}
    for name, shape in shapes(size, vocabulary, block).items():
        mean = 1.0 if name.endswith("norm") else 0.0
        drawn[name] = mean + deviation * torch.randn((seeds, *shape), generator=generator, dtype=dtype)
    return drawn
