"""The Transformer, written once for a stack of independent networks.

Decoder-only, layer norm before each sublayer, GELU, learned positions, tied input and output embedding, no biases
(paper, section 3.2; the architecture of nanoGPT). Every parameter has a leading axis of length S, one slice per seed,
and every matrix product is batched over it, so S small networks cost hardly more than one on a GPU.

States that are computed for distinct prefixes are columns: (S, d, C), features before the C states of a batch, as in
W x. Sums over the few features of a small network then run along long rows of memory, which is several times faster
than across them. Where every position is computed, states are rows, (S, C, d), which suits wide networks and GPUs.

Axes in the comments: S seeds, N rows, T positions, d width, H heads, f features of a head, V vocabulary, m MLP factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from capacity.corpora.prefixes import Prefixes
from capacity.model import initialization
from capacity.model.products import multiply
from capacity.paper.protocol import Size

Parameters = dict[str, Tensor]
Dropout = Callable[[Tensor], Tensor]

PREFIXES_AT_ONCE = 32
"""The number of states of :func:`forward_prefixes` is rounded up to a multiple of this, because a library that prepares
itself anew for every shape of a matrix would do so for almost every batch."""


def initialise(size: Size, vocabulary: int, block: int, seeds: Sequence[int]) -> Parameters:
    """Return the tensors of :func:`capacity.model.initialization.initialise`, on the CPU."""
    drawn = initialization.initialise(size, vocabulary, block, seeds)
    return {name: torch.from_numpy(value) for name, value in drawn.items()}


@dataclass(frozen=True)
class PrefixTensors:
    """:class:`capacity.corpora.prefixes.Prefixes` on a device: its attributes as tensors."""

    rows: Tensor
    row_inputs: Tensor
    ends: Tensor
    last_inputs: Tensor
    tokens: Tensor
    places: Tensor

    @classmethod
    def of(cls, prefixes: Prefixes, device: str | torch.device) -> PrefixTensors:
        """Return prefixes as tensors on a device."""
        return cls(**{name: torch.as_tensor(value, device=device) for name, value in vars(prefixes).items()})


def forward(
    parameters: Parameters,
    tokens: Tensor,
    heads: int,
    dropout: Dropout | None = None,
    places: Tensor | None = None,
) -> Tensor:
    """Logits of the next character, every position of every row computed by itself.

    Args:
        parameters: of S networks, as :func:`initialise` makes them.
        tokens: (S, N, T), character numbers, T at most the block.
        heads: attention heads.
        dropout: applied where nanoGPT does: to the embeddings, the attention weights and each sublayer's output.
        places: (S, P), the positions whose logits are wanted, as numbers into the N T of all rows; all if None.

    Returns:
        (S, V, N T), or (S, V, P) where ``places`` are given.
    """
    seeds, rows, length = tokens.shape
    drop = dropout or _identity

    embedding = parameters["token_embedding"]  # (S, V, d)
    # One flat table for the whole stack: seed s reads its own V rows.
    first = torch.arange(seeds, device=tokens.device) * embedding.shape[1]
    x = functional.embedding(tokens + first[:, None, None], embedding.flatten(0, 1))  # (S, N, T, d)
    x = drop((x + parameters["position_embedding"][:, None, :length]).flatten(1, 2))  # (S, N T, d)

    for block in _blocks(parameters):
        projected = _read_states(block["attention_in"], block["attention_norm"], x)  # (S, N T, 3 d)
        by_head = projected.view(seeds, rows, length, 3, heads, -1).permute(3, 0, 1, 4, 2, 5)
        query, key, value = by_head.flatten(1, 3).unbind()  # (S N H, T, f) each
        weights = drop(_attention_weights(query, key).view(seeds, rows, heads, length, length)).flatten(0, 2)
        mixed = _mix(weights, value, rows, heads)
        x = x + drop(multiply(mixed, block["attention_out"].transpose(1, 2)))
        hidden = functional.gelu(_read_states(block["mlp_in"], block["mlp_norm"], x))
        x = x + drop(multiply(hidden, block["mlp_out"].transpose(1, 2)))

    if places is not None:
        x = x.gather(1, places[:, :, None].expand(-1, -1, x.shape[2]))
    return _read_states(parameters["token_embedding"], parameters["final_norm"], x).transpose(1, 2)


def forward_prefixes(parameters: Parameters, prefixes: PrefixTensors, heads: int) -> Tensor:
    """Logits after each distinct prefix of a batch of rows: the numbers of :func:`forward`, each computed once.

    A state depends on nothing but the characters up to it, so positions with equal beginnings share their states, and
    before the first attention all positions with the same character and place do. Not for training with dropout,
    which makes equal positions unequal.

    Args:
        parameters: of S networks.
        prefixes: of the rows, which are the same for all S networks.
        heads: attention heads.

    Returns:
        (S, V, P), for the P prefixes.
    """
    rows, length = prefixes.rows.shape
    padding = -len(prefixes.ends) % PREFIXES_AT_ONCE
    embedded = _pick(parameters["token_embedding"], prefixes.tokens)
    x = (embedded + _pick(parameters["position_embedding"], prefixes.places)).transpose(1, 2)  # (S, d, Q)
    states = prefixes.row_inputs

    for block in _blocks(parameters):
        weights_in = block["attention_in"]
        if heads == 1:  # a sum of projected values is the projection of the sum, and projecting the matrix costs least
            query, key, value = weights_in.chunk(3, dim=1)
            weights_in = torch.cat([query, key, multiply(block["attention_out"], value)], dim=1)
        table = _read(weights_in, block["attention_norm"], x).transpose(1, 2).contiguous()  # (S, C, 3 d)
        if states is prefixes.row_inputs and table.shape[1] ** 2 <= rows * length**2:
            query, key, value = table.chunk(3, dim=2)
            weights = _attention_weights_of_inputs(query, key, prefixes, heads)
            value = _pick(value, states)
        else:
            query, key, value = _pick(table, states).chunk(3, dim=3)
            weights = _attention_weights(_by_head(query, heads), _by_head(key, heads))
        mixed = _pick_once(_mix(weights, _by_head(value, heads), rows, heads), prefixes.ends, padding)
        if states is prefixes.row_inputs:
            x = _pick(x.transpose(1, 2), functional.pad(prefixes.last_inputs, (0, padding))).transpose(1, 2)
            states = prefixes.rows
        mixed = mixed.transpose(1, 2)
        x = (x + (mixed if heads == 1 else multiply(block["attention_out"], mixed))).contiguous()
        x = x + _mlp(block, x)
    return _head(parameters, x)[..., : len(prefixes.ends)]


_BLOCK = ("attention_norm", "attention_in", "attention_out", "mlp_norm", "mlp_in", "mlp_out")


def _blocks(parameters: Parameters) -> list[Parameters]:
    layers = sum(name.endswith(".mlp_in") for name in parameters)
    return [{name: parameters[f"blocks.{layer}.{name}"] for name in _BLOCK} for layer in range(layers)]


def _identity(x: Tensor) -> Tensor:
    return x


class _Normalise(torch.autograd.Function):
    """Layer norm over the features of (S, d, C), without its weight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        centred = x - x.mean(1, keepdim=True)
        # nanoGPT's epsilon, not by name: torch.compile cannot read a global float in here.
        scale = torch.rsqrt((centred * centred).mean(1, keepdim=True) + 1e-5)
        normalised = centred.mul_(scale)
        ctx.save_for_backward(normalised, scale)
        return normalised

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        normalised, scale = ctx.saved_tensors
        along = (gradient * normalised).mean(1, keepdim=True)
        rest = torch.addcmul(gradient - gradient.mean(1, keepdim=True), normalised, along, value=-1)
        return rest.mul_(scale)


