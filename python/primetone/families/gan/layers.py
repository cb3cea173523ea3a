"""Attention and feed-forward of generator and critic, written out: differentiable twice.

Letters: N sentences, R rows, C rows that are looked at, E channels, H heads, K channels of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from primetone.families.gan.config import NormPlacement
from primetone.nn.kernels import dropout


class Seen(NamedTuple):
    """Keys and values of the rows that are looked at."""

    keys_NHCK: Tensor
    values_NHCK: Tensor


@final
class Attention(nn.Module):
    """softmax(Q K^T / sqrt(K)) V over several heads, from any rows to any others.

    Queries, keys and values of the same rows are one product.
    """

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.width = width
        self.inward = nn.Linear(width, 3 * width)
        self.outward = nn.Linear(width, width)

    def all_of(self, x_NRE: Tensor) -> tuple[Tensor, Seen]:
        """Of the same rows what they ask, and what there is to look at."""
        query, key, value = self._maps(x_NRE, 0, 3)
        return query, Seen(key, value)

    def ask(self, queries_NRE: Tensor) -> Tensor:
        """query_NHRK of these rows."""
        return self._maps(queries_NRE, 0, 1)[0]

    def see(self, keys_NCE: Tensor, values_NCE: Tensor) -> Seen:
        """What there is to look at."""
        if keys_NCE is values_NCE:
            return Seen(*self._maps(keys_NCE, 1, 3))
        return Seen(self._maps(keys_NCE, 1, 2)[0], self._maps(values_NCE, 2, 3)[0])

    def forward(self, query_NHRK: Tensor, seen: Seen, added: Tensor | None = None) -> Tensor:
        """mixed_NRE; `added`, which broadcasts to N H R C, is -inf where a row may not look."""
        N, H, R, K = query_NHRK.shape
        C = seen.keys_NHCK.shape[2]
        query = query_NHRK.reshape(N * H, R, K)
        keys, values = (part.reshape(N * H, C, K) for part in seen)
        if added is None:
            scores = query * K**-0.5 @ keys.mT
        else:
            offset = added.expand(N, H, R, C).reshape(N * H, R, C)
            if added.ndim == 2:
                offset = added.expand(N * H, R, C)
            scores = torch.baddbmm(offset, query, keys.mT, alpha=K**-0.5)
        mixed_NHRK = (scores.softmax(-1) @ values).view(N, H, R, K)
        return self.outward(mixed_NHRK.transpose(1, 2).flatten(2))

    def _maps(self, x_NRE: Tensor, first: int, end: int) -> tuple[Tensor, ...]:
        """Some of the three maps of x, each with its channels divided among the heads."""
        rows = slice(first * self.width, end * self.width)
        maps = F.linear(x_NRE, self.inward.weight[rows], self.inward.bias[rows])
        by_head = maps.unflatten(-1, (end - first, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return by_head.contiguous().unbind(0)


def never_where(hidden: Tensor, like: Tensor) -> Tensor:
    """0, and -inf where something is hidden: what is added to the scores of attention."""
    return torch.zeros_like(hidden, dtype=like.dtype).masked_fill_(hidden, -torch.inf)


@final
class FeedForward(nn.Module):
    """Two linear maps with GELU between them."""

    def __init__(self, width: int, ff_width: int) -> None:
        super().__init__()
        self.inward = nn.Linear(width, ff_width)
        self.outward = nn.Linear(ff_width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.outward(F.gelu(self.inward(x)))


@final
class Added(nn.Module):
    """What a branch adds to its input, with the norm where the config wants it.

    A branch that gives fewer rows gives the last ones, and only these go on.
    """

    def __init__(self, width: int, placement: NormPlacement, *, share: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.placement = placement
        self.share = share

    def forward(self, x: Tensor, branch: Callable[[Tensor], Tensor]) -> Tensor:
        added = branch(self.norm(x)) if self.placement == "pre" else self.norm(branch(x))
        return x[:, -added.shape[1] :] + dropout(added, self.share, training=self.training)
