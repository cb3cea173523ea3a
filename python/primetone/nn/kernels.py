"""Small operations in the form that is fast on a CPU, each equal to its one-line definition.

On CUDA the definitions are used: the compiler fuses them. On a CPU autograd runs what the
definition is made of step by step, and these passes over memory cost more than the matrix
products of a small model.

Measured (forward + backward, Zen 5, float32, batch 16, context 128, width 128): root mean square
norm 0.61 -> 0.30 ms, squared ReLU of 512 channels 1.8 -> 0.9 ms on two cores; attention of 4 heads,
2,048 tokens, on one core with the products that training uses: 36 -> 8.5 ms at context 128,
28 -> 17 at 256, 40 -> 48 at 512 (in bfloat16 on two cores, at 128: 11.8 -> 2.6 ms).

Letters: B batch, H heads, T time, K head width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from primetone.nn import draws

PLAIN_ATTENTION_CONTEXT = 256
"""On a CPU, contexts up to this length take attention written out; then the tiled kernel wins."""


def rms_normalise(x: Tensor, epsilon: float) -> Tensor:
    """x / sqrt(mean(x^2) + epsilon) over the last axis."""
    if x.device.type == "cpu":
        normalised: Tensor = _RMSNormalise.apply(x, epsilon)
        return normalised
    return F.rms_norm(x, x.shape[-1:], None, epsilon)


def squared_relu(x: Tensor) -> Tensor:
    """max(x, 0)^2."""
    if x.device.type == "cpu":
        squared: Tensor = _SquaredReLU.apply(x)
        return squared
    return F.relu(x).square()


def dropout(x: Tensor, share: float, *, training: bool) -> Tensor:
    """x with a share of its elements 0 and the others larger, so that the mean stays."""
    if not training or share == 0.0:
        return x
    if x.device.type != "cpu" and draws.num_keyed() is None:
        return F.dropout(x, share)
    return x * (_kept(x, share) * (1 / (1 - share)))


def relu_dropout(x: Tensor, share: float, *, training: bool) -> Tensor:
    """`dropout(relu(x))`, on a CPU in few passes over memory."""
    if not training or share == 0.0:
        return F.relu(x)
    if x.device.type != "cpu":
        return dropout(F.relu(x), share, training=training)
    y: Tensor = _ReLUDropout.apply(x, share)
    return y


def causal_attention(
    query_BHTK: Tensor, key_BHTK: Tensor, value_BHTK: Tensor, *, dropout: float
) -> Tensor:
    """softmax(Q K^T / sqrt(K)) V, each position seeing itself and what is before it."""
    T = query_BHTK.shape[2]
    if query_BHTK.device.type != "cpu" or T > PLAIN_ATTENTION_CONTEXT:
        return F.scaled_dot_product_attention(
            query_BHTK, key_BHTK, value_BHTK, dropout_p=dropout, is_causal=True
        )
    mask_TT = torch.full((T, T), -torch.inf, dtype=query_BHTK.dtype).triu_(1)
    return _attend(query_BHTK, key_BHTK, value_BHTK, mask_TT, dropout)


def attention_among_few(
    query_BHTK: Tensor, key_BHTK: Tensor, value_BHTK: Tensor, *, dropout: float
) -> Tensor:
    """softmax(Q K^T / sqrt(K)) V without a mask, for rows of some ten tokens.

    There a tiled kernel costs more than it spares: torch's attention module, 32 rows of 8 tokens, 4
    heads of 16, forward and backward in bfloat16, one busy core: 2.4 -> 1.8 ms.
    """
    T = query_BHTK.shape[2]
    if query_BHTK.device.type != "cpu" or T > PLAIN_ATTENTION_CONTEXT:
        return F.scaled_dot_product_attention(query_BHTK, key_BHTK, value_BHTK, dropout_p=dropout)
    return _attend(query_BHTK, key_BHTK, value_BHTK, query_BHTK.new_zeros(T, T), dropout)


def _attend(
    query_BHTK: Tensor, key_BHTK: Tensor, value_BHTK: Tensor, added_TT: Tensor, share: float
) -> Tensor:
    """Attention in three products; `added_TT` goes to the scores, `share` of the weights goes."""
    B, H, T, K = query_BHTK.shape
    scores = torch.baddbmm(
        added_TT.expand(B * H, T, T),
        query_BHTK.reshape(B * H, T, K),
        key_BHTK.reshape(B * H, T, K).mT,
        alpha=K**-0.5,
    )
    weights = dropout(scores.softmax(-1), share, training=True)
    return (weights @ value_BHTK.reshape(B * H, T, K)).view(B, H, T, K)


class _RMSNormalise(torch.autograd.Function):
    """y = x r with r = 1 / rms(x); its gradient is r (g - x r^2 mean(g x)).

    Only the input is saved: the backward pass stays differentiable.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, epsilon: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.epsilon = epsilon
        return x * _inverse_rms(x, epsilon)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        rate = _inverse_rms(x, ctx.epsilon)
        along = (gradient * x).mean(-1, keepdim=True) * rate.square()
        return torch.addcmul(gradient, x, along, value=-1.0) * rate, None


def _inverse_rms(x: Tensor, epsilon: float) -> Tensor:
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return torch.rsqrt(norm.square() / x.shape[-1] + epsilon)


class _SquaredReLU(torch.autograd.Function):
    """y = r r with r = max(x, 0); its gradient is 2 g r. The backward pass is differentiable."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        rectified = F.relu(x)
        return rectified * rectified

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * F.relu(x) * 2.0


def _kept(like: Tensor, share: float) -> Tensor:
    """Zeros for `share` of the elements, to 1 / 65,536, and ones for the rest.

    Every draw of 64 bits decides four elements, where `bernoulli_` draws for each: half a million
    elements, one core, 7.5 ms by torch's dropout. Where samples have keys, the first axis is
    samples, or samples times something. A comparison writes numbers as fast as truths, and
    products with truths are slow.
    """
    if (samples := draws.num_keyed()) is not None:
        assert len(like) % samples == 0, "the first axis is samples"
        size = like.numel() // samples
        found = draws.bits(-(-size // 4)).view(torch.int16)[:, :size]
    else:
        found = torch.empty(-(-like.numel() // 4), dtype=torch.int64).random_(-(1 << 63), None)
        found = found.view(torch.int16)[: like.numel()]
    numbers = found.reshape(like.shape)
    kept = torch.empty_like(like, memory_format=torch.contiguous_format)
    return torch.ge(numbers, round(share * 65_536) - 32_768, out=kept)


class _ReLUDropout(torch.autograd.Function):
    """What is 0 afterwards was dropped or not above 0: the output alone gives the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, share: float) -> Tensor:
        y = F.relu(x).mul_(_kept(x, share)).mul_(1 / (1 - share))
        ctx.save_for_backward(y)
        ctx.share = share
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        passed = torch.ops.aten.threshold_backward(gradient, y, 0.0)
        return passed * (1 / (1 - ctx.share)), None