def _normalise(x: Tensor) -> Tensor:
    normalised: Tensor = _Normalise.apply(x)  # type: ignore[no-untyped-call]
    return normalised


def _read(weight: Tensor, norm: Tensor, x: Tensor) -> Tensor:
    """The product of a matrix (S, out, in) and the layer norm, with weight (S, in), of states (S, in, C): (S, out, C).

    The weight of the norm multiplies the smaller of both.
    """
    normalised = _normalise(x)
    if weight.shape[1] < x.shape[2]:
        return multiply(weight * norm[:, None], normalised)
    return multiply(weight, normalised * norm[:, :, None])


def _read_states(weight: Tensor, norm: Tensor, x: Tensor) -> Tensor:
    """:func:`_read` of states (S, C, in): (S, C, out)."""
    normalised = functional.layer_norm(x, x.shape[2:])
    if weight.shape[1] < x.shape[1]:
        return multiply(normalised, (weight * norm[:, None]).transpose(1, 2))
    return multiply(normalised * norm[:, None], weight.transpose(1, 2))


def _mlp(block: Parameters, x: Tensor) -> Tensor:
    """(S, d, C) to (S, d, C)."""
    hidden = _read(block["mlp_in"], block["mlp_norm"], x)
    return multiply(block["mlp_out"], functional.gelu(hidden))


