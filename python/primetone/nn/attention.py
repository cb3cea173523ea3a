"""Masked multi-head self-attention, and the cache that lets a writer go on token by token.

Letters: B batch, T time, D width, H heads, K head width, N the stack (query, key, value).
"""

from __future__ import annotations

from typing import Literal, TypeAlias, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from primetone.nn.kernels import attention_among_few, causal_attention, rms_normalise
from primetone.nn.layers import NORM_EPSILON, StackedLinear
from primetone.nn.positions import turn

QueryKeyNorm: TypeAlias = Literal["rms", "none"]

RotaryTables: TypeAlias = tuple[Tensor, Tensor]


@final
class LayerCache:
    """Keys and values of one attention layer for one sequence, allocated once.

    Invariant: rows `[0, length)` of both tensors are those of the tokens seen so far.
    """

    def __init__(self, context: int, heads: int, head_width: int, like: Tensor) -> None:
        shape = (1, heads, context, head_width)
        self.keys_1HTK = torch.empty(shape, dtype=like.dtype, device=like.device)
        self.values_1HTK = torch.empty(shape, dtype=like.dtype, device=like.device)
        self.length = 0

    def append(self, key_1HTK: Tensor, value_1HTK: Tensor) -> tuple[Tensor, Tensor]:
        """Store the new rows; the keys and values of everything seen, themselves included."""
        stop = self.length + key_1HTK.shape[2]
        assert stop <= self.keys_1HTK.shape[2], "the writer must make room before it appends"
        self.keys_1HTK[:, :, self.length : stop] = key_1HTK
        self.values_1HTK[:, :, self.length : stop] = value_1HTK
        self.length = stop
        return self.keys_1HTK[:, :, :stop], self.values_1HTK[:, :, :stop]


@final
class SelfAttention(nn.Module):
    """Every position looks at itself and at earlier ones. Source: arXiv 1706.03762, section 3.2.

    Queries and keys are handled as one tensor (norm, rotation), which halves the number of small
    operations: on a CPU at width 128 those cost more than the arithmetic. `qk_norm` divides each
    query and key by its root mean square (arXiv 2010.04245), without a gain.
    """

    def __init__(
        self, width: int, *, heads: int, qk_norm: QueryKeyNorm, dropout: float, bias: bool
    ) -> None:
        super().__init__()
        self.heads = heads
        self.head_width = width // heads
        self.qk_norm = qk_norm
        self.dropout = dropout
        self.inward = StackedLinear(3, width, width, bias=bias)
        self.outward = nn.Linear(width, width, bias=bias)

    def forward(
        self, x_BTD: Tensor, rotary: RotaryTables | None = None, cache: LayerCache | None = None
    ) -> Tensor:
        """Attend within x, or, with a cache, from x to everything that the cache holds.

        With a cache, x is either the first text (an empty cache) or one single token.
        """
        B, T, D = x_BTD.shape
        stack_BTNHK = self.inward(x_BTD).view(B, T, 3, self.heads, self.head_width)
        if self.qk_norm == "none" and rotary is None:
            query_BTHK, key_BTHK, value_BTHK = stack_BTNHK.unbind(dim=2)
        else:
            pair_BTNHK, value_BT1HK = stack_BTNHK.split((2, 1), dim=2)
            if self.qk_norm == "rms":
                pair_BTNHK = rms_normalise(pair_BTNHK, NORM_EPSILON)
            if rotary is not None:
                pair_BTNHK = turn(pair_BTNHK, *rotary)
            query_BTHK, key_BTHK = pair_BTNHK.unbind(dim=2)
            value_BTHK = value_BT1HK.squeeze(2)
        mixed_BHTK = self._attend(
            query_BTHK.transpose(1, 2), key_BTHK.transpose(1, 2), value_BTHK.transpose(1, 2), cache
        )
        return self.outward(mixed_BHTK.transpose(1, 2).reshape(B, T, D))

    def _attend(
        self, query_BHTK: Tensor, key_BHTK: Tensor, value_BHTK: Tensor, cache: LayerCache | None
    ) -> Tensor:
        if cache is not None:
            is_new = cache.length == 0
            assert is_new or query_BHTK.shape[2] == 1, "with text in it, a cache takes one token"
            key_BHTK, value_BHTK = cache.append(key_BHTK, value_BHTK)
            if not is_new:
                return F.scaled_dot_product_attention(query_BHTK, key_BHTK, value_BHTK)
        dropout = self.dropout if self.training else 0.0
        return causal_attention(query_BHTK, key_BHTK, value_BHTK, dropout=dropout)


def attend_among(attention: nn.MultiheadAttention, x_BTD: Tensor) -> Tensor:
    """`attention(x, x, x)[0]` of a module made with `batch_first`, for rows of some ten tokens.

    The module keeps its parameters, their names and first values. Within 1e-6 of its own forward
    pass in float32 where nothing is dropped.
    """
    B, T, D = x_BTD.shape
    stack = F.linear(x_BTD, attention.in_proj_weight, attention.in_proj_bias)
    stack_N = stack.view(B, T, 3, attention.num_heads, attention.head_dim).permute(2, 0, 3, 1, 4)
    mixed_BHTK = attention_among_few(
        *stack_N.unbind(), dropout=attention.dropout if attention.training else 0.0
    )
    mixed: Tensor = attention.out_proj(mixed_BHTK.transpose(1, 2).reshape(B, T, D))
    return mixed
