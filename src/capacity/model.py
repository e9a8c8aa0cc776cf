"""The Transformer, written once for a stack of independent networks.

Decoder-only, layer norm before each sublayer, GELU, learned positions, tied input and output embedding, no biases
(paper, section 3.2; the architecture of nanoGPT). Every parameter has a leading axis of length S, one slice per seed,
and every matrix product is batched over it, so S small networks cost hardly more than one on a GPU.

Axes in the comments: S seeds, N rows, T positions, d width, H heads, V vocabulary, m MLP factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from capacity.protocol import Size

Parameters = dict[str, Tensor]
Dropout = Callable[[Tensor], Tensor]

INITIAL_DEVIATION = 0.02
LAYER_NORM_EPSILON = 1e-5


def shapes(size: Size, vocabulary: int, block: int) -> dict[str, tuple[int, ...]]:
    """Shape of each parameter of one network, in nanoGPT's order of modules."""
    d, hidden = size.width, size.mlp_factor * size.width
    table: dict[str, tuple[int, ...]] = {"token_embedding": (vocabulary, d), "position_embedding": (block, d)}
    for layer in range(size.layers):
        table |= {
            f"blocks.{layer}.attention_norm": (d,),
            f"blocks.{layer}.attention_in": (3 * d, d),
            f"blocks.{layer}.attention_out": (d, d),
            f"blocks.{layer}.mlp_norm": (d,),
            f"blocks.{layer}.mlp_in": (hidden, d),
            f"blocks.{layer}.mlp_out": (d, hidden),
        }
    return table | {"final_norm": (d,)}


def count_parameters(size: Size, vocabulary: int, block: int) -> tuple[int, int]:
    """Numbers of one network's parameters: all of them, and without the positions, as the paper counts."""
    counts = {name: math.prod(shape) for name, shape in shapes(size, vocabulary, block).items()}
    total = sum(counts.values())
    return total, total - counts["position_embedding"]


def initialise(size: Size, vocabulary: int, block: int, generators: Sequence[torch.Generator]) -> Parameters:
    """Fresh parameters for a stack, slice s drawn from ``generators[s]`` alone (on the CPU, as in the paper)."""
    stack = [_initialise_one(size, vocabulary, block, generator) for generator in generators]
    return {name: torch.stack([one[name] for one in stack]) for name in stack[0]}


def _initialise_one(size: Size, vocabulary: int, block: int, generator: torch.Generator) -> Parameters:
    """N(0, 0.02) for matrices, N(0, 0.02 / sqrt(2 L)) for those that write to the residual stream, 1 for norms.

    The draws are made in nanoGPT's order, so that a seed starts where it starts there: each module's own default
    initialisation comes first and is overwritten, and the tied embedding is drawn twice.
    """
    table = shapes(size, vocabulary, block)
    parameters = {name: torch.ones(shape) for name, shape in table.items()}
    matrices = [name for name, shape in table.items() if len(shape) == 2]
    linear = [name for name in matrices if name.startswith("blocks.")]

    for name in ("token_embedding", "position_embedding"):
        torch.empty(table[name]).normal_(generator=generator)
    for name in [*linear, "token_embedding"]:  # the last one is the output head
        torch.empty(table[name]).uniform_(generator=generator)

    for name in [*matrices, "token_embedding"]:
        parameters[name].normal_(0.0, INITIAL_DEVIATION, generator=generator)
    for name in linear:
        if name.endswith("_out"):
            parameters[name].normal_(0.0, INITIAL_DEVIATION / math.sqrt(2 * size.layers), generator=generator)
    return parameters


def forward(
    parameters: Parameters,
    tokens: Tensor,
    heads: int,
    dropout: Dropout | None = None,
    last: Tensor | None = None,
) -> Tensor:
    """Logits of the next character.

    Args:
        parameters: of S networks, as :func:`initialise` makes them.
        tokens: (S, N, T), character numbers, T at most the block.
        heads: attention heads.
        dropout: applied where nanoGPT does: to the embeddings, the attention weights and each sublayer's output.
        last: (S, N), for each row the one position whose logits are wanted.

    Returns:
        (S, N, T, V), or (S, N, V) where ``last`` is given.
    """
    seeds, rows, length = tokens.shape
    drop = dropout or _identity
    embedding = parameters["token_embedding"]  # (S, V, d)
    layers = sum(name.endswith(".mlp_in") for name in parameters)

    # One flat table for the whole stack: seed s reads its own V rows.
    first = torch.arange(seeds, device=tokens.device) * embedding.shape[1]
    x = functional.embedding(tokens + first[:, None, None], embedding.flatten(0, 1))  # (S, N, T, d)
    x = x + parameters["position_embedding"][:, None, :length]
    x = drop(x).flatten(1, 2)  # (S, N T, d)

    for layer in range(layers):
        block = {name: parameters[f"blocks.{layer}.{name}"] for name in _BLOCK}
        projections = _scaled(block["attention_in"], block["attention_norm"])
        mixed = _attention(_normalise(x), projections, rows, length, heads, drop)
        x = x + drop(_linear(mixed, block["attention_out"]))
        hidden = functional.gelu(_linear(_normalise(x), _scaled(block["mlp_in"], block["mlp_norm"])))
        x = x + drop(_linear(hidden, block["mlp_out"]))

    if last is not None:
        place = torch.arange(rows, device=last.device) * length + last  # (S, N), into the N T positions
        x = x.gather(1, place[..., None].expand(-1, -1, x.shape[-1]))
    logits = _linear(_normalise(x), _scaled(embedding, parameters["final_norm"]))
    return logits if last is not None else logits.view(seeds, rows, length, -1)


_BLOCK = ("attention_norm", "attention_in", "attention_out", "mlp_norm", "mlp_in", "mlp_out")


def _identity(x: Tensor) -> Tensor:
    return x


def _linear(x: Tensor, weight: Tensor) -> Tensor:
    """(S, M, in) by (S, out, in) to (S, M, out)."""
    return torch.bmm(x, weight.transpose(1, 2))


def _normalise(x: Tensor) -> Tensor:
    """Layer norm over the last axis, without its weight."""
    return functional.layer_norm(x, x.shape[-1:], eps=LAYER_NORM_EPSILON)


def _scaled(weight: Tensor, norm: Tensor) -> Tensor:
    """A layer norm's weight (S, in), moved into the matrix (S, out, in) that reads the norm: the same product, but
    with a multiplication over a small matrix instead of one over every position."""
    return weight * norm[:, None]


def _attention(x: Tensor, projections: Tensor, rows: int, length: int, heads: int, drop: Dropout) -> Tensor:
    """Causal self-attention: (S, N T, d) by (S, 3 d, d), for queries, keys and values, to (S, N T, d)."""
    seeds, _, width = x.shape
    features = width // heads

    def heads_first(projection: Tensor) -> Tensor:
        split = _linear(x, projection).view(seeds, rows, length, heads, features)
        return split.transpose(2, 3).reshape(-1, length, features)  # (S N H, T, d / H)

    query, key, value = (heads_first(projection) for projection in projections.chunk(3, dim=1))
    future = torch.full((length, length), -math.inf, device=x.device, dtype=x.dtype).triu(1)
    scores = torch.baddbmm(future, query, key.transpose(1, 2), alpha=1 / math.sqrt(features))  # (S N H, T, T)
    weights = torch.softmax(scores, dim=-1).view(seeds, rows, heads, length, length)
    mixed = drop(weights).view(-1, length, length) @ value
    return mixed.view(seeds, rows, heads, length, features).transpose(2, 3).reshape(seeds, -1, width)
