"""Layers, positions and attention against their plain definitions."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from primetone.nn import kernels
from primetone.nn.attention import LayerCache, SelfAttention, attend_among
from primetone.nn.kernels import (
    PLAIN_ATTENTION_CONTEXT,
    attention_among_few,
    causal_attention,
    rms_normalise,
    squared_relu,
)
from primetone.nn.layers import FeedForward, LayerNorm, RMSNorm, StackedLinear
from primetone.nn.positions import Rotary, sinusoidal_table, turn


def test_rms_norm_is_division_by_the_root_mean_square() -> None:
    x = torch.randn(3, 5, 8)
    expected = x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(RMSNorm(8)(x), expected)
    torch.testing.assert_close(RMSNorm(8, gain="none")(x), expected)
    assert not list(RMSNorm(8, gain="none").parameters())


def test_layer_norm_matches_torch_with_and_without_bias() -> None:
    x = torch.randn(3, 8)
    torch.testing.assert_close(LayerNorm(8, bias=True)(x), F.layer_norm(x, (8,)))
    assert LayerNorm(8, bias=False).bias is None


@pytest.mark.parametrize("operation", [lambda x: rms_normalise(x, 1e-5), squared_relu])
def test_hand_written_gradients_are_right_to_second_order(operation) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(operation, x)
    assert torch.autograd.gradgradcheck(operation, x)


@pytest.mark.parametrize("length", [1, 2, 33, 257])
def test_attention_written_out_equals_the_library_kernel(length: int) -> None:
    query, key, value = torch.randn(3, 2, 2, length, 8, requires_grad=True).unbind()
    ours = causal_attention(query, key, value, dropout=0.0)
    library = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    torch.testing.assert_close(ours, library, rtol=1e-4, atol=1e-5)


def test_attention_sees_nothing_of_the_future() -> None:
    attention = SelfAttention(8, heads=2, qk_norm="rms", dropout=0.0, bias=False)
    torch.nn.init.normal_(attention.inward.weight)
    x = torch.randn(1, 6, 8)
    changed = x.clone()
    changed[:, 4:] = torch.randn(1, 2, 8)
    torch.testing.assert_close(attention(x)[:, :4], attention(changed)[:, :4])
    assert not torch.allclose(attention(x)[:, 4:], attention(changed)[:, 4:])


@pytest.mark.parametrize("rows", [1, 3])
def test_attention_among_tokens_is_that_of_the_module_whose_weights_it_uses(rows: int) -> None:
    torch.manual_seed(0)
    module = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    torch.nn.init.normal_(module.in_proj_bias)
    x = torch.randn(rows, 8, 16, requires_grad=True)
    theirs = module(x, x, x, need_weights=False)[0]
    ours = attend_among(module, x)
    torch.testing.assert_close(ours, theirs, rtol=0.0, atol=1e-6)
    wanted = torch.randn_like(ours)
    expected = torch.autograd.grad(theirs, (x, *module.parameters()), wanted)
    found = torch.autograd.grad(ours, (x, *module.parameters()), wanted)
    for mine, its in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-4, atol=1e-5)


def test_attention_among_tokens_drops_weights_only_in_training() -> None:
    module = torch.nn.MultiheadAttention(16, 4, batch_first=True, dropout=0.5)
    x = torch.randn(2, 8, 16)
    assert not torch.equal(attend_among(module, x), attend_among(module, x))
    module.eval()
    assert torch.equal(attend_among(module, x), attend_among(module, x))


def test_cache_refuses_to_overflow() -> None:
    cache = LayerCache(2, 1, 4, torch.zeros(1))
    cache.append(torch.zeros(1, 1, 2, 4), torch.zeros(1, 1, 2, 4))
    with pytest.raises(AssertionError):
        cache.append(torch.zeros(1, 1, 1, 4), torch.zeros(1, 1, 1, 4))


def test_rotary_keeps_lengths_and_depends_on_distance_only() -> None:
    cos, sin = Rotary(32, 8).tables(0, 32, torch.float32)
    query = torch.randn(8).expand(1, 32, 1, 1, 8)
    key = torch.randn(8).expand(1, 32, 1, 1, 8)
    turned_query, turned_key = (turn(x, cos, sin)[0, :, 0, 0] for x in (query, key))
    torch.testing.assert_close(turned_query.norm(dim=-1), query[0, :, 0, 0].norm(dim=-1))
    products = turned_query @ turned_key.T
    for distance in range(5):
        diagonal = products.diagonal(-distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=1e-4, atol=1e-4)


def test_sinusoids_follow_their_formula_for_odd_widths_too() -> None:
    table = sinusoidal_table(10, 7)
    assert table.shape == (10, 7)
    assert table[3, 2].item() == pytest.approx(math.sin(3 / 10_000 ** (2 / 7)), abs=1e-6)
    assert table[3, 3].item() == pytest.approx(math.cos(3 / 10_000 ** (2 / 7)), abs=1e-6)


def test_stacked_linear_equals_separate_maps() -> None:
    stacked = StackedLinear(3, 4, 5, bias=True)
    torch.nn.init.normal_(stacked.weight)
    torch.nn.init.normal_(stacked.bias)
    x = torch.randn(2, 4)
    parts = [F.linear(x, w, b) for w, b in zip(stacked.weight, stacked.bias.chunk(3), strict=True)]
    torch.testing.assert_close(stacked(x), torch.cat(parts, -1))


@pytest.mark.parametrize("activation", ["relu", "gelu", "relu2", "swiglu"])
def test_feed_forward_follows_its_definition(activation: str) -> None:
    layer = FeedForward(6, factor=4.0, activation=activation, bias=False)
    torch.nn.init.normal_(layer.inward.weight)
    x = torch.randn(2, 6)
    inner = layer.inward(x)
    expected = {
        "relu": lambda: inner.clamp(min=0),
        "gelu": lambda: F.gelu(inner),
        "relu2": lambda: inner.clamp(min=0) ** 2,
        "swiglu": lambda: F.silu(inner[:, : inner.shape[1] // 2]) * inner[:, inner.shape[1] // 2 :],
    }[activation]()
    torch.testing.assert_close(layer(x), layer.outward(expected))
    assert expected.shape[-1] == (16 if activation == "swiglu" else 24)


def test_dropout_keeps_the_mean_and_gives_its_own_gradient() -> None:
    torch.manual_seed(0)
    x = torch.randn(200, 500, requires_grad=True)
    y = kernels.relu_dropout(x, 0.2, training=True)
    kept = (y > 0).float().mean().item()
    assert kept == pytest.approx(0.4, abs=0.01)
    assert y.mean().item() == pytest.approx(x.relu().mean().item(), rel=0.02)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.where(y > 0, 1.25, 0.0))
    ones = kernels.dropout(torch.ones(100_001), 0.3, training=True)
    assert ones.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert (ones == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    torch.manual_seed(3)
    first = kernels.dropout(torch.ones(999), 0.5, training=True)
    torch.manual_seed(3)
    assert torch.equal(first, kernels.dropout(torch.ones(999), 0.5, training=True))
    assert torch.equal(kernels.dropout(x, 0.3, training=False), x)


@pytest.mark.parametrize("length", [8, PLAIN_ATTENTION_CONTEXT + 1])
def test_attention_without_a_mask_is_torchs_at_any_length(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    q, k, v = torch.randn(3, 1, 2, length, 4)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    if length > PLAIN_ATTENTION_CONTEXT:  # all scores at once would be too many
        monkeypatch.delattr(kernels, "_attend")
    assert torch.allclose(attention_among_few(q, k, v, dropout=0.0), expected, atol=1e-5)