def _head(parameters: Parameters, x: Tensor) -> Tensor:
    """Logits (S, V, C) of states (S, d, C)."""
    return _read(parameters["token_embedding"], parameters["final_norm"], x)


def _pick(table: Tensor, index: Tensor) -> Tensor:
    """Rows of each network's table, (S, C, k), by numbers of any shape: (S, ..., k)."""
    seeds, count, features = table.shape
    chosen = index.flatten()
    if seeds > 1:
        chosen = (chosen + count * torch.arange(seeds, device=index.device)[:, None]).flatten()
    return table.reshape(-1, features).index_select(0, chosen).view(seeds, *index.shape, features)


class _PickOnce(torch.autograd.Function):
    """:func:`_pick` of distinct numbers (P,), and zeros after them: gradients are moved, with nothing to add up."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor, padding: int) -> Tensor:
        ctx.save_for_backward(index)
        ctx.shape = table.shape
        seeds, _, features = table.shape
        picked = table.new_zeros(seeds, len(index) + padding, features)
        picked[:, : len(index)] = table.index_select(1, index)
        return picked

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (index,) = ctx.saved_tensors
        return gradient.new_zeros(ctx.shape).index_copy_(1, index, gradient[:, : len(index)]), None, None


def _pick_once(table: Tensor, index: Tensor, padding: int) -> Tensor:
    picked: Tensor = _PickOnce.apply(table, index, padding)  # type: ignore[no-untyped-call]
    return picked


def _by_head(x: Tensor, heads: int) -> Tensor:
    """(S, N, T, d) to (S N H, T, f)."""
    seeds, rows, length, width = x.shape
    return x.view(seeds, rows, length, heads, -1).transpose(2, 3).reshape(-1, length, width // heads)


def _attention_weights(query: Tensor, key: Tensor) -> Tensor:
    """Causal attention weights of (S N H, T, f) queries and keys: (S N H, T queries, T keys).

    In memory keys come before queries: a softmax over the last of so few positions would be several times slower.
    """
    length, features = query.shape[1:]
    future = torch.full((length, length), -math.inf, device=query.device, dtype=query.dtype).tril(-1)
    scores = torch.baddbmm(future, key, query.transpose(1, 2), alpha=1 / math.sqrt(features))
    return torch.softmax(scores, dim=1).transpose(1, 2)


def _attention_weights_of_inputs(query: Tensor, key: Tensor, prefixes: PrefixTensors, heads: int) -> Tensor:
    """The same from the queries and keys of the distinct inputs, (S, Q, d): each pair is multiplied once."""
    (seeds, count, width), (rows, length) = query.shape, prefixes.row_inputs.shape
    query, key = (_by_head(each[:, None], heads) for each in (query / math.sqrt(width // heads), key))
    future = prefixes.places[:, None] > prefixes.places
    table = torch.bmm(key, query.transpose(1, 2)).masked_fill(future, -math.inf).flatten(1)  # (S H, Q keys x Q queries)
    pairs = prefixes.row_inputs.T[:, :, None] * count + prefixes.row_inputs  # (T keys, N, T queries)
    scores = table.index_select(1, pairs.flatten()).view(-1, length, rows * length)
    weights = torch.softmax(scores, dim=1).view(seeds, heads, length, rows, length)
    return weights.permute(0, 3, 1, 4, 2).reshape(-1, length, length)


def _mix(weights: Tensor, value: Tensor, rows: int, heads: int) -> Tensor:
    """Sums of (S N H, T, f) values with (S N H, T queries, T keys) weights: (S, N T, d)."""
    mixed = torch.bmm(weights, value)
    _, length, features = mixed.shape
    by_row = mixed.view(-1, rows, heads, length, features).transpose(2, 3)
    return by_row.reshape(-1, rows * length, heads * features)
